//go:build drillbug

package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Rules that OMS_BREAK breaks, one at a time. The decorators below stand around the parts of a whole program; the parts themselves know
// nothing of it.
const (
	noIdempotency  = "no_idempotency"         // keys are thrown away: a repeated request is a new one
	oversell       = "oversell"               // reservations see more pieces than there are
	lostUpdate     = "lost_update"            // a reservation overwrites those of others, as without lock and guard
	noCompensation = "no_compensation"        // what is reserved for an order that has ended is not given back
	noLateCheck    = "no_late_callback_check" // a hold that succeeds after a cancellation is not voided
	doubleCapture  = "double_capture"         // each attempt of a capture has a key of its own
	lostEvent      = "lost_event"             // the relay leaves one event out
	ackEarly       = "ack_before_commit"      // some commands are answered whose batch is never stored
)

var broken = os.Getenv("OMS_BREAK")

// plantedCommand breaks what commands decide.
func plantedCommand(c command.Command) command.Command {
	if broken == noIdempotency {
		c.Key = ""
	}
	steps := make([]command.Step, len(c.Steps))
	for i, step := range c.Steps {
		steps[i] = command.Step{Refs: step.Refs, Next: func(states domain.States) domain.Command {
			next := step.Next(states)
			switch next.(type) {
			case inventory.Release:
				if broken == noCompensation {
					return nil
				}
			case payment.Abandon:
				if broken == noLateCheck {
					return nil
				}
			case inventory.Reserve:
				switch broken {
				case oversell:
					return blind{next, func(item *state.Item) { item.OnHand += 1000 }}
				case lostUpdate:
					return blind{next, func(item *state.Item) { item.Reserved = 0 }}
				}
			}
			return next
		}}
	}
	c.Steps = steps
	return c
}

// blind decides on items that are not as they are.
type blind struct {
	domain.Command
	change func(*state.Item)
}

func (b blind) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	shelf := &otherShelf{States: states, change: b.change, real: map[state.Row]state.Row{}}
	decision, refused := b.Command.Decide(shelf, now)
	for i := range decision.Changes {
		if row, found := shelf.real[decision.Changes[i].Before]; found {
			decision.Changes[i].Before = row
		}
	}
	return decision, refused
}

type otherShelf struct {
	domain.States
	change func(*state.Item)
	real   map[state.Row]state.Row
}

func (o *otherShelf) Get(ref state.Ref) state.Row {
	row := o.States.Get(ref)
	item, found := row.(*state.Item)
	if !found || item == nil {
		return row
	}
	after := *item
	o.change(&after)
	o.real[&after] = row
	return &after
}

// plantedStore breaks what batches store.
func plantedStore(s pipeline.Store) pipeline.Store {
	if broken == ackEarly {
		return &hasty{Store: s}
	}
	return s
}

// hasty is a store that takes a commit for made before it is.
type hasty struct {
	pipeline.Store
	count atomic.Int64
}

func (h *hasty) Begin(ctx context.Context, need state.Need) (pipeline.Transaction, error) {
	t, err := h.Store.Begin(ctx, need)
	if err != nil {
		return nil, err
	}
	return &hastyTransaction{Transaction: t, store: h}, nil
}

type hastyTransaction struct {
	pipeline.Transaction
	store *hasty
}

// Commit forgets one batch of five, after it was answered.
func (t *hastyTransaction) Commit(ctx context.Context, changes *state.Changes) error {
	if len(changes.Answers) > 0 && t.store.count.Add(1)%5 == 0 {
		t.Transaction.Rollback()
		return nil
	}
	return t.Transaction.Commit(ctx, changes)
}

// plantedGateway breaks how the gateway is called.
func plantedGateway(g gateway.Gateway) gateway.Gateway {
	if broken == doubleCapture {
		return &keyless{Gateway: g}
	}
	return g
}

type keyless struct {
	gateway.Gateway
	count atomic.Int64
}

func (k *keyless) Capture(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	request.Key = fmt.Sprintf("%s#%d", request.Key, k.count.Add(1))
	return k.Gateway.Capture(ctx, request)
}

// Payout implements gateway.Payer.
func (k *keyless) Payout(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	return gateway.Call(ctx, k.Gateway, gateway.KindPayout, request)
}

// plantedCallback finds the call that a callback under another key is about.
func plantedCallback(callback gateway.Callback) gateway.Callback {
	return func(ctx context.Context, tenant, key string, answer gateway.Answer) error {
		key, _, _ = strings.Cut(key, "#")
		return callback(ctx, tenant, key, answer)
	}
}

// plantedPublisher breaks what the relay publishes.
func plantedPublisher(p bus.Publisher) bus.Publisher {
	if broken == lostEvent {
		return &forgetful{Publisher: p}
	}
	return p
}

type forgetful struct {
	bus.Publisher
	seen int
}

// Publish puts another event in the place of the hundredth.
func (f *forgetful) Publish(ctx context.Context, frame bus.Frame, after uint64) (uint64, error) {
	before := f.seen
	f.seen += len(frame.Events)
	if before/100 != f.seen/100 && len(frame.Events) > 1 {
		events := append([]state.Event{}, frame.Events...)
		position := events[0].Position
		events[0] = events[1]
		events[0].Position = position
		frame.Events = events
	}
	return f.Publisher.Publish(ctx, frame, after)
}
