package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store/postgres"
)

// gift writes what a bonus of 10.00 for ann is asked for with, and more.
func gift(bonusID, more string) string {
	return fmt.Sprintf(`{"bonus_id":%q,"player_id":"ann","amount":{"amount":10.00,"currency":"EUR"},"policy":"bonus_first",`+
		`"game_weights":[{"game_id":"table","weight_percent":10}],%s}`, bonusID, more)
}

// moneys wants the player's own money and the bonus money, available and held.
func (r *running) moneys(t *testing.T, cash, held, given, givenHeld string) {
	t.Helper()
	want := fmt.Sprintf(`[{"kind":"cash","available":{"amount":%s,"currency":"EUR"},"held":{"amount":%s,"currency":"EUR"}},`+
		`{"kind":"bonus","available":{"amount":%s,"currency":"EUR"},"held":{"amount":%s,"currency":"EUR"}}]`, cash, held, given, givenHeld)
	r.plays(t, "GET", "/v1/players/ann/balances", "", 200, want)
}

func (r *running) bets(t *testing.T, bet, amount string, code int, want string) {
	t.Helper()
	r.plays(t, "POST", "/v1/bets/authorize",
		fmt.Sprintf(`{"session_id":"s","bet_id":%q,"round_id":"r","amount":{"amount":%s,"currency":"EUR"}}`, bet, amount), code, want)
}

func (r *running) wins(t *testing.T, bet, amount string, code int, want string) {
	t.Helper()
	r.plays(t, "POST", "/v1/bets/settle", fmt.Sprintf(`{"bet_id":%q,"round_id":"r","win":{"amount":%s,"currency":"EUR"}}`, bet, amount), code, want)
}

// opens makes ann with 5.00 of her own and a session.
func (r *running) opens(t *testing.T) {
	t.Helper()
	r.plays(t, "POST", "/v1/players", `{"player_id":"ann","currency":"EUR","locale":"de"}`, 201, "")
	r.fund(t, "default", "ann", 500)
	r.plays(t, "POST", "/v1/sessions", `{"session_id":"s","player_id":"ann","game_id":"slot","currency":"EUR","locale":"de","ttl_seconds":86400}`, 201, "")
}

// sounds fails the test when an invariant of the database is broken.
func sounds(t *testing.T, storage config.Storage) {
	t.Helper()
	findings, err := app.Verify(t.Context(), storage)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		if finding.Violation != "" {
			t.Errorf("%s: %s", finding.Invariant, finding.Violation)
		}
	}
}

