package wager_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

var studio = state.Origin{Tenant: "t", Brand: "b", Region: "EU", Provider: "p"}

// The accounts of the tests' one player.
var (
	cash  = ledger.ID("ann", ledger.PlayerCash, "EUR")
	gift  = ledger.ID("ann", ledger.PlayerBonus, "EUR")
	house = ledger.ID("", ledger.House, "EUR")
	bank  = ledger.ID("", ledger.GatewayClearing, "EUR")
)

// world carries decisions out one after the other, as a pipeline does.
type world struct {
	fail   func(format string, arguments ...any)
	rows   rows
	timers map[state.TimerKey]time.Time
	summed map[string]int64 // balances of accounts without a row
	booked map[string]bool
	events []string
	now    time.Time
}

func newWorld(funds int64, fail func(format string, arguments ...any)) *world {
	w := &world{
		fail: fail, rows: rows{}, timers: map[state.TimerKey]time.Time{}, summed: map[string]int64{}, booked: map[string]bool{},
		now: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC),
	}
	w.do(player.Create{By: studio, PlayerID: "ann", Currency: "EUR", Locale: "de-DE"})
	w.do(wallet.Move{
		Tenant: "t", Transfer: ledger.Transfer{ID: "transfer:ann", Kind: "test", Currency: "EUR"}, From: bank, To: cash, AmountMinor: funds,
	})
	for _, game := range []string{"slot", "table"} {
		w.do(wager.CreateSession{
			By: studio, SessionID: game, PlayerID: "ann", GameID: game, Currency: "EUR", Locale: "de-DE", MaxBetMinor: state.NoLimit,
			TTL: 1000 * time.Hour,
		})
	}
	return w
}

// named are the rows that a command may see: those that it has named.
type named struct {
	world *world
	refs  []state.Ref
}

// Get implements domain.States.
func (n named) Get(ref state.Ref) state.Row {
	if !slices.Contains(n.refs, ref) {
		n.world.fail("%v is read and was not named", ref)
	}
	return n.world.rows.Get(ref)
}

// do carries a command out and answers why not.
func (w *world) do(c domain.Command) (reason string) {
	w.now = w.now.Add(time.Second)
	refs := c.Refs()
	decision, refusal := c.Decide(named{w, refs}, w.now)
	if refusal != nil {
		return refusal.Reason
	}
	for _, change := range decision.Changes {
		ref := change.After.Ref()
		if before := w.rows.Get(ref); before != nil && (change.Before != before || !slices.Contains(refs, ref)) {
			w.fail("%v is changed twice, or was not named", ref)
		}
		w.rows[ref] = change.After
		if change.Event != "" {
			w.events = append(w.events, change.Event)
		}
	}
	for _, timer := range decision.Timers {
		if timer.DueAt.IsZero() {
			delete(w.timers, timer.TimerKey)
		} else {
			w.timers[timer.TimerKey] = timer.DueAt
		}
	}
	for _, transfer := range decision.Transfers {
		if w.booked[transfer.ID] {
			w.fail("%s is booked twice", transfer.ID)
		}
		w.booked[transfer.ID] = true
		for _, entry := range transfer.Entries {
			if entry.Number == 0 {
				w.summed[entry.Account] += entry.AmountMinor
			}
		}
	}
	return ""
}

// wallet is whose money a bet is about: of one that came its own bonus, of a new one that which is active.
func (w *world) wallet(bet string) wager.Wallet {
	found := wager.Wallet{PlayerID: "ann", Currency: "EUR"}
	if b := domain.Find[state.Bet](w.rows, state.BetRef(studio, bet)); b == nil {
		found.Bonus = domain.Find[state.Player](w.rows, state.PlayerRef("t", "ann")).Bonus
	} else {
		found.GameID = b.GameID
		if b.Bonus != nil {
			found.Bonus = b.Bonus.ID
		}
	}
	return found
}

func (w *world) authorize(game, bet string, amount int64) string {
	return w.do(wager.Authorize{
		By: studio, SessionID: game, BetID: bet, RoundID: game, AmountMinor: amount, Currency: "EUR", Wallet: w.wallet(bet),
	})
}

// settle tells a result; one with a name is partial.
func (w *world) settle(game, bet, result string, win int64) string {
	return w.do(wager.Settle{
		By: studio, BetID: bet, RoundID: game, ResultID: result, WinMinor: win, Currency: "EUR", Partial: result != "", Wallet: w.wallet(bet),
		Random: [10]byte([]byte(fmt.Sprintf("%10s", bet+result))[:10]),
	})
}

