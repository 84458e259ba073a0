package outbox_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
)

func TestReactorDoesEverythingInOrder(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	d.slow = 100 * time.Microsecond
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, d.reactor(s, b, "a", func(o *reactor.Options) { o.InFlight = 100; o.Workers = 16 }).Run)
	commits(s, 0, 2000, 0, r)
	eventually(t, "all done", func() bool { return d.count() == 5000 })
	eventually(t, "the cursor at the end", func() bool {
		low, _ := s.lowWater(context.Background())
		return low == 5000
	})
	d.check(t, s)
}

// The bus loses its memory in all the ways it can, while everything is running.
func TestWipedBus(t *testing.T) {
	s, x, d := newStore(), startExternal(t), newDeeds()
	b := x.connect()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, d.reactor(s, x.connect(), "a").Run)
	ctx := context.Background()
	name := "OMS_test_first"
	for _, lose := range []func(){
		func() { _ = x.admin().DeleteStream(ctx, name) },
		func() {
			if stream, err := x.admin().Stream(ctx, name); err == nil {
				_ = stream.Purge(ctx)
			}
		},
		x.wipe,
		func() { x.stop(); x.start() },
	} {
		commits(s, 0, 200, 500*time.Microsecond, r)
		done := make(chan struct{})
		go func() {
			defer close(done)
			commits(s, 1, 400, 500*time.Microsecond, r)
		}()
		time.Sleep(50 * time.Millisecond)
		lose()
		<-done
		want := len(s.events())
		eventually(t, "all done", func() bool { want = len(s.events()); return d.count() >= want && want%1500 == 0 })
		eventually(t, "all published again", func() bool { return r.Stats().Published == int64(want) })
		// Also what is lost when nothing happens must come back by itself.
		lose()
		eventually(t, "the stream's end is back", func() bool {
			tail, err := b.Tail(ctx, "first")
			return err == nil && len(tail.Frame.Events) > 0 && tail.Frame.Last() == int64(want)
		})
	}
	d.check(t, s)
	if s.current() != "first" {
		t.Fatal("a wiped stream is no other history")
	}
}

// While the bus is away, events are numbered and reach their reactions through the log.
func TestReactorGoesOnWithoutABus(t *testing.T) {
	s, x, d := newStore(), startExternal(t), newDeeds()
	r := newRelay(s, x.connect(), "a")
	spawn(t, r.Run)
	spawn(t, d.reactor(s, x.connect(), "a").Run)
	commits(s, 0, 100, 0, r)
	eventually(t, "done by the bus", func() bool { return d.count() == 250 })
	x.stop()
	commits(s, 0, 100, time.Millisecond, r)
	eventually(t, "done by the log", func() bool { return d.count() == 500 })
	x.start()
	commits(s, 0, 100, time.Millisecond, r)
	eventually(t, "done by either", func() bool { return d.count() == 750 })
	d.check(t, s)
}

// The database comes back as it was, and the stream knows things that never were.
func TestRestoredDatabase(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	former := newRelay(s, b, "a")
	stopRelay := spawn(t, former.Run)
	stopReactor := spawn(t, d.reactor(s, b, "a").Run)
	commits(s, 0, 400, 0)
	// The reactor may have read from the log what the stream has not got yet; here the stream must know more than the database.
	eventually(t, "done and published", func() bool { return d.count() == 1000 && former.Stats().Published == 1000 })
	stopRelay()
	stopReactor()
	s.truncate(500)
	s.cursors[reactor.LeaseName("flow")] = state.Cursor{Epoch: "first", Position: 900} // it leads, against all rules

	after := newDeeds()
	spawn(t, after.reactor(s, b, "a").Run)
	time.Sleep(300 * time.Millisecond)
	if n := after.count(); n != 0 {
		t.Fatalf("reacted to %d events that never were", n)
	}
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	commits(s, 1, 400, 100*time.Microsecond, r)
	eventually(t, "all of the new history done", func() bool { return after.count() >= 1000 && len(s.events()) == 1500 })
	after.mu.Lock()
	defer after.mu.Unlock()
	for _, e := range s.events()[500:] {
		if after.ids[e.Position] != e.ID {
			t.Fatalf("position %d was skipped or another event took its place", e.Position)
		}
	}
}

func TestReactorCrashes(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	d.slow = 200 * time.Microsecond
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	done := make(chan struct{})
	go func() {
		defer close(done)
		commits(s, 0, 2000, 100*time.Microsecond, r)
	}()
	running := true
	for i := 0; running; i++ {
		stop := spawn(t, d.reactor(s, b, []string{"a", "b"}[i%2], func(o *reactor.Options) {
			o.Drain = time.Nanosecond // what is in flight is dropped
			o.Workers = 8
		}).Run)
		select {
		case <-done:
			running = false
		case <-time.After(60 * time.Millisecond):
		}
		stop()
	}
	spawn(t, d.reactor(s, b, "c").Run)
	eventually(t, "all done", func() bool { return d.count() == 5000 && len(s.events()) == 5000 })
	d.check(t, s)
}

