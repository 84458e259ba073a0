package reliability

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Deposits and withdrawals are compared with `oms gateway` as orders are: what was paid out behind our back is found, by pages of any size,
// and nothing else is (requirement S-5).
func TestReconcilePlayers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w, g := newGatewayWorld(t, kind)
			w.startAll()
			w.pays(t, "ann", 10000)
			w.pays(t, "bob", 5000)
			for i, token := range []string{"sim:ok", "sim:declined", "sim:ok"} {
				w.provides(t, "payments", fmt.Sprintf(`{"player_id":"ann","type":"withdrawal","amount":{"amount":%d.00,"currency":"EUR"},"payment_token":%q}`,
					10+i, token))
			}
			w.eventually("the withdrawals have their outcome", func() bool {
				return w.count("SELECT count(*) FROM player_payments WHERE status IN (4, 5)") == 5
			})
			var report *omsv1.ReconcilePaymentsResponse
			w.eventually("books and gateway say the same", func() bool {
				report = w.reconciled(t, 0)
				return len(report.Differences)+len(report.Open) == 0
			})
			for _, sums := range [][]*omsv1.PaymentTotals{report.Here, report.AtGateway} {
				if len(sums) != 1 || sums[0].Payments != 4 || sums[0].HeldMinor != 15000 || sums[0].CapturedMinor != 15000 || sums[0].PaidOutMinor != 2200 {
					t.Errorf("summed up: %v", sums)
				}
			}
			paid := w.paidTwice(t, g)
			for _, size := range []int32{0, 1, 2} {
				var found *omsv1.ReconcilePaymentsResponse
				w.eventually("what differs is settled", func() bool {
					found = w.reconciled(t, size)
					return len(found.Open) == 0
				})
				if len(found.Differences) != 1 || found.Differences[0].PaymentId != paid || found.Differences[0].Kind != "AMOUNT_DIFFERS" ||
					found.Differences[0].PlayerId != "ann" || found.Differences[0].AtGateway.PaidOutMinor != found.Differences[0].Here.PaidOutMinor+1 {
					t.Errorf("pages of %d: %v", size, found.Differences)
				}
			}
		})
	}
}

// paidTwice has the gateway pay out one cent more for a withdrawal, behind our back, and answers which.
func (w *world) paidTwice(t *testing.T, g *gatewayProgram) string {
	t.Helper()
	totals, err := gateway.ReadTotals(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	for _, total := range totals {
		if total.PaidOutMinor == 0 {
			continue
		}
		body := fmt.Sprintf(`{"tenant":"default","payment":%q,"order_id":"","token":"sim:ok","currency":"EUR","amount_minor":1}`, total.Payment)
		request, err := http.NewRequestWithContext(within(t), http.MethodPost, "http://"+g.address+"/v1/payouts", bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Idempotency-Key", "planted")
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusAccepted {
			t.Fatalf("planted: %d", response.StatusCode)
		}
		return total.Payment
	}
	t.Fatal("nothing was paid out")
	return ""
}

// reconciled adds the pages of a comparison up; sums of pages are added where there is one currency.
func (w *world) reconciled(t *testing.T, size int32) *omsv1.ReconcilePaymentsResponse {
	t.Helper()
	all, request := &omsv1.ReconcilePaymentsResponse{}, &omsv1.ReconcilePaymentsRequest{PageSize: size, SettledSeconds: 1}
	for {
		page, err := omsv1.NewOperationsServiceClient(w.servers[0].internal).ReconcilePayments(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range append(page.Differences, page.Open...) {
			if !strings.HasPrefix(d.PaymentId, "player_payment:") || d.OrderId != "" {
				t.Errorf("of no player: %v", d)
			}
		}
		all.Differences, all.Open = append(all.Differences, page.Differences...), append(all.Open, page.Open...)
		all.Here, all.AtGateway = append(all.Here, page.Here...), append(all.AtGateway, page.AtGateway...)
		if request.PageToken = page.NextPageToken; request.PageToken == "" {
			return all
		}
	}
}
