package clock

import (
	"context"
	"testing"
	"time"
)

func TestSteadyGoesByElapsedTime(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	var elapsed time.Duration
	now := steady(start, func(time.Time) time.Duration { return elapsed })
	elapsed = 90 * time.Second
	if got := now(); !got.Equal(start.Add(90 * time.Second)) {
		t.Errorf("after 90 s it is %v", got)
	}
}

func TestSteadyNeverGoesBack(t *testing.T) {
	t.Parallel()
	now := Steady()
	last := now()
	for range 1_000 {
		next := now()
		if next.Before(last) {
			t.Fatalf("%v after %v", next, last)
		}
		last = next
	}
	if off := time.Since(last).Abs(); off > time.Minute {
		t.Errorf("is %v away from the system's clock", off)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	if !Wait(t.Context(), time.Millisecond) || !Wait(t.Context(), 0) {
		t.Error("the context has not ended")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if Wait(ended, time.Hour) {
		t.Error("the context has ended")
	}
}
