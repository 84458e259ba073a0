package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

func TestKeyIsAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	first := count("key", "a", "x")
	w.expect(w.batch(first, count("other", "a", "y"), first), "a=1@1", "a=2@2", "again a=1@1") // in the batch
	p := w.running()
	result := p.Submit(context.Background(), first) // in another batch
	w.expect([]command.Result{result}, "again a=1@1")
	if result.Row != nil {
		t.Error("a replay has a row")
	}
	if w.total("a") != 2 || w.observed("replay") != 2 {
		t.Errorf("a is %d, %d replays", w.total("a"), w.observed("replay"))
	}
	for _, scope := range []command.Command{
		{Tenant: "mall", Principal: "client"}, {Tenant: "shop", Principal: "somebody"},
	} { // the key of another tenant or principal is another key
		c := count("key", "a", "x")
		c.Tenant, c.Principal = scope.Tenant, scope.Principal
		if result := p.Submit(context.Background(), c); result.Replayed {
			t.Errorf("%+v was answered with another's answer", scope)
		}
	}
}

func TestRefusalIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	refused := do("key", "x", refusing(fault.FailedPrecondition, "a"))
	repeated := refused
	repeated.TraceID = "trace-of-the-repeat"
	results := w.batch(refused, repeated)
	results = append(results, w.batch(repeated)...)
	w.expect(results, "9:REFUSED", "again 9:REFUSED", "again 9:REFUSED")
	for i, result := range results {
		if result.Fault.TraceID != "trace-of-x" || !bytes.Equal(result.Body, results[0].Body) || len(result.Body) == 0 {
			t.Errorf("result %d: trace %s, body %s", i, result.Fault.TraceID, result.Body)
		}
	}
}

// TestTransientRefusalIsNoAnswer has a command that is told ABORTED while the counter is 0.
func TestTransientRefusalIsNoAnswer(t *testing.T) {
	w := newWorld(t)
	late := do("key", "late", wish{[]state.Ref{counter("a")}, func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		if domain.Find[state.Item](states, counter("a")) == nil {
			return domain.Decision{}, fault.New(fault.Aborted, "TOO_EARLY", "too early")
		}
		return domain.Decision{Changes: []domain.Change{add(states, "a", 1, "late")}, Answer: counter("a")}, nil
	}})
	w.expect(w.batch(late, count("1", "a", "x"), late, late), "10:TOO_EARLY", "a=1@1", "a=2@2", "again a=2@2")
	w.expect(w.batch(late), "again a=2@2")
}

// TestRepeatIsNotToldThatItsOwnEffectIsInTheWay is about a command that may succeed once: its repeat, decided without a lookup,
// would be told ABORTED, and nothing in the commit would contradict.
func TestRepeatIsNotToldThatItsOwnEffectIsInTheWay(t *testing.T) {
	w := newWorld(t)
	once := do("key", "once", wish{[]state.Ref{counter("a")}, func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		if domain.Find[state.Item](states, counter("a")) != nil {
			return domain.Decision{}, fault.New(fault.Aborted, "VERSION", "the version is not the expected one")
		}
		return domain.Decision{Changes: []domain.Change{add(states, "a", 1, "once")}, Answer: counter("a")}, nil
	}})
	w.expect(w.batch(once), "a=1@1")
	w.expect(w.batch(once, count("2", "a", "x")), "again a=1@1", "a=2@2")
}

func TestKeyOfAnotherCommand(t *testing.T) {
	w := newWorld(t)
	w.expect(w.batch(count("key", "a", "x"), count("key", "a", "y"), count("key", "a", "x")),
		"a=1@1", "6:IDEMPOTENCY_MISMATCH", "again a=1@1")
	results := w.batch(count("key", "a", "z"))
	w.expect(results, "6:IDEMPOTENCY_MISMATCH")
	if results[0].Fault.TraceID != "trace-of-z" || results[0].Body != nil {
		t.Errorf("%+v", results[0])
	}
	w.expect(w.batch(count("key", "a", "x")), "again a=1@1")
	if w.observed("mismatch") != 2 || w.total("a") != 1 {
		t.Errorf("%d mismatches, a is %d", w.observed("mismatch"), w.total("a"))
	}
}

func TestCommandsWithoutKeyStoreNoAnswer(t *testing.T) {
	w := newWorld(t)
	results := w.batch(count("", "a", "x"), count("", "a", "x"))
	if w.total("a") != 2 || len(w.store.answers) != 0 {
		t.Errorf("a is %d, %d answers", w.total("a"), len(w.store.answers))
	}
	if results[1].Row.(*state.Item).OnHand != 2 || results[1].Body != nil {
		t.Errorf("%+v", results[1])
	}
}

// TestLookupsFollowReplays: keys are taken to be new until a replay is seen, and again after a number of batches without one.
func TestLookupsFollowReplays(t *testing.T) {
	w := newWorld(t)
	w.options.LookupBatches = 3
	p := w.running()
	submit := func(key string) { p.Submit(context.Background(), count(key, "a", key)) }
	for i := range 4 {
		submit(fmt.Sprint(i))
	}
	submit("0")
	for i := range 6 {
		submit(fmt.Sprint("n", i))
	}
	submit("1")
	var lookups string
	for _, need := range w.store.begins {
		lookups += map[bool]string{false: "-", true: "L"}[need.LookupKeys]
	}
	if want := "----" + "-L" + "LLL---" + "-L"; lookups != want {
		t.Errorf("lookups %s, want %s", lookups, want)
	}
	if w.total("a") != 10 {
		t.Errorf("a is %d", w.total("a"))
	}
}
