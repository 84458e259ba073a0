package effect

import (
	"reflect"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	now  = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	name = Name{Tenant: "t", ID: "effect:x/hold/1"}
)

// rows is what a decision sees.
type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row {
	if row, found := r[ref]; found {
		return row
	}
	return nil
}

// open is an effect that is due and nobody's.
func open() *state.Effect {
	return &state.Effect{Tenant: name.Tenant, ID: name.ID, State: state.EffectOpen, NextAt: now.Add(-time.Second), UpdatedAt: now.Add(-time.Hour)}
}

// decide answers the effect as the command leaves it, and the code of the refusal.
func decide(t *testing.T, e *state.Effect, c domain.Command) (*state.Effect, fault.Code) {
	t.Helper()
	given := rows{}
	if e != nil {
		given[e.Ref()] = e
	}
	before := open()
	if e != nil {
		*before = *e
	}
	decision, refusal := c.Decide(given, now)
	if e != nil && !reflect.DeepEqual(e, before) {
		t.Error("the decision changed the row that it was given")
	}
	if refusal != nil {
		return e, refusal.Code
	}
	if len(decision.Changes) == 0 {
		return e, fault.OK
	}
	after, _ := decision.Changes[0].After.(*state.Effect)
	if !after.UpdatedAt.Equal(now) {
		t.Error("the change does not say when it was")
	}
	return after, fault.OK
}

func TestClaim(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		given func(e *state.Effect)
		code  fault.Code
		ask   bool
	}{
		"a new one":                      {given: func(*state.Effect) {}},
		"due this moment":                {given: func(e *state.Effect) { e.NextAt = now }},
		"not due":                        {given: func(e *state.Effect) { e.NextAt = now.Add(1) }, code: fault.Aborted},
		"done":                           {given: func(e *state.Effect) { e.State = state.EffectDone }, code: fault.Aborted},
		"given up":                       {given: func(e *state.Effect) { e.State = state.EffectFailed }, code: fault.Aborted},
		"put off after a doubt":          {given: func(e *state.Effect) { e.Called = true }, ask: true},
		"claimed before, not concluded":  {given: func(e *state.Effect) { e.Owner = "dead" }, ask: true},
		"put off, nothing had been done": {given: func(e *state.Effect) { e.Attempts = 3 }},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			e := open()
			test.given(e)
			after, code := decide(t, e, Claim{Name: name, Owner: "me", Lease: time.Minute})
			if code != test.code {
				t.Fatalf("code %d, want %d", code, test.code)
			}
			if code != fault.OK {
				return
			}
			if after.Owner != "me" || !after.NextAt.Equal(now.Add(time.Minute)) || after.Attempts != e.Attempts+1 {
				t.Errorf("claimed %+v", after)
			}
			if after.Called != test.ask {
				t.Errorf("ask first: %v, want %v", after.Called, test.ask)
			}
		})
	}
	if _, code := decide(t, nil, Claim{Name: name}); code != fault.Aborted {
		t.Errorf("claiming what is not there: code %d", code)
	}
}

func TestRetryConcludesItsOwnClaimOnly(t *testing.T) {
	t.Parallel()
	claimed := open()
	claimed.Owner, claimed.Attempts, claimed.NextAt = "me", 2, now.Add(time.Minute)
	after, _ := decide(t, claimed, Retry{Name: name, Until: claimed.NextAt, After: time.Second, Did: failure("reset"), Called: true})
	if after.Owner != "" || !after.NextAt.Equal(now.Add(time.Second)) || after.LastError != "reset" || !after.Called {
		t.Errorf("put off %+v", after)
	}
	if again, _ := decide(t, claimed, Retry{Name: name, Until: now, After: time.Second}); again != claimed {
		t.Error("the retry of an earlier claim changed a later one")
	}
	claimed.State = state.EffectDone
	if again, _ := decide(t, claimed, Retry{Name: name, Until: claimed.NextAt}); again != claimed {
		t.Error("an effect that is done was put off")
	}
	if _, code := decide(t, nil, Retry{Name: name}); code != fault.NotFound {
		t.Errorf("retrying what is not there: code %d", code)
	}
}

// A claim counts from 1 again once an effect was opened again: who had the first claim before, and was asleep, must not conclude it.
func TestRetryOfAClaimBeforeTheReplay(t *testing.T) {
	t.Parallel()
	asleep := claimed()
	asleep.NextAt = now.Add(-time.Hour)
	given, _ := decide(t, asleep, GiveUp{Name: name, Did: failure("no route")})
	opened, _ := decide(t, given, Reopen{name})
	again, _ := decide(t, opened, Claim{Name: name, Owner: "other", Lease: time.Minute})
	if again.Attempts != asleep.Attempts {
		t.Fatalf("claim %d after claim %d: the test proves nothing", again.Attempts, asleep.Attempts)
	}
	late := Retry{Name: name, Until: asleep.NextAt, Did: state.EffectAttempt{Result: state.ResultNotReached, By: state.PartyWorker}}
	if after, _ := decide(t, again, late); after != again {
		t.Errorf("the claim of another was concluded: %+v", after)
	}
}

