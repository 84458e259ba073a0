package stripe_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe"
	"github.com/seed-255eabaa/oms/internal/state"
)

const due = 1764000000

// disputeEvent is an event about a dispute over 14.60 EUR.
func disputeEvent(kind, status, balance string) []byte {
	return []byte(fmt.Sprintf(`{"id":"evt_1","object":"event","created":1763800000,"api_version":%q,"type":"charge.dispute.%s","data":{"object":
		{"id":"dp_1","object":"dispute","amount":1460,"currency":"eur","charge":"ch_1","payment_intent":"pi_123","reason":"fraudulent",
		"status":%q,"evidence_details":{"due_by":%d},"balance_transactions":[%s]}}}`, sdk.APIVersion, kind, status, due, balance))
}

// What Stripe says of disputes, in messages signed by its own helper.
func TestDisputes(t *testing.T) {
	t.Parallel()
	const withdrawn, reinstated = `{"amount":-1460,"currency":"eur","fee":1500}`, `{"amount":1460,"currency":"eur","fee":0}`
	for name, c := range map[string]struct {
		kind, status, balance string
		state                 state.DisputeState
		minor, fee            int64
		feeTold               bool
	}{
		"a warning":                   {"created", "warning_needs_response", "", state.DisputeInquiry, 1460, 0, false},
		"a warning under review":      {"updated", "warning_under_review", "", state.DisputeInquiry, 1460, 0, false},
		"a warning closed":            {"closed", "warning_closed", "", state.DisputeInquiryClosed, 1460, 0, false},
		"prevented":                   {"closed", "prevented", "", state.DisputeInquiryClosed, 1460, 0, false},
		"created":                     {"created", "needs_response", "", state.DisputeOpen, 1460, 0, false},
		"withdrawn":                   {"funds_withdrawn", "needs_response", withdrawn, state.DisputeOpen, 1460, 1500, true},
		"a part is back":              {"funds_reinstated", "needs_response", withdrawn + `,{"amount":400,"currency":"eur","fee":0}`, state.DisputeOpen, 1060, 1500, true},
		"under review":                {"updated", "under_review", withdrawn, state.DisputeOpen, 1460, 1500, true},
		"won":                         {"closed", "won", withdrawn + "," + reinstated, state.DisputeWon, 1460, 1500, true},
		"reinstated":                  {"funds_reinstated", "won", withdrawn + "," + reinstated, state.DisputeWon, 1460, 1500, true},
		"lost":                        {"closed", "lost", withdrawn, state.DisputeLost, 1460, 1500, true},
		"withdrawn in other currency": {"funds_withdrawn", "needs_response", `{"amount":-1600,"currency":"usd","fee":1500}`, state.DisputeOpen, 1460, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := disputeEvent(c.kind, c.status, c.balance)
			outcomes, err := open(t, "").Receive(sign(body, secret, sent), body, sent)
			if err != nil || len(outcomes) != 1 || outcomes[0].Dispute == nil {
				t.Fatalf("got %+v, %v", outcomes, err)
			}
			want := gateway.Dispute{
				ExternalID: "pi_123", ID: "dp_1", State: c.state, Currency: "EUR", AmountMinor: c.minor, FeeMinor: c.fee, FeeTold: c.feeTold,
				Reason: "fraudulent", DueBy: time.Unix(due, 0).UTC(), AsOf: time.Unix(1763800000, 0).UTC(),
			}
			if got := *outcomes[0].Dispute; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	unknown := disputeEvent("updated", "something_new", "")
	if outcomes, err := open(t, "").Receive(sign(unknown, secret, sent), unknown, sent); err == nil {
		t.Errorf("a status that is not known: %+v", outcomes)
	}
}

// Whose payment is disputed, its PaymentIntent tells; one without our names is none of ours.
func TestLocate(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/payment_intents/pi_123":
			_, _ = w.Write([]byte(`{"id":"pi_123","object":"payment_intent","metadata":{"oms_tenant":"default","oms_order":"` + orderID + `"}}`))
		case "/v1/payment_intents/pi_foreign":
			_, _ = w.Write([]byte(`{"id":"pi_foreign","object":"payment_intent","metadata":{}}`))
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(api.Close)
	g, err := stripe.New(stripe.Options{SecretKey: "sk_test_123", URL: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	if tenant, order, err := g.Locate(t.Context(), "pi_123"); err != nil || tenant != "default" || order != orderID {
		t.Errorf("found %q %q, %v", tenant, order, err)
	}
	for _, none := range []string{"pi_foreign", ""} {
		if tenant, order, err := g.Locate(t.Context(), none); err != nil || tenant != "" || order != "" {
			t.Errorf("%q: found %q %q, %v", none, tenant, order, err)
		}
	}
	if _, _, err := g.Locate(t.Context(), "pi_away"); err == nil {
		t.Error("an error was taken for an answer")
	}
}
