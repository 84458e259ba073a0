package app_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/state"
)

// promise is a bonus of the model.
type promise struct {
	terms     state.BonusTerms
	status    string
	wagered   int64 // in hundredths
	converted int64
	until     time.Time
	version   int
}

// bonusRow names the row of a bonus; nothing for none.
func bonusRow(id string) string {
	if id == "" {
		return ""
	}
	return "bonus:" + id
}

// tell writes what the bonus is.
func (b *promise) tell() string {
	return fmt.Sprintf("%s %d: %d wagered, %d converted", b.status, b.version, b.wagered, b.converted)
}

func (b *promise) weighs(game string) int64 {
	for _, weight := range b.terms.Weights {
		if weight.GameID == game {
			return int64(weight.Percent)
		}
	}
	return int64(b.terms.DefaultWeight)
}

// over tells whether a bonus has ended, or its time is over.
func (b *promise) over(now time.Time) bool {
	return b.status != "granted" && b.status != "active" || !now.Before(b.until)
}

func grantPlay(t *rapid.T, c *casino) step {
	bound := func(of string, most int64) int64 {
		return sample(t, of, []int64{state.NoLimit, most})
	}
	g := bonus.Grant{By: modelOrigin, BonusID: c.recent(t, "f", len(c.bonuses)), Terms: state.BonusTerms{
		PlayerID: c.player(t), Currency: "EUR", AmountMinor: int64(1 + 3*even(500).Draw(t, "gives")),
		RequiredMinor: sample(t, "required", []int64{1, 200, 200, 600}),
		Weights:       []state.GameWeight{{GameID: c.name + "g0", Percent: sample(t, "weight", []int32{0, 13, 100, 100})}},
		DefaultWeight: sample(t, "default weight", []int32{50, 100}),
		Policy:        sample(t, "policy", []state.BonusPolicy{state.BonusCashFirst, state.BonusFirst, state.BonusFirst}),
		MaxBetMinor:   bound("max bet", 400), MaxConversionMinor: sample(t, "max conversion", []int64{state.NoLimit, 60, 60}),
		TTL: sample(t, "ttl", []time.Duration{20 * time.Minute, 26 * time.Hour, 10 * 24 * time.Hour}),
	}}
	if before := c.bonuses[g.BonusID]; before != nil && rapid.Bool().Draw(t, "again") {
		g.Terms = before.terms
	}
	return step{command: g, model: func(now time.Time) string {
		p, before := c.players[g.Terms.PlayerID], c.bonuses[g.BonusID]
		switch {
		case before != nil && fmt.Sprint(before.terms) != fmt.Sprint(g.Terms):
			return "DUPLICATE"
		case before != nil:
			return before.tell()
		case p == nil:
			return "NOT_FOUND"
		case p.blocked(now):
			return "RG_BLOCK"
		}
		c.bonuses[g.BonusID] = &promise{terms: g.Terms, status: "granted", until: now.Add(g.Terms.TTL), version: 1}
		return c.bonuses[g.BonusID].tell()
	}}
}

// nameBonus names a bonus, mostly one to which something can happen, as whoever has read it does.
func (c *casino) nameBonus(t *rapid.T, can func(*promise) bool) (string, bonus.Name) {
	id := pick(t, c, "f", c.bonuses, can)
	name := bonus.Name{Tenant: "t", BonusID: id}
	if b := c.bonuses[id]; b != nil {
		name.PlayerID, name.Currency = b.terms.PlayerID, "EUR"
	}
	return id, name
}

func activatePlay(t *rapid.T, c *casino) step {
	id, name := c.nameBonus(t, func(b *promise) bool {
		return b.status == "granted" && !b.over(c.now) && c.players[b.terms.PlayerID].active == ""
	})
	return step{command: bonus.Activate{Name: name, By: modelOrigin}, model: func(now time.Time) string {
		b := c.bonuses[id]
		if b == nil {
			return "NOT_FOUND"
		}
		p := c.players[b.terms.PlayerID]
		switch {
		case b.over(now):
			return "INVALID_STATE"
		case b.status == "active":
			return b.tell()
		case p.active != "":
			return "INVALID_STATE"
		case p.blocked(now):
			return "RG_BLOCK"
		}
		b.status, p.active = "active", id
		b.version++
		p.given.balance, c.house = p.given.balance+b.terms.AmountMinor, c.house-b.terms.AmountMinor
		return b.tell()
	}}
}

func forfeitPlay(t *rapid.T, c *casino) step {
	id, name := c.nameBonus(t, func(b *promise) bool { return b.status == "active" })
	return step{command: bonus.Forfeit{Name: name, By: modelOrigin}, model: func(now time.Time) string {
		b := c.bonuses[id]
		switch {
		case b == nil:
			return "NOT_FOUND"
		case b.status == "forfeited":
			return b.tell()
		case b.over(now):
			return "INVALID_STATE"
		}
		c.endBonus(id, "forfeited")
		return b.tell()
	}}
}

// expirePlay is the timer, which may be late.
func expirePlay(t *rapid.T, c *casino) step {
	id, name := c.nameBonus(t, func(b *promise) bool { return b.status == "active" })
	return step{command: bonus.Expire{Name: name}, model: func(now time.Time) string {
		b := c.bonuses[id]
		switch {
		case b == nil:
			return "NOT_FOUND"
		case b.status != "granted" && b.status != "active":
			return "ok"
		case now.Before(b.until):
			return "TOO_EARLY"
		}
		c.endBonus(id, "expired")
		return b.tell()
	}}
}

// endBonus ends a bonus; all of an active one that no bet holds goes where the status says.
func (c *casino) endBonus(id, status string) {
	b := c.bonuses[id]
	b.status = status
	b.version++
	if p := c.players[b.terms.PlayerID]; p.active == id {
		p.active = ""
		c.leave(id, p.given.available())
	}
}

// leave moves bonus money of a bonus that has ended: to the player as far as it converts, the rest to the house.
func (c *casino) leave(id string, amount int64) {
	b, own := c.bonuses[id], int64(0)
	if b.status == "converted" {
		own = amount
		if most := b.terms.MaxConversionMinor; most != state.NoLimit {
			own = min(amount, most-b.converted)
		}
	}
	p := c.players[b.terms.PlayerID]
	p.given.balance, p.own.balance, c.house, b.converted = p.given.balance-amount, p.own.balance+own, c.house+amount-own, b.converted+own
}

// wager is what a result does to the bonus of a bet; part is the bonus's of the win.
func (c *casino) wager(bet *gamble, part int64, partial bool, now time.Time) {
	b := c.bonuses[bet.bonus]
	switch {
	case b == nil:
	case b.status != "active":
		c.leave(bet.bonus, part)
	case !partial && now.Before(b.until):
		b.wagered = min(b.wagered+bet.percent*bet.amount, 100*b.terms.RequiredMinor)
		if b.wagered == 100*b.terms.RequiredMinor {
			c.endBonus(bet.bonus, "converted")
		}
	}
}
