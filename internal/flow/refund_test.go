package flow_test

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// That no refund is left is told before what a change of the request cures, and behind that the order is none to be refunded (requirement C-5).
func TestRefundsThatHaveNoEnd(t *testing.T) {
	name := order.Name{Tenant: "t", OrderID: "order:019b0000-0000-7000-8000-000000000001"}
	o := &state.Order{Tenant: "t", ID: name.OrderID, Status: state.OrderConfirmed, Currency: "EUR", AmountMinor: 2000, Version: 5}
	paid := &state.Payment{
		Tenant: "t", ID: payment.Name(name).Ref().ID, OrderID: o.ID, Status: state.PaymentCaptured, CapturedMinor: 2000,
		Refunds: make([]state.Refund, payment.RefundLimit),
	}
	wrong := order.Refund{Name: name, Amount: &order.Priced{Currency: "USD", AmountMinor: 9000}, ExpectedVersion: 99}
	refusedWith := func(status state.OrderStatus, refunds int) string {
		o.Status, paid.Refunds = status, make([]state.Refund, refunds)
		found := rows{o.Ref(): o, paid.Ref(): paid}
		for _, step := range flow.Refund(flow.Subject{Tenant: "t", OrderID: o.ID}, wrong, "") {
			var refused *fault.Fault
			if next := step.Next(found); next != nil {
				_, refused = next.Decide(found, time.Unix(1, 0))
			}
			if refused != nil {
				return refused.Reason
			}
		}
		return ""
	}
	for _, want := range []struct {
		status  state.OrderStatus
		refunds int
		reason  string
	}{
		{state.OrderConfirmed, payment.RefundLimit, "TOO_MANY_REFUNDS"},
		{state.OrderConfirmed, payment.RefundLimit - 1, "CURRENCY_MISMATCH"},
		{state.OrderRefunded, payment.RefundLimit, "ILLEGAL_TRANSITION"},
	} {
		if got := refusedWith(want.status, want.refunds); got != want.reason {
			t.Errorf("%v with %d refunds: %s, want %s", want.status, want.refunds, got, want.reason)
		}
	}
}
