// Package flow says what follows from what: the steps that a client's wish entails, the steps that an event, a timer or a
// gateway's answer leads to, and how they are undone in reverse (requirement O-9). It is a pure table over the domains, which
// do not know each other. Each function answers one group of steps that the pipeline decides in order in one transaction.
//
//	created ──event──▶ Reserve ──▶ RESERVED ──Pay──▶ hold ──Held──▶ PAID + capture ──Captured──▶ CONFIRMED
//	                      └ out of stock ▶ CANCELED        └ declined ▶ release, CANCELED   └ cancelled ▶ refund ▶ release, REFUNDED
//
// A confirmed order costs five groups and eight events. Every step is idempotent by state, so a group may be submitted again.
package flow

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Subject is what a group is about: an order, or a player's payment, which its effect tells. Names are what such a group must name beside it,
// since rows are named before anything is read: of an order the SKUs that its reservation touches, for groups that may release or sell;
// of a payment the player, for groups that touch the player's account.
type Subject struct {
	Tenant, OrderID string
	Names           []string
	Checked         bool // who pays from a wallet must be verified when the money is set aside
}

func (s Subject) order() order.Name     { return order.Name{Tenant: s.Tenant, OrderID: s.OrderID} }
func (s Subject) payment() payment.Name { return payment.Name{Tenant: s.Tenant, OrderID: s.OrderID} }
func (s Subject) stock() inventory.Order {
	return inventory.Order{Tenant: s.Tenant, OrderID: s.OrderID, SKUs: s.Names}
}

// view holds the rows of a subject as the steps before have left them. A row that the step does not name is nil.
type view struct {
	order       *state.Order
	payment     *state.Payment
	reservation *state.Reservation
}

// step is a step about the subject that decides by the subject's rows what to do. It sees and may change the order and the rows
// named.
func (s Subject) step(next func(v view) domain.Command, refs ...[]state.Ref) command.Step {
	all := append([]state.Ref{s.order().Ref()}, slices.Concat(refs...)...)
	return command.Step{Refs: all, Next: func(states domain.States) domain.Command {
		v := view{order: domain.Find[state.Order](states, all[0])}
		if v.order == nil {
			return nil
		}
		for _, ref := range all[1:] {
			switch ref.Kind {
			case state.KindPayment:
				v.payment = domain.Find[state.Payment](states, ref)
			case state.KindReservation:
				v.reservation = domain.Find[state.Reservation](states, ref)
			default:
			}
		}
		return next(v)
	}}
}

// held names the reservation, for steps that only look at it.
func (s Subject) held() []state.Ref {
	return []state.Ref{inventory.ReservationRef(s.Tenant, s.OrderID)}
}

// is tells whether the order has the status.
func (v view) is(status state.OrderStatus) bool { return v.order.Status == status }

// Create is the group of a new order of a shop that is not known to have a catalogue; it is refused with catalogue.Opened when the
// shop has one.
func Create(create order.Create) []command.Step { return checked(create, false) }

// CreateAtPrices is the group of a new order whose prices must be the catalogue's.
func CreateAtPrices(create order.Create) []command.Step { return checked(create, true) }

func checked(create order.Create, named bool) []command.Step {
	check := catalogue.Check{Tenant: create.Tenant, Currency: create.Currency, Lines: create.Lines, Named: named}
	return []command.Step{command.Do(check), command.Do(create)}
}

// CreateAll is the group of several new orders, all or none, with their prices named as for CreateAtPrices or not.
func CreateAll(creates []order.Create, named bool) []command.Step {
	steps := make([]command.Step, 0, 2*len(creates))
	for i := range creates {
		steps = append(steps, checked(creates[i], named)...)
	}
	return steps
}

// Reserve follows an order's creation, and each change of its lines while it is PENDING: all its demand or none of it is set aside, and a
// payment that was accepted meanwhile begins.
//
// The lines are those of the order as it is now. When they were changed since the subject was named and have another SKU, there is
// nothing to do: the event of that change follows, and names it.
func Reserve(s Subject, provider string) []command.Step {
	return []command.Step{
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderPending) || s.unnamed(v.order.Lines) != "" {
				return nil
			}
			return inventory.Reserve{Order: s.stock(), Items: inventory.Sum(v.order.Lines)}
		}, s.stock().Refs()),
		s.step(func(v view) domain.Command {
			switch {
			case !v.is(state.OrderPending) || v.reservation == nil:
				return nil
			case v.reservation.Status == state.ReservationRejected:
				return order.RejectStock{Name: s.order(), SKU: v.reservation.RejectedSKU}
			default:
				return order.MarkReserved{Name: s.order()}
			}
		}, s.held()),
		s.startPayment(provider),
	}
}

// unnamed answers a SKU of lines that the subject does not name, or nothing.
func (s Subject) unnamed(lines []state.Line) string {
	for i := range lines {
		if !slices.Contains(s.Names, lines[i].SKU) {
			return lines[i].SKU
		}
	}
	return ""
}

// startPayment asks for the hold when the order's payment is PROCESSING and its payment has not begun.
func (s Subject) startPayment(provider string) command.Step {
	return s.step(func(v view) domain.Command {
		begun := v.payment != nil && v.payment.Status != state.PaymentDeclined
		if !v.is(state.OrderReserved) || v.order.PaymentStatus != state.PaymentProcessing || begun {
			return nil
		}
		return payment.Start{
			Name: s.payment(), CustomerID: v.order.CustomerID, Currency: v.order.Currency, AmountMinor: v.order.AmountMinor,
			Provider: provider, Token: v.order.PaymentToken, Card: v.order.PaymentCard,
		}
	}, s.payment().Refs())
}

