package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/ledger"
)

// fromStudio are the headers that a provider's call must have.
var fromStudio = []string{"X-Trace-Id: tr_a1b2c3", "X-Brand-Id: brand-7", "X-Region: EU", "X-Provider-Id: studio", "X-Idempotency-Key: bet_r_8c12_1"}

// The bodies of seed 004, with its rg_flags as an object (requirement P-2).
const (
	seedSession = `{"player_id":"p_19f3",  "game_id":"studio:slot_forge_02",  "currency":"EUR",  "locale":"de-DE",` +
		`  "constraints":{"max_bet":5,"rg_flags":{"self_exclusion":false}}}`
	seedBet        = `{"session_id":"s_456",  "bet_id":"b_001",  "round_id":"r_8c12",  "amount":{"amount":2.00,"currency":"EUR"}}`
	seedSettlement = `{"bet_id":"b_001",  "round_id":"r_8c12",  "win":{"amount":14.60,"currency":"EUR"},` +
		`  "bonus_state":{"in_bonus":true,"freespins_left":7}}`
)

// provides sends a request of a provider and answers its status, its code and the fields that it is refused for.
func (r *running) provides(t *testing.T, verb, path, body string, headers ...string) (statusCode int, code string, fields []string) {
	t.Helper()
	statusCode, text := r.http(t, verb, path, body, append([]string{"Content-Type: application/json"}, headers...)...)
	var refusal struct {
		Code    string
		Details []struct {
			Violations []struct{ Field, Reason string } `json:"field_violations"`
		}
	}
	if err := json.Unmarshal([]byte(text), &refusal); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, detail := range refusal.Details {
		for _, violation := range detail.Violations {
			fields = append(fields, violation.Field+" "+violation.Reason)
		}
	}
	return statusCode, refusal.Code, fields
}

// fund pays into a player's wallet, as a deposit does.
func (r *running) fund(t *testing.T, tenant, playerID string, amount int64) {
	t.Helper()
	move := wallet.Move{
		Tenant: tenant, Transfer: ledger.Transfer{ID: "transfer:" + playerID, Kind: "test", Currency: "EUR"},
		From: ledger.ID("", ledger.GatewayClearing, "EUR"), To: ledger.ID(playerID, ledger.PlayerCash, "EUR"), AmountMinor: amount,
	}
	result := r.Submit(context.Background(), command.Command{Tenant: tenant, Principal: "test", Method: "test", Steps: []command.Step{command.Do(move)}})
	if result.Fault != nil {
		t.Fatal(result.Fault)
	}
}

// plays sends a provider's request under a key of its own and wants it answered so; what the system made up is left out.
func (r *running) plays(t *testing.T, verb, path, body string, wantCode int, want string, headers ...string) string {
	t.Helper()
	if len(headers) == 0 {
		headers = fromStudio[:4]
	}
	headers = append(slices.Clone(headers), "Content-Type: application/json", "X-Idempotency-Key: "+t.Name()+fmt.Sprint(keys.Add(1)))
	code, text := r.http(t, verb, path, body, headers...)
	if code != wantCode || !strings.Contains(text, want) {
		t.Errorf("%s %s %s: %d %s, want %d %s", verb, path, body, code, text, wantCode, want)
	}
	return text
}

var keys atomic.Int64

