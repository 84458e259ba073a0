package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
)

// paid is what a client reads of a payment.
type paid struct {
	PaymentID string `json:"payment_id"`
	Status    string
	Reason    string
	Version   int
	Amount    struct{ Amount json.Number }
}

// cashierCall sends a request of a provider under a key and answers the status and the body.
func (r *running) cashierCall(t *testing.T, verb, path, key, body string) (statusCode int, text string) {
	t.Helper()
	headers := append([]string{"Content-Type: application/json"}, fromStudio[:4]...)
	if key != "" {
		headers = append(headers, "X-Idempotency-Key: "+key)
	}
	return r.http(t, verb, path, body, headers...)
}

func payment(kind, amount, token string) string {
	return fmt.Sprintf(`{"player_id":"p_19f3","type":%q,"amount":{"amount":%s,"currency":"EUR"},"payment_token":%q}`, kind, amount, token)
}

// asked makes a payment, which must be taken.
func (r *running) asked(t *testing.T, key, body string) (p paid) {
	t.Helper()
	statusCode, text := r.cashierCall(t, "POST", "/v1/payments", key, body)
	if err := json.Unmarshal([]byte(text), &p); err != nil || statusCode != 201 || p.Status != "processing" || p.Version != 1 {
		t.Fatalf("%s: %d %s", key, statusCode, text)
	}
	return p
}

// ended waits for a payment's outcome.
func (r *running) ended(t *testing.T, id string) (p paid) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		_, text := r.cashierCall(t, "GET", "/v1/payments/"+id, "", "")
		if err := json.Unmarshal([]byte(text), &p); err != nil || time.Now().After(limit) {
			t.Fatalf("%v: %s", err, text)
		}
		if p.Status == "succeeded" || p.Status == "declined" {
			return p
		}
	}
}

// refusedFor asks for what must be refused for a reason, and answers what is told beside it.
func (r *running) refusedFor(t *testing.T, body, reason string) string {
	t.Helper()
	statusCode, text := r.cashierCall(t, "POST", "/v1/payments", "refused/"+reason+"/"+body, body)
	if statusCode < 400 || !strings.Contains(text, `"reason":"`+reason+`"`) {
		t.Errorf("%s: %d %s, want %s", body, statusCode, text, reason)
	}
	return text
}

func (r *running) has(t *testing.T, want string) {
	t.Helper()
	if _, text := r.cashierCall(t, "GET", "/v1/players/p_19f3/balances", "", ""); !strings.Contains(text, want) {
		t.Errorf("the balance is %s, want %s", text, want)
	}
}

