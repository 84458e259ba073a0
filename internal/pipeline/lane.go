package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/seed-255eabaa/oms/internal/batch"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// lane carries batches out, one after the other. Lanes share the queue and the store and nothing else.
//
// The queue has promised that no other lane has a row or a key of this lane's batch until the lane asks for its next one. So
// whatever happens to the batch in between (several attempts, halves, an open outcome), the order per row is kept, and
// Committed and the answers of a row come in order.
//
// A batch is settled when each of its members has been answered. settle tries the members together, and every error of an
// attempt leads to one of these ways on. Which one is right follows from what the error says about the transaction:
//
//	error               transaction      way on
//	ErrConflict         not committed    again, with keys looked up: what was decided rests on rows or keys that have changed;
//	                                     if that does not help, in halves, since the conflict may be one member's alone
//	ErrData             not committed    halves, each a batch of its own, in order; a culprit that is alone is refused INTERNAL
//	ErrOutcomeUnknown   open             ask the store until it knows; committed: answer, not committed: again
//	any other           not committed    all members are refused UNAVAILABLE
//
// These are the invariants that make it safe to try again:
//
//   - Nothing that an attempt has decided leaves the lane before its commit is known. Results stay in the calls, events and
//     rows in the overlay, and the next attempt overwrites them.
//   - Every attempt has a batch id of its own. Outcome makes sure that the old id cannot commit any more before it answers
//     "not committed", so two attempts never both take place.
//   - An attempt that found a key new by not looking must have its commit insert the key: only the unique index knows. A
//     keyed command whose refusal is not stored inserts nothing, and so proves nothing. Its answer might hide that the key
//     had been answered before (a repeated update would be told ABORTED, because its first version had succeeded). Such an
//     attempt is not committed but repeated with a lookup (errUnverified).
//   - Deadlines are looked at between attempts, when the last is known not to have taken place, so DEADLINE_EXCEEDED from here
//     means "no effect".
type lane struct {
	p           *Pipeline
	environment *Environment
	batch       batch.Batch[*call]
	members     []*call // of the batch, without those whose callers had gone
	overlay     *overlay
	view        view
	attempted   *state.Changes // what the last attempt has stored or tried to; nil when there was nothing
	causes      []context.Context
}

// commitGrace is how much longer than its members' deadlines a batch may take. A commit that is cut off costs more than one
// that is late.
const commitGrace = 2 * time.Second

// splitAfter is how many retries a conflict has before the batch is split. A conflict with another process is over by then. One
// that lasts is about a row or a transfer that a member makes and that exists, and must not take the others with it.
const splitAfter = 3

var (
	// errUnverified says that an attempt without a lookup of keys decided something that only a lookup can back.
	errUnverified = errors.New("pipeline: keys must be looked up")
	// errOpen says that the outcome of a commit stayed open.
	errOpen = errors.New("pipeline: the outcome of the commit stayed open")
)

func newLane(p *Pipeline) *lane {
	l := &lane{p: p, environment: &p.options.Environment, overlay: newOverlay()}
	l.view.overlay = l.overlay
	return l
}

// run settles batches until the queue is closed and empty.
func (l *lane) run() {
	for l.p.queue.Next(&l.batch) {
		for _, stale := range l.batch.Stale {
			if stale.start() {
				l.drop(stale)
			}
		}
		l.members = l.members[:0]
		for _, member := range l.batch.Members {
			if member.start() {
				l.members = append(l.members, member)
			}
		}
		switch {
		case len(l.members) == 0:
		case l.p.hard.Err() != nil:
			l.refuse(l.members, l.p.hard.Err())
		default:
			l.observeBatch()
			l.settle(l.members, l.p.lookups.Load() > 0)
		}
		clear(l.members)
	}
}

