package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// playStore is a store of wallets with a clock that can be turned.
type playStore interface {
	jackpotStore
	TurnClock(ctx context.Context, by time.Duration) (now time.Time, ahead time.Duration, err error)
}

// casino is the platform as a child would keep it (requirements P-1, P-3, P-4, P-5): what counts against limits it does not keep in counters;
// it writes down what happened and when, and adds that up when somebody asks. What can be done is in plays; a new part of the platform is
// another play and its own fields here. Players, bets, bonuses and jackpots have a file each.
type casino struct {
	store    playStore
	name     string    // begins all names, so that each run has its own
	now      time.Time // of the latest command or turn of the clock
	players  map[string]*gambler
	sessions map[string]*sitting
	rounds   map[string]*turn
	bets     map[string]*gamble
	bonuses  map[string]*promise
	jackpots map[string]*pot
	seen     map[string]jackpot.Seen // of jackpots, for an earlier command about them
	payments []*paying
	house    int64
}

// step is one thing that is done: a command, or a group of steps, and what the model answers to it at a time; or the clock is turned.
type step struct {
	command domain.Command
	group   []command.Step
	model   func(now time.Time) string
	learn   func(row state.Row) // takes from the answer what only the platform knows; nil for nothing
	turn    time.Duration
}

// plays are what can be done, and how often compared with the others. A run has a theme, whose plays are done four times as often.
var plays = []struct {
	times int
	theme string
	play  func(t *rapid.T, c *casino) step
}{
	{18, "bonuses", authorizePlay}, {10, "bonuses", settlePlay}, {7, "", rollbackPlay}, {1, "", closeRoundPlay}, {7, "", openPlay}, {2, "", closePlay},
	{5, "limits", limitPlay}, {1, "limits", flagsPlay}, {4, "limits", paymentPlay}, {6, "limits", outcomePlay}, {5, "limits", turnPlay},
	{5, "bonuses", grantPlay}, {8, "bonuses", activatePlay}, {2, "", forfeitPlay}, {3, "", expirePlay},
	{1, "", createPlay}, {6, "jackpots", updatePlay}, {8, "jackpots", triggerPlay}, {6, "jackpots", endTriggerPlay}, {1, "", closeJackpotPlay},
}

// playsOf has each play stand as often as it is to be done.
func playsOf(theme string) (all []func(*rapid.T, *casino) step) {
	for _, p := range plays {
		times := p.times
		if p.theme == theme {
			times *= 4
		}
		all = append(all, slices.Repeat([]func(*rapid.T, *casino) step{p.play}, times)...)
	}
	return all
}

const (
	limitDelay = 24 * time.Hour
	playFunds  = 600
)

var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// timed is a command that tells when it was decided.
type timed struct {
	domain.Command
	at *time.Time
}

func (c timed) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	*c.at = now
	return c.Command.Decide(states, now)
}

// player names one; now and then one that there is not.
func (c *casino) player(t *rapid.T) string {
	if even(20).Draw(t, "nobody") == 0 {
		return c.name + "p2"
	}
	return c.draw(t, "p", 2)
}

// draw names one of a few things.
func (c *casino) draw(t *rapid.T, of string, most int) string {
	return c.name + of + strconv.Itoa(even(most).Draw(t, of))
}

// recent names a new thing, or one of the latest of those that there are.
func (c *casino) recent(t *rapid.T, of string, count int) string {
	return c.name + of + strconv.Itoa(max(0, count-max(0, even(12).Draw(t, of)-8)))
}

// pick names one of the things that something can happen to; now and then, or when there is none, another; and now and then a new one.
func pick[V any](t *rapid.T, c *casino, of string, all map[string]V, can func(V) bool) string {
	which := even(10).Draw(t, "any")
	if which == 0 {
		return c.recent(t, of, len(all))
	}
	fit, others := []string{}, []string{}
	for name, thing := range all {
		if can(thing) {
			fit = append(fit, name)
		} else {
			others = append(others, name)
		}
	}
	if len(fit) == 0 || len(others) > 0 && which == 1 {
		fit = others
	}
	if len(fit) == 0 {
		return c.recent(t, of, len(all))
	}
	slices.Sort(fit)
	return sample(t, of, fit)
}

