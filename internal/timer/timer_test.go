package timer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// fake is a store with timers and keys in memory; its commands clear timers as decisions would.
type fake struct {
	mu                        sync.Mutex
	due                       map[string]time.Time // when a timer is due or its lease ends
	keys                      int
	batches                   int
	batchAge                  time.Duration // that the last purge asked for
	sandboxAge                time.Duration
	sandboxRows, sandboxLooks int
	purges                    []time.Time
	fired                     []string
	refuse                    map[string]int // by timer: how often its command is refused
	final                     map[string]*fault.Fault
	ended                     []string
	tries                     int // of commands that are refused for good
	failing                   bool

	refuseEnds int
	slow       map[string]chan struct{} // by timer: ends its command
}

func (f *fake) DueTimers(_ context.Context, limit int, lease time.Duration) ([]state.Timer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing {
		return nil, errors.New("store: away")
	}
	var timers []state.Timer
	for _, name := range slices.Sorted(maps.Keys(f.due)) {
		if len(timers) < limit && !f.due[name].After(time.Now()) {
			f.due[name] = time.Now().Add(lease)
			kind := "order.expire"
			if name == "strange" {
				kind = "order.frob"
			}
			timers = append(timers, state.Timer{TimerKey: state.TimerKey{Tenant: "t", Kind: kind, AggregateID: name}})
		}
	}
	return timers, nil
}

func (f *fake) PurgeKeys(_ context.Context, _ time.Duration, limit int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	purged := min(limit, f.keys)
	f.keys -= purged
	f.purges = append(f.purges, time.Now())
	return purged, nil
}

func (f *fake) PurgeBatches(_ context.Context, age time.Duration, limit int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	purged := min(limit, f.batches)
	f.batches -= purged
	f.batchAge = age
	return purged, nil
}

func (f *fake) PurgeSandboxes(_ context.Context, age time.Duration, limit int) (int, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	purged := min(limit, f.sandboxRows)
	f.sandboxRows -= purged
	f.sandboxAge = age
	f.sandboxLooks++
	return purged, f.sandboxRows > 0 || f.sandboxLooks < 5, nil // it may look and find nothing
}

func (f *fake) submit(_ context.Context, c command.Command) command.Result {
	if gate := f.slow[c.TraceID]; gate != nil {
		<-gate
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse[c.TraceID] > 0 {
		f.refuse[c.TraceID]--
		return command.Result{Fault: fault.New(fault.Aborted, "TOO_EARLY", "not yet")}
	}
	if c.Method == "end" {
		if f.refuseEnds > 0 {
			f.refuseEnds--
			return command.Result{Fault: fault.New(fault.Unavailable, "UNAVAILABLE", "away")}
		}
		f.ended = append(f.ended, c.TraceID)
		delete(f.due, c.TraceID)
		return command.Result{}
	}
	if refused := f.final[c.TraceID]; refused != nil {
		f.tries++
		return command.Result{Fault: refused}
	}
	f.fired = append(f.fired, c.TraceID)
	delete(f.due, c.TraceID)
	return command.Result{}
}

func (f *fake) counts() (due, fired, keys int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.due), len(f.fired), f.keys
}

// start runs a service on a fake until the test ends. The name of a timer travels as the trace id.
func start(t *testing.T, f *fake, options Options) {
	t.Helper()
	options.Store, options.Submit = f, f.submit
	options.Fire = map[string]Fire{"order.expire": func(_ context.Context, timer state.Timer) (command.Command, error) {
		if timer.AggregateID == "unreadable" {
			return command.Command{}, errors.New("store: away")
		}
		return command.Command{TraceID: timer.AggregateID}, nil
	}}
	options.End = map[string]End{"order.expire": func(timer state.Timer, _ *fault.Fault) command.Command {
		return command.Command{Method: "end", TraceID: timer.AggregateID}
	}}
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestFiresEachDueTimerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{}}
		for i := range 1000 {
			f.due[strconv.Itoa(i)] = time.Now()
		}
		f.due["tomorrow"] = time.Now().Add(24 * time.Hour)
		start(t, f, Options{})
		time.Sleep(time.Second)
		if due, fired, _ := f.counts(); due != 1 || fired != 1000 {
			t.Errorf("%d timers are left and %d fired; only tomorrow's should be left", due, fired)
		}
		time.Sleep(24*time.Hour + time.Second)
		if due, fired, _ := f.counts(); due != 0 || fired != 1001 {
			t.Errorf("a day later %d timers are left and %d fired", due, fired)
		}
	})
}

func TestRefusedTimerComesBackWhenItsLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{"early": time.Now(), "unreadable": time.Now()}, refuse: map[string]int{"early": 2}}
		start(t, f, Options{Lease: 10 * time.Second})
		time.Sleep(15 * time.Second)
		if _, fired, _ := f.counts(); fired != 0 {
			t.Fatal("it was refused twice and has fired")
		}
		time.Sleep(10 * time.Second)
		if due, fired, _ := f.counts(); due != 1 || fired != 1 {
			t.Errorf("%d timers are left and %d fired; the unreadable one alone should be left", due, fired)
		}
	})
}

