package pipeline_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/state"
)

// wish is a domain command for tests: counters are items, their number is OnHand, and every change is an event.
type wish struct {
	refs   []state.Ref
	decide func(states domain.States, now time.Time) (domain.Decision, *fault.Fault)
}

func (w wish) Refs() []state.Ref { return w.refs }

func (w wish) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	return w.decide(states, now)
}

func counter(name string) state.Ref { return state.Ref{Kind: state.KindItem, Tenant: "shop", ID: name} }

// add is the change that adds to a counter, which comes to be when it does not exist. Label is in the event.
func add(states domain.States, name string, amount int64, label string) domain.Change {
	before := domain.Find[state.Item](states, counter(name))
	after := state.Item{Tenant: "shop", SKU: name}
	if before != nil {
		after = *before
	}
	after.OnHand += amount
	after.Version++
	after.Seq++
	return domain.Change{After: &after, Before: before, Event: "counter.added", Reason: label}
}

// adding is the wish to add to a counter and be answered it.
func adding(name string, amount int64, label string) wish {
	return wish{refs: []state.Ref{counter(name)}, decide: func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		return domain.Decision{Changes: []domain.Change{add(states, name, amount, label)}, Answer: counter(name)}, nil
	}}
}

// refusing is the wish that is refused, after a change if there is a name.
func refusing(code fault.Code, name string) wish {
	return wish{refs: []state.Ref{counter(name)}, decide: func(domain.States, time.Time) (domain.Decision, *fault.Fault) {
		return domain.Decision{}, fault.New(code, "REFUSED", "refused")
	}}
}

// do makes a command; the hash is that of the label, as if the label were the request.
func do(key, label string, steps ...domain.Command) command.Command {
	c := command.Command{
		Tenant: "shop", Principal: "client", Key: key, Hash: sha256.Sum256([]byte(label)),
		Method: "/oms.v1.Test/Do", TraceID: "trace-of-" + label,
	}
	for _, step := range steps {
		c.Steps = append(c.Steps, command.Do(step))
	}
	return c
}

// count is do of one adding.
func count(key, name, label string) command.Command { return do(key, label, adding(name, 1, label)) }

func encodeAnswer(row state.Row) []byte {
	item := row.(*state.Item)
	return fmt.Appendf(nil, "%s=%d@%d", item.SKU, item.OnHand, item.Seq)
}

func encodeEvent(change domain.Change, _ time.Time) ([]byte, string) {
	before := int64(0)
	if change.Before != nil {
		before = change.Before.(*state.Item).OnHand
	}
	return fmt.Appendf(nil, "%s:%d", change.Reason, change.After.(*state.Item).OnHand-before), "1.0.0"
}

// world is a fake store with what tests need around it. Several pipelines can be started on it.
type world struct {
	*testing.T
	store   *fakeStore
	options pipeline.Options

	mutex  sync.Mutex
	counts map[string]int // of the observations
	sizes  [][2]int       // commands and rows of each batch
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, store: newFakeStore(), counts: map[string]int{}}
	hook := func(name string) func() {
		return func() {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.counts[name]++
		}
	}
	w.options = pipeline.Options{Lanes: 1, Backoff: 10 * time.Microsecond, Environment: pipeline.Environment{
		EncodeAnswer: encodeAnswer, EncodeEvent: encodeEvent,
		Observe: pipeline.Observe{
			Batch: func(commands, rows int) {
				w.mutex.Lock()
				defer w.mutex.Unlock()
				w.sizes = append(w.sizes, [2]int{commands, rows})
			},
			Retry: hook("retry"), Conflict: hook("conflict"), Bisect: hook("bisect"), Replay: hook("replay"),
			Mismatch: hook("mismatch"), Panic: hook("panic"), Full: hook("full"), Expired: hook("expired"),
		},
	}}
	return w
}

// pipeline makes a pipeline with a connection of its own. It is drained at the end of the test.
func (w *world) pipeline() *pipeline.Pipeline {
	options, connection := w.options, w.store.connect()
	options.Environment.Store = connection
	hook := options.Environment.Committed
	options.Environment.Committed = func(batch id.UUID, events []state.Event, rows []state.Written) {
		if hook != nil {
			hook(batch, events, rows)
		}
		connection.committed(batch, events, rows)
	}
	p := pipeline.New(options)
	w.Cleanup(func() {
		if err := p.Drain(context.Background()); err != nil {
			w.Error("drain:", err)
		}
		w.store.mutex.Lock()
		defer w.store.mutex.Unlock()
		for _, violation := range w.store.violations {
			w.Error("violation:", violation)
		}
	})
	return p
}

// running is a pipeline that runs.
func (w *world) running() *pipeline.Pipeline {
	p := w.pipeline()
	go p.Run(context.Background())
	for !p.Accepting() {
		time.Sleep(time.Microsecond)
	}
	return p
}

// batch submits commands to a new pipeline before it runs, so that they form one batch, and answers their results.
func (w *world) batch(commands ...command.Command) []command.Result {
	w.Helper()
	p := w.pipeline()
	results := make([]command.Result, len(commands))
	for i, c := range commands {
		p.SubmitAsync(c, func(result command.Result) { results[i] = result })
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Run(over); err != nil {
		w.Fatal("run:", err)
	}
	return results
}

// total is what a counter has come to.
func (w *world) total(name string) int64 {
	w.store.mutex.Lock()
	defer w.store.mutex.Unlock()
	if row := w.store.rows[counter(name)]; row != nil {
		return row.(*state.Item).OnHand
	}
	return 0
}

func (w *world) observed(name string) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.counts[name]
}

// text tells a result in one word for comparison: "counter=1@1", "NotFound:REFUSED", with "again " in front when replayed.
func text(result command.Result) string {
	again := ""
	if result.Replayed {
		again = "again "
	}
	if result.Fault != nil {
		return again + strconv.Itoa(int(result.Fault.Code)) + ":" + result.Fault.Reason
	}
	return again + string(result.Body)
}

func (w *world) expect(results []command.Result, want ...string) {
	w.Helper()
	if len(results) != len(want) {
		w.Fatalf("%d results, want %d", len(results), len(want))
	}
	for i := range want {
		if got := text(results[i]); got != want[i] {
			w.Errorf("result %d is %q, want %q", i, got, want[i])
		}
	}
}
