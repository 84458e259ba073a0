package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/notification"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Contact writes how a user is reached.
func Contact(c *state.Contact) *omsv1.Contact {
	message := &omsv1.Contact{
		UserId: c.UserID, Email: c.Email, Phone: c.Phone, Locale: c.Locale, Version: c.Version, UpdatedAt: stamp(c.UpdatedAt),
		Forgotten: c.Forgotten,
	}
	for _, channel := range c.OptedOut {
		message.OptedOut = append(message.OptedOut, Channel(channel))
	}
	return message
}

// Channel writes the name of a channel as the contract has it.
func Channel(name string) omsv1.Channel {
	switch name {
	case notification.ChannelEmail:
		return omsv1.Channel_CHANNEL_EMAIL
	case notification.ChannelSMS:
		return omsv1.Channel_CHANNEL_SMS
	default:
		return omsv1.Channel_CHANNEL_UNSPECIFIED
	}
}

// ChannelName reads a channel; the edge has refused what is none.
func ChannelName(channel omsv1.Channel) string {
	if channel == omsv1.Channel_CHANNEL_SMS {
		return notification.ChannelSMS
	}
	return notification.ChannelEmail
}

// Notification writes a message to a user.
func Notification(n *state.Notification) *omsv1.Notification {
	return &omsv1.Notification{
		Id: n.ID, UserId: n.UserID, Channel: Channel(n.Channel), Template: n.Template, Locale: n.Locale, Parameters: n.Parameters,
		OrderId: n.OrderID, State: omsv1.NotificationState(n.State), Reason: n.Reason, Attempts: n.Attempts, DueAt: stamp(n.DueAt),
		SentAt: stamp(n.SentAt), CreatedAt: stamp(n.CreatedAt), UpdatedAt: stamp(n.UpdatedAt),
	}
}

// Told reads what an order's event says to its buyer.
func Told(e *state.Event) (flow.Told, error) {
	told := flow.Told{Tenant: e.Tenant, Version: e.Seq}
	var head *omsv1.Order
	switch e.Type {
	case order.EventStatusChanged:
		var message omsv1.OrderStatusChanged
		if err := proto.Unmarshal(e.Payload, &message); err != nil {
			return told, fmt.Errorf("decode %s: %w", e.Type, err)
		}
		head, told.New, told.Reason = message.Order, true, message.Reason
	case order.EventUpdated:
		var message omsv1.OrderUpdated
		if err := proto.Unmarshal(e.Payload, &message); err != nil {
			return told, fmt.Errorf("decode %s: %w", e.Type, err)
		}
		head, told.Reason = message.Order, message.Reason
	default:
		return told, fmt.Errorf("%s is no event of an order", e.Type)
	}
	told.OrderID, told.UserID, told.Status = head.GetId(), head.GetCustomerId(), state.OrderStatus(head.GetStatus()) //nolint:gosec // an enum
	told.PaymentStatus = state.PaymentStatus(head.GetPayment().GetStatus())                                          //nolint:gosec // an enum
	told.DeclineReason, told.RefundedMinor = head.GetPayment().GetDeclineReason(), head.GetPayment().GetRefundedMinor()
	told.Currency, told.AmountMinor = head.GetAmount().GetCurrency(), head.GetAmount().GetAmountMinor()
	told.CreatedAt, told.ExpiresAt = head.GetCreatedAt().AsTime(), head.GetExpiresAt().AsTime()
	return told, nil
}
