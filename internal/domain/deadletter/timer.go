package deadletter

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// UnknownFor is how long a timer waits that no process knows what to do with. It may be one of a newer version, of which a process fires
// it when the update is complete.
const UnknownFor = 24 * time.Hour

// EndTimer takes a timer away whose kind is not known, when it has been due for UnknownFor, and writes a letter of it. Before, it changes
// nothing.
type EndTimer struct{ Timer state.Timer }

// Refs implements domain.Command.
func (c EndTimer) Refs() []state.Ref { return c.write().Refs() }

func (c EndTimer) write() Write {
	return Write{Letter: state.DeadLetter{
		Tenant: c.Timer.Tenant, ID: id.DeriveStep("deadletter", c.Timer.AggregateID, "timer/"+c.Timer.Kind), AggregateID: c.Timer.AggregateID,
		Kind: KindTimer, Payload: []byte(c.Timer.Kind), Error: "this version knows no timer of the kind " + c.Timer.Kind, Attempts: 1,
	}}
}

// Decide implements domain.Command.
func (c EndTimer) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	if now.Sub(c.Timer.DueAt) < UnknownFor {
		return domain.Decision{}, nil
	}
	decision, refused := c.write().Decide(states, now)
	decision.Timers = []domain.TimerChange{{Timer: state.Timer{TimerKey: c.Timer.TimerKey}}}
	return decision, refused
}

// SetTimer sets the timer of a letter again, due at once: for a version that knows its kind. The letter is closed by another step.
type SetTimer struct{ Letter *state.DeadLetter }

// Refs implements domain.Command.
func (c SetTimer) Refs() []state.Ref { return []state.Ref{c.Letter.Ref()} }

// Decide implements domain.Command.
func (c SetTimer) Decide(_ domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	key := state.TimerKey{Tenant: c.Letter.Tenant, Kind: string(c.Letter.Payload), AggregateID: c.Letter.AggregateID}
	return domain.Decision{Timers: []domain.TimerChange{{Timer: state.Timer{TimerKey: key, DueAt: now}}}, Answer: c.Letter.Ref()}, nil
}
