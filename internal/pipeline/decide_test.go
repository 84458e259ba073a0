package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/state"
)

func TestCommandIsStoredWithItsEventAndAnswer(t *testing.T) {
	w := newWorld(t)
	w.expect(w.batch(count("key", "a", "first")), "a=1@1")
	if len(w.store.events) != 1 {
		t.Fatalf("%d events", len(w.store.events))
	}
	event, batch := w.store.events[0], w.store.commits[0].Batch
	want := state.Event{
		ID: batch.Member(0), Tenant: "shop", AggregateKind: state.KindItem, AggregateID: "a", Seq: 1, Type: "counter.added",
		At: w.store.now, TraceID: "trace-of-first", IdempotencyKey: "key", SchemaVersion: "1.0.0", Payload: []byte("first:1"),
	}
	if text := string(event.Payload); text != "first:1" {
		t.Errorf("payload %q", text)
	}
	event.Payload, want.Payload = nil, nil
	if !slices.EqualFunc([]state.Event{event}, []state.Event{want}, func(a, b state.Event) bool {
		return a.ID == b.ID && a.Tenant == b.Tenant && a.AggregateKind == b.AggregateKind && a.AggregateID == b.AggregateID &&
			a.Seq == b.Seq && a.Type == b.Type && a.At.Equal(b.At) && a.TraceID == b.TraceID &&
			a.IdempotencyKey == b.IdempotencyKey && a.SchemaVersion == b.SchemaVersion
	}) {
		t.Errorf("event\n%+v, want\n%+v", event, want)
	}
	answer := w.store.answers[state.Key{Tenant: "shop", Principal: "client", Key: "key"}]
	if answer == nil || string(answer.Body) != "a=1@1" || answer.Code != fault.OK || !answer.At.Equal(w.store.now) ||
		answer.Method != "/oms.v1.Test/Do" {
		t.Errorf("stored answer %+v", answer)
	}
}

func TestLaterCommandsOfABatchSeeEarlierOnes(t *testing.T) {
	w := newWorld(t)
	w.expect(w.batch(count("1", "a", "x"), count("2", "a", "y"), count("3", "b", "z"), count("4", "a", "u")),
		"a=1@1", "a=2@2", "b=1@1", "a=3@3")
	if commits := w.store.commits; len(commits) != 1 || len(commits[0].Rows) != 2 || !commits[0].Rows[0].New {
		t.Errorf("commits %+v, want one with two new rows", commits)
	}
	w.expect(w.batch(count("5", "a", "v")), "a=4@4")
	if rows := w.store.commits[1].Rows; len(rows) != 1 || rows[0].New {
		t.Errorf("rows %+v, want one that is not new", rows)
	}
}

func TestStepsSeeEachOther(t *testing.T) {
	w := newWorld(t)
	copying := wish{
		refs: []state.Ref{counter("a"), counter("b")},
		decide: func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
			a := domain.Find[state.Item](states, counter("a"))
			return domain.Decision{Changes: []domain.Change{add(states, "b", 10*a.OnHand, "copy")}, Answer: counter("b")}, nil
		},
	}
	c := do("1", "x", adding("a", 3, "one"), adding("a", 4, "two"), copying)
	skipped := command.Step{Refs: []state.Ref{counter("a")}, Next: func(states domain.States) domain.Command {
		if domain.Find[state.Item](states, counter("a")).OnHand != 7 {
			return adding("a", 1000, "never")
		}
		return nil
	}}
	c.Steps = append(c.Steps, skipped)
	w.expect(w.batch(c), "a=7@2") // the first step's answer, in its final state
	c.Key, c.Answer = "2", counter("b")
	w.expect(w.batch(c), "b=210@2")
	if a := w.total("a"); a != 1014 {
		t.Errorf("a is %d, want 1014: 7, 7 and the step that was not skipped", a)
	}
}

