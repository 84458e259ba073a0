//go:build unix

package sqlite

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

func put(s *Store, changes *state.Changes) error {
	transaction, err := s.Begin(context.Background(), state.Need{})
	if err != nil {
		return err
	}
	return transaction.Commit(context.Background(), changes)
}

func mustPut(t *testing.T, s *Store, changes *state.Changes) {
	t.Helper()
	if err := put(s, changes); err != nil {
		t.Fatal(err)
	}
}

// some makes a batch of a few orders.
func some(now time.Time) *state.Changes {
	changes, _ := create(now, 3)
	return changes
}

func exists(t *testing.T, s *Store, changes *state.Changes) bool {
	t.Helper()
	ref := changes.Rows[0].Row.Ref()
	_, err := s.Order(context.Background(), ref.Tenant, ref.ID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	first, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Open(context.Background(), path, Options{}); err == nil || !strings.Contains(err.Error(), "in use by another") {
		t.Fatalf("a second writer: %v", err)
	}
	if err = first.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, path)
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	first := openStore(t, path)
	ahead := some(time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond))
	mustPut(t, first, ahead)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(first, some(time.Now())); !errors.Is(err, errClosed) {
		t.Fatalf("a batch after Close: %v", err)
	}
	second := openStore(t, path)
	if !exists(t, second, ahead) {
		t.Fatal("the order is gone")
	}
	if now := second.clock.now(); now.Before(ahead.Now) {
		t.Fatalf("the clock went back from %v to %v", ahead.Now, now)
	}
	mustPut(t, second, some(time.Now()))
	if last, err := second.LastPosition(context.Background()); last != 6 || err != nil {
		t.Fatalf("last position %d, error %v", last, err)
	}
}

func TestBeginWaitsItsTurn(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "oms.db"))
	need := state.Need{Refs: []state.Ref{{Kind: state.KindItem, Tenant: "acme", ID: "SKU"}}}
	first, err := s.Begin(context.Background(), need)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err = s.Begin(ctx, need); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second batch: %v", err)
	}
	first.Rollback()
	if first, err = s.Begin(context.Background(), need); err != nil {
		t.Fatal(err)
	}
	first.Rollback()
}

func TestOutcomeOfFailedCommit(t *testing.T) {
	for _, stored := range []bool{false, true} {
		s := openStore(t, filepath.Join(t.TempDir(), "oms.db"))
		mustPut(t, s, some(time.Now()))
		changes := some(time.Now())
		s.failCommit = func(w *writer) error {
			if stored {
				if err := run(w.commit, nil); err != nil {
					t.Fatal(err)
				}
			}
			return sqlite.ResultIOErrFsync.ToError()
		}
		if err := put(s, changes); !errors.Is(err, state.ErrOutcomeUnknown) {
			t.Fatalf("commit: %v", err)
		}
		s.failCommit = nil
		for range 2 { // the answer stays the same
			if committed, err := s.Outcome(context.Background(), changes.Batch); err != nil || committed != stored {
				t.Fatalf("committed %v, error %v, want %v", committed, err, stored)
			}
		}
		if exists(t, s, changes) != stored {
			t.Fatalf("the order's existence is not %v", stored)
		}
		if err := put(s, changes); !errors.Is(err, state.ErrConflict) {
			t.Fatalf("the same batch again: %v", err)
		}
		mustPut(t, s, some(time.Now()))
		checkSound(t, s)
	}
}

func checkSound(t *testing.T, s *Store) {
	t.Helper()
	findings, err := s.Invariants(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		if finding.Violation != "" {
			t.Errorf("%s: %s", finding.Invariant, finding.Violation)
		}
	}
}

// TestFullDisk lets the file reach a limit in the middle of a batch: a clean refusal, and the store goes on when there is room.
func TestFullDisk(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "oms.db"))
	mustPut(t, s, some(time.Now()))
	limit := func(pages string) {
		t.Helper()
		w, err := s.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer s.give(w)
		if err := execute(w.connection, "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // as small as it is now
	changes, _ := create(time.Now(), 500)
	for range 3 {
		checkRefused(t, put(s, changes))
	}
	if exists(t, s, changes) {
		t.Fatal("a refused batch left an order")
	}
	limit("4294967294")
	mustPut(t, s, changes)
	checkSound(t, s)
}

// checkRefused wants an error that only says that the store is unavailable.
func checkRefused(t *testing.T, err error) {
	t.Helper()
	if err == nil || errors.Is(err, state.ErrConflict) || errors.Is(err, state.ErrData) || errors.Is(err, state.ErrOutcomeUnknown) {
		t.Fatalf("error = %v, want a clean refusal", err)
	}
	if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultFull {
		t.Fatalf("error = %v, want one of a full disk", err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	if _, err := OpenReadOnly(path); err == nil {
		t.Fatal("a database that does not exist was opened")
	}
	live := openStore(t, path)
	reader, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	changes := some(time.Now())
	mustPut(t, live, changes)
	if !exists(t, reader, changes) {
		t.Fatal("a committed order is not seen")
	}
	checkSound(t, reader)
	if err := put(reader, some(time.Now())); !errors.Is(err, errReadOnly) {
		t.Fatalf("a batch: %v", err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if !exists(t, reader, changes) {
		t.Fatal("the order is not seen after the writer has gone")
	}
}

// TestLogIsReused writes far more than the log may hold: it must not grow with what was written, except while a reader keeps an
// old snapshot, of which a warning tells.
func TestLogIsReused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	var warnings bytes.Buffer
	const pages = 200
	s := openStoreWith(t, path, Options{CheckpointPages: pages, Log: slog.New(slog.NewTextHandler(&warnings, nil))})
	grow := func(batches int) int64 {
		t.Helper()
		for range batches {
			changes, _ := create(time.Now(), 100)
			mustPut(t, s, changes)
			time.Sleep(5 * time.Millisecond)
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() / int64(pageSize)
	}
	if length := grow(100); length > 8*pages {
		t.Fatalf("the log has %d pages", length)
	}
	err := s.read(context.Background(), "long", func(reader *session) error {
		return reader.snapshot(func() error {
			_ = reader.query("SELECT count(*) FROM orders", nil, ignore)
			if length := grow(80); length < 8*pages {
				t.Errorf("the log has only %d pages: the reader's snapshot is not kept", length)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	grow(60)
	if length := grow(5); length > 8*pages {
		t.Errorf("the log has %d pages after the reader has gone", length)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(warnings.String(), "long read") {
		t.Errorf("no warning: %q", warnings.String())
	}
}

// TestPageWithinMillisecond asks for bounds between the milliseconds that ids know.
func TestPageWithinMillisecond(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "oms.db"))
	at := time.Now().UTC().Truncate(time.Millisecond)
	mustPut(t, s, some(at))
	for shift, want := range map[time.Duration]int{-time.Microsecond: 3, 0: 3, time.Microsecond: 0, time.Millisecond: 0} {
		query := state.OrderQuery{Tenant: "acme", Limit: 10}
		query.CreatedFrom = at.Add(shift)
		from, err := s.Orders(context.Background(), query)
		if err != nil || len(from.Orders) != want {
			t.Errorf("from %v: %d orders, error %v, want %d", shift, len(from.Orders), err, want)
		}
		query.CreatedFrom, query.CreatedTo = time.Time{}, at.Add(shift)
		to, err := s.Orders(context.Background(), query)
		if err != nil || len(to.Orders) != 3-want {
			t.Errorf("to %v: %d orders, error %v, want %d", shift, len(to.Orders), err, 3-want)
		}
	}
}
