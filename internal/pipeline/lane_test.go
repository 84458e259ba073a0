package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// failing answers errors at a point, one a visit, and nothing when they are used up.
func failing(point string, errs ...error) func(string) error {
	return func(at string) error {
		if at != point || len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

func TestConflictRunsTheBatchAgain(t *testing.T) {
	w := newWorld(t)
	w.store.before = failing("commit", state.ErrConflict, state.ErrConflict, fmt.Errorf("wrapped: %w", state.ErrConflict))
	w.expect(w.batch(count("1", "a", "x"), count("2", "a", "y")), "a=1@1", "a=2@2")
	if w.observed("conflict") != 3 || w.observed("retry") != 3 || len(w.store.events) != 2 {
		t.Errorf("%d conflicts, %d retries, %d events", w.observed("conflict"), w.observed("retry"), len(w.store.events))
	}
}

func TestConflictsEnd(t *testing.T) {
	w := newWorld(t)
	w.options.RetryLimit = 3
	w.store.before = func(point string) error {
		if point == "begin" {
			return state.ErrConflict
		}
		return nil
	}
	results := w.batch(count("1", "a", "x"))
	w.expect(results, "14:CONTENTION")
	if results[0].Fault.RetryAfter == 0 || w.observed("conflict") != 4 || w.observed("bisect") != 0 {
		t.Errorf("%+v after %d conflicts", results[0].Fault, w.observed("conflict"))
	}
}

func TestBatchIsSplitAroundBadData(t *testing.T) {
	w := newWorld(t)
	poison := wish{[]state.Ref{counter("p")}, func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		change := add(states, "p", 1, "poison")
		change.After.(*state.Item).Sold = -1
		return domain.Decision{Changes: []domain.Change{change}, Answer: counter("p")}, nil
	}}
	var commands []command.Command
	var want []string
	for i := range 7 {
		commands = append(commands, count(fmt.Sprint(i), "a", fmt.Sprint(i)))
		want = append(want, fmt.Sprintf("a=%d@%d", i+1, i+1))
	}
	commands = slices.Insert(commands, 4, do("p", "p", poison))
	want = slices.Insert(want, 4, "13:INTERNAL")
	w.expect(w.batch(commands...), want...)
	if w.observed("bisect") != 3 || len(w.store.answers) != 7 {
		t.Errorf("%d bisects, %d answers", w.observed("bisect"), len(w.store.answers))
	}
}

func TestOutcomeIsFoundOut(t *testing.T) {
	down := errors.New("connection refused")
	cases := map[string]struct {
		before   func(string) error
		attempts int
	}{
		"committed":            {failing("committed", state.ErrOutcomeUnknown), 1},
		"not committed":        {failing("commit", state.ErrOutcomeUnknown), 2},
		"would commit later":   {failing("commit", errLateCommit), 2},
		"panic in the commit":  {panicking("commit"), 2},
		"panic after it":       {panicking("committed"), 1},
		"asked several times":  {both(failing("committed", state.ErrOutcomeUnknown), failing("outcome", down, down)), 1},
		"panic in the asking":  {both(failing("committed", state.ErrOutcomeUnknown), panicking("outcome")), 1},
		"again and again open": {failing("commit", state.ErrOutcomeUnknown, errLateCommit, state.ErrOutcomeUnknown), 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.store.before = c.before
			announced := 0
			w.options.Environment.Committed = func(_ id.UUID, events []state.Event, rows []state.Written) {
				announced += 10*len(events) + len(rows)
			}
			w.expect(w.batch(count("1", "a", "x"), count("2", "a", "y")), "a=1@1", "a=2@2")
			if len(w.store.events) != 2 || len(w.store.begins) != c.attempts || announced != 21 {
				t.Errorf("%d events, %d attempts, announced %d", len(w.store.events), len(w.store.begins), announced)
			}
		})
	}
}

func panicking(point string) func(string) error {
	done := false
	return func(at string) error {
		if at == point && !done {
			done = true
			panic("panic at " + point)
		}
		return nil
	}
}

func both(first, second func(string) error) func(string) error {
	return func(point string) error {
		if err := first(point); err != nil {
			return err
		}
		return second(point)
	}
}

func TestOutcomeStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		lost := failing("committed", state.ErrOutcomeUnknown)
		w.store.before = func(point string) error {
			if point == "outcome" {
				return errors.New("connection refused")
			}
			return lost(point)
		}
		p := w.running()
		start := time.Now()
		c := count("1", "a", "x")
		c.Deadline = start.Add(3 * time.Second)
		answered := make(chan command.Result)
		p.SubmitAsync(c, func(result command.Result) { answered <- result })
		result := <-answered
		w.expect([]command.Result{result}, "14:OUTCOME_UNKNOWN")
		if took := time.Since(start); took < 2500*time.Millisecond || took > 3500*time.Millisecond || result.Fault.RetryAfter == 0 {
			t.Errorf("answered %+v after %v", result.Fault, took)
		}
		w.expect([]command.Result{p.Submit(t.Context(), count("1", "a", "x"))}, "again a=1@1")
		_ = p.Drain(t.Context())
	})
}