func TestRefusalTakesBackTheWholeCommand(t *testing.T) {
	w := newWorld(t)
	timed := wish{refs: []state.Ref{counter("a")}, decide: func(domain.States, time.Time) (domain.Decision, *fault.Fault) {
		return domain.Decision{
			Timers:    []domain.TimerChange{{Timer: state.Timer{TimerKey: state.TimerKey{Kind: "t"}, DueAt: time.Now()}}},
			Transfers: []ledger.Transfer{balanced("one", 5, -5)},
		}, nil
	}}
	w.expect(w.batch(
		count("1", "a", "x"),
		do("2", "y", adding("a", 5, "undone"), adding("b", 5, "undone"), timed, refusing(fault.FailedPrecondition, "a")),
		count("3", "a", "z"),
	), "a=1@1", "9:REFUSED", "a=2@2")
	if w.total("b") != 0 || len(w.store.events) != 2 || len(w.store.timers) != 0 || len(w.store.transfers) != 0 {
		t.Errorf("something of the refused command was stored: %+v", w.store.commits)
	}
}

func TestNoChangeNoCommit(t *testing.T) {
	w := newWorld(t)
	idle := wish{refs: []state.Ref{counter("a")}, decide: func(domain.States, time.Time) (domain.Decision, *fault.Fault) {
		return domain.Decision{}, nil
	}}
	w.expect(w.batch(do("", "x", idle)), "")
	if len(w.store.commits) != 0 {
		t.Error("a batch without changes was committed")
	}
}

// TestAnswersRestOnWhatIsProved has a refusal that stores nothing, decided on a row that another process has changed meanwhile.
func TestAnswersRestOnWhatIsProved(t *testing.T) {
	w := newWorld(t)
	w.store.remembers = true
	one, other := w.running(), w.running()
	look := wish{refs: []state.Ref{counter("a")}, decide: func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		return domain.Decision{}, fault.New(fault.Aborted, fmt.Sprintf("SEEN_%d", states.Get(counter("a")).(*state.Item).OnHand), "")
	}}
	for _, step := range []struct {
		in   *pipeline.Pipeline
		do   command.Command
		want string
	}{
		{one, count("", "a", "x"), ""}, {one, do("", "y", look), "SEEN_1"}, {other, count("", "a", "z"), ""}, {one, do("", "y", look), "SEEN_2"},
	} {
		got := ""
		if result := step.in.Submit(context.Background(), step.do); result.Fault != nil {
			got = result.Fault.Reason
		}
		if got != step.want {
			t.Errorf("refused with %q, want %q", got, step.want)
		}
	}
}

// TestNothingRestsOnWhatNobodyLooksAt: another process may change a row that a command names and its decision leaves alone.
func TestNothingRestsOnWhatNobodyLooksAt(t *testing.T) {
	w := newWorld(t)
	w.store.remembers = true
	one, other := w.running(), w.running()
	blind := adding("b", 1, "blind")
	blind.refs = append(blind.refs, counter("a"))
	for _, step := range []struct {
		in *pipeline.Pipeline
		do command.Command
	}{
		{one, do("", "x", adding("a", 1, "x"), blind)}, {other, count("", "a", "z")}, {one, do("", "y", blind)},
	} {
		if result := step.in.Submit(context.Background(), step.do); result.Fault != nil {
			t.Error(result.Fault)
		}
	}
	if w.observed("conflict") != 0 || len(w.store.commits[2].Unseen) != 1 || w.total("a") != 2 || w.total("b") != 2 {
		t.Errorf("%d conflicts; unseen were %v", w.observed("conflict"), w.store.commits[2].Unseen)
	}
}

