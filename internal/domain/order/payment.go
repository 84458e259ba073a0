package order

import (
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Pay accepts a payment (requirement O-5). On PENDING it is an intent, carried out once the stock is reserved. It suspends the
// order's timer.
type Pay struct {
	Name
	Token           string
	Card            state.Card // what is kept of it, where one was sent
	KeepOnDecline   bool
	ExpectedVersion int64
	Reserved        bool // refuse unless the stock is reserved already
}

// Decide implements domain.Command.
func (c Pay) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if refusal := c.admissible(o); refusal != nil {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.PaymentToken, after.PaymentCard, after.KeepOnDecline, after.DeclineReason = c.Token, c.Card, c.KeepOnDecline, ""
	var decision domain.Decision
	switch {
	case o.Status == state.OrderPending:
		after.PaymentStatus = state.PaymentRequested
		decision = updated(o, after, "PAYMENT_REQUESTED")
	case o.AmountMinor == 0:
		after.Status, after.PaymentStatus = state.OrderPaid, state.PaymentCaptured
		decision = became(o, after)
	default:
		after.PaymentStatus = state.PaymentProcessing
		decision = updated(o, after, "PAYMENT_PROCESSING")
	}
	decision.Timers = []domain.TimerChange{expiry(after, time.Time{})}
	return decision, nil
}

// Illegal refuses with ILLEGAL_TRANSITION when the order's status does not allow the payment.
func (c Pay) Illegal(o *state.Order) *fault.Fault {
	if o.Status != state.OrderPending && o.Status != state.OrderReserved {
		return illegal(o, "paid", "PENDING or RESERVED")
	}
	if c.Reserved && o.Status != state.OrderReserved {
		return illegal(o, "paid", "RESERVED")
	}
	return nil
}

// admissible tells why an order cannot be paid now.
func (c Pay) admissible(o *state.Order) *fault.Fault {
	if refusal := c.Illegal(o); refusal != nil {
		return refusal
	}
	if o.PaymentStatus != state.PaymentNone && o.PaymentStatus != state.PaymentDeclined {
		return inProgress(o)
	}
	return expect(o, c.ExpectedVersion)
}

// inProgress is the refusal of what must not happen while a payment is under way.
func inProgress(o *state.Order) *fault.Fault {
	return fault.New(fault.FailedPrecondition, "PAYMENT_IN_PROGRESS",
		"a payment of the order is %s; wait for its outcome", o.PaymentStatus).
		With("payment_status", o.PaymentStatus.String()).
		Needing("PAYMENT_STATUS", o.ID, "a payment is "+o.PaymentStatus.String())
}

// MarkPaid takes a RESERVED order to PAID: the gateway holds the money.
type MarkPaid struct {
	Name
	Card state.Card // that it was held on, where that is known
}

// Decide implements domain.Command.
func (c MarkPaid) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderReserved {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.Status, after.PaymentStatus, after.PaymentCard = state.OrderPaid, state.PaymentAuthorized, c.Card
	return became(o, after), nil
}

// NotePayment records where the payment stands without a change of the order's own status: an outcome that is unknown, or what
// became of the payment of an order that has ended.
type NotePayment struct {
	Name
	Status state.PaymentStatus
	Reason string
}

// Decide implements domain.Command.
func (c NotePayment) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.PaymentStatus == c.Status {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.PaymentStatus = c.Status
	return updated(o, after, c.Reason), nil
}

// PaymentDeclined tells that the gateway refused. With keep_on_decline the order stays RESERVED and its timer goes on, else it
// ends; requirement O-5.
type PaymentDeclined struct {
	Name
	Reason string // the gateway's
}

// Decide implements domain.Command.
func (c PaymentDeclined) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderReserved {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.PaymentStatus, after.PaymentToken, after.DeclineReason = state.PaymentDeclined, "", c.Reason
	if !o.KeepOnDecline {
		return end(o, after, "PAYMENT_DECLINED", c.Reason), nil
	}
	decision := updated(o, after, "PAYMENT_DECLINED")
	decision.Timers = []domain.TimerChange{expiry(after, after.ExpiresAt)}
	return decision, nil
}

// CaptureFailed ends a PAID order whose held money could not be taken in the end: nothing was captured, nothing is owed.
type CaptureFailed struct {
	Name
	Reason string
}

// Decide implements domain.Command.
func (c CaptureFailed) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderPaid {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.PaymentStatus, after.PaymentToken, after.DeclineReason = state.PaymentDeclined, "", c.Reason
	return end(o, after, "PAYMENT_FAILED", c.Reason), nil
}

// Confirm takes a PAID order to CONFIRMED with what was captured.
type Confirm struct {
	Name
	CapturedMinor int64
}

// Decide implements domain.Command.
func (c Confirm) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderPaid {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.Status, after.PaymentStatus = state.OrderConfirmed, state.PaymentCaptured
	after.CapturedMinor, after.PaymentToken = c.CapturedMinor, ""
	return became(o, after), nil
}

// Compensate begins to give back what was captured of a PAID order whose cancellation was asked for.
type Compensate struct {
	Name
	CapturedMinor int64
}

// Decide implements domain.Command. An order of amount zero has nothing to give back and ends REFUNDED at once.
func (c Compensate) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderPaid || o.CapturedMinor != 0 {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.PaymentToken = ""
	if c.CapturedMinor == 0 {
		after.Status, after.StatusReason = state.OrderRefunded, "CANCELED_BY_CLIENT"
		return became(o, after), nil
	}
	after.PaymentStatus, after.CapturedMinor, after.RefundPendingMinor = state.PaymentCaptured, c.CapturedMinor, c.CapturedMinor
	return updated(o, after, "COMPENSATING"), nil
}

// Refund asks for money of a CONFIRMED order back (requirement O-5).
type Refund struct {
	Name
	Amount          *Priced // nil for the rest
	ExpectedVersion int64
	Words           string // a person's; they take the place of why a refund failed before
}

// Decide implements domain.Command. Pending refunds and disputed amounts count as given back.
func (c Refund) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if o.Status != state.OrderConfirmed {
		return domain.Decision{}, illegal(o, "refunded", "CONFIRMED")
	}
	rest := Refundable(o)
	amount := rest
	if c.Amount != nil {
		if c.Amount.Currency != o.Currency {
			return domain.Decision{}, fault.Invalid("amount.currency", "CURRENCY_MISMATCH",
				"must be the order's currency %q, is %q", o.Currency, c.Amount.Currency)
		}
		if amount = c.Amount.AmountMinor; amount <= 0 {
			return domain.Decision{}, fault.Invalid("amount.amount_minor", "NOT_POSITIVE", "must be above 0, is %d", amount)
		}
	}
	if amount > rest || rest == 0 {
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "REFUND_EXCEEDS_CAPTURED",
			"%d minor units of %s can still be refunded; pending refunds and disputes count", rest, o.Currency).
			With("refundable_minor", strconv.FormatInt(rest, 10)).With("currency", o.Currency).
			Needing("REFUNDABLE_AMOUNT", o.ID, "refundable "+strconv.FormatInt(rest, 10))
	}
	if refusal := expect(o, c.ExpectedVersion); refusal != nil {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.RefundPendingMinor += amount
	after.StatusDetail = c.Words
	return updated(o, after, "REFUND_REQUESTED"), nil
}

// RefundSettled tells what became of a refund.
type RefundSettled struct {
	Name
	AmountMinor int64
	Succeeded   bool
	Reason      string // of a failure
}

// Decide implements domain.Command; the payment's decision before it in the group makes sure that each refund settles once.
func (c RefundSettled) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.RefundPendingMinor < c.AmountMinor {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.RefundPendingMinor -= c.AmountMinor
	if !c.Succeeded {
		after.StatusDetail = c.Reason
		return updated(o, after, "REFUND_FAILED"), nil
	}
	after.RefundedMinor += c.AmountMinor
	after.PaymentStatus = state.PaymentPartiallyRefunded
	if after.RefundedMinor == after.CapturedMinor {
		after.PaymentStatus = state.PaymentRefunded
	}
	if !givenBack(after) {
		return updated(o, after, "REFUND_SUCCEEDED"), nil
	}
	return endRefunded(o, after, "REFUND_SUCCEEDED"), nil
}
