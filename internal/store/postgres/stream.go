package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// numberAtMost bounds the batches that one transaction numbers.
const numberAtMost = 10_000

// numberBatches gives positions to the batches that its snapshot shows without one, in the order of their numbers, provided that
// the lease is held. It answers whether it is.
const numberBatches = `
WITH held AS (
	SELECT FROM leases WHERE name = $1 AND holder = $2 AND fence = $3
), fresh AS (
	SELECT batch_id, events, sum(events) OVER (ORDER BY seq) - events AS before
	FROM (SELECT batch_id, events, seq FROM batches WHERE first_position IS NULL AND events > 0 ORDER BY seq LIMIT $4) AS oldest
	WHERE EXISTS (SELECT FROM held)
), numbered AS (
	UPDATE batches b SET first_position = s.next_position + f.before FROM fresh f, stream s WHERE b.batch_id = f.batch_id
	RETURNING b.events
), moved AS (
	UPDATE stream SET next_position = next_position + (SELECT sum(events) FROM numbered) WHERE EXISTS (SELECT FROM fresh)
)
SELECT EXISTS (SELECT FROM held)`

// Number implements outbox.Store.
//
// Why the order is right. Say batch B depends on batch A: it changed an aggregate that A had changed. Then B got its locks after A
// had committed, and drew its number after its locks, so
//
//	seq(A) < seq(B), and every snapshot that shows B shows A.
//
// A call numbers what one snapshot shows, by seq, after everything numbered before. If it numbers B, then A is numbered already or
// is in the same snapshot and comes first. A batch that holds a low number and commits late is depended on by nothing that has
// been numbered; it is numbered late and skipped by no one, as the question is not "what comes after?" but "what has none yet?".
//
// Two relays, of which one has lost its lease and does not know, cannot harm each other: an advisory lock makes the second wait,
// and its numbering statement has a snapshot from after the wait.
func (s *Store) Number(ctx context.Context, lease state.Lease, after int64, limit int) ([]state.NumberedBatch, error) {
	batch := &pgx.Batch{} // one round trip and, ended by one Sync, one transaction
	batch.Queue("SELECT pg_advisory_xact_lock($1)", int64(numberLock))
	held, batches := false, []state.NumberedBatch(nil)
	batch.Queue(numberBatches, lease.Name, lease.Holder, lease.Fence, numberAtMost).QueryRow(func(row pgx.Row) error {
		return row.Scan(&held)
	})
	batch.Queue(`SELECT batch_id, first_position, events FROM batches WHERE first_position > $1 ORDER BY first_position LIMIT $2`,
		after, limit).Query(func(rows pgx.Rows) (err error) {
		batches, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b state.NumberedBatch, err error) {
			return b, row.Scan(&b.Batch, &b.First, &b.Count)
		})
		return err
	})
	if err := s.batches.SendBatch(ctx, batch).Close(); err != nil {
		return nil, translate("number", err)
	}
	if !held {
		return nil, state.ErrFenced
	}
	return batches, nil
}

// selectEvents reads events; the position is 0 until the relay has numbered their batch.
const selectEvents = `SELECT e.batch_id, e.ordinal, e.tenant_id, e.aggregate_id, e.seq, e.event_type, e.occurred_at, e.trace_id,
	e.idempotency_key, e.schema_version, e.payload, coalesce(b.first_position + e.ordinal, 0)
	FROM batches b JOIN events e ON e.batch_id = b.batch_id `

func decodeEvent(f *fields) (event state.Event, err error) {
	var batch id.UUID
	copy(batch[:], f.bytesInPlace())
	event.ID = batch.Member(int(f.int32()))
	event.Tenant = f.text()
	event.AggregateKind, event.AggregateID = aggregate(f.text())
	event.Seq, event.Type, event.At, event.TraceID = f.int64(), f.text(), f.time(), f.text()
	event.IdempotencyKey, event.SchemaVersion, event.Payload, event.Position = f.text(), f.text(), f.bytes(), f.int64()
	return event, nil
}

// Events implements outbox.Store and reactor.Store.
func (s *Store) Events(ctx context.Context, from int64, limit int) ([]state.Event, error) {
	// The first batch may begin before from. Each batch has an event at least, so none that begins limit later is needed.
	return read(ctx, s, "events", decodeEvent, selectEvents+`
		WHERE b.first_position >= (SELECT coalesce(max(first_position), 0) FROM batches WHERE first_position <= $1)
		AND b.first_position < $1 + $2 AND b.first_position + e.ordinal >= $1
		ORDER BY b.first_position, e.ordinal LIMIT $2`, max(from, 1), int64(limit))
}