// A bonus goes its way over REST: granted, activated, bet together with the player's own money, wagered and converted (requirement P-1).
func TestBonuses(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		r := start(t, store, func(c *config.Config) { storage = c.Storage })
		r.opens(t)
		r.plays(t, "GET", "/v1/bonuses/b1", "", 404, "NOT_FOUND")
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b1"}`, 404, "NOT_FOUND")
		const more = `"wagering_multiplier":2,"ttl_seconds":3600,"max_bet":{"amount":12,"currency":"EUR"},"max_conversion":{"amount":9,"currency":"EUR"}`
		r.plays(t, "POST", "/v1/bonuses", gift("b1", `"dry_run":true,`+more), 201, `"status":"granted"`)
		r.plays(t, "POST", "/v1/bonuses", gift("b1", more), 201, `"wagering_required":{"amount":20.00,"currency":"EUR"},"wagered":{"amount":0.00,`)
		r.plays(t, "POST", "/v1/bonuses", gift("b1", more), 201, `"status":"granted"`)
		r.plays(t, "POST", "/v1/bonuses", gift("b1", strings.Replace(more, "3600", "3601", 1)), 409, `"DUPLICATE"`)
		r.plays(t, "POST", "/v1/bonuses", gift("", more), 201, `"bonus_id":"bonus:`)
		r.moneys(t, "5.00", "0.00", "0.00", "0.00")
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b1","dry_run":true}`, 200, `"status":"active"`)
		r.moneys(t, "5.00", "0.00", "0.00", "0.00")
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b1"}`, 200, `"status":"active"`)
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b1"}`, 200, `"version":2`)
		r.plays(t, "POST", "/v1/bonuses", gift("b2", more), 201, `"status":"granted"`)
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b2"}`, 400, `"status":"active"`)
		r.moneys(t, "5.00", "0.00", "10.00", "0.00")
		r.bets(t, "1", "15.01", 400, `"available":"15.00"`)
		r.bets(t, "1", "12.01", 400, `"left":"12.00","limit":"bonus_max_bet"`)
		r.bets(t, "1", "12.00", 200, `{"status":"authorized","hold_id":"hold:studio/1"}`)
		r.moneys(t, "3.00", "2.00", "0.00", "10.00")
		r.plays(t, "GET", "/v1/bets/1", "", 200, `"bonus_id":"b1","bonus_amount":{"amount":10.00,"currency":"EUR"}`)
		r.wins(t, "1", "12.01", 200, "credited")
		r.moneys(t, "5.01", "0.00", "10.00", "0.00")
		r.plays(t, "GET", "/v1/bonuses/b1", "", 200, `"wagered":{"amount":12.00,"currency":"EUR"}`)
		r.bets(t, "2", "2", 200, `"hold_id":"hold:studio/2/bonus"`)
		r.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"2","round_id":"r"}`, 200, `"applied":true`)
		r.bets(t, "3", "1", 200, "authorized")
		r.bets(t, "4", "8", 200, "authorized")
		r.wins(t, "4", "10", 200, "credited")
		r.moneys(t, "14.01", "0.00", "0.00", "1.00") // 11.00 were left, of which 9.00 become the player's own
		r.plays(t, "GET", "/v1/bonuses/b1", "", 200, `"converted":{"amount":9.00,"currency":"EUR"}`)
		r.wins(t, "3", "5", 200, "credited")
		r.moneys(t, "14.01", "0.00", "0.00", "0.00")
		r.wins(t, "3", "5", 200, "credited")
		r.plays(t, "POST", "/v1/bonuses/forfeit", `{"bonus_id":"b1","reason":"late"}`, 400, `"status":"converted"`)
		r.plays(t, "GET", "/v1/bonuses?player_id=ann&status=converted", "", 200, `"bonus_id":"b1"`)
		r.plays(t, "GET", "/v1/bonuses?status=active", "", 200, `{"bonuses":[],"next_cursor":"","has_more":false}`)
		r.plays(t, "GET", "/v1/bonuses?limit=1&order=desc", "", 200, `"has_more":true`)
		elsewhere := []string{"X-Trace-Id: x", "X-Brand-Id: else", "X-Region: EU", "X-Provider-Id: studio"}
		r.plays(t, "GET", "/v1/bonuses/b1", "", 404, "NOT_FOUND", elsewhere...)
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b2"}`, 404, "NOT_FOUND", elsewhere...)
		r.plays(t, "POST", "/v1/bonuses", gift("b1", more), 409, "DUPLICATE", elsewhere...)
		r.plays(t, "POST", "/v1/bonuses", gift("b9", more), 404, "NOT_FOUND", elsewhere...)
		sounds(t, storage)
	})
}

