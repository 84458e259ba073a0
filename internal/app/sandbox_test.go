package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// credentialsOf writes a file of credentials of the tenant acme; each is a name, which is its token, and what its entry says beside.
func credentialsOf(t *testing.T, entries map[string]string) func(c *config.Config) {
	t.Helper()
	var all []string
	for name, more := range entries {
		sum := sha256.Sum256([]byte(name))
		all = append(all, fmt.Sprintf(`{"name":%q,"tenant":"acme","token_sha256":%q,"scopes":["*"],"providers":["*"],"brands":["*"],"regions":["*"]%s}`,
			name, hex.EncodeToString(sum[:]), more))
	}
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, []byte("["+strings.Join(all, ",")+"]"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *config.Config) { c.Auth, c.CredentialsFile = config.Credentials, file }
}

// sent sends a provider's request under a key, and answers the status, what is in its body, and its headers.
func (r *running) sent(t *testing.T, verb, path, key, body string, headers ...string) (code int, text string, header http.Header) {
	t.Helper()
	api, _, _, _ := r.Addresses()
	request, err := http.NewRequestWithContext(t.Context(), verb, "http://"+api+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range slices.Concat(fromStudio[:4], []string{"Content-Type: application/json", "X-Idempotency-Key: " + key}, headers) {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read), response.Header
}

// wants is sent that must be answered so, and marked as the sandbox's when it is meant to be.
func (r *running) wants(t *testing.T, sandbox bool, verb, path, key, body string, wantCode int, want string, headers ...string) string {
	t.Helper()
	code, text, header := r.sent(t, verb, path, key, body, headers...)
	if code != wantCode || !strings.Contains(text, want) {
		t.Errorf("%s %s %s %s: %d %s, want %d %s", verb, path, key, body, code, text, wantCode, want)
	}
	if marked := header.Get("Oms-Sandbox") == "true"; marked != sandbox {
		t.Errorf("%s %s: marked as the sandbox's is %v: %s", verb, path, marked, text)
	}
	return text
}

func sessionOf(session, player, currency string) string {
	return fmt.Sprintf(`{"session_id":%q,"player_id":%q,"game_id":"g","currency":%q,"locale":"de-DE"}`, session, player, currency)
}

func betIn(session, bet, amount string) string {
	return fmt.Sprintf(`{"session_id":%q,"bet_id":%q,"round_id":"r","amount":{"amount":%s,"currency":"EUR"}}`, session, bet, amount)
}

// verified fails the test when an invariant of the database does not hold.
func verified(t *testing.T, storage config.Storage) {
	t.Helper()
	findings, err := app.Verify(context.Background(), storage)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		if finding.Violation != "" {
			t.Errorf("%s: %s", finding.Invariant, finding.Violation)
		}
	}
}

