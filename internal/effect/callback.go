package effect

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Callback takes the outcome of a call from a gateway. It answers as soon as the outcome is in the hands of a goroutine that
// keeps it until it is stored, and waits when too many are. If the process dies before, the gateway will be asked when the
// claim ends. An outcome that is known already changes nothing.
//
// A refusal is stored before the answer, for it may be about a refund that had succeeded, of which the gateway would not be asked again.
//
// An error says that the outcome was not taken: it is none, or a refusal that is refused itself, or the workers have stopped.
func (w *Workers) Callback(ctx context.Context, tenant, key string, answer gateway.Answer) error {
	if !answer.Final() {
		return fmt.Errorf("effect: a callback brings an outcome, %q is none", answer.Status)
	}
	if err := w.settling.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("effect: callback: %w", err)
	}
	if err := w.hard.Err(); err != nil {
		w.settling.Release(1)
		return fmt.Errorf("effect: the workers have stopped: %w", err)
	}
	taken := make(chan error, 1)
	go func() {
		defer w.settling.Release(1)
		taken <- w.take(w.hard, tenant, key, answer)
	}()
	if answer.Status == gateway.Succeeded {
		return nil
	}
	select {
	case err := <-taken:
		return err
	case <-ctx.Done():
		return fmt.Errorf("effect: callback: %w", ctx.Err())
	}
}

// errNotStored says that an outcome has to be told again.
var errNotStored = errors.New("effect: the outcome could not be stored")

// take settles an effect by a callback. The error says that the process is ending, or that the outcome is refused.
func (w *Workers) take(ctx context.Context, tenant, key string, answer gateway.Answer) error {
	e, found := w.open.get(tenant, key)
	for try := int32(1); !found; try++ {
		var err error
		e, err = w.o.Store.Effect(ctx, tenant, key)
		switch {
		case err == nil && e.State == state.EffectDone && !returned(e, answer):
			return nil
		case err == nil:
			found = true
		case errors.Is(err, state.ErrNotFound):
			w.o.Logger.Warn("a gateway called back about an effect that does not exist", "tenant", tenant, "effect", key)
			return nil
		case !w.wait(ctx, jittered(try, persistFirst, persistLimit)):
			return errNotStored
		}
	}
	ctx, end := w.begin(ctx, e, "callback")
	stored := w.settle(ctx, e, answer, state.EffectAttempt{By: state.PartyCallback})
	end(answer.Status.String(), nil)
	if !stored {
		return errNotStored
	}
	return nil
}

// returned tells whether an answer says of a refund that had succeeded that it has failed after all.
func returned(e *state.Effect, answer gateway.Answer) bool {
	return e.Kind == gateway.KindRefund && e.LastError == "" && answer.Status == gateway.Declined
}

// recentLimit is how many open effects are remembered.
const recentLimit = 65536

// recent remembers effects that were called, so that a callback needs no read. It may forget any of them. Two generations bound
// it: when the younger is full it becomes the older, and what the older held is gone.
type recent struct {
	mu         sync.Mutex
	limit      int
	young, old map[effectName]*state.Effect
}

type effectName struct{ tenant, id string }

func newRecent(limit int) *recent {
	return &recent{limit: limit / 2, young: map[effectName]*state.Effect{}}
}

func (r *recent) put(e *state.Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= r.limit {
		r.old, r.young = r.young, make(map[effectName]*state.Effect, r.limit)
	}
	r.young[effectName{e.Tenant, e.ID}] = e
}

func (r *recent) get(tenant, id string) (*state.Effect, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, found := r.young[effectName{tenant, id}]
	if !found {
		e, found = r.old[effectName{tenant, id}]
	}
	return e, found
}

// empty tells that nothing is remembered.
func (r *recent) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.young)+len(r.old) == 0
}

func (r *recent) drop(e *state.Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, effectName{e.Tenant, e.ID})
	delete(r.old, effectName{e.Tenant, e.ID})
}
