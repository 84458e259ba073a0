package postgres

import (
	"context"
	"testing"

	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/store/storetest"
)

// openTest opens a store on a database of its own.
func openTest(t testing.TB) *Store {
	t.Helper()
	store, err := Open(context.Background(), postgrestest.New(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// The suite is about what is in the database and what locks it, and so about a store that remembers nothing.
func TestStore(t *testing.T) {
	conformance(t, Options{RecentRows: -1})
}

// A store that remembers is one, too; recent_test.go has what is its own.
func TestStoreThatRemembers(t *testing.T) {
	conformance(t, Options{})
}

func conformance(t *testing.T, options Options) {
	t.Helper()
	open := func(t *testing.T) storetest.Store {
		t.Helper()
		store, err := Open(context.Background(), postgrestest.New(t), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		return store
	}
	storetest.Run(t, open, storetest.Options{
		Concurrent: true,
		Proves:     options.RecentRows == 0,
		Execute: func(t *testing.T, store storetest.Store, _, statement string) {
			t.Helper()
			tag, err := store.(*Store).batches.Exec(context.Background(), statement)
			if err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("%s: %v, %d rows", statement, err, tag.RowsAffected())
			}
		},
	})
}