// What is refused for good is taken away; what may pass is not; INTERNAL is tried a few times at once.
func TestTimerThatIsRefusedForGoodEnds(t *testing.T) {
	for code, test := range map[fault.Code]struct {
		tries int
		ends  bool
	}{
		fault.NotFound: {1, true}, fault.FailedPrecondition: {1, true}, fault.InvalidArgument: {1, true}, fault.Internal: {3, true},
		fault.Aborted: {3, false}, fault.Unavailable: {3, false}, fault.DeadlineExceeded: {3, false}, fault.ResourceExhausted: {3, false},
		fault.Canceled: {3, false},
	} {
		t.Run(code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{due: map[string]time.Time{"a": time.Now()}, final: map[string]*fault.Fault{"a": fault.New(code, "REASON", "words")}}
				start(t, f, Options{Lease: 10 * time.Second})
				time.Sleep(25 * time.Second)
				f.mu.Lock()
				defer f.mu.Unlock()
				if ends := len(f.ended) == 1 && len(f.due) == 0; ends != test.ends || len(f.ended) > 1 || f.tries != test.tries {
					t.Errorf("ended %v after %d tries, want %v after %d", f.ended, f.tries, test.ends, test.tries)
				}
			})
		})
	}
}

// A timer of a kind that is not known is taken away by a command that may say that it is too early.
func TestTimerOfAnUnknownKindEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{"strange": time.Now()}, refuseEnds: 2}
		start(t, f, Options{Lease: 10 * time.Second, Unknown: func(timer state.Timer) command.Command {
			return command.Command{Method: "end", TraceID: timer.AggregateID}
		}})
		time.Sleep(15 * time.Second)
		if due, _, _ := f.counts(); due != 1 {
			t.Fatal("the timer went although its end was refused")
		}
		time.Sleep(10 * time.Second)
		if due, fired, _ := f.counts(); due != 0 || fired != 0 {
			t.Errorf("%d timers are left and %d fired", due, fired)
		}
	})
}

// The end of a timer may be refused as well: it comes with the next lease.
func TestEndThatIsRefusedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{"a": time.Now()}, final: map[string]*fault.Fault{"a": fault.NotFoundf("order", "a")}}
		f.refuseEnds = 2
		start(t, f, Options{Lease: 10 * time.Second})
		time.Sleep(15 * time.Second)
		if due, _, _ := f.counts(); due != 1 {
			t.Fatal("the timer went although its end was refused")
		}
		time.Sleep(10 * time.Second)
		if due, _, _ := f.counts(); due != 0 {
			t.Error("the timer is there still")
		}
	})
}

func TestSurvivesAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{due: map[string]time.Time{"a": time.Now()}, failing: true}
		start(t, f, Options{})
		time.Sleep(time.Minute)
		f.mu.Lock()
		f.failing = false
		f.mu.Unlock()
		time.Sleep(2 * time.Second)
		if due, fired, _ := f.counts(); due != 0 || fired != 1 {
			t.Errorf("%d timers are left and %d fired", due, fired)
		}
	})
}

func TestPurgesOldKeysInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{keys: 1234, batches: 700, sandboxRows: 900}
		var told, toldOfRows atomic.Int64
		start(t, f, Options{
			Observe: Observe{
				PurgedBatches:   func(batches int) { told.Add(int64(batches)) },
				PurgedSandboxes: func(rows int) { toldOfRows.Add(int64(rows)) },
			},
			BatchAge: 5 * time.Hour, PurgeLimit: 500, PurgePause: time.Second, PurgeEvery: time.Minute,
		})
		time.Sleep(90 * time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.keys != 0 || len(f.purges) != 3 {
			t.Fatalf("%d keys are left after %d purges; 0 after 3 are right", f.keys, len(f.purges))
		}
		if f.batches != 0 || told.Load() != 700 || f.batchAge != 5*time.Hour {
			t.Errorf("%d batches are left, %d told of, older than %v", f.batches, told.Load(), f.batchAge)
		}
		if f.sandboxRows != 0 || toldOfRows.Load() != 900 || f.sandboxAge != 5*time.Hour || f.sandboxLooks != 5 {
			t.Errorf("%d rows of sandboxes are left, %d told of, older than %v, in %d looks",
				f.sandboxRows, toldOfRows.Load(), f.sandboxAge, f.sandboxLooks)
		}
		for i, at := range f.purges[1:] {
			if pause := at.Sub(f.purges[i]); pause < time.Second {
				t.Errorf("purge %d came %v after the one before; writes need a pause", i+1, pause)
			}
		}
	})
}
