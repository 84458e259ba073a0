// Package lease keeps a lease of the database while some work runs, so that one process at a time does it and another takes
// over when that one is gone. A lease is no lock: a paused process may believe in it for too long. So whatever must not happen
// twice is fenced where it happens, in the database by the fence number and on the bus by the expected sequence; the lease
// only makes collisions rare.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what a lease needs of a database.
type Store interface {
	// AcquireLease takes or renews a lease for ttl; false when another holder has it. The fence grows with each new holder.
	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (state.Lease, bool, error)
	// ReleaseLease gives a lease up.
	ReleaseLease(ctx context.Context, lease state.Lease) error
}

// TTL is how long a lease outlives its holder, by default: a dead process is replaced after that and a third.
const TTL = 5 * time.Second

// Keeper holds one lease.
type Keeper struct {
	Store        Store
	Name, Holder string
	TTL          time.Duration
	Logger       *slog.Logger
}

// Run waits for the lease and runs work with it, again and again until the context ends. The context of work ends when the
// lease is lost, with state.ErrFenced as its cause. Work that fails gives the lease up, and is tried again after a while, here
// or by another process.
func (k Keeper) Run(ctx context.Context, work func(ctx context.Context, lease state.Lease) error) error {
	const least, most = 50 * time.Millisecond, 5 * time.Second
	wait := least
	for ctx.Err() == nil {
		lease, held, since, err := k.acquire(ctx)
		if err == nil && held {
			started := time.Now()
			err = k.hold(ctx, lease, since, work)
			if time.Since(started) > k.TTL {
				wait = least // it has worked; what went wrong is new
			}
		}
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			k.Logger.Warn("leased work interrupted", "lease", k.Name, "error", err, "again_in", wait)
			Pause(ctx, wait)
			wait = min(2*wait, most)
		default:
			Pause(ctx, k.TTL/3)
		}
	}
	return ctx.Err()
}

func (k Keeper) acquire(ctx context.Context) (state.Lease, bool, time.Time, error) {
	since := time.Now() // before the request: the database's clock starts later
	limited, cancel := context.WithTimeout(ctx, k.TTL)
	defer cancel()
	lease, held, err := k.Store.AcquireLease(limited, k.Name, k.Holder, k.TTL)
	if err != nil {
		return lease, false, since, fmt.Errorf("acquire the lease: %w", err)
	}
	return lease, held, since, nil
}

// hold runs work while the lease is renewed.
func (k Keeper) hold(ctx context.Context, lease state.Lease, since time.Time,
	work func(context.Context, state.Lease) error,
) error {
	working, cancel := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		k.renew(working, cancel, lease, since)
	}()
	k.Logger.Debug("lease taken", "lease", k.Name, "fence", lease.Fence)
	err := work(working, lease)
	lost := errors.Is(context.Cause(working), state.ErrFenced) || errors.Is(err, state.ErrFenced)
	cancel(nil) // keeps the cause, where there is one
	<-renewed
	if !lost {
		// Also at shutdown, so that the next process need not wait for the end of the term.
		releasing, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer stop()
		if failed := k.Store.ReleaseLease(releasing, lease); failed != nil {
			k.Logger.Debug("release the lease", "lease", k.Name, "error", failed)
		}
	}
	if lost && !errors.Is(err, state.ErrFenced) {
		return context.Cause(working) // the reason; what work says is a consequence
	}
	return err
}

// renew extends the lease at every third of its term, and cancels when another has it or when it cannot be extended in time.
func (k Keeper) renew(ctx context.Context, cancel context.CancelCauseFunc, lease state.Lease, since time.Time) {
	for {
		Pause(ctx, k.TTL/3)
		if ctx.Err() != nil {
			return
		}
		again, held, at, err := k.acquire(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && (!held || again.Fence != lease.Fence):
			cancel(fmt.Errorf("%w: %s", state.ErrFenced, k.Name))
			return
		case err == nil:
			since = at
		case time.Since(since) > k.TTL:
			cancel(fmt.Errorf("%w: %s: could not be renewed: %w", state.ErrFenced, k.Name, err))
			return
		}
	}
}

// Pause waits for a time with a quarter of jitter, or for the end of the context.
func Pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait*3/4 + rand.N(wait/2+1)) //nolint:gosec // chance need not be unpredictable here
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
