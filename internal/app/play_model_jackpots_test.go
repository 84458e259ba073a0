package app_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/state"
)

// pot is a jackpot of the model.
type pot struct {
	terms          state.Terms
	closed         bool
	version        int64
	net            int64 // what is free; below zero, what the house is owed
	held, paid     int64
	fed, collected int64 // by bets, of which the pool has collected some
	shares         map[string]*share
}

// share is a trigger.
type share struct {
	player, bet, round, status string
	amount, reseed             int64
}

// tell writes what the jackpot is.
func (p *pot) tell() string {
	status := map[bool]string{false: "open", true: "closed"}[p.closed]
	return fmt.Sprintf("%s %d: %d free, %d held, %d paid", status, p.version, p.net, p.held, p.paid)
}

// changes does something to a jackpot. What the pool has more then, but for what came in, is the house's, and so is what it has less.
func (c *casino) changes(p *pot, in int64, do func()) {
	before := max(p.net, 0) + p.held
	do()
	p.version++
	c.house += before + in - max(p.net, 0) - p.held
}

func (s *share) tell() string { return fmt.Sprintf("%s %d", s.status, s.amount) }

// feed has a bet that is taken give to the jackpots of its game.
func (c *casino) feed(game string, amount int64) {
	for _, p := range c.jackpots {
		if p.closed || !slices.Contains(p.terms.Games, game) {
			continue
		}
		given := amount * p.terms.RatePPM / 1_000_000
		if p.terms.MaxMinor != state.NoLimit {
			given = min(given, p.terms.MaxMinor)
		}
		p.fed, c.house = p.fed+given, c.house-given
	}
}

func (c *casino) drawTerms(t *rapid.T) state.Terms {
	g0, g1 := c.name+"g0", c.name+"g1"
	return state.Terms{
		Name: "Mega", SeedMinor: sample(t, "seed", []int64{0, 50, 50, 5000, 5000}),
		RatePPM:  sample(t, "rate", []int64{10_000, 333_333, 1_000_000}),
		MaxMinor: sample(t, "most", []int64{state.NoLimit, state.NoLimit, 30}),
		Games:    sample(t, "games", [][]string{{g0}, {g1}, {g0, g1}}),
	}
}

// drawJackpot names one, mostly an open one.
func (c *casino) drawJackpot(t *rapid.T) string {
	return pick(t, c, "j", c.jackpots, func(p *pot) bool { return !p.closed })
}

// sees is what a caller knows of a jackpot, which is sometimes what was so before.
func (c *casino) sees(t *rapid.T, id string) jackpot.Seen {
	_, seen, err := app.ReadJackpot(context.Background(), c.store, state.JackpotRef(modelOrigin, id))
	if err != nil {
		t.Fatal(err)
	}
	if before, found := c.seen[id]; found && even(10).Draw(t, "as seen before") == 0 {
		return before
	}
	c.seen[id] = seen
	return seen
}

// about answers a jackpot, or why a command about it is refused.
func (c *casino) about(id string, seen jackpot.Seen) (*pot, string) {
	switch p := c.jackpots[id]; {
	case p == nil:
		return nil, "NOT_FOUND"
	case seen.Currency == "":
		return nil, "STALE_PLAYER"
	default:
		return p, ""
	}
}

func createPlay(t *rapid.T, c *casino) step {
	j := jackpot.Create{By: modelOrigin, JackpotID: c.recent(t, "j", len(c.jackpots)), Currency: "EUR", Terms: c.drawTerms(t)}
	return step{command: j, model: func(time.Time) string {
		if before := c.jackpots[j.JackpotID]; before != nil {
			if fmt.Sprint(before.terms) != fmt.Sprint(j.Terms) {
				return "DUPLICATE"
			}
			return before.tell()
		}
		if c.crowded(j.JackpotID, j.Terms.Games) {
			return "TOO_MANY_JACKPOTS"
		}
		c.jackpots[j.JackpotID] = &pot{terms: j.Terms, version: 1, net: j.Terms.SeedMinor, shares: map[string]*share{}}
		c.house -= j.Terms.SeedMinor
		return c.jackpots[j.JackpotID].tell()
	}}
}

