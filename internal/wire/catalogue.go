package wire

import (
	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Price writes an item of the catalogue.
func Price(p *state.Price) *omsv1.CatalogueItem {
	return &omsv1.CatalogueItem{
		Sku: p.SKU, Price: &omsv1.Money{Currency: p.Currency, AmountMinor: p.AmountMinor}, Withdrawn: p.Withdrawn,
		Version: p.Version, UpdatedAt: stamp(p.UpdatedAt),
	}
}
