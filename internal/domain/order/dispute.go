package order

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Refundable is what may still be given back: neither given back nor being given back nor withdrawn by a dispute.
func Refundable(o *state.Order) int64 {
	return o.CapturedMinor - o.RefundedMinor - o.RefundPendingMinor - o.DisputedMinor - o.ChargedBackMinor
}

// OwesAll tells whether an order has to give back all that was captured, without anybody asking for it: it was canceled, or it has
// been given back before and came back. What it owes is in RefundPendingMinor, also while no refund is under way.
func OwesAll(o *state.Order) bool {
	return o.Status == state.OrderRefunded || o.Status == state.OrderPaid && o.CancelRequested && o.CapturedMinor > 0
}

// givenBack tells whether an order has come to its end by refunds. A confirmed one has when all was refunded; one that was canceled
// also when the payer got the rest by lost disputes.
func givenBack(o *state.Order) bool {
	if o.CancelRequested {
		return o.RefundedMinor+o.ChargedBackMinor == o.CapturedMinor
	}
	return o.RefundedMinor == o.CapturedMinor
}

// endRefunded takes an order to REFUNDED; of one that is there already the reason tells what changed.
func endRefunded(before, after *state.Order, reason string) domain.Decision {
	if before.Status == state.OrderRefunded {
		return updated(before, after, reason)
	}
	after.Status, after.StatusReason = state.OrderRefunded, "REFUNDED"
	if before.CancelRequested {
		after.StatusReason = "CANCELED_BY_CLIENT"
	}
	return became(before, after)
}

// RefundReturned tells that a refund failed after it had succeeded. An order that owes all owes the amount again, and one that is
// REFUNDED stays so: terminal states never change.
type RefundReturned struct {
	Name
	AmountMinor int64
	Reason      string
}

// Decide implements domain.Command; the payment's decision after it in the group makes sure that each refund comes back once.
func (c RefundReturned) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.RefundedMinor < c.AmountMinor {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.RefundedMinor -= c.AmountMinor
	after.PaymentStatus, after.StatusDetail = state.PaymentPartiallyRefunded, c.Reason
	if after.RefundedMinor == 0 {
		after.PaymentStatus = state.PaymentCaptured
	}
	if OwesAll(o) {
		after.RefundPendingMinor += c.AmountMinor
	}
	return updated(o, after, "REFUND_FAILED"), nil
}

// NoteDisputes takes over how much of the payment is withdrawn by disputes. The order's status stays, but a canceled order ends when
// the payer has all of it back. What the payer got by a lost dispute is not owed any more.
type NoteDisputes struct {
	Name
	DisputedMinor    int64
	ChargedBackMinor int64
}

// Decide implements domain.Command.
func (c NoteDisputes) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.DisputedMinor == c.DisputedMinor && o.ChargedBackMinor == c.ChargedBackMinor {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.DisputedMinor, after.ChargedBackMinor = c.DisputedMinor, c.ChargedBackMinor
	if !OwesAll(o) {
		return updated(o, after, c.reason(o)), nil
	}
	after.RefundPendingMinor = o.CapturedMinor - o.RefundedMinor - c.ChargedBackMinor
	if !givenBack(after) {
		return updated(o, after, c.reason(o)), nil
	}
	return endRefunded(o, after, c.reason(o)), nil
}

func (c NoteDisputes) reason(o *state.Order) string {
	switch {
	case c.ChargedBackMinor > o.ChargedBackMinor:
		return "DISPUTE_LOST"
	case c.DisputedMinor > o.DisputedMinor:
		return "DISPUTE_OPENED"
	case c.DisputedMinor+c.ChargedBackMinor < o.DisputedMinor+o.ChargedBackMinor:
		return "DISPUTE_WON"
	default:
		return "DISPUTE_UPDATED"
	}
}
