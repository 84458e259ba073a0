package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// places are where a provider's writes take what can be wrong in many ways; bodies are right as they stand.
var places = []struct {
	verb, path, body              string
	amounts, decimals, currencies []string
	ids, locales                  []string
}{
	{verb: http.MethodPost, path: "/v1/bets/authorize", body: seedBet, amounts: []string{"amount"}, ids: []string{"session_id", "bet_id", "round_id"}},
	{verb: http.MethodPost, path: "/v1/bets/settle", body: `{"result_id":"x",` + seedSettlement[1:], amounts: []string{"win"},
		ids: []string{"bet_id", "round_id", "result_id"}},
	{verb: http.MethodPost, path: "/v1/bets/rollback", body: `{"bet_id":"b","round_id":"r"}`, ids: []string{"bet_id", "round_id"}},
	{verb: http.MethodPost, path: "/v1/rounds/close", body: `{"round_id":"r"}`, ids: []string{"round_id"}},
	{
		verb: http.MethodPost, path: "/v1/sessions", body: `{"session_id":"s",` + seedSession[1:], decimals: []string{"constraints.max_bet"},
		currencies: []string{"currency"}, ids: []string{"session_id", "player_id", "game_id"}, locales: []string{"locale"},
	},
	{verb: http.MethodPost, path: "/v1/sessions/close", body: `{"session_id":"s"}`, ids: []string{"session_id"}},
	{
		verb: http.MethodPost, path: "/v1/players", body: `{"player_id":"p","currency":"EUR","locale":"de-DE"}`,
		currencies: []string{"currency"}, ids: []string{"player_id"}, locales: []string{"locale"},
	},
	{
		verb: http.MethodPut, path: "/v1/players/p/limits", body: `{"limits":[{"kind":"wager","period":"day","amount":{"amount":1,"currency":"EUR"}}]}`,
		amounts: []string{"limits[0].amount"},
	},
	{verb: http.MethodPost, path: "/v1/payments", body: payment("deposit", "1", "sim:ok"), amounts: []string{"amount"}, ids: []string{"player_id"}},
}

// with sets a field of a body.
func with(t *testing.T, body, field, raw string) string {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		t.Fatal(err)
	}
	at := root
	names := strings.Split(strings.ReplaceAll(field, "[0]", ""), ".")
	for i, name := range names {
		if list, is := at.([]any); is {
			at = list[0]
		}
		object := at.(map[string]any)
		if i == len(names)-1 {
			object[name] = json.RawMessage(raw)
		}
		at = object[name]
	}
	changed, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// What is wrong is told by its field, wherever a provider can say it (requirements P-2, P-7).
func TestBadInputIsNamedEverywhere(t *testing.T) {
	server := start(t)
	amounts := []string{"14.605", "1e3", "1E3", "-1", `"14.60"`, "true", "null", strings.Repeat("9", 30), "90071992547409.92", "0." + strings.Repeat("0", 40)}
	currencies := []string{`"EUX"`, `"eur"`, `"EU"`, `"EURO"`, `""`, `"XXX"`, "1"}
	locales := []string{`"de_DE"`, `"xx-YYY"`, `""`, `"` + strings.Repeat("de-", 20) + `DE"`, `"d"`}
	ids := []string{`"` + strings.Repeat("a", 129) + `"`, `" a"`, `"a/b"`, `"a\u0000"`, `"ä"`, "1"}
	for _, place := range places {
		if _, code, named := server.provides(t, place.verb, place.path, place.body, fromStudio...); len(named) > 0 {
			t.Fatalf("%s %s is not right: %s %q", place.path, place.body, code, named)
		}
		refused := func(fields []string, part string, values []string) {
			t.Helper()
			for _, field := range fields {
				for _, value := range values {
					body := with(t, place.body, field+part, value)
					httpStatus, code, named := server.provides(t, place.verb, place.path, body, fromStudio...)
					if httpStatus != 400 || len(named) != 1 || !strings.HasPrefix(named[0], field) ||
						code != "VALIDATION_FAILED" && named[0] != field+part+" "+code { // some have a code of their own
						t.Errorf("%s %s: %d %s %q", place.path, body, httpStatus, code, named)
					}
				}
			}
		}
		refused(place.amounts, ".amount", amounts)
		refused(place.decimals, "", amounts[:6])
		refused(place.amounts, ".currency", currencies)
		refused(place.currencies, "", currencies)
		refused(place.locales, "", locales)
		refused(place.ids, "", ids)
	}
}

