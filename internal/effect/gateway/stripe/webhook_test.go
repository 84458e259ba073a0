package stripe_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	sdk "github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe"
)

// sent is when the test's messages were signed.
var sent = time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)

func event(id, kind, object string) []byte {
	return []byte(`{"id":"` + id + `","object":"event","api_version":"` + sdk.APIVersion + `","type":"` + kind + `","data":{"object":` + object + `}}`)
}

// sign signs with Stripe's own helper.
func sign(body []byte, key string, at time.Time) http.Header {
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: key, Timestamp: at})
	return http.Header{"Stripe-Signature": {signed.Header}}
}

// Each event that is about a call of ours brings its outcome.
func TestEvents(t *testing.T) {
	t.Parallel()
	hold, capture, refund := effects+"/hold/1", effects+"/capture/1", effects+"/refund/1"
	captured := intent("succeeded", `,"oms_capture_key":"`+capture+`"`)
	refunded := func(status string) string {
		return `{"id":"re_1","object":"refund","amount":500,"currency":"eur","status":"` + status +
			`","metadata":{"oms_tenant":"default","oms_refund_key":"` + refund + `"}}`
	}
	for name, c := range map[string]struct {
		kind, object, key string
		status            gateway.Status
		minor             int64
	}{
		"held":             {"payment_intent.amount_capturable_updated", intent("requires_capture", ""), hold, gateway.Succeeded, 1460},
		"captured":         {"payment_intent.succeeded", captured, capture, gateway.Succeeded, 1460},
		"declined":         {"payment_intent.payment_failed", intent("requires_payment_method", ""), hold, gateway.Declined, 1460},
		"canceled":         {"payment_intent.canceled", intent("canceled", ""), hold, gateway.Declined, 1460},
		"refunded":         {"refund.updated", refunded("succeeded"), refund, gateway.Succeeded, 500},
		"refund failed":    {"refund.failed", refunded("failed"), refund, gateway.Declined, 500},
		"refund pending":   {"refund.created", refunded("pending"), "", 0, 0},
		"charge refunded":  {"charge.refunded", `{"id":"ch_1","object":"charge"}`, "", 0, 0},
		"somebody else's":  {"payment_intent.succeeded", `{"id":"pi_9","object":"payment_intent","status":"succeeded"}`, "", 0, 0},
		"an unknown event": {"customer.created", `{"id":"cus_1"}`, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := event("evt_1", c.kind, c.object)
			outcomes, err := open(t, "").Receive(sign(body, secret, sent), body, sent)
			switch {
			case err != nil:
				t.Fatal(err)
			case c.key == "" && len(outcomes) != 0:
				t.Errorf("got %+v, want none", outcomes)
			case c.key == "":
			case len(outcomes) != 1 || outcomes[0].Tenant != "default" || outcomes[0].Key != c.key ||
				outcomes[0].Answer.Status != c.status || outcomes[0].Answer.AmountMinor != c.minor:
				t.Errorf("got %+v", outcomes)
			}
		})
	}
}

// A message is believed by its signature, near its time, once.
func TestSignatures(t *testing.T) {
	t.Parallel()
	body := event("evt_1", "payment_intent.amount_capturable_updated", intent("requires_capture", ""))
	other := event("evt_2", "payment_intent.amount_capturable_updated", intent("requires_capture", ""))
	for name, c := range map[string]struct {
		header http.Header
		body   []byte
		now    time.Time
		want   error
	}{
		"right":               {sign(body, secret, sent), body, sent, nil},
		"unsigned":            {http.Header{}, body, sent, stripe.ErrNotSigned},
		"of another key":      {sign(body, "whsec_other", sent), body, sent, stripe.ErrNotSigned},
		"of another body":     {sign(body, secret, sent), other, sent, stripe.ErrNotSigned},
		"late, but allowed":   {sign(body, secret, sent), body, sent.Add(5 * time.Minute), nil},
		"too late":            {sign(body, secret, sent), body, sent.Add(5*time.Minute + time.Second), stripe.ErrTooOld},
		"from the future":     {sign(body, secret, sent), body, sent.Add(-5*time.Minute - time.Second), stripe.ErrTooOld},
		"of the replaced key": {sign(body, "whsec_old", sent), body, sent, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := stripe.New(stripe.Options{SecretKey: "sk_test_123", WebhookSecret: secret + ",whsec_old"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = g.Receive(c.header, c.body, c.now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	unset, err := stripe.New(stripe.Options{SecretKey: "sk_test_123"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unset.Receive(sign(body, "", sent), body, sent); !errors.Is(err, stripe.ErrNotConfigured) {
		t.Errorf("without a secret a message was read: %v", err)
	}
}

// A copy of a delivery is refused, also with another header around the same signature; what Stripe sends again is signed anew.
func TestReplays(t *testing.T) {
	t.Parallel()
	g := open(t, "")
	body := event("evt_1", "payment_intent.amount_capturable_updated", intent("requires_capture", ""))
	header := sign(body, secret, sent)
	if outcomes, err := g.Receive(header, body, sent); err != nil || len(outcomes) != 1 {
		t.Fatalf("got %v, %v", outcomes, err)
	}
	if _, err := g.Receive(header, body, sent.Add(time.Minute)); !errors.Is(err, stripe.ErrReplayed) {
		t.Errorf("a copy was read: %v", err)
	}
	header.Set("Stripe-Signature", header.Get("Stripe-Signature")+",v0=00")
	if _, err := g.Receive(header, body, sent); !errors.Is(err, stripe.ErrReplayed) {
		t.Errorf("a copy in another dress was read: %v", err)
	}
	if outcomes, err := g.Receive(sign(body, secret, sent.Add(time.Minute)), body, sent.Add(time.Minute)); err != nil || len(outcomes) != 1 {
		t.Errorf("what was sent again was not read: %v, %v", outcomes, err)
	}
}
