package pipeline_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// gated is a world whose store waits at its next begin until the gate is opened.
func gated(t *testing.T) (w *world, open func()) {
	w = newWorld(t)
	gate, held := make(chan struct{}), true
	w.store.before = func(point string) error {
		if point == "begin" && held {
			held = false
			<-gate
		}
		return nil
	}
	return w, func() { close(gate) }
}

func TestDeadlineBeforeTheBatchStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, open := gated(t)
		p := w.running()
		go p.Submit(t.Context(), count("0", "z", "z")) // keeps the lane busy
		synctest.Wait()
		results := make(chan command.Result, 4)
		c := count("1", "a", "x")
		c.Deadline = time.Now().Add(time.Second)
		go func() { results <- p.Submit(t.Context(), c) }()
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond)
		w.expect([]command.Result{<-results}, "4:DEADLINE_EXCEEDED") // although the lane is stuck

		ctx, cancel := context.WithCancel(t.Context())
		go func() { results <- p.Submit(ctx, count("2", "a", "y")) }()
		synctest.Wait()
		cancel()
		w.expect([]command.Result{<-results}, "1:CANCELED")

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.expect([]command.Result{p.Submit(ctx, count("3", "a", "y"))}, "4:DEADLINE_EXCEEDED")
		w.expect([]command.Result{p.Submit(ctx, count("3", "a", "y"))}, "4:DEADLINE_EXCEEDED") // before it starts

		c.Deadline = time.Now().Add(time.Second)
		p.SubmitAsync(c, func(result command.Result) { results <- result })
		time.Sleep(2 * time.Second)
		open()
		w.expect([]command.Result{<-results}, "4:DEADLINE_EXCEEDED")
		if err := p.Drain(t.Context()); err != nil || w.total("a") != 0 || w.total("z") != 1 {
			t.Errorf("a is %d, z is %d, drain %v", w.total("a"), w.total("z"), err)
		}
		if w.observed("expired") != 4 {
			t.Errorf("%d expired", w.observed("expired"))
		}
	})
}

// TestCallerLeavesTooLate: the command has started, so it takes effect, and its key tells.
func TestCallerLeavesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, open := gated(t)
		p := w.running()
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan command.Result)
		go func() { result <- p.Submit(ctx, count("1", "a", "x")) }()
		synctest.Wait()
		cancel()
		w.expect([]command.Result{<-result}, "1:CANCELED")
		open()
		w.expect([]command.Result{p.Submit(t.Context(), count("1", "a", "x"))}, "again a=1@1")
		_ = p.Drain(t.Context())
	})
}

// TestDeadlineBetweenAttempts: a batch that lost its time in conflicts is refused, known to have no effect.
func TestDeadlineBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.options.RetryLimit, w.options.Backoff = 1000, 100*time.Millisecond
		w.options.Deadline = 2 * time.Second
		w.store.before = func(point string) error {
			if point == "commit" {
				return state.ErrConflict
			}
			return nil
		}
		p := w.running()
		results := make(chan command.Result, 1)
		p.SubmitAsync(count("1", "a", "x"), func(result command.Result) { results <- result })
		w.expect([]command.Result{<-results}, "4:DEADLINE_EXCEEDED")
		_ = p.Drain(t.Context())
	})
}

// TestStaleCommandsTakeNoRoom: under overload a batch is not filled with commands whose time is over.
func TestStaleCommandsTakeNoRoom(t *testing.T) {
	w := newWorld(t)
	w.options.MaxCommands = 2
	commands := make([]command.Command, 0, 6)
	for i := range 6 {
		commands = append(commands, count(fmt.Sprint(i), "a", "x"))
		if i < 4 {
			commands[i].Deadline = time.Now().Add(-time.Second)
		}
	}
	late := "4:DEADLINE_EXCEEDED"
	w.expect(w.batch(commands...), late, late, late, late, "a=1@1", "a=2@2")
	if sizes := w.sizes; len(sizes) != 1 {
		t.Errorf("batches %v, want one", sizes)
	}
}

