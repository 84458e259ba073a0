package shopapi

import (
	"context"
	"net/http"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Notification is what /api/notification/send asks for. Type is "email" or "sms".
type Notification struct {
	UserID, Type, Subject, Message string
}

// Notifications is where this dialect meets the notification service.
type Notifications struct {
	// Method is the service's and method's name below oms.v1, such as "NotificationService/SendNotification".
	Method string
	// Request writes a notification as the method's request.
	Request func(n Notification) proto.Message
	// Send carries it out.
	Send func(ctx context.Context, request proto.Message) (proto.Message, error)
}

// sendNotification serves POST /api/notification/send. Two that are alike may both be meant, so the derived key is a fresh one.
func (h *Handler) sendNotification(ctx context.Context, in *incoming) answer {
	var n Notification
	unreadable := in.read(&reader{}, map[string]member{
		"userId":           text(&n.UserID),
		"notificationType": text(&n.Type),
		"subject":          text(&n.Subject),
		"message":          text(&n.Message),
	}, "subject")
	if h.Notifications == nil {
		refused := in.authorize("")
		if refused == nil {
			refused = fault.New(fault.Unimplemented, "NOT_BUILT", "notifications are not sent by this version")
		}
		return h.failed(h.Chain.Refuse(ctx, in.call, refused))
	}
	request := h.Notifications.Request(n)
	err := h.carry(ctx, in, h.Notifications.Method, freshKey(), request, unreadable, func(ctx context.Context) (proto.Message, error) {
		return h.Notifications.Send(ctx, request)
	})
	if err != nil {
		return h.failed(err)
	}
	return said(http.StatusOK, "Notification sent successfully", nil)
}

// text reads a string into a place.
func text(to *string) member {
	return func(d *jx.Decoder, _ string) (err error) { *to, err = textOf(d); return err }
}

// amount reads the text of a number into a place.
func amount(to *string) member {
	return func(d *jx.Decoder, _ string) (err error) { *to, err = amountOf(d); return err }
}
