// Package inventory decides on stock: setting it, setting it aside for orders, giving it back and selling it (requirements O-2,
// O-12, S-4). available = on_hand - reserved never falls below zero, so nothing is ever oversold. Every decision is idempotent
// by the state of the order's reservation, whose id derives from the order's.
package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// EventStockChanged is the type of an item's events.
const EventStockChanged = "stock.changed"

// Sum adds a demand up by SKU, in byte order of the SKU.
func Sum(lines []state.Line) []state.Demand {
	demands := make([]state.Demand, len(lines))
	for i, line := range lines {
		demands[i] = state.Demand{SKU: line.SKU, Quantity: int64(line.Quantity)}
	}
	return SumDemands(demands)
}

// SumDemands adds demands up by SKU, in byte order of the SKU; it reuses the slice.
func SumDemands(demands []state.Demand) []state.Demand {
	slices.SortFunc(demands, func(a, b state.Demand) int { return strings.Compare(a.SKU, b.SKU) })
	summed := demands[:0]
	for _, demand := range demands {
		if last := len(summed) - 1; last >= 0 && summed[last].SKU == demand.SKU {
			summed[last].Quantity += demand.Quantity
			continue
		}
		summed = append(summed, demand)
	}
	return summed
}

// Order says whose reservation a command is about and which SKUs it may touch.
type Order struct {
	Tenant, OrderID string
	SKUs            []string
}

// ReservationRef is the row of an order's reservation.
func ReservationRef(tenant, orderID string) state.Ref {
	return state.Ref{Kind: state.KindReservation, Tenant: tenant, ID: id.Derive("reservation", orderID)}
}

// ItemRef is the row of a SKU's stock.
func ItemRef(tenant, sku string) state.Ref {
	return state.Ref{Kind: state.KindItem, Tenant: tenant, ID: sku}
}

// Refs implements domain.Command for all commands about an order's reservation.
func (o Order) Refs() []state.Ref {
	refs := make([]state.Ref, 0, len(o.SKUs)+1)
	refs = append(refs, ReservationRef(o.Tenant, o.OrderID))
	for _, sku := range o.SKUs {
		refs = append(refs, ItemRef(o.Tenant, sku))
	}
	return refs
}

// Reserve sets aside all of an order's demand or none of it. A shortage is stored as a REJECTED reservation, so that the step is done
// and never done again.
type Reserve struct {
	Order
	Items []state.Demand // as Sum answers it
}

// Decide implements domain.Command. A reservation that exists is the answer, whatever became of it.
func (c Reserve) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := ReservationRef(c.Tenant, c.OrderID)
	if found := domain.Find[state.Reservation](states, ref); found != nil {
		return domain.Decision{Answer: ref}, nil
	}
	reservation := &state.Reservation{
		Tenant: c.Tenant, ID: ref.ID, OrderID: c.OrderID, Status: state.ReservationHeld, Items: c.Items, Version: 1, UpdatedAt: now,
	}
	changes := make([]domain.Change, 0, len(c.Items)+1)
	changes = append(changes, domain.Change{After: reservation})
	for _, demand := range c.Items {
		item := domain.Find[state.Item](states, ItemRef(c.Tenant, demand.SKU))
		if item == nil || item.OnHand-item.Reserved < demand.Quantity {
			reservation.Status, reservation.RejectedSKU = state.ReservationRejected, demand.SKU
			return domain.Decision{Changes: changes[:1], Answer: ref}, nil
		}
		changes = append(changes, move(item, now, 0, demand.Quantity, 0))
	}
	return domain.Decision{Changes: changes, Answer: ref}, nil
}

// move is a change of an item by differences.
func move(item *state.Item, now time.Time, onHand, reserved, sold int64) domain.Change {
	after := *item
	after.OnHand += onHand
	after.Reserved += reserved
	after.Sold += sold
	after.Version++
	after.UpdatedAt = now
	return domain.Change{Before: item, After: &after}
}

// Release gives an order's reserved stock back.
type Release struct {
	Order
	Refuse bool // refuse what is not held instead of taking it as done
}

