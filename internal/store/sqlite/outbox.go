package sqlite

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// AcquireLease implements outbox.Store and reactor.Store.
func (s *Store) AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (state.Lease, bool, error) {
	lease, held := state.Lease{Name: name, Holder: holder}, false
	err := s.write(ctx, "acquire lease", func(w *writer) error {
		now := s.clock.microseconds()
		other, expires, fence := "", int64(0), int64(0)
		err := w.query("SELECT holder, expires_at_us, fence FROM leases WHERE name = ?1", func(r *row) { r.text(name) },
			func(c *columns) bool {
				other, expires, fence = c.text(), c.integer(), c.integer()
				return false
			})
		if err != nil || (other != holder && expires > now) {
			return err
		}
		if other != holder {
			fence++
		}
		lease.Fence, held = fence, true
		return w.execute("INSERT INTO leases (name, holder, fence, expires_at_us) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE "+
			"SET holder = excluded.holder, fence = excluded.fence, expires_at_us = excluded.expires_at_us", func(r *row) {
			r.text(name)
			r.text(holder)
			r.integer(fence)
			r.integer(now + ttl.Microseconds())
		})
	})
	if err != nil || !held {
		return state.Lease{}, false, err
	}
	return lease, true, nil
}

// ReleaseLease implements outbox.Store and reactor.Store. The row stays, so that the fence goes on growing.
func (s *Store) ReleaseLease(ctx context.Context, lease state.Lease) error {
	return s.write(ctx, "release lease", func(w *writer) error {
		return w.execute("UPDATE leases SET holder = '', expires_at_us = 0 WHERE name = ?1 AND holder = ?2 AND fence = ?3",
			func(r *row) { bindLease(r, lease) })
	})
}

func bindLease(r *row, lease state.Lease) {
	r.text(lease.Name)
	r.text(lease.Holder)
	r.integer(lease.Fence)
}

// fenced answers ErrFenced unless the lease is still its holder's. That its time has run out does not matter as long as nobody
// else has taken it: who would, does so in a transaction.
func (s *session) fenced(lease state.Lease) error {
	held := false
	err := s.query("SELECT 1 FROM leases WHERE name = ?1 AND holder = ?2 AND fence = ?3 AND holder <> ''",
		func(r *row) { bindLease(r, lease) }, func(*columns) bool {
			held = true
			return false
		})
	if err == nil && !held {
		return state.ErrFenced
	}
	return err
}

// numbered are the batches that end after a position. The first may begin before it.
const numbered = "SELECT batch_id, first_position, events FROM batches WHERE events > 0 AND first_position >= coalesce(" +
	"(SELECT max(first_position) FROM batches WHERE events > 0 AND first_position <= ?1 + 1), 0) " +
	"AND first_position + events > ?1 + 1 ORDER BY first_position LIMIT ?2"

// Number implements outbox.Store. Batches have numbered their events themselves, so this only reads.
func (s *Store) Number(ctx context.Context, lease state.Lease, after int64, limit int) ([]state.NumberedBatch, error) {
	var found []state.NumberedBatch
	err := s.read(ctx, "number", func(reader *session) error {
		return reader.snapshot(func() error {
			if err := reader.fenced(lease); err != nil {
				return err
			}
			return reader.query(numbered, func(r *row) {
				r.integer(after)
				r.integer(int64(limit))
			}, func(c *columns) bool {
				var batch state.NumberedBatch
				copy(batch.Batch[:], c.blob())
				batch.First, batch.Count = c.integer(), int(c.integer())
				found = append(found, batch)
				return true
			})
		})
	})
	return found, err
}

// Events implements outbox.Store and reactor.Store.
func (s *Store) Events(ctx context.Context, from int64, limit int) ([]state.Event, error) {
	return collect(ctx, s, "events", "SELECT "+eventColumns+" FROM events WHERE position >= ?1 ORDER BY position LIMIT ?2",
		func(r *row) {
			r.integer(from)
			r.integer(int64(limit))
		}, scanEvent)
}

// LastPosition implements outbox.Store.
func (s *Store) LastPosition(ctx context.Context) (int64, error) {
	last, err := collect(ctx, s, "last position", "SELECT next_position - 1 FROM stream", nil, (*columns).integer)
	if err != nil || len(last) == 0 {
		return 0, err
	}
	return last[0], nil
}

// Epoch implements outbox.Store and reactor.Store.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	epoch, err := collect(ctx, s, "epoch", "SELECT epoch FROM stream", nil, (*columns).text)
	if err != nil || len(epoch) == 0 {
		return "", err
	}
	return epoch[0], nil
}

// StartEpoch implements outbox.Store.
func (s *Store) StartEpoch(ctx context.Context, lease state.Lease, epoch string) error {
	return s.write(ctx, "start epoch", func(w *writer) error {
		if err := w.fenced(lease); err != nil {
			return err
		}
		return w.execute("UPDATE stream SET epoch = ?1", func(r *row) { r.text(epoch) })
	})
}
