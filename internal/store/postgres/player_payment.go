package postgres

import (
	"cmp"
	"context"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	playerPaymentFields = []field{
		{"tenant_id", kindText}, {"payment_id", kindText}, {"player_id", kindText}, {"type", kindInt2}, {"currency", kindText},
		{"amount_minor", kindInt8}, {"provider", kindText}, {"brand", kindText}, {"region", kindText}, {"called_by", kindText},
		{"status", kindInt2}, {"reason", kindText}, {"external_id", kindText}, {"token", kindText}, {"version", kindInt8},
		{"created_at", kindTime}, {"updated_at", kindTime},
	}
	playerPaymentFixed = []string{
		"player_id", "type", "currency", "amount_minor", "provider", "brand", "region", "called_by", "created_at",
	}
	selectPlayerPayments = "SELECT " + list("", playerPaymentFields) + " FROM player_payments "
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

// PlayerPayment implements view.PlayerPayments.
func (s *Store) PlayerPayment(ctx context.Context, tenant, name string) (*state.PlayerPayment, error) {
	return only(read(ctx, s, "player payment", plain(decodePlayerPayment), selectPlayerPayments+"WHERE tenant_id = $1 AND payment_id = $2",
		tenant, name))
}

// PlayerPayments implements view.PlayerPayments. The time of creation is inside the id, so the page is a range of ids.
func (s *Store) PlayerPayments(ctx context.Context, query state.PlayerPaymentQuery) ([]*state.PlayerPayment, error) {
	const beyond = "player_payment;" // ';' follows ':'
	from, before, order := "", beyond, "payment_id > $4 ORDER BY payment_id"
	if !query.From.IsZero() {
		from = id.New("player_payment", query.From, id.Random{})
	}
	if !query.Before.IsZero() {
		before = id.New("player_payment", query.Before, id.Random{})
	}
	if query.Descending {
		order, query.AfterID = "payment_id < $4 ORDER BY payment_id DESC", cmp.Or(query.AfterID, beyond)
	}
	arguments := []any{query.Tenant, from, before, query.AfterID, query.Limit, query.Brand, query.Region}
	if query.PlayerID != "" {
		order = "player_id = $8 AND " + order
		arguments = append(arguments, query.PlayerID)
	}
	return read(ctx, s, "player payments", plain(decodePlayerPayment), selectPlayerPayments+
		"WHERE tenant_id = $1 AND payment_id >= $2 AND payment_id < $3 AND brand = $6 AND region = $7 AND "+order+" LIMIT $5", arguments...)
}
