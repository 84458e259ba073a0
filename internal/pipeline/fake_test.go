package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/state"
)

// fakeStore is a database in memory that keeps the promises of pipeline.Store and holds the pipeline to its own: rows are
// locked from Begin to the end, absent rows cannot be locked, keys, rows and batches are unique, an in-doubt commit may still
// take place. Whatever the pipeline does wrong is collected as a violation. Several pipelines may share one, each by a process
// of its own.
type fakeStore struct {
	mutex   sync.Mutex
	changed *sync.Cond

	rows      map[state.Ref]state.Row
	locks     map[state.Ref]*fakeTransaction
	answers   map[state.Key]*state.Answer
	batches   map[id.UUID]bool // true when committed, false when it must not commit any more
	events    []state.Event
	timers    map[state.TimerKey]time.Time
	transfers []ledger.Transfer

	now        time.Time
	violations []string
	begins     []state.Need // copies, in order
	commits    []state.Changes

	remembers bool // processes assume rows instead of locking them, and prove it in Commit

	// before is asked at every point: "begin", "commit", "committed", "outcome". What it answers or panics with is what the
	// pipeline sees. At "committed" an error comes after the changes took place; lateCommit lets them take place afterwards.
	before func(point string) error
}

// errLateCommit at "commit" leaves the outcome open; the changes take place later, unless Outcome comes first.
var errLateCommit = fmt.Errorf("late: %w", state.ErrOutcomeUnknown)

func newFakeStore() *fakeStore {
	s := &fakeStore{
		rows: map[state.Ref]state.Row{}, locks: map[state.Ref]*fakeTransaction{}, answers: map[state.Key]*state.Answer{},
		batches: map[id.UUID]bool{}, timers: map[state.TimerKey]time.Time{},
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), before: func(string) error { return nil },
	}
	s.changed = sync.NewCond(&s.mutex)
	return s
}

func (s *fakeStore) violate(format string, arguments ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, arguments...))
}

// process is one pipeline's connection. When the store remembers, each remembers the rows that it has seen (Loaded.Assumed).
type process struct {
	*fakeStore
	unannounced map[state.Ref]id.UUID // committed, and Committed was not called yet
	remembered  map[state.Ref]state.Row
}

func (s *fakeStore) connect() *process {
	return &process{fakeStore: s, unannounced: map[state.Ref]id.UUID{}, remembered: map[state.Ref]state.Row{}}
}

// committed is the hook for Environment.Committed.
func (p *process) committed(batch id.UUID, _ []state.Event, rows []state.Written) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.batches[batch] {
		p.violate("batch %v announced and not committed", batch)
	}
	for _, written := range rows {
		delete(p.unannounced, written.Row.Ref())
	}
}

// Begin implements pipeline.Store.
func (p *process) Begin(ctx context.Context, need state.Need) (pipeline.Transaction, error) {
	if err := p.before("begin"); err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	defer context.AfterFunc(ctx, p.changed.Broadcast)()
	need = state.Need{Refs: slices.Clone(need.Refs), Keys: slices.Clone(need.Keys), LookupKeys: need.LookupKeys}
	p.begins = append(p.begins, need)
	if !increasing(need.Refs, state.Ref.Compare) || !increasing(need.Keys, state.Key.Compare) {
		p.violate("need is not sorted and unique: %v", need)
	}
	for _, ref := range need.Refs {
		if batch, found := p.unannounced[ref]; found {
			p.violate("%v is used by another batch before batch %v was announced", ref, batch)
		}
	}
	transaction := &fakeTransaction{process: p, need: need, assumed: map[state.Ref]state.Row{}}
	for _, ref := range need.Refs {
		if row, found := p.remembered[ref]; found && p.remembers {
			transaction.assumed[ref] = row
		}
	}
	if err := transaction.lock(ctx); err != nil {
		return nil, err
	}
	p.now = p.now.Add(time.Millisecond)
	transaction.loaded = state.Loaded{Now: p.now, Rows: map[state.Ref]state.Row{}, Answers: map[state.Key]*state.Answer{}}
	transaction.loaded.Assumed = len(transaction.assumed) > 0
	for _, ref := range need.Refs {
		row, assumed := transaction.assumed[ref]
		if !assumed {
			row = p.rows[ref]
		}
		if row != nil {
			transaction.loaded.Rows[ref] = row
		}
	}
	if need.LookupKeys {
		for _, key := range need.Keys {
			if answer := p.answers[key]; answer != nil {
				transaction.loaded.Answers[key] = answer
			}
		}
	}
	return transaction, nil
}