// The same ids and keys mean two things, one of real money and one of the sandbox, and neither is seen from the other; a credential of the
// sandbox never gets to real money, and one of real money to the sandbox only when its entry says so (requirement P-14).
func TestSandboxIsApart(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		server := start(t, store, credentialsOf(t, map[string]string{
			"real": "", "test": `,"sandbox":true`, "both": `,"sandbox_too":true`,
		}))
		as := func(name string) string { return "Authorization: Bearer " + name }
		const ann = `{"player_id":"ann","currency":"EUR","locale":"de"}`
		server.wants(t, false, "POST", "/v1/players", "1", ann, 201, `"ann"`, as("both"))
		server.wants(t, true, "POST", "/sandbox/v1/players", "1", strings.Replace(ann, "EUR", "JPY", 1), 201, `"JPY"`, as("both"))
		server.wants(t, false, "POST", "/v1/players", "1", ann, 201, `"EUR"`, as("both"))
		server.wants(t, true, "GET", "/v1/players/ann", "", "", 200, `"JPY"`, as("test"))
		server.wants(t, true, "GET", "/sandbox/v1/players/ann", "", "", 200, `"JPY"`, as("test"))
		server.wants(t, true, "GET", "/v1/players/ann", "", "", 200, `"JPY"`, as("both"), "X-Sandbox: true")
		server.wants(t, false, "GET", "/v1/players/ann", "", "", 200, `"EUR"`, as("real"))
		server.fund(t, "acme", "ann", 1000)
		server.wants(t, false, "POST", "/v1/sessions", "2", sessionOf("s", "ann", "EUR"), 201, `"s"`, as("both"))
		server.wants(t, true, "POST", "/sandbox/v1/sessions", "2", sessionOf("s", "test_rich", "EUR"), 201, `"s"`, as("both"))
		server.wants(t, false, "POST", "/v1/bets/authorize", "3", betIn("s", "b", "2.00"), 200, "hold:studio/b", as("both"))
		server.wants(t, true, "POST", "/sandbox/v1/bets/authorize", "3", betIn("s", "b", "7.00"), 200, "hold:studio/b", as("both"))
		server.wants(t, false, "GET", "/v1/players/ann/balances", "", "", 200, `"available":{"amount":8.00,`, as("real"))
		server.wants(t, true, "GET", "/v1/players/test_rich/balances", "", "", 200, `"available":{"amount":999993.00,`, as("test"))
		for path, apart := range map[string][2]string{
			"/v1/players": {`"players":[{"player_id":"ann","currency":"EUR"`, `"test_rich"`}, "/v1/bets": {`"amount":2.00`, `"amount":7.00`},
			"/v1/sessions": {`"player_id":"ann"`, `"player_id":"test_rich"`}, "/v1/bets/b": {`"amount":2.00`, `"amount":7.00`},
		} {
			if text := server.wants(t, false, "GET", path, "", "", 200, apart[0], as("real")); strings.Contains(text, apart[1]) {
				t.Errorf("%s of real money: %s", path, text)
			}
			if text := server.wants(t, true, "GET", path, "", "", 200, apart[1], as("test")); strings.Contains(text, apart[0]) {
				t.Errorf("%s of the sandbox: %s", path, text)
			}
		}
		server.wants(t, false, "GET", "/v1/players/test_rich", "", "", 404, "NOT_FOUND", as("real"))
		other := []string{as("test"), "X-Provider-Id: other"}
		if _, text, _ := server.sent(t, "GET", "/v1/players", "", "", other...); !strings.Contains(text, "HEADER_INVALID") {
			t.Errorf("two providers: %s", text)
		}
		server.refusesInSandbox(t, as)
		verified(t, server.config.Storage)
	})
}

// refusesInSandbox: who may not, and what is not there.
func (r *running) refusesInSandbox(t *testing.T, as func(string) string) {
	t.Helper()
	r.wants(t, true, "GET", "/sandbox/v1/players/ann", "", "", 403, `"SANDBOX_FORBIDDEN"`, as("real"))
	r.wants(t, true, "GET", "/v1/players/ann", "", "", 403, `"SANDBOX_FORBIDDEN"`, as("real"), "X-Sandbox: true")
	r.wants(t, true, "POST", "/sandbox/v1/reset", "4", "", 403, `"SANDBOX_FORBIDDEN"`, as("real"))
	r.wants(t, true, "GET", "/sandbox/v1/orders", "", "", 404, `"ROUTE_NOT_FOUND"`, as("test"))
	r.wants(t, true, "GET", "/v1/orders", "", "", 403, `"SANDBOX_ONLY"`, as("test"))
	r.wants(t, true, "GET", "/v1/orders", "", "", 403, `"SANDBOX_ONLY"`, as("both"), "X-Sandbox: true")
	r.wants(t, true, "GET", "/v1/ledger/accounts", "", "", 403, `"SANDBOX_ONLY"`, as("test"))
	for _, value := range []string{"false", "", "TRUE", "true, true"} {
		r.wants(t, false, "GET", "/v1/players/ann", "", "", 400, `"field":"X-Sandbox"`, as("both"), "X-Sandbox: "+value)
	}
	r.wants(t, false, "GET", "/v1/players/ann", "", "", 401, `"AUTH_FAILED"`, as("nobody"))
	if code, text := r.http(t, "POST", "/api/orders/create", `{}`, "Content-Type: application/json", as("test")); code != 403 {
		t.Errorf("the shop's dialect in the sandbox: %d %s", code, text)
	}
	for method, want := range map[string]string{
		"/provider.v1.SandboxService/ResetSandbox": "SANDBOX_FORBIDDEN", "/provider.v1.PlayerService/GetPlayer": "SANDBOX_FORBIDDEN",
	} {
		if err := r.overGRPC(t, method, "5", &providerv1.GetPlayerRequest{PlayerId: "ann"}, "authorization", "Bearer real", "x-sandbox", "true"); reason(err) != want {
			t.Errorf("%s: %v, want %s", method, err, want)
		}
	}
	err := r.overGRPC(t, "/oms.v1.OrderService/GetOrder", "5", &providerv1.GetPlayerRequest{}, "authorization", "Bearer test")
	if reason(err) != "SANDBOX_ONLY" {
		t.Errorf("an order in the sandbox: %v", err)
	}
}

