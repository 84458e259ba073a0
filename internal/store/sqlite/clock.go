package sqlite

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// clock gives the process's time in whole microseconds, as the tables keep it, and never goes back: not when the machine's clock
// is set back, and, because every batch stores its time and Open starts from there, not across a restart either.
type clock struct {
	latest atomic.Int64
	turn   sync.Mutex   // keeps one of two turns at once from getting lost
	ahead  atomic.Int64 // of the process's time, in microseconds; see TurnClock
}

// advance makes sure that no time before at is given any more.
func (c *clock) advance(at int64) int64 {
	for {
		latest := c.latest.Load()
		if at <= latest {
			return latest
		}
		if c.latest.CompareAndSwap(latest, at) {
			return at
		}
	}
}

func (c *clock) microseconds() int64 { return c.advance(time.Now().UnixMicro() + c.ahead.Load()) }

func (c *clock) now() time.Time { return time.UnixMicro(c.microseconds()).UTC() }

// TurnClock puts the store's clock ahead by a time and answers how far it is ahead of the process's in all (requirement X-5). A turn of
// zero has the clock go on from the latest time in the database, where it would else stand still until the process's has caught up:
// that is how a database whose clock was turned is opened again. It is for development; the clock cannot be turned back.
func (s *Store) TurnClock(_ context.Context, by time.Duration) (now time.Time, ahead time.Duration, err error) {
	s.clock.turn.Lock()
	defer s.clock.turn.Unlock()
	started := time.Now()
	target := s.clock.microseconds() + max(by, 0).Microseconds()
	s.clock.ahead.Store(max(target-started.UnixMicro(), s.clock.ahead.Load()))
	return s.clock.now(), time.Duration(s.clock.ahead.Load()) * time.Microsecond, nil
}
