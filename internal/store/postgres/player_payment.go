package postgres

import "github.com/seed-255eabaa/oms/internal/state"

var (
	playerPaymentFields = []field{
		{"tenant_id", kindText}, {"payment_id", kindText}, {"player_id", kindText}, {"type", kindInt2}, {"currency", kindText},
		{"amount_minor", kindInt8}, {"provider", kindText}, {"brand_id", kindText}, {"region", kindText}, {"called_by", kindText},
		{"status", kindInt2}, {"reason", kindText}, {"external_id", kindText}, {"token", kindText}, {"version", kindInt8},
		{"created_at", kindTime}, {"updated_at", kindTime},
	}
	playerPaymentFixed = []string{
		"player_id", "type", "currency", "amount_minor", "provider", "brand_id", "region", "called_by", "created_at",
	}
)

func encodePlayerPayment(set *rowset, p *state.PlayerPayment) {
	set.text(p.Tenant)
	set.text(p.ID)
	set.text(p.PlayerID)
	set.int16(int16(p.Type))
	set.text(p.Currency)
	set.int64(p.AmountMinor)
	set.text(p.Provider)
	set.text(p.Brand)
	set.text(p.Region)
	set.text(p.CalledBy)
	set.int16(int16(p.Status))
	set.text(p.Reason)
	set.text(p.ExternalID)
	set.text(p.Token)
	set.int64(p.Version)
	set.time(p.CreatedAt)
	set.time(p.UpdatedAt)
}

func decodePlayerPayment(f *fields) *state.PlayerPayment {
	return &state.PlayerPayment{
		Tenant: f.text(), ID: f.text(), PlayerID: f.text(), Type: state.PlayerPaymentType(f.int16()), Currency: f.text(),
		AmountMinor: f.int64(), Provider: f.text(), Brand: f.text(), Region: f.text(), CalledBy: f.text(),
		Status: state.PlayerPaymentStatus(f.int16()), Reason: f.text(), ExternalID: f.text(), Token: f.text(), Version: f.int64(),
		CreatedAt: f.time(), UpdatedAt: f.time(),
	}
}