// overGRPC calls a method over gRPC with the headers of a provider, a key, and more.
func (r *running) overGRPC(t *testing.T, method, key string, request proto.Message, more ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return r.within(t, ctx, method, key, request, more...)
}

func (r *running) within(t *testing.T, ctx context.Context, method, key string, request proto.Message, more ...string) error { //nolint:revive // t first
	t.Helper()
	pairs := append([]string{"x-idempotency-key", key}, more...)
	for _, line := range fromStudio[:4] {
		name, value, _ := strings.Cut(line, ": ")
		pairs = append(pairs, name, value)
	}
	_, public, _, _ := r.Addresses()
	var header metadata.MD
	answer := contract.NewTable(providerv1.Methods, omsv1.Methods)[method].NewResponse()
	err := dial(t, public).Invoke(metadata.AppendToOutgoingContext(ctx, pairs...), method, request, answer, grpc.Header(&header))
	if err == nil && !slices.Equal(header.Get("oms-sandbox"), []string{"true"}) {
		t.Errorf("%s: not marked as the sandbox's", method)
	}
	return err
}

// Each test player does what they are for, over both dialects, from the start and after a reset (requirement P-14).
func TestTestPlayers(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		server := start(t, store)
		server.playersByREST(t)
		server.playersByGRPC(t)
		server.wants(t, true, "POST", "/sandbox/v1/reset", "reset", "", 200, `"generation":2`)
		server.playersByREST(t)
		server.playersByGRPC(t)
		for range 2 { // the service is there in the sandbox only, so that nothing more need say where the call goes
			if err := server.overGRPC(t, "/provider.v1.SandboxService/ResetSandbox", "over gRPC", &providerv1.ResetSandboxRequest{}); err != nil {
				t.Error(err)
			}
		}
		server.wants(t, true, "POST", "/sandbox/v1/reset", "again", "", 200, `"generation":4`)
		verified(t, server.config.Storage)
	})
}

