package flow

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/effect"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/notification"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Outcome is what a gateway has said of a call.
type Outcome struct {
	Succeeded  bool
	Reason     string // of a refusal, such as "insufficient_funds"
	ExternalID string
	By         state.EffectParty // through whom it is known
	Asked      bool              // it is the answer to an inquiry

	Card          state.Card // of a hold, where the gateway tells it
	CaptureBefore time.Time  // of a hold, where the gateway tells it
}

// Settle is the group of a gateway's answer to a call, however it came: by callback, by the call itself, or by asking. The first
// answer counts; of an effect that is done the group changes nothing, unless it is a refund that failed after it had succeeded. One that
// was given up is settled all the same and its dead letter closed. The letter is named when e says that it was given up; when it was
// given up since e was read, the group is refused as ABORTED, to be made anew from the row as it is. Only groups that release or sell
// need the subject's names (NeedsNames).
func Settle(s Subject, e *state.Effect, outcome Outcome) []command.Step {
	if !outcome.Succeeded && outcome.Reason == "" {
		outcome.Reason = "refused" // an effect that is done and has no error has succeeded
	}
	var steps []command.Step
	switch {
	case cashier.Is(e.AggregateID):
		steps = s.playerSettled(e, outcome)
	case notification.IsKind(e.Kind):
		steps = notified(e, outcome)
	case e.Kind == payment.KindHold:
		steps = s.holdSettled(e, outcome)
	case e.Kind == payment.KindCapture:
		steps = s.captureSettled(outcome)
	case e.Kind == payment.KindVoid:
		steps = s.voidSettled(e, outcome)
	case e.Kind == payment.KindRefund:
		steps = s.refundSettled(e, outcome)
	}
	finish := effect.Finish{
		Name: nameOf(e), ExternalID: outcome.ExternalID, Error: outcome.Reason, By: outcome.By, Asked: outcome.Asked,
	}
	if e.State == state.EffectFailed {
		finish.GivenUp = true
		steps = append([]command.Step{closeLetter(e)}, steps...) // first, since a refusal may open it again
	}
	steps = append(steps, command.Do(finish))
	steps = when(e, func(found *state.Effect) bool { return found.State != state.EffectDone }, steps)
	if e.Kind == payment.KindRefund && !outcome.Succeeded {
		steps = append(s.refundReturned(e, outcome), steps...) // first: the steps of an open effect end with one that is refused
	}
	return steps
}

// when makes steps that are skipped unless the effect admits them. The step that changes the effect comes last.
func when(e *state.Effect, admits func(*state.Effect) bool, steps []command.Step) []command.Step {
	ref := nameOf(e).Ref()
	for i, step := range steps {
		steps[i].Refs = append(slices.Clip(step.Refs), ref)
		steps[i].Next = func(states domain.States) domain.Command {
			if found := domain.Find[state.Effect](states, ref); found == nil || !admits(found) {
				return nil
			}
			return step.Next(states)
		}
	}
	return steps
}

func nameOf(e *state.Effect) effect.Name { return effect.Name{Tenant: e.Tenant, ID: e.ID} }

// NeedsNames tells whether the group of an outcome touches stock, or the account of a player, and so needs the subject's names.
func NeedsNames(e *state.Effect, outcome Outcome) bool {
	if cashier.Is(e.AggregateID) {
		return needsPlayer(e, outcome)
	}
	return e.Kind == payment.KindCapture || e.Kind == payment.KindRefund || (e.Kind == payment.KindHold && !outcome.Succeeded)
}

