// Package timer fires what is due: the expiry of unpaid orders, and whatever else a decision has set a timer for. A timer is a
// row; the service leases those that are due, submits the command of their kind, and that command clears the timer in its own
// batch. So a timer fires at least once, and firing again is harmless, since decisions look at the state and at the database's
// time. What could not be carried out (the store was away, it was too early) comes back when the lease ends. What is refused for good
// would come back for ever: another command takes the timer away and says so where an operator looks.
// Timers of one aggregate fire one after the other; a slow one holds nobody else up (see underWay).
//
// It also purges what is kept for a time only, a few rows at a time: the answers under idempotency keys (requirement R-6), and the ids
// of batches, which tell whether a commit took place whose answer was lost, and what is left of sandboxes that were reset (P-14).
package timer

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/clock"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Fire makes the command of a timer. An error leaves the timer to the end of its lease.
type Fire func(ctx context.Context, timer state.Timer) (command.Command, error)

// End makes the command that takes a timer away whose own was refused for good.
type End func(timer state.Timer, refused *fault.Fault) command.Command

// Observe holds the functions that count what happens. Each may be nil.
type Observe struct {
	Fired  func(kind string, code fault.Code) // fault.OK after a success
	Purged func(keys int)
	// PurgedBatches is told of ids of old batches that were deleted.
	PurgedBatches func(batches int)
	// PurgedSandboxes is told of rows of sandboxes that were reset.
	PurgedSandboxes func(rows int)
}

// Options configures the service. Zero values stand for the defaults.
type Options struct {
	Store  Store
	Submit func(ctx context.Context, c command.Command) command.Result
	Fire   map[string]Fire // by the kind of timer
	End    map[string]End  // the same; timers of a kind without one are fired again for as long as they are there

	// Unknown makes the command that takes a timer of a kind that Fire does not know away, once it is sure that nobody knows it; optional.
	// Until then the timer comes back at the end of each lease.
	Unknown func(timer state.Timer) command.Command

	Lease       time.Duration // how long a timer is this process's; 30 s
	Limit       int           // timers a poll; 256
	Concurrency int           // timers under way at most, those that wait behind one of their own aggregate too; 256
	PollMin     time.Duration // between polls while there is something to do; 50 ms
	PollMax     time.Duration // and while there is not; 1 s

	KeyAge     time.Duration // answers older than that are purged; 48 h
	BatchAge   time.Duration // ids of batches older than that are purged, and sandboxes that were reset longer ago; 24 h
	PurgeEvery time.Duration // how often somebody looks for them; 1 min
	PurgeLimit int           // rows a purge; 500, so that no write waits long for it
	PurgePause time.Duration // between two purges in a row; 100 ms

	Logger  *slog.Logger // optional
	Observe Observe
}

func (o *Options) setDefaults() error {
	if o.Store == nil || o.Submit == nil {
		return errors.New("timer: a store and a way to submit are needed")
	}
	o.Lease = cmp.Or(o.Lease, 30*time.Second)
	o.Limit = cmp.Or(o.Limit, 256)
	o.Concurrency = cmp.Or(o.Concurrency, 256)
	o.PollMin = cmp.Or(o.PollMin, 50*time.Millisecond)
	o.PollMax = cmp.Or(o.PollMax, time.Second)
	o.KeyAge = cmp.Or(o.KeyAge, 48*time.Hour)
	o.BatchAge = cmp.Or(o.BatchAge, 24*time.Hour)
	o.PurgeEvery = cmp.Or(o.PurgeEvery, time.Minute)
	o.PurgeLimit = cmp.Or(o.PurgeLimit, 500)
	o.PurgePause = cmp.Or(o.PurgePause, 100*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Service fires timers and purges what is old. Any number of processes may run one each on a database.
type Service struct{ o Options }

// New makes a service; it works from Run on.
func New(options Options) (*Service, error) {
	if err := options.setDefaults(); err != nil {
		return nil, err
	}
	return &Service{options}, nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { s.fireOnAndOn(ctx) })
	group.Go(func() { s.purgeOnAndOn(ctx) })
	group.Wait()
	return nil
}

// fireOnAndOn polls for timers: soon again while there are some, at once while there are more than one poll takes. It ends when all that it
// has begun has ended.
func (s *Service) fireOnAndOn(ctx context.Context) {
	under := newUnderWay(s.o.Concurrency, s.fire)
	defer under.group.Wait()
	pause := s.o.PollMin
	for {
		room := min(s.o.Limit, under.room())
		fired, err := s.fireDue(ctx, under, room)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.o.Logger.Error("due timers cannot be read", "cause", err)
			pause = s.o.PollMax
		case fired == room: // there may be more, for which there is room when these are done; slow ones are not waited for
			if !under.settle(ctx, s.o.PollMin) {
				return
			}
			pause = 0
		case fired > 0:
			pause = s.o.PollMin
		default:
			pause = min(max(2*pause, s.o.PollMin), s.o.PollMax)
		}
		if !clock.Wait(ctx, pause) {
			return
		}
	}
}

