package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus"
)

const (
	// pullFrames is how many frames may wait in this process; with frames of at most 512 KiB it bounds memory to 8 MiB.
	pullFrames = 16
	heartbeat  = 2 * time.Second
)

// Reasons to look the place up again.
var (
	errReconnected = errors.New("the connection was lost")
	errBehind      = errors.New("the stream is behind the position")
	errReplaced    = errors.New("the stream was replaced while it was opened")
)

// handlerError is an error of the reader's own handler, which ends Follow as it is.
type handlerError struct{ error }

// follower is one Follow. It is level while the stream's end is known to be at or after its position; while it is not, it has
// until the deadline, and then the reader must go to the database.
type follower struct {
	bus      *Bus
	epoch    string
	position int64
	handle   func(bus.Frame) error
	deadline time.Time // zero while level
}

// Follow implements bus.Subscriber. Handlers get frames trimmed to what follows the position, each event once. The stream may
// be deleted, purged, wiped with its server, rebuilt or unreachable meanwhile: what counts is whether the next frame goes on
// after the position. ErrGone is answered when one does not, or when the stream does not reach the position within the grace.
func (b *Bus) Follow(ctx context.Context, epoch string, position int64, handle func(bus.Frame) error) error {
	f := &follower{bus: b, epoch: epoch, position: position, handle: handle}
	f.behind()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := f.once(ctx)
		var own handlerError
		switch {
		case errors.As(err, &own):
			return own.error
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, bus.ErrGone):
			return err
		}
		if f.deadline.IsZero() {
			f.behind() // it was level and has been interrupted
			wait = 5 * time.Millisecond
		}
		if time.Now().After(f.deadline) {
			return fmt.Errorf("%w: position %d: %w", bus.ErrGone, f.position, err)
		}
		b.log.Debug("following again", "epoch", epoch, "position", f.position, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (f *follower) behind() { f.deadline = time.Now().Add(f.bus.options.Grace) }
func (f *follower) level()  { f.deadline = time.Time{} }

// once looks up the place of the position and reads from there until something ends it.
func (f *follower) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Behind a new connection may stand a server that lost everything, with other sequences.
	connection := f.bus.current()
	defer context.AfterFunc(connection, func() { cancel(errReconnected) })() //nolint:contextcheck // the connection's life, not the reader's

	stream, err := f.request(ctx, func(ctx context.Context) (jetstream.Stream, error) {
		return f.bus.js.Stream(ctx, f.bus.streamName(f.epoch))
	})
	if err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	start, err := f.find(ctx, stream)
	if err != nil {
		return err
	}
	consumer, err := f.consume(ctx, stream, start)
	if err != nil {
		return err
	}
	defer f.drop(connection, stream, consumer) //nolint:contextcheck // also when the reader's context has ended
	return f.read(ctx, consumer)
}

// request bounds one request, and while behind keeps it within the grace.
func (f *follower) request(ctx context.Context, do func(context.Context) (jetstream.Stream, error)) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, max(f.bus.options.Grace, 100*time.Millisecond))
	defer cancel()
	return do(ctx)
}

// find answers the sequence of the first message with something after the position, or the one after the last message. Later
// messages hold later positions: all publishers read the end before they append to it, and the sequence fences them. So it
// may be searched by halves; even were it not so, read checks every frame.
func (f *follower) find(ctx context.Context, stream jetstream.Stream) (uint64, error) {
	at := stream.CachedInfo().State
	low, high := at.FirstSeq, at.LastSeq+1
	if at.Msgs == 0 {
		if f.position == 0 {
			f.level()
		}
		return high, nil
	}
	var found, last int64 // first position of the frame at high, last position of the frame before it
	for middle := at.LastSeq; low < high; middle = low + (high-low)/2 {
		frameFirst, frameLast, err := f.positions(ctx, stream, middle)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			high = middle // nothing there or behind it any more
		case err != nil:
			return 0, fmt.Errorf("look for position %d: %w", f.position, err)
		case frameLast > f.position:
			high, found = middle, frameFirst
		default:
			low, last = middle+1, frameLast
		}
	}
	if found > f.position+1 {
		return 0, fmt.Errorf("%w: position %d: the stream starts at %d", bus.ErrGone, f.position, found)
	}
	if found > 0 || last == f.position {
		f.level()
	}
	return high, nil
}