// settle answers every member. It may move members among the places of the slice, never beyond.
func (l *lane) settle(members []*call, lookup bool) {
	for try := 0; ; try++ {
		if members = l.unexpired(members); len(members) == 0 {
			return
		}
		decided, err := l.attempt(members, lookup)
		if errors.Is(err, state.ErrOutcomeUnknown) && l.attempted != nil {
			err = l.resolve(members, err)
		}
		switch {
		case err == nil:
			l.announce()
			for _, member := range members[:decided] {
				l.give(member)
			}
			members, try = members[decided:], -1
			continue
		case errors.Is(err, errUnverified):
			l.p.lookups.Store(int64(l.p.options.LookupBatches))
		case errors.Is(err, state.ErrConflict):
			observe(l.environment.Observe.Conflict)
			if try >= splitAfter && len(members) > 1 {
				l.bisect(members)
				return
			}
			if try >= l.p.options.RetryLimit {
				l.refuse(members, err)
				return
			}
			if lookup || try > 0 { // else the likely cause is a key, and the lookup is all that it takes
				l.pause(l.p.hard, try)
			}
		case errors.Is(err, state.ErrData) && len(members) == 1 && lookup:
			l.giveDefect(members[0], err)
			return
		case errors.Is(err, state.ErrData) && len(members) > 1:
			l.bisect(members)
			return
		case errors.Is(err, state.ErrData): // alone, but its key may have an answer
		default:
			l.refuse(members, err)
			return
		}
		lookup = true
		observe(l.environment.Observe.Retry)
	}
}

// bisect settles the halves of members, each as a batch of its own, in order.
func (l *lane) bisect(members []*call) {
	observe(l.environment.Observe.Bisect)
	half := len(members) / 2
	l.settle(members[:half], true)
	l.settle(members[half:], true)
}

// attempt carries members out as one transaction, up to the commit's answer. It answers how many of them the transaction held.
func (l *lane) attempt(members []*call, lookup bool) (decided int, err error) {
	ctx, cancel := context.WithDeadline(l.p.hard, latest(members).Add(commitGrace))
	defer cancel()
	var open Transaction
	committing := false
	l.attempted = nil
	if ended := l.trace(members); ended != nil {
		defer func() { ended(decided, l.attempted, err) }()
	}
	defer func() {
		if cause := recover(); cause != nil { // a defect of the store; those of decisions never come this far
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			if committing {
				err = fmt.Errorf("%w: %w", state.ErrOutcomeUnknown, err)
			} else if open != nil {
				open.Rollback()
			}
		}
	}()

	need := l.overlay.prepare(members, lookup)
	transaction, err := l.environment.Store.Begin(ctx, need)
	if err != nil {
		return 0, fmt.Errorf("begin a batch: %w", err)
	}
	open = transaction
	l.adapt(need, l.overlay.fill(transaction.Loaded()))
	decided = l.decideAll(members)
	if !need.LookupKeys && unverified(members[:decided]) {
		open = nil
		transaction.Rollback()
		return 0, errUnverified
	}
	l.attempted = l.changes(newBatchID(l.overlay.now, l.environment.Random()))
	if l.attempted.Empty() && !transaction.Loaded().Assumed {
		l.attempted, open = nil, nil
		transaction.Rollback()
		return decided, nil
	}
	committing = true
	started := time.Now()
	if err := transaction.Commit(ctx, l.attempted); err != nil {
		return decided, fmt.Errorf("commit a batch: %w", err)
	}
	if l.attempted.Empty() { // it has proved what its answers rest on, and stored nothing
		l.attempted = nil
	} else if hook := l.environment.Observe.Commit; hook != nil {
		hook(time.Since(started))
	}
	return decided, nil
}

// trace opens the span of an attempt where spans are made.
func (l *lane) trace(members []*call) (ended func(decided int, stored *state.Changes, err error)) {
	if l.environment.Trace == nil {
		return nil
	}
	for _, member := range members {
		l.causes = append(l.causes, member.cause)
	}
	ended = l.environment.Trace(l.causes)
	clear(l.causes)
	l.causes = l.causes[:0]
	return ended
}

// unverified tells whether a command with a key was answered in a way that stores nothing under the key. A mismatch is no such
// answer: it rests on what another command of the same batch stores.
func unverified(members []*call) bool {
	for _, member := range members {
		if f := member.result.Fault; f != nil && member.key >= 0 && !f.Stored() {
			return true
		}
	}
	return false
}

// adapt decides about the next batches' lookups: replays bring more replays, and every batch without one takes some of that
// expectation away.
func (l *lane) adapt(need state.Need, replays int) {
	left := l.p.lookups.Load()
	switch {
	case replays > 0:
		l.p.lookups.Store(int64(l.p.options.LookupBatches))
	case need.LookupKeys && left > 0:
		l.p.lookups.CompareAndSwap(left, left-1)
	}
}

