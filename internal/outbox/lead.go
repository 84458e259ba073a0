package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

// busError is trouble with the bus, after which the stream's end is compared again. All other errors are the database's, and
// end the term: what stands behind a new connection may be another copy of the database.
type busError struct{ error }

func (e busError) Unwrap() error { return e.error }

// errDoubt says that the stream's end or the log's is not where this relay has left it.
var errDoubt = errors.New("the end has moved")

// lead is one term as the holder of the lease. It ends with an error of the database or with the context.
func (r *Relay) lead(ctx context.Context, held state.Lease) error {
	r.cache.clear() // the batches of a former term may have been published by others
	last, err := r.Store.LastPosition(ctx)
	if err != nil {
		return fmt.Errorf("read the last position: %w", err)
	}
	r.sure.Store(last) // before any position is given in this term
	r.blocked.Store(true)
	r.leading.Store(true)
	defer r.leading.Store(false)
	r.Logger.Info("relaying", "fence", held.Fence)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.hearWakes(ctx) })
	group.Go(func() error { return r.numberWhileBlocked(ctx, held) })
	group.Go(func() error {
		const least, most = 20 * time.Millisecond, 2 * time.Second
		for wait := least; ; wait = min(2*wait, most) {
			worked, err := r.stream(ctx, held)
			var trouble busError
			if ctx.Err() != nil || !errors.As(err, &trouble) {
				return err
			}
			if worked {
				wait = least
			}
			r.Logger.Warn("bus failed; the backlog is kept in the database", "error", err, "again_in", wait)
			r.failed(err)
			lease.Pause(ctx, wait)
		}
	})
	return group.Wait()
}

func (r *Relay) failed(err error) {
	if r.Metrics.Failed != nil {
		r.Metrics.Failed(err)
	}
}

// hearWakes listens to other processes' commits.
func (r *Relay) hearWakes(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := r.Publisher.Wakes(ctx, r.signal); err != nil && ctx.Err() == nil {
			r.Logger.Debug("wakes are not heard; polling", "error", err)
			lease.Pause(ctx, time.Second)
		}
	}
	return ctx.Err()
}

// numberWhileBlocked gives positions while the bus takes nothing, so that readers can go on from the log, and watches the
// backlog.
func (r *Relay) numberWhileBlocked(ctx context.Context, held state.Lease) error {
	looked := time.Now()
	for {
		lease.Pause(ctx, r.PollLeast)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.blocked.Load() {
			continue
		}
		stats := r.Stats()
		if _, err := r.number(ctx, held, stats.Numbered, 1); err != nil {
			return err
		}
		if time.Since(looked) < time.Second {
			continue
		}
		looked = time.Now()
		if err := r.watchBacklog(ctx, stats.Published); err != nil {
			return err
		}
	}
}

func (r *Relay) watchBacklog(ctx context.Context, published int64) error {
	last, err := r.Store.LastPosition(ctx)
	if err != nil {
		return fmt.Errorf("read the last position: %w", err)
	}
	first, err := r.Store.Events(ctx, published+1, 1)
	if err != nil {
		return fmt.Errorf("read the oldest unpublished event: %w", err)
	}
	r.note(func(s *Stats) {
		s.Numbered = last
		if len(first) > 0 {
			s.Oldest = first[0].At
		}
	})
	return nil
}

func (r *Relay) number(ctx context.Context, held state.Lease, after int64, limit int) ([]state.NumberedBatch, error) {
	r.numbering.Lock()
	defer r.numbering.Unlock()
	batches, err := r.Store.Number(ctx, held, after, limit)
	if err != nil {
		return nil, fmt.Errorf("number: %w", err)
	}
	return batches, nil
}

// stream compares the stream's end with the log and relays after it, until something fails; worked tells whether it came to
// relaying.
func (r *Relay) stream(ctx context.Context, held state.Lease) (worked bool, err error) {
	r.blocked.Store(true)
	epoch, err := r.Store.Epoch(ctx)
	if err != nil {
		return false, fmt.Errorf("read the epoch: %w", err)
	}
	if epoch == "" {
		if epoch, err = r.startEpoch(ctx, held, 0); err != nil {
			return false, err
		}
	}
	last, err := r.Store.LastPosition(ctx)
	if err != nil {
		return false, fmt.Errorf("read the last position: %w", err)
	}
	tail, err := r.Publisher.Tail(ctx, epoch)
	if err != nil {
		return false, busError{fmt.Errorf("read the stream's end: %w", err)}
	}
	position, same, err := r.compare(ctx, tail, last)
	if err != nil {
		return false, err
	}
	if !same {
		return false, r.diverged(ctx, held, epoch, tail, last)
	}
	r.note(func(s *Stats) { s.Epoch, s.Published, s.Numbered = epoch, position, last })
	r.sure.Store(last)
	if position < last {
		r.Logger.Info("republishing", "epoch", epoch, "after", position, "to", last)
	}
	return true, r.relay(ctx, held, epoch, tail.Sequence, position, last)
}

// compare answers the position that the stream holds already, or where to start in an empty one; false when the stream tells
// another history than the log.
func (r *Relay) compare(ctx context.Context, tail bus.Tail, last int64) (position int64, same bool, err error) {
	if len(tail.Frame.Events) > 0 {
		position = tail.Frame.Last()
		if position > last {
			return 0, false, nil
		}
		events, err := r.Store.Events(ctx, position, 1)
		if err != nil {
			return 0, false, fmt.Errorf("read the event at the stream's end: %w", err)
		}
		same = len(events) == 1 && events[0].Position == position &&
			events[0].ID == tail.Frame.Events[len(tail.Frame.Events)-1].ID
		return position, same, nil
	}
	low, err := r.LowWater(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("read the low-water mark: %w", err)
	}
	// At least the last event goes into the stream, so that its end can be compared next time.
	return max(0, min(max(low, last-r.RepublishLimit), last-1)), true, nil
}

// diverged begins a new epoch. Events that only the former stream knows were lost with the database; the stream is kept, it
// is the only one to tell them.
func (r *Relay) diverged(ctx context.Context, held state.Lease, former string, tail bus.Tail, last int64) error {
	// Positions may have been given since the histories were last seen to agree: they must lie behind the base, so that no
	// reader's cursor from the former history counts for them.
	epoch, err := r.startEpoch(ctx, held, min(last, r.sure.Load()))
	if err != nil {
		return err
	}
	r.Logger.Error("ALERT: the stream tells another history than the database, which was restored from an older copy; "+
		"a new epoch begins and events of the former one may be lost",
		"former_epoch", former, "epoch", epoch, "stream_position", tail.Frame.Last(), "database_position", last)
	if r.Metrics.EpochStarted != nil {
		r.Metrics.EpochStarted(former, epoch)
	}
	return busError{fmt.Errorf("%w: epoch %s begins", errDoubt, epoch)}
}

func (r *Relay) startEpoch(ctx context.Context, held state.Lease, base int64) (string, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	epoch := bus.NewEpoch(base, random)
	if err := r.Store.StartEpoch(ctx, held, epoch); err != nil {
		return "", fmt.Errorf("start an epoch: %w", err)
	}
	return epoch, nil
}
