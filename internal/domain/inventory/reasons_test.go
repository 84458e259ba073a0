package inventory_test

import (
	"testing"

	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/state"
)

func TestOnlyHeldStockOfNamedItemsIsSold(t *testing.T) {
	w, about := world{}, inventory.Order{Tenant: "t", OrderID: "order:1", SKUs: []string{"A"}}
	if refusal := w.do(inventory.Sell{Order: about}); refusal == nil || refusal.Reason != "NOT_RESERVED" {
		t.Errorf("without a reservation: %v", refusal)
	}
	held := &state.Reservation{
		Tenant: "t", ID: inventory.ReservationRef("t", "order:1").ID, OrderID: "order:1", Status: state.ReservationHeld,
		Items: []state.Demand{{SKU: "B", Quantity: 1}},
	}
	w[held.Ref()] = held
	if refusal := w.do(inventory.Sell{Order: about}); refusal == nil || refusal.Reason != "STALE_DEMAND" {
		t.Errorf("of an item that was not named: %v", refusal)
	}
}

// Of a shortage every SKU that ran out is told, and nothing is moved.
func TestExchangeTellsEveryShortage(t *testing.T) {
	w, about := world{}, inventory.Order{Tenant: "t", OrderID: "order:1", SKUs: []string{"A", "B", "C"}}
	for _, sku := range []string{"A", "B"} {
		w.do(inventory.SetStock{Tenant: "t", SKU: sku, OnHand: 3})
	}
	w.do(inventory.Reserve{Order: about, Items: []state.Demand{{SKU: "A", Quantity: 3}}})
	refusal := w.do(inventory.Exchange{Order: about, Items: []state.Demand{
		{SKU: "A", Quantity: 1}, {SKU: "B", Quantity: 4}, {SKU: "C", Quantity: 1},
	}})
	if refusal == nil || refusal.Reason != "INSUFFICIENT_STOCK" || len(refusal.Violations) != 2 || refusal.Violations[1].Field != "C" {
		t.Fatalf("answered %+v", refusal)
	}
	if w.item("A").Reserved != 3 || w.item("B").Reserved != 0 {
		t.Errorf("moved: %+v %+v", w.item("A"), w.item("B"))
	}
	about.SKUs = []string{"A"}
	if refusal := w.do(inventory.Exchange{Order: about, Items: []state.Demand{{SKU: "B", Quantity: 1}}}); refusal == nil || refusal.Reason != inventory.StaleDemand {
		t.Errorf("of an item that was not named: %v", refusal)
	}
}