func (r *running) playersByREST(t *testing.T) {
	t.Helper()
	open := func(session, player, key string, code int, want string) {
		t.Helper()
		r.wants(t, true, "POST", "/sandbox/v1/sessions", key, sessionOf(session, player, "EUR"), code, want)
	}
	bet := func(session, bet, key string, code int, want string) {
		t.Helper()
		r.wants(t, true, "POST", "/sandbox/v1/bets/authorize", key, betIn(session, bet, "2.00"), code, want)
	}
	deposit := func(player, key string, code int, want string) {
		t.Helper()
		body := fmt.Sprintf(`{"player_id":%q,"type":"deposit","amount":{"amount":5,"currency":"EUR"},"payment_token":"sim:ok"}`, player)
		r.wants(t, true, "POST", "/sandbox/v1/payments", key, body, code, want)
	}
	balances := func(player, want string) {
		t.Helper()
		r.wants(t, true, "GET", "/sandbox/v1/players/"+player+"/balances", "", "", 200, want)
	}
	balances("test_rich", `"available":{"amount":1000000.00,"currency":"EUR"}`)
	r.wants(t, true, "POST", "/sandbox/v1/players", "p", `{"player_id":"test_rich_jpy","currency":"JPY","locale":"ja-JP","country":"JP"}`, 201, `"locale":"ja-JP"`)
	balances("test_rich_jpy", `"available":{"amount":1000000,"currency":"JPY"}`)
	// Reading and trying make no players.
	r.wants(t, true, "GET", "/sandbox/v1/players/test_rich_unheard", "", "", 404, "NOT_FOUND")
	r.wants(t, true, "POST", "/sandbox/v1/payments", "try", `{"dry_run":true,"player_id":"test_rich_unheard","type":"deposit",`+
		`"amount":{"amount":1.00,"currency":"EUR"},"payment_token":"sim:ok"}`, 404, "NOT_FOUND")
	r.wants(t, true, "GET", "/sandbox/v1/players/test_rich_unheard", "", "", 404, "NOT_FOUND")
	open("poor", "test_poor", "1", 201, "poor")
	bet("poor", "b1", "2", 400, `"available":"0.00"`)
	open("out", "test_excluded", "3", 400, "RG_BLOCK")
	deposit("test_excluded_2", "4", 400, "RG_BLOCK")
	open("limit", "test_limit", "5", 201, "limit")
	bet("limit", "b2", "6", 400, `"left":"0.00","limit":"wager","period":"day"`)
	deposit("test_limit", "7", 400, `"left":"0.00","limit":"deposit"`)
	// Each key of a flaky player fails once, and nothing is done.
	open("flaky", "test_flaky", "8", 503, `"retryable":true`)
	r.wants(t, true, "GET", "/sandbox/v1/sessions/flaky", "", "", 404, "NOT_FOUND")
	open("flaky", "test_flaky", "8", 201, "flaky")
	bet("flaky", "b3", "9", 503, "STORE_UNAVAILABLE")
	bet("flaky", "b3", "9", 200, "authorized")
	bet("flaky", "b3", "9", 200, "authorized")
	bet("flaky", "b3", "10", 503, "STORE_UNAVAILABLE")
	balances("test_flaky", `"held":{"amount":2.00,`)
	// Of a lost one it is done, and the answer fails once.
	open("lost", "test_lost", "11", 503, "OUTCOME_UNKNOWN")
	open("lost", "test_lost", "11", 201, "lost")
	bet("lost", "b4", "12", 503, "OUTCOME_UNKNOWN")
	balances("test_lost", `"held":{"amount":2.00,`)
	_, _, header := r.sent(t, "POST", "/sandbox/v1/bets/authorize", "12", betIn("lost", "b4", "2.00"))
	if header.Get("Idempotent-Replayed") != "true" {
		t.Error("the lost answer is not a repeat")
	}
	deposit("test_poor", "13", 201, `"gateway":"sim"`)
	r.wants(t, true, "GET", "/sandbox/v1/players/test_richer", "", "", 404, "NOT_FOUND")
}