// A bonus is taken back by hand, or by its timer when its time is over; what open bets hold of it follows.
func TestBonusesThatEnd(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		var storage config.Storage
		r := start(t, store, func(c *config.Config) { storage = c.Storage })
		r.opens(t)
		for _, name := range []string{"b1", "b2", "b3"} {
			r.plays(t, "POST", "/v1/bonuses", gift(name, `"wagering_amount":{"amount":20,"currency":"EUR"},"ttl_seconds":3600`), 201, "")
		}
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b1"}`, 200, "")
		r.bets(t, "1", "4", 200, "authorized")
		r.plays(t, "POST", "/v1/bonuses/forfeit", `{"bonus_id":"b1","reason":"the player asked"}`, 200, `"status":"forfeited","reason":"the player asked"`)
		r.plays(t, "POST", "/v1/bonuses/forfeit", `{"bonus_id":"b1"}`, 200, `"reason":"the player asked"`)
		r.moneys(t, "5.00", "0.00", "0.00", "4.00")
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b2"}`, 200, "")
		r.wins(t, "1", "7", 200, "credited") // the first bonus's, which has ended: the house's
		r.moneys(t, "5.00", "0.00", "10.00", "0.00")
		r.bets(t, "2", "3", 200, "authorized")
		r.plays(t, "POST", "/v1/dev/clock:advance", `{"seconds":3600}`, 200, "")
		r.plays(t, "GET", "/v1/bonuses/b2", "", 200, `"status":"expired"`)
		r.plays(t, "GET", "/v1/bonuses?status=expired", "", 200, `"bonus_id":"b3"`)
		r.bets(t, "3", "5.01", 400, `"available":"5.00"`)
		r.plays(t, "POST", "/v1/bonuses/activate", `{"bonus_id":"b3"}`, 400, `"status":"expired"`)
		taken := `{"kind":"bonus","available":{"amount":0.00,"currency":"EUR"},"held":{"amount":3.00,"currency":"EUR"}}`
		for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if _, text := r.cashierCall(t, "GET", "/v1/players/ann/balances", "", ""); strings.Contains(text, taken) {
				break
			} else if time.Now().After(limit) {
				t.Fatalf("an hour later the player has %s", text)
			}
		}
		r.plays(t, "POST", "/v1/bets/rollback", `{"bet_id":"2","round_id":"r"}`, 200, `"applied":true`)
		r.moneys(t, "5.00", "0.00", "0.00", "0.00")
		r.plays(t, "GET", "/v1/bonuses/b2", "", 200, `"version":3`)
		sounds(t, storage)
	})
}