// Decide implements domain.Command.
func (c Release) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	return c.settle(states, now, state.ReservationReleased, c.Refuse, func(item *state.Item, quantity int64) domain.Change {
		return move(item, now, 0, -quantity, 0)
	})
}

// Sell turns an order's reserved stock into sold stock.
type Sell struct{ Order }

// Decide implements domain.Command. Stock that is not held for the order any more cannot be sold to it: the step is refused, and
// what led to it becomes a dead letter that a person sees.
func (c Sell) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	reservation := domain.Find[state.Reservation](states, ReservationRef(c.Tenant, c.OrderID))
	if reservation == nil || (reservation.Status != state.ReservationHeld && reservation.Status != state.ReservationSold) {
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "NOT_RESERVED", "no stock is held for the order any more").
			With("order_id", c.OrderID)
	}
	return c.settle(states, now, state.ReservationSold, false, func(item *state.Item, quantity int64) domain.Change {
		return move(item, now, -quantity, -quantity, quantity)
	})
}

// settle ends a held reservation; one that is not held has been settled before.
func (o Order) settle(states domain.States, now time.Time, to state.ReservationStatus, refuse bool,
	change func(*state.Item, int64) domain.Change) (domain.Decision, *fault.Fault) {
	ref := ReservationRef(o.Tenant, o.OrderID)
	reservation := domain.Find[state.Reservation](states, ref)
	switch {
	case reservation == nil && refuse:
		return domain.Decision{}, fault.NotFoundf("reservation of order", o.OrderID)
	case reservation == nil || (reservation.Status != state.ReservationHeld && !refuse) || reservation.Status == to:
		return domain.Decision{Answer: ref}, nil
	case reservation.Status != state.ReservationHeld:
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION",
			"the reservation is not held any more").With("order_id", o.OrderID)
	}
	after := *reservation
	after.Status, after.UpdatedAt = to, now
	after.Version++
	changes := []domain.Change{{Before: reservation, After: &after}}
	for _, demand := range reservation.Items {
		if !slices.Contains(o.SKUs, demand.SKU) {
			return domain.Decision{}, Stale(o.OrderID, demand.SKU)
		}
		item := domain.Find[state.Item](states, ItemRef(o.Tenant, demand.SKU))
		if item == nil {
			return domain.Decision{}, Stale(o.OrderID, demand.SKU)
		}
		changes = append(changes, change(item, demand.Quantity))
	}
	return domain.Decision{Changes: changes, Answer: ref}, nil
}

// StaleDemand is the reason of a step that was made for other lines than the order has now. It is made anew from the lines as they are.
const StaleDemand = "STALE_DEMAND"

// Stale is the refusal of such a step; its metadata names the order.
func Stale(orderID, sku string) *fault.Fault {
	return fault.New(fault.Aborted, StaleDemand, "the step did not name %q of the order; it is tried again", sku).With("order_id", orderID)
}

// Exchange makes a held reservation one of another demand: what is wanted in addition is set aside and what is not wanted any more given
// back, all of it or nothing (requirement O-12).
type Exchange struct {
	Order
	Items []state.Demand // as Sum answers it
}

// Decide implements domain.Command. A shortage is refused with a violation for each SKU that ran out, in whose field the SKU stands.
func (c Exchange) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := ReservationRef(c.Tenant, c.OrderID)
	reservation := domain.Find[state.Reservation](states, ref)
	if reservation == nil || reservation.Status != state.ReservationHeld {
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "NOT_RESERVED", "no stock is held for the order any more").
			With("order_id", c.OrderID)
	}
	after := *reservation
	after.Items, after.UpdatedAt = c.Items, now
	after.Version++
	changes := []domain.Change{{Before: reservation, After: &after}}
	var short *fault.Fault
	for _, difference := range differences(reservation.Items, c.Items) {
		if !slices.Contains(c.SKUs, difference.SKU) {
			return domain.Decision{}, Stale(c.OrderID, difference.SKU)
		}
		item := domain.Find[state.Item](states, ItemRef(c.Tenant, difference.SKU))
		if item == nil {
			item = &state.Item{SKU: difference.SKU} // nothing was ever there; there is too little of it
		}
		if available := item.OnHand - item.Reserved; available < difference.Quantity {
			short = lacking(short, difference, available)
			continue
		}
		changes = append(changes, move(item, now, 0, difference.Quantity, 0))
	}
	if short != nil {
		return domain.Decision{}, short
	}
	return domain.Decision{Changes: changes, Answer: ref}, nil
}

