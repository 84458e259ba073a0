package app_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// playStore is a store of wallets with a clock that can be turned.
type playStore interface {
	walletStore
	TurnClock(ctx context.Context, by time.Duration) (now time.Time, ahead time.Duration, err error)
}

// casino is the platform as a child would keep it (requirements P-1, P-3, P-4, P-5): it keeps no counters, only what happened and when, and
// adds it up when somebody asks. What a provider can do is in plays; a new part of the platform is another play and its own fields here.
type casino struct {
	name     string // begins all names, so that each run has its own
	players  map[string]*gambler
	sessions map[string]*sitting
	rounds   map[string]*turn
	bets     map[string]*gamble
	house    int64
}

type gambler struct {
	balance, held int64
	done          []fact
	bounds        map[boundOf]bound
	excluded      time.Time // until then
	pauses        time.Time // until then
}

// fact is something that counts against limits.
type fact struct {
	at                   time.Time
	wagered, won, seated int64 // seated in seconds
}

type boundOf struct {
	kind   state.LimitKind
	period state.Period
}

type bound struct {
	most, coming int64 // state.NoLimit for none
	from         time.Time
}

type sitting struct {
	player, game  string
	maxBet        int64
	begins, ends  time.Time
	closed        bool
	closedExpired bool
}

type turn struct {
	game   string
	closed bool
}

type gamble struct {
	player, session, round string
	amount                 int64 // 0 of one that was rolled back before it came
	at                     time.Time
	status                 string
	results                map[string]told
}

type told struct {
	won     int64
	partial bool
}

// step is one thing that is done: a command, and what the model answers to it at a time; or the clock is turned.
type step struct {
	command domain.Command
	model   func(now time.Time) string
	turn    time.Duration
}

// plays are what can be done. Some stand here twice because they are done more often.
var plays = []func(t *rapid.T, c *casino) step{
	authorizePlay, authorizePlay, authorizePlay, settlePlay, settlePlay, rollbackPlay, closeRoundPlay, openPlay, openPlay, closePlay, limitPlay, flagsPlay,
	fundPlay, turnPlay,
}

const limitDelay = 24 * time.Hour

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

func (c *casino) draw(t *rapid.T, of string, most int) string {
	return c.name + of + strconv.Itoa(rapid.IntRange(0, most-1).Draw(t, of))
}

func drawAmount(t *rapid.T) int64 { return 100 * rapid.Int64Range(1, 6).Draw(t, "amount") }

func authorizePlay(t *rapid.T, c *casino) step {
	a := wager.Authorize{
		By: modelOrigin, SessionID: c.draw(t, "s", 5), BetID: c.draw(t, "b", 12), RoundID: c.draw(t, "r", 4), AmountMinor: drawAmount(t),
		Currency: rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD"}).Draw(t, "currency"),
	}
	if s := c.sessions[a.SessionID]; s != nil {
		a.Wallet = wager.Wallet{PlayerID: s.player, Currency: "EUR", GameID: s.game}
	}
	return step{command: a, model: func(now time.Time) string { return c.authorize(a, now) }}
}

