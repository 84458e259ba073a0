package flow_test

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// rows is what a decision sees.
type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row { return r[ref] }

func edited(found rows, named bool, skus []string, parts ...order.Part) (domain.Decision, *fault.Fault) {
	name := order.Name{Tenant: "t", OrderID: "order:019b0000-0000-7000-8000-000000000001"}
	steps := flow.Edit(flow.Subject{Tenant: "t", OrderID: name.OrderID, Names: skus}, order.Edit{Name: name, Listed: true, Parts: parts}, named)
	return steps[0].Next(found).Decide(found, time.Unix(1, 0))
}

// Pieces in addition cost what the catalogue says; what was ordered before keeps its price. A price and a shortage are told at once. Whoever does
// not know of the catalogue, or of the lines as they are, decides nothing.
func TestPricesOfEditedLines(t *testing.T) {
	o := &state.Order{
		Tenant: "t", ID: "order:019b0000-0000-7000-8000-000000000001", Status: state.OrderReserved, Currency: "EUR", AmountMinor: 20, Version: 2,
		Lines: []state.Line{{SKU: "A", Quantity: 2, PriceMinor: 10}},
	}
	held := &state.Reservation{
		Tenant: "t", ID: inventory.ReservationRef("t", o.ID).ID, OrderID: o.ID, Status: state.ReservationHeld, Items: inventory.Sum(o.Lines), Version: 1,
	}
	found := rows{
		o.Ref(): o, held.Ref(): held,
		inventory.ItemRef("t", "A"):  &state.Item{Tenant: "t", SKU: "A", OnHand: 9, Reserved: 2, Version: 1},
		catalogue.HeadRef("t"):       &state.Catalogue{Tenant: "t", ID: state.CatalogueID},
		catalogue.PriceRef("t", "A"): &state.Price{Tenant: "t", SKU: "A", Currency: "EUR", AmountMinor: 11, Version: 1},
	}
	fewer := order.Part{Target: order.TargetQuantity, Path: "items[0].qty", Quantity: 1}
	more := order.Part{Target: order.TargetQuantity, Path: "items[0].qty", Quantity: 3}
	lacking := order.Part{Target: order.TargetAddLine, Path: "items", Currency: "EUR", Added: state.Line{SKU: "B", Quantity: 1, PriceMinor: 1}}
	if decision, refused := edited(found, true, []string{"A"}, fewer); refused != nil || decision.Refusal != nil {
		t.Errorf("fewer at the old price: %v %v", refused, decision.Refusal)
	}
	decision, refused := edited(found, true, []string{"A"}, more, lacking)
	if refused != nil || decision.Refusal == nil || decision.Refusal.Reason != catalogue.PriceChanged || len(decision.Refusal.Violations) != 2 ||
		decision.Refusal.Violations[1].Reason != "INSUFFICIENT_STOCK" || decision.Refusal.Metadata["amount_minor"] != "11" || len(decision.Changes) != 2 {
		t.Errorf("more at the old price: %v %+v", refused, decision.Refusal)
	}
	if _, refused := edited(found, false, []string{"A"}, more); refused == nil || refused.Reason != catalogue.Opened {
		t.Errorf("without knowing of the catalogue: %v", refused)
	}
	if _, refused := edited(found, true, nil, fewer); refused == nil || refused.Reason != inventory.StaleDemand {
		t.Errorf("without knowing of the lines: %v", refused)
	}
}
