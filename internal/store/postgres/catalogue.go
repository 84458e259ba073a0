package postgres

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

func encodeCatalogue(set *rowset, c *state.Catalogue) {
	set.text(c.Tenant)
	set.text(c.ID)
	set.time(c.OpenedAt)
}

func decodeCatalogue(f *fields) *state.Catalogue {
	return &state.Catalogue{Tenant: f.text(), ID: f.text(), OpenedAt: f.time()}
}

func encodePrice(set *rowset, p *state.Price) {
	set.text(p.Tenant)
	set.text(p.SKU)
	set.text(p.Currency)
	set.int64(p.AmountMinor)
	set.bool(p.Withdrawn)
	set.int64(p.Version)
	set.time(p.UpdatedAt)
}

func decodePrice(f *fields) *state.Price {
	return &state.Price{
		Tenant: f.text(), SKU: f.text(), Currency: f.text(), AmountMinor: f.int64(), Withdrawn: f.bool(), Version: f.int64(),
		UpdatedAt: f.time(),
	}
}

var selectPrices = "SELECT " + list("", priceFields) + " FROM catalogue_prices WHERE tenant_id = $1 AND NOT withdrawn "

// Prices implements view.Store.
func (s *Store) Prices(ctx context.Context, tenant, after string, limit int) ([]*state.Price, error) {
	return read(ctx, s, "prices", plain(decodePrice), selectPrices+"AND sku > $2 ORDER BY sku LIMIT $3", tenant, after, limit)
}

// PricesOf implements view.Store.
func (s *Store) PricesOf(ctx context.Context, tenant string, skus []string) ([]*state.Price, error) {
	// By SKU: planned on an empty table, ANY reads all prices of the tenant.
	return read(ctx, s, "prices of SKUs", plain(decodePrice), "SELECT prices.* FROM unnest($2::text[]) AS k(sku) CROSS JOIN LATERAL ("+
		selectPrices+`AND sku = k.sku COLLATE "C" OFFSET 0) AS prices ORDER BY sku`, tenant, skus)
}
