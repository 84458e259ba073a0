package outbox

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// logChunk is how many events are read from the log at once.
const logChunk = 1024

// collector numbers batches and makes frames of their events.
type collector struct {
	*Relay
	held     state.Lease
	epoch    string
	position int64 // everything up to here is in frames
	known    int64 // everything up to here is numbered, and is read from the log
	frames   chan<- bus.Frame
	handed   int64 // everything up to here was handed to the publisher
	at       end   // how far it is known to have come

	building bus.Frame
	bytes    int
}

// end is where the publisher has left the stream.
type end struct {
	sequence uint64
	position int64
}

// relay publishes everything after the position, until something fails.
func (r *Relay) relay(ctx context.Context, held state.Lease, epoch string, sequence uint64, position, last int64) error {
	// One frame is being published and one waits: enough to keep both sides busy, and little to do again after an error.
	frames := make(chan bus.Frame, 1)
	published := make(chan end, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.publish(ctx, frames, published, end{sequence, position}, last) })
	group.Go(func() error {
		c := &collector{
			Relay: r, held: held, epoch: epoch, position: position, known: last, frames: frames,
			handed: position, at: end{sequence, position},
		}
		return c.run(ctx, published)
	})
	return group.Wait()
}

// publish appends frames one after the other, each behind the one before. Frames up to last are republished ones. It tells
// the latest end through published.
func (r *Relay) publish(ctx context.Context, frames <-chan bus.Frame, published chan end, at end, last int64) error {
	for {
		var frame bus.Frame
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case frame = <-frames:
		}
		started := time.Now()
		pause()
		sequence, err := r.Publisher.Publish(ctx, frame, at.sequence)
		if err != nil {
			return busError{err}
		}
		pause()
		at = end{sequence, frame.Last()}
		r.note(func(s *Stats) { s.Published = at.position })
		if r.Metrics.Published != nil {
			r.Metrics.Published(len(frame.Events), time.Since(started))
		}
		if r.Metrics.Republished != nil && frame.Last() <= last {
			r.Metrics.Republished(len(frame.Events))
		}
		select {
		case <-published: // nobody has read the former
		default:
		}
		published <- at
	}
}

// run collects. When there is nothing to collect it waits for a wake, polling ever more rarely.
func (c *collector) run(ctx context.Context, published <-chan end) error {
	c.blocked.Store(false)
	defer c.blocked.Store(true)
	poll, verify, active := c.PollLeast, c.VerifyLeast, time.Now()
	for {
		found, more, err := c.collect(ctx)
		if err != nil {
			return err
		}
		if found {
			poll, verify, active = c.PollLeast, c.VerifyLeast, time.Now()
		}
		if more {
			continue
		}
		if time.Since(active) >= verify {
			if err := c.verify(ctx, published); err != nil {
				return err
			}
			active = time.Now()
			verify = min(2*verify, c.VerifyMost)
		}
		timer := time.NewTimer(poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-c.wake:
			timer.Stop()
			poll = c.PollLeast
		case <-timer.C:
			poll = min(poll*5/4, c.PollMost)
		}
	}
}

// collect takes what there is: first what the log is known to hold, then what is newly numbered. It answers whether it found
// anything, and whether it knows of more; what comes in meanwhile wakes it, so it need not look again to find nothing.
func (c *collector) collect(ctx context.Context) (found, more bool, err error) {
	if c.position < c.known {
		return true, true, c.fromLog(ctx, c.known, logChunk)
	}
	mark := c.cache.mark()
	batches, err := c.number(ctx, c.held, c.position, c.NumberLimit)
	if err != nil {
		return false, false, err
	}
	if len(batches) == 0 {
		c.cache.forget(mark) // all of it was numbered before, and so is in frames
		return false, false, nil
	}
	last := batches[len(batches)-1]
	c.note(func(s *Stats) { s.Numbered = max(s.Numbered, last.First+int64(last.Count)-1) })
	for _, batch := range batches {
		if batch.First != c.collected()+1 {
			return false, false, fmt.Errorf("numbered batch starts at %d instead of %d", batch.First, c.collected()+1)
		}
		events := c.cache.take(id.UUID(batch.Batch))
		// Once something is missing in memory the rest of this round waits behind it: known grows over all of them, and they
		// are read from the log with few queries.
		if c.known > c.position || len(events) != batch.Count {
			c.known = batch.First + int64(batch.Count) - 1
			continue
		}
		for i := range events {
			if err := c.add(ctx, events[i]); err != nil {
				return false, false, err
			}
		}
		c.position += int64(batch.Count)
		c.known = c.position
	}
	if err := c.flush(ctx); err != nil {
		return false, false, err
	}
	return true, len(batches) == c.NumberLimit || c.position < c.known, nil
}

// collected is the position up to which batches have been seen.
func (c *collector) collected() int64 { return max(c.position, c.known) }

// fromLog reads a chunk of events from the log.
func (c *collector) fromLog(ctx context.Context, to int64, limit int) error {
	events, err := c.Store.Events(ctx, c.position+1, int(min(to-c.position, int64(limit))))
	if err != nil {
		return fmt.Errorf("read events after %d: %w", c.position, err)
	}
	if len(events) == 0 {
		return fmt.Errorf("the log has no event at position %d of %d", c.position+1, to)
	}
	for i := range events {
		if events[i].Position != c.position+1 {
			return fmt.Errorf("the log has position %d instead of %d", events[i].Position, c.position+1)
		}
		if err := c.add(ctx, events[i]); err != nil {
			return err
		}
		c.position++
	}
	return c.flush(ctx)
}

// add puts the next event into the frame, which is handed over first when it is full.
func (c *collector) add(ctx context.Context, event state.Event) error {
	size := bus.Size(&event)
	if n := len(c.building.Events); n > 0 && (n >= c.FrameEvents || c.bytes+size > c.FrameBytes) {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	if len(c.building.Events) == 0 {
		c.building.First = c.handed + 1
	}
	c.building.Events = append(c.building.Events, event)
	c.bytes += size
	return nil
}

// flush hands the frame over. While it waits, positions are given all the same.
func (c *collector) flush(ctx context.Context) error {
	if len(c.building.Events) == 0 {
		return nil
	}
	frame := c.building
	frame.Epoch = c.epoch
	c.building, c.bytes = bus.Frame{}, 0
	c.handed = frame.Last()
	select {
	case c.frames <- frame:
		return nil
	default:
	}
	c.blocked.Store(true)
	defer c.blocked.Store(false)
	select {
	case c.frames <- frame:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// verify compares both ends with what was done, when everything was: a stream that has been wiped while nothing happened
// would otherwise lose what its readers had not read yet, until the next commit.
func (c *collector) verify(ctx context.Context, published <-chan end) error {
	select {
	case c.at = <-published:
	default:
	}
	if c.at.position != c.handed {
		return nil // still publishing
	}
	last, err := c.Store.LastPosition(ctx)
	if err != nil {
		return fmt.Errorf("read the last position: %w", err)
	}
	tail, err := c.Publisher.Tail(ctx, c.epoch)
	if err != nil {
		return busError{fmt.Errorf("read the stream's end: %w", err)}
	}
	same := tail.Sequence == c.at.sequence && last >= c.handed &&
		(c.handed == 0 || len(tail.Frame.Events) > 0 && tail.Frame.Last() == c.handed)
	if !same {
		return busError{fmt.Errorf("%w: stream at sequence %d, log at position %d", errDoubt, tail.Sequence, last)}
	}
	c.sure.Store(last)
	return nil
}
