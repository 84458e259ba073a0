package sqlite

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	playerTable = table{
		name: "players",
		columns: "tenant_id, player_id, brand_id, region, currency, locale, country, excluded, excluded_until_us, cool_off_until_us, " +
			"limits, played, kyc_status, kyc_reason, version, created_at_us, updated_at_us, bonus_id",
		fixed: []string{
			"brand_id", "region", "currency", "locale", "country", "created_at_us",
		},
		bind: bindPlayer, scan: scanPlayer,
	}
	sessionTable = table{
		name: "sessions",
		columns: "tenant_id, session_id, brand_id, region, provider_id, player_id, game_id, currency, locale, max_bet_minor, " +
			"told_excluded, told_excluded_until_us, told_cool_off_until_us, ttl_seconds, status, version, created_at_us, " +
			"expires_at_us, ended_at_us, updated_at_us",
		fixed: []string{
			"brand_id", "region", "provider_id", "player_id", "game_id", "currency", "locale", "max_bet_minor",
			"told_excluded", "told_excluded_until_us", "told_cool_off_until_us", "ttl_seconds", "created_at_us", "expires_at_us",
		},
		bind: bindSession, scan: scanSession,
	}
	roundTable = table{
		name:    "rounds",
		columns: "tenant_id, round_id, provider_id, game_id, status, version, created_at_us, closed_at_us",
		fixed: []string{
			"provider_id", "game_id", "created_at_us",
		},
		bind: bindRound, scan: scanRound,
	}
	betTable = table{
		name: "bets",
		columns: "tenant_id, bet_id, brand_id, region, provider_id, round_id, session_id, player_id, game_id, currency, amount_minor, " +
			"bonus, won_minor, results, status, version, created_at_us, updated_at_us, contributions",
		fixed: []string{
			"brand_id", "region", "provider_id", "round_id", "session_id", "player_id", "game_id", "currency",
			"amount_minor", "bonus", "created_at_us",
		},
		bind: bindBet, scan: scanBet,
	}
	settlementTable = table{
		name: "settlements",
		columns: "tenant_id, result, settlement_id, brand_id, region, provider_id, bet_id, round_id, player_id, game_id, result_id, " +
			"currency, win_minor, partial, bonus, created_at_us",
		bind: bindSettlement, scan: scanSettlement,
	}
)

func bindPlayer(r *row, value state.Row) {
	v := value.(*state.Player) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.Brand)
	r.text(v.Region)
	r.text(v.Currency)
	r.text(v.Locale)
	r.text(v.Country)
	r.flag(v.Flags.Excluded)
	r.moment(v.Flags.ExcludedUntil)
	r.moment(v.Flags.CoolOffUntil)
	r.optional(listJSON(v.Limits))
	r.text(state.EncodePlayed(v.Played))
	r.integer(int64(v.KYC))
	r.text(v.KYCReason)
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.instant(v.UpdatedAt)
	r.text(v.Bonus)
}

func scanPlayer(c *columns) state.Row {
	v := &state.Player{}
	v.Tenant, v.ID, v.Brand, v.Region = c.text(), c.text(), c.text(), c.text()
	v.Currency, v.Locale, v.Country, v.Flags.Excluded = c.text(), c.text(), c.text(), c.flag()
	v.Flags.ExcludedUntil, v.Flags.CoolOffUntil, v.Limits, v.Played = c.moment(), c.moment(), list[[]state.Limit](c), played(c)
	v.KYC, v.KYCReason = small[state.KYCStatus](c), c.text()
	v.Version, v.CreatedAt, v.UpdatedAt, v.Bonus = c.integer(), c.instant(), c.instant(), c.text()
	return v
}

// played reads what a player has done.
func played(c *columns) []state.Played {
	all, err := state.DecodePlayed(c.text())
	if err != nil && c.err == nil {
		c.err = err
	}
	return all
}

func bindSession(r *row, value state.Row) {
	v := value.(*state.Session) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.Brand)
	r.text(v.Region)
	r.text(v.Provider)
	r.text(v.PlayerID)
	r.text(v.GameID)
	r.text(v.Currency)
	r.text(v.Locale)
	r.integer(v.MaxBetMinor)
	r.flag(v.Told.Excluded)
	r.moment(v.Told.ExcludedUntil)
	r.moment(v.Told.CoolOffUntil)
	r.integer(int64(v.TTL / time.Second))
	r.integer(int64(v.Status))
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.instant(v.ExpiresAt)
	r.moment(v.EndedAt)
	r.instant(v.UpdatedAt)
}

