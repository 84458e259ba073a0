package payment

import (
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Wait is the call for whose outcome a payment waits.
type Wait struct {
	Kind, Step  string
	AmountMinor int64
}

// Waiting answers the call for whose outcome a payment waits, by its state; the zero value when it waits for none. Of several refunds it
// is the oldest.
func Waiting(p *state.Payment) Wait {
	if p == nil {
		return Wait{}
	}
	attempt := strconv.Itoa(int(p.Attempt))
	switch {
	case Open(p):
		return Wait{KindHold, "hold/" + attempt, p.AmountMinor}
	case p.Status == state.PaymentAuthorized && p.CancelRequested:
		return Wait{KindVoid, "void/" + attempt, p.AmountMinor}
	case p.Status == state.PaymentAuthorized:
		return Wait{KindCapture, "capture/" + attempt, p.AmountMinor}
	}
	for _, refund := range p.Refunds {
		if refund.State == state.RefundPending {
			return Wait{KindRefund, "refund/" + strconv.Itoa(refund.Number), refund.AmountMinor}
		}
	}
	return Wait{}
}

// CallAgain makes the call anew for which the payment waits and whose row is missing. The call has the key that it had, so the gateway
// carries it out once, whatever became of the lost one.
type CallAgain struct {
	Name
	Step string // of the call, as Waiting answers it; the rows are named before they are read
}

// EffectRef is the row of the call.
func (c CallAgain) EffectRef() state.Ref {
	return state.Ref{Kind: state.KindEffect, Tenant: c.Tenant, ID: id.Derive("effect", c.OrderID) + "/" + c.Step}
}

// Refs implements domain.Command.
func (c CallAgain) Refs() []state.Ref { return []state.Ref{c.Ref(), c.EffectRef()} }

// Decide implements domain.Command. A call that exists is under way, done, or a dead letter that is to be replayed.
func (c CallAgain) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p := domain.Find[state.Payment](states, c.Ref())
	wait := Waiting(p)
	if wait.Step == "" || wait.Step != c.Step || states.Get(c.EffectRef()) != nil {
		return domain.Decision{}, nil
	}
	var decision domain.Decision
	call(&decision, p, now, wait.Kind, wait.Step, wait.AmountMinor)
	return decision, nil
}
