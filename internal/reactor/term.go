package reactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

var errEpoch = errors.New("a new epoch has begun")

// term is one time as the holder of the lease. It ends with an error of the database or with the context; all that is known in
// memory ends with it, for behind the next connection may stand another copy of the database.
func (r *Reactor) term(ctx context.Context, held state.Lease) error {
	epoch, err := r.Store.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("read the epoch: %w", err)
	}
	cursor, err := r.Store.Cursor(ctx, held.Name)
	if err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	}
	position := bus.Clamp(cursor.Position, cursor.Epoch, epoch)
	parked, err := r.Store.Parked(ctx)
	if err != nil {
		return fmt.Errorf("read the parked aggregates: %w", err)
	}
	r.Logger.Info("reacting", "epoch", epoch, "after", position, "fence", held.Fence)

	// What is in flight outlives the end of ctx for a while, unless the lease was lost.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	d := newDispatcher(working, r, position)
	d.park(parked)

	group, running := errgroup.WithContext(ctx)
	reader := bus.Reader{Log: r.Store, Subscriber: r.Subscriber, Logger: r.Logger, FromLog: r.Metrics.FromLog}
	group.Go(func() error { return reader.Run(running, epoch, position, d.take) })
	group.Go(func() error { return r.save(running, d, held, epoch) })
	group.Go(func() error { return r.watch(running, d, epoch) })
	err = group.Wait()
	r.drain(ctx, d, stop, err)
	if errors.Is(err, errEpoch) {
		// What is known here may belong to the former history only: the stored cursor, clamped, counts.
		r.Logger.Warn("a new epoch has begun; starting again from the cursor", "former", epoch)
		return err
	}
	if err := r.saveOnce(context.WithoutCancel(ctx), d, held, epoch); err != nil {
		r.Logger.Debug("save the cursor at the end", "error", err)
	}
	return err
}

// drain lets what is in flight come to its end: soon when another process may be at it already, else within the time for it.
func (r *Reactor) drain(ctx context.Context, d *dispatcher, stop func(), why error) {
	lost := errors.Is(context.Cause(ctx), state.ErrFenced) || errors.Is(why, state.ErrFenced) || errors.Is(why, errEpoch)
	if lost {
		stop()
	}
	timer := time.AfterFunc(r.Drain, stop)
	defer timer.Stop()
	d.close()
}

// save moves the cursor behind the finished events.
func (r *Reactor) save(ctx context.Context, d *dispatcher, held state.Lease, epoch string) error {
	ticker := time.NewTicker(r.SaveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		if err := r.saveOnce(ctx, d, held, epoch); err != nil {
			return err
		}
	}
}

func (r *Reactor) saveOnce(ctx context.Context, d *dispatcher, held state.Lease, epoch string) error {
	position := d.finished()
	if position == d.saved {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.LeaseTTL)
	defer cancel()
	if err := r.Store.SaveCursor(ctx, held, state.Cursor{Epoch: epoch, Position: position}); err != nil {
		return fmt.Errorf("save the cursor: %w", err)
	}
	d.saved = position
	return nil
}

// watch notices a new epoch, and dead letters that have been replayed.
func (r *Reactor) watch(ctx context.Context, d *dispatcher, epoch string) error {
	for {
		lease.Pause(ctx, r.WatchEvery)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now, err := r.Store.Epoch(ctx)
		if err != nil {
			return fmt.Errorf("read the epoch: %w", err)
		}
		if now != epoch {
			return errEpoch
		}
		if err := d.refresh(ctx); err != nil {
			return err
		}
	}
}