// even generates numbers below n, each as often as the others: rapid's own generators prefer small ones.
func even(n int) *rapid.Generator[int] {
	return rapid.Custom(func(t *rapid.T) int {
		number := 0
		for range 9 {
			if number *= 2; rapid.Bool().Draw(t, "bit") {
				number++
			}
		}
		return number * n >> 9
	})
}

// sample draws one of all.
func sample[T any](t *rapid.T, of string, all []T) T { return all[even(len(all)).Draw(t, of)] }

func drawAmount(t *rapid.T) int64 { return 53 * int64(1+even(8).Draw(t, "amount")) }

var runs atomic.Int64

// random is of no other command.
func random() id.Random { return [10]byte([]byte(fmt.Sprintf("%010d", runs.Add(1)))) }

// turnPlay lets time go by, mostly until another period begins.
func turnPlay(t *rapid.T, c *casino) step {
	until := func(period state.Period, days int) time.Duration {
		return began(period, c.now).AddDate(0, 0, days).Sub(c.now) + time.Second
	}
	return step{turn: sample(t, "turn", []time.Duration{
		time.Minute, 31 * time.Minute, 3 * time.Hour, until(state.Day, 1), until(state.Day, 1), until(state.Day, 1), until(state.Day, 2),
		until(state.Week, 7), until(state.Month, 30),
	})}
}

// answerOf writes a result as the model does.
func answerOf(result command.Result) string {
	if f := result.Fault; f != nil && f.Reason == "LIMIT_EXCEEDED" {
		return f.Reason + " " + f.Metadata["limit"] + " " + f.Metadata["left"]
	} else if f != nil {
		return f.Reason
	}
	switch row := result.Row.(type) {
	case *state.Session:
		return row.Status.String() + " " + row.ExpiresAt.Format(time.RFC3339Nano)
	case *state.Bet, *state.Settlement, *state.Round:
		return toldBy(result)
	case *state.PlayerPayment:
		return row.Status.String()
	case *state.Bonus:
		return (&promise{status: row.Status.String(), version: int(row.Version), wagered: row.Progress, converted: row.ConvertedMinor}).tell()
	case *state.Jackpot:
		return potOf(row).tell()
	case *state.JackpotTrigger:
		return (&share{status: row.Status.String(), amount: row.AmountMinor}).tell()
	}
	return "ok"
}

// Whatever players, providers and gateways do in whatever order, with limits, bonuses and jackpots: the answers, moneys, counters and pools
// are those of the model, and the books are sound (requirements P-1, P-3, P-4, P-5).
func TestRandomPlay(t *testing.T) {
	steps := map[string]int{"sqlite": 140, "postgres": 60}
	onWallets(t, func(t *testing.T, kind string, stores ...playStore) {
		submit, told := submitterOfGroups(t, stores[0], 1), map[string]int{}
		rapid.Check(t, func(t *rapid.T) {
			c := newCasino(t, stores[0], submit)
			c.do(t, submit, step{turn: began(state.Month, c.now).AddDate(0, 0, 30).Sub(c.now)}) // so that a failure can be repeated
			house := c.balance(t, ledger.ID("", ledger.House, "EUR"))
			for _, begin := range []func(*rapid.T, *casino) step{createPlay, openPlay, openPlay, openPlay, authorizePlay, authorizePlay} {
				c.do(t, submit, begin(t, c))
			}
			all := playsOf(sample(t, "theme", []string{"", "limits", "bonuses", "jackpots"}))
			for i := range sample(t, "steps", []int{steps[kind] / 5, steps[kind], steps[kind]}) {
				told[c.do(t, submit, sample(t, "play", all)(t, c))]++
				if i%10 == 0 {
					c.agrees(t)
				}
			}
			c.agrees(t)
			c.agreesOnBonuses(t)
			if won := c.balance(t, ledger.ID("", ledger.House, "EUR")) - house; won != c.house {
				t.Fatalf("the house has won %d, the model says %d", won, c.house)
			}
		})
		t.Log(told)
		sound(t, stores[0])
	})
}

