package sqlite

import "github.com/seed-255eabaa/oms/internal/state"

var playerPaymentTable = table{
	name: "player_payments",
	columns: "tenant_id, payment_id, player_id, type, currency, amount_minor, provider, brand_id, region, called_by, status, reason, " +
		"external_id, token, version, created_at_us, updated_at_us",
	fixed: []string{"player_id", "type", "currency", "amount_minor", "provider", "brand_id", "region", "called_by", "created_at_us"},
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