// What the seed sends works as it stands (requirements P-2, P-4).
func TestSeedsOfTheProvider(t *testing.T) {
	server := start(t)
	server.plays(t, "POST", "/v1/players", `{"player_id":"p_19f3","currency":"EUR","locale":"de-DE"}`, 201, `"brand_id":"brand-7"`)
	server.fund(t, "default", "p_19f3", 1000)
	server.plays(t, "POST", "/v1/sessions", seedSession, 201, `"expires_at"`)
	server.plays(t, "POST", "/v1/sessions", `{"session_id":"s_456",`+seedSession[1:], 201, `"session_id":"s_456"`)
	server.plays(t, "POST", "/v1/sessions", `{"session_id":"s_456",`+seedSession[1:], 201, `"session_id":"s_456"`)
	server.plays(t, "POST", "/v1/sessions", `{"session_id":"s_456",`+strings.Replace(seedSession[1:], "de-DE", "fr-FR", 1), 409, `"DUPLICATE"`)
	server.plays(t, "POST", "/v1/bets/settle", seedSettlement, 400, `"INVALID_STATE"`)
	server.plays(t, "POST", "/v1/bets/authorize", seedBet, 200, `{"status":"authorized","hold_id":"hold:studio/b_001"}`)
	server.plays(t, "POST", "/v1/bets/authorize", seedBet, 200, `{"status":"authorized","hold_id":"hold:studio/b_001"}`)
	server.plays(t, "POST", "/v1/bets/authorize", strings.Replace(seedBet, "2.00", "2.01", 1), 409, `"DUPLICATE"`)
	server.plays(t, "POST", "/v1/bets/authorize", strings.Replace(strings.Replace(seedBet, "2.00", "5.01", 1), "b_001", "b_5", 1), 400, `"LIMIT_EXCEEDED"`)
	server.plays(t, "GET", "/v1/players/p_19f3/balances", "", 200, `"available":{"amount":8.00,"currency":"EUR"},"held":{"amount":2.00,"currency":"EUR"}`)
	settled := server.plays(t, "POST", "/v1/bets/settle", seedSettlement, 200, `{"status":"credited","settlement_id":"settlement:`)
	if again := server.plays(t, "POST", "/v1/bets/settle", seedSettlement, 200, ""); again != settled {
		t.Errorf("settled %s, and again %s", settled, again)
	}
	server.plays(t, "POST", "/v1/bets/settle", strings.Replace(seedSettlement, "14.60", "14.61", 1), 409, `"DUPLICATE"`)
	server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"b_001","round_id":"r_8c12"}`, 400, `"INVALID_STATE"`)
	server.plays(t, "GET", "/v1/players/p_19f3/balances", "", 200, `"available":{"amount":22.60,"currency":"EUR"},"held":{"amount":0.00,`)
	server.plays(t, "GET", "/v1/bets/b_001", "", 200, `"status":"credited"`)
	server.plays(t, "GET", "/v1/bets?round_id=r_8c12&status=credited", "", 200, `"freespins_left":7`)
	server.plays(t, "GET", "/v1/settlements?game_id=studio:slot_forge_02", "", 200, `"amount":14.60`)
	server.plays(t, "GET", "/v1/rounds/r_8c12", "", 200, `"bets":1,"open_bets":0`)
	server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"late","round_id":"r_8c12"}`, 200, `{"status":"rolled_back","applied":false}`)
	server.plays(t, "POST", "/v1/bets/authorize", strings.Replace(seedBet, "b_001", "late", 1), 400, `"INVALID_STATE"`)
	server.plays(t, "POST", "/v1/bets/authorize", strings.Replace(seedBet, "EUR", "USD", 1), 409, `"DUPLICATE"`)
	server.plays(t, "POST", "/v1/sessions", `{"session_id":"s_7",`+strings.Replace(seedSession[1:], "slot_forge_02", "table_01", 1), 201, "")
	server.plays(t, "POST", "/v1/bets/authorize", strings.NewReplacer("s_456", "s_7", "b_001", "b_7").Replace(seedBet), 409, `there is a round \"r_8c12\"`)
	server.plays(t, "POST", "/v1/bets/authorize", strings.NewReplacer("EUR", "USD", "b_001", "b_6").Replace(seedBet), 400, `"CURRENCY_MISMATCH"`)
	for _, path := range []string{"/v1/players", "/v1/sessions", "/v1/bets", "/v1/rounds", "/v1/settlements"} {
		path += "?limit=200&order=asc&occurred_at_from=2025-10-23T00:00:00Z&occurred_at_to=2025-10-24T00:00:00Z"
		server.plays(t, "GET", path, "", 200, `"has_more":false`)
	}
	if code, page := server.http(t, http.MethodGet, "/provider/docs", ""); code != 200 || !strings.Contains(page, `spec-url="/provider/openapi.yaml"`) {
		t.Errorf("the page: %d %s", code, page)
	}
	if code, text := server.http(t, http.MethodGet, "/provider/openapi.yaml", ""); code != 200 || !strings.Contains(text, "name: X-Region") {
		t.Errorf("the document: %d", code)
	}
}

