package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store/postgres"
	"github.com/seed-255eabaa/oms/internal/store/sqlite"
	"github.com/seed-255eabaa/oms/internal/view"
)

// A jackpot from its making to its end, as a provider sees it: its bets feed it, its winners are paid, also excluded ones (requirements
// P-1, P-3).
func TestJackpots(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		server := start(t, store, func(c *config.Config) { storage = c.Storage })
		server.plays(t, "POST", "/v1/players", `{"player_id":"ann","currency":"EUR","locale":"de-DE"}`, 201, "")
		server.fund(t, "default", "ann", 100_000)
		server.plays(t, "POST", "/v1/sessions", `{"session_id":"s","player_id":"ann","game_id":"slot","currency":"EUR","locale":"de-DE"}`, 201, "")
		play := func(bet, amount, contributions string) {
			t.Helper()
			server.plays(t, "POST", "/v1/bets/authorize",
				`{"session_id":"s","bet_id":"`+bet+`","round_id":"r","amount":{"amount":`+amount+`,"currency":"EUR"}}`, 200, "")
			for range 2 { // the second is a repeat, and gives nothing more
				server.plays(t, "POST", "/v1/bets/settle", `{"bet_id":"`+bet+`","round_id":"r","win":{"amount":0,"currency":"EUR"}}`, 200, "")
			}
			server.plays(t, "GET", "/v1/bets/"+bet, "", 200, `"contributions":[`+contributions+`]`)
		}
		play("before", "100.00", "")
		const terms = `"name":"Mega","seed":{"amount":5.00,"currency":"EUR"},"contribution_ppm":10000,` +
			`"max_contribution":{"amount":2.50,"currency":"EUR"},"game_ids":["slot","wheel"]}`
		const create = `{"jackpot_id":"mega",` + terms
		server.plays(t, "POST", "/v1/jackpots", `{"dry_run":true,`+create[1:], 201, `"status":"open","amount":{"amount":5.00,"currency":"EUR"}`)
		server.plays(t, "GET", "/v1/jackpots/mega", "", 404, `"NOT_FOUND"`)
		server.plays(t, "POST", "/v1/jackpots", create, 201, `"status":"open","amount":{"amount":5.00,"currency":"EUR"}`)
		server.plays(t, "POST", "/v1/jackpots", create, 201, `"version":1`)
		server.plays(t, "POST", "/v1/jackpots", strings.Replace(create, "10000", "10001", 1), 409, `"DUPLICATE"`)
		play("small", "0.99", "")
		play("one", "101.99", `{"jackpot_id":"mega","amount":{"amount":1.01,"currency":"EUR"}}`)
		play("most", "400.00", `{"jackpot_id":"mega","amount":{"amount":2.50,"currency":"EUR"}}`)
		server.plays(t, "GET", "/v1/jackpots/mega", "", 200, `"amount":{"amount":8.51,"currency":"EUR"},"held":{"amount":0.00,`)
		server.plays(t, "PUT", "/v1/jackpots/mega", `{"version":7,`+terms, 409, `"VERSION_CONFLICT"`)
		server.plays(t, "PUT", "/v1/jackpots/mega", `{"dry_run":true,"version":1,`+strings.Replace(terms, `"wheel"`, `"poker"`, 1), 200, `"version":2`)
		server.plays(t, "PUT", "/v1/jackpots/mega", `{"version":1,`+strings.Replace(terms, `"wheel"`, `"poker"`, 1), 200,
			`"game_ids":["poker","slot"],"status":"open","amount":{"amount":5.00,`)
		const trigger = `{"jackpot_id":"mega","trigger_id":"t1","player_id":"ann","bet_id":"one"}`
		server.plays(t, "POST", "/v1/jackpots/trigger", strings.TrimSuffix(trigger, "}")+`,"dry_run":true}`, 200, `"amount":8.51`)
		server.plays(t, "POST", "/v1/jackpots/close", `{"jackpot_id":"mega","dry_run":true}`, 200, `"status":"closed"`)
		for range 2 {
			server.plays(t, "POST", "/v1/jackpots/trigger", trigger, 200, `"amount":{"amount":8.51,"currency":"EUR"},"status":"triggered"`)
		}
		server.plays(t, "POST", "/v1/jackpots/trigger", strings.Replace(trigger, "one", "most", 1), 409, `"DUPLICATE"`)
		server.plays(t, "GET", "/v1/jackpots", "", 200, `"amount":{"amount":5.00,"currency":"EUR"},"held":{"amount":8.51,`)
		server.plays(t, "PUT", "/v1/players/ann/rg_flags", `{"rg_flags":{"self_exclusion":true}}`, 200, "")
		const claim = `{"jackpot_id":"mega","trigger_id":"t1"}`
		for range 2 {
			server.plays(t, "POST", "/v1/jackpots/payout", claim, 200, `"status":"paid"`)
		}
		server.plays(t, "GET", "/v1/players/ann/balances", "", 200, `"available":{"amount":405.53,"currency":"EUR"}`) // 1000 - 602.98 + 8.51
		server.plays(t, "POST", "/v1/jackpots/void", claim, 400, `"INVALID_STATE"`)
		server.plays(t, "POST", "/v1/jackpots/trigger", strings.Replace(trigger, "t1", "t2", 1), 409, `"id":"t1"`)
		server.plays(t, "POST", "/v1/jackpots/trigger", `{"jackpot_id":"mega","trigger_id":"t2","player_id":"ann","bet_id":"most"}`, 200,
			`"bet_id":"most","round_id":"r","amount":{"amount":5.00`)
		server.plays(t, "POST", "/v1/jackpots/void", `{"jackpot_id":"mega","trigger_id":"t2","reason":"a mistake"}`, 200,
			`"status":"voided","hold_id":"hold:studio/mega/t2/jackpot","reason":"a mistake"`)
		server.plays(t, "POST", "/v1/jackpots/payout", `{"jackpot_id":"mega","trigger_id":"none"}`, 404, `"NOT_FOUND"`)
		server.plays(t, "GET", "/v1/jackpots/mega/triggers?player_id=ann&status=voided&status=paid&order=desc&limit=1", "", 200, `"trigger_id":"t2"`)
		server.plays(t, "GET", "/v1/jackpots/none/triggers", "", 404, `"NOT_FOUND"`)
		server.plays(t, "GET", "/v1/jackpots?status=closed", "", 200, `"jackpots":[]`)
		server.elsewhereNoJackpot(t)
		server.plays(t, "GET", "/v1/jackpots/mega", "", 200, `"amount":{"amount":5.00,"currency":"EUR"},"held":{"amount":0.00,"currency":"EUR"},`+
			`"paid":{"amount":8.51,`)
		for range 2 {
			server.plays(t, "POST", "/v1/jackpots/close", `{"jackpot_id":"mega"}`, 200, `"status":"closed","amount":{"amount":0.00,`)
		}
		server.plays(t, "POST", "/v1/jackpots/trigger", strings.Replace(trigger, "t1", "t3", 1), 400, `"INVALID_STATE"`)
		server.crowdsAGame(t)
		verified(t, storage)
	})
}

