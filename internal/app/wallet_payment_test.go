package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
)

// soundly starts a server on each store, and verifies its database when the test has ended.
func soundly(t *testing.T, test func(t *testing.T, server *running)) {
	t.Helper()
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		server := start(t, store, func(c *config.Config) { storage = c.Storage })
		test(t, server)
		findings, err := app.Verify(t.Context(), storage)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			if finding.Violation != "" {
				t.Errorf("%s: %s", finding.Invariant, finding.Violation)
			}
		}
	})
}

// purse makes a player with some money.
func (r *running) purse(t *testing.T, player string, amount int64) {
	t.Helper()
	r.plays(t, "POST", "/v1/players", fmt.Sprintf(`{"player_id":%q,"currency":"EUR","locale":"de-DE"}`, player), 201, player)
	if amount > 0 {
		r.fund(t, "default", player, amount)
	}
}

// purseHas wants a player to have some available and some held, in minor units below ten thousand.
func (r *running) purseHas(t *testing.T, player, available, held string) {
	t.Helper()
	r.plays(t, "GET", "/v1/players/"+player+"/balances", "", 200,
		fmt.Sprintf(`"available":{"amount":%s,"currency":"EUR"},"held":{"amount":%s,"currency":"EUR"}`, available, held))
}

// payFrom pays an order from the wallet of its customer.
func (r *running) payFrom(t *testing.T, orderID string, change ...func(*omsv1.PayOrderRequest)) (*omsv1.Order, error) {
	t.Helper()
	request := &omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: "wallet"}
	for _, f := range change {
		f(request)
	}
	answer, err := r.orders.PayOrder(keyed(t, fmt.Sprint("pay", keys.Add(1))), request)
	return answer.GetOrder(), err
}

// refunds asks for a refund.
func (r *running) refunds(t *testing.T, orderID string, amount int64) error {
	t.Helper()
	_, err := r.orders.RefundOrder(keyed(t, fmt.Sprint("refund", keys.Add(1))), &omsv1.RefundOrderRequest{OrderId: orderID, Amount: euro(amount)})
	return err
}

// An order is paid from its customer's wallet by the saga that every order takes, and given back to it; no gateway is called.
func TestOrdersFromAWallet(t *testing.T) {
	soundly(t, func(t *testing.T, server *running) {
		server.purse(t, "ann", 2500)
		id := server.order(t, "ann", "whole")
		if o, err := server.payFrom(t, id, func(r *omsv1.PayOrderRequest) { r.DryRun = true }); err != nil || o.Payment.GetStatus() < omsv1.PaymentStatus_PAYMENT_STATUS_REQUESTED {
			t.Errorf("a dry run: %v %v", o, err)
		}
		server.purseHas(t, "ann", "25.00", "0.00")
		if _, err := server.payFrom(t, id); err != nil {
			t.Fatal(err)
		}
		if o := server.await(t, id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED); o.Payment.CapturedMinor != 1000 || o.Version != 5 {
			t.Errorf("confirmed as %v", o)
		}
		server.purseHas(t, "ann", "15.00", "0.00")
		p, err := server.payments.GetPayment(t.Context(), &omsv1.GetPaymentRequest{OrderId: id})
		if err != nil || p.Payment.Provider != "wallet" || p.Payment.ExternalId != "account:player_cash:EUR:ann" || p.Payment.Version != 3 {
			t.Errorf("the payment: %v %v", p, err)
		}
		server.refundsTwiceAtOnce(t, id)
		server.purseHas(t, "ann", "22.00", "0.00")
		if err := server.refunds(t, id, 301); reason(err) != "REFUND_EXCEEDS_CAPTURED" {
			t.Errorf("more than is left: %v", err)
		}
		if err := server.refunds(t, id, 300); err != nil {
			t.Error(err)
		}
		server.await(t, id, omsv1.OrderStatus_ORDER_STATUS_REFUNDED)
		server.purseHas(t, "ann", "25.00", "0.00")
		_, text := server.http(t, "GET", "/v1/orders/"+id+"/timeline", "", "X: y")
		if strings.Count(text, `"PAYMENT_STATUS_`)+strings.Count(text, "payment") < 3 {
			t.Errorf("the timeline: %s", text)
		}
		if found := server.reconcile(t, &omsv1.ReconcilePaymentsRequest{}); len(found.Differences)+len(found.Open)+len(found.Here) > 0 {
			t.Errorf("compared with the gateway: %v", found)
		}
	})
}