func TestReactorLosesItsLease(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, d.reactor(s, b, "a").Run)
	spawn(t, d.reactor(s, b, "b").Run)
	for i := range 4 {
		commits(s, i, 200, 200*time.Microsecond, r)
		s.steal(reactor.LeaseName("flow"), "nobody", 50*time.Millisecond)
	}
	eventually(t, "all done", func() bool { return s.settled() && d.count() == len(s.events()) })
}

func TestPoisonParksItsRootOnly(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	poison := reactor.Root(order(3))
	refused := false
	d.refuse = func(c command.Command) command.Result {
		d.mu.Lock()
		defer d.mu.Unlock()
		if reactor.Root(c.Key) == poison && !refused { // only the first: the later ones would succeed, out of order
			refused = true
			return command.Result{Fault: fault.New(fault.FailedPrecondition, "POISON", "no")}
		}
		return command.Result{}
	}
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	var parkedAt []error
	spawn(t, d.reactor(s, b, "a", func(o *reactor.Options) {
		park := o.Park
		o.Park = func(ctx context.Context, e state.Event, err error, attempts int) error {
			d.mu.Lock()
			parkedAt = append(parkedAt, err)
			d.mu.Unlock()
			time.Sleep(250 * time.Millisecond) // the set of the parked is read meanwhile
			s.setParked(state.Ref{Kind: state.KindOrder, Tenant: e.Tenant, ID: e.AggregateID})
			return park(ctx, e, err, attempts)
		}
	}).Run)
	commits(s, 0, 40, 0, r)
	var poisoned []int64
	eventually(t, "all done or parked", func() bool {
		poisoned = nil
		for _, e := range s.events() {
			if reactor.Root(e.AggregateID) == poison {
				poisoned = append(poisoned, e.Position)
			}
		}
		return len(s.events()) == 100 && d.count() == 100-len(poisoned) && len(d.parkings()) == len(poisoned)
	})
	if got := d.parkings(); !slices.Equal(got, poisoned) {
		t.Fatalf("parked %v, want %v", got, poisoned)
	}
	if reason := fault.From(parkedAt[0]).Reason; reason != "POISON" || len(poisoned) < 2 {
		t.Fatalf("the first was parked because of %v", parkedAt[0])
	}
	// The dead letters are replayed, what was wrong is repaired: the root is free again.
	d.mu.Lock()
	d.refuse = nil
	d.mu.Unlock()
	s.setParked()
	time.Sleep(300 * time.Millisecond)
	batch, events := s.commit(order(3))
	r.Committed(batch, events)
	eventually(t, "free again", func() bool { return d.count() == 101-len(poisoned) })
}

func TestTransientFaults(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	var tries, looks atomic.Int32
	d.refuse = func(c command.Command) command.Result {
		n := tries.Add(1)
		switch {
		case c.Key == order(1) && n < 20:
			return command.Result{Fault: fault.New(fault.Unavailable, "DOWN", "the database is away")} // for longer than Attempts
		case c.Key == order(2):
			return command.Result{Fault: fault.New(fault.Internal, "BUG", "always")}
		case c.Key == order(4):
			panic("bug")
		}
		return command.Result{}
	}
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, d.reactor(s, b, "a", func(o *reactor.Options) {
		react := o.React
		o.React = func(e state.Event) ([]command.Command, error) {
			switch e.AggregateID {
			case order(5):
				return nil, errors.New("cannot be read")
			case order(6):
				panic("bug")
			case order(7):
				return nil, nil
			}
			commands, err := react(e)
			if e.AggregateID == order(9) {
				commands[0].Look = func(context.Context) ([]command.Step, int, *fault.Fault) {
					if looks.Add(1) < 20 {
						return nil, 0, fault.New(fault.Unavailable, "DOWN", "the database is away")
					}
					return nil, 0, nil
				}
			}
			return commands, err
		}
	}).Run)
	for i := 1; i <= 9; i++ {
		s.commit(order(i))
	}
	eventually(t, "orders 1, 3, 8 and 9 done", func() bool { return d.count() == 4 })
	eventually(t, "orders 2, 4, 5 and 6 parked", func() bool {
		got := d.parkings()
		slices.Sort(got)
		return slices.Equal(got, []int64{2, 4, 5, 6})
	})
	eventually(t, "the cursor at the end", func() bool {
		low, _ := s.lowWater(context.Background())
		return low == 9
	})
	if looks.Load() < 20 {
		t.Errorf("order 9 was looked for %d times", looks.Load())
	}
}

// The database goes away: the terms end, and begin again when it is back.
func TestDatabaseAway(t *testing.T) {
	s, b, d := newStore(), embedded(t), newDeeds()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, d.reactor(s, b, "a").Run)
	for range 3 {
		commits(s, 0, 100, 100*time.Microsecond, r)
		s.setDown(true)
		time.Sleep(100 * time.Millisecond)
		s.setDown(false)
	}
	eventually(t, "all done", func() bool { return d.count() == 750 })
	d.check(t, s)
}
