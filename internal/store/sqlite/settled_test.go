package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/store"
)

// TestSettledByTheStoresClock has an order not know of a refund. That is a finding when the clock of the store says that it had its time,
// whatever the process's clock says, and for a process beside that one, too.
func TestSettledByTheStoresClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	s := openStore(t, path)
	mustPut(t, s, confirmed(time.Now(), 1))
	err := s.write(context.Background(), "plant", func(w *writer) error {
		return execute(w.connection, fmt.Sprintf("UPDATE payments SET refunded_minor = 1, updated_at_us = %d", time.Now().UnixMicro()))
	})
	if err != nil {
		t.Fatal(err)
	}
	beside, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = beside.Close() }()
	missed := func(s *Store) bool {
		t.Helper()
		findings, err := s.Invariants(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			if finding.Invariant == store.OrdersFollowPayments {
				return finding.Violation != ""
			}
		}
		t.Fatal("no such invariant")
		return false
	}
	if missed(s) || missed(beside) {
		t.Error("a finding before the order had its time")
	}
	if _, _, err := s.TurnClock(context.Background(), time.Hour); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, some(s.clock.now()))
	if !missed(s) || !missed(beside) {
		t.Error("no finding, although the store's clock is an hour later")
	}
}
