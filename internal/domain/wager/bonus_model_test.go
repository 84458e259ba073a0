package wager_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/state"
)

// model says in few words what becomes of a player's moneys (docs/provider-api.md).
type model struct {
	own, ownHeld, given, givenHeld, house int64
	bonuses                               map[string]*modelBonus
	bets                                  map[string]*modelBet
	active                                string
	now                                   time.Time
}

type modelBonus struct {
	terms     state.BonusTerms
	status    string
	wagered   int64 // in hundredths
	converted int64
	until     time.Time
}

type modelBet struct {
	own, part int64
	bonus     string
	percent   int64
	status    string
	results   int
}

func (m *model) grant(id string, terms state.BonusTerms) string {
	if before := m.bonuses[id]; before != nil {
		if fmt.Sprint(before.terms) != fmt.Sprint(terms) {
			return "DUPLICATE"
		}
		return ""
	}
	m.bonuses[id] = &modelBonus{terms: terms, status: "granted", until: m.now.Add(terms.TTL)}
	return ""
}

func (m *model) activate(id string) string {
	b := m.bonuses[id]
	switch {
	case b == nil:
		return "NOT_FOUND"
	case b.status == "active" && m.now.Before(b.until):
		return ""
	case b.status != "granted", !m.now.Before(b.until), m.active != "":
		return "INVALID_STATE"
	}
	m.active, b.status = id, "active"
	m.given, m.house = m.given+b.terms.AmountMinor, m.house-b.terms.AmountMinor
	return ""
}

func (m *model) forfeit(id string) string {
	b := m.bonuses[id]
	switch {
	case b == nil:
		return "NOT_FOUND"
	case b.status == "forfeited":
		return ""
	case b.status == "converted", b.status == "expired", !m.now.Before(b.until):
		return "INVALID_STATE"
	}
	m.end(id, "forfeited")
	return ""
}

// end ends a bonus; all that no bet holds goes where the status says.
func (m *model) end(id, status string) {
	m.bonuses[id].status = status
	if m.active == id {
		m.active = ""
		m.leave(id, m.given)
	}
}

// leave moves bonus money of an ended bonus: to the player as far as it converts, the rest to the house.
func (m *model) leave(id string, amount int64) {
	b := m.bonuses[id]
	m.given -= amount
	for ; amount > 0; amount-- {
		if b.status == "converted" && (b.terms.MaxConversionMinor == state.NoLimit || b.converted < b.terms.MaxConversionMinor) {
			b.converted++
			m.own++
		} else {
			m.house++
		}
	}
}

func (m *model) authorize(game, id string, amount int64) string {
	if m.bets[id] != nil {
		return "again"
	}
	b := m.bonuses[m.active]
	if b != nil && !m.now.Before(b.until) {
		b = nil
	}
	bet := &modelBet{status: "open"}
	available := m.own
	if b != nil {
		available += m.given
	}
	if amount > available {
		return "INSUFFICIENT_FUNDS"
	}
	for left, own, given := amount, m.own, m.given; left > 0; left-- { // a cent at a time
		if first := b != nil && b.terms.Policy == state.BonusFirst; first && given > 0 || own == 0 {
			bet.part++
			given--
		} else {
			bet.own++
			own--
		}
	}
	if bet.part > 0 && b.terms.MaxBetMinor != state.NoLimit && amount > b.terms.MaxBetMinor {
		return "LIMIT_EXCEEDED"
	}
	if b != nil {
		bet.bonus, bet.percent = m.active, int64(b.terms.DefaultWeight)
		for _, weight := range b.terms.Weights {
			if weight.GameID == game {
				bet.percent = int64(weight.Percent)
			}
		}
	}
	m.own, m.ownHeld, m.given, m.givenHeld = m.own-bet.own, m.ownHeld+bet.own, m.given-bet.part, m.givenHeld+bet.part
	m.bets[id] = bet
	return ""
}