// fireDue begins to fire what is due, as much as there is room for, and answers how many timers that were.
func (s *Service) fireDue(ctx context.Context, under *underWay, room int) (int, error) {
	if room <= 0 {
		return 0, nil
	}
	until := time.Now().Add(s.o.Lease) // before the store's lease ends, which begins later
	due, err := s.o.Store.DueTimers(ctx, room, s.o.Lease)
	if err != nil {
		return 0, err
	}
	for _, t := range due { // commands meet in batches, so they are submitted side by side
		under.take(ctx, leased{t, until})
	}
	return len(due), nil
}

// fire submits the command of one timer.
func (s *Service) fire(ctx context.Context, t state.Timer) {
	log := s.o.Logger.With("tenant", t.Tenant, "timer", t.Kind, "aggregate", t.AggregateID)
	fire, found := s.o.Fire[t.Kind]
	if !found {
		s.fireUnknown(ctx, log, t)
		return
	}
	c, err := fire(ctx, t)
	if err != nil {
		log.Warn("a timer cannot fire and will again", "cause", err)
		return
	}
	refused, final := s.submit(ctx, c)
	code := fault.OK
	if refused != nil {
		code = refused.Code
	}
	if hook := s.o.Observe.Fired; hook != nil {
		hook(t.Kind, code)
	}
	switch end := s.o.End[t.Kind]; {
	case refused == nil:
	case !final || end == nil:
		log.Warn("a timer's command was refused; the end of its lease brings it back", "trace_id", c.TraceID, "cause", refused)
	default:
		log.Error("a timer's command was refused for good; the timer is taken away", "trace_id", c.TraceID, "cause", refused)
		if failed, _ := s.submit(ctx, end(t, refused)); failed != nil {
			log.Error("the timer could not be taken away; the end of its lease brings it back", "cause", failed)
		}
	}
}

// fireUnknown follows a timer of a kind that this version does not know.
func (s *Service) fireUnknown(ctx context.Context, log *slog.Logger, t state.Timer) {
	log.Error("a timer of a kind that this version does not know is due; it becomes a dead letter when no version fires it", "due", t.DueAt)
	if s.o.Unknown == nil {
		return
	}
	if refused, _ := s.submit(ctx, s.o.Unknown(t)); refused != nil {
		log.Error("the timer could not be taken away; the end of its lease brings it back", "cause", refused)
	}
}

// submit submits a command and tells whether its refusal is for good. INTERNAL is after some tries: what a defect, or a row that is
// not as it must be, stands in the way of does not cure itself.
func (s *Service) submit(ctx context.Context, c command.Command) (refused *fault.Fault, final bool) {
	var tries command.Tries
	for try := 1; ; try++ {
		if refused = s.o.Submit(ctx, c).Fault; refused == nil {
			return nil, false
		}
		final = tries.Final(refused)
		if final || refused.Code != fault.Internal || !clock.Wait(ctx, time.Duration(try)*s.o.PollMin) {
			return refused, final
		}
	}
}

// purgeOnAndOn purges what is old now and then.
func (s *Service) purgeOnAndOn(ctx context.Context) {
	for clock.Wait(ctx, s.o.PurgeEvery) {
		if err := s.purge(ctx, s.o.Store.PurgeKeys, s.o.KeyAge, s.o.Observe.Purged); err != nil && ctx.Err() == nil {
			s.o.Logger.Error("old idempotency keys cannot be purged", "cause", err)
		}
		if err := s.purge(ctx, s.o.Store.PurgeBatches, s.o.BatchAge, s.o.Observe.PurgedBatches); err != nil && ctx.Err() == nil {
			s.o.Logger.Error("ids of old batches cannot be purged", "cause", err)
		}
		if err := s.purgeSandboxes(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Error("sandboxes that were reset cannot be purged", "cause", err)
		}
	}
}

// purgeOf deletes rows older than an age, at most limit of them.
type purgeOf func(ctx context.Context, age time.Duration, limit int) (int, error)

// purge deletes what is too old, in small pieces with pauses, so that writes go on in between.
func (s *Service) purge(ctx context.Context, some purgeOf, age time.Duration, hook func(purged int)) error {
	for {
		purged, err := some(ctx, age, s.o.PurgeLimit)
		if err != nil {
			return err
		}
		if hook != nil && purged > 0 {
			hook(purged)
		}
		if purged < s.o.PurgeLimit || !clock.Wait(ctx, s.o.PurgePause) {
			return nil
		}
	}
}

// purgeSandboxes deletes what is left of sandboxes that were reset, in small pieces with pauses.
func (s *Service) purgeSandboxes(ctx context.Context) error {
	for {
		purged, more, err := s.o.Store.PurgeSandboxes(ctx, s.o.BatchAge, s.o.PurgeLimit)
		if err != nil {
			return err
		}
		if hook := s.o.Observe.PurgedSandboxes; hook != nil && purged > 0 {
			hook(purged)
		}
		if !more || !clock.Wait(ctx, s.o.PurgePause) {
			return nil
		}
	}
}
