package timer

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// aggregate is whose timers fire one after the other, in the order in which they are due.
type aggregate struct{ tenant, id string }

// leased is a timer that is this process's until a moment.
type leased struct {
	state.Timer
	until time.Time
}

// underWay holds the timers that were leased and have not come to an end. A slow command holds up those of its own aggregate only; all
// others go on in the room that is left.
type underWay struct {
	fire  func(ctx context.Context, timer state.Timer)
	limit int
	idle  chan struct{} // told when nothing is under way any more; a word too many is harmless

	mutex sync.Mutex
	taken int                    // timers, those that wait behind others too
	lines map[aggregate][]leased // the first of each is fired at the moment
	group sync.WaitGroup
}

func newUnderWay(limit int, fire func(context.Context, state.Timer)) *underWay {
	return &underWay{fire: fire, limit: limit, idle: make(chan struct{}, 1), lines: map[aggregate][]leased{}}
}

// room is how many timers may be taken.
func (u *underWay) room() int {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.limit - u.taken
}

// take has a timer fired. One that is under way is not fired again when its lease has ended meanwhile; one that waits has a new lease.
func (u *underWay) take(ctx context.Context, timer leased) {
	whose := aggregate{timer.Tenant, timer.AggregateID}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	line := u.lines[whose]
	if i := slices.IndexFunc(line, func(l leased) bool { return l.TimerKey == timer.TimerKey }); i >= 0 {
		line[i].until = timer.until
		return
	}
	u.lines[whose] = append(line, timer)
	u.taken++
	if len(line) == 0 {
		u.group.Go(func() { u.work(ctx, whose) })
	}
}

// work fires the timers of an aggregate until none is left.
func (u *underWay) work(ctx context.Context, whose aggregate) {
	for more := true; more; {
		u.mutex.Lock()
		first := u.lines[whose][0]
		u.mutex.Unlock()
		u.fireLeased(ctx, first)
		more = u.done(whose)
	}
}

// fireLeased gives a command up with its timer's lease. A timer whose lease ended while it waited is left to the next.
func (u *underWay) fireLeased(ctx context.Context, timer leased) {
	ctx, cancel := context.WithDeadline(ctx, timer.until)
	defer cancel()
	if ctx.Err() == nil {
		u.fire(ctx, timer.Timer)
	}
}

// done takes the first timer of an aggregate away and tells whether there is another.
func (u *underWay) done(whose aggregate) (more bool) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.taken--
	if u.taken == 0 {
		select {
		case u.idle <- struct{}{}:
		default:
		}
	}
	if rest := u.lines[whose][1:]; len(rest) > 0 {
		u.lines[whose] = rest
		return true
	}
	delete(u.lines, whose)
	return false
}

// settle waits until nothing is under way, and no longer than a time; false when ctx ends before.
func (u *underWay) settle(ctx context.Context, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-u.idle:
	case <-timer.C:
	}
	return ctx.Err() == nil
}
