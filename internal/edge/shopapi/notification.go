package shopapi

import (
	"context"
	"net/http"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// template is the one that says what it is told to.
const template = "message"

var channels = map[string]omsv1.Channel{"email": omsv1.Channel_CHANNEL_EMAIL, "sms": omsv1.Channel_CHANNEL_SMS}

// sendNotification serves POST /api/notification/send. Two that are alike may both be meant, so the derived key is a fresh one.
func (h *Handler) sendNotification(ctx context.Context, in *incoming) answer {
	var channel, subject, message string
	request := &omsv1.SendNotificationRequest{Template: template}
	unreadable := in.read(&reader{}, map[string]member{
		"userId":           text(&request.UserId),
		"notificationType": text(&channel),
		"subject":          text(&subject),
		"message":          text(&message),
	}, "subject")
	request.Parameters = map[string]string{"subject": subject, "message": message}
	var found bool
	if request.Channel, found = channels[channel]; !found && unreadable == nil {
		unreadable = fault.Invalid("notificationType", "NOTIFICATION_TYPE_UNKNOWN", `must be "email" or "sms"`)
	}
	var sent *omsv1.Notification
	send := func(ctx context.Context) (proto.Message, error) {
		response, err := h.Notifications.SendNotification(ctx, request)
		sent = response.GetNotification()
		return response, err //nolint:wrapcheck // a fault
	}
	err := h.carry(ctx, in, "NotificationService/SendNotification", freshKey(), request, unreadable, send)
	if err != nil {
		return h.failed(err)
	}
	switch sent.GetState() { // of those that are never sent the seed's words would be a lie
	case omsv1.NotificationState_NOTIFICATION_STATE_SUPPRESSED:
		return h.declined(in, fault.New(fault.FailedPrecondition, "NOTIFICATION_SUPPRESSED",
			"Notification not sent: the user has opted out, or has no address for it"), nil)
	case omsv1.NotificationState_NOTIFICATION_STATE_UNCONFIGURED:
		return h.declined(in, fault.New(fault.Unimplemented, "CHANNEL_UNCONFIGURED",
			"Notification not sent: this server has no transport for %s", channel), nil)
	default:
		return said(http.StatusOK, "Notification sent successfully", nil)
	}
}

// text reads a string into a place.
func text(to *string) member {
	return func(d *jx.Decoder, _ string) (err error) { *to, err = textOf(d); return err }
}

// amount reads the text of a number into a place.
func amount(to *string) member {
	return func(d *jx.Decoder, _ string) (err error) { *to, err = amountOf(d); return err }
}
