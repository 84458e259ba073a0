package sqlite

import (
	"cmp"
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

var detailsTable = table{
	name: "order_details", columns: "tenant_id, order_id, delivery, client, batches, version, updated_at_us",
	bind: bindDetails, scan: scanDetails,
}

var changesTable = table{
	name: "order_changes", columns: "tenant_id, batch_id, order_version, at_us, changes",
	bind: bindChanges, scan: func(c *columns) state.Row { return scanChanges(c) },
}

func bindDetails(r *row, value state.Row) {
	d := value.(*state.OrderDetails) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(d.Tenant)
	r.text(d.OrderID)
	r.optional(metadataJSON(d.Delivery))
	r.optional(metadataJSON(d.Client))
	r.integer(d.Batches)
	r.integer(d.Version)
	r.instant(d.UpdatedAt)
}

func scanDetails(c *columns) state.Row {
	return &state.OrderDetails{
		Tenant: c.text(), OrderID: c.text(), Delivery: list[map[string]string](c), Client: list[map[string]string](c),
		Batches: c.integer(), Version: c.integer(), UpdatedAt: c.instant(),
	}
}

func bindChanges(r *row, value state.Row) {
	b := value.(*state.ChangeBatch) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(b.Tenant)
	r.text(b.ID)
	r.integer(b.OrderVersion)
	r.instant(b.At)
	r.text(string(listJSON(b.Changes)))
}

func scanChanges(c *columns) *state.ChangeBatch {
	return &state.ChangeBatch{
		Tenant: c.text(), ID: c.text(), OrderVersion: c.integer(), At: c.instant(), Changes: list[[]state.Changed](c),
	}
}

// OrderDetails implements view.Store.
func (s *Store) OrderDetails(ctx context.Context, tenant, orderID string) (*state.OrderDetails, error) {
	return readRow[*state.OrderDetails](ctx, s, state.Ref{Kind: state.KindOrderDetails, Tenant: tenant, ID: orderID})
}

// ChangeBatches implements view.Store.
func (s *Store) ChangeBatches(ctx context.Context, tenant, orderID, from string, limit int) ([]*state.ChangeBatch, error) {
	first, end := state.ChangeBatchesOf(orderID)
	return collect(ctx, s, "changes of an order", "SELECT "+changesTable.columns+" FROM order_changes WHERE tenant_id = ?1 "+
		"AND batch_id > ?2 AND batch_id <= ?3 ORDER BY batch_id DESC LIMIT ?4", func(r *row) {
		r.text(tenant)
		r.text(first)
		r.text(cmp.Or(from, end))
		r.integer(int64(limit))
	}, scanChanges)
}
