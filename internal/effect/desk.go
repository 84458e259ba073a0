package effect

import (
	"context"
	"errors"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/state"
)

// desk is the bulkhead of one gateway: its own queue and its own callers, so that one that stalls holds up no other.
type desk struct {
	provider string
	gateway  gateway.Gateway
	queue    chan job
}

// job is an attempt to be made under a claim that this process has.
type job struct {
	effect  *state.Effect
	ask     bool      // an earlier call may have reached the gateway
	claimed time.Time // about when, by the clock of the process; for measuring elapsed time only
}

func newDesk(provider string, g gateway.Gateway, queue int) *desk {
	return &desk{provider: provider, gateway: g, queue: make(chan job, queue)}
}

// full tells that there is no room.
func (d *desk) full() bool { return len(d.queue) == cap(d.queue) }

// put queues a job unless there is no room.
func (w *Workers) put(d *desk, j job) {
	w.jobs.Add(1)
	select {
	case d.queue <- j:
		if hook := w.o.Observe.Waiting; hook != nil {
			hook(d.provider, len(d.queue))
		}
	default:
		w.jobs.Add(-1)
		if hook := w.o.Observe.Dropped; hook != nil {
			hook(d.provider)
		}
	}
}

// serve makes attempts, one after the other, until ctx ends; the one under way then goes on.
func (w *Workers) serve(ctx context.Context, d *desk) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-d.queue:
			// What has waited so long that its claim might end during the attempt is left to the next claim.
			if ctx.Err() == nil && time.Since(j.claimed)+w.o.Timeout < w.o.Lease {
				w.attempt(w.hard, d, j) //nolint:contextcheck // it may outlive ctx by the grace
			}
			w.jobs.Add(-1)
		}
	}
}

// absent is the gateway of a provider that this process does not know. Another process may; if none does, the effects are given
// up in the end.
type absent struct{}

var errAbsent = gateway.NotReached(errors.New("no gateway of that name is configured"))

// Hold implements gateway.Gateway.
func (absent) Hold(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, errAbsent
}

// Capture implements gateway.Gateway.
func (absent) Capture(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, errAbsent
}

// Void implements gateway.Gateway.
func (absent) Void(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, errAbsent
}

// Refund implements gateway.Gateway.
func (absent) Refund(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, errAbsent
}

// Payout implements gateway.Payer.
func (absent) Payout(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, errAbsent
}

// Lookup implements gateway.Gateway.
func (absent) Lookup(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, errAbsent
}