// differences answers what has to be moved for a demand to become another, without what stays the same.
func differences(before, after []state.Demand) []state.Demand {
	both := slices.Clone(after)
	for _, demand := range before {
		both = append(both, state.Demand{SKU: demand.SKU, Quantity: -demand.Quantity})
	}
	return slices.DeleteFunc(SumDemands(both), func(d state.Demand) bool { return d.Quantity == 0 })
}

// lacking adds a SKU to the refusal of a shortage.
func lacking(short *fault.Fault, wanted state.Demand, available int64) *fault.Fault {
	if short == nil {
		short = fault.New(fault.FailedPrecondition, "INSUFFICIENT_STOCK", "%d more pieces of %q are wanted and %d are available",
			wanted.Quantity, wanted.SKU, available).With("sku", wanted.SKU).With("available", strconv.FormatInt(available, 10)).
			With("wanted", strconv.FormatInt(wanted.Quantity, 10))
	}
	return short.Violating(wanted.SKU, "INSUFFICIENT_STOCK", "%d more pieces of %q are wanted and %d are available",
		wanted.Quantity, wanted.SKU, available)
}

// SetStock sets the number of pieces in the house, or changes it by Difference when that is not zero.
type SetStock struct {
	Tenant, SKU     string
	OnHand          int64
	Difference      int64
	ExpectedVersion int64
}

// Refs implements domain.Command.
func (c SetStock) Refs() []state.Ref { return []state.Ref{ItemRef(c.Tenant, c.SKU)} }

// Decide implements domain.Command. What cannot be cured by reading again is refused first.
func (c SetStock) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := ItemRef(c.Tenant, c.SKU)
	item := domain.Find[state.Item](states, ref)
	if item == nil && c.Difference != 0 {
		return domain.Decision{}, fault.NotFoundf("stock of sku", c.SKU)
	}
	var before state.Row
	after := state.Item{Tenant: c.Tenant, SKU: c.SKU}
	if item != nil {
		before, after = item, *item
	}
	onHand := c.OnHand
	if c.Difference != 0 {
		var err error
		if onHand, err = money.Add(after.OnHand, c.Difference); err != nil {
			return domain.Decision{}, fault.Invalid("difference", "OUT_OF_RANGE", "takes on_hand beyond %d", int64(money.Limit))
		}
	}
	if onHand < after.Reserved || onHand < 0 {
		words := fmt.Sprintf("on_hand cannot be %d: %d pieces are reserved for orders", onHand, after.Reserved)
		if after.Reserved == 0 {
			words = fmt.Sprintf("on_hand cannot be %d: it is %d, and cannot go below 0", onHand, after.OnHand)
		}
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "BELOW_RESERVED", "%s", words).
			With("reserved", strconv.FormatInt(after.Reserved, 10)).
			Needing("STOCK", c.SKU, "reserved "+strconv.FormatInt(after.Reserved, 10))
	}
	if c.ExpectedVersion != 0 && c.ExpectedVersion != after.Version {
		return domain.Decision{}, fault.New(fault.Aborted, "VERSION_CONFLICT",
			"the item has version %d, not %d; read it again and decide anew", after.Version, c.ExpectedVersion).
			With("version", strconv.FormatInt(after.Version, 10))
	}
	after.OnHand, after.UpdatedAt = onHand, now
	after.Version++
	after.Seq++
	return domain.Decision{Changes: []domain.Change{{Before: before, After: &after, Event: EventStockChanged}}, Answer: ref}, nil
}