// resolve finds out whether an attempt took place: nil says yes, ErrConflict no. It asks until the last member's time is over,
// because until then no answer is better than "unknown".
func (l *lane) resolve(members []*call, cause error) error {
	l.warn("the outcome of a commit is unknown", cause, "batch", l.attempted.Batch.String())
	ctx, cancel := context.WithDeadline(l.p.hard, latest(members))
	defer cancel()
	for try := 0; ; try++ {
		committed, err := l.outcome(ctx)
		switch {
		case err == nil && committed:
			return nil
		case err == nil:
			return state.ErrConflict
		case !l.pause(ctx, try):
			return fmt.Errorf("%w: %w", errOpen, err)
		}
	}
}

func (l *lane) outcome(ctx context.Context) (committed bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return l.environment.Store.Outcome(ctx, l.attempted.Batch)
}

// announce tells the environment of what was committed, if anything was.
func (l *lane) announce() {
	if l.attempted == nil {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			l.defect("Committed panicked", cause)
		}
	}()
	l.environment.Committed(l.attempted.Batch, l.attempted.Events, l.attempted.Rows)
}

// pause waits before try is followed by another; false when ctx ended first.
func (l *lane) pause(ctx context.Context, try int) bool {
	wait := min(l.p.options.Backoff<<min(try, 7), 250*time.Millisecond)
	timer := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// unexpired answers those whose time is not over and refuses the others. Nothing of any of them has taken place.
func (l *lane) unexpired(members []*call) []*call {
	now := time.Now()
	left := members[:0]
	for _, member := range members {
		if now.After(member.deadline) {
			l.expire(member)
		} else {
			left = append(left, member)
		}
	}
	return left
}

// drop answers a call that the queue has given up.
func (l *lane) drop(stale *call) {
	if time.Now().After(stale.deadline) {
		l.expire(stale)
		return
	}
	stale.result = refusal(&stale.command, l.p.full())
	l.give(stale)
}

func (l *lane) expire(member *call) {
	observe(l.environment.Observe.Expired)
	member.result = refusal(&member.command, over(context.DeadlineExceeded, false))
	l.give(member)
}

// refuse answers all members that the store failed them.
func (l *lane) refuse(members []*call, err error) {
	f := fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the store did not take the request; nothing was done, repeat it")
	switch {
	case errors.Is(err, errOpen):
		f = fault.New(fault.Unavailable, "OUTCOME_UNKNOWN",
			"the store was lost while it took the request; repeat it with the same key to learn its outcome")
	case errors.Is(err, state.ErrConflict):
		f = fault.New(fault.Unavailable, "CONTENTION", "too many others change the same rows; nothing was done, repeat the request")
	}
	l.warn("a batch failed", err, "commands", len(members))
	f = f.After(retryWhenDown).Because(err)
	for _, member := range members {
		member.result = refusal(&member.command, f)
		l.give(member)
	}
}

// giveDefect answers a command that the store alone cannot take.
func (l *lane) giveDefect(member *call, err error) {
	member.result = l.refuseDecided(member, err)
	l.give(member)
}

// give hands a member its result. A callback that panics must not take the lane with it.
func (l *lane) give(member *call) {
	defer func() {
		if cause := recover(); cause != nil {
			l.defect("a command's callback panicked", cause)
		}
	}()
	member.give()
}

func latest(members []*call) time.Time {
	deadline := members[0].deadline
	for _, member := range members[1:] {
		if member.deadline.After(deadline) {
			deadline = member.deadline
		}
	}
	return deadline
}

func (l *lane) defect(what string, cause any) {
	observe(l.environment.Observe.Panic)
	l.environment.Logger.Error(what, "cause", cause, "stack", string(debug.Stack()))
}

// warn logs a failure of the store, one a second at most: while the store is down, every batch fails.
func (l *lane) warn(what string, err error, attributes ...any) {
	last, now := l.p.lastFailure.Load(), time.Now().UnixNano()
	if now-last < int64(time.Second) || !l.p.lastFailure.CompareAndSwap(last, now) {
		return
	}
	l.environment.Logger.Warn(what, append(attributes, "cause", err)...)
}

func (l *lane) observeBatch() {
	hooks := &l.environment.Observe
	if hooks.Batch != nil {
		hooks.Batch(len(l.members), l.batch.Rows)
	}
	if hooks.Waited != nil {
		hooks.Waited(time.Since(l.members[0].arrived))
	}
	if hooks.Queue != nil {
		hooks.Queue(l.batch.Left)
	}
}
