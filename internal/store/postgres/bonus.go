package postgres

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	bonusFields = []field{
		{"tenant_id", kindText}, {"bonus_id", kindText}, {"brand_id", kindText}, {"region", kindText}, {"provider_id", kindText},
		{"player_id", kindText}, {"currency", kindText}, {"amount_minor", kindInt8}, {"required_minor", kindInt8}, {"weights", kindJSON},
		{"default_weight", kindInt4}, {"policy", kindInt2}, {"max_bet_minor", kindInt8}, {"max_conversion_minor", kindInt8},
		{"ttl_seconds", kindInt8}, {"expires_at", kindTime}, {"status", kindInt2}, {"reason", kindText}, {"progress", kindInt8},
		{"converted_minor", kindInt8}, {"version", kindInt8}, {"created_at", kindTime}, {"activated_at", kindTime}, {"ended_at", kindTime},
		{"updated_at", kindTime},
	}
	bonusFixed = []string{
		"brand_id", "region", "provider_id", "player_id", "currency", "amount_minor", "required_minor", "weights", "default_weight", "policy",
		"max_bet_minor", "max_conversion_minor", "ttl_seconds", "expires_at", "created_at",
	}
)

func encodeBonus(set *rowset, b *state.Bonus) error {
	set.text(b.Tenant)
	set.text(b.ID)
	set.text(b.Brand)
	set.text(b.Region)
	set.text(b.Provider)
	set.text(b.PlayerID)
	set.text(b.Currency)
	set.int64(b.AmountMinor)
	set.int64(b.RequiredMinor)
	if err := encodeJSON(set, len(b.Weights), b.Weights); err != nil {
		return err
	}
	set.int32(b.DefaultWeight)
	set.int16(int16(b.Policy))
	set.int64(b.MaxBetMinor)
	set.int64(b.MaxConversionMinor)
	set.int64(int64(b.TTL / time.Second))
	set.time(b.ExpiresAt)
	set.int16(int16(b.Status))
	set.text(b.Reason)
	set.int64(b.Progress)
	set.int64(b.ConvertedMinor)
	set.int64(b.Version)
	set.time(b.CreatedAt)
	set.time(b.ActivatedAt)
	set.time(b.EndedAt)
	set.time(b.UpdatedAt)
	return nil
}

func decodeBonus(f *fields) (*state.Bonus, error) {
	b := &state.Bonus{}
	b.Tenant, b.ID, b.Brand, b.Region, b.Provider = f.text(), f.text(), f.text(), f.text(), f.text()
	b.PlayerID, b.Currency, b.AmountMinor, b.RequiredMinor = f.text(), f.text(), f.int64(), f.int64()
	if err := decodeJSON(f, &b.Weights); err != nil {
		return nil, err
	}
	b.DefaultWeight, b.Policy, b.MaxBetMinor = f.int32(), state.BonusPolicy(f.int16()), f.int64()
	b.MaxConversionMinor, b.TTL, b.ExpiresAt = f.int64(), time.Duration(f.int64())*time.Second, f.time()
	b.Status, b.Reason, b.Progress, b.ConvertedMinor = state.BonusStatus(f.int16()), f.text(), f.int64(), f.int64()
	b.Version, b.CreatedAt, b.ActivatedAt, b.EndedAt = f.int64(), f.time(), f.time(), f.time()
	b.UpdatedAt = f.time()
	return b, nil
}