// What protects a player, ends a session or a round keeps them from betting, and never from an outcome (requirements P-1, P-4, P-5).
func TestPlayersAreProtected(t *testing.T) {
	server := start(t, func(c *config.Config) { c.LimitDelay = time.Hour })
	server.plays(t, "POST", "/v1/players", `{"player_id":"ann","currency":"EUR","locale":"de-DE"}`, 201, "")
	server.fund(t, "default", "ann", 10000)
	open := func(session string) {
		t.Helper()
		server.plays(t, "POST", "/v1/sessions", `{"session_id":"`+session+`","player_id":"ann","game_id":"g","currency":"EUR","locale":"de-DE"}`, 201, "")
	}
	bet := func(session, bet, round, amount string, code int, want string) {
		t.Helper()
		body := fmt.Sprintf(`{"session_id":%q,"bet_id":%q,"round_id":%q,"amount":{"amount":%s,"currency":"EUR"}}`, session, bet, round, amount)
		server.plays(t, "POST", "/v1/bets/authorize", body, code, want)
	}
	limit := func(body, want string) {
		t.Helper()
		server.plays(t, "PUT", "/v1/players/ann/limits", `{"limits":[`+body+`]}`, 200, want)
	}
	open("s1")
	bet("s1", "b1", "r1", "1", 200, "authorized")
	limit(`{"kind":"wager","period":"day","amount":{"amount":10,"currency":"EUR"}}`, `"amount":10.00`)
	limit(`{"kind":"wager","period":"day","removed":true}`, `"pending":{"kind":"wager","period":"day","removed":true}`)
	bet("s1", "b2", "r1", "9.01", 400, `"left":"9.00","limit":"wager","period":"day"`)
	bet("s1", "b2", "r1", "9", 200, "authorized")
	server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"b2","round_id":"r1"}`, 200, `"applied":true`)
	bet("s1", "b3", "r1", "5", 200, "authorized")
	limit(`{"kind":"loss","period":"week","amount":{"amount":7,"currency":"EUR"}}`, `"loss"`)
	bet("s1", "b4", "r1", "2", 400, `"left":"1.00","limit":"loss"`)
	bet("s1", "b5", "r1", "1", 200, "authorized")
	server.plays(t, "PUT", "/v1/players/ann/limits", `{"limits":[{"kind":"loss","period":"day","amount":{"amount":7,"currency":"USD"}}]}`, 400, "CURRENCY_MISMATCH")
	server.plays(t, "POST", "/v1/rounds/close", `{"round_id":"r1"}`, 200, `"open_bets":3`)
	bet("s1", "b6", "r1", "0.01", 400, `"status":"closed"`)
	server.plays(t, "POST", "/v1/rounds/close", `{"round_id":"none"}`, 404, "NOT_FOUND")
	server.plays(t, "PUT", "/v1/players/ann/rg_flags", `{"rg_flags":{"self_exclusion_until":"2020-01-01T00:00:00Z"}}`, 400, "OUT_OF_RANGE")
	server.plays(t, "PUT", "/v1/players/ann/rg_flags", `{"rg_flags":{"self_exclusion":false,"self_exclusion_until":"2999-01-01T00:00:00Z"}}`, 400,
		"OUT_OF_RANGE")
	server.plays(t, "POST", "/v1/sessions", `{"player_id":"ann","game_id":"g","currency":"EUR","locale":"de-DE","constraints":{"rg_flags":{`+
		`"self_exclusion_until":"2999-01-01T00:00:00Z"}}}`, 400, "RG_BLOCK")
	server.plays(t, "PUT", "/v1/players/ann/rg_flags", `{"rg_flags":{"self_exclusion_until":"2999-01-01T00:00:00Z"}}`, 200, `"self_exclusion":true`)
	server.plays(t, "PUT", "/v1/players/ann/rg_flags", `{"rg_flags":{"self_exclusion":true}}`, 200, `"self_exclusion":true`)
	bet("s1", "b7", "r2", "0.01", 400, "RG_BLOCK")
	server.plays(t, "POST", "/v1/sessions", `{"player_id":"ann","game_id":"g","currency":"EUR","locale":"de-DE"}`, 400, "RG_BLOCK")
	server.plays(t, "PUT", "/v1/players/ann/rg_flags", `{"rg_flags":{"self_exclusion":false}}`, 200, `"self_exclusion":true,"self_exclusion_until"`)
	server.plays(t, "POST", "/v1/sessions/close", `{"session_id":"s1"}`, 200, `"status":"closed"`)
	server.plays(t, "POST", "/v1/sessions/close", `{"session_id":"s1"}`, 200, `"status":"closed"`)
	bet("s1", "b8", "r2", "0.01", 400, `"status":"closed"`)
	bet("s1", "b1", "r1", "1", 200, "authorized") // again
	server.plays(t, "POST", "/v1/bets/settle", `{"bet_id":"b1","round_id":"r1","win":{"amount":3,"currency":"EUR"}}`, 200, "credited")
	server.plays(t, "POST", "/v1/bets/settle", `{"bet_id":"b3","round_id":"r1","win":{"amount":0,"currency":"EUR"}}`, 200, "forfeited")
	server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"b5","round_id":"r1"}`, 200, `"applied":true`)
	server.plays(t, "GET", "/v1/players/ann/balances", "", 200, `"available":{"amount":97.00,"currency":"EUR"},"held":{"amount":0.00,`)
	server.plays(t, "POST", "/v1/rounds/close", `{"round_id":"r1"}`, 200, `"open_bets":3`) // as of then, as it was answered
	server.plays(t, "GET", "/v1/rounds/r1", "", 200, `"open_bets":0`)
}

