package stripe_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe/stripetest"
)

func visa(t *testing.T) card.Card {
	t.Helper()
	c, refusal := card.New("4111111111111111", 12, 2040, "730", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	if refusal != nil {
		t.Fatal(refusal)
	}
	return c
}

// A card becomes a PaymentMethod as Stripe's description of its API has it.
func TestTokenize(t *testing.T) {
	t.Parallel()
	token, err := open(t, stripetest.Mock(t)).Tokenize(t.Context(), visa(t))
	if err != nil || !strings.HasPrefix(token, "pm_") {
		t.Errorf("got %q, %v", token, err)
	}
	url, sent := answering(t, http.StatusOK, `{"id":"pm_1","object":"payment_method","type":"card"}`)
	if token, err = open(t, url).Tokenize(t.Context(), visa(t)); err != nil || token != "pm_1" {
		t.Errorf("got %q, %v", token, err)
	}
	if _, form := sent(); !strings.Contains(form, "4111111111111111") || !strings.Contains(form, "730") || !strings.Contains(form, "2040") {
		t.Errorf("the card was not sent: %d bytes", len(form))
	}
}

// What is wrong with a card is told by its reason; what is wrong with the gateway, by its class; the card by neither.
func TestTokenizeErrors(t *testing.T) {
	t.Parallel()
	const message = `"message":"4111111111111111 is no good"`
	url, _ := answering(t, http.StatusPaymentRequired, `{"error":{"type":"card_error","code":"incorrect_number",`+message+`}}`)
	_, err := open(t, url).Tokenize(t.Context(), visa(t))
	var refused *gateway.CardRefusal
	if !errors.As(err, &refused) || refused.Reason != "incorrect_number" || strings.Contains(err.Error(), "4111") {
		t.Errorf("got %v", err)
	}
	url, _ = answering(t, http.StatusInternalServerError, `{"error":{"type":"api_error",`+message+`}}`)
	if _, err = open(t, url).Tokenize(t.Context(), visa(t)); err == nil || gateway.ClassOf(err) != gateway.ClassUnknown {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "4111") {
		t.Errorf("the error repeats the card: %v", err)
	}
}