func scanSession(c *columns) state.Row {
	v := &state.Session{}
	v.Tenant, v.ID, v.Brand, v.Region = c.text(), c.text(), c.text(), c.text()
	v.Provider, v.PlayerID, v.GameID, v.Currency = c.text(), c.text(), c.text(), c.text()
	v.Locale, v.MaxBetMinor, v.Told.Excluded, v.Told.ExcludedUntil = c.text(), c.integer(), c.flag(), c.moment()
	v.Told.CoolOffUntil, v.TTL, v.Status, v.Version = c.moment(), time.Duration(c.integer())*time.Second, small[state.SessionStatus](c), c.integer()
	v.CreatedAt, v.ExpiresAt, v.EndedAt, v.UpdatedAt = c.instant(), c.instant(), c.moment(), c.instant()
	return v
}

func bindRound(r *row, value state.Row) {
	v := value.(*state.Round) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.Provider)
	r.text(v.GameID)
	r.integer(int64(v.Status))
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.moment(v.ClosedAt)
}

func scanRound(c *columns) state.Row {
	v := &state.Round{}
	v.Tenant, v.ID, v.Provider, v.GameID = c.text(), c.text(), c.text(), c.text()
	v.Status, v.Version, v.CreatedAt, v.ClosedAt = small[state.RoundStatus](c), c.integer(), c.instant(), c.moment()
	return v
}

func bindBet(r *row, value state.Row) {
	v := value.(*state.Bet) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.Brand)
	r.text(v.Region)
	r.text(v.Provider)
	r.text(v.RoundID)
	r.text(v.SessionID)
	r.text(v.PlayerID)
	r.text(v.GameID)
	r.text(v.Currency)
	r.integer(v.AmountMinor)
	r.optional(betBonusJSON(v.Bonus))
	r.integer(v.WonMinor)
	r.integer(int64(v.Results))
	r.integer(int64(v.Status))
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.instant(v.UpdatedAt)
	r.optional(listJSON(v.Contributions))
}

func scanBet(c *columns) state.Row {
	v := &state.Bet{}
	v.Tenant, v.ID, v.Brand, v.Region = c.text(), c.text(), c.text(), c.text()
	v.Provider, v.RoundID, v.SessionID, v.PlayerID = c.text(), c.text(), c.text(), c.text()
	v.GameID, v.Currency, v.AmountMinor, v.Bonus = c.text(), c.text(), c.integer(), list[*state.BetBonus](c)
	v.WonMinor, v.Results, v.Status, v.Version = c.integer(), small[int32](c), small[state.BetStatus](c), c.integer()
	v.CreatedAt, v.UpdatedAt, v.Contributions = c.instant(), c.instant(), list[[]state.Contribution](c)
	return v
}

func bindSettlement(r *row, value state.Row) {
	v := value.(*state.Settlement) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.SettlementID)
	r.text(v.Brand)
	r.text(v.Region)
	r.text(v.Provider)
	r.text(v.BetID)
	r.text(v.RoundID)
	r.text(v.PlayerID)
	r.text(v.GameID)
	r.text(v.ResultID)
	r.text(v.Currency)
	r.integer(v.WinMinor)
	r.flag(v.Partial)
	r.optional(bonusJSON(v.Bonus))
	r.instant(v.CreatedAt)
}

func scanSettlement(c *columns) state.Row {
	v := &state.Settlement{}
	v.Tenant, v.ID, v.SettlementID, v.Brand = c.text(), c.text(), c.text(), c.text()
	v.Region, v.Provider, v.BetID, v.RoundID = c.text(), c.text(), c.text(), c.text()
	v.PlayerID, v.GameID, v.ResultID, v.Currency = c.text(), c.text(), c.text(), c.text()
	v.WinMinor, v.Partial, v.Bonus, v.CreatedAt = c.integer(), c.flag(), list[*state.BonusState](c), c.instant()
	return v
}