func TestStoreIsDown(t *testing.T) {
	for _, point := range []string{"begin", "commit"} {
		for name, before := range map[string]func(string) error{
			"error": failing(point, errors.New("disk full")), "panic": panicking("begin"),
		} {
			t.Run(point+" "+name, func(t *testing.T) {
				w := newWorld(t)
				w.store.before = before
				results := w.batch(count("1", "a", "x"), do("2", "y", refusing(fault.NotFound, "a")))
				w.expect(results, "14:STORE_UNAVAILABLE", "14:STORE_UNAVAILABLE")
				for i, result := range results {
					if f := result.Fault; f.RetryAfter == 0 || f.TraceID == "" || strings.Contains(f.Message, "disk") {
						t.Errorf("result %d: %+v", i, f)
					}
				}
				w.expect(w.batch(count("1", "a", "x")), "a=1@1")
			})
		}
	}
}

// TestBatchTooLargeForItsEvents: what does not fit any more is a batch of its own, in order.
func TestBatchTooLargeForItsEvents(t *testing.T) {
	w := newWorld(t)
	w.options.MaxRows = 1 << 20
	many := func(key string, events int) command.Command {
		return do(key, key, wish{[]state.Ref{counter("a")}, func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
			changes := make([]domain.Change, 0, events)
			row := states.Get(counter("a"))
			for range events {
				after := state.Item{Tenant: "shop", SKU: "a"}
				if row != nil {
					after = *row.(*state.Item)
				}
				after.OnHand++
				after.Seq++
				changes = append(changes, domain.Change{After: &after, Before: row, Event: "counter.added", Reason: key})
				row = &after
			}
			return domain.Decision{Changes: changes, Answer: counter("a")}, nil
		}})
	}
	w.expect(w.batch(many("1", 40_000), many("2", 25_536), many("3", 1), many("4", 65_537), many("5", 65_536)),
		"a=40000@40000", "a=65536@65536", "a=65537@65537", "13:INTERNAL", "a=131073@131073")
	if len(w.store.commits) != 3 {
		t.Errorf("%d commits, want 3", len(w.store.commits))
	}
}

// TestSecondLane shows that a lane starts beside a busy one when enough commands can go, that those wait whose rows or keys are
// in flight, and that rows are not free before Committed has returned.
func TestSecondLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.options.Lanes, w.options.SecondLaneAt = 2, 3
		hold, held := make(chan struct{}), true
		w.options.Environment.Committed = func(id.UUID, []state.Event, []state.Written) {
			if held {
				held = false
				<-hold
			}
		}
		p := w.running()
		var order []string
		submit := func(c command.Command) {
			p.SubmitAsync(c, func(result command.Result) {
				w.mutex.Lock()
				defer w.mutex.Unlock()
				order = append(order, text(result))
			})
		}
		submit(count("1", "a", "first"))
		synctest.Wait() // in Committed
		submit(count("2", "a", "row in flight"))
		submit(count("1", "f", "first")) // key in flight: waits, and is refused for its other hash or answered
		submit(count("3", "b", "free"))
		submit(count("4", "c", "free"))
		synctest.Wait()
		if len(order) != 0 {
			t.Errorf("answered %v with two free commands, want nothing: a further lane needs three", order)
		}
		submit(do("5", "d", adding("d", 1, ""), adding("a", 1, ""))) // blocks d too
		submit(count("6", "d", "behind the one that waits"))
		submit(count("7", "e", "free"))
		synctest.Wait()
		if want := []string{"b=1@1", "c=1@1", "e=1@1"}; !slices.Equal(order, want) {
			t.Errorf("answered %v beside the busy lane, want %v", order, want)
		}
		close(hold)
		synctest.Wait()
		want := []string{"b=1@1", "c=1@1", "e=1@1", "a=1@1", "a=2@2", "again a=1@1", "d=1@1", "d=2@2"}
		if !slices.Equal(order, want) {
			t.Errorf("answered %v, want %v", order, want)
		}
		_ = p.Drain(t.Context())
	})
}

func TestForeignPanicsDoNotStopALane(t *testing.T) {
	w := newWorld(t)
	w.options.Environment.Committed = func(id.UUID, []state.Event, []state.Written) { panic("relay") }
	p := w.pipeline()
	p.SubmitAsync(count("1", "a", "x"), func(command.Result) { panic("callback") })
	go p.Run(context.Background())
	w.expect([]command.Result{p.Submit(context.Background(), count("2", "a", "y"))}, "a=2@2")
	if w.observed("panic") < 2 {
		t.Errorf("%d panics observed", w.observed("panic"))
	}
	w.store.violations = nil // nothing was announced, of course
}
