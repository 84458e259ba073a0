package jackpot_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// by is who calls.
var by = state.Origin{Tenant: "t", Brand: "b", Region: "EU", Provider: "p"}

// world keeps what decisions leave, as a store does.
type world struct {
	rows     map[state.Ref]state.Row
	balances map[string]int64 // of all accounts, by their entries
	booked   map[string]bool  // transfers
	timers   map[state.TimerKey]bool
	events   map[string][]string // by aggregate
	at       time.Time
}

func newWorld() *world {
	w := &world{
		rows: map[state.Ref]state.Row{}, balances: map[string]int64{}, booked: map[string]bool{}, timers: map[state.TimerKey]bool{},
		events: map[string][]string{}, at: time.Unix(1000, 0).UTC(),
	}
	for _, name := range []string{"ann", "bob"} {
		w.keep(&state.Player{Tenant: "t", ID: state.PlayerRef("t", name).ID, Brand: "b", Region: "EU", Currency: "EUR", Version: 1})
	}
	w.keep(&state.Player{Tenant: "t", ID: state.PlayerRef("t", "joe").ID, Brand: "b", Region: "EU", Currency: "USD", Version: 1})
	for _, game := range []string{"a", "b", "c", "g"} {
		w.keep(&state.Round{Tenant: "t", ID: state.RoundRef(by, "r"+game).ID, Provider: "p", GameID: game, Status: state.RoundOpen, Version: 1})
	}
	return w
}

func (w *world) keep(row state.Row) { w.rows[row.Ref()] = row }

// named shows a decision the rows that its command has named.
type named struct {
	*world
	refs []state.Ref
}

func (n named) Get(ref state.Ref) state.Row {
	if !slices.Contains(n.refs, ref) {
		panic(fmt.Sprintf("%v is not named", ref))
	}
	return n.rows[ref]
}

// does carries a command out and answers the reason of its refusal, or nothing.
func (w *world) does(c domain.Command) string {
	w.at = w.at.Add(time.Second)
	decision, refusal := c.Decide(named{w, c.Refs()}, w.at)
	if refusal != nil {
		return refusal.Reason
	}
	for _, change := range decision.Changes {
		ref := change.After.Ref()
		if before := w.rows[ref]; before != change.Before {
			panic(fmt.Sprintf("%v is changed from another row than there is", ref))
		}
		if change.Event != "" {
			w.events[ref.ID] = append(w.events[ref.ID], change.Event)
		}
		if seq := int64(len(w.events[ref.ID])); change.After.EventSeq() != seq && ref.Kind != state.KindPlayer {
			panic(fmt.Sprintf("%v has event %d after %d", ref, change.After.EventSeq(), seq))
		}
		w.keep(change.After)
	}
	for _, transfer := range decision.Transfers {
		if err := transfer.Check(); err != nil || w.booked[transfer.ID] {
			panic(fmt.Sprintf("%s is booked twice, or wrong: %v", transfer.ID, err))
		}
		w.booked[transfer.ID] = true
		for _, entry := range transfer.Entries {
			w.balances[entry.Account] += entry.AmountMinor
		}
	}
	for _, timer := range decision.Timers {
		w.timers[timer.TimerKey] = !timer.DueAt.IsZero()
	}
	return ""
}

// bet is the part of a settlement that is about jackpots.
type bet struct {
	name, game, currency string
	amount               int64
}

func (b bet) row() *state.Bet {
	return &state.Bet{
		Tenant: "t", ID: state.BetRef(by, b.name).ID, Brand: "b", Region: "EU", Provider: "p", RoundID: "r" + b.game, PlayerID: "ann", GameID: b.game,
		Currency: b.currency, AmountMinor: b.amount, Status: state.BetForfeited, Version: 1,
	}
}

func (b bet) Refs() []state.Ref { return []state.Ref{state.JackpotFeedRef(by, b.game)} }

func (b bet) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	books, row, decision := domain.OpenBooks(states, "t", now), b.row(), domain.Decision{}
	given, refusal := books.Feed(row)
	row.Contributions = given
	decision.Changes = []domain.Change{{After: row, Event: "bet.settled"}}
	books.Into(&decision)
	return decision, refusal
}

