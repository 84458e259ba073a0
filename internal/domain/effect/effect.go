// Package effect decides on calls to the outside: who may make one, when it is tried again, when it is over. The call itself
// happens outside of every transaction (package internal/effect).
package effect

import (
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Name says which effect a command is about.
type Name struct{ Tenant, ID string }

// Ref is the effect's row.
func (n Name) Ref() state.Ref { return state.Ref{Kind: state.KindEffect, Tenant: n.Tenant, ID: n.ID} }

// Refs implements domain.Command.
func (n Name) Refs() []state.Ref { return []state.Ref{n.Ref()} }

// change copies an open effect, changes the copy and stores it; an effect that is over stays as it is.
func (n Name) change(states domain.States, now time.Time, change func(*state.Effect)) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, n.Ref())
	if e == nil {
		return domain.Decision{}, fault.NotFoundf("effect", n.ID)
	}
	if e.State != state.EffectOpen {
		return domain.Decision{Answer: n.Ref()}, nil
	}
	after := *e
	after.UpdatedAt = now
	change(&after)
	return domain.Decision{Changes: []domain.Change{{Before: e, After: &after}}, Answer: n.Ref()}, nil
}

// remember adds to the history of an effect's changed copy what came of an attempt at the effect before. Zero adds nothing. The
// times and numbers are filled in here. The list is copied: rows are never changed in place.
func remember(before, after *state.Effect, did state.EffectAttempt, now time.Time) {
	if did.Result == state.ResultNone {
		return
	}
	did.Number, did.Attempt, did.At, did.StartedAt = 1, before.Attempts, now, before.CreatedAt
	if kept := len(after.History); kept > 0 {
		did.Number, did.StartedAt = after.History[kept-1].Number+1, after.History[kept-1].StartedAt
	}
	if before.Owner != "" {
		did.StartedAt = before.UpdatedAt // nothing but a claim makes an owner, and nothing changes the time while there is one
	}
	first := max(len(after.History)+1-state.HistoryLimit, 0)
	after.History = append(slices.Clone(after.History[first:]), did)
}

// Claim gives an open effect that is due to one process for a time.
type Claim struct {
	Name
	Owner string
	Lease time.Duration
}

// Decide implements domain.Command. ABORTED says that another process has it or that it is over. The answered row tells in
// Called whether the claimer must ask first: it must as well when the claim before was never concluded, since whoever had it may
// have called and died. The history tells of such a claim.
func (c Claim) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e == nil || e.State != state.EffectOpen || now.Before(e.NextAt) {
		return domain.Decision{}, fault.New(fault.Aborted, "NOT_CLAIMED", "the effect is claimed or over")
	}
	return c.change(states, now, func(after *state.Effect) {
		if e.Owner != "" {
			remember(e, after, state.EffectAttempt{Result: state.ResultUnanswered, By: state.PartyReconciler}, now)
		}
		after.Called = after.Called || after.Owner != ""
		after.Owner, after.NextAt = c.Owner, now.Add(c.Lease)
		after.Attempts++
	})
}

// Release gives a claim back under which no attempt is made: it is not due yet after all. It counts as none.
type Release struct {
	Name
	Until time.Time // when it is due
}

// Decide implements domain.Command.
func (c Release) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	return c.change(states, now, func(after *state.Effect) {
		after.Owner, after.NextAt, after.Attempts = "", c.Until, after.Attempts-1
	})
}

// Retry concludes a claim without an outcome: the effect is put off.
type Retry struct {
	Name
	Until  time.Time // end of the claim that it concludes; a claim that came later is left alone
	After  time.Duration
	Did    state.EffectAttempt // what came of the attempt; the zero value when none was made
	Called bool                // a call may have reached the other side
}

// Decide implements domain.Command.
func (c Retry) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e != nil && !e.NextAt.Equal(c.Until) {
		return domain.Decision{Answer: c.Ref()}, nil
	}
	return c.change(states, now, func(after *state.Effect) {
		remember(e, after, c.Did, now)
		after.Owner, after.NextAt, after.Called = "", now.Add(c.After), c.Called
		if c.Did.Result != state.ResultNone && c.Did.Result != state.ResultUnanswered {
			after.LastError = c.Did.Reason
		}
	})
}

// Note tells in the history what a claim has come to know while it goes on: the answer to an inquiry.
type Note struct {
	Name
	Until time.Time // end of the claim
	Did   state.EffectAttempt
}

// Decide implements domain.Command. The claim is left as it is, its time too.
func (c Note) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e == nil || e.State != state.EffectOpen || !e.NextAt.Equal(c.Until) || e.Owner == "" {
		return domain.Decision{}, nil
	}
	after := *e
	remember(e, &after, c.Did, now)
	return domain.Decision{Changes: []domain.Change{{Before: e, After: &after}}, Answer: c.Ref()}, nil
}

// Finish closes an effect whose result is known, also one that was given up before.
type Finish struct {
	Name
	ExternalID string
	Error      string // the refusal of the other side; empty after a success
	GivenUp    bool   // the group closes the dead letter of an effect that was given up
	By         state.EffectParty
	Asked      bool // the outcome is the answer to an inquiry
}