// Nobody wins a jackpot who has not bet on one of its games, and nobody twice by the same (requirement P-3).
func TestTriggersRestOnBets(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		server := start(t, store, func(c *config.Config) { storage = c.Storage })
		server.opens(t)
		server.plays(t, "POST", "/v1/players", `{"player_id":"bob","currency":"EUR","locale":"de"}`, 201, "")
		server.plays(t, "POST", "/v1/sessions", `{"session_id":"w","player_id":"ann","game_id":"wheel","currency":"EUR","locale":"de"}`, 201, "")
		for _, bet := range []string{"one", "two", "three", "back"} {
			server.bets(t, bet, "0.10", 200, "")
		}
		other := `{"session_id":"%s","bet_id":"%s","round_id":"%[2]s","amount":{"amount":0.10,"currency":"EUR"}}`
		server.plays(t, "POST", "/v1/bets/authorize", fmt.Sprintf(other, "w", "wheel"), 200, "")
		server.plays(t, "POST", "/v1/bets/authorize", fmt.Sprintf(other, "s", "gone"), 200, "")
		server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"gone","round_id":"gone"}`, 200, "")
		server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"back","round_id":"r"}`, 200, "")
		server.wins(t, "one", "0", 200, "")
		for _, jackpot := range []string{"mega", "mini"} {
			server.plays(t, "POST", "/v1/jackpots", `{"jackpot_id":"`+jackpot+`","name":"n","seed":{"amount":5.00,"currency":"EUR"},`+
				`"contribution_ppm":1,"game_ids":["slot"]}`, 201, "")
		}
		for i, test := range []struct {
			jackpot, trigger, player, by string
			code                         int
			want                         string
		}{
			{"mega", "t", "bob", `"round_id":"r"`, 400, `"INVALID_STATE"`},
			{"mega", "t", "bob", `"bet_id":"one"`, 400, `"INVALID_STATE"`},
			{"mega", "t", "ann", `"bet_id":"wheel"`, 400, `"INVALID_STATE"`},
			{"mega", "t", "ann", `"round_id":"wheel"`, 400, `"INVALID_STATE"`},
			{"mega", "t", "ann", `"round_id":"gone"`, 400, `"no_bet"`},
			{"mega", "t", "ann", `"bet_id":"back"`, 400, `"INVALID_STATE"`},
			{"mega", "t", "ann", `"round_id":"none"`, 404, `"NOT_FOUND"`},
			{"mega", "t", "ann", `"bet_id":"none"`, 404, `"NOT_FOUND"`},
			{"mega", "1", "ann", `"bet_id":"one"`, 200, `"round_id":"r"`},
			{"mega", "1", "ann", `"bet_id":"one"`, 200, `"trigger_id":"1"`},
			{"mega", "1", "ann", `"bet_id":"one","round_id":"r"`, 200, `"trigger_id":"1"`},
			{"mega", "2", "ann", `"bet_id":"one"`, 409, `"id":"1"`},
			{"mega", "2", "ann", `"round_id":"r"`, 409, `"id":"1"`},
			{"mega", "2", "ann", `"bet_id":"two"`, 200, `"trigger_id":"2"`},
			{"mini", "1", "ann", `"round_id":"r"`, 200, `"bet_id":"","round_id":"r"`},
			{"mini", "1", "ann", `"round_id":"r"`, 200, `"trigger_id":"1"`},
			{"mini", "2", "ann", `"round_id":"r"`, 409, `"id":"1"`},
			{"mini", "2", "ann", `"bet_id":"three"`, 409, `"id":"1"`},
		} {
			text := fmt.Sprintf(`{"jackpot_id":%q,"trigger_id":%q,"player_id":%q,%s}`, test.jackpot, test.trigger, test.player, test.by)
			server.plays(t, "POST", "/v1/jackpots/trigger", text, test.code, test.want)
			if t.Failed() {
				t.Fatalf("step %d", i)
			}
		}
		server.plays(t, "POST", "/v1/jackpots/void", `{"jackpot_id":"mini","trigger_id":"1"}`, 200, "")
		server.plays(t, "POST", "/v1/jackpots/trigger", `{"jackpot_id":"mini","trigger_id":"2","player_id":"ann","bet_id":"three"}`, 200, "")
		server.plays(t, "GET", "/v1/jackpots/mini/triggers?player_id=ann&status=triggered", "", 200, `"trigger_id":"2"`)
		server.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"three","round_id":"r"}`, 200, "") // the trigger stands
		verified(t, storage)
	})
}

// elsewhereNoJackpot has others ask for the jackpot: it is not there for them (requirement R-9).
func (r *running) elsewhereNoJackpot(t *testing.T) {
	t.Helper()
	for i, header := range []string{"X-Brand-Id: other", "X-Region: US", "X-Provider-Id: other"} {
		headers := append([]string(nil), fromStudio[:4]...)
		headers[i+1] = header
		r.plays(t, "GET", "/v1/jackpots/mega", "", 404, `"NOT_FOUND"`, headers...)
		r.plays(t, "GET", "/v1/jackpots", "", 200, `"jackpots":[]`, headers...)
		r.plays(t, "POST", "/v1/jackpots/close", `{"jackpot_id":"mega"}`, 404, `"NOT_FOUND"`, headers...)
		r.plays(t, "POST", "/v1/jackpots/trigger", `{"jackpot_id":"mega","trigger_id":"t","player_id":"ann","round_id":"r"}`, 404, `"NOT_FOUND"`,
			headers...)
	}
}

// crowdsAGame has a game feed one jackpot more than it can.
func (r *running) crowdsAGame(t *testing.T) {
	t.Helper()
	for i := range jackpot.GameLimit + 1 {
		code, want := 201, `"version":1`
		if i == jackpot.GameLimit {
			code, want = 400, `"TOO_MANY_JACKPOTS"`
		}
		r.plays(t, "POST", "/v1/jackpots", fmt.Sprintf(`{"jackpot_id":"j%d","name":"Mini","seed":{"amount":0,"currency":"JPY"},`+
			`"contribution_ppm":1,"game_ids":["crowded"]}`, i), code, want)
	}
}

// A repeat of a change is the first answer, whatever bets have given meanwhile (requirement R-6); what the pool has now is asked for.
func TestRepeatsOfJackpots(t *testing.T) {
	server := start(t)
	server.opens(t)
	const terms = `"name":"Mega","seed":{"amount":5.00,"currency":"EUR"},"contribution_ppm":1000000,"game_ids":["slot"]}`
	bets := 0
	for i, change := range []struct{ verb, path, body, amount, now string }{
		{"POST", "/v1/jackpots", `{"jackpot_id":"mega",` + terms, "5.00", "6.00"},
		{"PUT", "/v1/jackpots/mega", `{"version":1,` + strings.Replace(terms, "Mega", "Mini", 1), "5.00", "7.00"},
		{"POST", "/v1/jackpots/close", `{"jackpot_id":"mega"}`, "0.00", "0.00"},
	} {
		headers := append(slices.Clone(fromStudio[:4]), "Content-Type: application/json", fmt.Sprint("X-Idempotency-Key: change ", i))
		first, text := server.http(t, change.verb, change.path, change.body, headers...)
		if first/100 != 2 || !strings.Contains(text, `"amount":{"amount":`+change.amount+`,`) {
			t.Errorf("%s %s: %d %s", change.verb, change.path, first, text)
		}
		bets++
		server.bets(t, fmt.Sprint(bets), "1.00", 200, "")
		server.wins(t, fmt.Sprint(bets), "0", 200, "")
		server.plays(t, "GET", "/v1/jackpots/mega", "", 200, `"amount":{"amount":`+change.now+`,`)
		server.plays(t, "GET", "/v1/jackpots", "", 200, `"amount":{"amount":`+change.now+`,`)
		if again, repeated := server.http(t, change.verb, change.path, change.body, headers...); again != first || repeated != text {
			t.Errorf("%s %s: %d %s, and again %d %s", change.verb, change.path, first, text, again, repeated)
		}
	}
	server.plays(t, "GET", "/v1/jackpots?limit=51", "", 400, `"VALIDATION_FAILED"`)
}

// A trigger whose names are those of a bet's bonus part has a hold of its own.
func TestTriggersNamedLikeBets(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		server := start(t, store, func(c *config.Config) { storage = c.Storage })
		server.opens(t)
		server.plays(t, "POST", "/v1/bonuses", gift("b", `"wagering_multiplier":2,"ttl_seconds":3600`), 201, "")
		server.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b"}`, 200, "")
		server.plays(t, "POST", "/v1/jackpots", `{"jackpot_id":"x","name":"X","seed":{"amount":5.00,"currency":"EUR"},"contribution_ppm":1,`+
			`"game_ids":["slot"]}`, 201, "")
		server.bets(t, "x", "2.00", 200, `"hold_id":"hold:studio/x/bonus"`)
		server.plays(t, "POST", "/v1/jackpots/trigger", `{"jackpot_id":"x","trigger_id":"bonus","player_id":"ann","bet_id":"x"}`, 200,
			`"hold_id":"hold:studio/x/bonus/jackpot"`)
		verified(t, storage)
		server.plays(t, "POST", "/v1/jackpots/payout", `{"jackpot_id":"x","trigger_id":"bonus"}`, 200, `"status":"paid"`)
		server.wins(t, "x", "0", 200, "")
		server.moneys(t, "10.00", "0.00", "8.00", "0.00")
		verified(t, storage)
	})
}

// What a provider says wrong of jackpots is told by its field, in both dialects alike.
func TestBadInputOfJackpots(t *testing.T) {
	server := start(t)
	const good = `{"jackpot_id":"j","name":"n","seed":{"amount":5,"currency":"EUR"},"contribution_ppm":1,"game_ids":["g"]}`
	many := `"` + strings.Join(strings.Split(strings.Repeat("g", 51), ""), `","`) + `"`
	for _, test := range []struct{ path, old, new, want string }{
		{"", `"seed":{"amount":5,"currency":"EUR"},`, "", "seed"},
		{"", `"currency":"EUR"`, `"currency":"XXX"`, "seed.currency"},
		{"", `5,`, `5.001,`, "seed.amount"},
		{"", `5,`, `-5,`, "seed.amount"},
		{"", `"contribution_ppm":1`, `"contribution_ppm":0`, "contribution_ppm"},
		{"", `"contribution_ppm":1`, `"contribution_ppm":1000001`, "contribution_ppm"},
		{"", `"contribution_ppm":1`, `"contribution_ppm":0.5`, "contribution_ppm"},
		{"", `["g"]`, `[]`, "game_ids"},
		{"", `["g"]`, `["g","g"]`, "game_ids"},
		{"", `["g"]`, `["a/b"]`, "game_ids[0]"},
		{"", `["g"]`, `[` + many + `]`, "game_ids"},
		{"", `"name":"n"`, `"name":""`, "name"},
		{"", `"j"`, `"a/b"`, "jackpot_id"},
		{"", `"game_ids"`, `"max_contribution":{"amount":0,"currency":"EUR"},"game_ids"`, "max_contribution"},
		{"", `"game_ids"`, `"max_contribution":{"amount":1,"currency":"USD"},"game_ids"`, "max_contribution.currency"},
		{"/trigger", good, `{"jackpot_id":"j","trigger_id":"t","player_id":"p"}`, "bet_id"},
		{"/trigger", good, `{"jackpot_id":"j","player_id":"p","bet_id":"b"}`, "trigger_id"},
		{"/payout", good, `{"jackpot_id":"j"}`, "trigger_id"},
		{"/void", good, `{"jackpot_id":"j","trigger_id":"t","reason":"` + strings.Repeat("x", 257) + `"}`, "reason"},
		{"/close", good, `{}`, "jackpot_id"},
	} {
		code, reason, fields := server.provides(t, "POST", "/v1/jackpots"+test.path, strings.Replace(good, test.old, test.new, 1), fromStudio...)
		if code != 400 || reason != "VALIDATION_FAILED" || len(fields) == 0 || !strings.HasPrefix(fields[0], test.want+" ") {
			t.Errorf("%s %s: %d %s %q, want %q", test.path, test.new, code, reason, fields, test.want)
		}
	}
	err := server.asStudio(t, "/provider.v1.JackpotService/TriggerJackpot", &providerv1.TriggerJackpotRequest{JackpotId: "j", TriggerId: "t"})
	if status.Code(err) != codes.InvalidArgument || len(violated(err)) != 2 {
		t.Errorf("gRPC: %v", err)
	}
	create := &providerv1.CreateJackpotRequest{
		JackpotId: "j", Name: "n", Seed: &providerv1.Money{AmountMinor: 500, Currency: "EUR"}, ContributionPpm: 1, GameIds: []string{"g"},
	}
	if err := server.asStudio(t, "/provider.v1.JackpotService/CreateJackpot", create); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	if err := server.asStudio(t, "/provider.v1.JackpotService/GetJackpot", &providerv1.GetJackpotRequest{JackpotId: "j"}); err != nil {
		t.Errorf("gRPC: %v", err)
	}
}

// jackpotStore is what the tests of jackpots need of a database.
type jackpotStore interface {
	walletStore
	view.Play
}

// However many bets, triggers and payouts of one jackpot meet, in whatever processes: every bet gives once and triggers once, a trigger is
// paid once, and what came while the jackpot was being closed is not lost (requirements P-3, P-4).
func TestJackpotsPayOnce(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		store, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "oms.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		newRush(t, store, submitterOfSteps(t, store, 1)).run()
	})
	t.Run("postgres", func(t *testing.T) {
		url := postgrestest.New(t)
		open := func() *postgres.Store {
			store, err := postgres.Open(context.Background(), url, postgres.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.Close)
			return store
		}
		one, other := open(), open()
		newRush(t, one, submitterOfSteps(t, one, 2), submitterOfSteps(t, other, 2)).run()
	})
}

