package flow

import (
	"fmt"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/effect"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Dispute is what a gateway says of a dispute of an order's payment.
type Dispute = payment.Disputed

// Disputed is the group of what a gateway says of a dispute. It is no outcome of a call of ours, so nobody asks about it: it is stored
// before the gateway is answered. A canceled order that owed money ends when the payer got it by a dispute, and gives back what comes
// back to the shop.
func Disputed(s Subject, dispute Dispute) []command.Step {
	dispute.Name = s.payment()
	booked := command.Step{Refs: dispute.Refs(), Next: func(states domain.States) domain.Command {
		if dispute.OfAnother(domain.Find[state.Payment](states, s.payment().Ref())) {
			return nil
		}
		return dispute
	}}
	return append([]command.Step{s.misdirected(dispute), booked}, append(s.disputesBooked(), s.refundOwed())...)
}

// misdirected writes a dead letter of a dispute that names the order, but the number of another payment: nobody knows whose money was
// withdrawn. It is not booked. An operator finds it out with the gateway, which tells it again then, and closes the letter by a replay.
func (s Subject) misdirected(dispute Dispute) command.Step {
	write := deadletter.Write{Letter: state.DeadLetter{
		Tenant: s.Tenant, ID: id.DeriveStep("deadletter", s.payment().Ref().ID, "dispute/"+dispute.ExternalID),
		AggregateID: s.payment().Ref().ID, Kind: deadletter.KindDispute, Payload: []byte(s.OrderID), Attempts: 1,
	}}
	return command.Step{Refs: append(s.payment().Refs(), write.Refs()...), Next: func(states domain.States) domain.Command {
		p := domain.Find[state.Payment](states, s.payment().Ref())
		if !dispute.OfAnother(p) {
			return nil
		}
		write.Letter.Error = fmt.Sprintf("the gateway tells of dispute %s over %d %s of its payment %s, and the order's is %s; it is not booked",
			dispute.ExternalID, dispute.AmountMinor, dispute.Currency, dispute.Hold, p.ExternalID)
		return write
	}}
}

// disputesNoted follows every change of a payment that may have booked a dispute: the order takes its sums over.
func (s Subject) disputesNoted() []command.Step {
	return []command.Step{
		s.step(func(v view) domain.Command {
			if v.payment == nil {
				return nil
			}
			return order.NoteDisputes{
				Name: s.order(), DisputedMinor: v.payment.DisputedMinor, ChargedBackMinor: v.payment.ChargedBackMinor,
			}
		}, s.payment().Refs()),
		s.release(state.OrderRefunded),
	}
}

// disputesBooked is disputesNoted with a dead letter that tells of what cannot be booked, for as long as that is so. The group of a
// capture, which every order has, does without the row of the letter: a dispute that cannot be booked then was told of before.
func (s Subject) disputesBooked() []command.Step {
	write := deadletter.Write{Letter: state.DeadLetter{
		Tenant: s.Tenant, ID: id.DeriveStep("deadletter", s.payment().Ref().ID, "disputes"), AggregateID: s.payment().Ref().ID,
		Kind: deadletter.KindDispute, Payload: []byte(s.OrderID), Attempts: 1,
	}}
	letter := command.Step{Refs: append(s.payment().Refs(), write.Refs()...), Next: func(states domain.States) domain.Command {
		stuck := payment.Stuck(domain.Find[state.Payment](states, s.payment().Ref()))
		found := domain.Find[state.DeadLetter](states, write.Letter.Ref())
		switch open := found != nil && found.ReplayedAt.IsZero(); {
		case stuck != "" && !open:
			write.Letter.Error = "the gateway has withdrawn by disputes what is not left of the payment, or in another currency; " +
				"it is not booked: " + stuck
			return write
		case stuck == "" && open:
			return deadletter.Close{Tenant: s.Tenant, ID: write.Letter.ID}
		default:
			return nil
		}
	}}
	return append(s.disputesNoted(), letter)
}

// ReplayDispute carries a dead letter about disputes out again: they are booked as far as the payment has the money by now. The letter
// is open again when that is not so.
func ReplayDispute(s Subject, l *state.DeadLetter) []command.Step {
	steps := []command.Step{
		command.Do(deadletter.Close{Tenant: l.Tenant, ID: l.ID}),
		command.Do(payment.BookDisputes{Name: s.payment()}),
	}
	return append(steps, s.disputesBooked()...)
}

// refundReturned follows a refund that failed after it had succeeded. An order that owes all, be it REFUNDED or canceled, cannot give
// back on its own what a gateway gives back to it, or it might do so for ever: a dead letter tells, and Replay asks for a new refund.
func (s Subject) refundReturned(e *state.Effect, outcome Outcome) []command.Step {
	number := Number(e.ID)
	steps := []command.Step{
		s.step(func(v view) domain.Command {
			refund, succeeded := payment.Succeeded(v.payment, number)
			if !succeeded {
				return nil
			}
			return order.RefundReturned{Name: s.order(), AmountMinor: refund.AmountMinor, Reason: outcome.Reason}
		}, s.payment().Refs()),
		command.Do(payment.RefundReturned{Name: s.payment(), Number: number}),
	}
	steps = append(steps, s.disputesBooked()...)
	steps = append(steps,
		s.writeLetter(e, "a refund came back after it had succeeded, and the customer is owed it: "+outcome.Reason,
			func(v view) bool { return order.OwesAll(v.order) && owed(v) > 0 }),
		command.Do(effect.Return{Name: nameOf(e), Reason: outcome.Reason, By: outcome.By}),
	)
	return when(e, func(found *state.Effect) bool { return found.State == state.EffectDone && found.LastError == "" }, steps)
}
