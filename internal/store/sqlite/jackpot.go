package sqlite

import "github.com/seed-255eabaa/oms/internal/state"

var (
	jackpotTable = table{
		name: "jackpots",
		columns: "tenant_id, jackpot_id, brand_id, region, provider_id, currency, name, seed_minor, rate_ppm, max_minor, games, status, " +
			"seeded_minor, collected_minor, paid_minor, returned_minor, held_minor, owed_minor, version, created_at_us, terms_at_us, updated_at_us",
		fixed: []string{"brand_id", "region", "provider_id", "currency", "created_at_us"},
		bind:  bindJackpot, scan: scanJackpot,
	}
	jackpotFeedTable = table{
		name: "jackpot_feeds", columns: "tenant_id, game, feeds, version, updated_at_us", bind: bindJackpotFeed, scan: scanJackpotFeed,
	}
	jackpotTriggerTable = table{
		name: "jackpot_triggers",
		columns: "tenant_id, trigger_row, brand_id, region, provider_id, jackpot_id, trigger_id, player_id, bet_id, round_id, currency, " +
			"amount_minor, reseed_minor, status, words, version, created_at_us, updated_at_us",
		fixed: []string{
			"brand_id", "region", "provider_id", "jackpot_id", "trigger_id", "player_id", "bet_id", "round_id", "currency", "amount_minor",
			"reseed_minor", "created_at_us",
		},
		bind: bindJackpotTrigger, scan: scanJackpotTrigger,
	}
)

func bindJackpot(r *row, value state.Row) {
	v := value.(*state.Jackpot) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.Brand)
	r.text(v.Region)
	r.text(v.Provider)
	r.text(v.Currency)
	r.text(v.Name)
	r.integer(v.SeedMinor)
	r.integer(v.RatePPM)
	r.integer(v.MaxMinor)
	r.optional(listJSON(v.Games))
	r.integer(int64(v.Status))
	r.integer(v.SeededMinor)
	r.integer(v.CollectedMinor)
	r.integer(v.PaidMinor)
	r.integer(v.ReturnedMinor)
	r.integer(v.HeldMinor)
	r.integer(v.OwedMinor)
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.instant(v.TermsAt)
	r.instant(v.UpdatedAt)
}

func scanJackpot(c *columns) state.Row {
	v := &state.Jackpot{}
	v.Tenant, v.ID, v.Brand, v.Region = c.text(), c.text(), c.text(), c.text()
	v.Provider, v.Currency, v.Name, v.SeedMinor = c.text(), c.text(), c.text(), c.integer()
	v.RatePPM, v.MaxMinor, v.Games, v.Status = c.integer(), c.integer(), list[[]string](c), small[state.JackpotStatus](c)
	v.SeededMinor, v.CollectedMinor, v.PaidMinor, v.ReturnedMinor = c.integer(), c.integer(), c.integer(), c.integer()
	v.HeldMinor, v.OwedMinor, v.Version, v.CreatedAt = c.integer(), c.integer(), c.integer(), c.instant()
	v.TermsAt, v.UpdatedAt = c.instant(), c.instant()
	return v
}

func bindJackpotFeed(r *row, value state.Row) {
	v := value.(*state.JackpotFeed) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.optional(listJSON(v.Feeds))
	r.integer(v.Version)
	r.instant(v.UpdatedAt)
}

func scanJackpotFeed(c *columns) state.Row {
	return &state.JackpotFeed{Tenant: c.text(), ID: c.text(), Feeds: list[[]state.Feed](c), Version: c.integer(), UpdatedAt: c.instant()}
}

func bindJackpotTrigger(r *row, value state.Row) {
	v := value.(*state.JackpotTrigger) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.Brand)
	r.text(v.Region)
	r.text(v.Provider)
	r.text(v.JackpotID)
	r.text(v.TriggerID)
	r.text(v.PlayerID)
	r.text(v.BetID)
	r.text(v.RoundID)
	r.text(v.Currency)
	r.integer(v.AmountMinor)
	r.integer(v.ReseedMinor)
	r.integer(int64(v.Status))
	r.text(v.Words)
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.instant(v.UpdatedAt)
}

func scanJackpotTrigger(c *columns) state.Row {
	v := &state.JackpotTrigger{}
	v.Tenant, v.ID, v.Brand, v.Region = c.text(), c.text(), c.text(), c.text()
	v.Provider, v.JackpotID, v.TriggerID, v.PlayerID = c.text(), c.text(), c.text(), c.text()
	v.BetID, v.RoundID, v.Currency, v.AmountMinor = c.text(), c.text(), c.text(), c.integer()
	v.ReseedMinor, v.Status, v.Words, v.Version = c.integer(), small[state.JackpotTriggerStatus](c), c.text(), c.integer()
	v.CreatedAt, v.UpdatedAt = c.instant(), c.instant()
	return v
}