// refundsTwiceAtOnce gives 3.00 and 4.00 of an order back at the same time, and waits for both.
func (r *running) refundsTwiceAtOnce(t *testing.T, orderID string) {
	t.Helper()
	var group sync.WaitGroup
	for _, amount := range []int64{300, 400} {
		group.Go(func() {
			if err := r.refunds(t, orderID, amount); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r.eventually(t, "both refunds are there", func() bool {
		p := r.read(t, orderID).Payment
		return p.RefundedMinor == 700 && p.Status == omsv1.PaymentStatus_PAYMENT_STATUS_PARTIALLY_REFUNDED
	})
}

// Whoever has too little is declined, as by a gateway; the order ends, or waits for another payment.
func TestEmptyWallets(t *testing.T) {
	soundly(t, func(t *testing.T, server *running) {
		server.purse(t, "ann", 999)
		ends, waits := server.order(t, "ann", "ends"), server.order(t, "ann", "waits")
		if _, err := server.payFrom(t, ends); err != nil {
			t.Fatal(err)
		}
		if o := server.await(t, ends, omsv1.OrderStatus_ORDER_STATUS_CANCELED); o.StatusReason != "PAYMENT_DECLINED" || o.Payment.DeclineReason != "insufficient_funds" {
			t.Errorf("it ended as %v", o)
		}
		keep := func(r *omsv1.PayOrderRequest) { r.KeepOnDecline = true }
		declined := func() bool {
			o := server.read(t, waits)
			return o.Status == omsv1.OrderStatus_ORDER_STATUS_RESERVED && o.Payment.Status == omsv1.PaymentStatus_PAYMENT_STATUS_DECLINED
		}
		if _, err := server.payFrom(t, waits, keep); err != nil {
			t.Fatal(err)
		}
		server.eventually(t, "it is declined", declined)
		server.purseHas(t, "ann", "9.99", "0.00")
		more := fmt.Sprintf(`{"change_token":%q,"changes":[{"path":"items[0].qty","qty":3}]}`, server.read(t, waits).ChangeToken)
		if code, text := server.http(t, "POST", "/v1/orders/"+waits+"/changes", more, "Content-Type: application/json", "Idempotency-Key: more"); code != 200 {
			t.Fatalf("more pieces: %d %s", code, text)
		}
		server.fundMore(t, "ann", 501)
		if _, err := server.payFrom(t, waits, keep); err != nil {
			t.Fatal(err)
		}
		if o := server.await(t, waits, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED); o.Payment.CapturedMinor != 1500 {
			t.Errorf("confirmed as %v", o)
		}
		server.purseHas(t, "ann", "0.00", "0.00")
		gateway := server.order(t, "ann", "by a gateway")
		if _, err := server.payFrom(t, gateway, keep); err != nil {
			t.Fatal(err)
		}
		waits = gateway
		server.eventually(t, "it is declined", declined)
		server.pay(t, gateway, "sim:ok")
		server.await(t, gateway, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	})
}

// fundMore pays in once more, after fund.
func (r *running) fundMore(t *testing.T, player string, amount int64) {
	t.Helper()
	body := fmt.Sprintf(`{"player_id":%q,"type":"deposit","amount":{"amount":%d.%02d,"currency":"EUR"},"payment_token":"sim:ok"}`, player, amount/100, amount%100)
	var p paid
	if err := json.Unmarshal([]byte(r.plays(t, "POST", "/v1/payments", body, 201, "processing")), &p); err != nil {
		t.Fatal(err)
	}
	if got := r.ended(t, p.PaymentID); got.Status != "succeeded" {
		t.Fatalf("paid in: %+v", got)
	}
}

// What no wallet can pay is refused with the field and why.
func TestNoSuchWallet(t *testing.T) {
	server := start(t)
	server.plays(t, "POST", "/v1/players", `{"player_id":"usd","currency":"USD","locale":"en-US"}`, 201, "usd")
	for customer, want := range map[string]string{"nobody": "PLAYER_UNKNOWN", "usd": "CURRENCY_MISMATCH"} {
		for _, call := range []func(id string) error{
			func(id string) error { _, err := server.payFrom(t, id); return err },
			func(id string) error {
				_, err := server.payments.Hold(keyed(t, "hold"+id), &omsv1.HoldRequest{OrderId: id, PaymentToken: "wallet"})
				return err
			},
		} {
			id := server.order(t, customer)
			if err := call(id); reason(err) != want || status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "payment_token") {
				t.Errorf("%s: %v, want %s", customer, err, want)
			}
			if o := server.read(t, id); o.Payment.GetStatus() != 0 {
				t.Errorf("%s: %v", customer, o)
			}
		}
	}
	if _, err := server.payFrom(t, noOrder); status.Code(err) != codes.NotFound {
		t.Errorf("no such order: %v", err)
	}
}

// A hundred orders meet on one balance that covers ten of them, some are canceled meanwhile; money and stock add up (requirements X-3, P-3).
func TestWalletsAreNotOverdrawn(t *testing.T) {
	soundly(t, func(t *testing.T, server *running) {
		const orders, price, covered = 100, 1000, 10
		server.purse(t, "ann", covered*price+price/2)
		var group sync.WaitGroup
		ids := make([]string, orders)
		for i := range orders {
			ids[i] = server.order(t, "ann", fmt.Sprint(i))
		}
		for i, id := range ids {
			group.Go(func() {
				if _, err := server.payFrom(t, id); err != nil && (i%10 > 0 || reason(err) != "ILLEGAL_TRANSITION") {
					t.Error(err)
				}
			})
			if i%10 == 0 {
				group.Go(func() {
					_, err := server.orders.CancelOrder(keyed(t, "cancel"+id), &omsv1.CancelOrderRequest{OrderId: id})
					if err != nil && reason(err) != "ILLEGAL_TRANSITION" { // it was faster, or is over
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
		confirmed := int64(0)
		server.eventually(t, "every order has its end", func() bool {
			confirmed = 0
			for _, id := range ids {
				o := server.read(t, id)
				if o.Status == omsv1.OrderStatus_ORDER_STATUS_CONFIRMED {
					confirmed++
				} else if o.Status != omsv1.OrderStatus_ORDER_STATUS_CANCELED && o.Status != omsv1.OrderStatus_ORDER_STATUS_REFUNDED {
					return false
				}
			}
			return true
		})
		if confirmed > covered || confirmed == 0 {
			t.Errorf("%d orders were paid with money for %d", confirmed, covered)
		}
		server.purseHas(t, "ann", fmt.Sprintf("%d.00", (covered-confirmed)*10+5), "0.00")
		if stock := server.stock(t, "A"); stock.Sold != 2*confirmed || stock.Reserved != 0 {
			t.Errorf("the stock: %v", stock)
		}
	})
}

// What the check of a player has come to is told, kept, answered and announced; only where the operator asks for it does it keep money in the
// wallet (requirement P-1).
func TestKycStatus(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		server := start(t, store, func(c *config.Config) { c.RequireKYC = true })
		server.purse(t, "p_19f3", 0)
		server.fundMore(t, "p_19f3", 3000) // paying in needs no check
		withdrawal := payment("withdrawal", "10.00", "sim:ok")
		refused := func(status string) {
			t.Helper()
			if told := server.refusedFor(t, withdrawal, "KYC_REQUIRED"); !strings.Contains(told, `"kyc_status":"`+status+`"`) {
				t.Errorf("told: %s", told)
			}
			if _, err := server.payFrom(t, server.order(t, "p_19f3", status)); reason(err) != "KYC_REQUIRED" {
				t.Errorf("an order: %v", err)
			}
		}
		refused("unknown")
		const path = "/v1/players/p_19f3/kyc_status"
		server.plays(t, "PUT", path, `{"status":"rejected","reason":"document_expired"}`, 200, `"kyc_status":"rejected","kyc_reason":"document_expired"`)
		server.plays(t, "PUT", path, `{"status":"rejected","reason":"Ann Lee"}`, 400, `reason`)
		server.plays(t, "PUT", path, `{"reason":"x"}`, 400, `status`)
		server.plays(t, "PUT", "/v1/players/nobody/kyc_status", `{"status":"verified"}`, 404, `NOT_FOUND`)
		server.plays(t, "PUT", path, `{"status":"verified"}`, 404, `NOT_FOUND`, append(fromStudio[:1:1], "X-Brand-Id: another", fromStudio[2], fromStudio[3])...)
		for range 2 { // the second changes nothing
			server.plays(t, "PUT", path, `{"status":"verified"}`, 200, `"version":3`)
		}
		server.plays(t, "GET", "/v1/players/p_19f3", "", 200, `"kyc_status":"verified"`)
		if p := server.asked(t, "verified", withdrawal); server.ended(t, p.PaymentID).Status != "succeeded" {
			t.Error("a verified player cannot withdraw")
		}
		id := server.order(t, "p_19f3", "verified")
		if _, err := server.payFrom(t, id); err != nil {
			t.Fatal(err)
		}
		server.await(t, id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
		server.purseHas(t, "p_19f3", "10.00", "0.00")
	})
}
