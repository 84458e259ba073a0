// Package effect calls the outside: payment gateways. A call is never made inside a transaction and never without a trace.
//
//	decision ─ commit: effect row ─▶ Wake, or the poll + a committed claim ─▶ (ask) call ─▶ outcome ─ commit: flow.Settle
//	                                                                           └ accepted ▶ … callback ▶ Settle
//
// What makes it safe to die at any point:
//
//  1. Before a call there is a committed claim: the row says who calls and until when. New effects are claimed by the commit
//     that brings them.
//  2. After a claim that nobody concluded, the next claimer asks the gateway what became of the call (Lookup) before it calls
//     again, with the same idempotency key.
//  3. After an accepted call nothing is stored. The end of the claim is when somebody asks, unless a callback came before.
//  4. An attempt that ends in an error, a time-out or "pending" is over: it gives its claim back and says when somebody may ask, soon
//     at first. Nobody waits for the end of a claim but for those who died, and for a callback that was lost.
//  5. An outcome is decided by the state of the rows, once; the same outcome may come from a call, a callback and an inquiry.
//  6. What the gateway says of amount and currency must be what was asked for. It is never booked otherwise.
//
// So a kill costs time, never money: the row is open, it falls due, it is claimed, the gateway is asked.
//
// What an outcome leads to is not decided here (see Flow). The clock of the process is used for waiting only; when a claim
// ends and what is due is said by the database's.
package effect

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/seed-255eabaa/oms/internal/clock"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Outcome is what became of a call, as flows take it.
type Outcome struct {
	Succeeded  bool
	Reason     string // of a refusal, such as "insufficient_funds"
	ExternalID string
	By         state.EffectParty // through whom it is known
	Asked      bool              // it is the answer to an inquiry

	Card          state.Card // of a hold, where the gateway tells it
	CaptureBefore time.Time  // of a hold, where the gateway tells it
}

// Flow makes the groups of steps that follow from what happens to an effect. Its functions are called by many goroutines.
type Flow struct {
	// Claim gives the effect to the owner for the lease. The row that it answers tells in Called whether to ask first.
	Claim func(e *state.Effect, owner string, lease time.Duration) []command.Step
	// Retry puts the effect off; called says that a call may have reached the gateway. What was done goes into the effect's history.
	Retry func(e *state.Effect, after time.Duration, did state.EffectAttempt, called bool) []command.Step
	// Note writes into the history what the claim has come to know, and goes on.
	Note func(e *state.Effect, did state.EffectAttempt) []command.Step
	// Doubt puts the effect off since the answer to a call was lost.
	Doubt func(e *state.Effect, after time.Duration, did state.EffectAttempt) []command.Step
	// GiveUp ends the effect with a dead letter; the reason of what was done last is why.
	GiveUp func(e *state.Effect, did state.EffectAttempt) []command.Step
	// NeedsNames tells whether Settle needs what Options.Names answers.
	NeedsNames func(e *state.Effect, outcome Outcome) bool
	// Settle ends the effect with its outcome.
	Settle func(e *state.Effect, names []string, outcome Outcome) []command.Step
	// Dispute takes what a gateway says of a dispute.
	Dispute func(d gateway.Dispute, names []string) []command.Step
}

// Observe holds the functions that count what happens. Each may be nil.
type Observe struct {
	Call    func(provider, kind, answer string, took time.Duration) // "ask" is the kind of inquiries
	Settled func(provider, kind string, succeeded bool)
	Retried func(provider, kind string)
	GivenUp func(provider, kind string)
	Dropped func(provider string) // the queue was full; the end of the claim brings it back
	Waiting func(provider string, length int)
}

// Lease is how long a worker has for a call before others ask the gateway about it. The pipeline claims new effects for as long.
const Lease = 15 * time.Second

// Options configures the workers. Zero values stand for the defaults.
type Options struct {
	Store    Store
	Gateways map[string]gateway.Gateway // by provider
	Submit   func(ctx context.Context, c command.Command) command.Result
	// Names answers what a group must name beyond its own aggregate: of an order the SKUs of its lines, of a player's payment the player.
	Names func(ctx context.Context, tenant, aggregate string) ([]string, error)
	Flow  Flow
	Owner string        // names this run of this process
	Lease time.Duration // of a claim, as the pipeline gives it too; Lease

	Timeout     time.Duration // of one attempt: inquiry and call; 10 s, far below Lease
	Calls       int           // attempts under way at a gateway at most; 256
	Queue       int           // effects that wait for them; 4,096
	Settlements int           // callbacks being stored at most; 1,024
	Claims      int           // claims under way at most; 64
	PollLimit   int           // effects a poll; 256
	PollMin     time.Duration // between polls while there is something to do; 250 ms
	PollMax     time.Duration // and while there is not; 1 s
	Attempts    int           // failures after which an effect is given up; 11, about two minutes, four when each is a time-out
	BackoffMin  time.Duration // after the first failure, doubled from there; 500 ms
	BackoffMax  time.Duration // 30 s
	// Own is what holds for a provider instead of Calls to BackoffMax, where it is above zero.
	Own map[string]Own
	// Patience is how many attempts an effect has that the gateway says is pending; 1,000, about eight hours.
	Patience int
	Grace    time.Duration // for what is under way when Run ends; 5 s

	Logger  *slog.Logger // optional
	Observe Observe
	// Begin opens a span around a call or an inquiry (kind "ask") or what a callback brings (kind "callback"); optional. What is
	// submitted because of it is submitted in its context.
	Begin func(ctx context.Context, e *state.Effect, kind string) (inside context.Context, end func(outcome string, err error))
}

// Own are the limits of one provider.
type Own struct {
	Calls                  int
	Attempts               int
	BackoffMin, BackoffMax time.Duration
}

