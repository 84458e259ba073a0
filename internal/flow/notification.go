package flow

import (
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/effect"
	"github.com/seed-255eabaa/oms/internal/domain/notification"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Names of the templates of what orders and payments do (requirement S-6).
const (
	TemplateConfirmed = "order_confirmed"
	TemplateCanceled  = "order_canceled"
	TemplateRefunded  = "order_refunded"
	TemplateDeclined  = "payment_declined"
	TemplateExpiring  = "order_expiring"
)

// Told is what an event says of an order, as far as its buyer is told of it.
type Told struct {
	Tenant, OrderID, UserID string
	Version                 int64 // of the order: the event's seq
	New                     bool  // the status has changed with this event
	Status                  state.OrderStatus
	PaymentStatus           state.PaymentStatus
	Reason                  string // of the event
	DeclineReason, Currency string
	AmountMinor             int64
	RefundedMinor           int64
	CreatedAt, ExpiresAt    time.Time
}

// Notices are the settings of notifications.
type Notices struct {
	Providers   map[string]string // transport by channel; a channel without one is not used for what events lead to
	Pace        notification.Pace
	ExpiryAlert time.Duration // before an unpaid order ends; 0 for no alert
}

// Template answers what its buyer is told after an event, and when (zero for now); "" for nothing.
func (n Notices) Template(t Told) (template string, due time.Time) {
	switch {
	case t.New && t.Status == state.OrderPending:
		due = t.ExpiresAt.Add(-n.ExpiryAlert)
		if n.ExpiryAlert <= 0 || !due.After(t.CreatedAt) {
			return "", time.Time{} // it would be told with the order's creation, and be no news
		}
		return TemplateExpiring, due
	case t.New && t.Status == state.OrderConfirmed:
		return TemplateConfirmed, time.Time{}
	case t.New && t.Status == state.OrderRefunded, t.Reason == "REFUND_SUCCEEDED":
		return TemplateRefunded, time.Time{}
	case t.Reason == "PAYMENT_DECLINED" || t.Reason == "PAYMENT_FAILED":
		if t.PaymentStatus == state.PaymentDeclined {
			return TemplateDeclined, time.Time{}
		}
		return "", time.Time{}
	case t.New && t.Status == state.OrderCanceled:
		return TemplateCanceled, time.Time{}
	default:
		return "", time.Time{}
	}
}

// Notify is the group that tells a buyer of an event by every channel that has a transport. It never refuses: an order does not wait
// for its messages. The alert of an order that has gone on is withdrawn.
func (n Notices) Notify(t Told) []command.Step {
	template, due := n.Template(t)
	if template == "" {
		return nil
	}
	var steps []command.Step
	for _, channel := range []string{notification.ChannelEmail, notification.ChannelSMS} {
		if n.Providers[channel] == "" && channel != notification.ChannelEmail {
			continue // an e-mail without a transport is written down as such, once is enough
		}
		if template != TemplateExpiring {
			alert := notification.ID(t.OrderID, 1, TemplateExpiring, channel)
			steps = append(steps, Withdraw(t.Tenant, t.UserID, alert, notification.ReasonOver, false)...)
		}
		steps = append(steps, command.Do(notification.Send{
			Tenant: t.Tenant, ID: notification.ID(t.OrderID, t.Version, template, channel), UserID: t.UserID, Channel: channel,
			Template: template, Parameters: t.parameters(), OrderID: t.OrderID, Provider: n.Providers[channel], DueAt: due, Pace: n.Pace,
			Follows: true,
		}))
	}
	return steps
}

// parameters are what the templates of orders may name. They tell nothing of the buyer but the order.
func (t Told) parameters() map[string]string {
	parameters := map[string]string{
		"order_id": t.OrderID, "currency": t.Currency, "amount_minor": strconv.FormatInt(t.AmountMinor, 10),
	}
	if t.RefundedMinor != 0 {
		parameters["refunded_minor"] = strconv.FormatInt(t.RefundedMinor, 10)
	}
	for name, value := range map[string]string{"reason": t.Reason, "decline_reason": t.DeclineReason} {
		if value != "" {
			parameters[name] = value
		}
	}
	if t.New && t.Status == state.OrderPending {
		parameters["expires_at"] = t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return parameters
}

// stillWanted looks, under the claim of a notification, whether it should go: the order may have gone on, the user may have opted out
// or been forgotten since it was made, or may have got too much for now.
func (n Notices) stillWanted(e *state.Effect) []command.Step {
	begin := notification.Begin{Tenant: e.Tenant, ID: e.AggregateID, UserID: e.Token, Pace: n.Pace}
	refs := begin.Refs()
	about := state.Ref{}
	if e.OrderID != "" {
		about = order.Name{Tenant: e.Tenant, OrderID: e.OrderID}.Ref()
		refs = append(refs, about)
	}
	return []command.Step{
		{Refs: refs, Next: func(states domain.States) domain.Command {
			begin, n := begin, domain.Find[state.Notification](states, notification.Ref(e.Tenant, e.AggregateID))
			if n != nil && n.Template == TemplateExpiring && e.OrderID != "" {
				o := domain.Find[state.Order](states, about)
				begin.Over = o == nil || !o.Expires()
			}
			return begin
		}},
		follow(e.Tenant, e.AggregateID),
	}
}

// follow has the effect of a notification follow it: one that is not to be sent ends, one that was put off is claimed by nobody.
func follow(tenant, name string) command.Step {
	of := effect.Name{Tenant: tenant, ID: notification.EffectID(name)}
	return command.Step{
		Refs: []state.Ref{notification.Ref(tenant, name), of.Ref()},
		Next: func(states domain.States) domain.Command {
			n := domain.Find[state.Notification](states, notification.Ref(tenant, name))
			sending := domain.Find[state.Effect](states, of.Ref())
			switch {
			case n == nil || sending == nil || sending.State != state.EffectOpen || n.State == state.NotificationSending:
				return nil
			case n.State == state.NotificationScheduled:
				return effect.Release{Name: of, Until: n.DueAt}
			default:
				return effect.Finish{Name: of, By: state.PartyWorker, Error: n.Reason}
			}
		},
	}
}

// Withdraw is the group of a notification to a user that shall not be sent any more. It is answered with the notification.
func Withdraw(tenant, user, name, reason string, refuse bool) []command.Step {
	return []command.Step{
		command.Do(notification.Withdraw{Tenant: tenant, ID: name, UserID: user, Reason: reason, Refuse: refuse}),
		follow(tenant, name),
	}
}

// notified is what the transport's answer means.
func notified(e *state.Effect, outcome Outcome) []command.Step {
	settle := notification.Settle{Tenant: e.Tenant, ID: e.AggregateID, State: state.NotificationSent, Attempts: e.Attempts}
	if !outcome.Succeeded {
		settle.State, settle.Reason = state.NotificationFailed, notification.Reason(outcome.Reason)
	}
	return []command.Step{command.Do(settle)}
}

// notNotified is the end of a notification that no transport took.
func notNotified(e *state.Effect, words string) command.Step {
	return command.Do(notification.Settle{
		Tenant: e.Tenant, ID: e.AggregateID, State: state.NotificationFailed, Reason: notification.Reason(words), Attempts: e.Attempts,
	})
}

// tried has the notification tell of an attempt that is made again, unless another claim or an outcome was there first.
func tried(e *state.Effect, did state.EffectAttempt) []command.Step {
	if !notification.IsKind(e.Kind) || did.Reason == "" {
		return nil
	}
	return when(e, func(found *state.Effect) bool {
		return found.State == state.EffectOpen && found.NextAt.Equal(e.NextAt)
	}, []command.Step{command.Do(notification.Tried{
		Tenant: e.Tenant, ID: e.AggregateID, Reason: notification.Reason(did.Reason), Attempts: e.Attempts,
	})})
}

// notifyAgain has a notification that was given up sent again.
func notifyAgain(l *state.DeadLetter) []command.Step {
	return []command.Step{
		command.Do(deadletter.Close{Tenant: l.Tenant, ID: l.ID}),
		command.Do(effect.Reopen{Name: effect.Name{Tenant: l.Tenant, ID: id.Derive("effect", l.AggregateID) + "/send"}}),
		command.Do(notification.Reopen{Tenant: l.Tenant, ID: l.AggregateID}),
	}
}
