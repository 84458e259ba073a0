package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// logChunk is how many events are read from the log at once.
const logChunk = 1024

// errHistory says that a frame is of another history than the log.
var errHistory = errors.New("the bus tells another history than the log")

// Log is the record of all events, in the database.
type Log interface {
	// Events answers the numbered events from a position on, in order, at most limit of them.
	Events(ctx context.Context, from int64, limit int) ([]state.Event, error)
}

// Reader reads everything behind a position: the log to its end and then the bus, again and again. Whatever ends the
// following, the log has what is missing. The first frame after the log is checked against it, because the stream of a
// database that was restored tells of events that never were.
type Reader struct {
	Log        Log
	Subscriber Subscriber
	Logger     *slog.Logger
	FromLog    func(events int) // is told of events read from the log; may be nil
}

// ended is an error that following must not survive: the database's, or of the function that takes the events.
type ended struct{ error }

func (e ended) Unwrap() error { return e.error }

// Run calls take with all events of the epoch behind the position, in order and without gaps, until the context ends, the
// database fails or take does.
func (r Reader) Run(ctx context.Context, epoch string, position int64, take func(context.Context, []state.Event) error) error {
	for wait := time.Millisecond; ; {
		from := position
		var err error
		if position, err = r.catchUp(ctx, position, take); err != nil {
			return err
		}
		verified := false
		err = r.Subscriber.Follow(ctx, epoch, position, func(f Frame) error {
			if !verified {
				if err := r.verify(ctx, f); err != nil {
					return err
				}
				verified = true
			}
			position = f.Last()
			if err := take(ctx, f.Events); err != nil {
				return ended{err}
			}
			return nil
		})
		var last ended
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &last):
			return last.error
		}
		wait = min(2*wait, time.Second)
		if position > from {
			wait = time.Millisecond
		}
		r.Logger.Debug("going to the log", "after", position, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// catchUp takes in the log from the position to its end.
func (r Reader) catchUp(ctx context.Context, position int64, take func(context.Context, []state.Event) error) (int64, error) {
	for {
		events, err := r.Log.Events(ctx, position+1, logChunk)
		if err != nil {
			return position, fmt.Errorf("read events after %d: %w", position, err)
		}
		if len(events) == 0 {
			return position, nil
		}
		if events[0].Position != position+1 {
			return position, fmt.Errorf("the log goes on at %d instead of %d", events[0].Position, position+1)
		}
		if r.FromLog != nil {
			r.FromLog(len(events))
		}
		if err := take(ctx, events); err != nil {
			return position, err
		}
		position = events[len(events)-1].Position
	}
}

// verify holds a frame against the log.
func (r Reader) verify(ctx context.Context, f Frame) error {
	events, err := r.Log.Events(ctx, f.Last(), 1)
	if err != nil {
		return ended{fmt.Errorf("read the event at %d: %w", f.Last(), err)}
	}
	if !Agrees(events, f) {
		return fmt.Errorf("%w: position %d", errHistory, f.Last())
	}
	return nil
}
