// Package bus is the transport of committed events, never their record: the database is. What it carries are frames, each the
// numbered events of one relay batch, in the order of their positions.
package bus

import (
	"context"
	"errors"

	"github.com/seed-255eabaa/oms/internal/state"
)

// ErrConflict says that somebody else has published since: the tail must be read again.
var ErrConflict = errors.New("bus: the stream's end is not where it was expected")

// Frame is a run of events with consecutive positions, starting at First.
type Frame struct {
	Epoch  string
	First  int64
	Events []state.Event
}

// Last is the position of the frame's last event.
func (f Frame) Last() int64 { return f.First + int64(len(f.Events)) - 1 }

// Tail describes the end of the stream: its last frame, and the sequence that the next publish expects.
type Tail struct {
	Frame    Frame // zero when the stream is empty
	Sequence uint64
}

// Publisher is the relay's side.
type Publisher interface {
	// Tail reads the end of the epoch's stream, which it makes when there is none.
	Tail(ctx context.Context, epoch string) (Tail, error)
	// Publish appends a frame and answers its sequence. ErrConflict when the stream's last sequence is not after.
	Publish(ctx context.Context, frame Frame, after uint64) (sequence uint64, err error)
	// Wake tells the relay, in whatever process it is, that something was committed. It may be lost.
	Wake()
	// Wakes calls wake at every Wake of any process, until the context ends.
	Wakes(ctx context.Context, wake func()) error
}

// Subscriber is the readers' side.
type Subscriber interface {
	// Follow calls handle with every frame of the epoch that ends after position, in order, without gaps, until the context
	// ends or handle fails. ErrGone when the stream no longer has what follows position (wiped, expired): the reader takes it
	// from the database and follows from there.
	Follow(ctx context.Context, epoch string, position int64, handle func(Frame) error) error
}

// ErrGone says that the stream does not reach back to the position asked for, or not yet that far.
var ErrGone = errors.New("bus: the stream does not hold what follows the position")
