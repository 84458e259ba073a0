package pipeline

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/batch"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Environment is what a pipeline needs from outside. Its functions are called by several lanes at once.
type Environment struct {
	Store Store
	// EncodeAnswer writes the answered row as it is stored under the key and sent to clients.
	EncodeAnswer func(row state.Row) []byte
	// EncodeAnswers does so for a command that has every step answer; needed where there are such commands.
	EncodeAnswers func(rows []state.Row) []byte
	// EncodeEvent writes the payload of a change's event; change.After.EventSeq() is its seq.
	EncodeEvent func(change domain.Change, at time.Time) (payload []byte, schemaVersion string)
	// Committed is called after each commit, before the batch's answers are given and before its rows and keys are free for
	// other lanes, so it sees the changes of a row in order. It may keep the slices and must not change them. It is not
	// called for a batch whose outcome stayed open: the relay's polling finds such events. Optional.
	Committed func(batch id.UUID, events []state.Event, rows []state.Written)
	Logger    *slog.Logger // optional
	Observe   Observe      // optional
	// Trace opens the span of an attempt at a batch; causes are the contexts in which its members were submitted, and are the
	// lane's again when Trace returns. What it answers, if anything, is called when the attempt has ended: how many of them were
	// decided, and what was stored for them, nil for nothing. Optional; without it nothing is gathered.
	Trace func(causes []context.Context) (ended func(decided int, stored *state.Changes, err error))
	// EffectOwner is the process that new effects without an owner belong to from the start, as if claimed, so that workers in
	// this process need no command to claim them. Empty when this process runs no workers.
	EffectOwner string
	EffectLease time.Duration // how long such an owner has
	// Random is the entropy of batch ids; crypto/rand when nil.
	Random func() id.Random
}

// Observe holds the functions that count what happens. Each may be nil; none may wait for the pipeline.
type Observe struct {
	Batch    func(commands, rows int)   // a batch was formed
	Waited   func(oldest time.Duration) // how long its first command had waited
	Queue    func(length int)           // how many went on waiting
	Commit   func(took time.Duration)   // a commit succeeded
	Retry    func()                     // a batch is run again
	Conflict func()                     // a batch lost against another transaction
	Bisect   func()                     // a batch was split to find the one that the store refuses
	Replay   func()                     // a key was answered again
	Mismatch func()                     // a key was used for another command
	Panic    func()                     // a decision or an encoding panicked or broke a rule
	Full     func()                     // the queue refused a command, or dropped one that had waited too long
	Expired  func()                     // a command's time was over before its batch started
}

// Options configures a pipeline. Zero values stand for the defaults.
type Options struct {
	Environment  Environment
	Lanes        int // batches in flight at most: 2 for PostgreSQL (default), 1 for SQLite
	MaxCommands  int // commands in a batch: 256
	MaxRows      int // rows in a batch: 8,192; a command with more forms a batch of its own
	MaxBytes     int // bytes of requests in a batch: 4 MiB; a command with more forms a batch of its own
	MaxQueue     int // commands that wait: 16,384
	SecondLaneAt int // commands that must be able to go before a further lane starts: 64
	RetryLimit   int // conflicts of one command alone: 6
	// LookupBatches is for how many batches keys are looked up after a replay was seen: 32.
	LookupBatches int
	Backoff       time.Duration // before the first retry, doubled and jittered from there: 2 ms
	Deadline      time.Duration // for commands that have none: 10 s
	MaxDeadline   time.Duration // caps the commands' own: 60 s
}