// A session ends by its own time, and by what is left of a limit of the player's.
func TestSessionsExpire(t *testing.T) {
	server := start(t)
	server.plays(t, "POST", "/v1/players", `{"player_id":"ann","currency":"EUR","locale":"de-DE"}`, 201, "")
	server.fund(t, "default", "ann", 10000)
	server.plays(t, "PUT", "/v1/players/ann/limits", `{"limits":[{"kind":"session","period":"month","minutes":90}]}`, 200, "")
	server.plays(t, "PUT", "/v1/players/ann/limits", `{"limits":[{"kind":"wager","period":"day"}]}`, 400, "send one of amount, minutes, removed")
	session := `{"session_id":"%s","player_id":"ann","game_id":"g","currency":"EUR","locale":"de-DE"}`
	server.plays(t, "POST", "/v1/sessions", fmt.Sprintf(session, "s1"), 201, "")
	server.plays(t, "POST", "/v1/sessions", fmt.Sprintf(session, "s2"), 201, "") // half an hour is left for it
	server.plays(t, "POST", "/v1/sessions", fmt.Sprintf(session, "s3"), 400, `"left":"0","limit":"session"`)
	server.plays(t, "POST", "/v1/bets/authorize", `{"session_id":"s2","bet_id":"b1","round_id":"r","amount":{"amount":1,"currency":"EUR"}}`, 200, "")
	server.plays(t, "GET", "/v1/sessions?status=active", "", 200, `"s2"`)
	server.plays(t, "POST", "/v1/dev/clock:advance", `{"seconds":1860}`, 200, "")
	server.plays(t, "POST", "/v1/bets/authorize", `{"session_id":"s2","bet_id":"b2","round_id":"r","amount":{"amount":1,"currency":"EUR"}}`, 400, `"status":"expired"`)
	server.plays(t, "GET", "/v1/sessions/s2", "", 200, `"status":"expired"`)
	server.plays(t, "GET", "/v1/sessions?status=expired", "", 200, `"s2"`)
	server.plays(t, "POST", "/v1/bets/settle", `{"bet_id":"b1","round_id":"r","win":{"amount":2,"currency":"EUR"}}`, 200, "credited")
	server.plays(t, "POST", "/v1/sessions/close", `{"session_id":"s2"}`, 200, `"status":"expired"`)
	server.plays(t, "POST", "/v1/sessions/close", `{"session_id":"s1"}`, 200, `"status":"closed"`)
	server.plays(t, "POST", "/v1/sessions", fmt.Sprintf(session, "s3"), 201, "") // what s1 did not use is there again
}