func (m *model) settle(id string, partial bool, win int64) string {
	bet := m.bets[id]
	if bet == nil || bet.status != "open" {
		return "INVALID_STATE"
	}
	bet.results++
	part := win * bet.part / (bet.own + bet.part)
	m.own, m.given, m.house = m.own+win-part, m.given+part, m.house-win
	if !partial {
		bet.status = "settled"
		m.ownHeld, m.givenHeld, m.house = m.ownHeld-bet.own, m.givenHeld-bet.part, m.house+bet.own+bet.part
	}
	b := m.bonuses[bet.bonus]
	switch {
	case b == nil:
	case b.status != "active":
		m.leave(bet.bonus, part)
	case !partial && m.now.Before(b.until):
		b.wagered = min(b.wagered+bet.percent*(bet.own+bet.part), 100*b.terms.RequiredMinor)
		if b.wagered == 100*b.terms.RequiredMinor {
			m.end(bet.bonus, "converted")
		}
	}
	return ""
}

func (m *model) rollback(id string) string {
	bet := m.bets[id]
	switch {
	case bet.status == "back":
		return ""
	case bet.status != "open" || bet.results > 0:
		return "INVALID_STATE"
	}
	bet.status = "back"
	m.own, m.ownHeld, m.given, m.givenHeld = m.own+bet.own, m.ownHeld-bet.own, m.given+bet.part, m.givenHeld-bet.part
	if b := m.bonuses[bet.bonus]; b != nil && b.status != "active" {
		m.leave(bet.bonus, bet.part)
	}
	return ""
}

// open answers the bets that have no outcome yet.
func (m *model) open() (all []string) {
	for id, bet := range m.bets {
		if bet.status == "open" {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// pass is time that goes by, with the timers when they are not late.
func (m *model) pass(late bool) {
	for id, b := range m.bonuses {
		if !late && (b.status == "granted" || b.status == "active") && !m.now.Before(b.until) {
			m.end(id, "expired")
		}
	}
}

// randomTerms draws what a bonus is granted with.
func randomTerms(t *rapid.T) state.BonusTerms {
	bound := func(name string, most int64) int64 {
		return rapid.OneOf(rapid.Just(int64(state.NoLimit)), rapid.Int64Range(1, most)).Draw(t, name)
	}
	return terms(func(terms *state.BonusTerms) {
		terms.AmountMinor = rapid.Int64Range(1, 300).Draw(t, "gives")
		terms.RequiredMinor = rapid.OneOf(rapid.Int64Range(1, 100), rapid.Int64Range(1, 500)).Draw(t, "required")
		terms.Weights[0].Percent = rapid.Int32Range(0, 100).Draw(t, "weight")
		terms.Policy = rapid.SampledFrom([]state.BonusPolicy{state.BonusCashFirst, state.BonusFirst}).Draw(t, "policy")
		terms.MaxBetMinor, terms.MaxConversionMinor = bound("max bet", 300), bound("max conversion", 60)
		terms.TTL = time.Duration(rapid.IntRange(10, 500).Draw(t, "ttl")) * time.Second
	})
}

// Whatever is done with bonuses and bets, in whatever order, the moneys are what the model says, and all accounts together are zero
// (requirement P-1).
func TestBonusesAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		funds := rapid.SampledFrom([]int64{10, 100, 1000}).Draw(t, "funds")
		w := newWorld(funds, t.Fatalf)
		m := &model{own: funds, bonuses: map[string]*modelBonus{}, bets: map[string]*modelBet{}}
		results := 0
		for range rapid.IntRange(20, 120).Draw(t, "steps") {
			id := fmt.Sprint("bonus ", max(0, len(m.bonuses)-rapid.IntRange(0, 3).Draw(t, "bonus"))) // a new one, or one of the latest
			bet := fmt.Sprint(rapid.IntRange(0, len(m.bets)).Draw(t, "bet"))
			if open := m.open(); len(open) > 0 && rapid.Bool().Draw(t, "an open one") {
				bet = rapid.SampledFrom(open).Draw(t, "which")
			}
			game, found := rapid.SampledFrom([]string{"slot", "table"}).Draw(t, "game"), m.bets[bet]
			if b := domain.Find[state.Bet](w.rows, state.BetRef(studio, bet)); b != nil {
				game = b.GameID
			}
			m.now = w.now.Add(time.Second) // of the next command
			var got, want string
			what := rapid.SampledFrom([]string{
				"grant", "activate", "activate", "authorize", "authorize", "authorize", "authorize", "settle", "settle", "settle", "settle in part",
				"roll back", "roll back", "forfeit", "pass", "pass late",
			}).Draw(t, "what")
			switch what {
			case "grant":
				terms := randomTerms(t)
				granted := terms
				granted.PlayerID, granted.Currency = "", ""
				got, want = w.grant(id, terms), m.grant(id, granted)
			case "activate":
				got, want = w.activate(id), m.activate(id)
			case "forfeit":
				got, want = w.forfeit(id), m.forfeit(id)
			case "authorize":
				if found == nil {
					amount := rapid.OneOf(rapid.Int64Range(1, 100), rapid.Int64Range(1, 400)).Draw(t, "amount")
					got, want = w.authorize(game, bet, amount), m.authorize(game, bet, amount)
				}
			case "settle", "settle in part":
				results++
				result, win := "", rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 500)).Draw(t, "win")
				if what == "settle in part" {
					result = fmt.Sprint("r", results)
				}
				if found == nil || found.status == "open" { // else a repeat, which TestEveryOrderOfOperations is about
					got, want = w.settle(game, bet, result, win), m.settle(bet, result != "", win)
				}
			case "roll back":
				if found != nil {
					got, want = w.rollback(game, bet), m.rollback(bet)
				}
			default:
				d := time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second
				m.now = w.now.Add(d)
				m.pass(what == "pass late")
				if what == "pass late" {
					w.now = m.now
				} else {
					w.pass(d)
				}
			}
			if got != want {
				t.Fatalf("%s %s %s is answered %q, the model says %q", what, id, bet, got, want)
			}
			agree(t, w, m)
		}
	})
}