func (c *casino) authorize(a wager.Authorize, now time.Time) string {
	if b := c.bets[a.BetID]; b != nil {
		switch {
		case b.status == "rolled_back":
			return "INVALID_STATE"
		case b.session != a.SessionID || b.round != a.RoundID || b.amount != a.AmountMinor || a.Currency != "EUR":
			return "DUPLICATE"
		}
		return "authorized"
	}
	s, r := c.sessions[a.SessionID], c.rounds[a.RoundID]
	switch {
	case s == nil:
		return "NOT_FOUND"
	case a.Currency != "EUR":
		return "CURRENCY_MISMATCH"
	case s.closed || !now.Before(s.ends):
		return "INVALID_STATE"
	case r != nil && r.game != s.game:
		return "DUPLICATE"
	case r != nil && r.closed:
		return "INVALID_STATE"
	}
	p := c.players[s.player]
	if p.blocked(now) {
		return "RG_BLOCK"
	}
	if s.maxBet != state.NoLimit && a.AmountMinor > s.maxBet {
		return "LIMIT_EXCEEDED max_bet " + money.Format(s.maxBet, "EUR")
	}
	for _, kind := range []state.LimitKind{state.LimitWager, state.LimitLoss} {
		if left, bounded := p.left(kind, now); bounded && a.AmountMinor > left {
			return "LIMIT_EXCEEDED " + kind.String() + " " + money.Format(max(left, 0), "EUR")
		}
	}
	unplayed := int64(s.ends.Sub(now)+time.Minute-1) / int64(time.Minute) // was counted when the session was opened
	if left, bounded := p.left(state.LimitSession, now); bounded && left+unplayed < 1 {
		return "LIMIT_EXCEEDED session 0"
	}
	if a.AmountMinor > p.balance-p.held {
		return "INSUFFICIENT_FUNDS"
	}
	p.held += a.AmountMinor
	p.done = append(p.done, fact{at: now, wagered: a.AmountMinor})
	if r == nil {
		c.rounds[a.RoundID] = &turn{game: s.game}
	}
	c.bets[a.BetID] = &gamble{
		player: s.player, session: a.SessionID, round: a.RoundID, amount: a.AmountMinor, at: now, status: "authorized", results: map[string]told{},
	}
	return "authorized"
}

// walletOf is whose money a bet is about.
func (c *casino) walletOf(betID string) wager.Wallet {
	if b := c.bets[betID]; b != nil && b.amount > 0 {
		return wager.Wallet{PlayerID: b.player, Currency: "EUR", GameID: c.sessions[b.session].game}
	}
	return wager.Wallet{}
}

// roundOf is the round of a bet, or sometimes another.
func (c *casino) roundOf(t *rapid.T, betID string) string {
	another := c.draw(t, "r", 4)
	if b := c.bets[betID]; b != nil && rapid.IntRange(0, 9).Draw(t, "own round") > 0 {
		return b.round
	}
	return another
}

func settlePlay(t *rapid.T, c *casino) step {
	bet := c.draw(t, "b", 12)
	s := wager.Settle{
		By: modelOrigin, BetID: bet, RoundID: c.roundOf(t, bet), ResultID: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "result"),
		WinMinor: 150 * rapid.Int64Range(0, 5).Draw(t, "win"), Currency: "EUR", Wallet: c.walletOf(bet),
		Random: [10]byte([]byte(fmt.Sprintf("%010d", runs.Add(1)))),
	}
	s.Partial = s.ResultID != "" && rapid.Bool().Draw(t, "partial")
	return step{command: s, model: func(now time.Time) string { return c.settle(s, now) }}
}

func (c *casino) settle(s wager.Settle, now time.Time) string {
	b := c.bets[s.BetID]
	if b == nil || b.status == "rolled_back" || b.round != s.RoundID {
		return "INVALID_STATE"
	}
	result := told{s.WinMinor, s.Partial}
	if before, found := b.results[s.ResultID]; found {
		if before != result {
			return "DUPLICATE"
		}
		return outcome(s.WinMinor)
	}
	if b.status == "settled" {
		return "INVALID_STATE"
	}
	b.results[s.ResultID] = result
	p := c.players[b.player]
	p.balance, c.house = p.balance+s.WinMinor, c.house-s.WinMinor
	p.done = append(p.done, fact{at: now, won: s.WinMinor})
	if !s.Partial {
		b.status = "settled"
		p.balance, p.held, c.house = p.balance-b.amount, p.held-b.amount, c.house+b.amount
	}
	return outcome(s.WinMinor)
}