// A credential acts for its own providers, brands and regions, and sees nothing of others (requirements P-6, R-9).
func TestProvidersAreApart(t *testing.T) {
	digest := func(token string) string { sum := sha256.Sum256([]byte(token)); return hex.EncodeToString(sum[:]) }
	file := filepath.Join(t.TempDir(), "credentials.json")
	text := fmt.Sprintf(`[
		{"name":"studio","tenant":"acme","token_sha256":%q,"scopes":["*"],"providers":["studio"],"brands":["brand-7","brand-8"],"regions":["EU"]},
		{"name":"other","tenant":"acme","token_sha256":%q,"scopes":["*"],"providers":["other"],"brands":["*"],"regions":["*"]},
		{"name":"none","tenant":"acme","token_sha256":%q,"scopes":["*"]}]`, digest("studio"), digest("other"), digest("none"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, func(c *config.Config) { c.Auth, c.CredentialsFile = "credentials", file })
	from := func(token, provider, brand, region string) []string {
		return []string{"Authorization: Bearer " + token, "X-Trace-Id: t", "X-Provider-Id: " + provider, "X-Brand-Id: " + brand, "X-Region: " + region}
	}
	for _, test := range []struct{ provider, brand, region, header string }{
		{"other", "brand-7", "EU", "X-Provider-Id"}, {"studio", "brand-9", "EU", "X-Brand-Id"}, {"studio", "brand-7", "US", "X-Region"},
	} {
		headers := from("studio", test.provider, test.brand, test.region)
		server.plays(t, "POST", "/v1/players", `{"player_id":"ann","currency":"EUR","locale":"de"}`, 403, `"ORIGIN_FORBIDDEN"`, headers...)
		server.plays(t, "GET", "/v1/bets/b", "", 403, test.header, headers...)
	}
	server.plays(t, "GET", "/v1/bets/b", "", 403, `"ORIGIN_FORBIDDEN"`, from("none", "studio", "brand-7", "EU")...)
	studio, other := from("studio", "studio", "brand-7", "EU"), from("other", "other", "brand-7", "EU")
	server.plays(t, "POST", "/v1/players", `{"player_id":"ann","currency":"EUR","locale":"de"}`, 201, "", studio...)
	server.fund(t, "acme", "ann", 1000)
	session := `{"session_id":"s","player_id":"ann","game_id":"g","currency":"EUR","locale":"de"}`
	server.plays(t, "POST", "/v1/sessions", session, 201, "", studio...)
	bet := `{"session_id":"s","bet_id":"b","round_id":"r","amount":{"amount":1,"currency":"EUR"}}`
	server.plays(t, "POST", "/v1/bets/authorize", bet, 200, "", studio...)
	for _, stranger := range [][]string{other, from("studio", "studio", "brand-8", "EU")} {
		for _, path := range []string{"/v1/bets/b", "/v1/sessions/s"} {
			server.plays(t, "GET", path, "", 404, "NOT_FOUND", stranger...)
		}
		server.plays(t, "GET", "/v1/bets", "", 200, `"bets":[]`, stranger...)
		server.plays(t, "POST", "/v1/sessions/close", `{"session_id":"s"}`, 404, "NOT_FOUND", stranger...)
	}
	server.plays(t, "GET", "/v1/rounds/r", "", 404, "NOT_FOUND", other...)
	server.plays(t, "POST", "/v1/bets/settle", `{"bet_id":"b","round_id":"r","win":{"amount":9,"currency":"EUR"}}`, 400, "INVALID_STATE", other...)
	server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"b","round_id":"r"}`, 404, "NOT_FOUND", from("studio", "studio", "brand-8", "EU")...)
	server.plays(t, "GET", "/v1/players/ann", "", 404, "NOT_FOUND", from("other", "other", "brand-8", "EU")...)
	server.plays(t, "GET", "/v1/players/ann", "", 200, "", other...) // players are the platform's
	server.plays(t, "GET", "/v1/bets/b", "", 200, `"status":"authorized"`, studio...)
}

// Every header that is missing is named, and what else is wrong with the request too (requirement P-7).
func TestHeadersOfTheProvider(t *testing.T) {
	server := start(t)
	all := []string{"X-Trace-Id HEADER_MISSING", "X-Brand-Id HEADER_MISSING", "X-Region HEADER_MISSING", "X-Provider-Id HEADER_MISSING"}
	keyed := append(slices.Clone(all), "X-Idempotency-Key IDEMPOTENCY_KEY_MISSING")
	for name, test := range map[string]struct {
		verb, path, body string
		headers          []string
		code             string
		want             []string
	}{
		"a read":     {"GET", "/v1/bets/b", "", nil, "VALIDATION_FAILED", all},
		"a write":    {"POST", "/v1/bets/authorize", seedBet, nil, "VALIDATION_FAILED", keyed},
		"and fields": {"POST", "/v1/rounds/close", `{"round_id":"r ","x":1}`, nil, "VALIDATION_FAILED", append(slices.Clone(keyed), "x UNKNOWN_FIELD", "round_id STRING_PATTERN")},
		"no JSON":    {"POST", "/v1/rounds/close", `{`, nil, "MALFORMED_JSON", append(slices.Clone(keyed), " MALFORMED_JSON")},
		"the key":    {"POST", "/v1/bets/authorize", seedBet, fromStudio[:4], "IDEMPOTENCY_KEY_MISSING", keyed[4:]},
		"their form": {
			"GET", "/v1/bets/b", "", []string{"X-Trace-Id: a\tb", "X-Brand-Id: ü", "X-Region: eu", "X-Provider-Id: a", "X-Provider-Id: b"}, "VALIDATION_FAILED",
			[]string{"X-Trace-Id HEADER_INVALID", "X-Brand-Id HEADER_INVALID", "X-Region HEADER_INVALID", "X-Provider-Id HEADER_INVALID"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			httpStatus, code, fields := server.provides(t, test.verb, test.path, test.body, test.headers...)
			if httpStatus != 400 || code != test.code || !slices.Equal(fields, test.want) {
				t.Errorf("%d %s %v", httpStatus, code, fields)
			}
		})
	}
	_, api, _, _ := server.Addresses()
	err := dial(t, api).Invoke(t.Context(), "/provider.v1.BetService/AuthorizeBet", bet(200, "EUR"), &providerv1.AuthorizeBetResponse{})
	if got := violated(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, keyed) {
		t.Errorf("over gRPC: %v %v", err, got)
	}
}

func bet(minor int64, currency string) *providerv1.AuthorizeBetRequest {
	return &providerv1.AuthorizeBetRequest{
		SessionId: "s_456", BetId: "b_001", RoundId: "r_8c12", Amount: &providerv1.Money{AmountMinor: minor, Currency: currency},
	}
}

// violated answers the fields that a gRPC error names.
func violated(err error) []string {
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		if bad, found := detail.(*errdetails.BadRequest); found {
			for _, violation := range bad.FieldViolations {
				fields = append(fields, violation.Field+" "+violation.Reason)
			}
		}
	}
	return fields
}

// What is wrong is told by its field, all of it at once, in both dialects.
func TestBadInputOfTheProvider(t *testing.T) {
	server := start(t)
	long := strings.Repeat("a", 129)
	for name, test := range map[string]struct {
		path, body string
		want       []string
		method     string // over gRPC; empty for what only JSON can say
		message    proto.Message
		grpc       []string // empty for the same
	}{
		"too many decimals": {path: "/v1/bets/authorize", body: strings.Replace(seedBet, "2.00", "14.605", 1), want: []string{"amount.amount AMOUNT_INVALID"}},
		"an exponent":       {path: "/v1/bets/authorize", body: strings.Replace(seedBet, "2.00", "1e3", 1), want: []string{"amount.amount AMOUNT_INVALID"}},
		"in quotes":         {path: "/v1/bets/authorize", body: strings.Replace(seedBet, "2.00", `"14.60"`, 1), want: []string{"amount.amount WRONG_TYPE"}},
		"30 digits":         {path: "/v1/bets/authorize", body: strings.Replace(seedBet, "2.00", strings.Repeat("9", 30), 1), want: []string{"amount.amount OUT_OF_RANGE"}},
		"below zero": {
			path: "/v1/bets/authorize", body: strings.Replace(seedBet, "2.00", "-1", 1), want: []string{"amount.amount INT64_GTE_LTE"},
			method: "BetService/AuthorizeBet", message: bet(-100, "EUR"), grpc: []string{"amount.amount_minor INT64_GTE_LTE"},
		},
		"zero": {
			path: "/v1/bets/authorize", body: strings.Replace(seedBet, "2.00", "0.00", 1), want: []string{"amount AMOUNT_POSITIVE"},
			method: "BetService/AuthorizeBet", message: bet(0, "EUR"),
		},
		"no such currency": {
			path: "/v1/bets/authorize", body: strings.Replace(seedBet, "EUR", "EUX", 1), want: []string{"amount.currency STRING_CURRENCY"},
			method: "BetService/AuthorizeBet", message: bet(200, "EUX"),
		},
		"no amount": {
			path: "/v1/bets/authorize", body: `{"session_id":"s","bet_id":"b","round_id":"r"}`, want: []string{"amount REQUIRED"},
			method: "BetService/AuthorizeBet", message: &providerv1.AuthorizeBetRequest{SessionId: "s", BetId: "b", RoundId: "r"},
		},
		"everything": {
			path: "/v1/bets/settle",
			body: `{"bet_id":"` + long + `","round_id":" r","win":{"amount":1.001,"currency":"EUR"},"bonus_state":{"freespins_left":-1},"partial":1}`,
			want: []string{"win.amount AMOUNT_INVALID", "partial WRONG_TYPE", "bet_id STRING_MAX_LEN", "round_id STRING_PATTERN", "bonus_state.freespins_left INT32_GTE_LTE"},
		},
		"a partial result without an id": {
			path: "/v1/bets/settle", body: `{"bet_id":"b","round_id":"r","win":{"amount":1,"currency":"EUR"},"partial":true}`, want: []string{"result_id SETTLE_PARTIAL"},
			method: "BetService/SettleBet", message: &providerv1.SettleBetRequest{
				BetId: "b", RoundId: "r", Win: &providerv1.Money{AmountMinor: 100, Currency: "EUR"}, Partial: true,
			},
		},
		"a locale of another form": {
			path: "/v1/players", body: `{"player_id":"p","currency":"eur","locale":"de_DE","country":"Germany"}`,
			want:   []string{"currency STRING_CURRENCY", "locale STRING_PATTERN", "country STRING_PATTERN"},
			method: "PlayerService/CreatePlayer", message: &providerv1.CreatePlayerRequest{PlayerId: "p", Currency: "eur", Locale: "de_DE", Country: "Germany"},
		},
		"no such locale": {
			path: "/v1/players", body: `{"player_id":"p","currency":"EUR","locale":"xx-YYY"}`, want: []string{"locale LOCALE_INVALID"},
			method: "PlayerService/CreatePlayer", message: &providerv1.CreatePlayerRequest{PlayerId: "p", Currency: "EUR", Locale: "xx-YYY"},
		},
		"a bound in parts of a yen": {
			path: "/v1/sessions", body: `{"player_id":"p","game_id":"g","currency":"JPY","locale":"ja","constraints":{"max_bet":5.5}}`,
			want: []string{"constraints.max_bet AMOUNT_INVALID"}, method: "SessionService/CreateSession", message: &providerv1.CreateSessionRequest{
				PlayerId: "p", GameId: "g", Currency: "JPY", Locale: "ja", Constraints: &providerv1.Constraints{MaxBet: proto.String("5.5")},
			},
		},
		"flags that are no object": {
			path: "/v1/sessions", body: strings.Replace(seedSession, `{"self_exclusion":false}`, `["self_exclusion"]`, 1), want: []string{"constraints.rg_flags WRONG_TYPE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			httpStatus, code, fields := server.provides(t, http.MethodPost, test.path, test.body, fromStudio...)
			if httpStatus != 400 || code == "" || !slices.Equal(fields, test.want) {
				t.Errorf("REST: %d %s %q", httpStatus, code, fields)
			}
			if test.method == "" {
				return
			}
			want := test.grpc
			if want == nil {
				want = test.want
			}
			err := server.asStudio(t, "/provider.v1."+test.method, test.message)
			if got := violated(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, want) {
				t.Errorf("gRPC: %v %q", err, got)
			}
		})
	}
}

// asStudio calls a method over gRPC with the headers of a provider.
func (r *running) asStudio(t *testing.T, method string, request proto.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var pairs []string
	for _, header := range fromStudio {
		name, value, _ := strings.Cut(header, ": ")
		pairs = append(pairs, name, value)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, pairs...)
	_, public, _, _ := r.Addresses()
	return dial(t, public).Invoke(ctx, method, request, contract.NewTable(providerv1.Methods)[method].NewResponse())
}