// crowded tells whether one of some games feeds four other jackpots already.
func (c *casino) crowded(id string, games []string) bool {
	for _, game := range games {
		others := 0
		for other, p := range c.jackpots {
			if other != id && !p.closed && slices.Contains(p.terms.Games, game) {
				others++
			}
		}
		if others >= 4 {
			return true
		}
	}
	return false
}

func updatePlay(t *rapid.T, c *casino) step {
	id := c.drawJackpot(t)
	u := jackpot.Update{By: modelOrigin, JackpotID: id, Currency: "EUR", Terms: c.drawTerms(t), Seen: c.sees(t, id)}
	if p := c.jackpots[id]; p != nil {
		u.ExpectedVersion = p.version - int64(even(10).Draw(t, "behind")/9)
	}
	return step{command: u, model: func(time.Time) string {
		p, refused := c.about(id, u.Seen)
		switch {
		case refused != "":
			return refused
		case !slices.Equal(p.terms.Games, u.Seen.Games):
			return "STALE_PLAYER"
		case p.closed:
			return "INVALID_STATE"
		case c.crowded(id, u.Terms.Games):
			return "TOO_MANY_JACKPOTS"
		case p.version != u.ExpectedVersion:
			return "VERSION_CONFLICT"
		case fmt.Sprint(p.terms) != fmt.Sprint(u.Terms):
			p.terms = u.Terms
			p.version++
		}
		return p.tell()
	}}
}

func triggerPlay(t *rapid.T, c *casino) step {
	id := c.drawJackpot(t)
	j, p := jackpot.Trigger{By: modelOrigin, JackpotID: id, PlayerID: c.player(t), Seen: c.sees(t, id)}, c.jackpots[id]
	triggers := 0
	if p != nil {
		triggers = len(p.shares)
	}
	j.TriggerID = c.recent(t, "t", triggers)
	j.BetID = pick(t, c, "b", c.bets, func(b *gamble) bool {
		return b.status != "rolled_back" && p != nil && slices.Contains(p.terms.Games, b.game)
	})
	b := c.bets[j.BetID]
	if b != nil && b.amount > 0 && even(10).Draw(t, "of its player") > 0 {
		j.PlayerID = b.player
	}
	if even(3).Draw(t, "by the round") == 0 {
		j.BetID, j.RoundID = "", c.round(t)
		if b != nil && even(10).Draw(t, "of a bet") > 0 {
			j.RoundID = b.round
		}
	}
	if p != nil && p.shares[j.TriggerID] != nil && rapid.Bool().Draw(t, "again") {
		s := p.shares[j.TriggerID]
		j.PlayerID, j.BetID, j.RoundID = s.player, s.bet, s.round
	}
	var err error
	if j.Cause, err = app.ReadCause(context.Background(), c.store, j); err != nil {
		t.Fatal(err)
	}
	return step{command: j, model: func(time.Time) string { return c.trigger(j) }}
}

func (c *casino) trigger(j jackpot.Trigger) string {
	p, refused := c.about(j.JackpotID, j.Seen)
	if refused != "" {
		return refused
	}
	if s := p.shares[j.TriggerID]; s != nil {
		if s.player != j.PlayerID || s.bet != j.BetID || j.RoundID != "" && s.round != j.RoundID {
			return "DUPLICATE"
		}
		return s.tell()
	}
	switch {
	case c.players[j.PlayerID] == nil, j.RoundID != "" && c.rounds[j.RoundID] == nil:
		return "NOT_FOUND"
	case p.closed:
		return "INVALID_STATE"
	case j.Seen.Version != p.version:
		return "STALE_PLAYER"
	case j.BetID != "" && c.bets[j.BetID] == nil:
		return "NOT_FOUND"
	}
	round, collects := c.won(p, j), max(j.Seen.FedMinor-p.collected, 0)
	if round == "" {
		return "INVALID_STATE"
	}
	for _, other := range p.shares {
		if other.status != "voided" && other.player == j.PlayerID && other.round == round &&
			(other.bet == "" || j.BetID == "" || other.bet == j.BetID) {
			return "DUPLICATE"
		}
	}
	if p.net+collects <= 0 {
		return "INVALID_STATE"
	}
	s := &share{player: j.PlayerID, bet: j.BetID, round: round, status: "triggered", amount: p.net + collects, reseed: p.terms.SeedMinor}
	p.shares[j.TriggerID] = s
	c.changes(p, collects, func() { p.collected, p.held, p.net = p.collected+collects, p.held+s.amount, s.reseed })
	p.version++ // that it is reset is an event of its own
	return s.tell()
}