// seen is what a command is told of a jackpot: what was fed as of now, or some of it.
func (w *world) seen(name string) jackpot.Seen {
	found, is := w.rows[state.JackpotRef(by, name)].(*state.Jackpot)
	if !is {
		return jackpot.Seen{}
	}
	return jackpot.Seen{Currency: found.Currency, Version: found.Version, Games: found.Games, FedMinor: found.CollectedMinor + w.balances[found.Fed()]}
}

// trigger makes a command of what is known, as the edge does.
func (w *world) trigger(name, trigger, player, bet, round string) jackpot.Trigger {
	made := jackpot.Trigger{By: by, JackpotID: name, TriggerID: trigger, PlayerID: player, BetID: bet, RoundID: round, Seen: w.seen(name)}
	for _, row := range w.rows {
		found, is := row.(*state.Bet)
		if is && (found.BetID() == bet || bet == "" && found.RoundID == round && found.PlayerID == player && found.Status != state.BetRolledBack) {
			made.Cause.BetID, made.Cause.RoundID = found.BetID(), found.RoundID
		}
	}
	for _, row := range w.rows {
		other, is := row.(*state.JackpotTrigger)
		if is && other.JackpotID == name && other.PlayerID == player && other.RoundID == made.Cause.RoundID && other.Status != state.TriggerVoided &&
			(bet == "" || other.BetID == "" || other.BetID == bet) {
			made.Cause.Standing = other.TriggerID
		}
	}
	return made
}

func (w *world) claim(name, trigger string) jackpot.Claim {
	claim := jackpot.Claim{By: by, JackpotID: name, TriggerID: trigger, Seen: w.seen(name)}
	if found, is := w.rows[state.JackpotTriggerRef(by, name, trigger)].(*state.JackpotTrigger); is {
		claim.PlayerID = found.PlayerID
	}
	return claim
}

func (w *world) jackpot(name string) *state.Jackpot {
	return w.rows[state.JackpotRef(by, name)].(*state.Jackpot) //nolint:forcetypeassert // a panic fails the test
}

func terms(seed, rate, most int64, games ...string) state.Terms {
	return state.Terms{Name: "Mega", SeedMinor: seed, RatePPM: rate, MaxMinor: most, Games: games}
}

