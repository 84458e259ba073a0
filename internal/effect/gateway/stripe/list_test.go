package stripe_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe/stripetest"
	"github.com/seed-255eabaa/oms/internal/id"
)

// What was done for each payment is read of its PaymentIntents, whatever they are by now; those of others are left out.
func TestList(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	name := func(n byte) string { return id.New("payment", at, id.Random{9: n}) }
	object := func(payment, status, more string) string {
		return `{"id":"pi_` + payment + status + `","object":"payment_intent","amount":1460,"currency":"eur","status":"` + status +
			`","metadata":{"oms_tenant":"default","oms_payment":"` + payment + `"}` + more + `}`
	}
	charge := func(more string) string {
		return `,"latest_charge":{"id":"ch_1","object":"charge","status":"succeeded"` + more + `}`
	}
	url, sent := answering(t, http.StatusOK, `{"object":"list","has_more":false,"data":[`+strings.Join([]string{
		object(name(3), "canceled", charge("")), object(name(2), "succeeded", `,"amount_received":1460`+charge(`,"amount_refunded":400`)),
		object(name(1), "requires_capture", charge("")), object(name(1), "requires_payment_method", ""), object(name(4), "canceled", ""),
		object(id.New("payment", at.Add(-time.Hour), id.Random{}), "succeeded", ""), `{"id":"pi_9","object":"payment_intent","status":"succeeded"}`,
	}, ",")+`]}`)
	listing := gateway.Listing{Tenant: "default", After: id.First("payment", at), Before: id.First("payment", at.Add(time.Second)), Limit: 3}
	totals, err := open(t, url).List(t.Context(), listing)
	if err != nil || len(totals) != 3 {
		t.Fatalf("got %+v, %v", totals, err)
	}
	for i, want := range []gateway.Total{
		{HeldMinor: 1460}, {HeldMinor: 1460, CapturedMinor: 1460, RefundedMinor: 400}, {HeldMinor: 1460, VoidedMinor: 1460},
	} {
		want.Tenant, want.Payment, want.Currency = "default", name(byte(i+1)), "EUR"
		if totals[i] != want {
			t.Errorf("got %+v, want %+v", totals[i], want)
		}
	}
	if asked, _ := sent(); !strings.Contains(asked.URL.RawQuery, "created") {
		t.Errorf("asked for %s", asked.URL.RawQuery)
	}
	if _, err := open(t, stripetest.Mock(t)).List(t.Context(), listing); err != nil {
		t.Errorf("Stripe's description does not allow it: %v", err)
	}
}
