package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// leaseTests are about the right of one process to do something alone.
var leaseTests = []test{
	{name: "a lease has one holder", run: testLease},
	{name: "a lease that ran out passes on with a greater fence", run: testLeaseExpiry},
	{name: "of many that want a lease one gets it", run: testLeaseRace},
	{name: "cursors are kept by the holder of the lease only", run: testCursor},
}

func testLease(s *suite) {
	first := s.lease("relay", "a", time.Minute)
	s.same("name and holder", []string{first.Name, first.Holder}, []string{"relay", "a"})
	_, held, err := s.store.AcquireLease(s.context(), "relay", "b", time.Minute)
	s.must(err)
	s.same("b holds a's lease", held, false)
	s.same("renewed", s.lease("relay", "a", time.Minute), first)
	s.lease("other", "b", time.Minute) // leases are apart

	// Who does not hold it cannot give it up.
	s.must(s.store.ReleaseLease(s.context(), state.Lease{Name: "relay", Holder: "b", Fence: first.Fence}))
	s.must(s.store.ReleaseLease(s.context(), state.Lease{Name: "relay", Holder: "a", Fence: first.Fence - 1}))
	_, held, err = s.store.AcquireLease(s.context(), "relay", "b", time.Minute)
	s.must(err)
	s.same("b holds a's lease", held, false)

	s.must(s.store.ReleaseLease(s.context(), first))
	second := s.lease("relay", "b", time.Minute)
	if second.Fence <= first.Fence {
		s.Fatalf("fence %d after %d", second.Fence, first.Fence)
	}
	s.must(s.store.ReleaseLease(s.context(), second))
	third := s.lease("relay", "b", time.Minute) // the same process may have forgotten what it did under the old fence
	if third.Fence <= second.Fence {
		s.Fatalf("fence %d after %d", third.Fence, second.Fence)
	}
}

// moment is a time that a test waits for the end of. Tests rest on that it has passed, never on that it has not: the machine may be busy.
const moment = 5 * time.Millisecond

func testLeaseExpiry(s *suite) {
	first := s.lease("relay", "a", moment)
	s.same("renewed", s.lease("relay", "a", time.Minute), first)
	time.Sleep(2 * moment)
	_, held, err := s.store.AcquireLease(s.context(), "relay", "b", time.Minute)
	s.must(err)
	s.same("b holds the renewed lease", held, false)
	s.same("renewed", s.lease("relay", "a", moment), first)
	time.Sleep(2 * moment)
	second := s.lease("relay", "b", time.Minute)
	if second.Fence <= first.Fence {
		s.Fatalf("fence %d after %d", second.Fence, first.Fence)
	}
	_, held, err = s.store.AcquireLease(s.context(), "relay", "a", time.Minute)
	s.must(err)
	s.same("a holds b's lease", held, false)
	s.must(s.store.ReleaseLease(s.context(), first)) // too late: nothing happens
	_, held, err = s.store.AcquireLease(s.context(), "relay", "c", time.Minute)
	s.must(err)
	s.same("c holds b's lease", held, false)
}

func testLeaseRace(s *suite) {
	for round := range 10 {
		winners := make(chan bool, 8)
		for i := range cap(winners) {
			go func() {
				_, held, err := s.store.AcquireLease(s.context(), fmt.Sprint("lease-", round), fmt.Sprint("process-", i), time.Minute)
				if err != nil {
					s.Errorf("acquire: %v", err)
				}
				winners <- held
			}()
		}
		won := 0
		for range cap(winners) {
			if <-winners {
				won++
			}
		}
		s.same("number of holders", won, 1)
	}
}

