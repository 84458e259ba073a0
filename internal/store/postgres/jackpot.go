package postgres

import "github.com/seed-255eabaa/oms/internal/state"

var (
	jackpotFields = []field{
		{"tenant_id", kindText}, {"jackpot_id", kindText}, {"brand_id", kindText}, {"region", kindText}, {"provider_id", kindText},
		{"currency", kindText}, {"name", kindText}, {"seed_minor", kindInt8}, {"rate_ppm", kindInt8}, {"max_minor", kindInt8},
		{"games", kindJSON}, {"status", kindInt2}, {"seeded_minor", kindInt8}, {"collected_minor", kindInt8}, {"paid_minor", kindInt8},
		{"returned_minor", kindInt8}, {"held_minor", kindInt8}, {"owed_minor", kindInt8}, {"version", kindInt8}, {"created_at", kindTime},
		{"terms_at", kindTime}, {"updated_at", kindTime},
	}
	jackpotFixed      = []string{"brand_id", "region", "provider_id", "currency", "created_at"}
	jackpotFeedFields = []field{
		{"tenant_id", kindText}, {"game", kindText}, {"feeds", kindJSON}, {"version", kindInt8}, {"updated_at", kindTime},
	}
	jackpotTriggerFields = []field{
		{"tenant_id", kindText}, {"trigger_row", kindText}, {"brand_id", kindText}, {"region", kindText}, {"provider_id", kindText},
		{"jackpot_id", kindText}, {"trigger_id", kindText}, {"player_id", kindText}, {"bet_id", kindText}, {"round_id", kindText},
		{"currency", kindText}, {"amount_minor", kindInt8}, {"reseed_minor", kindInt8}, {"status", kindInt2}, {"words", kindText},
		{"version", kindInt8}, {"created_at", kindTime}, {"updated_at", kindTime},
	}
	jackpotTriggerFixed = []string{
		"brand_id", "region", "provider_id", "jackpot_id", "trigger_id", "player_id", "bet_id", "round_id", "currency", "amount_minor",
		"reseed_minor", "created_at",
	}
)

func encodeJackpot(set *rowset, j *state.Jackpot) error {
	set.text(j.Tenant)
	set.text(j.ID)
	set.text(j.Brand)
	set.text(j.Region)
	set.text(j.Provider)
	set.text(j.Currency)
	set.text(j.Name)
	set.int64(j.SeedMinor)
	set.int64(j.RatePPM)
	set.int64(j.MaxMinor)
	if err := encodeJSON(set, len(j.Games), j.Games); err != nil {
		return err
	}
	set.int16(int16(j.Status))
	set.int64(j.SeededMinor)
	set.int64(j.CollectedMinor)
	set.int64(j.PaidMinor)
	set.int64(j.ReturnedMinor)
	set.int64(j.HeldMinor)
	set.int64(j.OwedMinor)
	set.int64(j.Version)
	set.time(j.CreatedAt)
	set.time(j.TermsAt)
	set.time(j.UpdatedAt)
	return nil
}

func decodeJackpot(f *fields) (*state.Jackpot, error) {
	j := &state.Jackpot{}
	j.Tenant, j.ID, j.Brand, j.Region = f.text(), f.text(), f.text(), f.text()
	j.Provider, j.Currency, j.Name, j.SeedMinor = f.text(), f.text(), f.text(), f.int64()
	j.RatePPM, j.MaxMinor = f.int64(), f.int64()
	if err := decodeJSON(f, &j.Games); err != nil {
		return nil, err
	}
	j.Status, j.SeededMinor, j.CollectedMinor, j.PaidMinor = state.JackpotStatus(f.int16()), f.int64(), f.int64(), f.int64()
	j.ReturnedMinor, j.HeldMinor, j.OwedMinor, j.Version = f.int64(), f.int64(), f.int64(), f.int64()
	j.CreatedAt, j.TermsAt, j.UpdatedAt = f.time(), f.time(), f.time()
	return j, nil
}

func encodeJackpotFeed(set *rowset, v *state.JackpotFeed) error {
	set.text(v.Tenant)
	set.text(v.ID)
	if err := encodeJSON(set, len(v.Feeds), v.Feeds); err != nil {
		return err
	}
	set.int64(v.Version)
	set.time(v.UpdatedAt)
	return nil
}

func decodeJackpotFeed(f *fields) (*state.JackpotFeed, error) {
	v := &state.JackpotFeed{Tenant: f.text(), ID: f.text()}
	if err := decodeJSON(f, &v.Feeds); err != nil {
		return nil, err
	}
	v.Version, v.UpdatedAt = f.int64(), f.time()
	return v, nil
}

func encodeJackpotTrigger(set *rowset, t *state.JackpotTrigger) {
	set.text(t.Tenant)
	set.text(t.ID)
	set.text(t.Brand)
	set.text(t.Region)
	set.text(t.Provider)
	set.text(t.JackpotID)
	set.text(t.TriggerID)
	set.text(t.PlayerID)
	set.text(t.BetID)
	set.text(t.RoundID)
	set.text(t.Currency)
	set.int64(t.AmountMinor)
	set.int64(t.ReseedMinor)
	set.int16(int16(t.Status))
	set.text(t.Words)
	set.int64(t.Version)
	set.time(t.CreatedAt)
	set.time(t.UpdatedAt)
}

func decodeJackpotTrigger(f *fields) *state.JackpotTrigger {
	t := &state.JackpotTrigger{}
	t.Tenant, t.ID, t.Brand, t.Region = f.text(), f.text(), f.text(), f.text()
	t.Provider, t.JackpotID, t.TriggerID, t.PlayerID = f.text(), f.text(), f.text(), f.text()
	t.BetID, t.RoundID, t.Currency, t.AmountMinor = f.text(), f.text(), f.text(), f.int64()
	t.ReseedMinor, t.Status, t.Words, t.Version = f.int64(), state.JackpotTriggerStatus(f.int16()), f.text(), f.int64()
	t.CreatedAt, t.UpdatedAt = f.time(), f.time()
	return t
}
