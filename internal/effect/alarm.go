package effect

import (
	"context"
	"sync"
	"time"
)

// alarm knows when the first of the effects is due that this process has put off, so that the poll need not come by chance. It is a
// hint: what it does not tell of is found by the next poll all the same.
type alarm struct {
	mu   sync.Mutex
	at   time.Time     // zero for none
	sets chan struct{} // at has become earlier
}

func newAlarm() *alarm { return &alarm{sets: make(chan struct{}, 1)} }

// set tells of an effect that is due after a time.
func (a *alarm) set(after time.Duration) {
	at := time.Now().Add(after)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && !at.Before(a.at) {
		return
	}
	a.at = at
	select {
	case a.sets <- struct{}{}:
	default: // told already
	}
}

// next takes the time of the alarm when it is over, and answers how long to wait for it or for the end, whichever comes first.
func (a *alarm) next(end time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if !a.at.IsZero() && !now.Before(a.at) {
		a.at = time.Time{}
		return 0
	}
	if !a.at.IsZero() && a.at.Before(end) {
		end = a.at
	}
	return end.Sub(now)
}

// wait sleeps for a time, or until the alarm; false when ctx has ended.
func (a *alarm) wait(ctx context.Context, d time.Duration) bool {
	end := time.Now().Add(d)
	for left := a.next(end); left > 0; left = a.next(end) {
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
		case <-a.sets:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
	return ctx.Err() == nil
}
