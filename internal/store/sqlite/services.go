package sqlite

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Cursor implements reactor.Store.
func (s *Store) Cursor(ctx context.Context, name string) (state.Cursor, error) {
	found, err := collect(ctx, s, "cursor", "SELECT epoch, position FROM cursors WHERE name = ?1",
		func(r *row) { r.text(name) },
		func(c *columns) state.Cursor { return state.Cursor{Epoch: c.text(), Position: c.integer()} })
	if err != nil || len(found) == 0 {
		return state.Cursor{}, err
	}
	return found[0], nil
}

// SaveCursor implements reactor.Store; the cursor has the lease's name.
func (s *Store) SaveCursor(ctx context.Context, lease state.Lease, cursor state.Cursor) error {
	return s.write(ctx, "save cursor", func(w *writer) error {
		if err := w.fenced(lease); err != nil {
			return err
		}
		return w.execute("INSERT INTO cursors (name, epoch, position) VALUES (?1, ?2, ?3) "+
			"ON CONFLICT DO UPDATE SET epoch = excluded.epoch, position = excluded.position", func(r *row) {
			r.text(lease.Name)
			r.text(cursor.Epoch)
			r.integer(cursor.Position)
		})
	})
}

// Parked implements reactor.Store.
func (s *Store) Parked(ctx context.Context) ([]state.Ref, error) {
	return collect(ctx, s, "parked", "SELECT DISTINCT tenant_id, aggregate_id FROM dead_letters "+
		"WHERE replayed_at_us IS NULL AND kind NOT IN ('effect', 'timer', 'dispute')", nil,
		func(c *columns) state.Ref {
			ref := state.Ref{Tenant: c.text(), ID: c.text()}
			ref.Kind = kindOf(ref.ID)
			return ref
		})
}

// DueTimers implements timer.Store. A lease leaves the timer's own time alone, so it is found at its place again.
func (s *Store) DueTimers(ctx context.Context, limit int, lease time.Duration) ([]state.Timer, error) {
	now := s.clock.microseconds()
	due := func(r *row) {
		r.integer(now)
		r.integer(int64(limit))
	}
	const text = "SELECT tenant_id, kind, aggregate_id, due_at_us FROM timers WHERE due_at_us <= ?1 AND leased_until_us <= ?1 " +
		"ORDER BY due_at_us, tenant_id, kind, aggregate_id LIMIT ?2"
	timers, err := collect(ctx, s, "due timers", text, due, scanTimer)
	if err != nil || len(timers) == 0 {
		return nil, err // nothing is due, as nearly always: the writer is left alone
	}
	err = s.write(ctx, "lease timers", func(w *writer) error {
		timers = timers[:0]
		err := w.query(text, due, func(c *columns) bool {
			timers = append(timers, scanTimer(c))
			return true
		})
		for i := 0; i < len(timers) && err == nil; i++ {
			err = w.execute("UPDATE timers SET leased_until_us = ?1 WHERE tenant_id = ?2 AND kind = ?3 AND aggregate_id = ?4",
				func(r *row) {
					r.integer(now + lease.Microseconds())
					r.text(timers[i].Tenant)
					r.text(timers[i].Kind)
					r.text(timers[i].AggregateID)
				})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return timers, nil
}

func scanTimer(c *columns) state.Timer {
	return state.Timer{
		TimerKey: state.TimerKey{Tenant: c.text(), Kind: c.text(), AggregateID: c.text()}, DueAt: c.instant(),
	}
}

// purgeAhead is how many rows beyond the limit are looked at for old ones among younger ones.
const purgeAhead = 1000

// PurgeKeys implements timer.Store. Keys are in the order of their arrival, so only the first of them are looked at.
func (s *Store) PurgeKeys(ctx context.Context, age time.Duration, limit int) (int, error) {
	oldest := s.clock.microseconds() - age.Microseconds()
	purged := 0
	err := s.write(ctx, "purge keys", func(w *writer) error {
		err := w.execute("DELETE FROM idempotency_keys WHERE key_id IN (SELECT key_id FROM (SELECT key_id, created_at_us "+
			"FROM idempotency_keys ORDER BY key_id LIMIT ?1) WHERE created_at_us < ?2 LIMIT ?3)", func(r *row) {
			r.integer(int64(limit) + purgeAhead)
			r.integer(oldest)
			r.integer(int64(limit))
		})
		purged = w.connection.Changes()
		return err
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}

// PurgeBatches implements timer.Store. Events have their positions with them, so that batches are needed by the relay only, which
// asks for what is behind the end of the stream. The batch at the end of the log stays, and what is left is a run of positions, of
// which the stream remembers the start.
func (s *Store) PurgeBatches(ctx context.Context, age time.Duration, limit int) (int, error) {
	oldest := s.clock.microseconds() - age.Microseconds()
	purged := 0
	err := s.write(ctx, "purge batches", func(w *writer) error {
		err := w.execute("DELETE FROM batches WHERE batch_id IN (SELECT batch_id FROM batches WHERE events = 0 AND committed_at_us < ?1 "+
			"ORDER BY committed_at_us LIMIT ?2)", func(r *row) {
			r.integer(oldest)
			r.integer(int64(limit))
		})
		if err != nil {
			return err
		}
		purged = w.connection.Changes()
		passed, err := w.passed(oldest, limit-purged)
		if err != nil || len(passed) == 0 {
			return err
		}
		err = w.execute("DELETE FROM batches WHERE events > 0 AND first_position < ?1", func(r *row) { r.integer(passed[len(passed)-1]) })
		if err != nil {
			return err
		}
		purged += len(passed)
		return w.execute("UPDATE stream SET batches_from = ?1", func(r *row) { r.integer(passed[len(passed)-1]) })
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}

// passed answers where the first batches with events end, as far as they are older and every reader has passed them.
func (w *writer) passed(oldest int64, limit int) (ends []int64, err error) {
	err = w.query("SELECT first_position + events, committed_at_us FROM batches WHERE events > 0 AND first_position < (SELECT max(first_position) "+
		"FROM batches WHERE events > 0) AND first_position + events - 1 <= (SELECT min(position) FROM cursors) ORDER BY first_position LIMIT ?1",
		func(r *row) { r.integer(int64(limit)) }, func(c *columns) bool {
			end := c.integer()
			if c.integer() >= oldest {
				return false
			}
			ends = append(ends, end)
			return true
		})
	return ends, err
}

// DueEffects implements effect.Store.
func (s *Store) DueEffects(ctx context.Context, limit int) ([]*state.Effect, error) {
	now := s.clock.microseconds()
	return collect(ctx, s, "due effects", "SELECT "+tables[state.KindEffect].columns+
		" FROM effects WHERE state = 1 AND next_at_us <= ?1 ORDER BY next_at_us LIMIT ?2", func(r *row) {
		r.integer(now)
		r.integer(int64(limit))
	}, scanEffect)
}
