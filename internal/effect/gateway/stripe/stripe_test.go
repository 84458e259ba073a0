package stripe_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// answering is a server that speaks one of Stripe's documented bodies, and remembers what it was sent last.
func answering(t *testing.T, status int, body string) (url string, sent func() (*http.Request, string)) {
	t.Helper()
	var last *http.Request
	var form string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		last, form = r, string(data)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Request-Id", "req_1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() (*http.Request, string) { return last, form }
}

func intent(status, more string) string {
	return `{"id":"pi_1","object":"payment_intent","amount":1460,"amount_capturable":1460,"amount_received":1460,"currency":"eur",` +
		`"status":"` + status + `","metadata":{"oms_tenant":"default","oms_hold_key":"` + effects + `/hold/1"` + more + `},` +
		`"latest_charge":{"id":"ch_1","object":"charge","payment_method_details":{"type":"card","card":{"capture_before":1795303380}}}}`
}

func holding(ctx context.Context, g gateway.Gateway) (gateway.Answer, error) {
	return g.Hold(ctx, request("hold/1"))
}
func capturing(ctx context.Context, g gateway.Gateway) (gateway.Answer, error) {
	return g.Capture(ctx, request("capture/1"))
}
func voiding(ctx context.Context, g gateway.Gateway) (gateway.Answer, error) {
	return g.Void(ctx, request("void/1"))
}
func refunding(ctx context.Context, g gateway.Gateway) (gateway.Answer, error) {
	return g.Refund(ctx, request("refund/1"))
}
func asking(step string) func(context.Context, gateway.Gateway) (gateway.Answer, error) {
	return func(ctx context.Context, g gateway.Gateway) (gateway.Answer, error) {
		return g.Lookup(ctx, request(step))
	}
}

// Stripe's answers in its documented shapes become statuses.
func TestAnswers(t *testing.T) {
	t.Parallel()
	refund := func(status string) string {
		return `{"id":"re_1","object":"refund","amount":1460,"currency":"eur","status":"` + status + `","failure_reason":"expired_or_canceled_card"}`
	}
	refunds := `{"object":"list","has_more":false,"data":[` +
		`{"id":"re_0","object":"refund","amount":5,"currency":"eur","status":"succeeded","metadata":{"oms_refund_key":"` + effects + `/refund/2"}},` +
		`{"id":"re_1","object":"refund","amount":1460,"currency":"eur","status":"succeeded","metadata":{"oms_refund_key":"` + effects + `/refund/1"}}]}`
	for name, c := range map[string]struct {
		call   func(context.Context, gateway.Gateway) (gateway.Answer, error)
		body   string
		status gateway.Status
		reason string
	}{
		"held":                    {holding, intent("requires_capture", ""), gateway.Succeeded, ""},
		"hold under way":          {holding, intent("processing", ""), gateway.Pending, ""},
		"captured":                {capturing, intent("succeeded", ""), gateway.Succeeded, ""},
		"voided":                  {voiding, intent("canceled", ""), gateway.Succeeded, ""},
		"refunded":                {refunding, refund("succeeded"), gateway.Succeeded, ""},
		"refund under way":        {refunding, refund("pending"), gateway.Pending, ""},
		"refund failed":           {refunding, refund("failed"), gateway.Declined, "expired_or_canceled_card"},
		"asked: not captured":     {asking("capture/1"), intent("requires_capture", ""), gateway.NotFound, ""},
		"asked: captured":         {asking("capture/1"), intent("succeeded", `,"oms_capture_key":"`+effects+`/capture/1"`), gateway.Succeeded, ""},
		"asked: another captured": {asking("capture/2"), intent("succeeded", `,"oms_capture_key":"`+effects+`/capture/1"`), gateway.Declined, "already_captured"},
		"asked: hold is gone":     {asking("capture/1"), intent("canceled", ""), gateway.Declined, "canceled"},
		"asked: not voided":       {asking("void/1"), intent("requires_capture", ""), gateway.NotFound, ""},
		"asked: voided":           {asking("void/1"), intent("canceled", ""), gateway.Succeeded, ""},
		"asked: void too late":    {asking("void/1"), intent("succeeded", ""), gateway.Declined, "already_captured"},
		"asked: refunded":         {asking("refund/1"), refunds, gateway.Succeeded, ""},
		"asked: not refunded":     {asking("refund/3"), refunds, gateway.NotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := answering(t, http.StatusOK, c.body)
			got, err := c.call(t.Context(), open(t, url))
			if err != nil || got.Status != c.status || got.Reason != c.reason {
				t.Fatalf("got %+v, %v; want %s %q", got, err, c.status, c.reason)
			}
			if got.Status == gateway.Succeeded && (got.AmountMinor != 1460 || got.Currency != "EUR" || got.ExternalID == "") {
				t.Errorf("the amount or number is wrong: %+v", got)
			}
		})
	}
}

