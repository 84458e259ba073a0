package order

import (
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Name says which order a command is about.
type Name struct{ Tenant, OrderID string }

// Ref is the order's row.
func (n Name) Ref() state.Ref {
	return state.Ref{Kind: state.KindOrder, Tenant: n.Tenant, ID: n.OrderID}
}

// Refs implements domain.Command for all commands about one order.
func (n Name) Refs() []state.Ref { return []state.Ref{n.Ref()} }

// find answers the order or NOT_FOUND, also for another tenant's (ruling R-9).
func (n Name) find(states domain.States) (*state.Order, *fault.Fault) {
	if o := domain.Find[state.Order](states, n.Ref()); o != nil {
		return o, nil
	}
	return nil, fault.NotFoundf("order", n.OrderID)
}

// next copies an order for its next version.
func next(o *state.Order, now time.Time) *state.Order {
	after := *o
	after.Version++
	after.UpdatedAt = now
	return &after
}

// became is the decision of a change of status.
func became(before, after *state.Order) domain.Decision {
	return domain.Decision{
		Changes: []domain.Change{{Before: before, After: after, Event: EventStatusChanged, Reason: after.StatusReason}},
		Answer:  after.Ref(),
	}
}

// updated is the decision of a change within a status.
func updated(before, after *state.Order, reason string) domain.Decision {
	return domain.Decision{
		Changes: []domain.Change{{Before: before, After: after, Event: EventUpdated, Reason: reason}},
		Answer:  after.Ref(),
	}
}

// unchanged answers the order as it stands.
func unchanged(o *state.Order) domain.Decision { return domain.Decision{Answer: o.Ref()} }

// illegal is the refusal of a transition; it names the current status (requirement O-4).
func illegal(o *state.Order, verb, allowed string) *fault.Fault {
	return fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION",
		"an order that is %s cannot be %s; it must be %s", o.Status, verb, allowed).
		With("status", o.Status.String()).With("version", strconv.FormatInt(o.Version, 10)).
		Needing("ORDER_STATUS", o.ID, "current status "+o.Status.String()+", needed "+allowed)
}

// expect is the optimistic lock (requirement O-4); it comes after every refusal that a newer version could not cure.
func expect(o *state.Order, version int64) *fault.Fault {
	if version == 0 || version == o.Version {
		return nil
	}
	return fault.New(fault.Aborted, "VERSION_CONFLICT",
		"the order has version %d, not %d; read it again and decide anew", o.Version, version).
		With("version", strconv.FormatInt(o.Version, 10)).With("expected_version", strconv.FormatInt(version, 10))
}

// MarkReserved takes a PENDING order to RESERVED; with an accepted payment it goes on processing.
type MarkReserved struct{ Name }

// Decide implements domain.Command. Not PENDING any more means that it has been done or overtaken.
func (c MarkReserved) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderPending {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.Status = state.OrderReserved
	if after.PaymentStatus != state.PaymentRequested {
		return became(o, after), nil
	}
	decision := became(o, after)
	if after.AmountMinor > 0 {
		after.PaymentStatus = state.PaymentProcessing
		return decision, nil
	}
	paid := free(after, now)
	decision.Changes = append(decision.Changes, became(after, paid).Changes...)
	return decision, nil
}

// free pays an order whose amount is zero: there is nothing to ask a gateway for (requirement O-5).
func free(o *state.Order, now time.Time) *state.Order {
	paid := next(o, now)
	paid.Status = state.OrderPaid
	paid.PaymentStatus = state.PaymentCaptured
	return paid
}

// RejectStock ends a PENDING order whose lines cannot all be reserved.
type RejectStock struct {
	Name
	SKU string // the first that ran out
}

// Decide implements domain.Command.
func (c RejectStock) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil || o.Status != state.OrderPending {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	after.PaymentStatus, after.PaymentToken, after.PaymentCard = state.PaymentNone, "", state.Card{}
	return end(o, after, "OUT_OF_STOCK", c.SKU), nil
}

// end cancels an order and frees it of its timer.
func end(before, after *state.Order, reason, detail string) domain.Decision {
	after.Status, after.StatusReason, after.StatusDetail = state.OrderCanceled, reason, detail
	decision := became(before, after)
	decision.Timers = []domain.TimerChange{expiry(after, time.Time{})}
	return decision
}