func rollbackPlay(t *rapid.T, c *casino) step {
	bet := c.draw(t, "b", 12)
	r := wager.Rollback{By: modelOrigin, BetID: bet, RoundID: c.roundOf(t, bet), Wallet: c.walletOf(bet)}
	return step{command: r, model: func(time.Time) string {
		b := c.bets[bet]
		switch {
		case b == nil:
			c.bets[bet] = &gamble{round: r.RoundID, status: "rolled_back"}
			return "applied: false"
		case b.round != r.RoundID:
			return "INVALID_STATE"
		case b.status == "rolled_back":
			return fmt.Sprintf("applied: %v", b.amount > 0)
		case len(b.results) > 0:
			return "INVALID_STATE"
		}
		b.status = "rolled_back"
		p := c.players[b.player]
		p.held -= b.amount
		p.done = append(p.done, fact{at: b.at, wagered: -b.amount})
		return "applied: true"
	}}
}

func closeRoundPlay(t *rapid.T, c *casino) step {
	round := c.draw(t, "r", 4)
	return step{command: wager.CloseRound{By: modelOrigin, RoundID: round}, model: func(time.Time) string {
		if c.rounds[round] == nil {
			return "NOT_FOUND"
		}
		c.rounds[round].closed = true
		return "closed"
	}}
}

func openPlay(t *rapid.T, c *casino) step {
	o := wager.CreateSession{
		By: modelOrigin, SessionID: c.draw(t, "s", 5), PlayerID: c.draw(t, "p", 4), GameID: c.draw(t, "g", 2), Currency: "EUR", Locale: "de",
		MaxBetMinor: rapid.SampledFrom([]int64{state.NoLimit, state.NoLimit, 500}).Draw(t, "max bet"), TTL: time.Hour,
	}
	return step{command: o, model: func(now time.Time) string {
		p, s := c.players[o.PlayerID], c.sessions[o.SessionID]
		switch {
		case s != nil && (s.player != o.PlayerID || s.game != o.GameID || s.maxBet != o.MaxBetMinor):
			return "DUPLICATE"
		case s != nil:
			return s.tell()
		case p == nil:
			return "NOT_FOUND"
		case p.blocked(now):
			return "RG_BLOCK"
		}
		lasts := o.TTL
		if left, bounded := p.left(state.LimitSession, now); bounded {
			if left < 1 {
				return "LIMIT_EXCEEDED session 0"
			}
			lasts = min(lasts, time.Duration(left)*time.Minute)
		}
		p.done = append(p.done, fact{at: now, seated: int64(lasts / time.Second)})
		c.sessions[o.SessionID] = &sitting{player: o.PlayerID, game: o.GameID, maxBet: o.MaxBetMinor, begins: now, ends: now.Add(lasts)}
		return c.sessions[o.SessionID].tell()
	}}
}

// tell writes the session's status and end.
func (s *sitting) tell() string {
	status := "active"
	switch {
	case s.closedExpired:
		status = "expired"
	case s.closed:
		status = "closed"
	}
	return status + " " + s.ends.Format(time.RFC3339Nano)
}

func closePlay(t *rapid.T, c *casino) step {
	closing := wager.CloseSession{By: modelOrigin, SessionID: c.draw(t, "s", 5)}
	s := c.sessions[closing.SessionID]
	if s != nil {
		closing.Wallet = wager.Wallet{PlayerID: s.player, Currency: "EUR", GameID: s.game}
	}
	return step{command: closing, model: func(now time.Time) string {
		if s == nil {
			return "NOT_FOUND"
		}
		if !s.closed {
			s.closed, s.closedExpired = true, !now.Before(s.ends)
			if left := s.ends.Sub(now); left > 0 {
				p := c.players[s.player]
				p.done = append(p.done, fact{at: s.begins, seated: -int64(left / time.Second)})
			}
		}
		return s.tell()
	}}
}