// rush is many who play for one jackpot at once.
type rush struct {
	*testing.T
	store  jackpotStore
	submit []func(...domain.Command) command.Result
	group  sync.WaitGroup
	mutex  sync.Mutex
	told   map[string]int
}

func newRush(t *testing.T, store jackpotStore, submit ...func(...domain.Command) command.Result) *rush {
	t.Helper()
	return &rush{T: t, store: store, submit: submit}
}

const (
	rushPlayers, rushBets, rushStake, rushSeed = 8, 200, 250, 500
	rushGives                                  = 2 // one percent of the stake, rounded down
)

// seen reads the jackpot.
func (r *rush) seen() (*state.Jackpot, jackpot.Seen) {
	found, seen, err := app.ReadJackpot(context.Background(), r.store, state.JackpotRef(modelOrigin, "mega"))
	if err != nil {
		r.Error(err)
	}
	return found, seen
}

// does makes and submits a command, as the edge does, in the process of a number, and notes the answer under a name.
func (r *rush) does(process int, name string, about func(jackpot.Seen) domain.Command) *rush {
	r.group.Go(func() {
		told := domain.Stale
		for told == domain.Stale {
			_, seen := r.seen()
			told = "done"
			if refused := r.submit[process%len(r.submit)](about(seen)).Fault; refused != nil {
				told = refused.Reason
			}
		}
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.told[name+" "+told]++
	})
	return r
}

