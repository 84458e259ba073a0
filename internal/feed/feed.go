// Package feed fans committed events out to the followers in one process: streams of orders, server-sent events, the console.
//
// One reader follows the bus for all of them. A follower gets what it asked for by tenant, by aggregate or by a function of the
// event, found through an index, so that an event costs as much as it has followers, however many there are. A follower never
// slows the others: when its buffer is full it is cut off with ErrSlow, and comes back with the position it has seen.
//
// A follower that names a position gets everything after it, once each and in order: first from the latest events kept in
// memory or from the log, until it has caught up with the live end, and from then on live. The log is never behind the bus, so
// catching up always meets the live end; an event that arrives live and was read before is known by its position.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/clock"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Reasons why a subscription has ended or was refused.
var (
	ErrSlow    = errors.New("feed: the follower is too slow")
	ErrEpoch   = errors.New("feed: the position belongs to another history")
	ErrTooOld  = errors.New("feed: the position is too far back")
	ErrClosed  = errors.New("feed: closed")
	ErrUnready = errors.New("feed: not started yet")

	errHistory = errors.New("the bus tells what the log does not")
)

// Store is what the feed needs of a database.
type Store interface {
	// Epoch names the current history of the database's stream.
	Epoch(ctx context.Context) (string, error)
	// LastPosition is the greatest position given so far; 0 for none.
	LastPosition(ctx context.Context) (int64, error)
	// Events answers the numbered events from a position on, in order, at most limit of them.
	Events(ctx context.Context, from int64, limit int) ([]state.Event, error)
}

// Options configure a feed. Subscriber and Store are needed; the rest has defaults.
type Options struct {
	Subscriber bus.Subscriber
	Store      Store
	Logger     *slog.Logger

	Recent      int           // latest events kept in memory for resuming; 4,096
	ResumeLimit int64         // how far back a follower may resume; 1,048,576 events
	Readers     int           // followers that catch up from the log at the same time; 4
	WatchEvery  time.Duration // how often the epoch is looked at; 2 seconds

	Delivered func(events, followers int) // metric: events of a frame, and deliveries of them
	CutOff    func()                      // metric: a follower was too slow
}

// Place is a point in the stream, as a resume token carries it.
type Place struct {
	Epoch    string
	Position int64
}

// Feed is the fan-out of one process. Make it with New.
type Feed struct {
	Options
	readers chan struct{}

	mu     sync.Mutex
	place  Place // everything up to here was delivered; no epoch before the start
	recent ring
	index  index
	marked []*Subscription // scratch of deliver
}

// New makes a feed; Run starts it.
func New(o Options) *Feed {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("component", "feed")
	o.Recent = cmp.Or(o.Recent, 4096)
	o.ResumeLimit = cmp.Or(o.ResumeLimit, 1<<20)
	o.Readers = cmp.Or(o.Readers, 4)
	o.WatchEvery = cmp.Or(o.WatchEvery, 2*time.Second)
	return &Feed{
		Options: o, readers: make(chan struct{}, o.Readers), recent: ring{limit: o.Recent}, index: newIndex(),
	}
}

// Now answers how far events have been delivered; without an epoch before the start.
func (f *Feed) Now() Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// Run follows the stream from its present end, until the context ends. Then every subscription ends with ErrClosed.
func (f *Feed) Run(ctx context.Context) error {
	defer f.cut(ErrClosed)
	for wait := 50 * time.Millisecond; ; {
		started := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.Logger.Warn("feed interrupted", "error", err, "again_in", wait)
		if time.Since(started) > 10*time.Second {
			wait = 50 * time.Millisecond
		}
		clock.Wait(ctx, wait)
		wait = min(2*wait, 5*time.Second)
	}
}

// follow delivers in one epoch, until that ends or the database fails.
func (f *Feed) follow(ctx context.Context) error {
	epoch, err := f.Store.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("read the epoch: %w", err)
	}
	if err := f.start(ctx, epoch); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go f.watch(ctx, cancel, epoch)
	for wait := time.Millisecond; ; {
		from := f.Now().Position
		if err := f.catchUp(ctx); err != nil {
			return err
		}
		agreed := false
		err := f.Subscriber.Follow(ctx, epoch, f.Now().Position, func(frame bus.Frame) error {
			if !agreed {
				log, err := f.Store.Events(ctx, frame.Last(), 1)
				if err != nil || !bus.Agrees(log, frame) {
					return errors.Join(errHistory, err)
				}
				agreed = true
			}
			f.deliver(frame.Events)
			return nil
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait = min(2*wait, time.Second)
		if f.Now().Position > from {
			wait = time.Millisecond
		}
		f.Logger.Debug("going to the log", "after", f.Now().Position, "error", err)
		clock.Wait(ctx, wait)
	}
}

// start takes the epoch's end as the present. In the epoch that was followed before it goes on where that was left.
func (f *Feed) start(ctx context.Context, epoch string) error {
	last, err := f.Store.LastPosition(ctx)
	if err != nil {
		return fmt.Errorf("read the last position: %w", err)
	}
	f.mu.Lock()
	before := f.place
	f.mu.Unlock()
	if before.Epoch == epoch && before.Position <= last {
		return nil
	}
	if before.Epoch != "" {
		f.cut(ErrEpoch) // positions mean something else from here on
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.place = Place{epoch, last}
	f.recent.clear()
	return nil
}

// catchUp delivers what the log has after the present place.
func (f *Feed) catchUp(ctx context.Context) error {
	for {
		events, err := f.Store.Events(ctx, f.Now().Position+1, logChunk)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if len(events) == 0 {
			return nil
		}
		f.deliver(events)
	}
}

// watch notices a new epoch.
func (f *Feed) watch(ctx context.Context, cancel context.CancelCauseFunc, epoch string) {
	for {
		clock.Wait(ctx, f.WatchEvery)
		if ctx.Err() != nil {
			return
		}
		now, err := f.Store.Epoch(ctx)
		if err != nil {
			f.Logger.Debug("read the epoch", "error", err) // the log will say it louder
			continue
		}
		if now != epoch {
			cancel(fmt.Errorf("%w: %s begins", ErrEpoch, now))
			return
		}
	}
}

// deliver hands events to the followers who want them. It waits for nobody.
func (f *Feed) deliver(events []state.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events = after(events, f.place.Position)
	if len(events) == 0 {
		return
	}
	f.recent.add(events)
	f.place.Position = events[len(events)-1].Position
	deliveries := 0
	touched := f.marked[:0]
	for i := range events {
		for _, s := range f.index.find(&events[i]) {
			if events[i].Position <= s.from || s.ended || !s.wants(&events[i]) {
				continue
			}
			if len(s.pending) == 0 {
				touched = append(touched, s)
			}
			s.pending = append(s.pending, events[i])
			deliveries++
		}
	}
	for _, s := range touched {
		batch := s.pending
		s.pending = nil
		select {
		case s.events <- batch:
		default:
			f.end(s, ErrSlow)
			if f.CutOff != nil {
				f.CutOff()
			}
		}
	}
	clear(touched)
	f.marked = touched
	if f.Delivered != nil {
		f.Delivered(len(events), deliveries)
	}
}

// cut ends every subscription.
func (f *Feed) cut(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.index.all() {
		f.end(s, why)
	}
	if errors.Is(why, ErrClosed) {
		f.place = Place{}
	}
}

// after answers the events behind a position.
func after(events []state.Event, position int64) []state.Event {
	if len(events) == 0 || events[0].Position > position {
		return events
	}
	skip := min(position+1-events[0].Position, int64(len(events)))
	return events[skip:]
}
