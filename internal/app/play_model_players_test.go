package app_test

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// gambler is a player of the model.
type gambler struct {
	own, given purse
	active     string // the active bonus
	done       []fact
	bounds     map[boundOf]bound
	excluded   time.Time // until then
	pauses     time.Time // until then
}

// purse is money, of which some is held.
type purse struct{ balance, held int64 }

func (p purse) available() int64 { return p.balance - p.held }

// fact is something that counts against limits.
type fact struct {
	at                              time.Time
	wagered, won, deposited, seated int64 // seated in seconds
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
	lasts         time.Duration // asked for
	begins, ends  time.Time
	closed        bool
	closedExpired bool
}

// paying is a deposit or withdrawal.
type paying struct {
	id, player string
	deposit    bool
	amount     int64
	at         time.Time
	status     string
	call       string // the latest to the gateway
}

func openPlay(t *rapid.T, c *casino) step {
	o := wager.CreateSession{
		By: modelOrigin, SessionID: c.recent(t, "s", len(c.sessions)), PlayerID: c.player(t), GameID: c.draw(t, "g", 2), Currency: "EUR", Locale: "de",
		MaxBetMinor: sample(t, "max bet", []int64{state.NoLimit, state.NoLimit, 500}),
		TTL:         sample(t, "ttl", []time.Duration{time.Hour, 30 * time.Hour, 30 * 24 * time.Hour, 30 * 24 * time.Hour}),
	}
	return step{command: o, model: func(now time.Time) string {
		p, s := c.players[o.PlayerID], c.sessions[o.SessionID]
		switch {
		case s != nil && (s.player != o.PlayerID || s.game != o.GameID || s.maxBet != o.MaxBetMinor || s.lasts != o.TTL):
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
		c.sessions[o.SessionID] = &sitting{player: o.PlayerID, game: o.GameID, maxBet: o.MaxBetMinor, lasts: o.TTL, begins: now, ends: now.Add(lasts)}
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
	closing := wager.CloseSession{By: modelOrigin, SessionID: c.recent(t, "s", len(c.sessions))}
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
	of := boundOf{sample(t, "kind", []state.LimitKind{state.LimitDeposit, state.LimitLoss, state.LimitWager, state.LimitSession}),
		sample(t, "period", state.Periods())}
	most := sample(t, "most", []int64{state.NoLimit, 400, 900, 2000, 5000})
	if of.kind == state.LimitSession && most != state.NoLimit {
		most /= 10 // minutes
	}
	set := player.SetLimits{
		By: modelOrigin, PlayerID: c.player(t), Bounds: []player.Bound{{Kind: of.kind, Period: of.period, Max: most}}, Delay: limitDelay,
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
	set := player.SetFlags{By: modelOrigin, PlayerID: c.player(t), Delay: limitDelay}
	about := sample(t, "about", []string{"exclude", "exclude until", "take back", "pause"})
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
		case "exclude until", "pause":
			if over := !until.After(now); over && (about == "exclude until" || !p.pauses.After(now)) {
				return "OUT_OF_RANGE"
			}
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
	return c.now.Add(time.Duration(rapid.IntRange(-1, 60).Draw(t, "hours")) * time.Hour).Truncate(time.Microsecond).UTC()
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

// did adds up what was done since a time.
func (p *gambler) did(since time.Time) (sum fact) {
	for _, f := range p.done {
		if !f.at.Before(since) {
			sum.wagered, sum.won = sum.wagered+f.wagered, sum.won+f.won
			sum.deposited, sum.seated = sum.deposited+f.deposited, sum.seated+f.seated
		}
	}
	return sum
}

// left answers what the limits of a kind leave.
func (p *gambler) left(kind state.LimitKind, now time.Time) (least int64, bounded bool) {
	for _, period := range state.Periods() {
		b := p.bound(boundOf{kind, period}, now)
		if b.most == state.NoLimit {
			continue
		}
		sum := p.did(began(period, now))
		used := map[state.LimitKind]int64{
			state.LimitWager: sum.wagered, state.LimitLoss: sum.wagered - sum.won, state.LimitSession: (sum.seated + 59) / 60,
			state.LimitDeposit: sum.deposited,
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

func paymentPlay(t *rapid.T, c *casino) step {
	r := cashier.Request{
		By: modelOrigin, PlayerID: c.player(t), Type: sample(t, "type", []state.PlayerPaymentType{
			state.PlayerPaymentDeposit, state.PlayerPaymentDeposit, state.PlayerPaymentWithdrawal,
		}),
		Currency: "EUR", AmountMinor: drawAmount(t), Provider: "sim", Token: "sim:ok", Random: random(),
	}
	var asked *paying
	return step{command: r, model: func(now time.Time) string {
		p, deposit := c.players[r.PlayerID], r.Type == state.PlayerPaymentDeposit
		switch {
		case p == nil:
			return "NOT_FOUND"
		case deposit && p.blocked(now):
			return "RG_BLOCK"
		case !deposit && r.AmountMinor > p.own.available():
			return "INSUFFICIENT_FUNDS"
		}
		asked = &paying{player: r.PlayerID, deposit: deposit, amount: r.AmountMinor, at: now, status: "PROCESSING", call: "payout"}
		if deposit {
			if refused := p.beyond(state.LimitDeposit, r.AmountMinor, now); refused != "" {
				asked = nil
				return refused
			}
			asked.call = "hold"
			p.done = append(p.done, fact{at: now, deposited: r.AmountMinor})
		} else {
			p.own.held += r.AmountMinor
		}
		c.payments = append(c.payments, asked)
		return asked.status
	}, learn: func(row state.Row) {
		if asked != nil {
			asked.id = row.Ref().ID
		}
	}}
}

// outcomePlay is what the gateway tells of a call, also again.
func outcomePlay(t *rapid.T, c *casino) step {
	if len(c.payments) == 0 {
		return paymentPlay(t, c)
	}
	p := c.payments[len(c.payments)-1-even(min(4, len(c.payments))).Draw(t, "payment")]
	call, succeeds := p.call, even(4).Draw(t, "succeeds") > 0
	if call == "capture" && even(4).Draw(t, "late") == 0 {
		call = "hold"
	}
	e := &state.Effect{
		Tenant: "t", ID: "effect" + strings.TrimPrefix(p.id, "player_payment") + "/" + call + "/1", Kind: "gateway." + call, AggregateID: p.id,
		Currency: "EUR", AmountMinor: p.amount, State: state.EffectOpen,
	}
	about := flow.Subject{Tenant: "t", Names: []string{p.player}}
	return step{group: flow.Settle(about, e, flow.Outcome{Succeeded: succeeds, ExternalID: "x"}), model: func(time.Time) string {
		of := c.players[p.player]
		switch waits := p.status == "PROCESSING" || p.status == "AUTHORIZED"; {
		case !waits || call != p.call:
			return "ok"
		case !succeeds && p.deposit:
			p.status = "DECLINED"
			of.done = append(of.done, fact{at: p.at, deposited: -p.amount})
		case !succeeds:
			p.status = "DECLINED"
			of.own.held -= p.amount
		case call == "hold":
			p.status, p.call = "AUTHORIZED", "capture"
		case call == "capture":
			p.status = "SUCCEEDED"
			of.own.balance += p.amount
		default:
			p.status = "SUCCEEDED"
			of.own.balance, of.own.held = of.own.balance-p.amount, of.own.held-p.amount
		}
		return p.status
	}}
}

// beyond refuses what passes a limit.
func (p *gambler) beyond(kind state.LimitKind, amount int64, now time.Time) string {
	if left, bounded := p.left(kind, now); bounded && amount > left {
		return "LIMIT_EXCEEDED " + kind.String() + " " + money.Format(max(left, 0), "EUR")
	}
	return ""
}

// agrees compares what counts against limits in each period, and the limits.
func (p *gambler) agrees(t *rapid.T, row *state.Player, now time.Time) {
	for _, period := range state.Periods() {
		var counted state.Played
		for _, done := range row.Played {
			if done.Period == period && done.From.Equal(began(period, now)) {
				counted = done
			}
		}
		did := p.did(began(period, now))
		if counted.WageredMinor != did.wagered || counted.WonMinor != did.won || counted.DepositedMinor != did.deposited ||
			counted.SessionSeconds != did.seated {
			t.Fatalf("%s has counted %+v at %v, the model says %+v", row.ID, counted, now, did)
		}
	}
	for _, kind := range []state.LimitKind{state.LimitDeposit, state.LimitLoss, state.LimitWager, state.LimitSession} {
		for _, period := range state.Periods() {
			bounds, b := state.Limit{Max: state.NoLimit}, p.bound(boundOf{kind, period}, now)
			for _, limit := range row.Limits {
				if limit.Kind == kind && limit.Period == period {
					bounds = limit
				}
			}
			if bounds = bounds.At(now); bounds.Max != b.most || !bounds.PendingFrom.Equal(b.from) || bounds.Pending != b.coming {
				t.Fatalf("%s has %+v at %v, the model says %+v", row.ID, bounds, now, b)
			}
		}
	}
}