// won answers the round of the bet by which a trigger may win a jackpot; empty when there is no such bet.
func (c *casino) won(p *pot, j jackpot.Trigger) string {
	for name, b := range c.bets {
		if (j.BetID == "" || j.BetID == name) && (j.RoundID == "" || j.RoundID == b.round) && b.player == j.PlayerID && b.status != "rolled_back" &&
			slices.Contains(p.terms.Games, b.game) {
			return b.round
		}
	}
	return ""
}

func endTriggerPlay(t *rapid.T, c *casino) step {
	id := c.drawJackpot(t)
	claim := jackpot.Claim{By: modelOrigin, JackpotID: id, Seen: c.sees(t, id)}
	if p := c.jackpots[id]; p != nil {
		claim.TriggerID = pick(t, c, "t", p.shares, func(s *share) bool { return s.status == "triggered" })
		if s := p.shares[claim.TriggerID]; s != nil {
			claim.PlayerID = s.player
		}
	}
	if even(3).Draw(t, "pays") == 0 {
		return step{command: jackpot.Pay{Claim: claim}, model: func(now time.Time) string { return c.end(claim, "paid", now) }}
	}
	return step{command: jackpot.Void{Claim: claim}, model: func(now time.Time) string { return c.end(claim, "voided", now) }}
}

func (c *casino) end(claim jackpot.Claim, how string, now time.Time) string {
	p, refused := c.about(claim.JackpotID, claim.Seen)
	if refused != "" {
		return refused
	}
	s := p.shares[claim.TriggerID]
	switch {
	case s == nil:
		return "NOT_FOUND"
	case s.status == how:
		return s.tell()
	case s.status != "triggered":
		return "INVALID_STATE"
	case how == "paid":
		winner := c.players[s.player]
		winner.own.balance += s.amount
		winner.done = append(winner.done, fact{at: now, won: s.amount})
		c.changes(p, -s.amount, func() { p.held, p.paid = p.held-s.amount, p.paid+s.amount })
	case p.closed:
		c.changes(p, 0, func() { p.held -= s.amount })
	default:
		c.changes(p, 0, func() { p.held, p.net = p.held-s.amount, p.net+s.amount-s.reseed })
	}
	s.status = how
	return s.tell()
}

// closeJackpotPlay closes a jackpot; the timer collects the rest of one that is closed.
func closeJackpotPlay(t *rapid.T, c *casino) step {
	id := c.drawJackpot(t)
	seen := c.sees(t, id)
	if p := c.jackpots[id]; p != nil && p.closed && rapid.Bool().Draw(t, "timer") {
		return step{command: jackpot.Collect{By: modelOrigin, JackpotID: id, Seen: seen}, model: func(time.Time) string {
			if seen.FedMinor <= p.collected {
				return "ok"
			}
			c.empty(p, seen)
			return p.tell()
		}}
	}
	return step{command: jackpot.Close{By: modelOrigin, JackpotID: id, Seen: seen}, model: func(time.Time) string {
		p, refused := c.about(id, seen)
		switch {
		case refused != "":
			return refused
		case p.closed:
			return p.tell()
		case !slices.Equal(p.terms.Games, seen.Games):
			return "STALE_PLAYER"
		}
		p.closed = true
		c.empty(p, seen)
		return p.tell()
	}}
}

// empty gives all that a jackpot has to the house.
func (c *casino) empty(p *pot, seen jackpot.Seen) {
	collects := max(seen.FedMinor-p.collected, 0)
	c.changes(p, collects, func() { p.collected, p.net = p.collected+collects, 0 })
}

// potOf is a jackpot of the platform's as the model tells of it.
func potOf(row *state.Jackpot) *pot {
	return &pot{
		closed: row.Status == state.JackpotClosed, version: row.Version, net: row.FreeMinor() - row.OwedMinor, held: row.HeldMinor, paid: row.PaidMinor,
	}
}
