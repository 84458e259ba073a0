package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-255eabaa/oms/internal/store/storetest"
)

// TestStore holds the store to the behaviour that all stores share.
func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return openStore(t, filepath.Join(t.TempDir(), "oms.db"))
	}, storetest.Options{Owned: owned{}, Execute: func(t *testing.T, store storetest.Store, name, statement string) {
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

// owned implements storetest.Owned.
type owned struct{}

func (owned) texts(t *testing.T, store storetest.Store, query string, values ...any) []string {
	t.Helper()
	found, err := collect(context.Background(), store.(*Store), "test", query, func(r *row) { bindValues(r, values) }, (*columns).text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (o owned) Tables(t *testing.T, store storetest.Store) []string {
	t.Helper()
	tables := o.texts(t, store, `SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%tenant_id %' ORDER BY 1`)
	if len(tables) < 20 {
		t.Fatal(tables)
	}
	return tables
}

func (o owned) Count(t *testing.T, store storetest.Store, table, tenant string) int {
	t.Helper()
	count, err := strconv.Atoi(o.texts(t, store, "SELECT count(*) FROM "+table+" WHERE tenant_id = ?1", tenant)[0])
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func (o owned) Copy(t *testing.T, store storetest.Store, table, from, to string) {
	t.Helper()
	var names, values []string
	for _, name := range o.texts(t, store, "SELECT name FROM pragma_table_info(?1)", table) {
		value := name
		switch name {
		case "tenant_id":
			value = "'" + to + "'"
		case "key_id":
			value = "NULL"
		}
		names, values = append(names, name), append(values, value)
	}
	err := store.(*Store).write(context.Background(), "copy", func(w *writer) error {
		return execute(w.connection, fmt.Sprintf("INSERT INTO %[1]s (%[2]s) SELECT %[3]s FROM %[1]s WHERE tenant_id = '%[4]s'", table,
			strings.Join(names, ", "), strings.Join(values, ", "), from))
	})
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}
