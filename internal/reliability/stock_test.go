package reliability

import (
	"fmt"
	"sync"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

// A hundred buyers at once, and ten pieces: ten get one, ninety are told why not, and the counters add up.
func TestHundredBuyersOfTheLastTen(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("last", 10)
		w.stock("plenty", 1_000)
		var buyers sync.WaitGroup
		for i := range 100 {
			buyers.Go(func() {
				client := w.any(i).client
				created, err := load.Send(within(t), client, load.Key(), client.Orders.CreateOrder,
					draft(fmt.Sprintf("buyer-%d", i), 1, "plenty", "last"))
				if err != nil {
					t.Error(err)
					return
				}
				_, err = load.Send(within(t), client, load.Key(), client.Orders.PayOrder,
					&omsv1.PayOrderRequest{OrderId: created.Order.Id, PaymentToken: gateway.TokenOK})
				if reason := load.Reason(err); err != nil && reason != "ILLEGAL_TRANSITION" {
					t.Error(err)
				}
			})
		}
		buyers.Wait()
		orders := w.checkBooks()
		if counts := statuses(orders); len(orders) != 100 || counts[confirmed] != 10 || counts[canceled] != 90 {
			t.Errorf("%d orders, %v", len(orders), counts)
		}
		for _, o := range orders {
			if o.Status == canceled && (o.StatusReason != "OUT_OF_STOCK" || o.StatusDetail == "") {
				t.Errorf("%s is CANCELED for %q, %q", o.Id, o.StatusReason, o.StatusDetail)
			}
		}
		w.checkItem("last", 0, 0, 10)
		w.checkItem("plenty", 990, 0, 10)
	})
}