// positions reads the first and last position of the frame at the sequence, or of the next one when that is gone.
func (f *follower) positions(ctx context.Context, stream jetstream.Stream, sequence uint64) (first, last int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.bus.options.Timeout)
	defer cancel()
	message, err := stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(f.bus.subject(f.epoch)))
	if err != nil {
		return 0, 0, err
	}
	first, errFirst := strconv.ParseInt(message.Header.Get(headerFirst), 10, 64)
	last, errLast := strconv.ParseInt(message.Header.Get(headerLast), 10, 64)
	return first, last, errors.Join(errFirst, errLast)
}

// consume makes a consumer that starts at the sequence, and makes sure that the sequence was found in the same stream: in one
// that was made anew meanwhile it could be far ahead of the end, and the consumer would wait there in silence.
func (f *follower) consume(ctx context.Context, stream jetstream.Stream, start uint64) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, f.bus.options.Timeout)
	defer cancel()
	before := stream.CachedInfo()
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       max(start, 1),
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("make consumer: %w", err)
	}
	after, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the stream again: %w", err)
	}
	if !after.Created.Equal(before.Created) || after.State.LastSeq < before.State.LastSeq {
		return nil, errReplaced
	}
	return consumer, nil
}

// drop removes the consumer, unless it went with its connection.
func (f *follower) drop(connection context.Context, stream jetstream.Stream, consumer jetstream.Consumer) {
	if connection.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(connection, time.Second)
	defer cancel()
	if err := stream.DeleteConsumer(ctx, consumer.CachedInfo().Name); err != nil {
		f.bus.log.Debug("delete consumer; the server drops it after a while", "error", err)
	}
}

// read hands on what the consumer delivers. Missing heartbeats, a deleted consumer or stream end it.
func (f *follower) read(ctx context.Context, consumer jetstream.Consumer) error {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(pullFrames), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer messages.Stop()
	for !f.deadline.IsZero() {
		waiting, stop := context.WithDeadlineCause(ctx, f.deadline, errBehind)
		err := f.next(waiting, messages)
		stop()
		if err != nil {
			return err
		}
	}
	for {
		if err := f.next(ctx, messages); err != nil {
			return err
		}
	}
}

func (f *follower) next(ctx context.Context, messages jetstream.MessagesContext) error {
	message, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("read: %w", err)
	}
	return f.take(message)
}

// take handles one message: skips what was seen, refuses what leaves a gap.
func (f *follower) take(message jetstream.Msg) error {
	last, err := strconv.ParseInt(message.Headers().Get(headerLast), 10, 64)
	if err == nil && last <= f.position {
		if last == f.position {
			f.level()
		} else if !f.deadline.IsZero() {
			f.behind() // a stream that is being rebuilt is given its time as long as it grows
		}
		return nil
	}
	frame, err := bus.DecodeFrame(message.Data())
	if err != nil {
		return fmt.Errorf("%w: position %d: %w", bus.ErrGone, f.position, err)
	}
	if frame.Epoch != f.epoch || frame.Last() <= f.position {
		return nil
	}
	if frame.First > f.position+1 {
		return fmt.Errorf("%w: position %d: the next frame starts at %d", bus.ErrGone, f.position, frame.First)
	}
	frame.Events = frame.Events[f.position+1-frame.First:]
	frame.First = f.position + 1
	if err := f.handle(frame); err != nil {
		return handlerError{err}
	}
	f.position = frame.Last()
	f.level()
	return nil
}