// of answers what holds for a provider.
func (o *Options) of(provider string) Own {
	own := o.Own[provider]
	own.Calls = cmp.Or(own.Calls, o.Calls)
	own.Attempts = cmp.Or(own.Attempts, o.Attempts)
	own.BackoffMin = cmp.Or(own.BackoffMin, o.BackoffMin)
	own.BackoffMax = cmp.Or(own.BackoffMax, o.BackoffMax)
	return own
}

func (o *Options) setDefaults() error {
	if o.Store == nil || o.Submit == nil || o.Names == nil || o.Owner == "" || o.Flow.Settle == nil {
		return errors.New("effect: a store, a way to submit, names, an owner and a flow are needed")
	}
	o.Lease = cmp.Or(o.Lease, Lease)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Calls = cmp.Or(o.Calls, 256)
	o.Queue = cmp.Or(o.Queue, 4096)
	o.Settlements = cmp.Or(o.Settlements, 1024)
	o.Claims = cmp.Or(o.Claims, 64)
	o.PollLimit = cmp.Or(o.PollLimit, 256)
	o.PollMin = cmp.Or(o.PollMin, 250*time.Millisecond)
	o.PollMax = cmp.Or(o.PollMax, time.Second)
	o.Attempts = cmp.Or(o.Attempts, 11)
	o.BackoffMin = cmp.Or(o.BackoffMin, 500*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, 30*time.Second)
	o.Patience = cmp.Or(o.Patience, 1000)
	o.Grace = cmp.Or(o.Grace, 5*time.Second)
	if o.Timeout >= o.Lease {
		return errors.New("effect: an attempt must end before its claim does: the time-out must be below the lease")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Workers call gateways for the effects of all tenants.
type Workers struct {
	o        Options
	desks    map[string]*desk
	absent   *desk // for providers that are not configured here
	open     *recent
	alarm    *alarm
	settling *semaphore.Weighted // callbacks being stored
	jobs     atomic.Int64        // that wait for a caller or are under way
	settled  atomic.Int64        // effects that were settled or given up here

	hard   context.Context // ends when Run's grace does
	giveUp context.CancelFunc
	wait   func(ctx context.Context, d time.Duration) bool // false when ctx has ended
}

// New makes workers; they work from Run on.
func New(options Options) (*Workers, error) {
	if err := options.setDefaults(); err != nil {
		return nil, err
	}
	w := &Workers{
		o: options, desks: map[string]*desk{}, open: newRecent(recentLimit), alarm: newAlarm(),
		settling: semaphore.NewWeighted(int64(options.Settlements)), wait: clock.Wait,
	}
	for provider, g := range options.Gateways {
		w.desks[provider] = newDesk(provider, g, options.Queue)
	}
	w.absent = newDesk("", absent{}, options.Queue)
	w.hard, w.giveUp = context.WithCancel(context.Background())
	return w, nil
}

// Run works until ctx ends and then gives what is under way some time: what is claimed is called, and what was called waits for its
// callback. Whatever is not concluded by then falls due when its claim ends, here or in another process.
func (w *Workers) Run(ctx context.Context) error {
	var group sync.WaitGroup
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	for _, d := range w.desks {
		for range w.o.of(d.provider).Calls {
			group.Go(func() { w.serve(serving, d) })
		}
	}
	group.Go(func() { w.serve(serving, w.absent) })
	group.Go(func() { w.pollOnAndOn(ctx) })
	<-ctx.Done()
	defer time.AfterFunc(w.o.Grace, w.giveUp).Stop()
	w.finish()
	stop()
	group.Wait()
	w.drain()
	return nil
}

// quiet is how long nothing may have been settled before the rest is taken for what a gateway is slow to tell.
const quiet = time.Second

// finish waits until all that this process has begun has its outcome, for as long as outcomes come and the grace lasts. An outcome
// may ask for the next call (a hold for its capture), which is made, too.
func (w *Workers) finish() {
	last, since := w.settled.Load(), time.Now()
	for w.jobs.Load() > 0 || !w.open.empty() {
		if now := w.settled.Load(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > quiet || !w.wait(w.hard, 5*time.Millisecond) {
			return
		}
	}
}

// drain waits until no callback is being stored any more, at most until the grace is over, and refuses those that come later.
func (w *Workers) drain() {
	all := int64(w.o.Settlements)
	drained := w.settling.Acquire(w.hard, all) == nil
	w.giveUp()
	if drained {
		w.settling.Release(all)
	}
}

// Wake takes effects that were committed just now with a claim of this process. It never blocks: what finds no room falls due
// when the claim ends. Others' effects and other rows are not meant and are passed over.
func (w *Workers) Wake(rows []*state.Effect) {
	for _, e := range rows {
		if e.Owner == w.o.Owner && e.State == state.EffectOpen {
			w.put(w.desk(e.Provider), job{effect: e, claimed: time.Now()})
		}
	}
}

// desk is where the effects of a provider wait.
func (w *Workers) desk(provider string) *desk {
	if d, found := w.desks[provider]; found {
		return d
	}
	return w.absent
}

// command wraps steps about an effect.
func (w *Workers) command(e *state.Effect, step string, steps []command.Step) command.Command {
	return command.Command{
		Tenant: e.Tenant, Principal: "gateway:" + e.Provider, Method: "flow/" + step, TraceID: e.TraceID, Steps: steps,
	}
}

// log is the logger with what identifies an effect. Tokens are never logged.
func (w *Workers) log(e *state.Effect) *slog.Logger {
	return w.o.Logger.With("trace_id", e.TraceID, "tenant", e.Tenant, "effect", e.ID, "provider", e.Provider, "attempts", e.Attempts)
}
