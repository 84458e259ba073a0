package pipeline_test

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// noting is the wish that is refused and counts that it was.
func noting(code fault.Code, name string) wish {
	return wish{refs: adding(name, 1, "").refs, decide: func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		return domain.Decision{Changes: []domain.Change{add(states, name, 1, "noted")}, Refusal: fault.New(code, "REFUSED", "refused")}, nil
	}}
}

// A refusal can be noted: what notes it is stored with it, once, whoever repeats the command; steps behind it are not decided.
func TestRefusalIsNoted(t *testing.T) {
	w := newWorld(t)
	noted := do("1", "x", noting(fault.FailedPrecondition, "notes"), adding("a", 1, "x"))
	w.expect(w.batch(noted, count("2", "b", "y")), "9:REFUSED", "b=1@1")
	w.expect(w.batch(noted, dry(do("3", "z", noting(fault.NotFound, "notes")))), "again 9:REFUSED", "5:REFUSED")
	w.expect(w.batch(count("4", "notes", "read")), "notes=2@2")
	if len(w.store.events) != 3 || len(w.store.answers) != 3 {
		t.Errorf("%d events, %d answers; want 3 and 3", len(w.store.events), len(w.store.answers))
	}
}

// One that is not stored under the key would be noted again by each repeat: it is a defect, and nothing is stored.
func TestPassingRefusalCannotBeNoted(t *testing.T) {
	w := newWorld(t)
	w.expect(w.batch(do("1", "x", noting(fault.Aborted, "notes"))), "13:INTERNAL")
	w.expect(w.batch(count("2", "notes", "read")), "notes=1@1")
}
