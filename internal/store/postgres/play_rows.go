package postgres

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	playerFields = []field{
		{"tenant_id", kindText}, {"player_id", kindText}, {"brand_id", kindText}, {"region", kindText},
		{"currency", kindText}, {"locale", kindText}, {"country", kindText}, {"excluded", kindBool}, {"excluded_until", kindTime},
		{"cool_off_until", kindTime}, {"limits", kindJSON}, {"played", kindText}, {"kyc_status", kindInt2}, {"kyc_reason", kindText},
		{"version", kindInt8}, {"created_at", kindTime}, {"updated_at", kindTime}, {"bonus_id", kindText},
	}
	sessionFields = []field{
		{"tenant_id", kindText}, {"session_id", kindText}, {"brand_id", kindText}, {"region", kindText},
		{"provider_id", kindText}, {"player_id", kindText}, {"game_id", kindText}, {"currency", kindText}, {"locale", kindText},
		{"max_bet_minor", kindInt8}, {"told_excluded", kindBool}, {"told_excluded_until", kindTime}, {"told_cool_off_until", kindTime},
		{"ttl_seconds", kindInt8}, {"status", kindInt2}, {"version", kindInt8}, {"created_at", kindTime}, {"expires_at", kindTime},
		{"ended_at", kindTime}, {"updated_at", kindTime},
	}
	roundFields = []field{
		{"tenant_id", kindText}, {"round_id", kindText}, {"provider_id", kindText}, {"game_id", kindText},
		{"status", kindInt2}, {"version", kindInt8}, {"created_at", kindTime}, {"closed_at", kindTime},
	}
	betFields = []field{
		{"tenant_id", kindText}, {"bet_id", kindText}, {"brand_id", kindText}, {"region", kindText},
		{"provider_id", kindText}, {"round_id", kindText}, {"session_id", kindText}, {"player_id", kindText}, {"game_id", kindText},
		{"currency", kindText}, {"amount_minor", kindInt8}, {"bonus", kindJSON}, {"won_minor", kindInt8}, {"results", kindInt4},
		{"status", kindInt2}, {"version", kindInt8}, {"created_at", kindTime}, {"updated_at", kindTime}, {"contributions", kindJSON},
	}
	settlementFields = []field{
		{"tenant_id", kindText}, {"result", kindText}, {"settlement_id", kindText}, {"brand_id", kindText},
		{"region", kindText}, {"provider_id", kindText}, {"bet_id", kindText}, {"round_id", kindText}, {"player_id", kindText},
		{"game_id", kindText}, {"result_id", kindText}, {"currency", kindText}, {"win_minor", kindInt8}, {"partial", kindBool}, {"bonus", kindJSON},
		{"created_at", kindTime},
	}
)

func encodePlayer(set *rowset, p *state.Player) error {
	set.text(p.Tenant)
	set.text(p.ID)
	set.text(p.Brand)
	set.text(p.Region)
	set.text(p.Currency)
	set.text(p.Locale)
	set.text(p.Country)
	set.bool(p.Flags.Excluded)
	set.time(p.Flags.ExcludedUntil)
	set.time(p.Flags.CoolOffUntil)
	if err := encodeJSON(set, len(p.Limits), p.Limits); err != nil {
		return err
	}
	set.text(state.EncodePlayed(p.Played))
	set.int16(int16(p.KYC))
	set.text(p.KYCReason)
	set.int64(p.Version)
	set.time(p.CreatedAt)
	set.time(p.UpdatedAt)
	set.text(p.Bonus)
	return nil
}

func decodePlayer(f *fields) (*state.Player, error) {
	p := &state.Player{}
	p.Tenant, p.ID, p.Brand, p.Region = f.text(), f.text(), f.text(), f.text()
	p.Currency, p.Locale, p.Country, p.Flags.Excluded = f.text(), f.text(), f.text(), f.bool()
	p.Flags.ExcludedUntil, p.Flags.CoolOffUntil = f.time(), f.time()
	if err := decodeJSON(f, &p.Limits); err != nil {
		return nil, err
	}
	var err error
	if p.Played, err = state.DecodePlayed(f.text()); err != nil {
		return nil, err //nolint:wrapcheck // it says what it is about
	}
	p.KYC, p.KYCReason = state.KYCStatus(f.int16()), f.text()
	p.Version, p.CreatedAt, p.UpdatedAt, p.Bonus = f.int64(), f.time(), f.time(), f.text()
	return p, nil
}

