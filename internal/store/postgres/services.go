package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/state"
)

// AcquireLease implements outbox.Store and reactor.Store. A lease that ends later than any holder could have asked for was given
// before the server's clock went back, and has run out: its holder, if it lives, is fenced like any other.
func (s *Store) AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (state.Lease, bool, error) {
	lease := state.Lease{Name: name, Holder: holder}
	err := s.batches.QueryRow(ctx, `
		INSERT INTO leases AS l (name, holder, fence, expires_at) VALUES ($1, $2, 1, pg_catalog.clock_timestamp() + $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at,
			fence = l.fence + CASE WHEN l.holder = excluded.holder THEN 0 ELSE 1 END
		WHERE l.holder = excluded.holder OR l.expires_at <= pg_catalog.clock_timestamp() OR l.expires_at > pg_catalog.clock_timestamp() + 10 * $3
		RETURNING fence`, name, holder, ttl).Scan(&lease.Fence)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return state.Lease{}, false, nil
	case err != nil:
		return state.Lease{}, false, translate("acquire lease", err)
	}
	return lease, true, nil
}

// ReleaseLease implements outbox.Store and reactor.Store. The row stays, as it remembers the fence.
func (s *Store) ReleaseLease(ctx context.Context, lease state.Lease) error {
	_, err := s.batches.Exec(ctx, `UPDATE leases SET holder = '', expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND fence = $3`,
		lease.Name, lease.Holder, lease.Fence)
	if err != nil {
		return translate("release lease", err)
	}
	return nil
}

// DueTimers implements timer.Store. Rows that another process is taking at this moment are passed over rather than waited for.
func (s *Store) DueTimers(ctx context.Context, limit int, lease time.Duration) ([]state.Timer, error) {
	rows, err := s.batches.Query(ctx, `
		WITH clock AS MATERIALIZED (SELECT `+clockNow+` AS now)
		UPDATE timers t SET leased_until = (SELECT now FROM clock) + $2
		FROM (
			SELECT tenant_id, kind, aggregate_id FROM timers
			WHERE due_at <= (SELECT now FROM clock) AND (leased_until IS NULL OR leased_until <= (SELECT now FROM clock))
			ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
		) AS due
		WHERE t.tenant_id = due.tenant_id AND t.kind = due.kind AND t.aggregate_id = due.aggregate_id
		RETURNING t.tenant_id, t.kind, t.aggregate_id, t.due_at`, pgx.QueryResultFormats{1}, limit, lease)
	if err != nil {
		return nil, translate("due timers", err)
	}
	defer rows.Close()
	var timers []state.Timer
	for rows.Next() {
		timers = append(timers, decodeTimer(&fields{values: rows.RawValues()}))
	}
	if err := rows.Err(); err != nil {
		return nil, translate("due timers", err)
	}
	slices.SortStableFunc(timers, func(a, b state.Timer) int { return a.DueAt.Compare(b.DueAt) })
	return timers, nil
}

// PurgeKeys implements timer.Store. It deletes by the rows' places, so that it locks nothing but what it deletes.
func (s *Store) PurgeKeys(ctx context.Context, age time.Duration, limit int) (int, error) {
	tag, err := s.batches.Exec(ctx, `
		WITH clock AS MATERIALIZED (SELECT `+clockNow+` - $1::interval AS oldest)
		DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
			SELECT ctid FROM idempotency_keys WHERE created_at < (SELECT oldest FROM clock) LIMIT $2 FOR UPDATE SKIP LOCKED
		))`, age, limit)
	if err != nil {
		return 0, translate("purge keys", err)
	}
	return int(tag.RowsAffected()), nil
}

// PurgeBatches implements timer.Store. A batch with events is part of the record: it says where they are in the log. The latest
// batch stays in any case, it is the clock's high-water mark.
func (s *Store) PurgeBatches(ctx context.Context, age time.Duration, limit int) (int, error) {
	tag, err := s.batches.Exec(ctx, `
		WITH clock AS MATERIALIZED (SELECT `+clockNow+` - $1::interval AS oldest, (SELECT max(committed_at) FROM batches) AS latest)
		DELETE FROM batches WHERE ctid = ANY (ARRAY (
			SELECT ctid FROM batches WHERE events = 0 AND committed_at < (SELECT least(oldest, latest) FROM clock)
			ORDER BY committed_at LIMIT $2 FOR UPDATE SKIP LOCKED
		))`, age, limit)
	if err != nil {
		return 0, translate("purge batches", err)
	}
	return int(tag.RowsAffected()), nil
}
