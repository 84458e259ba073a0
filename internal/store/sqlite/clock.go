package sqlite

import (
	"sync/atomic"
	"time"
)

// clock gives the process's time in whole microseconds, as the tables keep it, and never goes back: not when the machine's clock
// is set back, and, because every batch stores its time and Open starts from there, not across a restart either.
type clock struct {
	latest atomic.Int64
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

func (c *clock) microseconds() int64 { return c.advance(time.Now().UnixMicro()) }

func (c *clock) now() time.Time { return time.UnixMicro(c.microseconds()).UTC() }