func (o *Options) setDefaults() {
	o.Lanes = cmp.Or(o.Lanes, 2)
	o.MaxCommands = cmp.Or(o.MaxCommands, 256)
	o.MaxRows = cmp.Or(o.MaxRows, 8192)
	o.MaxBytes = cmp.Or(o.MaxBytes, 4<<20)
	o.MaxQueue = cmp.Or(o.MaxQueue, 16384)
	o.SecondLaneAt = cmp.Or(o.SecondLaneAt, 64)
	o.RetryLimit = cmp.Or(o.RetryLimit, 6)
	o.LookupBatches = cmp.Or(o.LookupBatches, 32)
	o.Backoff = cmp.Or(o.Backoff, 2*time.Millisecond)
	o.Deadline = cmp.Or(o.Deadline, 10*time.Second)
	o.MaxDeadline = cmp.Or(o.MaxDeadline, 60*time.Second)
	o.Environment.EffectLease = cmp.Or(o.Environment.EffectLease, 30*time.Second)
	if o.Environment.Logger == nil {
		o.Environment.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Environment.Committed == nil {
		o.Environment.Committed = func(id.UUID, []state.Event, []state.Written) {}
	}
	if o.Environment.Random == nil {
		o.Environment.Random = func() (entropy id.Random) {
			_, _ = rand.Read(entropy[:]) // never fails
			return entropy
		}
	}
}

// Pipeline accepts commands and answers them. Commands submitted before Run wait for it.
type Pipeline struct {
	options Options
	queue   *batch.Queue[*call]
	waiters sync.Pool
	lookups atomic.Int64 // batches that still look keys up beforehand

	hard    context.Context // ends when Drain's patience does: what is under way is given up
	giveUp  context.CancelFunc
	running atomic.Bool
	stopped chan struct{} // closed when Run has answered everything

	lastFailure atomic.Int64 // when a store failure was logged, in Unix nanoseconds
}

// New makes a pipeline.
func New(options Options) *Pipeline {
	options.setDefaults()
	p := &Pipeline{
		options: options,
		queue: batch.New[*call](batch.Limits{
			Lanes: options.Lanes, Commands: options.MaxCommands, Rows: options.MaxRows, Bytes: options.MaxBytes,
			Waiting: options.MaxQueue, FurtherLaneAt: options.SecondLaneAt,
		}),
		waiters: sync.Pool{New: newWaiter},
		stopped: make(chan struct{}),
	}
	p.hard, p.giveUp = context.WithCancel(context.Background())
	return p
}

// Submit brings a command to its answer. It blocks until the command is committed or refused, or until its deadline or ctx
// ends, whichever comes first. In the last case the answer says whether the command had started. If it had not, it has no
// effect. If it had, it may commit all the same, and repeating it with the same key is the way to find out.
func (p *Pipeline) Submit(ctx context.Context, c command.Command) command.Result {
	if err := ctx.Err(); err != nil {
		return refusal(&c, over(err, false))
	}
	now := time.Now()
	entry := &call{command: c, cause: ctx, arrived: now, deadline: p.deadline(c.Deadline, now)}
	entry.waiter, _ = p.waiters.Get().(*waiter)
	patience := entry.waiter.timer
	if ends, ok := ctx.Deadline(); ok && !ends.After(entry.deadline) {
		entry.deadline = ends // ctx.Done tells
	} else {
		patience.Reset(entry.deadline.Sub(now))
	}
	if err := p.queue.Put(entry); err != nil {
		p.release(entry.waiter)
		return refusal(&c, p.notQueued(err))
	}
	select {
	case result := <-entry.waiter.answer:
		p.release(entry.waiter)
		return result
	case <-ctx.Done():
		return p.leave(entry, ctx.Err())
	case <-patience.C:
		return p.leave(entry, context.DeadlineExceeded)
	}
}

// leave answers for a command that its caller no longer waits for. The waiter of a command that has started is left to the
// lane, which may still be about to use it.
func (p *Pipeline) leave(entry *call, err error) command.Result {
	if entry.stage.CompareAndSwap(stageWaiting, stageAbandoned) {
		p.release(entry.waiter)
		observe(p.options.Environment.Observe.Expired)
		return refusal(&entry.command, over(err, false))
	}
	select {
	case result := <-entry.waiter.answer: // just in time
		p.release(entry.waiter)
		return result
	default:
		return refusal(&entry.command, over(err, true))
	}
}

// release keeps a waiter for the next Submit.
func (p *Pipeline) release(w *waiter) {
	w.timer.Stop()
	p.waiters.Put(w)
}

// SubmitAsync is Submit without a goroutine that waits: done is called once, by the lane that has decided the command or, when
// the command is refused at once, before SubmitAsync returns. done must not block, since the lane's next batch waits for it. It
// may submit other commands by SubmitAsync. A command that has started is not given up at its deadline: done is called when
// its outcome is known or known to stay open.
func (p *Pipeline) SubmitAsync(c command.Command, done func(command.Result)) {
	now := time.Now()
	entry := &call{command: c, cause: context.Background(), arrived: now, deadline: p.deadline(c.Deadline, now), done: done}
	if err := p.queue.Put(entry); err != nil {
		done(refusal(&c, p.notQueued(err)))
	}
}

// deadline answers a command's own deadline within the limits.
func (p *Pipeline) deadline(own, now time.Time) time.Time {
	if own.IsZero() {
		return now.Add(p.options.Deadline)
	}
	if latest := now.Add(p.options.MaxDeadline); own.After(latest) {
		return latest
	}
	return own
}

func (p *Pipeline) notQueued(err error) *fault.Fault {
	if errors.Is(err, batch.ErrFull) {
		return p.full()
	}
	return fault.New(fault.Unavailable, "SHUTTING_DOWN",
		"the server is shutting down; nothing was done, repeat the request").After(retryWhenDown)
}

// full refuses a command that waits among too many, or has waited too long among many.
func (p *Pipeline) full() *fault.Fault {
	observe(p.options.Environment.Observe.Full)
	return fault.New(fault.ResourceExhausted, "QUEUE_FULL",
		"the server has as much work waiting as it takes; nothing was done, repeat the request later").After(retryWhenFull)
}

// Run works until ctx ends or Drain is called, and returns when everything that was accepted has been answered. It runs once.
func (p *Pipeline) Run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return errors.New("pipeline: Run was called twice")
	}
	defer context.AfterFunc(ctx, p.queue.Close)()
	var lanes sync.WaitGroup
	for range p.options.Lanes {
		lanes.Go(newLane(p).run)
	}
	lanes.Wait()
	close(p.stopped)
	return nil
}

// Drain refuses new commands from now on and waits until those that were accepted are answered. When ctx ends before, it gives
// up what is under way, which is answered UNAVAILABLE then, and returns the context's error.
func (p *Pipeline) Drain(ctx context.Context) error {
	p.queue.Close()
	if p.running.CompareAndSwap(false, true) { // Run was never called and will not be
		p.giveUp()
		newLane(p).run() //nolint:contextcheck // lanes work under p.hard
		close(p.stopped)
	}
	select {
	case <-p.stopped:
		return nil
	case <-ctx.Done():
	}
	p.giveUp()
	<-p.stopped
	return ctx.Err()
}

// Accepting tells whether commands are accepted and worked on.
func (p *Pipeline) Accepting() bool { return p.running.Load() && !p.queue.Closed() }

// Waiting is the number of commands in the queue.
func (p *Pipeline) Waiting() int { return p.queue.Len() }

// observe calls a hook that may be nil.
func observe(hook func()) {
	if hook != nil {
		hook()
	}
}