func TestFinish(t *testing.T) {
	t.Parallel()
	for _, before := range []state.EffectState{state.EffectOpen, state.EffectFailed} {
		e := open()
		e.State, e.Owner, e.ExternalID = before, "me", "old"
		after, _ := decide(t, e, Finish{Name: name, ExternalID: "ext", Error: "declined", GivenUp: before == state.EffectFailed})
		if after.State != state.EffectDone || after.Owner != "" || after.ExternalID != "ext" || after.LastError != "declined" {
			t.Errorf("finished %+v", after)
		}
		if kept, _ := decide(t, e, Finish{Name: name, GivenUp: true}); kept.ExternalID != "old" {
			t.Errorf("the gateway's number is lost: %+v", kept)
		}
	}
	e := open()
	e.State = state.EffectFailed
	if left, code := decide(t, e, Finish{Name: name}); left != e || code != fault.Aborted {
		t.Errorf("given up meanwhile, and its letter is left open: code %d, %+v", code, left)
	}
	e.State = state.EffectDone
	if again, _ := decide(t, e, Finish{Name: name, Error: "other"}); again != e {
		t.Error("an outcome was replaced by another")
	}
	if _, code := decide(t, nil, Finish{Name: name}); code != fault.NotFound {
		t.Errorf("finishing what is not there: code %d", code)
	}
}

func TestGiveUpAndReopen(t *testing.T) {
	t.Parallel()
	e := open()
	e.Owner, e.Attempts = "me", 9
	given, _ := decide(t, e, GiveUp{Name: name, Did: failure("no route")})
	if given.State != state.EffectFailed || given.Owner != "" || given.LastError != "no route" {
		t.Errorf("given up %+v", given)
	}
	if !given.Called {
		t.Error("whoever opens it again does not know that a call may have been made")
	}
	if again, _ := decide(t, given, GiveUp{Name: name}); again != given {
		t.Error("given up twice")
	}
	if same, _ := decide(t, e, Reopen{name}); same != e {
		t.Error("an open effect was opened")
	}
	opened, _ := decide(t, given, Reopen{name})
	if opened.State != state.EffectOpen || opened.Attempts != 0 || !opened.NextAt.Equal(now) || !opened.Called {
		t.Errorf("opened %+v", opened)
	}
	if _, code := decide(t, nil, Reopen{name}); code != fault.OK {
		t.Errorf("opening what is not there: code %d", code)
	}
}

// failure is an attempt whose answer was lost.
func failure(reason string) state.EffectAttempt {
	return state.EffectAttempt{Result: state.ResultUnknown, By: state.PartyWorker, Reason: reason}
}

// claimed is an effect as the commit that brings it leaves it.
func claimed() *state.Effect {
	e := open()
	e.Owner, e.Attempts, e.Called, e.CreatedAt, e.NextAt = "me", 1, true, e.UpdatedAt, now
	return e
}

func TestASuccessAtOnceHasNoHistory(t *testing.T) {
	t.Parallel()
	after, _ := decide(t, claimed(), Finish{Name: name, By: state.PartyCallback})
	if after.History != nil || after.SettledBy != state.PartyCallback {
		t.Errorf("finished %+v", after)
	}
}

func TestHistoryTellsWhatCameOfEachAttempt(t *testing.T) {
	t.Parallel()
	e := claimed()
	first := e.CreatedAt
	step := func(c domain.Command) {
		t.Helper()
		after, code := decide(t, e, c)
		if code != fault.OK || after == e {
			t.Fatalf("%T changed nothing, code %d", c, code)
		}
		e = after
	}
	step(Claim{Name: name, Owner: "other", Lease: 0}) // the first claim was never concluded
	step(Retry{Name: name, Until: now, Did: failure("reset"), Called: true})
	step(Claim{Name: name, Owner: "me"})
	note := Note{Name: name, Until: now, Did: state.EffectAttempt{Result: state.ResultNotFound, Asked: true, By: state.PartyReconciler}}
	step(note)
	step(GiveUp{Name: name, Did: failure("no route")})
	step(Reopen{name})
	step(Finish{Name: name, Error: "declined", By: state.PartyCallback})
	want := []state.EffectAttempt{
		{Attempt: 1, Result: state.ResultUnanswered, By: state.PartyReconciler, StartedAt: first},
		{Attempt: 2, Result: state.ResultUnknown, By: state.PartyWorker, Reason: "reset"},
		{Attempt: 3, Result: state.ResultNotFound, Asked: true, By: state.PartyReconciler},
		{Attempt: 3, Result: state.ResultUnknown, By: state.PartyWorker, Reason: "no route"},
		{Attempt: 3, Result: state.ResultGivenUp, By: state.PartyWorker, Reason: "no route"},
		{Attempt: 3, Result: state.ResultReopened, By: state.PartyOperator},
		{Attempt: 0, Result: state.ResultRefused, By: state.PartyCallback, Reason: "declined"},
	}
	for i := range want {
		want[i].Number, want[i].At = int32(i+1), now
		if want[i].StartedAt.IsZero() {
			want[i].StartedAt = now
		}
	}
	if !reflect.DeepEqual(e.History, want) {
		t.Errorf("history\n%+v, want\n%+v", e.History, want)
	}
	if decision, _ := note.Decide(rows{e.Ref(): e}, now); len(decision.Changes) > 0 {
		t.Error("a note changed an effect that is done")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	e := claimed()
	for range 3 * state.HistoryLimit {
		e, _ = decide(t, e, Claim{Name: name, Owner: "me", Lease: 0})
	}
	first, last := e.History[0].Number, e.History[len(e.History)-1].Number
	if len(e.History) != state.HistoryLimit || last != 3*state.HistoryLimit || first != last-state.HistoryLimit+1 {
		t.Errorf("%d entries, %d to %d", len(e.History), first, last)
	}
}