func (r *running) playersByGRPC(t *testing.T) {
	t.Helper()
	eur := func(minor int64) *providerv1.Money { return &providerv1.Money{AmountMinor: minor, Currency: "EUR"} }
	call := func(key, method string, request proto.Message, want string) {
		t.Helper()
		err := r.overGRPC(t, "/provider.v1."+method, key, request, "x-sandbox", "true")
		if reason(err) != want || want == "" && err != nil {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
	open := func(player string) *providerv1.CreateSessionRequest {
		return &providerv1.CreateSessionRequest{SessionId: "g-" + player, PlayerId: player, GameId: "g", Currency: "EUR", Locale: "de"}
	}
	bet := func(player string) *providerv1.AuthorizeBetRequest {
		return &providerv1.AuthorizeBetRequest{SessionId: "g-" + player, BetId: "g-" + player, RoundId: "r", Amount: eur(200)}
	}
	for player, want := range map[string][2]string{
		"test_rich_g": {"", ""}, "test_poor_g": {"", "INSUFFICIENT_FUNDS"}, "test_excluded_g": {"RG_BLOCK", "NOT_FOUND"},
		"test_limit_g": {"", "LIMIT_EXCEEDED"}, "test_flaky_g": {"STORE_UNAVAILABLE", "NOT_FOUND"}, "test_lost_g": {"OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"},
	} {
		call("g/session/"+player, "SessionService/CreateSession", open(player), want[0])
		call("g/bet/"+player, "BetService/AuthorizeBet", bet(player), want[1])
	}
	call("g/session/test_flaky_g", "SessionService/CreateSession", open("test_flaky_g"), "")
	call("g/bet/test_lost_g", "BetService/AuthorizeBet", bet("test_lost_g"), "")
}

// A slow player's call waits before anything is done: who goes away has done nothing, and nobody else waits for it (requirement P-14).
func TestSlowPlayers(t *testing.T) {
	server := start(t, func(c *config.Config) { c.Lanes = 1 })
	server.wants(t, true, "POST", "/sandbox/v1/sessions", "slow", sessionOf("slow", "test_slow", "EUR"), 201, "slow")
	server.wants(t, true, "POST", "/sandbox/v1/sessions", "rich", sessionOf("rich", "test_rich", "EUR"), 201, "rich")
	var slow sync.WaitGroup
	for i := range 100 {
		slow.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			bet := &providerv1.AuthorizeBetRequest{
				SessionId: "slow", BetId: fmt.Sprint("slow-", i), RoundId: "r", Amount: &providerv1.Money{AmountMinor: 1, Currency: "EUR"},
			}
			err := server.within(t, ctx, "/provider.v1.BetService/AuthorizeBet", bet.BetId, bet, "x-sandbox", "true")
			if err == nil {
				t.Errorf("%s was done within a second", bet.BetId)
			}
		})
	}
	for i := range 50 {
		name := fmt.Sprint("b", i)
		server.wants(t, true, "POST", "/sandbox/v1/bets/authorize", name, betIn("rich", name, "1"), 200, "authorized")
	}
	slow.Wait()
	server.wants(t, true, "GET", "/sandbox/v1/bets?player_id=test_slow", "", "", 200, `"bets":[]`)
	server.wants(t, true, "POST", "/sandbox/v1/bets/authorize", "at last", betIn("slow", "slow-0", "1"), 200, "authorized")
}

// natsFor serves a bus that several servers share.
func natsFor(t *testing.T) string {
	t.Helper()
	bus, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	bus.Start()
	t.Cleanup(func() {
		bus.Shutdown()
		bus.WaitForShutdown()
	})
	if !bus.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return bus.ClientURL()
}

// A reset that was answered holds for every later call to any process, whatever goes on meanwhile; its key resets once (requirement P-14).
func TestSandboxIsReset(t *testing.T) {
	place, bus, journal := postgrestest.New(t), natsFor(t), filepath.Join(t.TempDir(), "journal")
	shared := func(c *config.Config) {
		c.Store, c.Bus, c.GatewayJournal, c.PublicStream = config.Place(place), config.Place(bus), journal, true
	}
	servers := []*running{start(t, shared), start(t, shared)}
	const generations, players = 8, 4
	var resets sync.WaitGroup
	for i := range 2 * generations { // each key by both
		resets.Go(func() {
			code, text, _ := servers[i%2].sent(t, "POST", "/sandbox/v1/reset", fmt.Sprint("at once ", i/2), "")
			if code != 200 {
				t.Errorf("a reset: %d %s", code, text)
			}
		})
	}
	resets.Wait()
	servers[0].wants(t, true, "POST", "/sandbox/v1/reset", "counted", "", 200, fmt.Sprintf(`"generation":%d,`, generations+2))
	stop, running := make(chan struct{}), sync.WaitGroup{}
	for i := range players {
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("%d-%d", i, n)
				servers[n%2].sent(t, "POST", "/sandbox/v1/sessions", "s"+name, sessionOf(fmt.Sprint("s", i), fmt.Sprint("test_rich_", i), "EUR"))
				servers[(n+1)%2].sent(t, "POST", "/sandbox/v1/bets/authorize", "b"+name, betIn(fmt.Sprint("s", i), "b"+name, "1"))
			}
		})
	}
	for n := range generations {
		server, other, key := servers[n%2], servers[(n+1)%2], fmt.Sprint("under load ", n)
		server.wants(t, true, "POST", "/sandbox/v1/sessions", key, sessionOf("mine", "test_rich", "EUR"), 201, "mine")
		server.wants(t, true, "POST", "/sandbox/v1/bets/authorize", "b"+key, betIn("mine", "mine", "3"), 200, "authorized")
		want := fmt.Sprintf(`"generation":%d,`, generations+3+n)
		other.wants(t, true, "POST", "/sandbox/v1/reset", key, "", 200, want)
		server.wants(t, true, "GET", "/sandbox/v1/bets/mine", "", "", 404, "NOT_FOUND")
		other.wants(t, true, "GET", "/sandbox/v1/sessions/mine", "", "", 404, "NOT_FOUND")
		server.wants(t, true, "GET", "/sandbox/v1/players/test_rich/balances", "", "", 200, `"available":{"amount":1000000.00,`)
		server.wants(t, true, "POST", "/sandbox/v1/reset", key, "", 200, want)
	}
	close(stop)
	running.Wait()
	servers[0].wants(t, false, "POST", "/v1/players", "real", `{"player_id":"real","currency":"EUR","locale":"de"}`, 201, "real")
	onlyReal(t, bus)
	verified(t, servers[0].config.Storage)
}

