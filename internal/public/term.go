package public

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	errEpoch = errors.New("a new epoch has begun")
	errMoved = errors.New("the public stream's end is not where it was left")
)

// run is one time as the holder of the lease. It ends with the first error, and everything known in memory with it: the next
// one looks at the stream's end again.
type run struct {
	*Publisher
	held  state.Lease
	epoch string
	saved int64 // the cursor as it is stored; only save touches it

	mu       sync.Mutex // held while messages are sent
	sequence uint64     // the stream's end
	position int64      // everything up to here is in the stream
}

func (p *Publisher) term(ctx context.Context, held state.Lease) error {
	err := p.publish(ctx, held)
	if err != nil && ctx.Err() == nil && p.Metrics.Failed != nil {
		p.Metrics.Failed(err)
	}
	return err
}

func (p *Publisher) publish(ctx context.Context, held state.Lease) error {
	r := &run{Publisher: p, held: held}
	if err := r.start(ctx); err != nil {
		return err
	}
	p.Logger.Info("publishing for outside consumers", "epoch", r.epoch, "after", r.position, "fence", held.Fence)
	group, running := errgroup.WithContext(ctx)
	reader := bus.Reader{Log: p.Store, Subscriber: p.Subscriber, Logger: p.Logger}
	group.Go(func() error { return reader.Run(running, r.epoch, r.position, r.take) })
	group.Go(func() error { return r.watch(running) })
	err := group.Wait()
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.LeaseTTL)
	defer cancel()
	if err := r.save(saving); err != nil {
		p.Logger.Debug("save the cursor at the end", "error", err)
	}
	return err
}

// start finds out where to go on.
func (r *run) start(ctx context.Context) error {
	var err error
	if r.epoch, err = r.Store.Epoch(ctx); err != nil {
		return fmt.Errorf("read the epoch: %w", err)
	}
	cursor, err := r.Store.Cursor(ctx, r.held.Name)
	if err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	}
	end, err := r.Outlet.End(ctx)
	if err != nil {
		return fmt.Errorf("read the public stream's end: %w", err)
	}
	r.sequence = end.Sequence
	if r.position, err = r.resume(ctx, cursor, end); err != nil {
		return err
	}
	if cursor.Epoch == r.epoch {
		r.saved = cursor.Position
	}
	return nil
}

// resume answers the position after which to publish. The cursor counts for what the stream does not tell: it never leads what
// was published, and as it lies in the database it is of the database's history, also of one that was restored.
func (r *run) resume(ctx context.Context, cursor state.Cursor, end bus.End) (int64, error) {
	if end.Position > 0 {
		events, err := r.Store.Events(ctx, end.Position, 1)
		if err != nil {
			return 0, fmt.Errorf("read the event at the public stream's end: %w", err)
		}
		if len(events) > 0 && events[0].Position == end.Position && EventID(&events[0]) == end.EventID {
			return end.Position, nil
		}
		r.Logger.Error("ALERT: the public stream tells another history than the database, which was restored from an older copy; "+
			"consumers have seen events that are lost, and get the database's history from here on",
			"stream_position", end.Position, "stream_event", end.EventID, "cursor", cursor.Position)
	}
	known := cursor.Epoch != ""
	position := bus.Clamp(cursor.Position, cursor.Epoch, r.epoch)
	if known && !end.Empty {
		return position, nil
	}
	oldest, err := r.retained(ctx)
	switch {
	case err != nil:
		return 0, err
	case known:
		return min(position, oldest), nil
	default:
		return oldest, nil
	}
}

// retained answers the position before the first event that is younger than the stream's messages may be. Times follow
// positions nearly, so it is searched by halves; nearly is enough at an age where messages go anyway.
func (r *run) retained(ctx context.Context) (int64, error) {
	high, err := r.Store.LastPosition(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the last position: %w", err)
	}
	since := time.Now().Add(-r.MaxAge)
	low := int64(0) // everything up to low is older, everything behind high younger
	for low < high {
		middle := low + (high-low+1)/2
		events, err := r.Store.Events(ctx, middle, 1)
		if err != nil {
			return 0, fmt.Errorf("read the event at %d: %w", middle, err)
		}
		if len(events) > 0 && events[0].At.Before(since) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// EventID is the id by which outside consumers know an event (requirement P-8).
func EventID(e *state.Event) string { return "event:" + e.ID.String() }

// take publishes events that follow what the stream has.
func (r *run) take(ctx context.Context, events []state.Event) error {
	started := time.Now()
	messages := make([]bus.Message, 0, len(events))
	for i := range events {
		e := &events[i]
		if r.Skip != nil && r.Skip(e) {
			continue
		}
		body, err := r.Encode(e)
		if err != nil {
			return fmt.Errorf("write the envelope of %s at position %d: %w", e.Type, e.Position, err)
		}
		messages = append(messages, bus.Message{
			EventID: EventID(e), Tenant: e.Tenant, Type: e.Type, TraceID: e.TraceID, Position: e.Position, Body: body,
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := events[len(events)-1].Position
	if len(messages) == 0 {
		r.position = last
		return nil
	}
	sequence, err := r.Outlet.Send(ctx, r.epoch, messages, r.sequence)
	if err != nil {
		return err //nolint:wrapcheck // the outlet says what it did
	}
	r.sequence, r.position = sequence, last
	if r.Metrics.Published != nil {
		r.Metrics.Published(len(messages), time.Since(started), events[0].At)
	}
	return nil
}

// watch saves the cursor, and notices a new epoch and a stream that was wiped while nothing happened.
func (r *run) watch(ctx context.Context) error {
	for {
		lease.Pause(ctx, r.SaveEvery)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now, err := r.Store.Epoch(ctx)
		if err != nil {
			return fmt.Errorf("read the epoch: %w", err)
		}
		if now != r.epoch {
			return errEpoch
		}
		if err := r.save(ctx); err != nil {
			return err
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
}

// look compares the stream's end with where it was left.
func (r *run) look(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	end, err := r.Outlet.End(ctx)
	if err != nil {
		return fmt.Errorf("read the public stream's end: %w", err)
	}
	if end.Sequence != r.sequence {
		return fmt.Errorf("%w: at %d instead of %d", errMoved, end.Sequence, r.sequence)
	}
	return nil
}

// save stores the cursor, when it has moved.
func (r *run) save(ctx context.Context) error {
	r.mu.Lock()
	position := r.position
	r.mu.Unlock()
	if position <= r.saved {
		return nil
	}
	if err := r.Store.SaveCursor(ctx, r.held, state.Cursor{Epoch: r.epoch, Position: position}); err != nil {
		return fmt.Errorf("save the cursor: %w", err)
	}
	r.saved = position
	return nil
}