func (w *world) rollback(game, bet string) string {
	return w.do(wager.Rollback{By: studio, BetID: bet, RoundID: game, Wallet: w.wallet(bet)})
}

func bonusNamed(id string) bonus.Name {
	return bonus.Name{Tenant: "t", BonusID: id, PlayerID: "ann", Currency: "EUR"}
}

func (w *world) grant(id string, terms state.BonusTerms) string {
	terms.PlayerID, terms.Currency = "ann", "EUR"
	return w.do(bonus.Grant{By: studio, BonusID: id, Terms: terms})
}
func (w *world) activate(id string) string {
	return w.do(bonus.Activate{By: studio, Name: bonusNamed(id)})
}
func (w *world) forfeit(id string) string {
	return w.do(bonus.Forfeit{By: studio, Name: bonusNamed(id), Words: "words"})
}

// pass lets time go by, and timers fire.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	at := w.now // each command takes a second
	byID := func(a, b state.TimerKey) int { return strings.Compare(a.AggregateID, b.AggregateID) }
	for _, key := range slices.SortedFunc(maps.Keys(w.timers), byID) {
		if due := w.timers[key]; !at.Before(due) {
			if reason := w.do(bonus.Expire{Name: bonusNamed((&state.Bonus{ID: key.AggregateID}).BonusID())}); reason != "" {
				w.fail("the timer of %s is refused: %s", key.AggregateID, reason)
			}
		}
	}
}

// account answers what is available and held of an account.
func (w *world) account(id string) (available, held int64) {
	if found := domain.Find[state.Account](w.rows, state.AccountRef("t", id)); found != nil {
		return found.AvailableMinor(), found.HeldMinor
	}
	return 0, 0
}

func (w *world) bonus(id string) *state.Bonus {
	return domain.Find[state.Bonus](w.rows, state.BonusRef("t", id))
}

// wants fails the test when the player's own money, the bonus money, or what the house has won is another: available, held, available, held.
func (w *world) wants(what string, want ...int64) {
	own, ownHeld := w.account(cash)
	given, givenHeld := w.account(gift)
	if got := []int64{own, ownHeld, given, givenHeld, w.summed[house]}; !slices.Equal(got, want) {
		w.fail("%s: own, held, bonus, held, house are %d, want %d", what, got, want)
	}
}

// terms are those of a bonus of 200 in an hour, of which half of what is bet on the table counts.
func terms(change func(t *state.BonusTerms)) state.BonusTerms {
	t := state.BonusTerms{
		AmountMinor: 200, RequiredMinor: 400, DefaultWeight: 100, Weights: []state.GameWeight{{GameID: "table", Percent: 50}},
		Policy: state.BonusFirst, MaxBetMinor: state.NoLimit, MaxConversionMinor: state.NoLimit, TTL: time.Hour,
	}
	if change != nil {
		change(&t)
	}
	return t
}

// same fails the test when a command is answered otherwise.
func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is answered %q, want %q", what, got, want)
	}
}

// A bonus goes its way: granted, activated, bet, won with, wagered by the games' weights, converted (requirement P-1).
func TestBonusIsWageredAndConverted(t *testing.T) {
	w := newWorld(1000, t.Fatalf)
	same(t, "grant", w.grant("a", terms(nil)), "")
	w.wants("granted", 1000, 0, 0, 0, 0)
	same(t, "activate", w.activate("a"), "")
	w.wants("activated", 1000, 0, 200, 0, -200)
	same(t, "a bet of both", w.authorize("slot", "1", 300), "")
	w.wants("held of both", 900, 100, 0, 200, -200)
	same(t, "a win", w.settle("slot", "1", "", 100), "") // two thirds are the bonus's, what cannot be split the player's
	w.wants("won", 934, 0, 66, 0, 0)
	same(t, "a bet", w.authorize("table", "2", 66), "")
	same(t, "rolled back", w.rollback("table", "2"), "")
	w.wants("given back", 934, 0, 66, 0, 0)
	if got := w.bonus("a"); got.WageredMinor() != 300 || got.Status != state.BonusActive {
		t.Fatalf("%+v", got)
	}
	same(t, "at half its weight", w.authorize("table", "3", 101), "")
	same(t, "lost", w.settle("table", "3", "", 0), "")
	if got := w.bonus("a"); got.Progress != 350_50 {
		t.Fatalf("%+v", got)
	}
	same(t, "a bet that stays open", w.authorize("slot", "4", 10), "")
	same(t, "the last bet", w.authorize("slot", "5", 50), "")
	w.wants("before", 839, 60, 0, 0, 101)
	same(t, "is won", w.settle("slot", "5", "", 70), "")
	w.wants("converted, with nothing left", 909, 10, 0, 0, 81)
	want := []string{"bonus.granted", "bonus.activated", "bonus.converted"}
	var told []string
	for _, event := range w.events {
		if slices.Contains(want, event) {
			told = append(told, event)
		}
	}
	if got := w.bonus("a"); got.Status != state.BonusConverted || got.EndedAt.IsZero() || !slices.Equal(told, want) || len(w.timers) > 0 {
		t.Errorf("%+v, %v, %v", got, told, w.timers)
	}
}

