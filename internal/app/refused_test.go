package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What cards, contacts and messages are refused with, by REST.
func TestRefusalsOfCardsAndMessages(t *testing.T) {
	server := start(t)
	card := func(number, month, year, cvv string) string {
		return `{"card":{"number":"` + number + `","exp_month":` + month + `,"exp_year":` + year + `,"cvv":"` + cvv + `"}}`
	}
	const contact, send, pay = "/v1/users/u/contact", "/v1/notifications", "/v1/orders/" + noOrder + ":pay"
	for i, refused := range []struct{ verb, path, body, reason string }{
		{http.MethodPost, pay, card("4111111111111112", "12", "2050", "123"), "CARD_NUMBER_INVALID"},
		{http.MethodPost, pay, card("4111111111111111", "13", "2050", "123"), "CARD_EXPIRY_INVALID"},
		{http.MethodPost, pay, card("4111111111111111", "12", "2050", "12"), "CARD_CVV_INVALID"},
		{http.MethodPut, contact, `{"email":"anna@example.org","locale":"xx-yy-zz-qq-11"}`, "LOCALE_INVALID"},
		{http.MethodPut, contact, `{"email":"no address"}`, "ADDRESS_INVALID"},
		{http.MethodPost, send, `{"user_id":"u","channel":"CHANNEL_EMAIL","template":"no_such"}`, "TEMPLATE_UNKNOWN"},
		{http.MethodPost, send, `{"user_id":"u","channel":"CHANNEL_EMAIL","template":"order_confirmed"}`, "PARAMETERS_UNFIT"},
		{http.MethodPost, send, `{"user_id":"u","channel":"CHANNEL_SMS","template":"message","parameters":{"message":"m"}}`, "CONTACT_MISSING"},
		{http.MethodPost, send, `{"user_id":"u","channel":"CHANNEL_EMAIL","template":"x","due_at":"9999-12-31T23:59:59Z"}`, "VALIDATION_FAILED"},
	} {
		code, text := server.http(t, refused.verb, refused.path, refused.body, "Idempotency-Key: refused-"+string(rune('a'+i)))
		var told struct{ Code string }
		if err := json.Unmarshal([]byte(text), &told); err != nil || code != http.StatusBadRequest || told.Code != refused.reason {
			t.Errorf("%s %s %s: %d %s, want %s", refused.verb, refused.path, refused.body, code, text, refused.reason)
		}
		if refused.reason == "PARAMETERS_UNFIT" && !strings.Contains(text, `parameters[\"order_id\"]: is required by the template`) {
			t.Errorf("the parameter that is missing: %s", text)
		}
	}
}