// agree compares the world with the model.
func agree(t *rapid.T, w *world, m *model) {
	t.Helper()
	w.wants("the model", m.own, m.ownHeld, m.given, m.givenHeld, m.house)
	all := w.summed[house] + w.summed[bank]
	for _, id := range []string{cash, gift} {
		available, held := w.account(id)
		all += available + held
	}
	if all != 0 {
		t.Fatalf("all accounts together have %d", all)
	}
	due := 0
	for id, b := range m.bonuses {
		got := w.bonus(id)
		if got.Status.String() != b.status || got.Progress != b.wagered || got.ConvertedMinor != b.converted {
			t.Fatalf("bonus %s: %+v, the model says %+v", id, got, b)
		}
		if !got.Ended() {
			due++
		}
	}
	active := domain.Find[state.Player](w.rows, state.PlayerRef("t", "ann")).Bonus
	if len(w.timers) != due || active != "" && active != state.BonusRef("t", m.active).ID || (active == "") != (m.active == "") {
		t.Fatalf("timers %v, active %q, the model says %q", w.timers, active, m.active)
	}
	if m.active == "" && m.given != 0 {
		t.Fatalf("the model has %d of no bonus", m.given)
	}
	if !slices.Equal(events(w, "bonus.granted"), make([]struct{}, len(m.bonuses))) {
		t.Fatalf("%v", w.events)
	}
}

// events counts those of a type.
func events(w *world, name string) (all []struct{}) {
	all = []struct{}{}
	for _, event := range w.events {
		if event == name {
			all = append(all, struct{}{})
		}
	}
	return all
}
