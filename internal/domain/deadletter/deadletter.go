// Package deadletter decides on steps that kept failing: they are written down, shown, and replayed (requirement O-9).
package deadletter

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Kinds of letters that are not about events; those carry the event's type. They park nothing: the events of their order were
// carried out.
const (
	KindEffect  = "effect"  // a call to the outside; the payload is the effect's id
	KindTimer   = "timer"   // a timer whose command was refused for good, or whose kind is not known; the payload is the timer's kind
	KindDispute = "dispute" // disputes of a payment that cannot be booked; the payload is the order's id
)

// Write stores a letter. Its id derives from what failed, so a step is written down once.
type Write struct{ Letter state.DeadLetter }

// Refs implements domain.Command.
func (c Write) Refs() []state.Ref { return []state.Ref{c.Letter.Ref()} }

// Decide implements domain.Command. A letter that was replayed and fails again is open again.
func (c Write) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	after := c.Letter
	after.CreatedAt, after.ReplayedAt = now, time.Time{}
	change := domain.Change{After: &after}
	if before := domain.Find[state.DeadLetter](states, after.Ref()); before != nil {
		change.Before = before
		after.CreatedAt = before.CreatedAt
		after.Attempts += before.Attempts
	}
	return domain.Decision{Changes: []domain.Change{change}, Answer: after.Ref()}, nil
}

// Close marks a letter as replayed with success.
type Close struct{ Tenant, ID string }

// Refs implements domain.Command.
func (c Close) Refs() []state.Ref {
	return []state.Ref{{Kind: state.KindDeadLetter, Tenant: c.Tenant, ID: c.ID}}
}

// Decide implements domain.Command.
func (c Close) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := c.Refs()[0]
	before := domain.Find[state.DeadLetter](states, ref)
	if before == nil {
		return domain.Decision{}, fault.NotFoundf("dead letter", c.ID)
	}
	if !before.ReplayedAt.IsZero() {
		return domain.Decision{Answer: ref}, nil
	}
	after := *before
	after.ReplayedAt = now
	return domain.Decision{Changes: []domain.Change{{Before: before, After: &after}}, Answer: ref}, nil
}