// Contributions are rounded down and bounded, and no amount and rate overflow.
func TestContribution(t *testing.T) {
	const most = 1<<53 - 1
	for _, test := range []struct{ amount, rate, most, want int64 }{
		{200, 10_000, state.NoLimit, 2},
		{199, 10_000, state.NoLimit, 1},
		{99, 10_000, state.NoLimit, 0},
		{1_000_000, 1, state.NoLimit, 1},
		{999_999, 1, state.NoLimit, 0},
		{2_999_999, 999_999, state.NoLimit, 2_999_996},
		{100_000, 10_000, 500, 500},
		{most, 1_000_000, state.NoLimit, most},
		{most, 999_999, state.NoLimit, 9_007_190_247_541_736},
	} {
		if got := domain.Contribution(state.Feed{RatePPM: test.rate, MaxMinor: test.most}, test.amount); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// What is refused, and what changes nothing.
func TestRefusals(t *testing.T) {
	w := newWorld()
	for _, name := range []string{"one", "two"} {
		w.keep(bet{name: name, game: "g", currency: "EUR", amount: 1}.row())
	}
	w.keep(bet{name: "other game", game: "a", currency: "EUR", amount: 1}.row())
	rolled := bet{name: "rolled", game: "g", currency: "EUR", amount: 1}.row()
	rolled.Status, rolled.RoundID = state.BetRolledBack, "rb"
	w.keep(rolled)
	trigger := w.trigger
	create := jackpot.Create{By: by, JackpotID: "j", Currency: "EUR", Terms: terms(500, 10_000, state.NoLimit, "g")}
	other, elsewhere := create, create
	other.Terms.RatePPM++
	elsewhere.By.Brand = "other"
	stale := jackpot.Close{By: by, JackpotID: "j"}
	for i, step := range []struct {
		do   func() domain.Command
		want string
	}{
		{func() domain.Command { return trigger("j", "1", "ann", "", "rg") }, "NOT_FOUND"},
		{func() domain.Command { return create }, ""},
		{func() domain.Command { return create }, ""},
		{func() domain.Command { return other }, "DUPLICATE"},
		{func() domain.Command { return elsewhere }, "DUPLICATE"},
		{func() domain.Command { return stale }, domain.Stale},
		{func() domain.Command {
			return jackpot.Create{By: by, JackpotID: "empty", Currency: "EUR", Terms: terms(0, 1, state.NoLimit, "g")}
		}, ""},
		{func() domain.Command { return trigger("empty", "1", "ann", "", "rg") }, "INVALID_STATE"},
		{func() domain.Command { return trigger("j", "1", "nobody", "", "rg") }, "NOT_FOUND"},
		{func() domain.Command { return trigger("j", "1", "joe", "", "rg") }, "CURRENCY_MISMATCH"},
		{func() domain.Command { return trigger("j", "1", "ann", "none", "") }, "NOT_FOUND"},
		{func() domain.Command { return trigger("j", "1", "ann", "", "none") }, "NOT_FOUND"},
		{func() domain.Command { return trigger("j", "1", "bob", "one", "") }, "INVALID_STATE"},
		{func() domain.Command { return trigger("j", "1", "bob", "", "rg") }, "INVALID_STATE"}, // has no bet in it
		{func() domain.Command { return trigger("j", "1", "ann", "other game", "") }, "INVALID_STATE"},
		{func() domain.Command { return trigger("j", "1", "ann", "", "ra") }, "INVALID_STATE"}, // of another game
		{func() domain.Command { return trigger("j", "1", "ann", "", "rb") }, "INVALID_STATE"}, // the bet in it was rolled back
		{func() domain.Command { return trigger("j", "1", "ann", "one", "ra") }, "INVALID_STATE"},
		{func() domain.Command { return trigger("j", "1", "ann", "rolled", "") }, "INVALID_STATE"},
		{func() domain.Command { return jackpot.Pay{Claim: w.claim("j", "1")} }, "NOT_FOUND"},
		{func() domain.Command { return trigger("j", "1", "ann", "", "rg") }, ""},
		{func() domain.Command { return trigger("j", "1", "ann", "", "rg") }, ""},
		{func() domain.Command { return trigger("j", "1", "bob", "", "rg") }, "DUPLICATE"},
		{func() domain.Command { return trigger("j", "2", "ann", "", "rg") }, "DUPLICATE"},
		{func() domain.Command { return trigger("j", "2", "ann", "one", "") }, "DUPLICATE"}, // the round was named as a whole
		{func() domain.Command {
			late := w.claim("j", "1")
			late.PlayerID = ""
			return jackpot.Pay{Claim: late}
		}, domain.Stale},
		{func() domain.Command { return jackpot.Pay{Claim: w.claim("j", "1")} }, ""},
		{func() domain.Command { return jackpot.Pay{Claim: w.claim("j", "1")} }, ""},
		{func() domain.Command { return jackpot.Void{Claim: w.claim("j", "1")} }, "INVALID_STATE"},
		{func() domain.Command { return trigger("j", "2", "ann", "one", "rg") }, "DUPLICATE"}, // also when it is paid
		{func() domain.Command {
			return jackpot.Update{By: by, JackpotID: "j", Currency: "USD", ExpectedVersion: 1, Terms: terms(1, 1, 1, "g"), Seen: w.seen("j")}
		}, "CURRENCY_MISMATCH"},
		{func() domain.Command {
			return jackpot.Update{By: by, JackpotID: "j", Currency: "EUR", ExpectedVersion: 1, Terms: terms(1, 1, 1, "g"), Seen: w.seen("j")}
		}, "VERSION_CONFLICT"},
		{func() domain.Command { return jackpot.Close{By: by, JackpotID: "j", Seen: w.seen("j")} }, ""},
		{func() domain.Command { return jackpot.Close{By: by, JackpotID: "j", Seen: w.seen("j")} }, ""},
		{func() domain.Command { return trigger("j", "3", "ann", "", "rg") }, "INVALID_STATE"},
		{func() domain.Command {
			return jackpot.Update{By: by, JackpotID: "j", Currency: "EUR", ExpectedVersion: 5, Terms: terms(1, 1, 1, "g"), Seen: w.seen("j")}
		}, "INVALID_STATE"},
	} {
		if got := w.does(step.do()); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	if got := strings.Join(w.events[state.JackpotRef(by, "j").ID], " "); got != "jackpot.created jackpot.triggered jackpot.reset jackpot.paid "+
		"jackpot.closed" {
		t.Error(got)
	}
}

// A bet triggers a jackpot once, and so does a round that is named as a whole, as long as it is not given up.
func TestCauseTriggersOnce(t *testing.T) {
	w := newWorld()
	for _, name := range []string{"one", "two"} {
		w.keep(bet{name: name, game: "g", currency: "EUR", amount: 1}.row())
	}
	for _, name := range []string{"j", "k"} {
		w.does(jackpot.Create{By: by, JackpotID: name, Currency: "EUR", Terms: terms(500, 10_000, state.NoLimit, "g")})
	}
	void := func(trigger string) domain.Command { return jackpot.Void{Claim: w.claim("j", trigger)} }
	late := w.trigger("j", "late", "ann", "one", "")
	unseen := w.trigger("j", "unseen", "ann", "three", "")
	for i, step := range []struct {
		do   func() domain.Command
		want string
	}{
		{func() domain.Command { return w.trigger("j", "1", "ann", "one", "") }, ""},
		{func() domain.Command { return w.trigger("j", "1", "ann", "one", "") }, ""},
		{func() domain.Command { return w.trigger("j", "1", "ann", "one", "rg") }, ""}, // says the same
		{func() domain.Command { return w.trigger("j", "1", "ann", "", "rg") }, "DUPLICATE"},
		{func() domain.Command { return w.trigger("j", "2", "ann", "one", "") }, "DUPLICATE"},
		{func() domain.Command { return w.trigger("j", "2", "ann", "one", "rg") }, "DUPLICATE"},
		{func() domain.Command { return w.trigger("j", "2", "ann", "", "rg") }, "DUPLICATE"},
		{func() domain.Command { return late }, domain.Stale}, // has not seen the first
		{func() domain.Command { return w.trigger("k", "1", "ann", "one", "") }, ""},
		{func() domain.Command { return w.trigger("j", "2", "ann", "two", "") }, ""},
		{func() domain.Command { return void("1") }, ""},
		{func() domain.Command { return void("1") }, ""},
		{func() domain.Command { return jackpot.Pay{Claim: w.claim("j", "1")} }, "INVALID_STATE"},
		{func() domain.Command { return w.trigger("j", "3", "ann", "", "rg") }, "DUPLICATE"}, // the second stands
		{func() domain.Command { return void("2") }, ""},
		{func() domain.Command { return w.trigger("j", "3", "ann", "", "rg") }, ""},
		{func() domain.Command { return w.trigger("j", "4", "ann", "two", "") }, "DUPLICATE"},
		{func() domain.Command { return void("3") }, ""},
		{func() domain.Command {
			w.keep(bet{name: "three", game: "g", currency: "EUR", amount: 1}.row())
			unseen.Seen = w.seen("j")
			return unseen
		}, domain.Stale}, // its round was not looked through
		{func() domain.Command {
			gone := w.trigger("j", "5", "ann", "", "rg")
			rolled := *w.rows[state.BetRef(by, gone.Cause.BetID)].(*state.Bet) //nolint:forcetypeassert // a panic fails the test
			rolled.Status = state.BetRolledBack
			w.keep(&rolled)
			return gone
		}, domain.Stale}, // there are others in the round
	} {
		if got := w.does(step.do()); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	w.keep(bet{name: "one", game: "g", currency: "EUR", amount: 1}.row()) // it may be the one that was rolled back
	standing := w.trigger("k", "2", "ann", "one", "")
	if _, refusal := standing.Decide(named{w, standing.Refs()}, w.at); refusal == nil || refusal.Metadata["id"] != "1" {
		t.Errorf("%v: the one that stands is not named", refusal)
	}
}

// A game feeds so many jackpots and no more, and another when one of them has ended.
func TestGameLimit(t *testing.T) {
	w := newWorld()
	create := func(name string) string {
		return w.does(jackpot.Create{By: by, JackpotID: name, Currency: "EUR", Terms: terms(0, 1_000_000, state.NoLimit, "g")})
	}
	for i := range jackpot.GameLimit {
		if refused := create(fmt.Sprint(i)); refused != "" {
			t.Fatal(refused)
		}
	}
	if refused := create("more"); refused != "TOO_MANY_JACKPOTS" {
		t.Error(refused)
	}
	if refused := w.does(jackpot.Close{By: by, JackpotID: "0", Seen: w.seen("0")}); refused != "" {
		t.Error(refused)
	}
	if refused := create("more"); refused != "" {
		t.Error(refused)
	}
	w.does(bet{"b", "g", "EUR", 7})
	if fed := w.balances[w.jackpot("more").Fed()]; fed != 7 || w.balances[w.jackpot("0").Fed()] != 0 {
		t.Errorf("fed %d", fed)
	}
}

// What bets give to a jackpot while it is being closed comes back to the house, by the timer, once.
func TestCollectAfterClose(t *testing.T) {
	w := newWorld()
	w.does(jackpot.Create{By: by, JackpotID: "j", Currency: "EUR", Terms: terms(100, 10_000, state.NoLimit, "g")})
	w.does(bet{"before", "g", "EUR", 1000})
	late := w.rows[state.JackpotFeedRef(by, "g")] // as another process has read it
	if refused := w.does(jackpot.Close{By: by, JackpotID: "j", Seen: w.seen("j")}); refused != "" {
		t.Fatal(refused)
	}
	after := w.rows[late.Ref()]
	w.keep(late)
	w.does(bet{"late", "g", "EUR", 2000})
	w.keep(after)
	timer := state.TimerKey{Tenant: "t", Kind: jackpot.TimerCollect, AggregateID: w.jackpot("j").ID}
	for _, want := range []bool{true, false, false} {
		if w.timers[timer] != want {
			t.Errorf("timer: %v", w.timers[timer])
		}
		w.does(jackpot.Collect{By: by, JackpotID: "j", Seen: w.seen("j")})
	}
	j := w.jackpot("j")
	if w.balances[j.Pool()] != 0 || w.balances[j.Fed()] != 0 || w.balances[ledger.ID("", ledger.House, "EUR")] != 0 || j.Version != 3 {
		t.Errorf("%v %+v", w.balances, j)
	}
}

// A void takes the seed back whole, also one that is greater than what was won; what another trigger has won of it is owed.
func TestVoidGivesTheSeedBack(t *testing.T) {
	w := newWorld()
	update := func(seed int64) string {
		return w.does(jackpot.Update{
			By: by, JackpotID: "j", Currency: "EUR", ExpectedVersion: w.jackpot("j").Version, Terms: terms(seed, 10_000, state.NoLimit, "g"),
			Seen: w.seen("j"),
		})
	}
	trigger := func(name string) string {
		w.keep(bet{name: "of " + name, game: "g", currency: "EUR", amount: 1}.row())
		return w.does(w.trigger("j", name, "ann", "of "+name, ""))
	}
	void := func(name string) string { return w.does(jackpot.Void{Claim: w.claim("j", name)}) }
	w.does(jackpot.Create{By: by, JackpotID: "j", Currency: "EUR", Terms: terms(0, 10_000, state.NoLimit, "g")})
	w.does(bet{"b", "g", "EUR", 50_000})
	for i, step := range []struct {
		do                     func() string
		free, fed, owed, house int64
	}{
		{func() string { return update(50_000) }, 0, 500, 0, -500},
		{func() string { return trigger("1") }, 50_000, 0, 0, -50_500},
		{func() string { return void("1") }, 500, 0, 0, -500},
		{func() string { return trigger("2") }, 50_000, 0, 0, -50_500},
		{func() string { return update(100) }, 50_000, 0, 0, -50_500},
		{func() string { return trigger("3") }, 100, 0, 0, -50_600}, // of the seed of the one before
		{func() string { return w.does(bet{"c", "g", "EUR", 10_000}) }, 100, 100, 0, -50_700},
		{func() string { return w.does(jackpot.Pay{Claim: w.claim("j", "3")}) }, 100, 100, 0, -50_700},
		{func() string { return void("2") }, 0, 100, 49_400, -50_100},
		{func() string { return w.does(bet{"d", "g", "EUR", 4_930_000}) }, 0, 49_400, 49_400, -99_400},
		{func() string { return w.does(bet{"e", "g", "EUR", 700}) }, 0, 49_407, 49_400, -99_407},
		{func() string { return trigger("4") }, 100, 0, 0, -50_107},
		{func() string { return void("4") }, 7, 0, 0, -50_007},
	} {
		refused, j := step.do(), w.jackpot("j")
		house := w.balances[ledger.ID("", ledger.House, "EUR")]
		if refused != "" || j.FreeMinor() != step.free || w.balances[j.Fed()] != step.fed || j.OwedMinor != step.owed || house != step.house {
			t.Fatalf("step %d: %q, free %d, fed %d, owed %d, house %d; want %+v", i, refused, j.FreeMinor(), w.balances[j.Fed()], j.OwedMinor, house,
				step)
		}
	}
}

// model is a jackpot as a child would keep it: a heap of money, beside it what bets gave since the latest trigger, and what is set aside.
// A heap below zero is what the house is owed, as if it had it already.
type model struct {
	heap, given, house, players int64
	seed, rate, most            int64
	games                       []string
	closed                      bool
	aside                       map[string]*share
}

type share struct {
	amount, reseed int64
	bet, game      string // bet is empty of a share that rests on all bets of ann's on the game
	void           bool
}

func (m *model) bet(game string, amount int64) {
	if m.closed || !slices.Contains(m.games, game) {
		return
	}
	given := amount * m.rate / 1_000_000
	if m.most >= 0 && given > m.most {
		given = m.most
	}
	m.given, m.house = m.given+given, m.house-given
}

// trigger takes by a bet, or without one by the bets on a game; made are all bets, by name, and their games.
func (m *model) trigger(name, bet, game string, made map[string]string) string {
	if s := m.aside[name]; s != nil {
		if s.bet != bet || bet == "" && s.game != game {
			return "DUPLICATE"
		}
		return ""
	}
	switch {
	case m.closed:
		return "INVALID_STATE"
	case bet != "" && made[bet] == "":
		return "NOT_FOUND"
	case bet != "":
		game = made[bet]
	case !slices.Contains(slices.Collect(maps.Values(made)), game):
		return "INVALID_STATE"
	}
	if !slices.Contains(m.games, game) {
		return "INVALID_STATE"
	}
	for _, s := range m.aside {
		if !s.void && s.game == game && (s.bet == "" || bet == "" || s.bet == bet) {
			return "DUPLICATE"
		}
	}
	if m.heap+m.given <= 0 {
		return "INVALID_STATE"
	}
	m.aside[name] = &share{amount: m.heap + m.given, reseed: m.seed, bet: bet, game: game}
	m.heap, m.given, m.house = m.seed, 0, m.house-m.seed
	return ""
}

// end ends a share, paid or not; again it changes nothing, the other way it is refused.
func (m *model) end(name string, ended map[string]string, how string) string {
	s := m.aside[name]
	switch {
	case s == nil:
		return "NOT_FOUND"
	case ended[name] == how:
		return ""
	case ended[name] != "":
		return "INVALID_STATE"
	}
	ended[name], s.void = how, how == "void"
	switch {
	case how == "paid":
		m.players += s.amount
	case m.closed:
		m.house += s.amount
	default:
		m.heap, m.house = m.heap+s.amount-s.reseed, m.house+s.reseed
	}
	return ""
}

func (m *model) close() {
	if !m.closed {
		m.house, m.heap, m.given, m.closed = m.house+m.heap+m.given, 0, 0, true
	}
}

// Whatever is bet, triggered, paid, given up, changed and closed, in any order and again: the books say what the model says, to the minor
// unit, and money is neither made nor lost (requirement P-3).
func TestJackpotsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, models, ended := newWorld(), map[string]*model{}, map[string]map[string]string{}
		games := []string{"a", "b", "c"}
		draw := func() (asked state.Terms) {
			asked = terms(rapid.Int64Range(0, 1000).Draw(t, "seed"), rapid.Int64Range(1, 1_000_000).Draw(t, "rate"), state.NoLimit)
			if rapid.Bool().Draw(t, "bounded") {
				asked.MaxMinor = rapid.Int64Range(1, 50).Draw(t, "most")
			}
			asked.Games = slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.SampledFrom(games), 1, 3, rapid.ID[string]).Draw(t, "games")))
			return asked
		}
		for _, name := range []string{"j", "k"} {
			asked := draw()
			w.does(jackpot.Create{By: by, JackpotID: name, Currency: "EUR", Terms: asked})
			models[name] = &model{
				heap: asked.SeedMinor, house: -asked.SeedMinor, seed: asked.SeedMinor, rate: asked.RatePPM, most: asked.MaxMinor, games: asked.Games,
				aside: map[string]*share{},
			}
			ended[name] = map[string]string{}
		}
		bets, made := 0, map[string]string{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name, trigger := rapid.SampledFrom([]string{"j", "k"}).Draw(t, "jackpot"), rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "trigger")
			m, got, want := models[name], "", ""
			switch rapid.SampledFrom([]string{"bet", "bet", "bet", "dollars", "trigger", "pay", "void", "update", "close"}).Draw(t, "step") {
			case "bet":
				bets++
				b := bet{fmt.Sprint(bets), rapid.SampledFrom(games).Draw(t, "game"), "EUR", rapid.Int64Range(1, 5000).Draw(t, "amount")}
				got, made[b.name] = w.does(b), b.game
				for _, m := range models {
					m.bet(b.game, b.amount)
				}
			case "dollars":
				bets++
				b := bet{fmt.Sprint(bets), rapid.SampledFrom(games).Draw(t, "game"), "USD", 5000}
				got, made[b.name] = w.does(b), b.game
			case "trigger":
				by, game := fmt.Sprint(rapid.IntRange(1, bets+1).Draw(t, "by")), rapid.SampledFrom(games).Draw(t, "game")
				round := ""
				if rapid.IntRange(0, 3).Draw(t, "whole round") == 0 {
					by, round = "", "r"+game
				}
				got, want = w.does(w.trigger(name, trigger, "ann", by, round)), m.trigger(trigger, by, game, made)
			case "pay":
				got, want = w.does(jackpot.Pay{Claim: w.claim(name, trigger)}), m.end(trigger, ended[name], "paid")
			case "void":
				got, want = w.does(jackpot.Void{Claim: w.claim(name, trigger)}), m.end(trigger, ended[name], "void")
			case "update":
				asked, want2 := draw(), ""
				got = w.does(jackpot.Update{
					By: by, JackpotID: name, Currency: "EUR", ExpectedVersion: w.jackpot(name).Version, Terms: asked, Seen: w.seen(name),
				})
				if m.closed {
					want2 = "INVALID_STATE"
				} else {
					m.seed, m.rate, m.most, m.games = asked.SeedMinor, asked.RatePPM, asked.MaxMinor, asked.Games
				}
				want = want2
			case "close":
				got = w.does(jackpot.Close{By: by, JackpotID: name, Seen: w.seen(name)})
				m.close()
			}
			if got != want {
				t.Fatalf("%q, the model says %q", got, want)
			}
			w.agrees(t, models)
		}
	})
}