func limitPlay(t *rapid.T, c *casino) step {
	of := boundOf{rapid.SampledFrom([]state.LimitKind{state.LimitLoss, state.LimitWager, state.LimitSession}).Draw(t, "kind"),
		rapid.SampledFrom(state.Periods()).Draw(t, "period")}
	most := rapid.SampledFrom([]int64{state.NoLimit, 400, 900, 2000}).Draw(t, "most")
	if of.kind == state.LimitSession && most != state.NoLimit {
		most /= 10 // minutes
	}
	set := player.SetLimits{
		By: modelOrigin, PlayerID: c.draw(t, "p", 4), Bounds: []player.Bound{{Kind: of.kind, Period: of.period, Max: most}}, Delay: limitDelay,
	}
	return step{command: set, model: func(now time.Time) string {
		p := c.players[set.PlayerID]
		if p == nil {
			return "NOT_FOUND"
		}
		b := p.bound(of, now)
		coming := b.coming == most && !b.from.IsZero()
		switch less := b.most != state.NoLimit && (most == state.NoLimit || most > b.most); {
		case most == state.NoLimit && b.most == state.NoLimit || coming && less:
		case less:
			b.coming, b.from = most, now.Add(limitDelay)
		default:
			b = bound{most: most}
		}
		p.bounds[of] = b
		return "ok"
	}}
}

func flagsPlay(t *rapid.T, c *casino) step {
	set := player.SetFlags{By: modelOrigin, PlayerID: c.draw(t, "p", 4), Delay: limitDelay}
	about := rapid.SampledFrom([]string{"exclude", "exclude until", "take back", "pause"}).Draw(t, "about")
	until := timeOf(t, c)
	yes, no := true, false
	switch about {
	case "exclude":
		set.Exclude = &yes
	case "exclude until":
		set.Exclude, set.Until = &yes, until
	case "take back":
		set.Exclude = &no
	case "pause":
		set.CoolOff = until
	}
	return step{command: set, model: func(now time.Time) string {
		p := c.players[set.PlayerID]
		if p == nil {
			return "NOT_FOUND"
		}
		switch about {
		case "exclude":
			p.excluded = forever
		case "exclude until":
			p.excluded = ended(p.excluded, until, now)
		case "take back":
			p.excluded = ended(p.excluded, now, now)
		case "pause":
			p.pauses = ended(p.pauses, until, now)
		}
		return "ok"
	}}
}

// timeOf is a time that is some days after all that has happened, or before.
func timeOf(t *rapid.T, c *casino) time.Time {
	latest := time.Now()
	for _, p := range c.players {
		for _, f := range p.done {
			if f.at.After(latest) {
				latest = f.at
			}
		}
	}
	return latest.Add(time.Duration(rapid.IntRange(-1, 60).Draw(t, "hours")) * time.Hour).Truncate(time.Microsecond).UTC()
}

// ended answers the end of what protects a player, which is asked to be another: later at once, earlier after the delay.
func ended(end, asked, now time.Time) time.Time {
	if !asked.Before(end) {
		return asked
	}
	if earliest := now.Add(limitDelay); asked.Before(earliest) {
		asked = earliest
	}
	if asked.After(end) {
		return end
	}
	return asked
}

func (p *gambler) blocked(now time.Time) bool { return now.Before(p.excluded) || now.Before(p.pauses) }

// bound is a limit as it is at a time.
func (p *gambler) bound(of boundOf, now time.Time) bound {
	b, found := p.bounds[of]
	switch {
	case !found:
		return bound{most: state.NoLimit}
	case !b.from.IsZero() && !now.Before(b.from):
		return bound{most: b.coming}
	}
	return b
}

// left adds up what was done in each period and answers what the limits of a kind leave.
func (p *gambler) left(kind state.LimitKind, now time.Time) (least int64, bounded bool) {
	for _, period := range state.Periods() {
		b := p.bound(boundOf{kind, period}, now)
		if b.most == state.NoLimit {
			continue
		}
		var sum fact
		for _, f := range p.done {
			if !f.at.Before(began(period, now)) {
				sum.wagered, sum.won, sum.seated = sum.wagered+f.wagered, sum.won+f.won, sum.seated+f.seated
			}
		}
		used := map[state.LimitKind]int64{
			state.LimitWager: sum.wagered, state.LimitLoss: sum.wagered - sum.won, state.LimitSession: (sum.seated + 59) / 60,
		}[kind]
		if left := b.most - used; !bounded || left < least {
			least, bounded = left, true
		}
	}
	return least, bounded
}