// newCasino opens a casino with two players.
func newCasino(t *rapid.T, store playStore, submit func(...command.Step) command.Result) *casino {
	c := &casino{
		store: store, name: fmt.Sprintf("%d-", runs.Add(1)), players: map[string]*gambler{}, sessions: map[string]*sitting{},
		rounds: map[string]*turn{}, bets: map[string]*gamble{}, bonuses: map[string]*promise{}, jackpots: map[string]*pot{},
		seen: map[string]jackpot.Seen{},
	}
	for i := range 2 {
		name := c.name + "p" + strconv.Itoa(i)
		for _, begin := range opened(name, playFunds)[:2] {
			if refused := submit(command.Do(timed{begin, &c.now})).Fault; refused != nil {
				t.Fatal(refused)
			}
		}
		c.players[name] = &gambler{own: purse{balance: playFunds}, bounds: map[boundOf]bound{}}
	}
	return c
}

// do takes one step, compares the answer and tells it.
func (c *casino) do(t *rapid.T, submit func(...command.Step) command.Result, s step) string {
	if s.turn > 0 {
		now, _, err := c.store.TurnClock(context.Background(), s.turn)
		if err != nil {
			t.Fatal(err)
		}
		c.now = now.UTC()
		return "turn"
	}
	if s.command != nil {
		s.group = []command.Step{command.Do(s.command)}
	}
	for i, part := range s.group {
		s.group[i].Next = func(states domain.States) domain.Command {
			next := part.Next(states)
			if next == nil {
				return nil
			}
			return timed{next, &c.now}
		}
	}
	result := submit(s.group...)
	got, want := answerOf(result), s.model(c.now)
	if got != want {
		t.Fatalf("%T %+v at %v: %s, the model says %s", s.command, s.command, c.now, got, want)
	}
	if s.learn != nil {
		s.learn(result.Row)
	}
	word, _, _ := strings.Cut(got, " ")
	return fmt.Sprintf("%T %s", s.command, word)
}

// row reads a row of the platform's.
func (c *casino) row(t *rapid.T, ref state.Ref) state.Row {
	row, err := c.store.PlayRow(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (c *casino) balance(t *rapid.T, account string) int64 {
	balance, err := c.store.Balance(context.Background(), "t", account, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return balance
}

// agrees compares moneys, counters, limits and pools.
func (c *casino) agrees(t *rapid.T) {
	for id, p := range c.players {
		for kind, has := range map[ledger.Kind]purse{ledger.PlayerCash: p.own, ledger.PlayerBonus: p.given} {
			account, err := c.store.Account(context.Background(), "t", ledger.ID(id, kind, "EUR"))
			if errors.Is(err, state.ErrNotFound) {
				account, err = &state.Account{}, nil
			}
			if err != nil || (purse{account.BalanceMinor, account.HeldMinor}) != has {
				t.Fatalf("%s has %+v, the model says %+v: %v", id, account, has, err)
			}
		}
		row := c.row(t, state.PlayerRef("t", id)).(*state.Player) //nolint:forcetypeassert // of the kind
		if row.Bonus != bonusRow(p.active) {
			t.Fatalf("%s plays with %q, the model says %q", id, row.Bonus, p.active)
		}
		p.agrees(t, row, c.now)
	}
	for id, p := range c.jackpots {
		row, seen, err := app.ReadJackpot(context.Background(), c.store, state.JackpotRef(modelOrigin, id))
		if err != nil || seen.FedMinor != p.fed || potOf(row).tell() != p.tell() {
			t.Fatalf("%s is %s, fed %d; the model says %s, %d: %v", id, potOf(row).tell(), seen.FedMinor, p.tell(), p.fed, err)
		}
	}
}

// agreesOnBonuses compares what has become of each bonus.
func (c *casino) agreesOnBonuses(t *rapid.T) {
	for id, b := range c.bonuses {
		if got := answerOf(command.Result{Row: c.row(t, state.BonusRef("t", id))}); got != b.tell() {
			t.Fatalf("%s is %s, the model says %s", id, got, b.tell())
		}
	}
}
