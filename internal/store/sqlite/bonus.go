package sqlite

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

var bonusTable = table{
	name: "bonuses",
	columns: "tenant_id, bonus_id, brand_id, region, provider_id, player_id, currency, amount_minor, required_minor, weights, default_weight, " +
		"policy, max_bet_minor, max_conversion_minor, ttl_seconds, expires_at_us, status, reason, progress, converted_minor, version, " +
		"created_at_us, activated_at_us, ended_at_us, updated_at_us",
	fixed: []string{
		"brand_id", "region", "provider_id", "player_id", "currency", "amount_minor", "required_minor", "weights", "default_weight", "policy",
		"max_bet_minor", "max_conversion_minor", "ttl_seconds", "expires_at_us", "created_at_us",
	},
	bind: bindBonus, scan: scanBonus,
}

func bindBonus(r *row, value state.Row) {
	b := value.(*state.Bonus) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(b.Tenant)
	r.text(b.ID)
	r.text(b.Brand)
	r.text(b.Region)
	r.text(b.Provider)
	r.text(b.PlayerID)
	r.text(b.Currency)
	r.integer(b.AmountMinor)
	r.integer(b.RequiredMinor)
	r.optional(listJSON(b.Weights))
	r.integer(int64(b.DefaultWeight))
	r.integer(int64(b.Policy))
	r.integer(b.MaxBetMinor)
	r.integer(b.MaxConversionMinor)
	r.integer(int64(b.TTL / time.Second))
	r.instant(b.ExpiresAt)
	r.integer(int64(b.Status))
	r.text(b.Reason)
	r.integer(b.Progress)
	r.integer(b.ConvertedMinor)
	r.integer(b.Version)
	r.instant(b.CreatedAt)
	r.moment(b.ActivatedAt)
	r.moment(b.EndedAt)
	r.instant(b.UpdatedAt)
}

func scanBonus(c *columns) state.Row {
	b := &state.Bonus{}
	b.Tenant, b.ID, b.Brand, b.Region, b.Provider = c.text(), c.text(), c.text(), c.text(), c.text()
	b.PlayerID, b.Currency, b.AmountMinor, b.RequiredMinor = c.text(), c.text(), c.integer(), c.integer()
	b.Weights, b.DefaultWeight, b.Policy = list[[]state.GameWeight](c), small[int32](c), small[state.BonusPolicy](c)
	b.MaxBetMinor, b.MaxConversionMinor, b.TTL = c.integer(), c.integer(), time.Duration(c.integer())*time.Second
	b.ExpiresAt, b.Status, b.Reason, b.Progress = c.instant(), small[state.BonusStatus](c), c.text(), c.integer()
	b.ConvertedMinor, b.Version, b.CreatedAt = c.integer(), c.integer(), c.instant()
	b.ActivatedAt, b.EndedAt, b.UpdatedAt = c.moment(), c.moment(), c.instant()
	return b
}

// betBonusJSON writes what a bet has to do with a bonus; nothing for most bets.
func betBonusJSON(bonus *state.BetBonus) []byte {
	if bonus == nil {
		return nil
	}
	text := listJSON([]*state.BetBonus{bonus})
	return text[1 : len(text)-1]
}
