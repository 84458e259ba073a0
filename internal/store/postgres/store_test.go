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

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return openTest(t) }, storetest.Options{
		Concurrent: true,
		Execute: func(t *testing.T, store storetest.Store, _, statement string) {
			t.Helper()
			tag, err := store.(*Store).batches.Exec(context.Background(), statement)
			if err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("%s: %v, %d rows", statement, err, tag.RowsAffected())
			}
		},
	})
}