// began answers when a period began, by the calendar.
func began(period state.Period, now time.Time) time.Time {
	today := now.UTC().Truncate(24 * time.Hour)
	switch period {
	case state.Week:
		return today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	case state.Month:
		return today.AddDate(0, 0, -int(today.Unix()/86400%30))
	default:
		return today
	}
}

func fundPlay(t *rapid.T, c *casino) step {
	id, amount := c.draw(t, "p", 3), drawAmount(t)
	move := wallet.Move{
		Tenant: "t", Transfer: ledger.Transfer{ID: fmt.Sprintf("transfer:%s%d", c.name, runs.Add(1)), Kind: "test", Currency: "EUR"},
		From: ledger.ID("", ledger.GatewayClearing, "EUR"), To: ledger.ID(id, ledger.PlayerCash, "EUR"), AmountMinor: amount,
	}
	return step{command: move, model: func(time.Time) string {
		c.players[id].balance += amount
		return "ok"
	}}
}

func turnPlay(t *rapid.T, _ *casino) step {
	return step{turn: rapid.SampledFrom([]time.Duration{time.Minute, 31 * time.Minute, 2 * time.Hour, 25 * time.Hour, 8 * 24 * time.Hour}).Draw(t, "turn")}
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
	}
	return "ok"
}

var runs atomic.Int64

// Whatever players and providers do in whatever order, the answers and balances are those of the model (requirements P-1, P-3, P-4, P-5).
func TestRandomPlay(t *testing.T) {
	steps := map[string]int{"sqlite": 50, "postgres": 12}
	onWallets(t, func(t *testing.T, kind string, stores ...playStore) {
		store := stores[0]
		submit, houses := submitterOfSteps(t, store, 1), int64(0)
		rapid.Check(t, func(t *rapid.T) {
			c := &casino{
				name: fmt.Sprintf("%d-", runs.Add(1)), players: map[string]*gambler{}, sessions: map[string]*sitting{}, rounds: map[string]*turn{},
				bets: map[string]*gamble{},
			}
			for i := range 3 {
				id := c.name + "p" + strconv.Itoa(i)
				if refused := submit(opened(id, modelFunds)[:2]...).Fault; refused != nil {
					t.Fatal(refused)
				}
				c.players[id] = &gambler{balance: modelFunds, bounds: map[boundOf]bound{}}
			}
			for range rapid.IntRange(1, steps[kind]).Draw(t, "steps") {
				c.do(t, store, submit, rapid.SampledFrom(plays).Draw(t, "play")(t, c))
			}
			houses += c.house
		})
		house, err := store.Balance(context.Background(), "t", ledger.ID("", ledger.House, "EUR"), time.Time{})
		if err != nil || house != houses && !t.Failed() {
			t.Errorf("the house has %d, the model says %d: %v", house, houses, err)
		}
		sound(t, store)
	})
}

// do takes one step and compares.
func (c *casino) do(t *rapid.T, store playStore, submit func(...domain.Command) command.Result, s step) {
	if s.turn > 0 {
		if _, _, err := store.TurnClock(context.Background(), s.turn); err != nil {
			t.Fatal(err)
		}
		return
	}
	var at time.Time
	got := answerOf(submit(timed{s.command, &at}))
	if want := s.model(at); got != want {
		t.Fatalf("%T %+v at %v: %s, the model says %s", s.command, s.command, at, got, want)
	}
	for id, p := range c.players {
		account, err := store.Account(context.Background(), "t", ledger.ID(id, ledger.PlayerCash, "EUR"))
		if err != nil || account.BalanceMinor != p.balance || account.HeldMinor != p.held {
			t.Fatalf("%T %+v: %s has %+v, the model says %d, %d held: %v", s.command, s.command, id, account.Account, p.balance, p.held, err)
		}
	}
}