// bets has every player bet, several at once.
func (r *rush) bets(from, to int) {
	for i := from; i < to; i++ {
		r.group.Go(func() {
			player := fmt.Sprint("p", i%rushPlayers)
			w := wager.Wallet{PlayerID: player, Currency: "EUR", GameID: "game"}
			bet, submit := fmt.Sprint("b", i), r.submit[i%len(r.submit)]
			result := submit(wager.Authorize{
				By: modelOrigin, SessionID: player, BetID: bet, RoundID: "r", AmountMinor: rushStake, Currency: "EUR", Wallet: w,
			}, wager.Settle{By: modelOrigin, BetID: bet, RoundID: "r", Currency: "EUR", Wallet: w, Random: [10]byte([]byte(fmt.Sprintf("%10s", bet)))})
			if result.Fault != nil {
				r.Error(result.Fault)
			}
		})
	}
}

// wait waits for all who play, and wants them told so.
func (r *rush) wait(want map[string]int) {
	r.Helper()
	r.group.Wait()
	if fmt.Sprint(r.told) != fmt.Sprint(want) {
		r.Errorf("told %v, want %v", r.told, want)
	}
	r.told = map[string]int{}
}

func (r *rush) claim(trigger, player string, seen jackpot.Seen) jackpot.Claim {
	return jackpot.Claim{By: modelOrigin, JackpotID: "mega", TriggerID: trigger, PlayerID: player, Seen: seen}
}

