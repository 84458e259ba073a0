package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
)

func cardOf(t *testing.T, number string) card.Card {
	t.Helper()
	c, refusal := card.New(number, 12, 2040, "730", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	if refusal != nil {
		t.Fatal(refusal)
	}
	return c
}

// The simulator's test numbers are its tokens; the token of any of them is one that it takes.
func TestSimulatorTokenizes(t *testing.T) {
	t.Parallel()
	a := &App{config: config.Default()}
	for number, want := range map[string]string{
		"4111111111111111": gateway.TokenOK, "4000000000000002": gateway.TokenRefused, "4000000000009995": gateway.TokenDeclined,
		"5555555555554444": gateway.TokenOK,
	} {
		token, refusal := a.tokenizeCard(t.Context(), cardOf(t, number))
		if refusal != nil || token != want || a.checkToken(token) != nil {
			t.Errorf("%s: %q, %v; want %q", number, token, refusal, want)
		}
	}
}

// What Stripe says of a card reaches the client as a refusal that names its reason, and as one to try again when Stripe cannot say.
func TestStripeTokenizes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		code   fault.Code
		reason string
	}{
		"taken":   {http.StatusOK, `{"id":"pm_1","object":"payment_method"}`, fault.OK, ""},
		"refused": {http.StatusPaymentRequired, `{"error":{"type":"card_error","code":"incorrect_cvc"}}`, fault.InvalidArgument, "CARD_REFUSED"},
		"broken":  {http.StatusInternalServerError, `{"error":{"type":"api_error"}}`, fault.Unavailable, "GATEWAY_UNAVAILABLE"},
		"no key":  {http.StatusUnauthorized, `{"error":{"type":"invalid_request_error"}}`, fault.Unavailable, "GATEWAY_UNAVAILABLE"},
		"no raw cards": {http.StatusBadRequest, `{"error":{"type":"invalid_request_error","message":"4111111111111111"}}`,
			fault.Internal, "INTERNAL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(server.Close)
			a := &App{config: config.Default()}
			a.config.Gateway, a.config.StripeSecretKey, a.config.StripeURL = config.Stripe, "sk_test_123", server.URL
			var err error
			if a.stripe, err = a.openStripe(); err != nil {
				t.Fatal(err)
			}
			token, refusal := a.tokenizeCard(t.Context(), cardOf(t, "4111111111111111"))
			switch {
			case c.code == fault.OK && (refusal != nil || token != "pm_1" || a.checkToken(token) != nil):
				t.Errorf("got %q, %v", token, refusal)
			case c.code != fault.OK && (refusal == nil || refusal.Code != c.code || refusal.Reason != c.reason):
				t.Errorf("got %q, %v; want %s", token, refusal, c.reason)
			case refusal != nil && strings.Contains(refusal.Error(), "4111"):
				t.Errorf("the refusal shows the card: %v", refusal)
			}
		})
	}
}

// Stripe's tokens are payment methods; whatever else comes is refused and not repeated.
func TestStripeTokens(t *testing.T) {
	t.Parallel()
	a := &App{config: config.Default()}
	a.config.Gateway = config.Stripe
	for _, token := range []string{"", "sim:ok", "4111111111111111", "pm_", "pm_x y", "tok_visa"} {
		if refusal := a.checkToken(token); refusal == nil || token != "" && strings.Contains(refusal.Error(), token+" ") {
			t.Errorf("%q: %v", token, refusal)
		}
	}
}