// Outcome implements pipeline.Store.
func (p *process) Outcome(_ context.Context, batch id.UUID) (bool, error) {
	if err := p.before("outcome"); err != nil {
		return false, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.batches[batch] {
		for _, changes := range p.commits {
			if changes.Batch == batch {
				p.announceLater(&changes)
			}
		}
		return true, nil
	}
	p.batches[batch] = false
	return false, nil
}

func (p *process) announceLater(changes *state.Changes) {
	for _, written := range changes.Rows {
		p.unannounced[written.Row.Ref()] = changes.Batch
	}
}

type fakeTransaction struct {
	process *process
	need    state.Need
	loaded  state.Loaded
	assumed map[state.Ref]state.Row
	ended   bool
}

// lock waits for the locks of all rows that exist. Rows may come to be while it waits.
func (t *fakeTransaction) lock(ctx context.Context) error {
	p := t.process
	for again := true; again; {
		again = false
		for _, ref := range t.need.Refs {
			if _, assumed := t.assumed[ref]; assumed {
				continue
			}
			for p.rows[ref] != nil && p.locks[ref] != t {
				if p.locks[ref] == nil {
					p.locks[ref] = t
					continue
				}
				if ctx.Err() != nil {
					t.unlock()
					return ctx.Err()
				}
				p.changed.Wait()
				again = true
			}
		}
	}
	return nil
}

func (t *fakeTransaction) unlock() {
	maps.DeleteFunc(t.process.locks, func(_ state.Ref, owner *fakeTransaction) bool { return owner == t })
	t.process.changed.Broadcast()
}

func (t *fakeTransaction) Loaded() state.Loaded { return t.loaded }

func (t *fakeTransaction) Rollback() {
	t.process.mutex.Lock()
	defer t.process.mutex.Unlock()
	t.end()
}

func (t *fakeTransaction) end() {
	if t.ended {
		t.process.violate("a transaction was ended twice")
	}
	t.ended = true
	t.unlock()
}

func (t *fakeTransaction) Commit(_ context.Context, changes *state.Changes) error {
	p := t.process
	asked := false
	defer func() {
		if !asked { // a panic: the connection is lost, and the transaction with it
			t.Rollback()
		}
	}()
	failure := p.before("commit")
	asked = true
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, ref := range t.need.Refs {
		delete(p.remembered, ref)
	}
	for _, written := range changes.Rows {
		delete(p.remembered, written.Row.Ref())
	}
	t.check(changes)
	if errors.Is(failure, errLateCommit) {
		go t.commitLate(copyChanges(changes))
		return failure
	}
	defer t.end()
	if failure != nil {
		return failure
	}
	if err := t.store(changes); err != nil {
		return err
	}
	if err := p.before("committed"); err != nil {
		return err
	}
	p.announceLater(changes)
	t.remember(changes)
	return nil
}

// remember keeps what the transaction has seen and left. What it named is forgotten before, in case that it fails.
func (t *fakeTransaction) remember(changes *state.Changes) {
	for _, ref := range t.need.Refs {
		t.process.remembered[ref] = t.loaded.Rows[ref]
	}
	for _, written := range changes.Rows {
		t.process.remembered[written.Row.Ref()] = written.Row
	}
}

// prove answers whether everything assumed is so, but for what no decision has looked at. Rows that another transaction has locked may be about to change.
func (t *fakeTransaction) prove(unseen []state.Ref) bool {
	for ref, row := range t.assumed {
		if slices.Contains(unseen, ref) {
			continue
		}
		if owner := t.process.locks[ref]; t.process.rows[ref] != row || (owner != nil && owner != t) {
			return false
		}
	}
	return true
}

// commitLate is the server's end of a commit whose connection broke.
func (t *fakeTransaction) commitLate(changes state.Changes) {
	time.Sleep(100 * time.Microsecond)
	t.process.mutex.Lock()
	defer t.process.mutex.Unlock()
	_ = t.store(&changes)
	t.end()
}

// store makes the changes, all or none.
func (t *fakeTransaction) store(changes *state.Changes) error {
	p := t.process
	if _, found := p.batches[changes.Batch]; found || !t.prove(changes.Unseen) {
		return state.ErrConflict
	}
	for _, answer := range changes.Answers {
		if p.answers[answer.Key] != nil {
			return state.ErrConflict
		}
	}
	for _, written := range changes.Rows {
		if item, ok := written.Row.(*state.Item); ok && item.Sold < 0 {
			return fmt.Errorf("%w: sold is negative", state.ErrData)
		}
		ref := written.Row.Ref()
		if written.New && p.rows[ref] != nil {
			return state.ErrConflict
		}
		if _, assumed := t.assumed[ref]; !written.New && p.locks[ref] != t && !assumed {
			p.violate("%v is written without its lock", ref)
		}
	}
	p.batches[changes.Batch] = true
	p.commits = append(p.commits, copyChanges(changes))
	for _, answer := range changes.Answers {
		p.answers[answer.Key] = &answer.Answer
	}
	for _, written := range changes.Rows {
		p.rows[written.Row.Ref()] = written.Row
	}
	p.events = append(p.events, changes.Events...)
	for _, timer := range changes.SetTimers {
		p.timers[timer.TimerKey] = timer.DueAt
	}
	for _, key := range changes.ClearTimers {
		delete(p.timers, key)
	}
	p.transfers = append(p.transfers, changes.Transfers...)
	return nil
}

// check holds the pipeline to the form of state.Changes.
func (t *fakeTransaction) check(c *state.Changes) {
	p := t.process
	if c.Batch[14] != 0 || c.Batch[15] != 0 || c.Batch[6]>>4 != 7 {
		p.violate("batch id %v", c.Batch)
	}
	if !increasing(c.Answers, func(a, b state.KeyedAnswer) int { return a.Key.Compare(b.Key) }) {
		p.violate("answers are not sorted and unique")
	}
	if !increasing(c.Rows, func(a, b state.Written) int { return a.Row.Ref().Compare(b.Row.Ref()) }) {
		p.violate("rows are not sorted and unique")
	}
	for i, event := range c.Events {
		if event.ID != c.Batch.Member(i) || !event.At.Equal(t.loaded.Now) {
			p.violate("event %d has id %v and time %v", i, event.ID, event.At)
		}
	}
	for _, timer := range c.SetTimers {
		if slices.Contains(c.ClearTimers, timer.TimerKey) {
			p.violate("timer %v is set and cleared", timer.TimerKey)
		}
	}
	for _, written := range c.Rows {
		if !written.New && !slices.Contains(t.need.Refs, written.Row.Ref()) {
			p.violate("%v is written and was not needed", written.Row.Ref())
		}
	}
}

// copyChanges copies what the pipeline uses again; events and rows it has given away.
func copyChanges(c *state.Changes) state.Changes {
	result := *c
	result.Answers = slices.Clone(c.Answers)
	return result
}

func increasing[T any](values []T, compare func(a, b T) int) bool {
	for i := 1; i < len(values); i++ {
		if compare(values[i-1], values[i]) >= 0 {
			return false
		}
	}
	return true
}
