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
