package outbox_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/outbox"
)

// stream reads a whole stream from the start, as far as the log goes.
func stream(t testing.TB, s *store, b bus.Subscriber) {
	t.Helper()
	want := s.events()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	enough := errors.New("enough")
	at := 0
	err := b.Follow(ctx, s.current(), 0, func(f bus.Frame) error {
		for _, e := range f.Events {
			if e.Position != int64(at)+1 || e.ID != want[at].ID || e.AggregateID != want[at].AggregateID {
				t.Errorf("place %d: position %d, event %s, want %s", at, e.Position, e.ID, want[at].ID)
			}
			at++
			if at == len(want) {
				return enough
			}
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("%v after %d of %d events", err, at, len(want))
	}
}

func TestRelayPublishesEverythingInOrder(t *testing.T) {
	s, b := newStore(), embedded(t)
	r := newRelay(s, b, "a", func(o *outbox.Options) { o.FrameEvents = 50 })
	spawn(t, r.Run)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() { commits(s, w, 250, time.Duration(w%2)*100*time.Microsecond, r) })
	}
	writers.Wait()
	eventually(t, "everything published", func() bool { return r.Stats().Published == 5000 })
	stream(t, s, b)
	eventually(t, "an empty cache", func() bool { return r.Stats().CachedBatches == 0 })
}

// Without a word from the pipeline everything is found by polling.
func TestRelayWithoutWakes(t *testing.T) {
	s, b := newStore(), embedded(t)
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	commits(s, 0, 100, 0)
	eventually(t, "everything published", func() bool { return r.Stats().Published == 250 })
	stream(t, s, b)
}

// The cache may hold anything or nothing: it changes the way, never the result.
func TestRelayWithATinyCache(t *testing.T) {
	s, b := newStore(), embedded(t)
	r := newRelay(s, b, "a", func(o *outbox.Options) { o.CacheBytes = 2000 })
	spawn(t, r.Run)
	commits(s, 0, 1000, 0, r)
	eventually(t, "everything published", func() bool { return r.Stats().Published == 2500 })
	stream(t, s, b)
}

func TestTwoRelays(t *testing.T) {
	s, x := newStore(), startExternal(t)
	ba, bb := x.connect(), x.connect()
	a, b := newRelay(s, ba, "a"), newRelay(s, bb, "b")
	stopA := spawn(t, a.Run)
	spawn(t, b.Run)
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() { commits(s, w, 600, time.Millisecond, []*outbox.Relay{a, b}[w]) })
	}
	// The lease changes hands against its holder's will, again and again.
	for i := range 4 {
		time.Sleep(150 * time.Millisecond)
		s.steal(outbox.LeaseName, []string{"b", "a"}[i%2], time.Second)
	}
	stopA()
	writers.Wait()
	eventually(t, "everything published by the one that is left", func() bool {
		return b.Stats().Leader && b.Stats().Published == 3000
	})
	stream(t, s, bb)
}

// A relay that lost its lease without knowing cannot put a frame where another one has.
func TestPublishIsFenced(t *testing.T) {
	x := startExternal(t)
	a, b := x.connect(), x.connect()
	ctx := context.Background()
	s := newStore()
	s.commit(order(1), order(2))
	frame := func(first int64, n int) bus.Frame {
		_, events := s.commit(make([]string, n)...)
		return bus.Frame{Epoch: "e", First: first, Events: events}
	}
	tail, err := a.Tail(ctx, "e")
	if err != nil || tail.Sequence != 0 {
		t.Fatal(tail, err)
	}
	sequence, err := b.Publish(ctx, frame(1, 3), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(ctx, frame(1, 2), tail.Sequence); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("published behind the other's back: %v", err)
	}
	tail, err = a.Tail(ctx, "e")
	if err != nil || tail.Sequence != sequence || tail.Frame.Last() != 3 {
		t.Fatal(tail, err)
	}
}

func TestRelayGoesOnAfterTheBusWasAway(t *testing.T) {
	s, x := newStore(), startExternal(t)
	b := x.connect()
	var failed atomic.Int32
	r := newRelay(s, b, "a", func(o *outbox.Options) { o.Metrics.Failed = func(error) { failed.Add(1) } })
	spawn(t, r.Run)
	commits(s, 0, 100, 0, r)
	eventually(t, "published", func() bool { return r.Stats().Published == 250 })
	x.stop()
	commits(s, 0, 100, 0, r)
	eventually(t, "numbered all the same", func() bool { return len(s.events()) == 500 })
	eventually(t, "a backlog in the metrics", func() bool {
		stats := r.Stats()
		return failed.Load() > 0 && stats.Numbered == 500 && stats.Published == 250 && !stats.Oldest.IsZero()
	})
	x.start()
	eventually(t, "the backlog published", func() bool { return r.Stats().Published == 500 })
	stream(t, s, b)
}

func TestRelayStartsAnEpochWhenTheDatabaseWasRestored(t *testing.T) {
	s, b := newStore(), embedded(t)
	stop := spawn(t, newRelay(s, b, "a").Run)
	commits(s, 0, 100, 0)
	eventually(t, "published", func() bool {
		tail, err := b.Tail(context.Background(), "first")
		return err == nil && len(tail.Frame.Events) > 0 && tail.Frame.Last() == 250
	})
	stop()
	for _, other := range []bool{false, true} {
		former := s.current()
		s.truncate(200)
		if other {
			commits(s, 1, 200, 0) // more events than there were, but others: only their ids tell
			s.numberAll()
		}
		var alerts atomic.Int32
		r := newRelay(s, b, "a", func(o *outbox.Options) {
			o.Metrics.EpochStarted = func(string, string) { alerts.Add(1) }
			o.LowWater = nil
		})
		stop := spawn(t, r.Run)
		commits(s, 2, 100, 0, r)
		eventually(t, "published in a new epoch", func() bool {
			stats := r.Stats()
			return stats.Epoch != former && stats.Epoch != "" && stats.Published == int64(len(s.events())) && stats.Published > 400
		})
		if alerts.Load() != 1 || bus.EpochBase(s.current()) == 0 {
			t.Fatalf("%d alerts, epoch %q", alerts.Load(), s.current())
		}
		stream(t, s, b)
		stop()
	}
}