// Decide implements domain.Command. ABORTED says that the effect was given up and the group, made before, leaves its letter open. A
// success at the first attempt, the way of nearly all calls, adds nothing to the history: the row tells it all.
func (c Finish) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e == nil {
		return domain.Decision{}, fault.NotFoundf("effect", c.ID)
	}
	if e.State == state.EffectDone {
		return domain.Decision{Answer: c.Ref()}, nil
	}
	if e.State == state.EffectFailed && !c.GivenUp {
		return domain.Decision{}, fault.New(fault.Aborted, "GIVEN_UP", "the effect was given up meanwhile; read it again")
	}
	after := *e
	did := state.EffectAttempt{Result: state.ResultSucceeded, By: c.By, Asked: c.Asked, Reason: c.Error}
	if c.Error != "" {
		did.Result = state.ResultRefused
	}
	if did.Result != state.ResultSucceeded || e.Attempts > 1 || len(e.History) > 0 {
		remember(e, &after, did, now)
	}
	after.State, after.Owner, after.LastError, after.UpdatedAt, after.SettledBy = state.EffectDone, "", c.Error, now, c.By
	if c.ExternalID != "" {
		after.ExternalID = c.ExternalID
	}
	return domain.Decision{Changes: []domain.Change{{Before: e, After: &after}}, Answer: c.Ref()}, nil
}

// Return tells of an effect that had succeeded that it has failed after all.
type Return struct {
	Name
	Reason string
	By     state.EffectParty
}

// Decide implements domain.Command. The history gets the success too, which the row alone told before.
func (c Return) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e == nil || e.State != state.EffectDone || e.LastError != "" {
		return domain.Decision{}, nil
	}
	after := *e
	if len(e.History) == 0 {
		remember(e, &after, state.EffectAttempt{Result: state.ResultSucceeded, By: e.SettledBy}, e.UpdatedAt)
	}
	remember(e, &after, state.EffectAttempt{Result: state.ResultRefused, By: c.By, Reason: c.Reason}, now)
	after.LastError, after.UpdatedAt, after.SettledBy = c.Reason, now, c.By
	return domain.Decision{Changes: []domain.Change{{Before: e, After: &after}}, Answer: c.Ref()}, nil
}

// TimerExpires has a call that was given up tried once more when it may not be made any longer: the gateway can tell then for certain what
// became of it, and what waits for it goes on.
const TimerExpires = "effect.expires"

// expiry sets the timer of an effect, or clears it with a zero time.
func (n Name) expiry(due time.Time) []domain.TimerChange {
	return []domain.TimerChange{{Timer: state.Timer{
		TimerKey: state.TimerKey{Tenant: n.Tenant, Kind: TimerExpires, AggregateID: n.ID}, DueAt: due,
	}}}
}

// GiveUp closes an effect that could not be carried out; a dead letter of the same group tells.
type GiveUp struct {
	Name
	Did state.EffectAttempt // the last attempt; its reason is why
}

// Decide implements domain.Command.
func (c GiveUp) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	decision, refusal := c.change(states, now, func(after *state.Effect) {
		remember(e, after, c.Did, now)
		remember(e, after, state.EffectAttempt{Result: state.ResultGivenUp, By: c.Did.By, Reason: c.Did.Reason}, now)
		after.Called = after.Called || after.Owner != "" // whoever tries again has to ask first
		after.State, after.Owner, after.LastError = state.EffectFailed, "", c.Did.Reason
	})
	if len(decision.Changes) > 0 && now.Before(e.ExpiresAt) {
		decision.Timers = c.expiry(e.ExpiresAt)
	}
	return decision, refusal
}

// Reopen lets an effect that was given up be tried again at once.
type Reopen struct{ Name }

// Decide implements domain.Command.
func (c Reopen) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e == nil || e.State != state.EffectFailed {
		return domain.Decision{}, nil
	}
	return c.reopen(e, state.PartyOperator, now), nil
}

func (n Name) reopen(e *state.Effect, by state.EffectParty, now time.Time) domain.Decision {
	after := *e
	remember(e, &after, state.EffectAttempt{Result: state.ResultReopened, By: by}, now)
	after.State, after.NextAt, after.UpdatedAt, after.Attempts = state.EffectOpen, now, now, 0
	return domain.Decision{Changes: []domain.Change{{Before: e, After: &after}}, Answer: n.Ref()}
}

// Expire is the timer of an effect that was given up: it is open again, to be asked about and no more.
type Expire struct{ Name }

// Decide implements domain.Command. Too early is ABORTED, so that the timer tries again; an effect that is not given up any more only
// loses the timer.
func (c Expire) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	e := domain.Find[state.Effect](states, c.Ref())
	if e == nil || e.State != state.EffectFailed {
		return domain.Decision{Timers: c.expiry(time.Time{})}, nil
	}
	if now.Before(e.ExpiresAt) {
		return domain.Decision{}, fault.New(fault.Aborted, "TOO_EARLY", "the call may be made until %s", e.ExpiresAt.Format(time.RFC3339))
	}
	decision := c.reopen(e, state.PartyReconciler, now)
	decision.Timers = c.expiry(time.Time{})
	return decision, nil
}