// Expire ends an order that nobody has paid in time; the timer fires it.
type Expire struct{ Name }

// Decide implements domain.Command. Too early is ABORTED, so that the timer tries again (ruling R-7); a suspended or ended
// order only loses the timer.
func (c Expire) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if !o.Expires() {
		return domain.Decision{Timers: []domain.TimerChange{expiry(o, time.Time{})}, Answer: o.Ref()}, nil
	}
	if now.Before(o.ExpiresAt) {
		return domain.Decision{}, fault.New(fault.Aborted, "TOO_EARLY", "the order expires at %s", o.ExpiresAt.Format(time.RFC3339))
	}
	return end(o, next(o, now), "EXPIRED", ""), nil
}

// StopTimer takes the order's timer away, whatever the order says; a dead letter of the same group tells of an order that needs it. The
// order need not exist.
type StopTimer struct{ Name }

// Decide implements domain.Command.
func (c StopTimer) Decide(domain.States, time.Time) (domain.Decision, *fault.Fault) {
	about := &state.Order{Tenant: c.Tenant, ID: c.OrderID}
	return domain.Decision{Timers: []domain.TimerChange{expiry(about, time.Time{})}}, nil
}

// Cancel ends an unpaid order; a PAID one is marked, compensated and ends REFUNDED (requirement O-5).
type Cancel struct {
	Name
	Words           string // a person's reason
	ExpectedVersion int64
}

// Decide implements domain.Command.
func (c Cancel) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if o.Status == state.OrderConfirmed || o.Status.Terminal() {
		return domain.Decision{}, illegal(o, "canceled", "PENDING, RESERVED or PAID")
	}
	if refusal := expect(o, c.ExpectedVersion); refusal != nil {
		return domain.Decision{}, refusal
	}
	after := next(o, now)
	if o.Status != state.OrderPaid {
		if after.PaymentStatus == state.PaymentRequested {
			after.PaymentStatus, after.PaymentToken, after.PaymentCard = state.PaymentNone, "", state.Card{}
		}
		return end(o, after, "CANCELED_BY_CLIENT", c.Words), nil
	}
	if o.CancelRequested {
		return unchanged(o), nil
	}
	after.CancelRequested, after.StatusDetail = true, c.Words
	return updated(o, after, "CANCEL_REQUESTED"), nil
}

// Unpaid refuses while the order holds a payment: cancelling the order is the way to give it up.
type Unpaid struct{ Name }

// Decide implements domain.Command.
func (c Unpaid) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal == nil && o.Status == state.OrderPaid {
		refusal = illegal(o, "stripped of its payment", "canceled, by CancelOrder, instead")
	}
	return domain.Decision{}, refusal
}

// Reservable refuses unless the order waits for its stock and the demand is its own.
type Reservable struct {
	Name
	Demand []state.Demand // summed by SKU
}

// Decide implements domain.Command.
func (c Reservable) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if o.Status != state.OrderPending {
		return domain.Decision{}, illegal(o, "reserved", "PENDING")
	}
	wanted := map[string]int64{}
	for _, line := range o.Lines {
		wanted[line.SKU] += int64(line.Quantity)
	}
	for _, demand := range c.Demand {
		wanted[demand.SKU] -= demand.Quantity
	}
	for sku, difference := range wanted {
		if difference != 0 {
			return domain.Decision{}, fault.Invalid("items", "DEMAND_MISMATCH", "must be the order's lines; %q differs by %d", sku, difference)
		}
	}
	return domain.Decision{}, nil
}

// Ended refuses while the order lives: cancelling it is the way to give up what it holds. An order that does not exist holds
// nothing, unless Exists says that there must be one.
type Ended struct {
	Name
	Exists bool
}

// Decide implements domain.Command.
func (c Ended) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	if o == nil {
		if c.Exists {
			return domain.Decision{}, refusal
		}
		return domain.Decision{}, nil
	}
	if !o.Status.Terminal() {
		if o.Status == state.OrderConfirmed {
			return domain.Decision{}, illegal(o, "stripped of its stock", "CANCELED or REFUNDED, and its stock is sold: AdjustStock takes back "+
				"what is returned")
		}
		return domain.Decision{}, illegal(o, "stripped of its stock", "canceled, by CancelOrder, instead")
	}
	return domain.Decision{}, nil
}
