package payment

import (
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// RefundLimit is the greatest number of refunds of one payment.
const RefundLimit = 1000

// tooMany refuses another refund of a payment that has as many as it may have; nil when it has not.
func tooMany(p *state.Payment) *fault.Fault {
	if len(p.Refunds) < RefundLimit {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "TOO_MANY_REFUNDS", "a payment has %d refunds at most", RefundLimit)
}

// AnotherRefund changes nothing. It refuses when the payment has no room for one: no change of the request cures that, so it is asked
// before what one can (requirement C-5). An order without a payment is the order's to refuse.
type AnotherRefund struct{ Name }

// Decide implements domain.Command.
func (c AnotherRefund) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	if p := domain.Find[state.Payment](states, c.Ref()); p != nil {
		return domain.Decision{}, tooMany(p)
	}
	return domain.Decision{}, nil
}

// Refund asks the gateway to give captured money back.
type Refund struct {
	Name
	AmountMinor int64
	Rest        bool // all that is left, whatever AmountMinor says
	Reason      string
}

// Decide implements domain.Command. Pending refunds and disputed amounts count as given back.
func (c Refund) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if p.Status != state.PaymentCaptured && p.Status != state.PaymentPartiallyRefunded {
		return domain.Decision{}, illegal(p, "refunded", "CAPTURED or PARTIALLY_REFUNDED")
	}
	if refusal := tooMany(p); refusal != nil {
		return domain.Decision{}, refusal
	}
	rest := Refundable(p)
	amount := c.AmountMinor
	if c.Rest {
		amount = rest
	} else if amount <= 0 {
		return domain.Decision{}, fault.Invalid("amount.amount_minor", "NOT_POSITIVE", "must be above 0, is %d", amount)
	}
	if amount > rest || rest == 0 {
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "REFUND_EXCEEDS_CAPTURED",
			"%d minor units of %s can still be refunded; pending refunds and disputes count", rest, p.Currency).
			With("refundable_minor", strconv.FormatInt(rest, 10))
	}
	after := next(p, now)
	number := len(p.Refunds) + 1
	after.Refunds = append(slices.Clip(p.Refunds), state.Refund{
		Number: number, AmountMinor: amount, State: state.RefundPending, Reason: c.Reason, CreatedAt: now,
	})
	after.RefundPendingMinor += amount
	decision := became(p, after, "REFUND_REQUESTED")
	call(&decision, after, now, KindRefund, "refund/"+strconv.Itoa(number), amount)
	return decision, nil
}

// Pending answers the refund when it waits for its outcome.
func Pending(p *state.Payment, number int) (state.Refund, bool) {
	if p == nil || number < 1 || number > len(p.Refunds) {
		return state.Refund{}, false
	}
	refund := p.Refunds[number-1]
	return refund, refund.State == state.RefundPending
}

// RefundSettled tells what became of a refund; each is settled once.
type RefundSettled struct {
	Name
	Number    int
	Succeeded bool
	Reason    string // of a failure
}

// Decide implements domain.Command.
func (c RefundSettled) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	refund, pending := Pending(p, c.Number)
	if !pending {
		return domain.Decision{Answer: p.Ref()}, nil
	}
	if c.Succeeded {
		decision := became(p, givenBack(p, now, c.Number), "")
		return book(decision, p, now, transferRefund, "refund/"+strconv.Itoa(c.Number),
			ledger.OrderRevenue, ledger.GatewayClearing, refund.AmountMinor)
	}
	after := next(p, now)
	after.Refunds = slices.Clone(p.Refunds)
	after.RefundPendingMinor -= refund.AmountMinor
	after.Refunds[c.Number-1].State = state.RefundFailed
	return withdraw(became(p, after, c.Reason), after, now)
}

// givenBack is a payment whose pending refund of a number has succeeded.
func givenBack(p *state.Payment, now time.Time, number int) *state.Payment {
	after := next(p, now)
	after.Refunds = slices.Clone(p.Refunds)
	refund := &after.Refunds[number-1]
	refund.State = state.RefundSucceeded
	after.RefundPendingMinor -= refund.AmountMinor
	after.RefundedMinor += refund.AmountMinor
	after.Status = state.PaymentPartiallyRefunded
	if after.RefundedMinor == after.CapturedMinor {
		after.Status = state.PaymentRefunded
	}
	return after
}

// ReasonReturned is the reason of the event of a refund that came back.
const ReasonReturned = "REFUND_RETURNED"

// Succeeded answers the refund when it has succeeded.
func Succeeded(p *state.Payment, number int) (state.Refund, bool) {
	if p == nil || number < 1 || number > len(p.Refunds) {
		return state.Refund{}, false
	}
	refund := p.Refunds[number-1]
	return refund, refund.State == state.RefundSucceeded
}

// RefundReturned tells that a refund failed after it had succeeded, for instance since the payer's bank sent the money back: the shop
// has it again. Each refund comes back once.
type RefundReturned struct {
	Name
	Number int
}

// Decide implements domain.Command.
func (c RefundReturned) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	refund, succeeded := Succeeded(p, c.Number)
	if !succeeded {
		return domain.Decision{Answer: p.Ref()}, nil
	}
	after := next(p, now)
	after.Refunds = slices.Clone(p.Refunds)
	after.Refunds[c.Number-1].State = state.RefundFailed
	after.RefundedMinor -= refund.AmountMinor
	after.Status = state.PaymentPartiallyRefunded
	if after.RefundedMinor == 0 {
		after.Status = state.PaymentCaptured
	}
	decision, refusal := book(became(p, after, ReasonReturned), p, now, "payment.refund_returned",
		"refund/"+strconv.Itoa(c.Number)+"/returned", ledger.GatewayClearing, ledger.OrderRevenue, refund.AmountMinor)
	if refusal != nil {
		return decision, refusal
	}
	return withdraw(decision, after, now)
}