// What a provider says wrong is refused in the words of the dialect: its field, its decimals, its names, and its own document.
func TestRefusalsOfProvidersAreInWords(t *testing.T) {
	server := start(t)
	bonus := func(policy string) string {
		return `{"player_id":"p","amount":{"amount":1,"currency":"EUR"},"wagering_multiplier":1,"ttl_seconds":9` + policy + `}`
	}
	amount := func(amount string) string { return strings.Replace(seedBet, "2.00", amount, 1) }
	session := func(old, replacement string) string { return strings.Replace(seedSession, old, replacement, 1) }
	for _, refused := range []struct{ verb, path, body, says string }{
		{"POST", "/v1/bets/authorize", amount("-1"), "amount.amount: must be above 0"},
		{"POST", "/v1/bets/authorize", amount("0"), "amount: must be above 0"},
		{"POST", "/v1/bets/settle", strings.Replace(seedSettlement, "14.60", "-0.01", 1), "win.amount: must not be below 0"},
		{"POST", "/v1/bets/authorize", amount("1." + strings.Repeat("1", 30)), "amount.amount: has more decimals than any currency, which has 4 at most"},
		{"POST", "/v1/bets/authorize", amount(strings.Repeat("9", 30)), "amount.amount: must have no more than 9007199254740991 minor units"},
		{"POST", "/v1/bets/authorize", amount("90071992547409.92"), "amount.amount: must be at most 90071992547409.91"},
		{"POST", "/v1/bets/authorize", amount("true"), "amount.amount: must be a decimal number such as 14.60"},
		{"POST", "/v1/bets/authorize", amount("{}"), "amount.amount: must be a decimal number such as 14.60"},
		{"POST", "/v1/bets/authorize", amount(`"2.00"`), "amount.amount: must be a decimal number such as 14.60, not in quotes"},
		{"POST", "/v1/bets/settle", `{"partial":true,` + seedSettlement[1:], "result_id: a partial result needs a result_id"},
		{"POST", "/v1/jackpots/trigger", `{"jackpot_id":"j","trigger_id":"t","player_id":"p"}`, "bet_id: needs the bet_id or the round_id"},
		{"POST", "/v1/bonuses", bonus(``), "policy: name one of cash_first, bonus_first"},
		{"POST", "/v1/bonuses", bonus(`,"policy":"x"`), "must be one of cash_first, bonus_first"},
		{"POST", "/v1/sessions", session("de-DE", "de_DE"), "locale: must be a tag of BCP 47 such as de-DE"},
		{"POST", "/v1/sessions", session(`"max_bet":5`, `"max_bet":-5`), "constraints.max_bet: must be 0 or more, with 16 digits"},
		{
			"POST", "/v1/sessions", session(`{"self_exclusion":false}`, `["self_exclusion":false]`),
			"constraints.rg_flags: must be an object, and is not valid JSON: ",
		},
		{"POST", "/v1/bets/authorize", `{"colour":1,` + seedBet[1:], "colour: is not a field of this object; leave it out, or see /provider/openapi.yaml for"},
		{"GET", "/v1/bets?colour=1", "", "colour: is not a query parameter of this path; leave it out, or see /provider/openapi.yaml for"},
		{"GET", "/sandbox/v1/bets?colour=1", "", "see /provider/openapi.yaml for"},
		{"GET", "/v1/players/p/colour", "", "there is no path /v1/players/p/colour; see /provider/openapi.yaml"},
		{"GET", "/v1/players:colour", "", "; see /provider/openapi.yaml"},
		{"GET", "/v1/dev/colour", "", "; see /dev/openapi.yaml"},
		{"GET", "/v1/colour", "", "; see /openapi.yaml"},
		{"GET", "/v1/orders?colour=1", "", "or see /openapi.yaml for"},
	} {
		headers := append([]string{"Content-Type: application/json"}, fromStudio...)
		code, text := server.http(t, refused.verb, refused.path, refused.body, headers...)
		var told struct{ Message string }
		if err := json.Unmarshal([]byte(text), &told); err != nil || code < 400 || code >= 500 || !strings.Contains(told.Message, refused.says) {
			t.Errorf("%s %s %s: %d %.300s, want %q", refused.verb, refused.path, refused.body, code, text, refused.says)
		}
		if strings.Contains(told.Message, "more)") {
			t.Errorf("%s %s %s is told more than once: %s", refused.verb, refused.path, refused.body, text)
		}
	}
}
