package stripe_test

import (
	"testing"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe/stripetest"
)

func open(t *testing.T, url string) *stripe.Gateway {
	t.Helper()
	g, err := stripe.New(stripe.Options{SecretKey: "sk_test_123", WebhookSecret: secret, URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const (
	secret  = "whsec_of_the_test"
	orderID = "order:018f4e9e-0000-7000-8000-000000000001"
	effects = "effect:018f4e9e-0000-7000-8000-000000000001"
)

func request(step string) gateway.Request {
	return gateway.Request{
		Tenant: "default", Key: effects + "/" + step, Payment: "payment:1", OrderID: orderID, Token: "pm_card_visa",
		ExternalID: "pi_123", Currency: "EUR", AmountMinor: 1460,
	}
}

// Everything that is sent is what Stripe's own description of its API allows, and its fixtures are understood: the mock is
// stateless, so statuses are its fixtures' and not what the call would have led to.
func TestMockTakesEveryCall(t *testing.T) {
	t.Parallel()
	g := open(t, stripetest.Mock(t))
	hold := request("hold/1")
	hold.ExternalID = ""
	held, err := g.Hold(t.Context(), hold)
	if err != nil || held.ExternalID == "" || held.Currency != "EUR" || held.AmountMinor != 1460 && held.AmountMinor != 0 {
		t.Errorf("hold: %+v, %v", held, err)
	}
	for step, call := range map[string]func() (gateway.Answer, error){
		"capture/1": func() (gateway.Answer, error) { return g.Capture(t.Context(), request("capture/1")) },
		"void/1":    func() (gateway.Answer, error) { return g.Void(t.Context(), request("void/1")) },
		"lookup":    func() (gateway.Answer, error) { return g.Lookup(t.Context(), request("capture/1")) },
		"search":    func() (gateway.Answer, error) { return g.Lookup(t.Context(), hold) },
		"refunds":   func() (gateway.Answer, error) { return g.Lookup(t.Context(), request("refund/1")) },
	} {
		if _, err := call(); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
	refunded, err := g.Refund(t.Context(), request("refund/1"))
	if err != nil || refunded.Status != gateway.Succeeded || refunded.AmountMinor != 1460 || refunded.Currency == "" {
		t.Errorf("refund: %+v, %v", refunded, err)
	}
	// The search of the mock answers its fixture, which is not ours: a hold is only found by its own key.
	if found, err := g.Lookup(t.Context(), hold); err != nil || found.Status != gateway.NotFound {
		t.Errorf("the search's fixture was taken for ours: %+v, %v", found, err)
	}
}