func testCursor(s *suite) {
	cursor, err := s.store.Cursor(s.context(), "reactor")
	s.must(err)
	s.same("cursor before", cursor, state.Cursor{})
	lease := s.lease("reactor", "a", time.Minute)
	for _, want := range []state.Cursor{{Epoch: "e1", Position: 7}, {Epoch: "e1", Position: 9}, {Epoch: "e2", Position: 1}} {
		s.must(s.store.SaveCursor(s.context(), lease, want))
		got, err := s.store.Cursor(s.context(), "reactor")
		s.must(err)
		s.same("cursor", got, want)
	}
	s.wantError(s.store.SaveCursor(s.context(), state.Lease{Name: "reactor", Holder: "b", Fence: lease.Fence}, state.Cursor{}), state.ErrFenced)
	s.wantError(s.store.SaveCursor(s.context(), state.Lease{Name: "unheld", Holder: "a", Fence: 1}, state.Cursor{}), state.ErrFenced)
	s.same("renewed", s.lease("reactor", "a", moment), lease)
	time.Sleep(2 * moment)
	young := s.lease("reactor", "b", time.Minute)
	s.wantError(s.store.SaveCursor(s.context(), lease, state.Cursor{Epoch: "e9", Position: 99}), state.ErrFenced)
	got, err := s.store.Cursor(s.context(), "reactor")
	s.must(err)
	s.same("cursor", got, state.Cursor{Epoch: "e2", Position: 1})
	s.must(s.store.SaveCursor(s.context(), young, state.Cursor{Epoch: "e2", Position: 2}))
}

// serviceTests are about timers, effects and dead letters.
var serviceTests = []test{
	{name: "timers come when they are due, once a lease", run: testTimers},
	{name: "setting a timer again replaces it, clearing removes it", run: testTimerReplaced},
	{name: "timers come oldest first, at most as many as asked for", run: testTimerOrder},
	{name: "a timer is taken away together with the letter that tells", run: testTimerEnded},
	{name: "two processes get different timers", concurrent: true, run: testTimerShares},
	{name: "open effects come when they are due, oldest first", run: testDueEffects},
	{name: "levels count what is open", run: testLevels},
	{name: "aggregates with an open dead letter are parked", run: testParked},
}

func timerAt(name string, due time.Time) state.Timer {
	return state.Timer{TimerKey: state.TimerKey{Tenant: tenant, Kind: "order.expire", AggregateID: name}, DueAt: due}
}

func (s *suite) setTimers(timers ...state.Timer) {
	s.Helper()
	changes := newBatch()
	changes.SetTimers = timers
	s.put(changes)
}

func (s *suite) due(limit int, lease time.Duration) []state.Timer {
	s.Helper()
	timers, err := s.store.DueTimers(s.context(), limit, lease)
	s.must(err)
	return timers
}

func testTimers(s *suite) {
	past := timerAt("past", longAgo())
	s.setTimers(timerAt("future", recently().Add(time.Hour)), past)
	s.same("due", s.due(100, time.Minute), []state.Timer{past})
	s.same("due while leased", len(s.due(100, time.Minute)), 0)
	s.setTimers(past) // ends the lease
	s.same("due", s.due(100, moment), []state.Timer{past})
	time.Sleep(2 * moment)
	s.same("due after the lease, at its own time", s.due(100, time.Minute), []state.Timer{past})
	soon := timerAt("soon", recently().Add(20*moment))
	s.setTimers(soon)
	var came []state.Timer
	for len(came) == 0 {
		came = s.due(100, time.Minute)
	}
	s.same("due", came, []state.Timer{soon})
	now, err := s.store.Now(s.context())
	s.must(err)
	if now.Before(soon.DueAt) {
		s.Errorf("it came before %v, at %v", soon.DueAt, now)
	}
}

func testTimerReplaced(s *suite) {
	s.setTimers(timerAt("a", longAgo()), timerAt("b", longAgo()))
	other := timerAt("a", longAgo())
	other.Kind = "order.remind"
	s.setTimers(other)
	s.same("number due", len(s.due(100, time.Minute)), 3)
	moved := timerAt("a", longAgo().Add(time.Second))
	s.setTimers(moved) // also ends the lease: it is another timer
	s.same("due", s.due(100, time.Minute), []state.Timer{moved})
	changes := newBatch()
	changes.SetTimers = []state.Timer{other}
	changes.ClearTimers = []state.TimerKey{moved.TimerKey, timerAt("never set", longAgo()).TimerKey}
	s.put(changes)
	s.same("due", s.due(100, time.Minute), []state.Timer{other})
	s.setTimers(moved) // cleared, so it can be set again
	s.same("due", s.due(100, time.Minute), []state.Timer{moved})
}