// TestDefectsAreIsolated has one broken command between two good ones.
func TestDefectsAreIsolated(t *testing.T) {
	type decision = func(states domain.States, now time.Time) (domain.Decision, *fault.Fault)
	change := func(alter func(*domain.Change)) decision {
		return func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
			c := add(states, "a", 1, "broken")
			alter(&c)
			return domain.Decision{Changes: []domain.Change{c}}, nil
		}
	}
	cases := map[string]decision{
		"panic": func(domain.States, time.Time) (domain.Decision, *fault.Fault) { panic("oops") },
		"reads an unnamed row": func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
			states.Get(counter("b"))
			return domain.Decision{}, nil
		},
		"changes an unnamed row": change(func(c *domain.Change) { c.After.(*state.Item).SKU = "b" }),
		"loses an update": change(func(c *domain.Change) {
			before := *c.Before.(*state.Item)
			c.Before = &before
		}),
		"makes what exists":   change(func(c *domain.Change) { c.Before = nil }),
		"changes in place":    change(func(c *domain.Change) { c.After = c.Before }),
		"deletes":             change(func(c *domain.Change) { c.After = nil }),
		"skips an event":      change(func(c *domain.Change) { c.After.(*state.Item).Seq++ }),
		"numbers no event":    change(func(c *domain.Change) { c.Event = "" }),
		"event cannot encode": change(func(c *domain.Change) { c.Reason = "panic" }),
		"answer cannot encode": func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
			return domain.Decision{Changes: []domain.Change{add(states, "a", 666, "")}, Answer: counter("a")}, nil
		},
		"answers an unnamed row": func(domain.States, time.Time) (domain.Decision, *fault.Fault) {
			return domain.Decision{Answer: counter("b")}, nil
		},
		"unbalanced transfer": func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
			return domain.Decision{
				Changes:   []domain.Change{add(states, "a", 1, "")},
				Transfers: []ledger.Transfer{balanced("x", 5, -4)},
			}, nil
		},
	}
	for name, decide := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.options.Environment.EncodeAnswer = func(row state.Row) []byte {
				if row.(*state.Item).OnHand > 600 {
					panic("cannot encode")
				}
				return encodeAnswer(row)
			}
			w.options.Environment.EncodeEvent = func(change domain.Change, at time.Time) ([]byte, string) {
				if change.Reason == "panic" {
					panic("cannot encode")
				}
				return encodeEvent(change, at)
			}
			results := w.batch(count("1", "a", "x"), do("2", "y", wish{[]state.Ref{counter("a")}, decide}), count("3", "b", "b"),
				count("4", "a", "z"))
			w.expect(results, "a=1@1", "13:INTERNAL", "b=1@1", "a=2@2")
			if results[1].Fault.TraceID != "trace-of-y" || strings.Contains(results[1].Fault.Message, "oops") {
				t.Errorf("fault %+v", results[1].Fault)
			}
			if w.observed("panic") == 0 || len(w.store.events) != 3 || len(w.store.transfers) != 0 {
				t.Errorf("%d observed, %d events", w.observed("panic"), len(w.store.events))
			}
		})
	}
}

func TestManyReferencesInOneStep(t *testing.T) {
	w := newWorld(t)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
	refs := make([]state.Ref, 0, len(names))
	for _, name := range names {
		refs = append(refs, counter(name))
	}
	all := wish{refs: refs, decide: func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		var d domain.Decision
		for _, name := range names {
			d.Changes = append(d.Changes, add(states, name, 1, name))
		}
		d.Answer = counter("l")
		return d, nil
	}}
	other := wish{refs: refs, decide: func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		states.Get(counter("z"))
		return domain.Decision{}, nil
	}}
	w.expect(w.batch(count("0", "z", "z"), do("1", "x", all), do("2", "y", other), do("3", "z", all)),
		"z=1@1", "l=1@1", "13:INTERNAL", "l=2@2")
}

// making is the wish to make a counter that no step names.
func making(name string) wish {
	return wish{[]state.Ref{counter("a")}, func(domain.States, time.Time) (domain.Decision, *fault.Fault) {
		row := &state.Item{Tenant: "shop", SKU: name, OnHand: 1, Version: 1, Seq: 1}
		return domain.Decision{Changes: []domain.Change{{After: row, Event: "counter.added", Reason: name}}, Answer: row.Ref()}, nil
	}}
}