// agrees fails the test when the books say something else than the models.
func (w *world) agrees(t *rapid.T, models map[string]*model) {
	house, players := int64(0), int64(0)
	for name, m := range models {
		j := w.jackpot(name)
		house -= j.OwedMinor
		house, players = house+m.house, players+m.players
		account, _ := w.rows[state.AccountRef("t", j.Pool())].(*state.Account)
		if account == nil {
			account = &state.Account{}
		}
		if got := j.FreeMinor() + w.balances[j.Fed()] - j.OwedMinor; got != m.heap+m.given || j.OwedMinor > 0 && j.FreeMinor() > 0 || account.AvailableMinor() != j.FreeMinor() || account.HeldMinor != j.HeldMinor ||
			account.BalanceMinor != w.balances[j.Pool()] {
			t.Fatalf("%s: %d, the model says %d; %+v; %+v", name, got, m.heap+m.given, account, j)
		}
	}
	if got := w.balances[ledger.ID("", ledger.House, "EUR")]; got != house || w.balances[ledger.ID("ann", ledger.PlayerCash, "EUR")] != players {
		t.Fatalf("house %d, the models say %d; %v", got, house, w.balances)
	}
	sum := int64(0)
	for _, balance := range w.balances {
		sum += balance
	}
	if sum != 0 {
		t.Fatalf("money was made: %v", w.balances)
	}
}