// A hold says until when it lasts, under the effect's key and with everything that finds it again.
func TestHoldSendsItsKey(t *testing.T) {
	t.Parallel()
	url, sent := answering(t, http.StatusOK, intent("requires_capture", ""))
	answer, err := holding(t.Context(), open(t, url))
	if err != nil || !answer.CaptureBefore.Equal(time.Unix(1795303380, 0)) {
		t.Fatalf("got %+v, %v", answer, err)
	}
	header, form := sent()
	if key := header.Header.Get("Idempotency-Key"); key != request("hold/1").Key {
		t.Errorf("the idempotency key is %q", key)
	}
	for _, part := range []string{
		"capture_method=manual", "confirm=true", "payment_method=pm_card_visa", "amount=1460", "currency=eur", "metadata[oms_tenant]=default",
		"metadata[oms_hold_key]=", "metadata[oms_order]=", "metadata[oms_payment]=", "error_on_requires_action=true",
	} {
		if !strings.Contains(form, part) && !strings.Contains(form, strings.NewReplacer("[", "%5B", "]", "%5D").Replace(part)) {
			t.Errorf("%q was not sent: %s", part, form)
		}
	}
}

// Stripe's errors in their documented bodies (docs.stripe.com/error-low-level) become outcomes and classes.
func TestErrors(t *testing.T) {
	t.Parallel()
	body := func(kind, code, more string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"a message with 4000000000000002 in it"%s}}`, kind, code, more)
	}
	declined := gateway.Class(99) // an outcome, no error
	for name, c := range map[string]struct {
		call   func(context.Context, gateway.Gateway) (gateway.Answer, error)
		status int
		body   string
		class  gateway.Class
		reason string
	}{
		"declined":             {holding, 402, body("card_error", "card_declined", `,"decline_code":"insufficient_funds"`), declined, "insufficient_funds"},
		"without decline code": {holding, 402, body("card_error", "expired_card", ""), declined, "expired_card"},
		"3-D Secure":           {holding, 402, body("card_error", "authentication_required", ""), declined, "authentication_required"},
		"no such token":        {holding, 400, body("invalid_request_error", "resource_missing", `,"param":"payment_method"`), declined, "invalid_token"},
		"too small":            {holding, 400, body("invalid_request_error", "amount_too_small", ""), declined, "amount_too_small"},
		"hold expired":         {capturing, 400, body("invalid_request_error", "charge_expired_for_capture", ""), declined, "charge_expired_for_capture"},
		"refunded before":      {refunding, 400, body("invalid_request_error", "charge_already_refunded", ""), declined, "charge_already_refunded"},
		"no such hold":         {capturing, 404, body("invalid_request_error", "resource_missing", `,"param":"intent"`), gateway.ClassPermanent, ""},
		"key used otherwise":   {holding, 400, body("idempotency_error", "", ""), gateway.ClassPermanent, ""},
		"key in use":           {holding, 409, body("idempotency_error", "idempotency_key_in_use", ""), gateway.ClassUnknown, ""},
		"too many":             {holding, 429, body("invalid_request_error", "rate_limit", ""), gateway.ClassNotReached, ""},
		"wrong secret key":     {holding, 401, body("invalid_request_error", "", ""), gateway.ClassNotReached, ""},
		"their fault":          {capturing, 500, body("api_error", "", ""), gateway.ClassUnknown, ""},
		"their proxy's fault":  {capturing, 502, `<html>bad gateway</html>`, gateway.ClassUnknown, ""},
		"asked too often":      {asking("capture/1"), 429, body("invalid_request_error", "rate_limit", ""), gateway.ClassUnknown, ""},
		"asked: no such hold":  {asking("capture/1"), 404, body("invalid_request_error", "resource_missing", ""), gateway.ClassPermanent, ""},
		"canceled before": {voiding, 400, body("invalid_request_error", "payment_intent_unexpected_state",
			`,"payment_intent":`+intent("canceled", "")), gateway.Class(98), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := answering(t, c.status, c.body)
			got, err := c.call(t.Context(), open(t, url))
			switch {
			case c.class == 98 && (err != nil || got.Status != gateway.Succeeded):
				t.Errorf("what is canceled is given up: %+v, %v", got, err)
			case c.class == declined && (err != nil || got.Status != gateway.Declined || got.Reason != c.reason):
				t.Errorf("got %+v, %v; want declined for %q", got, err, c.reason)
			case c.class < 98 && (err == nil || gateway.ClassOf(err) != c.class):
				t.Errorf("got %+v, %v (%d); want class %d", got, err, gateway.ClassOf(err), c.class)
			}
			if err != nil && strings.Contains(err.Error(), "4000000000000002") {
				t.Errorf("the error repeats what was sent: %v", err)
			}
		})
	}
}

// A connection that was never made carried nothing; one whose answer was lost may have.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := holding(t.Context(), open(t, gone.URL)); gateway.ClassOf(err) != gateway.ClassNotReached {
		t.Errorf("nobody listens: %v, class %d", err, gateway.ClassOf(err))
	}
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(hangsUp.Close)
	if _, err := holding(t.Context(), open(t, hangsUp.URL)); err == nil || gateway.ClassOf(err) != gateway.ClassUnknown {
		t.Errorf("the answer was lost: %v, class %d", err, gateway.ClassOf(err))
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := holding(over, open(t, gone.URL)); gateway.ClassOf(err) != gateway.ClassNotReached {
		t.Errorf("the time was over before: %v", err)
	}
}
