package sqlite

import (
	"cmp"
	"context"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

var playerPaymentTable = table{
	name: "player_payments",
	columns: "tenant_id, payment_id, player_id, type, currency, amount_minor, provider, brand, region, called_by, status, reason, " +
		"external_id, token, version, created_at_us, updated_at_us",
	fixed: []string{"player_id", "type", "currency", "amount_minor", "provider", "brand", "region", "called_by", "created_at_us"},
	bind:  bindPlayerPayment, scan: func(c *columns) state.Row { return scanPlayerPayment(c) },
}

func bindPlayerPayment(r *row, value state.Row) {
	p := value.(*state.PlayerPayment) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(p.Tenant)
	r.text(p.ID)
	r.text(p.PlayerID)
	r.integer(int64(p.Type))
	r.text(p.Currency)
	r.integer(p.AmountMinor)
	r.text(p.Provider)
	r.text(p.Brand)
	r.text(p.Region)
	r.text(p.CalledBy)
	r.integer(int64(p.Status))
	r.text(p.Reason)
	r.text(p.ExternalID)
	r.text(p.Token)
	r.integer(p.Version)
	r.instant(p.CreatedAt)
	r.instant(p.UpdatedAt)
}

func scanPlayerPayment(c *columns) *state.PlayerPayment {
	return &state.PlayerPayment{
		Tenant: c.text(), ID: c.text(), PlayerID: c.text(), Type: small[state.PlayerPaymentType](c), Currency: c.text(),
		AmountMinor: c.integer(), Provider: c.text(), Brand: c.text(), Region: c.text(), CalledBy: c.text(),
		Status: small[state.PlayerPaymentStatus](c), Reason: c.text(), ExternalID: c.text(), Token: c.text(),
		Version: c.integer(), CreatedAt: c.instant(), UpdatedAt: c.instant(),
	}
}

// PlayerPayment implements view.PlayerPayments.
func (s *Store) PlayerPayment(ctx context.Context, tenant, name string) (*state.PlayerPayment, error) {
	return readRow[*state.PlayerPayment](ctx, s, state.PlayerPaymentRef(tenant, name))
}

// PlayerPayments implements view.PlayerPayments. The time of creation is inside the id, so the page is a range of ids.
func (s *Store) PlayerPayments(ctx context.Context, query state.PlayerPaymentQuery) ([]*state.PlayerPayment, error) {
	from, before, order := "", beyond, "payment_id > ?4 ORDER BY payment_id"
	if !query.From.IsZero() {
		from = id.New("player_payment", query.From, id.Random{})
	}
	if !query.Before.IsZero() {
		before = id.New("player_payment", query.Before, id.Random{})
	}
	if query.Descending {
		order, query.AfterID = "payment_id < ?4 ORDER BY payment_id DESC", cmp.Or(query.AfterID, beyond)
	}
	if query.PlayerID != "" {
		order = "player_id = ?8 AND " + order
	}
	return collect(ctx, s, "player payments", "SELECT "+playerPaymentTable.columns+
		" FROM player_payments WHERE tenant_id = ?1 AND payment_id >= ?2 AND payment_id < ?3 AND brand = ?6 AND region = ?7 AND "+
		order+" LIMIT ?5", func(r *row) {
		r.text(query.Tenant)
		r.text(from)
		r.text(before)
		r.text(query.AfterID)
		r.integer(int64(query.Limit))
		r.text(query.Brand)
		r.text(query.Region)
		if query.PlayerID != "" {
			r.text(query.PlayerID)
		}
	}, scanPlayerPayment)
}