func TestDecisionMakesRowsItNamesItself(t *testing.T) {
	w := newWorld(t)
	w.expect(w.batch(do("1", "x", making("z")), count("2", "a", "x"), do("3", "y", making("z")),
		do("4", "z", making("b"), refusing(fault.NotFound, "a")), do("5", "u", making("b"))),
		"z=1@1", "a=1@1", "13:INTERNAL", "5:REFUSED", "b=1@1")
	if rows := w.store.commits[0].Rows; len(rows) != 3 || !rows[0].New || !rows[1].New || !rows[2].New {
		t.Errorf("rows %+v", rows)
	}
	// It exists in the store, which the batch finds out only when it commits: the others go through.
	w.expect(w.batch(count("6", "a", "x"), do("7", "y", making("z")), count("8", "a", "x"), count("9", "b", "x")),
		"a=2@2", "14:CONTENTION", "a=3@3", "b=2@2")
}

func TestTimersAreMerged(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
	timers := func(changes ...domain.TimerChange) wish {
		return wish{refs: []state.Ref{counter("a")}, decide: func(domain.States, time.Time) (domain.Decision, *fault.Fault) {
			return domain.Decision{Timers: changes}, nil
		}}
	}
	set := func(name string, due time.Time) domain.TimerChange {
		return domain.TimerChange{Timer: state.Timer{TimerKey: state.TimerKey{Tenant: "shop", Kind: "k", AggregateID: name}, DueAt: due}}
	}
	w.batch(
		do("", "1", timers(set("b", at), set("a", at), set("c", time.Time{}))),
		do("", "2", timers(set("a", time.Time{}), set("b", at.Add(time.Hour)), set("c", at))),
	)
	changes := w.store.commits[0]
	if len(changes.SetTimers) != 2 || changes.SetTimers[0] != set("b", at.Add(time.Hour)).Timer ||
		changes.SetTimers[1] != set("c", at).Timer {
		t.Errorf("set %+v", changes.SetTimers)
	}
	if len(changes.ClearTimers) != 1 || changes.ClearTimers[0] != set("a", at).TimerKey {
		t.Errorf("cleared %+v", changes.ClearTimers)
	}
}

func balanced(name string, amounts ...int64) ledger.Transfer {
	transfer := ledger.Transfer{Tenant: "shop", ID: "transfer:" + name, Currency: "EUR"}
	for _, amount := range amounts {
		transfer.Entries = append(transfer.Entries, ledger.Entry{Account: "account:house:EUR", AmountMinor: amount})
	}
	return transfer
}

func TestNewEffectsBelongToThisProcess(t *testing.T) {
	w := newWorld(t)
	w.options.Environment.EffectOwner, w.options.Environment.EffectLease = "process-1", time.Minute
	effect := func(name string, alter func(*state.Effect)) command.Command {
		ref := state.Ref{Kind: state.KindEffect, Tenant: "shop", ID: name}
		return do("", name, wish{[]state.Ref{ref}, func(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
			before := domain.Find[state.Effect](states, ref)
			after := state.Effect{Tenant: "shop", ID: name, State: state.EffectOpen, NextAt: now}
			if before != nil {
				after = *before
			}
			alter(&after)
			return domain.Decision{Changes: []domain.Change{{After: &after, Before: before}}}, nil
		}})
	}
	w.batch(
		effect("plain", func(*state.Effect) {}),
		effect("owned", func(e *state.Effect) { e.Owner = "other" }),
		effect("later", func(e *state.Effect) { e.NextAt = e.NextAt.Add(time.Hour) }),
		effect("closed", func(*state.Effect) {}),
		effect("closed", func(e *state.Effect) { e.State = state.EffectDone }),
	)
	stored := func(name string) *state.Effect {
		return w.store.rows[state.Ref{Kind: state.KindEffect, Tenant: "shop", ID: name}].(*state.Effect)
	}
	if e := stored("plain"); e.Owner != "process-1" || !e.NextAt.Equal(w.store.now.Add(time.Minute)) || e.Attempts != 1 || !e.Called {
		t.Errorf("plain %+v", e)
	}
	for name, owner := range map[string]string{"owned": "other", "later": "", "closed": ""} {
		if e := stored(name); e.Owner != owner || e.Called || e.Attempts != 0 {
			t.Errorf("%s %+v", name, e)
		}
	}
	w.batch(effect("later", func(e *state.Effect) { e.NextAt = w.store.now }))
	if e := stored("later"); e.Owner != "" {
		t.Errorf("an effect that is not new was claimed: %+v", e)
	}
}
