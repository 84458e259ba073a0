package timer

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// A slow command holds up no timer of another aggregate, and its own timer is not fired again while it is under way, though its lease
// has ended long ago.
func TestSlowTimerHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{}, slow: map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}}
		for _, name := range []string{"a", "b", "c", "d"} {
			f.due[name] = time.Now()
		}
		start(t, f, Options{Limit: 2, Concurrency: 3, Lease: 10 * time.Second}) // the slow ones are a whole poll
		time.Sleep(time.Second)
		if _, fired, _ := f.counts(); fired != 2 {
			t.Errorf("%d timers fired beside two slow ones, want 2", fired)
		}
		time.Sleep(time.Minute)
		close(f.slow["a"])
		close(f.slow["b"])
		time.Sleep(time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		slices.Sort(f.fired)
		if !slices.Equal(f.fired, []string{"a", "b", "c", "d"}) {
			t.Errorf("fired %v, want each once", f.fired)
		}
	})
}

// When nothing but slow commands is under way, no more are begun than there is room for.
func TestTimersUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{}, slow: map[string]chan struct{}{}}
		gate := make(chan struct{})
		for i := range 10 {
			f.due[strconv.Itoa(i)], f.slow[strconv.Itoa(i)] = time.Now(), gate
		}
		start(t, f, Options{Concurrency: 3, Lease: time.Hour})
		time.Sleep(time.Minute)
		f.mu.Lock()
		begun := 0
		for _, at := range f.due {
			if at.After(time.Now()) {
				begun++
			}
		}
		f.mu.Unlock()
		if begun != 3 {
			t.Errorf("%d timers are leased, want 3", begun)
		}
		close(gate)
		time.Sleep(time.Second)
		if due, fired, _ := f.counts(); due != 0 || fired != 10 {
			t.Errorf("%d timers are left and %d fired", due, fired)
		}
	})
}

func TestTimersOfAnAggregateFireInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fired []string
		gate := make(chan struct{})
		u := newUnderWay(10, func(_ context.Context, timer state.Timer) {
			fired = append(fired, timer.Kind)
			<-gate
		})
		take := func(kind, name string, lease time.Duration) {
			key := state.TimerKey{Tenant: "t", Kind: kind, AggregateID: name}
			u.take(t.Context(), leased{state.Timer{TimerKey: key}, time.Now().Add(lease)})
		}
		take("first", "a", time.Minute)
		take("second", "a", time.Second)
		take("late", "a", time.Second)
		take("third", "a", time.Minute)
		synctest.Wait()
		take("other", "b", time.Minute)
		synctest.Wait()
		if u.room() != 5 || !slices.Equal(fired, []string{"first", "other"}) {
			t.Errorf("there is room for %d and fired are %v", u.room(), fired)
		}
		time.Sleep(2 * time.Second)
		take("second", "a", time.Minute) // leased again while it waited
		close(gate)
		u.group.Wait()
		if u.room() != 10 || len(u.lines) != 0 || !slices.Equal(fired, []string{"first", "other", "second", "third"}) {
			t.Errorf("there is room for %d and fired are %v", u.room(), fired)
		}
	})
}
