package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe/stripetest"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// An order is paid by Stripe and a part of it given back, end to end: whether Stripe's answers tell what became of a call, or they are
// all lost and its webhooks do.
func TestStripeToConfirmed(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		for _, store := range []string{"sqlite", "postgres"} {
			t.Run(map[bool]string{false: "by answers, ", true: "by webhooks, "}[lost]+store, func(t *testing.T) {
				t.Parallel()
				account := stripetest.Open(t)
				server := start(t, func(c *config.Config) {
					c.Gateway, c.StripeSecretKey, c.StripeURL = config.Stripe, "sk_test_123", account.URL
					c.StripeWebhookSecret = config.Secret(account.Secret)
					if store == "postgres" {
						c.Store = config.Place(postgrestest.New(t))
					}
				})
				stripeToConfirmed(t, server, account, lost)
			})
		}
	}
}

func stripeToConfirmed(t *testing.T, server *running, account *stripetest.Account, lost bool) {
	t.Helper()
	account.LoseAnswers(lost)
	order := server.payByStripe(t, "pm_card_visa")
	if !lost { // the webhooks find it done; one that comes first would tell no card
		server.await(t, order.Id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	}
	server.bring(t, account, "payment_intent.amount_capturable_updated", "payment_intent.succeeded")
	confirmed := server.await(t, order.Id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	if confirmed.Payment.CapturedMinor != 1000 {
		t.Errorf("confirmed as %v", confirmed)
	}
	payment, err := server.payments.GetPayment(keyed(t, ""), &omsv1.GetPaymentRequest{OrderId: order.Id})
	told := payment.GetPayment()
	switch {
	case err != nil:
		t.Fatal(err)
	case lost: // webhooks name the charge only
	case confirmed.Payment.CardBrand != "visa" || confirmed.Payment.CardLastFour != "4242" || told.GetCardLastFour() != "4242",
		!told.GetCaptureBefore().AsTime().After(time.Now()):
		t.Errorf("the card, and until when it is held: %v, %v", confirmed.Payment, told)
	}
	account.RefundSlowly()
	_, err = server.orders.RefundOrder(keyed(t, "refund"), &omsv1.RefundOrderRequest{
		OrderId: order.Id, Amount: &omsv1.Money{Currency: "EUR", AmountMinor: 400},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.bring(t, account, "refund.created") // pending: it changes nothing
	if got := server.read(t, order.Id); got.Payment.RefundedMinor != 0 || got.Payment.RefundPendingMinor != 400 {
		t.Errorf("a refund that is pending: %v", got.Payment)
	}
	account.SettleRefunds("succeeded")
	server.bring(t, account, "refund.updated")
	server.eventually(t, "the refund is booked", func() bool {
		got := server.read(t, order.Id)
		return got.Payment.RefundedMinor == 400 && got.Payment.RefundPendingMinor == 0 &&
			got.Payment.Status == omsv1.PaymentStatus_PAYMENT_STATUS_PARTIALLY_REFUNDED
	})
}

// payByStripe makes an order of 10.00 EUR and pays it.
func (r *running) payByStripe(t *testing.T, token string) *omsv1.Order {
	t.Helper()
	if _, err := r.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(10)}); err != nil {
		t.Fatal(err)
	}
	created, err := r.orders.CreateOrder(keyed(t, "create"), &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "A", Qty: 2, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 500}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.orders.PayOrder(keyed(t, "pay"), &omsv1.PayOrderRequest{OrderId: created.Order.Id, PaymentToken: token}); err != nil {
		t.Fatal(err)
	}
	return created.Order
}

// bring waits for events of Stripe's and brings them: signed by a stranger, which is refused; as Stripe signs it; and again.
func (r *running) bring(t *testing.T, account *stripetest.Account, kinds ...string) {
	t.Helper()
	api, _, _, _ := r.Addresses()
	to := "http://" + api + "/webhooks/stripe"
	brought := map[string]bool{}
	r.eventually(t, fmt.Sprintf("Stripe tells of %v", kinds), func() bool {
		for _, event := range account.News() {
			if status := event.Send(t, to, "whsec_of_a_stranger", time.Now()); status != http.StatusUnauthorized {
				t.Errorf("%s of a stranger is answered %d", event.Type, status)
			}
			for _, at := range []time.Time{time.Now(), time.Now().Add(time.Minute)} {
				if status := event.Send(t, to, account.Secret, at); status != http.StatusNoContent {
					t.Errorf("%s is answered %d", event.Type, status)
				}
			}
			brought[event.Type] = true
		}
		return !slices.ContainsFunc(kinds, func(kind string) bool { return !brought[kind] })
	})
}

// read reads an order.
func (r *running) read(t *testing.T, orderID string) *omsv1.Order {
	t.Helper()
	got, err := r.orders.GetOrder(keyed(t, ""), &omsv1.GetOrderRequest{OrderId: orderID})
	if err != nil {
		t.Fatal(err)
	}
	return got.Order
}

// eventually waits for what must come.
func (r *running) eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