// AggregateEvents implements view.Store.
func (s *Store) AggregateEvents(ctx context.Context, tenant, name string, after int64, limit int) ([]state.Event, error) {
	if kind, _ := aggregate(name); kind == state.KindItem {
		name = itemPrefix + name
	}
	return read(ctx, s, "events of an aggregate", decodeEvent, selectEvents+`
		WHERE e.tenant_id = $1 AND e.aggregate_id = $2 AND e.seq > $3 ORDER BY e.seq LIMIT NULLIF($4, 0)`,
		tenant, name, after, int64(limit))
}

// LastPosition implements outbox.Store.
func (s *Store) LastPosition(ctx context.Context) (last int64, err error) {
	if err := s.reads.QueryRow(ctx, "SELECT next_position - 1 FROM stream").Scan(&last); err != nil {
		return 0, translate("last position", err)
	}
	return last, nil
}

// Epoch implements outbox.Store and reactor.Store.
func (s *Store) Epoch(ctx context.Context) (epoch string, err error) {
	if err := s.reads.QueryRow(ctx, "SELECT epoch FROM stream").Scan(&epoch); err != nil {
		return "", translate("epoch", err)
	}
	return epoch, nil
}

// StartEpoch implements outbox.Store.
func (s *Store) StartEpoch(ctx context.Context, lease state.Lease, epoch string) error {
	tag, err := s.batches.Exec(ctx, withHeldLease+"UPDATE stream SET epoch = $4 WHERE EXISTS (SELECT FROM held)",
		lease.Name, lease.Holder, lease.Fence, epoch)
	return fenced("start epoch", tag.RowsAffected(), err)
}

// withHeldLease begins a statement that does something only for the holder of a lease, which nobody takes over before it commits.
const withHeldLease = "WITH held AS (SELECT FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 FOR SHARE) "

// fenced tells the result of a statement that begins with withHeldLease.
func fenced(step string, rows int64, err error) error {
	switch {
	case err != nil:
		return translate(step, err)
	case rows == 0:
		return state.ErrFenced
	}
	return nil
}

// Cursor implements reactor.Store.
func (s *Store) Cursor(ctx context.Context, name string) (cursor state.Cursor, err error) {
	err = s.reads.QueryRow(ctx, "SELECT epoch, position FROM cursors WHERE name = $1", name).Scan(&cursor.Epoch, &cursor.Position)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return state.Cursor{}, translate("cursor", err)
	}
	return cursor, nil
}

// SaveCursor implements reactor.Store.
func (s *Store) SaveCursor(ctx context.Context, lease state.Lease, cursor state.Cursor) error {
	tag, err := s.batches.Exec(ctx, withHeldLease+`INSERT INTO cursors (name, epoch, position)
		SELECT $1, $4, $5 WHERE EXISTS (SELECT FROM held)
		ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position`,
		lease.Name, lease.Holder, lease.Fence, cursor.Epoch, cursor.Position)
	return fenced("save cursor", tag.RowsAffected(), err)
}

// Parked implements reactor.Store.
func (s *Store) Parked(ctx context.Context) ([]state.Ref, error) {
	return read(ctx, s, "parked aggregates", func(f *fields) (ref state.Ref, err error) {
		ref.Tenant = f.text()
		ref.Kind, ref.ID = aggregate(f.text())
		return ref, nil
	}, "SELECT DISTINCT tenant_id, aggregate_id FROM dead_letters WHERE replayed_at IS NULL AND kind NOT IN ('effect', 'timer', 'dispute')")
}

// read runs a query of the views and decodes its rows.
func read[T any](ctx context.Context, s *Store, step string, decode func(*fields) (T, error), sql string, arguments ...any) (all []T, err error) {
	err = s.again(ctx, func() error {
		all, err = readOnce(ctx, s, step, decode, sql, arguments...)
		return err
	})
	return all, err
}

// ask runs prepared queries of the views in one round trip. What send sets is set anew when it runs again.
func (s *Store) ask(ctx context.Context, step string, send func(e *exchange)) error {
	return s.again(ctx, func() error {
		connection, err := s.reads.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		defer connection.Release()
		e := s.exchange(ctx, connection)
		send(e)
		if err := e.run(); err != nil {
			return translate(step, err)
		}
		return nil
	})
}

// again runs queries. When their connection turns out to be dead, as all of the pool are after the server came back, it runs them
// once more on another: a query changes nothing.
func (s *Store) again(ctx context.Context, query func() error) error {
	err := query()
	var told *pgconn.PgError
	if err == nil || ctx.Err() != nil || errors.As(err, &told) {
		return err
	}
	s.reads.Reset()
	return query()
}

func readOnce[T any](ctx context.Context, s *Store, step string, decode func(*fields) (T, error), sql string, arguments ...any) ([]T, error) {
	rows, err := s.reads.Query(ctx, sql, append([]any{pgx.QueryResultFormats{1}}, arguments...)...)
	if err != nil {
		return nil, translate(step, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := decode(&fields{values: rows.RawValues()})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, translate(step, err)
	}
	return all, nil
}
