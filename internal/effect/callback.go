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
// An error says that the outcome was not taken: it is none, or the workers have stopped.
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
	go func() {
		defer w.settling.Release(1)
		w.take(w.hard, tenant, key, answer)
	}()
	return nil
}

// take settles an effect by a callback.
func (w *Workers) take(ctx context.Context, tenant, key string, answer gateway.Answer) {
	e, found := w.open.get(tenant, key)
	for try := int32(1); !found; try++ {
		var err error
		e, err = w.o.Store.Effect(ctx, tenant, key)
		switch {
		case err == nil && e.State == state.EffectDone:
			return
		case err == nil:
			found = true
		case errors.Is(err, state.ErrNotFound):
			w.o.Logger.Warn("a gateway called back about an effect that does not exist", "tenant", tenant, "effect", key)
			return
		case !w.wait(ctx, jittered(try, persistFirst, persistLimit)):
			return
		}
	}
	ctx, end := w.begin(ctx, e, "callback")
	w.settle(ctx, e, answer, state.EffectAttempt{By: state.PartyCallback})
	end(answer.Status.String(), nil)
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
