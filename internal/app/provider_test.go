package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
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

// What the seed sends is taken as it stands; it is not carried out yet, and says so.
func TestSeedsOfTheProvider(t *testing.T) {
	server := start(t)
	for path, body := range map[string]string{
		"/v1/sessions": seedSession, "/v1/bets/authorize": seedBet, "/v1/bets/settle": seedSettlement,
		"/v1/players": `{"player_id":"p_19f3","currency":"EUR","locale":"de-DE"}`, "/v1/bets/rollback": `{"bet_id":"b_001","round_id":"r_8c12"}`,
	} {
		if httpStatus, code, fields := server.provides(t, http.MethodPost, path, body, fromStudio...); httpStatus != 501 || code != "NOT_IMPLEMENTED" {
			t.Errorf("%s: %d %s %v", path, httpStatus, code, fields)
		}
	}
	for _, path := range []string{"/v1/players", "/v1/sessions", "/v1/bets", "/v1/rounds", "/v1/settlements"} {
		path += "?limit=200&order=asc&occurred_at_from=2025-10-23T00:00:00Z&occurred_at_to=2025-10-24T00:00:00Z"
		if httpStatus, code, fields := server.provides(t, http.MethodGet, path, "", fromStudio...); httpStatus != 501 {
			t.Errorf("%s: %d %s %v", path, httpStatus, code, fields)
		}
	}
	if code, page := server.http(t, http.MethodGet, "/provider/docs", ""); code != 200 || !strings.Contains(page, `spec-url="/provider/openapi.yaml"`) {
		t.Errorf("the page: %d %s", code, page)
	}
	if code, text := server.http(t, http.MethodGet, "/provider/openapi.yaml", ""); code != 200 || !strings.Contains(text, "name: X-Region") {
		t.Errorf("the document: %d", code)
	}
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
			path: "/v1/bets/settle", body: `{"bet_id":"b","round_id":"r","win":{"amount":1,"currency":"EUR"},"partial":true}`, want: []string{"request SETTLE_PARTIAL"},
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