// Players pay in and out through the gateway, whatever becomes of its answers; the books say what the payments say.
func TestPaymentsOfPlayers(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		server := start(t, store, func(c *config.Config) { storage = c.Storage })
		const ann = `{"player_id":"p_19f3","currency":"EUR","locale":"de-DE"}`
		server.refusedFor(t, payment("deposit", "100.00", "sim:ok"), "NOT_FOUND")
		if statusCode, text := server.cashierCall(t, "POST", "/v1/players", "ann", ann); statusCode != 201 {
			t.Fatalf("%d %s", statusCode, text)
		}
		for token, want := range map[string]string{
			"sim:ok": "succeeded", "sim:declined": "declined insufficient_funds", "sim:timeout": "succeeded", "sim:duplicate": "succeeded",
			"sim:unknown": "succeeded", "sim:refused": "declined do_not_honor",
		} {
			p := server.asked(t, "in/"+token, payment("deposit", "100.00", token))
			if again := server.asked(t, "in/"+token, payment("deposit", "100.00", token)); again.PaymentID != p.PaymentID {
				t.Errorf("%s: %s and %s under one key", token, p.PaymentID, again.PaymentID)
			}
			if got := server.ended(t, p.PaymentID); strings.TrimSpace(got.Status+" "+got.Reason) != want || got.Amount.Amount != "100.00" {
				t.Errorf("%s: %+v, want %s", token, got, want)
			}
		}
		server.has(t, `"available":{"amount":400.00,`)
		told := server.refusedFor(t, payment("withdrawal", "400.01", "sim:ok"), "INSUFFICIENT_FUNDS")
		if !strings.Contains(told, `"available":"400.00","available_minor":"40000","currency":"EUR"`) ||
			!strings.Contains(told, `"400.01 EUR are asked for, 400.00 are available"`) {
			t.Errorf("told: %s", told)
		}
		dry := strings.TrimSuffix(payment("withdrawal", "400.00", "sim:ok"), "}") + `,"dry_run":true}`
		if statusCode, text := server.cashierCall(t, "POST", "/v1/payments", "dry", dry); statusCode != 201 {
			t.Errorf("a dry run: %d %s", statusCode, text)
		}
		for token, want := range map[string]string{
			"sim:ok": "succeeded", "sim:declined": "declined insufficient_funds", "sim:timeout": "succeeded", "sim:duplicate": "succeeded",
		} {
			p := server.asked(t, "out/"+token, payment("withdrawal", "90.00", token))
			if got := server.ended(t, p.PaymentID); strings.TrimSpace(got.Status+" "+got.Reason) != want {
				t.Errorf("%s: %+v, want %s", token, got, want)
			}
		}
		server.has(t, `"available":{"amount":130.00,"currency":"EUR"},"held":{"amount":0.00,`)
		server.listsPayments(t)
		server.blocksPayments(t)
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

func (r *running) listsPayments(t *testing.T) {
	t.Helper()
	path, seen := "/v1/payments?limit=3&order=desc&status=succeeded", 0
	for cursor := ""; ; {
		_, text := r.cashierCall(t, "GET", path+cursor, "", "")
		var page struct {
			Payments   []paid
			NextCursor string `json:"next_cursor"`
			HasMore    bool   `json:"has_more"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for _, p := range page.Payments {
			seen++
			if p.Status != "succeeded" {
				t.Errorf("listed: %+v", p)
			}
		}
		if !page.HasMore {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	if seen != 7 {
		t.Errorf("%d payments are listed", seen)
	}
	elsewhere := append([]string{"X-Trace-Id: x", "X-Brand-Id: else"}, fromStudio[2:4]...)
	if _, text := r.http(t, "GET", "/v1/payments", "", elsewhere...); !strings.Contains(text, `"payments":[]`) {
		t.Errorf("another brand reads %s", text)
	}
}

// blocksPayments: limits and exclusions hold for deposits, and nobody is kept from having their own money back.
func (r *running) blocksPayments(t *testing.T) {
	t.Helper()
	const limit = `{"limits":[{"kind":"deposit","period":"day","amount":{"amount":450.50,"currency":"EUR"}}]}`
	if statusCode, text := r.cashierCall(t, "PUT", "/v1/players/p_19f3/limits", "limit", limit); statusCode != 200 {
		t.Fatalf("%d %s", statusCode, text)
	}
	if told := r.refusedFor(t, payment("deposit", "50.51", "sim:ok"), "LIMIT_EXCEEDED"); !strings.Contains(told, `"left":"50.50"`) {
		t.Errorf("told: %s", told)
	}
	r.ended(t, r.asked(t, "rest", payment("deposit", "50.50", "sim:ok")).PaymentID)
	r.refusedFor(t, payment("deposit", "0.01", "sim:ok"), "LIMIT_EXCEEDED")
	if statusCode, text := r.cashierCall(t, "PUT", "/v1/players/p_19f3/rg_flags", "flags", `{"rg_flags":{"self_exclusion":true}}`); statusCode != 200 {
		t.Fatalf("%d %s", statusCode, text)
	}
	r.refusedFor(t, payment("deposit", "0.01", "sim:ok"), "RG_BLOCK")
	r.ended(t, r.asked(t, "all", payment("withdrawal", "180.50", "sim:ok")).PaymentID)
	r.has(t, `"available":{"amount":0.00,`)
}

// What is wrong with a payment is told by its field, and nothing is done.
func TestBadPaymentsOfPlayers(t *testing.T) {
	server := start(t)
	for body, want := range map[string]string{
		payment("deposit", "14.605", "sim:ok"):                               "amount.amount AMOUNT_INVALID",
		payment("deposit", "1e3", "sim:ok"):                                  "amount.amount AMOUNT_INVALID",
		payment("deposit", "-1", "sim:ok"):                                   "amount.amount INT64_GTE_LTE",
		payment("deposit", `"14.60"`, "sim:ok"):                              "amount.amount WRONG_TYPE",
		payment("deposit", "123456789012345678901234567890", "sim:ok"):       "amount.amount OUT_OF_RANGE",
		payment("deposit", "90071992547409.92", "sim:ok"):                    "amount.amount OUT_OF_RANGE",
		payment("deposit", "0.00", "sim:ok"):                                 "amount AMOUNT_POSITIVE",
		payment("gift", "1", "sim:ok"):                                       "type UNKNOWN_VALUE",
		payment("deposit", "1", "4111111111111111"):                          "payment_token PAYMENT_TOKEN_INVALID",
		strings.Replace(payment("deposit", "1", "sim:ok"), "EUR", "EURO", 1): "amount.currency STRING_CURRENCY",
	} {
		statusCode, _, fields := server.provides(t, "POST", "/v1/payments", body, fromStudio...)
		if statusCode != 400 || len(fields) != 1 || fields[0] != want {
			t.Errorf("%s: %d %q, want %s", body, statusCode, fields, want)
		}
	}
	if _, text := server.cashierCall(t, "GET", "/v1/payments", "", ""); !strings.Contains(text, `"payments":[]`) {
		t.Errorf("stored: %s", text)
	}
}
