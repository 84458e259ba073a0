// Package clock tells the time of the process. Decisions never see it: their time is the database's. It is for what concerns the
// process alone: deadlines, back-off, measuring. Machinery takes a Clock as a value, so that a simulated world can turn it.
package clock

import (
	"context"
	"time"
)

// Clock answers the present moment.
type Clock func() time.Time

// Steady answers a clock that starts at the system's time and then goes by the monotonic one: it neither jumps nor goes back
// when somebody sets the system's clock.
func Steady() Clock { return steady(time.Now(), time.Since) }

func steady(start time.Time, since func(time.Time) time.Duration) Clock {
	return func() time.Time { return start.Add(since(start)) }
}

// Wait waits for a time and answers true, or false when the context ends before.
func Wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