// TestOverdueCommandsAreRefusedFromABacklog: a client's command that has waited too long among many is refused, and nothing of it is done; what
// follows from accepted commands has no such limit, and neither has what a batch can take at once.
func TestOverdueCommandsAreRefusedFromABacklog(t *testing.T) {
	for most, want := range map[int][]string{
		2: {"8:QUEUE_FULL", "8:QUEUE_FULL", "8:QUEUE_FULL", "8:QUEUE_FULL", "a=1@1", "a=2@2"},
		6: {"a=1@1", "a=2@2", "a=3@3", "a=4@4", "a=5@5", "a=6@6"},
	} {
		w := newWorld(t)
		w.options.MaxCommands = most
		commands := make([]command.Command, 0, 6)
		for i := range 6 {
			commands = append(commands, count(fmt.Sprint(i), "a", "x"))
			if i < 4 {
				commands[i].Patience = time.Nanosecond
			}
		}
		w.expect(w.batch(commands...), want...)
		if full := int64(w.observed("full")); full != 6-w.total("a") {
			t.Errorf("%d were counted as refused", full)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t)
	w.options.MaxQueue = 3
	p := w.pipeline()
	var results []command.Result
	for i := range 5 {
		p.SubmitAsync(count(fmt.Sprint(i), "a", "x"), func(result command.Result) { results = append(results, result) })
	}
	w.expect(results, "8:QUEUE_FULL", "8:QUEUE_FULL")
	if results[0].Fault.RetryAfter == 0 || results[0].Fault.TraceID != "trace-of-x" || p.Waiting() != 3 || w.observed("full") != 2 {
		t.Errorf("%+v, %d wait", results[0].Fault, p.Waiting())
	}
}

func TestBatchLimits(t *testing.T) {
	w := newWorld(t)
	w.options.MaxCommands, w.options.MaxRows = 4, 10
	rows := []int{1, 1, 1, 1, 1, 6, 5, 25, 0, 0}
	commands := make([]command.Command, 0, len(rows))
	for i, size := range rows {
		c := count(fmt.Sprint(i), "a", "x")
		c.Size = size
		commands = append(commands, c)
	}
	w.batch(commands...)
	if want := "[[4 4] [2 7] [1 5] [1 25] [2 2]]"; fmt.Sprint(w.sizes) != want {
		t.Errorf("batches %v, want %s", w.sizes, want)
	}
}

// TestAnswersComeAfterCommitted also shows that answers wait for the commit.
func TestAnswersComeAfterCommitted(t *testing.T) {
	w := newWorld(t)
	var order []string
	w.store.before = func(point string) error {
		order = append(order, point)
		return nil
	}
	w.options.Environment.Committed = func(id.UUID, []state.Event, []state.Written) { order = append(order, "announced") }
	p := w.pipeline()
	p.SubmitAsync(count("1", "a", "x"), func(command.Result) { order = append(order, "answered") })
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.Run(over)
	if want := "[begin commit committed announced answered]"; fmt.Sprint(order) != want {
		t.Errorf("order %v", order)
	}
}

func TestDrainFinishesWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, open := gated(t)
		p := w.running()
		var results []command.Result
		for i := range 600 {
			p.SubmitAsync(count(fmt.Sprint(i), "a", "x"), func(result command.Result) { results = append(results, result) })
		}
		drained := make(chan error)
		go func() { drained <- p.Drain(t.Context()) }()
		synctest.Wait()
		if p.Accepting() {
			t.Error("accepts while draining")
		}
		w.expect([]command.Result{p.Submit(t.Context(), count("late", "a", "x"))}, "14:SHUTTING_DOWN")
		open()
		if err := <-drained; err != nil || len(results) != 600 || w.total("a") != 600 {
			t.Errorf("drain %v, %d results, a is %d", err, len(results), w.total("a"))
		}
	})
}

func TestDrainLosesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		blocker, err := w.store.connect().Begin(t.Context(), state.Need{Refs: []state.Ref{counter("a")}})
		if err != nil {
			t.Fatal(err)
		}
		w.batch(count("0", "a", "x"))
		blocker.Rollback()
		blocker, _ = w.store.connect().Begin(t.Context(), state.Need{Refs: []state.Ref{counter("a")}}) // has the lock now
		p := w.running()
		results := make(chan command.Result, 1)
		p.SubmitAsync(count("1", "a", "y"), func(result command.Result) { results <- result })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Drain(ctx); err == nil {
			t.Error("drained although a row was locked")
		}
		w.expect([]command.Result{<-results}, "14:STORE_UNAVAILABLE")
		blocker.Rollback()
	})
}

func TestPipelineThatNeverRan(t *testing.T) {
	w := newWorld(t)
	p := w.pipeline()
	var results []command.Result
	p.SubmitAsync(count("1", "a", "x"), func(result command.Result) { results = append(results, result) })
	if p.Accepting() {
		t.Error("accepts before Run")
	}
	if err := p.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	w.expect(results, "14:STORE_UNAVAILABLE")
	if p.Run(context.Background()) == nil {
		t.Error("runs after Drain")
	}
}