// What open bets hold of a bonus that has ended goes where its money went: to the player as far as it converts, or to the house.
func TestMoneyOfEndedBonuses(t *testing.T) {
	open := func(change func(t *state.BonusTerms)) *world {
		w := newWorld(1000, t.Fatalf)
		w.grant("a", terms(change))
		w.activate("a")
		for _, bet := range []string{"won", "back"} { // each half of the bonus's money
			w.authorize("slot", bet, 60)
		}
		w.wants("open", 1000, 0, 80, 120, -200)
		return w
	}
	for name, test := range map[string]struct {
		change func(t *state.BonusTerms)
		end    func(w *world)
		ended  []int64
		won    []int64 // when one of the bets has won 90
		back   []int64 // when the other was rolled back too
	}{
		"forfeited": {nil, func(w *world) { same(t, "forfeit", w.forfeit("a"), "") },
			[]int64{1000, 0, 0, 120, -120}, []int64{1000, 0, 0, 60, -60}, []int64{1000, 0, 0, 0, 0}},
		"expired": {nil, func(w *world) { w.pass(time.Hour) },
			[]int64{1000, 0, 0, 120, -120}, []int64{1000, 0, 0, 60, -60}, []int64{1000, 0, 0, 0, 0}},
		"converted": {func(t *state.BonusTerms) { t.RequiredMinor = 80 }, func(w *world) { w.authorize("slot", "x", 80); w.settle("slot", "x", "", 0) },
			[]int64{1000, 0, 0, 120, -120}, []int64{1090, 0, 0, 60, -150}, []int64{1150, 0, 0, 0, -150}},
		"converted up to 100": {func(t *state.BonusTerms) { t.RequiredMinor, t.MaxConversionMinor = 80, 100 },
			func(w *world) { w.authorize("slot", "x", 80); w.settle("slot", "x", "", 20) },
			[]int64{1020, 0, 0, 120, -140}, []int64{1100, 0, 0, 60, -160}, []int64{1100, 0, 0, 0, -100}},
	} {
		w := open(test.change)
		test.end(w)
		w.wants(name, test.ended...)
		same(t, name+", settle", w.settle("slot", "won", "", 90), "")
		w.wants(name+", won", test.won...)
		same(t, name+", roll back", w.rollback("slot", "back"), "")
		w.wants(name+", rolled back", test.back...)
		same(t, name+", settle again", w.settle("slot", "won", "", 90), "")
		same(t, name+", roll back again", w.rollback("slot", "back"), "")
		w.wants(name+", again", test.back...)
	}
}

// The policy says which money is played first; what a bonus allows at once bounds bets that use its money only (requirement P-4).
func TestPoliciesAndBounds(t *testing.T) {
	for name, test := range map[string]struct {
		policy state.BonusPolicy
		amount int64
		answer string
		want   []int64
	}{
		"cash first":                       {state.BonusCashFirst, 900, "", []int64{100, 900, 200, 0, -200}},
		"cash first, beyond it":            {state.BonusCashFirst, 1050, "LIMIT_EXCEEDED", []int64{1000, 0, 200, 0, -200}},
		"bonus first":                      {state.BonusFirst, 50, "", []int64{1000, 0, 150, 50, -200}},
		"bonus first, more than it allows": {state.BonusFirst, 51, "LIMIT_EXCEEDED", []int64{1000, 0, 200, 0, -200}},
		"more than both":                   {state.BonusFirst, 1201, "INSUFFICIENT_FUNDS", []int64{1000, 0, 200, 0, -200}},
	} {
		w := newWorld(1000, t.Fatalf)
		w.grant("a", terms(func(t *state.BonusTerms) { t.Policy, t.MaxBetMinor = test.policy, 50 }))
		w.activate("a")
		same(t, name, w.authorize("slot", "1", test.amount), test.answer)
		w.wants(name, test.want...)
	}
	w := newWorld(1000, t.Fatalf)
	w.grant("a", terms(func(t *state.BonusTerms) { t.Policy = state.BonusCashFirst }))
	w.activate("a")
	same(t, "all there is", w.authorize("slot", "1", 1200), "")
	w.wants("all there is", 0, 1000, 0, 200, -200)
	same(t, "one more", w.authorize("slot", "2", 1), "INSUFFICIENT_FUNDS")
}

