package postgres

import (
	"cmp"
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	detailsFields = []field{
		{"tenant_id", kindText}, {"order_id", kindText}, {"delivery", kindJSON}, {"client", kindJSON}, {"batches", kindInt8},
		{"version", kindInt8}, {"updated_at", kindTime},
	}
	changesFields = []field{
		{"tenant_id", kindText}, {"batch_id", kindText}, {"order_version", kindInt8}, {"at", kindTime}, {"changes", kindJSON},
	}
	selectDetails = "SELECT " + list("", detailsFields) + " FROM order_details "
	selectChanges = "SELECT " + list("", changesFields) + " FROM order_changes "
)

func encodeDetails(set *rowset, d *state.OrderDetails) error {
	set.text(d.Tenant)
	set.text(d.OrderID)
	if err := encodeJSON(set, len(d.Delivery), d.Delivery); err != nil {
		return err
	}
	if err := encodeJSON(set, len(d.Client), d.Client); err != nil {
		return err
	}
	set.int64(d.Batches)
	set.int64(d.Version)
	set.time(d.UpdatedAt)
	return nil
}

func decodeDetails(f *fields) (*state.OrderDetails, error) {
	d := &state.OrderDetails{Tenant: f.text(), OrderID: f.text()}
	if err := decodeJSON(f, &d.Delivery); err != nil {
		return nil, err
	}
	if err := decodeJSON(f, &d.Client); err != nil {
		return nil, err
	}
	d.Batches, d.Version, d.UpdatedAt = f.int64(), f.int64(), f.time()
	return d, nil
}

func encodeChanges(set *rowset, b *state.ChangeBatch) error {
	set.text(b.Tenant)
	set.text(b.ID)
	set.int64(b.OrderVersion)
	set.time(b.At)
	return encodeJSON(set, len(b.Changes), b.Changes)
}

func decodeChanges(f *fields) (*state.ChangeBatch, error) {
	b := &state.ChangeBatch{Tenant: f.text(), ID: f.text(), OrderVersion: f.int64(), At: f.time()}
	return b, decodeJSON(f, &b.Changes)
}

// OrderDetails implements view.Store.
func (s *Store) OrderDetails(ctx context.Context, tenant, orderID string) (*state.OrderDetails, error) {
	return only(read(ctx, s, "order details", decodeDetails, selectDetails+"WHERE tenant_id = $1 AND order_id = $2", tenant, orderID))
}

// ChangeBatches implements view.Store.
func (s *Store) ChangeBatches(ctx context.Context, tenant, orderID, from string, limit int) ([]*state.ChangeBatch, error) {
	first, end := state.ChangeBatchesOf(orderID)
	return read(ctx, s, "changes of an order", decodeChanges, selectChanges+
		"WHERE tenant_id = $1 AND batch_id > $2 AND batch_id <= $3 ORDER BY batch_id DESC LIMIT $4", tenant, first, cmp.Or(from, end), limit)
}