func (s Subject) holdSettled(e *state.Effect, outcome Outcome) []command.Step {
	attempt := int32(Number(e.ID)) //nolint:gosec // attempts are few
	if !outcome.Succeeded {
		return []command.Step{
			command.Do(payment.Declined{Name: s.payment(), Attempt: attempt, Reason: outcome.Reason}),
			s.step(func(v view) domain.Command {
				if v.payment == nil || v.payment.Attempt != attempt || v.payment.Status != state.PaymentDeclined {
					return nil
				}
				if v.order.Status.Terminal() {
					return order.NotePayment{Name: s.order(), Status: state.PaymentDeclined, Reason: "PAYMENT_DECLINED"}
				}
				return order.PaymentDeclined{Name: s.order(), Reason: outcome.Reason}
			}, s.payment().Refs()),
			s.release(state.OrderCanceled),
		}
	}
	capture := payment.Capture{Name: s.payment(), Attempt: attempt}
	return []command.Step{
		command.Do(payment.Held{
			Name: s.payment(), Attempt: attempt, ExternalID: outcome.ExternalID, Card: outcome.Card, CaptureBefore: outcome.CaptureBefore,
		}),
		s.step(func(v view) domain.Command {
			if v.payment == nil || v.payment.Attempt != attempt || v.payment.Status != state.PaymentAuthorized || v.payment.CancelRequested {
				return nil
			}
			return order.MarkPaid{Name: s.order(), Card: v.payment.Card}
		}, s.payment().Refs()),
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderPaid) || v.payment == nil || v.payment.Attempt != attempt ||
				v.payment.Status != state.PaymentAuthorized || v.payment.CancelRequested {
				return nil
			}
			return capture
		}, capture.Refs()),
	}
}

func (s Subject) captureSettled(outcome Outcome) []command.Step {
	if !outcome.Succeeded {
		steps := []command.Step{
			command.Do(payment.CaptureFailed{Name: s.payment(), Reason: outcome.Reason}),
			s.step(func(v view) domain.Command {
				if v.payment == nil || v.payment.Status != state.PaymentDeclined {
					return nil
				}
				return order.CaptureFailed{Name: s.order(), Reason: outcome.Reason}
			}, s.payment().Refs()),
			s.release(state.OrderCanceled),
		}
		return append(steps, s.disputesBooked()...)
	}
	steps := []command.Step{
		s.step(func(v view) domain.Command {
			if v.payment == nil {
				return nil
			}
			return payment.Captured{Name: s.payment(), AmountMinor: v.payment.AmountMinor}
		}, s.payment().Refs()),
		s.step(func(v view) domain.Command {
			if !captured(v) || v.order.CancelRequested {
				return nil
			}
			return inventory.Sell{Order: s.stock()}
		}, s.payment().Refs(), s.stock().Refs()),
		s.step(func(v view) domain.Command {
			switch {
			case !captured(v):
				return nil
			case v.order.CancelRequested:
				return order.Compensate{Name: s.order(), CapturedMinor: v.payment.CapturedMinor}
			default:
				return order.Confirm{Name: s.order(), CapturedMinor: v.payment.CapturedMinor}
			}
		}, s.payment().Refs()),
	}
	return append(append(steps, s.disputesNoted()...), s.refundOwed())
}

// refundOwed asks for what an order owes that has to give all back, and nobody gives back yet.
func (s Subject) refundOwed() command.Step {
	return s.step(func(v view) domain.Command {
		amount := owed(v)
		if amount <= 0 {
			return nil
		}
		reason := "order canceled"
		if !v.order.CancelRequested {
			reason = "an earlier refund came back"
		}
		return payment.Refund{Name: s.payment(), AmountMinor: amount, Reason: reason}
	}, s.payment().Refs())
}

// owed is what an order has to give back, nobody gives back yet, and the payment has: what is disputed may come back to the payer by
// his bank.
func owed(v view) int64 {
	if v.payment == nil || !order.OwesAll(v.order) ||
		v.payment.Status != state.PaymentCaptured && v.payment.Status != state.PaymentPartiallyRefunded {
		return 0
	}
	return min(v.order.RefundPendingMinor-v.payment.RefundPendingMinor, payment.Refundable(v.payment))
}

// captured tells whether the order waits for nothing but the consequences of its capture.
func captured(v view) bool {
	return v.is(state.OrderPaid) && v.payment != nil && v.payment.Status == state.PaymentCaptured
}

