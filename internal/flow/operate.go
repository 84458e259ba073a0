package flow

import (
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/state"
)

// RetryStep is an operator's wish that an order goes on: whatever step its state says is next, each of which does nothing when it is done
// or under way. seen is its payment as it was read; nil for none.
func RetryStep(s Subject, operate order.Operate, provider string, seen *state.Payment) []command.Step {
	steps := []command.Step{command.Do(operate)}
	steps = append(steps, Reserve(s, provider)...)
	steps = append(steps, ConfirmFree(s)...)
	return append(steps, s.callAgain(seen)...)
}

// ForceCompensation is an operator's wish that an order ends: an order that is not CONFIRMED is canceled as by its client, a CONFIRMED
// one refunded. A call that its payment waits for and whose row is missing is made again, since only its outcome tells what is to be
// undone.
func ForceCompensation(s Subject, operate order.Operate, seen *state.Payment) []command.Step {
	cancel := order.Cancel{Name: s.order(), Words: operate.Said()}
	refund := order.Refund{Name: s.order(), Words: operate.Said()}
	steps := []command.Step{
		command.Do(operate),
		s.step(func(v view) domain.Command {
			switch {
			case !v.is(state.OrderConfirmed):
				return cancel
			case order.Refundable(v.order) > 0:
				return refund
			default:
				return nil // free, or on its way back
			}
		}),
		s.step(func(v view) domain.Command {
			if v.payment == nil || !v.is(state.OrderConfirmed) || v.order.RefundPendingMinor <= v.payment.RefundPendingMinor {
				return nil
			}
			return payment.Refund{
				Name: s.payment(), AmountMinor: v.order.RefundPendingMinor - v.payment.RefundPendingMinor, Reason: operate.Said(),
			}
		}, s.payment().Refs()),
	}
	steps = append(steps, s.unwind()...)
	return append(steps, s.callAgain(seen)...)
}

// callAgain makes the call anew that the payment was seen to wait for; one from a wallet goes on by itself.
func (s Subject) callAgain(seen *state.Payment) []command.Step {
	wait := payment.Waiting(seen).Step
	switch {
	case wait == "":
		return nil
	case seen.Provider == payment.Wallet:
		return FromWallet(s, seen.ExternalID)
	default:
		return []command.Step{command.Do(payment.CallAgain{Name: s.payment(), Step: wait})}
	}
}