// What is wrong with a bonus is told by its field, over REST and gRPC.
func TestBadBonuses(t *testing.T) {
	r := start(t)
	r.opens(t)
	const good = `"wagering_multiplier":2,"ttl_seconds":3600`
	for name, test := range map[string]struct{ body, want string }{
		"no wagering":      {gift("x", `"ttl_seconds":1`), `"field":"wagering","description":"send one of wagering_multiplier, wagering_amount"`},
		"no end":           {gift("x", `"wagering_multiplier":2`), "send one of expires_at, ttl_seconds"},
		"both ends":        {gift("x", good+`,"expires_at":"2030-01-01T00:00:00Z"`), "expires_at"},
		"in the past":      {gift("x", `"wagering_multiplier":2,"expires_at":"2020-01-01T00:00:00Z"`), `"reason":"EXPIRY_INVALID"`},
		"too far":          {gift("x", `"wagering_multiplier":2,"expires_at":"2999-01-01T00:00:00Z"`), `"field":"expires_at"`},
		"too much":         {strings.Replace(gift("x", good), "10.00", "90071992547409.91", 1), `"reason":"WAGERING_INVALID"`},
		"another bound":    {gift("x", good+`,"max_bet":{"amount":1,"currency":"USD"}`), `"field":"max_bet.currency"`},
		"another currency": {strings.Replace(gift("x", good), "EUR", "USD", 1), `"CURRENCY_MISMATCH"`},
		"no policy":        {strings.Replace(gift("x", good), "bonus_first", "", 1), `"field":"policy"`},
		"twice a game":     {strings.Replace(gift("x", good), `[{`, `[{"game_id":"table","weight_percent":1},{`, 1), "GAME_WEIGHTS_UNIQUE"},
		"too heavy":        {strings.Replace(gift("x", good), `"weight_percent":10`, `"weight_percent":101`, 1), "game_weights[0].weight_percent"},
		"nothing":          {strings.Replace(gift("x", good), "10.00", "0", 1), "AMOUNT_POSITIVE"},
		"nobody":           {strings.Replace(gift("x", good), `"ann"`, `"eve"`, 1), "NOT_FOUND"},
	} {
		code := 400
		if name == "nobody" {
			code = 404
		}
		t.Run(name, func(t *testing.T) { r.plays(t, "POST", "/v1/bonuses", test.body, code, test.want) })
	}
	_, public, _, _ := r.Addresses()
	client := providerv1.NewBonusServiceClient(dial(t, public))
	under := func(key string) context.Context {
		pairs := []string{"x-idempotency-key", key}
		for _, header := range fromStudio[:4] {
			header, value, _ := strings.Cut(header, ": ")
			pairs = append(pairs, header, value)
		}
		return metadata.AppendToOutgoingContext(t.Context(), pairs...)
	}
	eur := func(minor int64) *providerv1.Money { return &providerv1.Money{AmountMinor: minor, Currency: "EUR"} }
	grant := &providerv1.GrantBonusRequest{
		BonusId: "g", PlayerId: "ann", Amount: eur(100), Wagering: &providerv1.GrantBonusRequest_WageringAmount{WageringAmount: eur(0)},
		Policy: providerv1.BonusPolicy_BONUS_POLICY_CASH_FIRST,
		Expiry: &providerv1.GrantBonusRequest_ExpiresAt{ExpiresAt: timestamppb.New(time.Now().Add(time.Hour))},
	}
	if _, err := client.GrantBonus(under("g1"), grant); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "wagering_amount") {
		t.Errorf("no wagering: %v", err)
	}
	grant.Wagering = &providerv1.GrantBonusRequest_WageringAmount{WageringAmount: eur(1)}
	if got, err := client.GrantBonus(under("g2"), grant); err != nil || got.Bonus.Status != providerv1.BonusStatus_BONUS_STATUS_GRANTED {
		t.Errorf("granted: %v, %v", got, err)
	}
	if got, err := client.ActivateBonus(under("g3"), &providerv1.ActivateBonusRequest{BonusId: "g"}); err != nil || got.Bonus.Version != 2 {
		t.Errorf("activated: %v, %v", got, err)
	}
	if got, err := client.ForfeitBonus(under("g4"), &providerv1.ForfeitBonusRequest{BonusId: "g"}); err != nil || got.Bonus.EndedAt == nil {
		t.Errorf("forfeited: %v, %v", got, err)
	}
	if got, err := client.ListBonuses(under(""), &providerv1.ListBonusesRequest{PlayerId: "ann"}); err != nil || len(got.Bonuses) != 1 {
		t.Errorf("listed: %v, %v", got, err)
	}
	if got, err := client.GetBonus(under(""), &providerv1.GetBonusRequest{BonusId: "g"}); err != nil || got.Bonus.PlayerId != "ann" {
		t.Errorf("read: %v, %v", got, err)
	}
}

// A bet finds out by itself that another process has activated a bonus, or ended it.
func TestBonusesOfOtherProcesses(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) })
	r.opens(t)
	r.bets(t, "before", "1", 200, "authorized")
	r.plays(t, "POST", "/v1/bonuses", gift("b", `"wagering_multiplier":2,"ttl_seconds":3600`), 201, "")
	store, err := postgres.Open(t.Context(), string(r.config.Store), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	elsewhere := submitterOfSteps(t, store, 1)
	by := state.Origin{Tenant: "default", Brand: "brand-7", Region: "EU", Provider: "studio"}
	name := bonus.Name{Tenant: "default", BonusID: "b", PlayerID: "ann", Currency: "EUR"}
	if refused := elsewhere(bonus.Activate{Name: name, By: by}).Fault; refused != nil {
		t.Fatal(refused)
	}
	r.bets(t, "with", "10", 200, `"hold_id":"hold:studio/with/bonus"`)
	if refused := elsewhere(bonus.Forfeit{Name: name, By: by}).Fault; refused != nil {
		t.Fatal(refused)
	}
	r.bets(t, "after", "1", 200, `"hold_id":"hold:studio/after"`)
	r.wins(t, "with", "3", 200, "credited")
	r.moneys(t, "3.00", "2.00", "0.00", "0.00")
	sounds(t, r.config.Storage)
}
