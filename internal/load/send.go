package load

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// Policy says how long a client insists.
type Policy struct {
	Attempt  time.Duration // the deadline of one attempt
	Patience time.Duration // how long a call is repeated in all
	First    time.Duration // the pause after the first attempt; it doubles
	Longest  time.Duration // the longest pause
}

// DefaultPolicy insists for two minutes, long enough for a server to restart.
func DefaultPolicy() Policy {
	return Policy{Attempt: 15 * time.Second, Patience: 2 * time.Minute, First: 10 * time.Millisecond, Longest: 2 * time.Second}
}

// internalTries bounds how often an INTERNAL error is tried again: it may be a poisoned request.
const internalTries = 3

// Send calls a method until it has a final answer, each time with the same idempotency key; key is empty for reads. An error
// is a *Refusal, but for the context's end.
func Send[Q, A any](
	ctx context.Context, c *Client, key string, method func(context.Context, Q, ...grpc.CallOption) (A, error), request Q,
) (A, error) {
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", key)
	}
	giveUp := time.Now().Add(c.Policy.Patience)
	for try := 1; ; try++ {
		c.sent.Add(1)
		attempt, cancel := context.WithTimeout(ctx, c.Policy.Attempt)
		answer, err := method(attempt, request)
		cancel()
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return answer, context.Cause(ctx)
		}
		refusal := RefusalOf(err)
		pause := c.Policy.pause(try, refusal.RetryAfter)
		if !refusal.Transient() || refusal.Code == codes.Internal && try >= internalTries || time.Now().Add(pause).After(giveUp) {
			return answer, refusal
		}
		c.retried.Add(1)
		if err := sleep(ctx, pause); err != nil {
			return answer, err
		}
	}
}

// pause is how long to wait before the next attempt: a random part of a time that doubles, and never less than the server asks.
func (p Policy) pause(try int, asked time.Duration) time.Duration {
	limit := min(p.First<<min(try-1, 20), p.Longest)
	return asked + limit/2 + rand.N(limit/2+1) //nolint:gosec // spreads load, guards nothing
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
