package effect

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// pollOnAndOn looks for effects that are due: those whose claim has ended without a conclusion, that were put off, that found
// no room, or that another process has left behind. New effects come by Wake; the poll is the safety net. It comes at once for what
// this process has put off itself.
func (w *Workers) pollOnAndOn(ctx context.Context) {
	pause := w.o.PollMin
	for {
		moved, err := w.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.o.Logger.Error("due effects cannot be read", "cause", err)
			pause = w.o.PollMax
		case moved == w.o.PollLimit:
			pause = 0
		case moved > 0:
			pause = w.o.PollMin
		default:
			pause = min(max(2*pause, w.o.PollMin), w.o.PollMax)
		}
		if !w.alarm.wait(ctx, pause) {
			return
		}
	}
}

// poll claims what is due and answers how much of it is in somebody's hands now.
func (w *Workers) poll(ctx context.Context) (int, error) {
	due, err := w.o.Store.DueEffects(ctx, w.o.PollLimit)
	if err != nil {
		return 0, err
	}
	var group sync.WaitGroup
	var moved atomic.Int64
	room := make(chan struct{}, w.o.Claims) // claims meet in batches, so they are submitted side by side
	for _, e := range due {
		room <- struct{}{}
		group.Go(func() {
			if w.claim(ctx, e) {
				moved.Add(1)
			}
			<-room
		})
	}
	group.Wait()
	return int(moved.Load()), nil
}

// deskFull is how long an effect of a gateway is put off that has all its hands full. It makes room in the poll for others.
const deskFull = 5 * time.Second

// claim takes a due effect for this process and queues it. It answers false when the effect is as due as before: nothing can be stored.
func (w *Workers) claim(ctx context.Context, e *state.Effect) bool {
	d := w.desk(e.Provider)
	if d.full() {
		var did state.EffectAttempt
		if e.Owner != "" {
			did = state.EffectAttempt{Result: state.ResultUnanswered, By: state.PartyReconciler}
		}
		w.putOff(ctx, e, "retry", deskFull, w.o.Flow.Retry(e, deskFull, did, e.Called || e.Owner != ""))
		return true
	}
	start := time.Now()
	result := w.o.Submit(ctx, w.command(e, "claim", w.o.Flow.Claim(e, w.o.Owner, w.o.Lease)))
	if result.Fault != nil {
		if result.Fault.Code == fault.Aborted { // somebody else was first
			return true
		}
		w.log(e).Warn("an effect cannot be claimed", "cause", result.Fault)
		return false
	}
	// Without an owner, or done: the claim found that it is not due after all, or over.
	if claimed, ok := result.Row.(*state.Effect); ok && claimed.State == state.EffectOpen && claimed.Owner == w.o.Owner {
		w.put(d, job{effect: claimed, ask: claimed.Called, claimed: start})
	}
	return true
}