func (r *rush) balance(account string) int64 {
	r.Helper()
	balance, err := r.store.Balance(context.Background(), "t", account, time.Time{})
	if err != nil {
		r.Error(err)
	}
	return balance
}

func (r *rush) run() {
	r.told = map[string]int{}
	for i := range rushPlayers {
		if refused := r.submit[0](opened(fmt.Sprint("p", i), 1_000_000)...).Fault; refused != nil {
			r.Fatal(refused)
		}
	}
	if refused := r.submit[0](jackpot.Create{By: modelOrigin, JackpotID: "mega", Currency: "EUR", Terms: state.Terms{
		Name: "Mega", SeedMinor: rushSeed, RatePPM: 10_000, MaxMinor: state.NoLimit, Games: []string{"game"},
	}}).Fault; refused != nil {
		r.Fatal(refused)
	}
	r.bets(0, rushBets/2)
	r.group.Wait()
	r.bets(rushBets/2, rushBets)
	trigger := func(name, player, bet, round string) func(jackpot.Seen) domain.Command {
		return func(seen jackpot.Seen) domain.Command {
			made := jackpot.Trigger{
				By: modelOrigin, JackpotID: "mega", TriggerID: name, PlayerID: player, BetID: bet, RoundID: round, Seen: seen,
			}
			cause, err := app.ReadCause(context.Background(), r.store, made)
			if err != nil {
				r.Error(err)
			}
			made.Cause = cause
			return made
		}
	}
	for i := range 100 {
		r.does(i, "one", trigger("one", "p0", "", "r"))
	}
	for i := range 10 {
		r.does(i, "other", trigger(fmt.Sprint("t", i), "p1", fmt.Sprint("b", 1+i*rushPlayers), ""))
		r.does(i, "bet", trigger(fmt.Sprint("bet", i), "p2", "b2", ""))
		r.does(i, "round", trigger(fmt.Sprint("round", i), "p3", "", "r"))
	}
	r.wait(map[string]int{
		"one done": 100, "other done": 10, "bet done": 1, "bet DUPLICATE": 9, "round done": 1, "round DUPLICATE": 9,
	})
	found, seen := r.seen()
	if seen.FedMinor != rushBets*rushGives {
		r.Errorf("bets gave %d, not %d", seen.FedMinor, rushBets*rushGives)
	}
	if found.SeededMinor != 14*rushSeed || found.FreeMinor()+found.HeldMinor+seen.FedMinor-found.CollectedMinor != 14*rushSeed+seen.FedMinor {
		r.Errorf("%+v", found)
	}
	r.payAndClose()
}