// Pay is a client's payment: the order takes it, and the hold begins when the stock is reserved already.
func Pay(s Subject, pay order.Pay, provider string) []command.Step {
	return []command.Step{command.Do(pay), s.startPayment(provider)}
}

// ConfirmFree follows a PAID order of amount zero: there is nothing to capture.
func ConfirmFree(s Subject) []command.Step {
	return []command.Step{
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderPaid) || v.order.AmountMinor != 0 {
				return nil
			}
			if v.order.CancelRequested {
				return inventory.Release{Order: s.stock()}
			}
			return inventory.Sell{Order: s.stock()}
		}, s.stock().Refs()),
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderPaid) || v.order.AmountMinor != 0 {
				return nil
			}
			if v.order.CancelRequested {
				return order.Compensate{Name: s.order()}
			}
			return order.Confirm{Name: s.order()}
		}),
	}
}

// Cancel is a client's cancellation. Of an unpaid order the stock is released and a payment under way is abandoned: its late
// success is voided. A PAID order is compensated when the capture's outcome is known.
func Cancel(s Subject, cancel order.Cancel) []command.Step {
	return append([]command.Step{command.Do(cancel)}, s.unwind()...)
}

// Expire is the timer of an unpaid order.
func Expire(s Subject) []command.Step {
	return append([]command.Step{command.Do(order.Expire{Name: s.order()})}, s.unwind()...)
}

// EndExpiry follows an expiry that was refused for good, so that it is not tried for ever. The timer goes; a dead letter tells when the
// order waits for it still. Of an order that does not, or is not there, there was nothing to do.
func EndExpiry(s Subject, cause string) []command.Step {
	write := deadletter.Write{Letter: state.DeadLetter{
		Tenant: s.Tenant, ID: id.DeriveStep("deadletter", s.OrderID, "timer/"+order.TimerExpire), AggregateID: s.OrderID,
		Kind: deadletter.KindTimer, Payload: []byte(order.TimerExpire), Error: cause, Attempts: 1,
	}}
	return []command.Step{
		s.step(func(v view) domain.Command {
			if !v.order.Expires() {
				return nil
			}
			return write
		}, write.Refs()),
		command.Do(order.StopTimer{Name: s.order()}),
	}
}

// unwind undoes, in reverse, what was done for an order that is CANCELED: the payment, then the reservation.
func (s Subject) unwind() []command.Step {
	return []command.Step{
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderCanceled) {
				return nil
			}
			return payment.Abandon{Name: s.payment()}
		}, s.payment().Refs()),
		s.release(state.OrderCanceled),
	}
}

// release gives the stock back when the order has come to the status.
func (s Subject) release(status state.OrderStatus) command.Step {
	return s.step(func(v view) domain.Command {
		if !v.is(status) || v.reservation == nil || v.reservation.Status != state.ReservationHeld {
			return nil
		}
		return inventory.Release{Order: s.stock()}
	}, s.stock().Refs())
}

// Refund is a client's refund of a confirmed order.
func Refund(s Subject, refund order.Refund, words string) []command.Step {
	return []command.Step{
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderConfirmed) {
				return nil // the next step refuses
			}
			return payment.AnotherRefund{Name: s.payment()}
		}, s.payment().Refs()),
		command.Do(refund),
		s.step(func(v view) domain.Command {
			if v.payment == nil {
				return nil
			}
			return payment.Refund{
				Name: s.payment(), AmountMinor: v.order.RefundPendingMinor - v.payment.RefundPendingMinor, Reason: words,
			}
		}, s.payment().Refs()),
	}
}

// Void gives up the hold of an order that is not waiting for it any more; of a living order it is refused, since cancelling the
// order does it.
func Void(s Subject) []command.Step {
	return []command.Step{command.Do(order.Unpaid{Name: s.order()}), command.Do(payment.Void{Name: s.payment()})}
}

// ReserveByHand is Reserve asked for by a caller instead of the order's event. A reservation that exists is the answer; else the
// order must be PENDING and the demand its own.
func ReserveByHand(s Subject, demand []state.Demand, provider string) []command.Step {
	check := s.known(func(v view) domain.Command {
		if v.reservation != nil {
			return nil
		}
		return order.Reservable{Name: s.order(), Demand: demand}
	}, s.held())
	return append([]command.Step{check}, Reserve(s, provider)...)
}

// ReleaseByHand gives back what is held for an order that has ended or is not ours. Of a living order it is refused, since
// cancelling the order does it: otherwise its stock could be sold twice.
func ReleaseByHand(s Subject) []command.Step {
	return []command.Step{
		command.Do(order.Ended{Name: s.order()}),
		command.Do(inventory.Release{Order: s.stock(), Refuse: true}),
	}
}

// known is a step about an order that may not exist: the order's own command refuses then.
func (s Subject) known(next func(v view) domain.Command, refs ...[]state.Ref) command.Step {
	step := s.step(next, refs...)
	return command.Step{Refs: step.Refs, Next: func(states domain.States) domain.Command {
		if states.Get(s.order().Ref()) == nil {
			return order.Ended{Name: s.order(), Exists: true}
		}
		return step.Next(states)
	}}
}

// Number reads the last part of an effect's id: the attempt of a hold, the number of a refund.
func Number(effectID string) int {
	number, err := strconv.Atoi(effectID[strings.LastIndexByte(effectID, '/')+1:])
	if err != nil {
		return 0
	}
	return number
}
