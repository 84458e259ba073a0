package pipeline_test

import (
	"testing"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// dry has a command tried only.
func dry(c command.Command) command.Command {
	c.DryRun = true
	return c
}

// What is tried only is answered as it would be, on the rows as the commands before it have left them, and nobody sees any of it.
func TestDryRunLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.expect(w.batch(count("1", "a", "x"), dry(count("2", "a", "y")), dry(count("2", "new", "y")), count("3", "a", "z")),
		"a=1@1", "a=2@2", "new=1@1", "a=2@2")
	if len(w.store.events) != 2 || len(w.store.answers) != 2 || len(w.store.rows) != 1 || len(w.store.commits) != 1 {
		t.Errorf("%d events, %d answers, %d rows, %d commits; want 2, 2, 1, 1",
			len(w.store.events), len(w.store.answers), len(w.store.rows), len(w.store.commits))
	}
	w.expect(w.batch(dry(count("4", "a", "u"))), "a=3@3")
	if len(w.store.commits) != 1 {
		t.Error("a batch that only tries commits something")
	}
	w.expect(w.batch(count("2", "a", "real")), "a=3@3")   // the key is free still
	w.expect(w.batch(dry(count("1", "a", "x"))), "a=4@4") // an answered key is not asked
}

// A refusal of what is tried only is the refusal that the real thing would meet, and it is not kept.
func TestDryRunIsRefusedAlike(t *testing.T) {
	w := newWorld(t)
	refused := do("1", "x", adding("a", 1, "x"), refusing(fault.FailedPrecondition, "a"))
	w.expect(w.batch(dry(refused), dry(refused)), "9:REFUSED", "9:REFUSED")
	if len(w.store.answers) != 0 || len(w.store.commits) != 0 {
		t.Errorf("%d answers, %d commits", len(w.store.answers), len(w.store.commits))
	}
}
