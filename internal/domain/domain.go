// Package domain is the contract between the pipeline and the rules. A domain is a package of pure decisions below this one: a
// command names the rows it needs, and decides on their values and a clock reading what changes. No I/O, no clock, no context,
// no other domain. What spans domains is a flow (package flow).
package domain

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// States is the view that a decision has of the rows it named: as loaded, changed by the decisions before it in the batch.
type States interface {
	// Get answers the row, or nil when it does not exist.
	Get(ref state.Ref) state.Row
}

// Command is a wish to change something.
type Command interface {
	// Refs names every row that the decision may read or change.
	Refs() []state.Ref
	// Decide answers what changes, or refuses. It is a function of its arguments.
	Decide(states States, now time.Time) (Decision, *fault.Fault)
}

// Decision is what a command changes. The zero value changes nothing: the wish had been fulfilled before.
type Decision struct {
	Changes   []Change
	Timers    []TimerChange
	Transfers []ledger.Transfer
	Answer    state.Ref // the row that this step answers with; the first step's counts, in its final state
	// Refusal is what the command is answered although the changes are made, which note that it was refused. No later step is decided. It
	// must be one that is stored (fault.Stored): whoever repeats the command is told it again, and nothing is noted twice.
	Refusal *fault.Fault
}

// Change is a row's next state and the event that tells of it. The event carries the state, so what an event means and what
// it does to the state cannot drift apart.
type Change struct {
	After  state.Row
	Before state.Row // nil when new
	Event  string    // type of the event; empty when the change is told by another row's event
	Reason string    // machine reason in the event
	Beside state.Row // another row that the event tells of; nil for none
}

// TimerChange sets a timer, or clears it when DueAt is zero.
type TimerChange struct {
	state.Timer
}

// Find answers the row of a reference with its type, or nil.
func Find[R any, P interface {
	*R
	state.Row
}](states States, ref state.Ref) P {
	row := states.Get(ref)
	if row == nil {
		return nil
	}
	typed, _ := row.(P)
	return typed
}
