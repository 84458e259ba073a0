package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

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
		Owned:      owned{},
		Execute: func(t *testing.T, store storetest.Store, _, statement string) {
			t.Helper()
			tag, err := store.(*Store).batches.Exec(context.Background(), statement)
			if err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("%s: %v, %d rows", statement, err, tag.RowsAffected())
			}
		},
	})
}

// owned implements storetest.Owned.
type owned struct{}

func (owned) Tables(t *testing.T, store storetest.Store) []string {
	t.Helper()
	rows, err := store.(*Store).reads.Query(context.Background(), `SELECT table_name::text FROM information_schema.columns
		JOIN information_schema.tables USING (table_schema, table_name)
		WHERE table_schema = current_schema() AND column_name = 'tenant_id' AND table_type = 'BASE TABLE' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("%v: %v", tables, err)
	}
	return tables
}

func (owned) Count(t *testing.T, store storetest.Store, table, tenant string) (count int) {
	t.Helper()
	err := store.(*Store).reads.QueryRow(context.Background(), "SELECT count(*) FROM "+table+" WHERE tenant_id = $1", tenant).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func (owned) Copy(t *testing.T, store storetest.Store, table, from, to string) {
	t.Helper()
	_, err := store.(*Store).batches.Exec(context.Background(), fmt.Sprintf(`INSERT INTO %[1]s
		SELECT (jsonb_populate_record(t, jsonb_build_object('tenant_id', $2::text))).* FROM %[1]s t WHERE tenant_id = $1`, table), from, to)
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}

// Plans of purges must find a tenant's rows by an index in every table.
func TestTenantsAreFoundByIndexes(t *testing.T) {
	store := openTest(t)
	for _, table := range (owned{}).Tables(t, store) {
		indexes := 0
		err := store.reads.QueryRow(context.Background(), `SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
			AND a.attnum = i.indkey[0] WHERE i.indrelid = $1::regclass AND a.attname = 'tenant_id' AND i.indpred IS NULL`, table).Scan(&indexes)
		if err != nil || indexes == 0 {
			t.Errorf("no index of %s begins with the tenant: %v", table, err)
		}
	}
}