func encodeSession(set *rowset, s *state.Session) {
	set.text(s.Tenant)
	set.text(s.ID)
	set.text(s.Brand)
	set.text(s.Region)
	set.text(s.Provider)
	set.text(s.PlayerID)
	set.text(s.GameID)
	set.text(s.Currency)
	set.text(s.Locale)
	set.int64(s.MaxBetMinor)
	set.bool(s.Told.Excluded)
	set.time(s.Told.ExcludedUntil)
	set.time(s.Told.CoolOffUntil)
	set.int64(int64(s.TTL / time.Second))
	set.int16(int16(s.Status))
	set.int64(s.Version)
	set.time(s.CreatedAt)
	set.time(s.ExpiresAt)
	set.time(s.EndedAt)
	set.time(s.UpdatedAt)
}

func decodeSession(f *fields) *state.Session {
	s := &state.Session{}
	s.Tenant, s.ID, s.Brand, s.Region = f.text(), f.text(), f.text(), f.text()
	s.Provider, s.PlayerID, s.GameID, s.Currency = f.text(), f.text(), f.text(), f.text()
	s.Locale, s.MaxBetMinor, s.Told.Excluded, s.Told.ExcludedUntil = f.text(), f.int64(), f.bool(), f.time()
	s.Told.CoolOffUntil, s.TTL, s.Status, s.Version = f.time(), time.Duration(f.int64())*time.Second, state.SessionStatus(f.int16()), f.int64()
	s.CreatedAt, s.ExpiresAt, s.EndedAt, s.UpdatedAt = f.time(), f.time(), f.time(), f.time()
	return s
}

func encodeRound(set *rowset, v *state.Round) {
	set.text(v.Tenant)
	set.text(v.ID)
	set.text(v.Provider)
	set.text(v.GameID)
	set.int16(int16(v.Status))
	set.int64(v.Version)
	set.time(v.CreatedAt)
	set.time(v.ClosedAt)
}

func decodeRound(f *fields) *state.Round {
	v := &state.Round{}
	v.Tenant, v.ID, v.Provider, v.GameID = f.text(), f.text(), f.text(), f.text()
	v.Status, v.Version, v.CreatedAt, v.ClosedAt = state.RoundStatus(f.int16()), f.int64(), f.time(), f.time()
	return v
}

func encodeBet(set *rowset, b *state.Bet) error {
	set.text(b.Tenant)
	set.text(b.ID)
	set.text(b.Brand)
	set.text(b.Region)
	set.text(b.Provider)
	set.text(b.RoundID)
	set.text(b.SessionID)
	set.text(b.PlayerID)
	set.text(b.GameID)
	set.text(b.Currency)
	set.int64(b.AmountMinor)
	if err := encodeJSON(set, present(b.Bonus), b.Bonus); err != nil {
		return err
	}
	set.int64(b.WonMinor)
	set.int32(b.Results)
	set.int16(int16(b.Status))
	set.int64(b.Version)
	set.time(b.CreatedAt)
	set.time(b.UpdatedAt)
	return encodeJSON(set, len(b.Contributions), b.Contributions)
}

func decodeBet(f *fields) (*state.Bet, error) {
	b := &state.Bet{}
	b.Tenant, b.ID, b.Brand, b.Region = f.text(), f.text(), f.text(), f.text()
	b.Provider, b.RoundID, b.SessionID, b.PlayerID = f.text(), f.text(), f.text(), f.text()
	b.GameID, b.Currency, b.AmountMinor = f.text(), f.text(), f.int64()
	if err := decodeJSON(f, &b.Bonus); err != nil {
		return nil, err
	}
	b.WonMinor, b.Results, b.Status, b.Version = f.int64(), f.int32(), state.BetStatus(f.int16()), f.int64()
	b.CreatedAt, b.UpdatedAt = f.time(), f.time()
	return b, decodeJSON(f, &b.Contributions)
}

func encodeSettlement(set *rowset, s *state.Settlement) error {
	set.text(s.Tenant)
	set.text(s.ID)
	set.text(s.SettlementID)
	set.text(s.Brand)
	set.text(s.Region)
	set.text(s.Provider)
	set.text(s.BetID)
	set.text(s.RoundID)
	set.text(s.PlayerID)
	set.text(s.GameID)
	set.text(s.ResultID)
	set.text(s.Currency)
	set.int64(s.WinMinor)
	set.bool(s.Partial)
	if err := encodeJSON(set, present(s.Bonus), s.Bonus); err != nil {
		return err
	}
	set.time(s.CreatedAt)
	return nil
}

func decodeSettlement(f *fields) (*state.Settlement, error) {
	s := &state.Settlement{}
	s.Tenant, s.ID, s.SettlementID, s.Brand = f.text(), f.text(), f.text(), f.text()
	s.Region, s.Provider, s.BetID, s.RoundID = f.text(), f.text(), f.text(), f.text()
	s.PlayerID, s.GameID, s.ResultID, s.Currency = f.text(), f.text(), f.text(), f.text()
	s.WinMinor, s.Partial = f.int64(), f.bool()
	if err := decodeJSON(f, &s.Bonus); err != nil {
		return nil, err
	}
	s.CreatedAt = f.time()
	return s, nil
}
