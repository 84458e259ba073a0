package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/seed-255eabaa/oms/internal/store/storetest"
)

// TestStore holds the store to the behaviour that all stores share.
func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return openStore(t, filepath.Join(t.TempDir(), "oms.db"))
	}, storetest.Options{Execute: func(t *testing.T, store storetest.Store, name, statement string) {
		t.Helper()
		err := store.(*Store).write(context.Background(), name, func(w *writer) error {
			if err := execute(w.connection, statement); err != nil {
				return err
			}
			if w.connection.Changes() == 0 {
				t.Fatalf("%s changed no row", name)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}})
}

func openStore(t *testing.T, path string) *Store {
	t.Helper()
	return openStoreWith(t, path, Options{})
}

func openStoreWith(t *testing.T, path string, options Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
