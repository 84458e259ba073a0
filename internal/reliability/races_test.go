package reliability

import (
	"slices"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

// rounds is how often each race is run.
func rounds() int {
	if testing.Short() {
		return 8
	}
	return 30
}

// outcome is what one of several racing commands was told: "" for yes, else the reason of the refusal.
type outcome = string

func (w *world) tryPay(t testing.TB, server int, orderID, token string) outcome {
	client := w.any(server).client
	_, err := load.Send(within(t), client, load.Key(), client.Orders.PayOrder,
		&omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: token})
	return told(t, err)
}

func (w *world) tryCancel(t testing.TB, server int, orderID string) outcome {
	client := w.any(server).client
	_, err := load.Send(within(t), client, load.Key(), client.Orders.CancelOrder, &omsv1.CancelOrderRequest{OrderId: orderID})
	return told(t, err)
}

func (w *world) tryRefund(t testing.TB, server int, orderID string, amount int64) outcome {
	client := w.any(server).client
	request := &omsv1.RefundOrderRequest{OrderId: orderID}
	if amount > 0 {
		request.Amount = euros(amount)
	}
	_, err := load.Send(within(t), client, load.Key(), client.Orders.RefundOrder, request)
	return told(t, err)
}

func told(t testing.TB, err error) outcome {
	t.Helper()
	if err == nil {
		return ""
	}
	if load.Reason(err) == "" {
		t.Error(err)
	}
	return load.Reason(err)
}

func yes(outcomes []outcome) int {
	return len(outcomes) - len(slices.DeleteFunc(slices.Clone(outcomes), func(o outcome) bool { return o == "" }))
}

// Two payments of one order at once: one is taken, the other is told so; the money moves once.
func TestPaymentDoubled(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 100_000)
		atOnce(rounds(), func(round int) {
			order := w.create(draft("c", 1, "mug"))
			if round%2 == 0 {
				w.await(order.Id, reserved)
			}
			outcomes := make([]outcome, 4)
			atOnce(len(outcomes), func(i int) {
				outcomes[i] = w.tryPay(t, i, order.Id, []string{gateway.TokenOK, gateway.TokenDuplicate}[i%2])
			})
			if yes(outcomes) != 1 {
				t.Errorf("of %d payments %d were taken: %q", len(outcomes), yes(outcomes), outcomes)
			}
			for _, o := range outcomes {
				if o != "" && o != "PAYMENT_IN_PROGRESS" && o != "ILLEGAL_TRANSITION" {
					t.Errorf("refused with %s", o)
				}
			}
			w.await(order.Id, confirmed)
		})
		w.checkBooks()
		w.checkItem("mug", 100_000-int64(rounds()), 0, int64(rounds()))
	})
}

// Payment and cancellation at once: whoever wins, nothing is owed in the end, and no stock is left set aside.
func TestPaymentAndCancellation(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 100_000)
		tokens := []string{gateway.TokenOK, gateway.TokenTimeout, gateway.TokenDuplicate, gateway.TokenOK, gateway.TokenOK}
		atOnce(2*rounds(), func(round int) {
			order := w.create(draft("c", 1, "mug"))
			if round%3 > 0 {
				w.await(order.Id, reserved)
			}
			var pay, cancel outcome
			atOnce(2, func(i int) {
				if i == 0 {
					pay = w.tryPay(t, round, order.Id, tokens[round%len(tokens)])
					return
				}
				if round%2 == 0 {
					w.await(order.Id, reserved, paid, confirmed, canceled)
				}
				cancel = w.tryCancel(t, round+1, order.Id)
			})
			if pay != "" && cancel != "" {
				t.Errorf("payment refused with %s, cancellation with %s", pay, cancel)
			}
			got := w.await(order.Id, confirmed, canceled, refunded)
			if (got.Status == confirmed) != (cancel != "") {
				t.Errorf("cancellation %q, order %v", cancel, got)
			}
		})
		orders := w.checkBooks()
		counts := statuses(orders)
		t.Logf("%v", counts)
		w.checkItem("mug", 100_000-int64(counts[confirmed]), 0, int64(counts[confirmed]))
	})
}

// Partial refunds at once: no more is given back than was taken, and nothing less than what was promised.
func TestRefundsAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 100_000)
		atOnce(rounds(), func(round int) {
			order := w.buy(draft("c", 1, "mug"))
			if round%2 == 0 {
				w.twoRefunds(t, order.Id)
				return
			}
			outcomes := make([]outcome, 10)
			atOnce(len(outcomes), func(i int) { outcomes[i] = w.tryRefund(t, i, order.Id, 150) })
			if yes(outcomes) != 6 {
				t.Errorf("of ten refunds of 150 of 1000 %d were taken: %q", yes(outcomes), outcomes)
			}
		})
		for _, o := range w.checkBooks() {
			want := map[int64]omsv1.OrderStatus{600: confirmed, 900: confirmed, 1000: refunded}[o.Payment.RefundedMinor]
			if o.Status != want {
				t.Errorf("refunded %d, order %v", o.Payment.RefundedMinor, o)
			}
		}
		w.checkItem("mug", 100_000-int64(rounds()), 0, int64(rounds()))
	})
}

func (w *world) twoRefunds(t *testing.T, orderID string) {
	outcomes := make([]outcome, 2)
	atOnce(2, func(i int) { outcomes[i] = w.tryRefund(t, i, orderID, 600) })
	if yes(outcomes) != 1 || !slices.Contains(outcomes, "REFUND_EXCEEDS_CAPTURED") {
		t.Errorf("two refunds of 600 of 1000: %q", outcomes)
	}
	rest := make([]outcome, 3)
	atOnce(3, func(i int) { rest[i] = w.tryRefund(t, i, orderID, 0) })
	if yes(rest) != 1 {
		t.Errorf("three refunds of the rest: %q", rest)
	}
}