// onlyReal reads the public stream up to the player who was made last, who must be the only thing in it.
func onlyReal(t *testing.T, bus string) {
	t.Helper()
	connection, err := nats.Connect(bus)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	consumer, err := js.CreateConsumer(ctx, "OMS_EVENTS", jetstream.ConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	message, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if message.Subject() != "oms.default.local.player.created" || !strings.Contains(string(message.Data()), `"player:real"`) {
		t.Errorf("the public stream has %s %s", message.Subject(), message.Data())
	}
}

// Whatever real payments go through, those of the sandbox go through the simulator (requirement P-14).
func TestSandboxPaysBySimulator(t *testing.T) {
	server := start(t, func(c *config.Config) {
		c.Gateway, c.StripeSecretKey, c.StripeWebhookSecret = config.Stripe, "sk_test_x", "whsec_x"
		c.StripeURL = "http://127.0.0.1:1" // nobody answers there
	})
	body := func(token string) string {
		return fmt.Sprintf(`{"player_id":"test_poor","type":"deposit","amount":{"amount":5,"currency":"EUR"},"payment_token":%q}`, token)
	}
	server.wants(t, true, "POST", "/sandbox/v1/payments", "real", body("pm_card_visa"), 400, "PAYMENT_TOKEN_INVALID")
	server.wants(t, true, "POST", "/sandbox/v1/payments", "none", body(""), 400, "PAYMENT_TOKEN_INVALID")
	for _, test := range []struct{ token, want string }{{"sim:ok", "succeeded"}, {"sim:declined", "declined"}, {"sim:timeout", "succeeded"}} {
		var p paid
		text := server.wants(t, true, "POST", "/sandbox/v1/payments", test.token, body(test.token), 201, `"gateway":"sim"`)
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		server.eventually(t, test.token, func() bool {
			_, text, _ := server.sent(t, "GET", "/sandbox/v1/payments/"+p.PaymentID, "", "")
			return strings.Contains(text, `"status":"`+test.want+`"`)
		})
	}
	server.wants(t, true, "GET", "/sandbox/v1/players/test_poor/balances", "", "", 200, `"available":{"amount":10.00,`)
	server.wants(t, false, "POST", "/v1/players", "p", `{"player_id":"ann","currency":"EUR","locale":"de"}`, 201, "ann")
	server.wants(t, false, "POST", "/v1/payments", "real money", strings.Replace(body("sim:ok"), "test_poor", "ann", 1), 400, "PAYMENT_TOKEN_INVALID")
	verified(t, server.config.Storage)
}

// An entry of credentials is of the sandbox, of both, or of real money.
func TestCredentialsOfTheSandbox(t *testing.T) {
	c := config.Default()
	c.Dev, c.DataDir = true, t.TempDir()
	credentialsOf(t, map[string]string{"x": `,"sandbox":true,"sandbox_too":true`})(&c)
	if _, err := app.New(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), "credentials[0]: sandbox and sandbox_too") {
		t.Errorf("taken: %v", err)
	}
}