func testTimerEnded(s *suite) {
	order := sampleOrder(longAgo())
	stuck, other := timerAt(order.ID, longAgo()), timerAt("other", longAgo())
	s.setTimers(stuck, other)
	s.same("number due", len(s.due(100, time.Millisecond)), 2)
	letter := sampleDeadLetter(order, longAgo())
	letter.Kind = "timer"
	changes := insert(newBatch(), letter)
	changes.ClearTimers = []state.TimerKey{stuck.TimerKey} // while it is leased
	s.put(changes)
	time.Sleep(50 * time.Millisecond)
	s.same("due after the lease", s.due(100, time.Minute), []state.Timer{other})
	told, err := s.store.DeadLetter(s.context(), tenant, letter.ID)
	s.must(err)
	s.same("letter", told, letter)
}

func testTimerOrder(s *suite) {
	timers := make([]state.Timer, 10)
	for i := range timers {
		timers[i] = timerAt(fmt.Sprint(i), longAgo().Add(time.Duration(10-i)*time.Second))
	}
	s.setTimers(timers...)
	for round := range 4 {
		got := s.due(3, time.Minute)
		s.same("number due", len(got), min(3, 10-3*round))
		for i, timer := range got {
			s.same("timer", timer, timers[9-3*round-i])
		}
	}
}

func testTimerShares(s *suite) {
	timers := make([]state.Timer, 100)
	for i := range timers {
		timers[i] = timerAt(fmt.Sprintf("%03d", i), longAgo())
	}
	s.setTimers(timers...)
	shares := make(chan []state.Timer, 8)
	for range cap(shares) {
		go func() {
			var share []state.Timer
			for range 20 {
				timers, err := s.store.DueTimers(s.context(), 5, time.Minute)
				if err != nil {
					s.Errorf("due timers: %v", err)
				}
				share = append(share, timers...)
			}
			shares <- share
		}()
	}
	seen := map[string]int{}
	for range cap(shares) {
		for _, timer := range <-shares {
			seen[timer.AggregateID]++
			s.same("times that one came", seen[timer.AggregateID], 1)
		}
	}
	s.same("number of timers", len(seen), len(timers))
}

func testDueEffects(s *suite) {
	base := longAgo()
	order := sampleOrder(base)
	changes := newBatch()
	var want []*state.Effect
	for i := range 6 {
		effect := sampleEffect(order, fmt.Sprint("refund/", i))
		effect.NextAt = base.Add(time.Duration(6-i) * time.Second)
		switch i {
		case 3:
			effect.State = state.EffectDone
		case 4:
			effect.State = state.EffectFailed
		case 5:
			effect.NextAt = recently().Add(time.Hour)
		default:
			want = append([]*state.Effect{effect}, want...)
		}
		insert(changes, effect)
	}
	s.put(changes)
	for limit := 1; limit <= 4; limit++ {
		got, err := s.store.DueEffects(s.context(), limit)
		s.must(err)
		s.same("due effects", got, want[:min(limit, len(want))])
	}
	done := *want[0]
	done.State, done.NextAt = state.EffectDone, time.Time{}
	s.put(update(newBatch(), &done))
	got, err := s.store.DueEffects(s.context(), 10)
	s.must(err)
	s.same("due effects", got, want[1:])
	one, err := s.store.Effect(s.context(), tenant, done.ID)
	s.must(err)
	s.same("effect", one, &done)
	_, err = s.store.Effect(s.context(), "other", done.ID)
	s.wantError(err, state.ErrNotFound)
}

