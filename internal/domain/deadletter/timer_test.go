package deadletter_test

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/state"
)

type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row { return r[ref] }

// A timer of an unknown kind waits for a version that may know it, and becomes a letter then, whose replay sets it again.
func TestTimerOfAnUnknownKind(t *testing.T) {
	due := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	key := state.TimerKey{Tenant: "t", Kind: "order.frob", AggregateID: "order:01980000-0000-7000-8000-000000000000"}
	end := deadletter.EndTimer{Timer: state.Timer{TimerKey: key, DueAt: due}}
	early, refused := end.Decide(rows{}, due.Add(deadletter.UnknownFor-time.Second))
	if refused != nil || len(early.Changes) != 0 || len(early.Timers) != 0 {
		t.Errorf("too early: %+v, %v", early, refused)
	}
	decision, refused := end.Decide(rows{}, due.Add(deadletter.UnknownFor))
	if refused != nil || len(decision.Changes) != 1 || len(decision.Timers) != 1 {
		t.Fatalf("%+v, %v", decision, refused)
	}
	if timer := decision.Timers[0]; timer.TimerKey != key || !timer.DueAt.IsZero() {
		t.Errorf("the timer is not cleared: %+v", timer)
	}
	letter, _ := decision.Changes[0].After.(*state.DeadLetter)
	if letter == nil || letter.Ref() != end.Refs()[0] || letter.Kind != deadletter.KindTimer || letter.AggregateID != key.AggregateID {
		t.Fatalf("the letter is %+v", letter)
	}
	again, refused := deadletter.SetTimer{Letter: letter}.Decide(rows{}, due.Add(48*time.Hour))
	if refused != nil || len(again.Timers) != 1 || again.Timers[0].TimerKey != key || !again.Timers[0].DueAt.Equal(due.Add(48*time.Hour)) {
		t.Errorf("replayed: %+v, %v", again, refused)
	}
}