// voidSettled ends the hold of an order that has ended. A refusal leaves money held that nobody will take, also that of a refused
// capture: a dead letter tells, and Replay asks for the void anew.
func (s Subject) voidSettled(e *state.Effect, outcome Outcome) []command.Step {
	if !outcome.Succeeded {
		return []command.Step{s.writeLetter(e, "the gateway refused to void the hold: "+outcome.Reason, func(v view) bool {
			return v.order.Status.Terminal() && v.payment != nil &&
				(v.payment.Status == state.PaymentAuthorized || v.payment.Status == state.PaymentDeclined)
		})}
	}
	return []command.Step{
		command.Do(payment.Voided{Name: s.payment()}),
		s.step(func(v view) domain.Command {
			if !v.order.Status.Terminal() {
				return nil
			}
			return order.NotePayment{Name: s.order(), Status: state.PaymentVoided, Reason: "PAYMENT_VOIDED"}
		}),
	}
}

// refundSettled ends a refund. That of an order that owes all cannot fail and be forgotten: when the gateway refuses it, the order goes
// on owing the money, and a dead letter tells (requirement O-9); Replay asks for it again.
func (s Subject) refundSettled(e *state.Effect, outcome Outcome) []command.Step {
	number := Number(e.ID)
	stays := func(v view) bool { return !outcome.Succeeded && order.OwesAll(v.order) }
	steps := []command.Step{
		s.step(func(v view) domain.Command {
			refund, pending := payment.Pending(v.payment, number)
			if !pending || stays(v) {
				return nil
			}
			return order.RefundSettled{
				Name: s.order(), AmountMinor: refund.AmountMinor, Succeeded: outcome.Succeeded, Reason: outcome.Reason,
			}
		}, s.payment().Refs()),
		command.Do(payment.RefundSettled{Name: s.payment(), Number: number, Succeeded: outcome.Succeeded, Reason: outcome.Reason}),
	}
	return append(append(steps, s.disputesBooked()...),
		s.writeLetter(e, "the gateway refused a refund that the order owes: "+outcome.Reason, func(v view) bool {
			return stays(v) && owed(v) > 0
		}))
}

// Claim gives an effect that is due to one process for a time. A notification's allowance is looked at under it: one that has to wait has
// no owner afterwards.
func (n Notices) Claim(e *state.Effect, owner string, lease time.Duration) []command.Step {
	claim := command.Do(effect.Claim{Name: nameOf(e), Owner: owner, Lease: lease})
	if notification.IsKind(e.Kind) {
		return append([]command.Step{claim}, n.stillWanted(e)...)
	}
	return []command.Step{claim}
}

// Retry ends a claim without an outcome. called says that a call may have reached the gateway.
func Retry(e *state.Effect, after time.Duration, did state.EffectAttempt, called bool) []command.Step {
	return append(tried(e, did), command.Do(effect.Retry{
		Name: nameOf(e), Until: e.NextAt, After: after, Did: did, Called: called,
	}))
}

// Note writes down what a claim has come to know while it goes on.
func Note(e *state.Effect, did state.EffectAttempt) []command.Step {
	return []command.Step{command.Do(effect.Note{Name: nameOf(e), Until: e.NextAt, Did: did})}
}

// Doubt is the group of a call whose answer was lost: it is asked about before anything else happens. It changes nothing when an
// outcome, or another claim, was there first.
func Doubt(s Subject, e *state.Effect, after time.Duration, did state.EffectAttempt) []command.Step {
	steps := Retry(e, after, did, true)
	switch {
	case cashier.Is(e.AggregateID):
		steps = append([]command.Step{command.Do(cashier.Doubt{Name: s.played(e).Name})}, steps...)
	case e.Kind == payment.KindHold:
		steps = append([]command.Step{
			command.Do(payment.Doubt{Name: s.payment(), Reason: "OUTCOME_UNKNOWN"}),
			s.step(func(v view) domain.Command {
				if !v.is(state.OrderReserved) || v.payment == nil || v.payment.Status != state.PaymentUnknown {
					return nil
				}
				return order.NotePayment{Name: s.order(), Status: state.PaymentUnknown, Reason: "PAYMENT_UNKNOWN"}
			}, s.payment().Refs()),
		}, steps...)
	}
	return when(e, func(found *state.Effect) bool {
		return found.State == state.EffectOpen && found.NextAt.Equal(e.NextAt)
	}, steps)
}

