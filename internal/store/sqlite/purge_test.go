package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Batches with events are mechanism here, and go when every reader has passed them; the one at the end of the log stays.
func TestPurgeOfPassedBatches(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(t.TempDir(), "oms.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	put := func(number byte, age time.Duration) {
		now := time.Now().Add(-age)
		batch := id.V7(now, id.Random{number})
		batch[14], batch[15] = 0, 0
		transaction, err := s.Begin(ctx, state.Need{})
		if err != nil {
			t.Fatal(err)
		}
		name := id.New("order", now, id.Random{number})
		if err := transaction.Commit(ctx, &state.Changes{Batch: batch, Now: now, Events: []state.Event{{
			ID: batch.Member(0), Tenant: "t", AggregateKind: state.KindOrder, AggregateID: name, Seq: 1, Type: "x", At: now, SchemaVersion: "1",
			Payload: []byte{1},
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	for number := range byte(10) {
		age := 3 * time.Hour
		if number >= 8 {
			age = time.Minute
		}
		put(number, age)
	}
	purge := func(limit, want int) {
		t.Helper()
		if got, err := s.PurgeBatches(ctx, time.Hour, limit); err != nil || got != want {
			t.Errorf("purged %d, want %d: %v", got, want, err)
		}
	}
	purge(100, 0) // nobody has read anything
	for _, reader := range []struct {
		name     string
		position int64
	}{{"a", 10}, {"b", 5}} {
		lease, held, err := s.AcquireLease(ctx, reader.name, "x", time.Minute)
		if err != nil || !held {
			t.Fatal(err)
		}
		if err := s.SaveCursor(ctx, lease, state.Cursor{Epoch: "e", Position: reader.position}); err != nil {
			t.Fatal(err)
		}
	}
	purge(3, 3)
	purge(3, 2) // b has come to 5
	lease, _, _ := s.AcquireLease(ctx, "b", "x", time.Minute)
	if err := s.SaveCursor(ctx, lease, state.Cursor{Epoch: "e", Position: 10}); err != nil {
		t.Fatal(err)
	}
	purge(100, 3) // the last two are young
	purge(100, 0)
	if got, err := s.PurgeBatches(ctx, time.Nanosecond, 100); err != nil || got != 1 {
		t.Errorf("purged %d, want all but the one at the end: %v", got, err)
	}
}