// payAndClose pays one trigger by many, has the others paid and given up at once, and closes the jackpot while bets go on.
func (r *rush) payAndClose() {
	before := r.balance(ledger.ID("p0", ledger.PlayerCash, "EUR"))
	for i := range 100 {
		r.does(i, "one", func(seen jackpot.Seen) domain.Command { return jackpot.Pay{Claim: r.claim("one", "p0", seen)} })
	}
	r.wait(map[string]int{"one done": 100})
	row, err := r.store.PlayRow(context.Background(), state.JackpotTriggerRef(modelOrigin, "mega", "one"))
	if err != nil {
		r.Fatal(err)
	}
	won := row.(*state.JackpotTrigger).AmountMinor //nolint:forcetypeassert // of the kind
	if got := r.balance(ledger.ID("p0", ledger.PlayerCash, "EUR")) - before; got != won || won < rushSeed {
		r.Errorf("the winner of %d was credited %d", won, got)
	}
	for i := range 10 {
		name := fmt.Sprint("t", i)
		r.does(i, "ended", func(seen jackpot.Seen) domain.Command { return jackpot.Pay{Claim: r.claim(name, "p1", seen)} })
		r.does(i+1, "ended", func(seen jackpot.Seen) domain.Command { return jackpot.Void{Claim: r.claim(name, "p1", seen)} })
	}
	for i := range 10 { // one of each has come to be
		r.does(i, "bet", func(seen jackpot.Seen) domain.Command {
			return jackpot.Void{Claim: r.claim(fmt.Sprint("bet", i), "p2", seen)}
		})
		r.does(i, "round", func(seen jackpot.Seen) domain.Command {
			return jackpot.Void{Claim: r.claim(fmt.Sprint("round", i), "p3", seen)}
		})
	}
	r.wait(map[string]int{
		"ended done": 10, "ended INVALID_STATE": 10, "bet done": 1, "bet NOT_FOUND": 9, "round done": 1, "round NOT_FOUND": 9,
	})
	r.bets(rushBets, 2*rushBets)
	for i := range 4 {
		r.does(i, "closed", func(seen jackpot.Seen) domain.Command {
			return jackpot.Close{By: modelOrigin, JackpotID: "mega", Seen: seen}
		})
	}
	r.wait(map[string]int{"closed done": 4})
	r.does(0, "collected", func(seen jackpot.Seen) domain.Command {
		return jackpot.Collect{By: modelOrigin, JackpotID: "mega", Seen: seen}
	})
	r.wait(map[string]int{"collected done": 1})
	found, seen := r.seen()
	if found.FreeMinor() != 0 || found.HeldMinor != 0 || seen.FedMinor != found.CollectedMinor || r.balance(found.Pool()) != 0 ||
		r.balance(found.Fed()) != 0 {
		text, _ := json.Marshal(found)
		r.Errorf("closed with money: %s, fed %d", text, seen.FedMinor)
	}
	sound(r.T, r.store)
}

