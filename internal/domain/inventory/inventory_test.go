package inventory_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// world is the rows that decisions see and change.
type world map[state.Ref]state.Row

func (w world) Get(ref state.Ref) state.Row { return w[ref] }

// do decides and applies.
func (w world) do(c domain.Command) *fault.Fault {
	decision, refusal := c.Decide(w, time.Unix(1, 0))
	for _, change := range decision.Changes {
		w[change.After.Ref()] = change.After
	}
	return refusal
}

func (w world) item(sku string) state.Item {
	if item := domain.Find[state.Item](w, inventory.ItemRef("t", sku)); item != nil {
		return *item
	}
	return state.Item{}
}

// Against a model: whatever is set, reserved, released and sold, in any order and again, nothing is oversold, the counters add
// up, and an order's lines are reserved all or none (requirement O-12).
func TestStockAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, skus := world{}, []string{"A", "B", "C"}
		stocked, held, sold := map[string]int64{}, map[string]map[string]int64{}, map[string]int64{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			sku := rapid.SampledFrom(skus).Draw(t, "sku")
			orderID := fmt.Sprintf("order:%d", rapid.IntRange(1, 6).Draw(t, "order"))
			about := inventory.Order{Tenant: "t", OrderID: orderID, SKUs: skus}
			switch rapid.SampledFrom([]string{"set", "adjust", "reserve", "exchange", "release", "sell"}).Draw(t, "what") {
			case "set":
				onHand := rapid.Int64Range(0, 20).Draw(t, "on hand")
				if w.do(inventory.SetStock{Tenant: "t", SKU: sku, OnHand: onHand}) == nil {
					stocked[sku] = onHand + sold[sku]
				}
			case "adjust":
				difference := rapid.SampledFrom([]int64{-7, -1, 1, 5}).Draw(t, "difference")
				if w.do(inventory.SetStock{Tenant: "t", SKU: sku, Difference: difference}) == nil {
					stocked[sku] += difference
				}
			case "reserve":
				demand := inventory.SumDemands([]state.Demand{
					{SKU: sku, Quantity: rapid.Int64Range(1, 5).Draw(t, "qty")}, {SKU: "A", Quantity: 1}, {SKU: sku, Quantity: 1},
				})
				before := w[inventory.ReservationRef("t", orderID)]
				w.do(inventory.Reserve{Order: about, Items: demand})
				after := domain.Find[state.Reservation](w, inventory.ReservationRef("t", orderID))
				if before == nil && after.Status == state.ReservationHeld {
					held[orderID] = map[string]int64{}
					for _, d := range demand {
						held[orderID][d.SKU] = d.Quantity
					}
				}
			case "exchange":
				demand := inventory.SumDemands([]state.Demand{
					{SKU: sku, Quantity: rapid.Int64Range(1, 9).Draw(t, "qty")}, {SKU: "B", Quantity: 1},
				})
				fits := held[orderID] != nil
				for _, d := range demand {
					item := w.item(d.SKU)
					fits = fits && item.OnHand-item.Reserved+held[orderID][d.SKU] >= d.Quantity
				}
				refused := w.do(inventory.Exchange{Order: about, Items: demand})
				if (refused == nil) != fits {
					t.Fatalf("exchange for %v answered %v, model: fits %v", demand, refused, fits)
				}
				if fits {
					held[orderID] = map[string]int64{}
					for _, d := range demand {
						held[orderID][d.SKU] = d.Quantity
					}
				}
			case "release":
				w.do(inventory.Release{Order: about})
				delete(held, orderID)
			case "sell":
				w.do(inventory.Sell{Order: about})
				for of, quantity := range held[orderID] {
					sold[of] += quantity
				}
				delete(held, orderID)
			}
			for _, of := range skus {
				item, reserved := w.item(of), int64(0)
				for _, demand := range held {
					reserved += demand[of]
				}
				if item.Reserved != reserved || item.Sold != sold[of] || item.OnHand+item.Sold != stocked[of] || item.OnHand < item.Reserved {
					t.Fatalf("%s: %+v, model: reserved %d sold %d stocked %d", of, item, reserved, sold[of], stocked[of])
				}
			}
		}
	})
}

func TestSetStockRefuses(t *testing.T) {
	w := world{}
	w.do(inventory.SetStock{Tenant: "t", SKU: "A", OnHand: 5})
	w.do(inventory.Reserve{Order: inventory.Order{Tenant: "t", OrderID: "order:1", SKUs: []string{"A"}}, Items: []state.Demand{{SKU: "A", Quantity: 3}}})
	for reason, command := range map[string]inventory.SetStock{
		"BELOW_RESERVED":   {Tenant: "t", SKU: "A", OnHand: 2, ExpectedVersion: 1},
		"VERSION_CONFLICT": {Tenant: "t", SKU: "A", OnHand: 9, ExpectedVersion: 1},
		"NOT_FOUND":        {Tenant: "t", SKU: "B", Difference: 1},
	} {
		if refusal := w.do(command); refusal == nil || refusal.Reason != reason {
			t.Errorf("answered %v, want %s", refusal, reason)
		}
	}
}

// A group that did not name all SKUs of the reservation is refused as stale, so that it is tried again with all of them.
func TestSettleNeedsEverySKU(t *testing.T) {
	w := world{}
	w.do(inventory.SetStock{Tenant: "t", SKU: "A", OnHand: 5})
	w.do(inventory.Reserve{Order: inventory.Order{Tenant: "t", OrderID: "order:1", SKUs: []string{"A"}}, Items: []state.Demand{{SKU: "A", Quantity: 3}}})
	refusal := w.do(inventory.Sell{Order: inventory.Order{Tenant: "t", OrderID: "order:1"}})
	if refusal == nil || refusal.Code != fault.Aborted || w.item("A").Reserved != 3 {
		t.Errorf("answered %v, reserved %d", refusal, w.item("A").Reserved)
	}
}