func testParked(s *suite) {
	at := longAgo()
	order, payment := sampleOrder(at), samplePayment(sampleOrder(at))
	open, double, replayed := sampleDeadLetter(order, at), sampleDeadLetter(order, at), sampleDeadLetter(sampleOrder(at), at)
	replayed.ReplayedAt = at
	ofPayment := sampleDeadLetter(order, at)
	ofPayment.AggregateID = payment.ID
	ofCall, ofTimer := sampleDeadLetter(sampleOrder(at), at), sampleDeadLetter(sampleOrder(at), at) // they park nothing
	ofDispute := sampleDeadLetter(sampleOrder(at), at)                                              // nor does this
	ofCall.Kind, ofTimer.Kind, ofDispute.Kind = "effect", "timer", "dispute"
	s.put(insert(newBatch(), open, double, replayed, ofPayment, ofCall, ofTimer, ofDispute))
	parked := func(want ...state.Ref) {
		s.Helper()
		got, err := s.store.Parked(s.context())
		s.must(err)
		found := map[state.Ref]bool{}
		for _, ref := range got {
			found[ref] = true
		}
		s.same("number of parked aggregates", len(got), len(want))
		for _, ref := range want {
			s.same(ref.ID+" is parked", found[ref], true)
		}
	}
	parked(order.Ref(), payment.Ref())
	closed := *open
	closed.ReplayedAt = at
	s.put(update(newBatch(), &closed))
	parked(order.Ref(), payment.Ref()) // there is another letter
	last := *double
	last.ReplayedAt = at
	s.put(update(newBatch(), &last))
	parked(payment.Ref())
}

func testLevels(s *suite) {
	levels, err := s.store.Levels(s.context())
	s.must(err)
	s.same("levels of nothing", levels, state.Levels{})
	at := longAgo()
	order := sampleOrder(at)
	open, younger := sampleEffect(order, "hold/1"), sampleEffect(order, "hold/2")
	younger.CreatedAt, younger.NextAt = at.Add(time.Minute), recently().Add(time.Hour) // put off is open, too
	capture, done, failed := sampleEffect(order, "capture"), sampleEffect(order, "void"), sampleEffect(order, "refund/1")
	capture.Kind = "gateway.capture"
	done.State, failed.State = state.EffectDone, state.EffectFailed
	waiting, replayed := sampleDeadLetter(order, at), sampleDeadLetter(order, at)
	replayed.ReplayedAt = at
	later, due := sampleNotification("later", order), sampleNotification("due", order)
	mails := []*state.Effect{sampleEffect(order, "mail/1"), sampleEffect(order, "mail/2")} // made long ago, one of them due since then
	for i, n := range []*state.Notification{later, due} {
		mails[i].Kind, mails[i].AggregateID = "notification.email", n.ID
	}
	later.DueAt, due.DueAt = recently().Add(time.Hour), at
	disputed, decided := samplePayment(order), samplePayment(sampleOrder(at))
	decided.DisputedMinor = 0
	s.put(insert(newBatch(), capture, open, younger, failed, done, waiting, replayed, later, due, mails[0], mails[1], disputed, decided))
	before := recently()
	levels, err = s.store.Levels(s.context())
	s.must(err)
	s.same("open dead letters", levels.DeadLetters, int64(1))
	s.same("disputed payments", levels.Disputed, int64(1))
	slices.SortFunc(levels.Effects, func(a, b state.OpenEffects) int { return strings.Compare(a.Kind, b.Kind) })
	counts := map[string]int64{}
	for _, effects := range levels.Effects {
		counts[effects.Kind] = effects.Count
		if age := before.Sub(at); effects.Oldest < age-time.Minute/2 || effects.Oldest > age+time.Hour {
			s.Errorf("the oldest %s was asked for %v ago, should be %v", effects.Kind, effects.Oldest, age)
		}
	}
	s.same("open effects", counts, map[string]int64{"gateway.hold": 2, "gateway.capture": 1, "notification.email": 1})
}
