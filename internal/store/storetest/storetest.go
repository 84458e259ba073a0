// Package storetest is the suite that every store must pass: what a batch promises, what reads, relay, reactors, timers and
// effects may rely on, and that verification finds what is broken. It speaks only the interfaces of the rooms that use a store,
// so that one set of tests holds SQLite and PostgreSQL to the same behaviour.
//
// Each test opens a store of its own and so can be run alone. A store keeps whole milliseconds at least, and answers times in UTC;
// what is empty is nil.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/books"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/timer"
	"github.com/seed-255eabaa/oms/internal/verify"
	"github.com/seed-255eabaa/oms/internal/view"
)

// Store is everything that a store is asked for.
type Store interface {
	pipeline.Store
	view.Store
	outbox.Store
	reactor.Store
	timer.Store
	books.Store
	effect.Store
	verify.Store
}

// Options tell the suite what it cannot find out through the interfaces.
type Options struct {
	// Concurrent says that several batches may be open at once. Without it the tests that need two open batches are left out,
	// because the second would wait for the first for ever.
	Concurrent bool
	// Proves says that rows are proved by the commit instead of locked by Begin: two batches may have the same row open, and the later
	// commit is a conflict. The tests of locks are left out then, and so are the groups that do not depend on it.
	Proves bool
	// Execute runs raw SQL on the store's database, to break what the store would never break. The suite names each statement
	// (see plants), so that a store whose SQL differs can bring its own; it must fail the test when the statement fails or
	// changes no row. Without it the suite fails, as checks that were never seen to find anything prove nothing.
	Execute func(t *testing.T, store Store, name, statement string)
	// Owned knows the tables with rows of tenants.
	Owned Owned
}

// Open answers an empty store that is closed when the test ends.
type Open func(t *testing.T) Store

// Run runs the suite.
func Run(t *testing.T, open Open, options Options) {
	t.Helper()
	if options.Execute == nil {
		t.Fatal("storetest: Options.Execute is missing: the invariants need violations to be planted")
	}
	groups := []struct {
		name    string
		tests   []test
		batches bool // about batches that rest on rows
	}{
		{"batch", batchTests, true},
		{"key", keyTests, true},
		{"outcome", outcomeTests, true},
		{"purge", purgeTests, false},
		{"stream", streamTests, true},
		{"lease", leaseTests, false},
		{"service", serviceTests, false},
		{"view", viewTests, false},
		{"page", pageTests, false},
		{"catalogue", catalogueTests, true},
		{"ledger", ledgerTests, false},
		{"play", playTests, false},
		{"player payments", playerPaymentTests, false},
		{"jackpots", jackpotTests, true},
		{"bonuses", bonusTests, false},
		{"stuck", stuckTests, false},
		{"sandbox purge", sandboxPurgeTests, true},
		{"invariant", invariantTests, false},
	}
	for _, group := range groups {
		if options.Proves && !group.batches {
			continue
		}
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					if test.concurrent && !options.Concurrent {
						t.Skip("needs several open batches, and this store has one writer")
					}
					if test.locks && options.Proves {
						t.Skip("needs a store that locks")
					}
					test.run(&suite{T: t, store: open(t), options: options})
				})
			}
		})
	}
}

// test is one test of the suite.
type test struct {
	name       string
	concurrent bool // needs Options.Concurrent
	locks      bool // needs a store that locks, see Options.Proves
	run        func(s *suite)
}

// suite is one test under way.
type suite struct {
	*testing.T
	store   Store
	options Options
}

// deadline bounds every call: a store that hangs fails its test rather than the whole run.
const deadline = 30 * time.Second

// context answers a context that ends with the deadline.
func (s *suite) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	s.Cleanup(cancel)
	return ctx
}

// begin opens a batch, and gives it up at the end of the test when the test has not ended it.
func (s *suite) begin(need state.Need) *batch {
	s.Helper()
	transaction, err := s.store.Begin(s.context(), need)
	if err != nil {
		s.Fatalf("begin: %v", err)
	}
	b := &batch{suite: s, transaction: transaction}
	s.Cleanup(b.rollback)
	return b
}

// batch is a transaction that knows whether it was ended.
type batch struct {
	suite       *suite
	transaction pipeline.Transaction
	ended       bool
}

func (b *batch) loaded() state.Loaded { return b.transaction.Loaded() }

func (b *batch) rollback() {
	if !b.ended {
		b.ended = true
		b.transaction.Rollback()
	}
}

// commit stores the changes of the batch and answers the error.
func (b *batch) commit(changes *state.Changes) error {
	b.ended = true
	return b.transaction.Commit(b.suite.context(), changes)
}

// put commits the changes in a batch that loads the rows it updates, and fails the test when that fails.
func (s *suite) put(changes *state.Changes) {
	s.Helper()
	if err := s.try(changes); err != nil {
		s.Fatalf("commit: %v", err)
	}
}

// try is put, but answers the error of the commit.
func (s *suite) try(changes *state.Changes) error {
	s.Helper()
	need := state.Need{}
	for _, written := range changes.Rows {
		if !written.New {
			need.Refs = append(need.Refs, written.Row.Ref())
		}
	}
	return s.begin(need).commit(changes)
}

// get loads one row, or answers nil.
func (s *suite) get(ref state.Ref) state.Row {
	s.Helper()
	b := s.begin(state.Need{Refs: []state.Ref{ref}})
	defer b.rollback()
	return b.loaded().Rows[ref]
}

// wantError fails the test unless err is the wanted one.
func (s *suite) wantError(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("error = %v, want %v", err, want)
	}
}

// must fails the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
