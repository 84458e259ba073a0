package outbox_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/feed"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/state"
)

func startFeed(t testing.TB, change ...func(*feed.Options)) (*store, *outbox.Relay, *feed.Feed) {
	s, b := newStore(), embedded(t)
	r := newRelay(s, b, "a", func(o *outbox.Options) { o.LowWater = nil })
	spawn(t, r.Run)
	o := feed.Options{Subscriber: b, Store: s, Logger: logger(), WatchEvery: 100 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	f := feed.New(o)
	spawn(t, f.Run)
	eventually(t, "the feed started", func() bool { return f.Now().Epoch != "" })
	return s, r, f
}

// consecutive reads n events of a subscription to everything, and checks that none is missing or twice.
func consecutive(t testing.TB, sub *feed.Subscription, from int64, n int) {
	t.Helper()
	limit := time.After(patience)
	for next := from; next < from+int64(n); {
		select {
		case batch, open := <-sub.C:
			if !open {
				t.Errorf("closed at %d: %v", next, sub.Err())
				return
			}
			for _, e := range batch {
				if e.Position != next {
					t.Errorf("position %d instead of %d", e.Position, next)
					return
				}
				next++
			}
		case <-limit:
			t.Errorf("nothing after %d", next)
			return
		}
	}
}

func TestFeedResumesWithoutGapOrDuplicate(t *testing.T) {
	s, r, f := startFeed(t, func(o *feed.Options) { o.Recent = 300 })
	epoch := f.Now().Epoch
	var group sync.WaitGroup
	group.Go(func() { commits(s, 0, 2000, 50*time.Microsecond, r) })
	eventually(t, "well under way", func() bool { return f.Now().Position > 500 })
	for i := range 20 {
		group.Go(func() {
			time.Sleep(time.Duration(i) * 5 * time.Millisecond)
			after := f.Now().Position * int64(i) / 20 // some from the log, some from memory
			sub, err := f.Subscribe(context.Background(), feed.Request{After: &feed.Place{Epoch: epoch, Position: after}, Buffer: 5000})
			if err != nil {
				t.Error(err)
				return
			}
			defer sub.Close()
			consecutive(t, sub, after+1, 5000-int(after))
		})
	}
	group.Wait()
	if _, err := f.Subscribe(context.Background(), feed.Request{After: &feed.Place{Epoch: "other"}}); !errors.Is(err, feed.ErrEpoch) {
		t.Fatal(err)
	}
}

func TestFeedSelects(t *testing.T) {
	s, r, f := startFeed(t)
	ctx := context.Background()
	one, _ := f.Subscribe(ctx, feed.Request{Tenant: "acme", Aggregates: []string{order(1), payment(1)}})
	other, _ := f.Subscribe(ctx, feed.Request{Tenant: "other"})
	match, _ := f.Subscribe(ctx, feed.Request{Tenant: "acme", Match: func(e *state.Event) bool { return e.AggregateID == order(2) }})
	batch, events := s.commit(order(1), order(2), payment(1), order(1))
	r.Committed(batch, events)
	read := func(sub *feed.Subscription) (positions []int64) {
		for batch := range sub.C {
			for _, e := range batch {
				positions = append(positions, e.Position)
			}
		}
		return positions
	}
	eventually(t, "delivered", func() bool { return f.Now().Position == 4 })
	for _, sub := range []*feed.Subscription{one, other, match} {
		sub.Close()
	}
	for i, want := range []int{3, 0, 1} {
		if got := read([]*feed.Subscription{one, other, match}[i]); len(got) != want {
			t.Errorf("follower %d got %v", i, got)
		}
	}
}

func TestSlowFollowerIsCutOff(t *testing.T) {
	s, r, f := startFeed(t)
	slow, err := f.Subscribe(context.Background(), feed.Request{Buffer: 2})
	if err != nil {
		t.Fatal(err)
	}
	fast, err := f.Subscribe(context.Background(), feed.Request{Buffer: 5000})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		commits(s, 0, 20, 0, r)
		eventually(t, "delivered", func() bool { return s.settled() && f.Now().Position == int64(len(s.events())) })
	}
	consecutive(t, fast, 1, 500)
	eventually(t, "cut off", func() bool { return errors.Is(slow.Err(), feed.ErrSlow) })
	seen := int64(0)
	for batch := range slow.C {
		seen = batch[len(batch)-1].Position
	}
	again, err := f.Subscribe(context.Background(), feed.Request{After: &feed.Place{Epoch: f.Now().Epoch, Position: seen}})
	if err != nil {
		t.Fatal(err)
	}
	consecutive(t, again, seen+1, 500-int(seen))
}

func TestFeedEndsWithItsEpoch(t *testing.T) {
	s, r, f := startFeed(t)
	commits(s, 0, 10, 0, r)
	eventually(t, "delivered", func() bool { return f.Now().Position == 23 })
	sub, err := f.Subscribe(context.Background(), feed.Request{})
	if err != nil {
		t.Fatal(err)
	}
	s.truncate(10)
	eventually(t, "ended", func() bool { return errors.Is(sub.Err(), feed.ErrEpoch) })
	eventually(t, "in the new epoch", func() bool { return f.Now().Epoch == s.current() && f.Now().Position == 10 })
}