// What bets gave to a jackpot that was closed meanwhile goes to the house two minutes later, by the timer.
func TestJackpotIsCollectedAfterItsEnd(t *testing.T) {
	server := start(t)
	server.plays(t, "POST", "/v1/jackpots",
		`{"jackpot_id":"j","name":"n","seed":{"amount":5,"currency":"EUR"},"contribution_ppm":1,"game_ids":["g"]}`, 201, "")
	server.plays(t, "POST", "/v1/jackpots/close", `{"jackpot_id":"j"}`, 200, `"amount":{"amount":0.00,`)
	late := wallet.Move{
		Tenant: "default", Transfer: ledger.Transfer{ID: "transfer:late", Kind: domain.TransferContribution, Currency: "EUR"},
		From: ledger.ID("", ledger.House, "EUR"), To: ledger.ID("studio/j", ledger.JackpotContributions, "EUR"), AmountMinor: 7,
	}
	if result := server.Submit(t.Context(), command.Command{
		Tenant: "default", Principal: "test", Method: "test", Steps: []command.Step{command.Do(late)},
	}); result.Fault != nil {
		t.Fatal(result.Fault)
	}
	server.plays(t, "GET", "/v1/jackpots/j", "", 200, `"amount":{"amount":0.07,`)
	if code, text := server.http(t, http.MethodPost, "/v1/dev/clock:advance", `{"seconds":121}`, "Content-Type: application/json",
		"Idempotency-Key: advance"); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, text := server.http(t, http.MethodGet, "/v1/jackpots/j", "", fromStudio[:4]...)
		if strings.Contains(text, `"version":3`) && strings.Contains(text, `"amount":{"amount":0.00,`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
}
