package app_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// A difference of each kind is planted at the gateway and found, and nothing else is: by pages of any size, and within a time.
func TestReconcilePayments(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			journal := filepath.Join(t.TempDir(), "gateway.journal")
			server := start(t, func(c *config.Config) {
				c.GatewayJournal = journal // of its own, so that others may write to it
				if store == "postgres" {
					c.Store = config.Place(postgrestest.New(t))
				}
			})
			server.reconciles(t, journal)
		})
	}
}

func (r *running) reconciles(t *testing.T, journal string) {
	t.Helper()
	r.hasTen(t)
	began := time.Now().Add(-time.Minute)
	var orders []string
	for range 5 {
		orders = append(orders, r.buyA(t))
	}
	r.eventually(t, "the payments have been as they are for a second", func() bool {
		found := r.reconcile(t, &omsv1.ReconcilePaymentsRequest{SettledSeconds: 1})
		return len(found.Differences)+len(found.Open) == 0 && len(found.Here) == 1 && found.Here[0].Payments == 5 &&
			found.Here[0].CapturedMinor == found.AtGateway[0].CapturedMinor
	})
	r.plantAtGateway(t, journal, orders)
	want := map[string]string{
		orders[1]: "AMOUNT_DIFFERS", orders[2]: "STATUS_DIFFERS", orders[3]: "MISSING_AT_GATEWAY", // orders[0] and [4] are as they were
	}
	for _, size := range []int32{0, 1, 2} {
		var found *omsv1.ReconcilePaymentsResponse
		r.eventually(t, "the differences are settled", func() bool {
			found = r.reconcile(t, &omsv1.ReconcilePaymentsRequest{SettledSeconds: 1, PageSize: size, CreatedFrom: timestamppb.New(began)})
			return len(found.Open) == 0
		})
		missingHere := 0
		for _, d := range found.Differences {
			if d.Kind == "MISSING_HERE" && d.Here == nil && d.AtGateway.HeldMinor > 0 {
				missingHere++
			} else if want[d.OrderId] != d.Kind {
				t.Errorf("pages of %d: %v", size, d)
			}
		}
		if missingHere != 1 || len(found.Differences) != len(want)+1 {
			t.Errorf("pages of %d: %v", size, found.Differences)
		}
	}
	if found := r.reconcile(t, &omsv1.ReconcilePaymentsRequest{CreatedTo: timestamppb.New(began)}); len(found.Here)+len(found.AtGateway) != 0 {
		t.Errorf("before anything was there: %v", found)
	}
	_, err := r.operations.ReconcilePayments(t.Context(), &omsv1.ReconcilePaymentsRequest{Gateway: "none"})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "sim") || reason(err) != "GATEWAY_UNKNOWN" {
		t.Errorf("an unknown gateway: %v", err)
	}
}

// plantAtGateway does behind our back: of the second order a refund, of the third another hold; the fourth becomes somebody else's.
func (r *running) plantAtGateway(t *testing.T, journal string, orders []string) {
	t.Helper()
	sim, err := gateway.OpenSimulator(gateway.SimulatorOptions{
		Journal: journal, Callback: func(context.Context, string, string, gateway.Answer) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sim.Close() }()
	payment := func(i int) *omsv1.Payment {
		got, err := r.payments.GetPayment(t.Context(), &omsv1.GetPaymentRequest{OrderId: orders[i]})
		if err != nil {
			t.Fatal(err)
		}
		return got.Payment
	}
	refunded, held, lost := payment(1), payment(2), payment(3)
	request := func(p *omsv1.Payment) gateway.Request {
		return gateway.Request{
			Tenant: "default", Key: "planted/" + p.Id, Payment: p.Id, OrderID: p.OrderId, Token: gateway.TokenOK, Currency: "EUR", AmountMinor: 1,
		}
	}
	refund := request(refunded)
	refund.ExternalID = refunded.ExternalId
	_, refundErr := sim.Refund(t.Context(), refund)
	_, holdErr := sim.Hold(t.Context(), request(held))
	text, readErr := os.ReadFile(journal)
	digits := strings.TrimPrefix(lost.Id, "payment:")
	other := digits[:len(digits)-1] + "0"
	if other == digits {
		other = digits[:len(digits)-1] + "1"
	}
	text = []byte(strings.ReplaceAll(string(text), digits, other))
	if writeErr := os.WriteFile(journal, text, 0o600); refundErr != nil || holdErr != nil || readErr != nil || writeErr != nil {
		t.Fatal(refundErr, holdErr, readErr, writeErr)
	}
}

// buyA buys one piece of A and waits until it is confirmed.
func (r *running) buyA(t *testing.T) string {
	t.Helper()
	created, err := r.orders.CreateOrder(keyed(t, "create-"+time.Now().String()), &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "A", Qty: 1, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 500}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.orders.PayOrder(keyed(t, "pay-"+created.Order.Id), &omsv1.PayOrderRequest{OrderId: created.Order.Id}); err != nil {
		t.Fatal(err)
	}
	r.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	return created.Order.Id
}

// reconcile adds all pages up.
func (r *running) reconcile(t *testing.T, request *omsv1.ReconcilePaymentsRequest) *omsv1.ReconcilePaymentsResponse {
	t.Helper()
	all := &omsv1.ReconcilePaymentsResponse{}
	for {
		page, err := r.operations.ReconcilePayments(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		all.Differences, all.Open = append(all.Differences, page.Differences...), append(all.Open, page.Open...)
		all.Here, all.AtGateway = append(all.Here, page.Here...), append(all.AtGateway, page.AtGateway...)
		if request.PageToken = page.NextPageToken; request.PageToken == "" {
			return all
		}
	}
}