// GiveUp is the group of a call that could not be carried out: a dead letter tells, and the order is parked. It changes nothing
// when the effect is over.
func GiveUp(e *state.Effect, did state.EffectAttempt) []command.Step {
	steps := []command.Step{
		command.Do(deadletter.Write{Letter: letter(e, did.Reason)}),
		command.Do(effect.GiveUp{Name: nameOf(e), Did: did}),
	}
	if notification.IsKind(e.Kind) {
		steps = append([]command.Step{notNotified(e, did.Reason)}, steps...)
	}
	return when(e, func(found *state.Effect) bool { return found.State == state.EffectOpen }, steps)
}

// Replay carries a dead letter about a call out again, and answers the letter: a call that was given up is open once more, and
// begins by asking the gateway; a refund or a void that was refused is asked for anew, under a new key.
func Replay(l *state.DeadLetter) []command.Step {
	if strings.HasPrefix(l.AggregateID, "notification:") {
		return notifyAgain(l)
	}
	if cashier.Is(l.AggregateID) {
		return playerReplay(l)
	}
	s := Subject{Tenant: l.Tenant, OrderID: id.Derive("order", l.AggregateID)}
	return []command.Step{
		command.Do(deadletter.Close{Tenant: l.Tenant, ID: l.ID}),
		command.Do(effect.Reopen{Name: effect.Name{Tenant: l.Tenant, ID: string(l.Payload)}}),
		s.refundOwed(),
		s.voidAgain(string(l.Payload)),
	}
}

// TimerCallExpires is the kind of the timer that ExpireCall is for.
const TimerCallExpires = effect.TimerExpires

// ExpireCall is the timer of a call that was given up: it is asked about once more, and its letter closed.
func ExpireCall(e *state.Effect) []command.Step {
	steps := when(e, func(found *state.Effect) bool { return found.State == state.EffectFailed }, []command.Step{closeLetter(e)})
	return append(steps, command.Do(effect.Expire{Name: nameOf(e)}))
}

// voidAgain asks for a void that was refused, once more, when the order has ended.
func (s Subject) voidAgain(effectID string) command.Step {
	again := payment.VoidAgain{Name: s.payment(), Refused: effectID}
	return s.step(func(v view) domain.Command {
		if !v.order.Status.Terminal() {
			return nil
		}
		return again
	}, again.Refs())
}

// letter makes the dead letter of an effect; its id derives from the effect's.
func letter(e *state.Effect, cause string) state.DeadLetter {
	return state.DeadLetter{
		Tenant: e.Tenant, ID: id.DeriveStep("deadletter", e.AggregateID, e.ID), AggregateID: e.AggregateID, Kind: deadletter.KindEffect,
		Payload: []byte(e.ID), Error: cause, Attempts: e.Attempts,
	}
}

// writeLetter writes a dead letter about an effect when the order and its payment are such.
func (s Subject) writeLetter(e *state.Effect, cause string, such func(v view) bool) command.Step {
	write := deadletter.Write{Letter: letter(e, cause)}
	return s.step(func(v view) domain.Command {
		if !such(v) {
			return nil
		}
		return write
	}, s.payment().Refs(), write.Refs())
}

// closeLetter closes the dead letter of an effect when there is one.
func closeLetter(e *state.Effect) command.Step {
	l := letter(e, "")
	return command.Step{Refs: []state.Ref{l.Ref()}, Next: func(states domain.States) domain.Command {
		if states.Get(l.Ref()) == nil {
			return nil
		}
		return deadletter.Close{Tenant: l.Tenant, ID: l.ID}
	}}
}
