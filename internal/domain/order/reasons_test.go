package order_test

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

func TestDemandMustBeTheOrders(t *testing.T) {
	for _, quantity := range []int64{0, 2} {
		_, decision, refusal := when(given(state.OrderPending, state.PaymentNone),
			order.Reservable{Name: name, Demand: []state.Demand{{SKU: "A", Quantity: quantity}}}, now)
		if refusal == nil || refusal.Reason != "DEMAND_MISMATCH" || len(decision.Changes) > 0 {
			t.Errorf("%d pieces: %v", quantity, refusal)
		}
	}
}

func TestUnknownCurrencyComesFirst(t *testing.T) {
	_, refusal := order.NewCreate(order.Draft{
		Currency: "ZZZ", SKUs: []string{"A"}, Quantities: []int32{1}, Prices: []order.Priced{{Currency: "EUR", AmountMinor: -1}},
	}, time.Minute, id.Random{})
	if refusal == nil || refusal.Reason != "CURRENCY_UNKNOWN" || len(refusal.Violations) != 3 {
		t.Errorf("refused as %v", refusal)
	}
}
