package feed

import (
	"context"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/state"
)

// logChunk is how many events are read from the log at once.
const logChunk = 1024

// Request says what a follower wants.
type Request struct {
	Tenant     string                  // empty for all tenants
	Aggregates []string                // of the tenant; empty for all. More than these are not even looked at.
	Match      func(*state.Event) bool // of those; nil for all. It is called under a lock and must be quick.
	Buffer     int                     // batches that may wait; 64
	// After resumes behind a place; nil starts with what happens next.
	After *Place
}

// Subscription is one follower's feed.
type Subscription struct {
	C <-chan []state.Event // batches in order of position; closed at the end, when Err tells why

	feed    *Feed
	request Request
	events  chan []state.Event
	done    chan struct{} // closed when it ends

	// Under the feed's mu:
	live    bool  // in the index
	from    int64 // everything up to here was read while catching up
	pending []state.Event
	ended   bool
	err     error
}

// Subscribe starts following. The context bounds the whole subscription; its end is the same as Close.
func (f *Feed) Subscribe(ctx context.Context, request Request) (*Subscription, error) {
	if request.Buffer <= 0 {
		request.Buffer = 64
	}
	s := &Subscription{feed: f, request: request, events: make(chan []state.Event, request.Buffer), done: make(chan struct{})}
	s.C = s.events
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.place.Epoch == "":
		return nil, ErrUnready
	case request.After == nil:
		s.from = f.place.Position
		f.admit(s)
	case request.After.Epoch != f.place.Epoch:
		return nil, fmt.Errorf("%w: %q is not %q", ErrEpoch, request.After.Epoch, f.place.Epoch)
	case f.place.Position-request.After.Position > f.ResumeLimit:
		return nil, fmt.Errorf("%w: %d of %d", ErrTooOld, request.After.Position, f.place.Position)
	default:
		s.from = request.After.Position
		go s.catchUp(ctx, f.place.Epoch)
	}
	context.AfterFunc(ctx, s.Close)
	return s, nil
}

// Err tells why C was closed; nil before that and after Close.
func (s *Subscription) Err() error {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.err
}

// Close ends the subscription.
func (s *Subscription) Close() { s.finish(nil) }

func (s *Subscription) finish(why error) {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.feed.end(s, why)
}

// wants applies what the index does not.
func (s *Subscription) wants(e *state.Event) bool {
	return s.request.Match == nil || s.request.Match(e)
}

// selects applies everything, for events that come past the index.
func (s *Subscription) selects(e *state.Event) bool {
	if s.request.Tenant != "" && s.request.Tenant != e.Tenant {
		return false
	}
	if len(s.request.Aggregates) == 0 {
		return s.wants(e)
	}
	for _, id := range s.request.Aggregates {
		if id == e.AggregateID {
			return s.wants(e)
		}
	}
	return false
}

// admit makes a subscription live. The caller holds mu.
func (f *Feed) admit(s *Subscription) {
	s.live = true
	f.index.add(s)
}

// end ends a subscription. The caller holds mu. While catching up the channel belongs to that goroutine, which closes it.
func (f *Feed) end(s *Subscription, why error) {
	if s.ended {
		return
	}
	s.ended, s.err, s.pending = true, why, nil
	close(s.done)
	if s.live {
		f.index.remove(s)
		close(s.events)
	}
}

// catchUp sends what happened since the place asked for, at the follower's own pace, until nothing is missing; then the
// subscription goes live under the same lock that delivers, so that nothing fits in between.
func (s *Subscription) catchUp(ctx context.Context, epoch string) {
	for {
		s.feed.mu.Lock()
		switch {
		case !s.ended && s.feed.place.Epoch != epoch:
			s.feed.end(s, ErrEpoch)
			fallthrough
		case s.ended:
			close(s.events)
			s.feed.mu.Unlock()
			return
		case s.from >= s.feed.place.Position:
			s.feed.admit(s)
			s.feed.mu.Unlock()
			return
		}
		events, known := s.feed.recent.after(s.from)
		s.feed.mu.Unlock()
		if !known {
			var err error
			if events, err = s.readLog(ctx); err != nil {
				s.finish(err)
				continue
			}
		}
		s.from = events[len(events)-1].Position // only this goroutine uses it before the subscription is live
		s.send(events)
	}
}

func (s *Subscription) send(events []state.Event) {
	var batch []state.Event
	for i := range events {
		if s.selects(&events[i]) {
			batch = append(batch, events[i])
		}
	}
	if len(batch) == 0 {
		return
	}
	select {
	case s.events <- batch:
	case <-s.done:
	}
}

// readLog reads the next chunk; few do at a time, so that a crowd that comes back after a restart does not press the database.
func (s *Subscription) readLog(ctx context.Context) ([]state.Event, error) {
	select {
	case s.feed.readers <- struct{}{}:
		defer func() { <-s.feed.readers }()
	case <-s.done:
		return nil, ErrClosed
	}
	events, err := s.feed.Store.Events(ctx, s.from+1, logChunk)
	if err != nil {
		return nil, fmt.Errorf("feed: read events after %d: %w", s.from, err)
	}
	if len(events) == 0 || events[0].Position != s.from+1 {
		return nil, fmt.Errorf("feed: the log does not go on after %d", s.from)
	}
	return events, nil
}
