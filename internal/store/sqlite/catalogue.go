package sqlite

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

func bindCatalogue(r *row, value state.Row) {
	c := value.(*state.Catalogue) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(c.Tenant)
	r.text(c.ID)
	r.instant(c.OpenedAt)
}

func scanCatalogue(c *columns) state.Row {
	return &state.Catalogue{Tenant: c.text(), ID: c.text(), OpenedAt: c.instant()}
}

func bindPrice(r *row, value state.Row) {
	p := value.(*state.Price) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(p.Tenant)
	r.text(p.SKU)
	r.text(p.Currency)
	r.integer(p.AmountMinor)
	r.flag(p.Withdrawn)
	r.integer(p.Version)
	r.instant(p.UpdatedAt)
}

func scanPrice(c *columns) *state.Price {
	return &state.Price{
		Tenant: c.text(), SKU: c.text(), Currency: c.text(), AmountMinor: c.integer(), Withdrawn: c.flag(), Version: c.integer(),
		UpdatedAt: c.instant(),
	}
}

var selectPrices = "SELECT " + tables[state.KindPrice].columns + " FROM catalogue_prices WHERE tenant_id = ?1 AND NOT withdrawn "

// Prices implements view.Store.
func (s *Store) Prices(ctx context.Context, tenant, after string, limit int) ([]*state.Price, error) {
	return collect(ctx, s, "prices", selectPrices+"AND sku > ?2 ORDER BY sku LIMIT ?3", func(r *row) {
		r.text(tenant)
		r.text(after)
		r.integer(int64(limit))
	}, scanPrice)
}

// PricesOf implements view.Store.
func (s *Store) PricesOf(ctx context.Context, tenant string, skus []string) ([]*state.Price, error) {
	return collect(ctx, s, "prices of SKUs", selectPrices+"AND sku IN (SELECT value FROM json_each(?2)) ORDER BY sku", func(r *row) {
		r.text(tenant)
		r.text(string(listJSON(skus)))
	}, scanPrice)
}