// What a bonus's state does not allow is refused, and repeats change nothing.
func TestBonusesThatAreRefused(t *testing.T) {
	w := newWorld(1000, t.Fatalf)
	same(t, "activate nothing", w.activate("a"), "NOT_FOUND")
	same(t, "grant", w.grant("a", terms(nil)), "")
	same(t, "grant again", w.grant("a", terms(nil)), "")
	same(t, "grant another", w.grant("a", terms(func(t *state.BonusTerms) { t.MaxBetMinor = 7 })), "DUPLICATE")
	same(t, "grant for too long", w.grant("x", terms(func(t *state.BonusTerms) { t.TTL = 367 * 24 * time.Hour })), "EXPIRY_INVALID")
	same(t, "grant for the past", w.grant("x", terms(func(t *state.BonusTerms) { t.TTL, t.ExpiresAt = 0, w.now })), "EXPIRY_INVALID")
	same(t, "a second", w.grant("b", terms(nil)), "")
	same(t, "activate", w.activate("a"), "")
	same(t, "activate again", w.activate("a"), "")
	same(t, "activate the second", w.activate("b"), "INVALID_STATE")
	w.wants("active", 1000, 0, 200, 0, -200)
	same(t, "forfeit one that waits", w.forfeit("b"), "")
	w.wants("the active one stays", 1000, 0, 200, 0, -200)
	same(t, "forfeit", w.forfeit("a"), "")
	same(t, "forfeit again", w.forfeit("a"), "")
	same(t, "activate what was forfeited", w.activate("a"), "INVALID_STATE")
	w.wants("forfeited", 1000, 0, 0, 0, 0)
	same(t, "a third", w.grant("c", terms(nil)), "")
	w.activate("c")
	w.now = w.now.Add(2 * time.Hour) // its timer has not fired yet
	same(t, "a bet of more than the player's own", w.authorize("slot", "1", 1001), "INSUFFICIENT_FUNDS")
	same(t, "forfeit what has expired", w.forfeit("c"), "INVALID_STATE")
	same(t, "too early", w.do(bonus.Expire{Name: bonusNamed("c")}), "")
	w.wants("expired", 1000, 0, 0, 0, 0)
	same(t, "a bonus of another brand", w.do(bonus.Activate{By: state.Origin{Tenant: "t", Brand: "else"}, Name: bonusNamed("c")}), "NOT_FOUND")
	exclude := true
	w.grant("d", terms(nil))
	w.do(player.SetFlags{By: studio, PlayerID: "ann", Exclude: &exclude})
	same(t, "grant to who is excluded", w.grant("e", terms(nil)), "RG_BLOCK")
	same(t, "activate for who is excluded", w.activate("d"), "RG_BLOCK")
	same(t, "expire in time", w.do(bonus.Expire{Name: bonusNamed("d")}), "TOO_EARLY")
}

// A bet that names no bonus, or another than is active, is made again; so is what names no player.
func TestStaleBonuses(t *testing.T) {
	w := newWorld(1000, t.Fatalf)
	w.grant("a", terms(nil))
	w.activate("a")
	bet := wager.Authorize{By: studio, SessionID: "slot", BetID: "1", RoundID: "slot", AmountMinor: 10, Currency: "EUR"}
	for _, name := range []string{"", "bonus:else"} {
		bet.Wallet = wager.Wallet{PlayerID: "ann", Currency: "EUR", Bonus: name}
		same(t, "authorize with "+name, w.do(bet), domain.Stale)
	}
	bet.Wallet = w.wallet("1")
	same(t, "authorize", w.do(bet), "")
	none := wager.Wallet{PlayerID: "ann", Currency: "EUR", GameID: "slot"}
	same(t, "settle", w.do(wager.Settle{By: studio, BetID: "1", RoundID: "slot", Currency: "EUR", Wallet: none}), domain.Stale)
	same(t, "roll back", w.do(wager.Rollback{By: studio, BetID: "1", RoundID: "slot", Wallet: none}), domain.Stale)
	same(t, "activate", w.do(bonus.Activate{By: studio, Name: bonus.Name{Tenant: "t", BonusID: "a"}}), domain.Stale)
	w.forfeit("a")
	bet.BetID = "2" // a bonus that is active no more is named for nothing
	same(t, "authorize without one", w.do(bet), "")
	w.wants("the player's own", 990, 10, 0, 10, -10)
}
