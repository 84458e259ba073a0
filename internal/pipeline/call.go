package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// The stages of a call. It leaves stageWaiting once: either a lane starts it or its caller abandons it, and so an abandoned
// command is known to have no effect.
const (
	stageWaiting int32 = iota
	stageStarted
	stageAbandoned
)

// How long a client is asked to wait before it repeats a command.
const (
	retryWhenFull = 250 * time.Millisecond
	retryWhenDown = 500 * time.Millisecond
)

// call is one submitted command on its way to its answer.
type call struct {
	command  command.Command
	cause    context.Context      // for its span only
	done     func(command.Result) // of SubmitAsync
	waiter   *waiter              // of Submit
	arrived  time.Time
	deadline time.Time
	stage    atomic.Int32

	// The lane's, while the call is in its batch.
	result   command.Result
	firstRef int // of its references in the overlay
	key      int // its place among the overlay's keys, or -1
}

// Command implements batch.Waiting.
func (c *call) Command() *command.Command { return &c.command }

// Stale implements batch.Waiting.
func (c *call) Stale(now time.Time) bool {
	return c.stage.Load() == stageAbandoned || now.After(c.deadline)
}

// Overdue implements batch.Waiting.
func (c *call) Overdue(now time.Time) bool {
	return c.command.Patience > 0 && now.Sub(c.arrived) > c.command.Patience
}

// start claims the call for a lane; false when its caller has gone.
func (c *call) start() bool { return c.stage.CompareAndSwap(stageWaiting, stageStarted) }

// give hands the result to the caller.
func (c *call) give() {
	if c.done != nil {
		c.done(c.result)
		return
	}
	c.waiter.answer <- c.result
}

// waiter is what a Submit blocks on. It is used again, unless its call was left after it had started.
type waiter struct {
	answer chan command.Result // holds one, so that a lane never waits for a caller
	timer  *time.Timer
}

func newWaiter() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &waiter{answer: make(chan command.Result, 1), timer: timer}
}

// over is the answer to a command whose caller's time or patience has ended.
func over(err error, started bool) *fault.Fault {
	code, reason, what := fault.DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline passed"
	if errors.Is(err, context.Canceled) {
		code, reason, what = fault.Canceled, "CANCELED", "the caller went away"
	}
	if started {
		return fault.New(code, reason,
			"%s while the command was carried out; repeat it with the same key to learn its outcome", what)
	}
	return fault.New(code, reason, "%s before the command was started; nothing was done", what)
}

// refusal is the result of a command that ends with a fault. The fault is copied, because a domain may answer one that it
// shares, and carries the command's trace id.
func refusal(c *command.Command, f *fault.Fault) command.Result {
	own := *f
	own.TraceID = c.TraceID
	return command.Result{Fault: &own}
}
