package app_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

type turn struct {
	game   string
	closed bool
}

type gamble struct {
	player, session, round, game string
	amount                       int64  // 0 of one that was rolled back before it came
	part                         int64  // of the amount, what is the bonus's
	bonus                        string // that was active
	percent                      int64  // of the amount, what counts as wagered
	at                           time.Time
	status                       string
	results                      map[string]told
}

type told struct {
	won     int64
	partial bool
}

func authorizePlay(t *rapid.T, c *casino) step {
	a := wager.Authorize{
		By: modelOrigin, BetID: c.recent(t, "b", len(c.bets)), RoundID: c.round(t), AmountMinor: drawAmount(t),
		SessionID: pick(t, c, "s", c.sessions, func(s *sitting) bool { return !s.closed && c.now.Before(s.ends) }),
		Currency:  sample(t, "currency", []string{"EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD"}),
	}
	if s := c.sessions[a.SessionID]; s != nil {
		a.Wallet = wager.Wallet{PlayerID: s.player, Currency: "EUR", GameID: s.game}
		if active := c.players[s.player].active; active != "" && even(20).Draw(t, "stale") > 0 {
			a.Wallet.Bonus = bonusRow(active)
		}
		if r := c.rounds[a.RoundID]; r != nil && r.game != s.game && even(10).Draw(t, "another game's") > 0 {
			a.RoundID = fmt.Sprint(c.name, "r", len(c.rounds))
		}
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
		if refused := p.beyond(kind, a.AmountMinor, now); refused != "" {
			return refused
		}
	}
	unplayed := int64(s.ends.Sub(now)+time.Minute-1) / int64(time.Minute) // was counted when the session was opened
	if refused := p.beyond(state.LimitSession, 1-unplayed, now); refused != "" {
		return "LIMIT_EXCEEDED session 0"
	}
	if p.active != "" && a.Wallet.Bonus == "" {
		return "STALE_PLAYER"
	}
	bet := &gamble{
		player: s.player, session: a.SessionID, round: a.RoundID, game: s.game, amount: a.AmountMinor, at: now, status: "authorized",
		results: map[string]told{},
	}
	if refused := c.pay(p, bet, now); refused != "" {
		return refused
	}
	p.done = append(p.done, fact{at: now, wagered: a.AmountMinor})
	if r == nil {
		c.rounds[a.RoundID] = &turn{game: s.game}
	}
	c.bets[a.BetID] = bet
	return "authorized"
}

// pay holds the amount of a bet.
func (c *casino) pay(p *gambler, bet *gamble, now time.Time) string {
	active := c.bonuses[p.active]
	if active == nil || !now.Before(active.until) {
		if bet.amount > p.own.available() {
			return "INSUFFICIENT_FUNDS"
		}
		p.own.held += bet.amount
		return ""
	}
	own, given := p.own.available(), p.given.available()
	if bet.amount > own+given {
		return "INSUFFICIENT_FUNDS"
	}
	if bet.part = bet.amount - min(bet.amount, own); active.terms.Policy == state.BonusFirst {
		bet.part = min(bet.amount, given)
	}
	if most := active.terms.MaxBetMinor; most != state.NoLimit && bet.part > 0 && bet.amount > most {
		return "LIMIT_EXCEEDED bonus_max_bet " + money.Format(most, "EUR")
	}
	bet.bonus, bet.percent = p.active, active.weighs(bet.game)
	p.own.held += bet.amount - bet.part
	p.given.held += bet.part
	return ""
}

// walletOf is whose money a bet is about.
func (c *casino) walletOf(betID string) wager.Wallet {
	if b := c.bets[betID]; b != nil && b.amount > 0 {
		return wager.Wallet{PlayerID: b.player, Currency: "EUR", GameID: b.game, Bonus: bonusRow(b.bonus)}
	}
	return wager.Wallet{}
}

// round names one, mostly an open one.
func (c *casino) round(t *rapid.T) string {
	return pick(t, c, "r", c.rounds, func(r *turn) bool { return !r.closed })
}

// bet names one, mostly an open one.
func (c *casino) bet(t *rapid.T) string {
	return pick(t, c, "b", c.bets, func(b *gamble) bool { return b.status == "authorized" })
}

// roundOf is the round of a bet, or sometimes another.
func (c *casino) roundOf(t *rapid.T, betID string) string {
	another := c.round(t)
	if b := c.bets[betID]; b != nil && even(10).Draw(t, "own round") > 0 {
		return b.round
	}
	return another
}

func settlePlay(t *rapid.T, c *casino) step {
	bet := c.bet(t)
	s := wager.Settle{
		By: modelOrigin, BetID: bet, RoundID: c.roundOf(t, bet), ResultID: sample(t, "result", []string{"", "x", "y"}),
		WinMinor: 151 * int64(even(6).Draw(t, "win")), Currency: "EUR", Wallet: c.walletOf(bet),
		Random: random(),
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
	p, part := c.players[b.player], s.WinMinor*b.part/b.amount
	p.own.balance, p.given.balance, c.house = p.own.balance+s.WinMinor-part, p.given.balance+part, c.house-s.WinMinor
	p.done = append(p.done, fact{at: now, won: s.WinMinor})
	if !s.Partial {
		b.status = "settled"
		p.own.balance, p.own.held = p.own.balance-b.amount+b.part, p.own.held-b.amount+b.part
		p.given.balance, p.given.held = p.given.balance-b.part, p.given.held-b.part
		c.house += b.amount
		c.feed(b.game, b.amount)
	}
	c.wager(b, part, s.Partial, now)
	return outcome(s.WinMinor)
}

func rollbackPlay(t *rapid.T, c *casino) step {
	bet := c.bet(t)
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
		p.own.held, p.given.held = p.own.held-b.amount+b.part, p.given.held-b.part
		if of := c.bonuses[b.bonus]; of != nil && of.status != "active" {
			c.leave(b.bonus, b.part)
		}
		p.done = append(p.done, fact{at: b.at, wagered: -b.amount})
		return "applied: true"
	}}
}

func closeRoundPlay(t *rapid.T, c *casino) step {
	round := c.recent(t, "r", len(c.rounds))
	return step{command: wager.CloseRound{By: modelOrigin, RoundID: round}, model: func(time.Time) string {
		if c.rounds[round] == nil {
			return "NOT_FOUND"
		}
		c.rounds[round].closed = true
		return "closed"
	}}
}
