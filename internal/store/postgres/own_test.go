package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
)

// These tests are about what only PostgreSQL has: connections that break, servers that crash, several processes.

func TestSeveralProcessesStartAtOnce(t *testing.T) {
	address := postgrestest.New(t)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			store, err := Open(context.Background(), address, Options{MaxBatchConnections: 1, MaxReadConnections: 1})
			if err != nil {
				t.Error(err)
				return
			}
			store.Close()
		})
	}
	group.Wait()
}

// Statements are planned once, on empty tables, where an index that shares its first column with the primary key looks as good as that,
// and reads a whole tenant for every row.
func TestIndexesDoNotBeginAsPrimaryKeysDo(t *testing.T) {
	store, err := Open(context.Background(), postgrestest.New(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rows, err := store.reads.Query(context.Background(), `SELECT i.indexrelid::regclass::text FROM pg_index i
		JOIN pg_index p ON p.indrelid = i.indrelid AND p.indisprimary AND p.indkey[0] = i.indkey[0]
		WHERE NOT i.indisprimary AND i.indpred IS NULL AND i.indrelid::regclass::text NOT LIKE 'pg_%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || strings.Join(found, " ") != "ledger_entries_by_account" { // no batch reads entries
		t.Errorf("%v: %v", found, err)
	}
}

func TestReadOnly(t *testing.T) {
	address := postgrestest.New(t)
	if _, err := OpenReadOnly(context.Background(), address, Options{}); err == nil || !strings.Contains(err.Error(), "no oms tables") {
		t.Errorf("an empty database was opened: %v", err)
	}
	store, err := Open(context.Background(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	reader, err := OpenReadOnly(context.Background(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if findings, err := reader.Invariants(context.Background()); err != nil || len(findings) == 0 {
		t.Errorf("invariants: %v, %v", findings, err)
	}
	if _, err := reader.reads.Exec(context.Background(), "DELETE FROM items"); err == nil {
		t.Error("a read-only store deleted")
	}
}

// What loses commits is refused, wherever it was set: for the session, the role, the database, the server.
func TestUnsafeServerIsRefused(t *testing.T) {
	cluster, err := postgrestest.Start("", postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	ctx := context.Background()
	address, err := cluster.Create(ctx, "kept")
	if err != nil {
		t.Fatal(err)
	}
	administrator, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer administrator.Close(ctx)
	for _, test := range []struct{ name, set, unset, address, want string }{
		{"address", "", "", address + "&options=-c%20synchronous_commit%3Doff", "synchronous_commit = on"},
		{"address, as a parameter", "", "", address + "&synchronous_commit=off", "synchronous_commit = on"},
		{"role", "ALTER ROLE postgres SET synchronous_commit = off", "ALTER ROLE postgres RESET synchronous_commit", address, "ALTER ROLE"},
		{"database", "ALTER DATABASE kept SET synchronous_commit = off", "ALTER DATABASE kept RESET synchronous_commit", address, "ALTER DATABASE"},
		{"fsync", "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM RESET fsync", address, "SET fsync = on"},
		{"full pages", "ALTER SYSTEM SET full_page_writes = off", "ALTER SYSTEM RESET full_page_writes", address, "SET full_page_writes = on"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := Open(ctx, address, Options{MaxBatchConnections: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			set(t, administrator, test.set, test.address, "off")
			defer set(t, administrator, test.unset, address, "on")
			if refused, err := Open(ctx, test.address, Options{}); !errors.Is(err, ErrLosesCommits) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v", err)
				if err == nil {
					refused.Close()
				}
			}
			if allowed, err := Open(ctx, test.address, Options{AllowLosingCommits: true}); err != nil {
				t.Error(err)
			} else {
				allowed.Close()
			}
			if test.set == "" {
				return
			}
			// A store that is open notices with its next connection.
			store.batches.Reset()
			if err := store.batches.Ping(ctx); !errors.Is(err, ErrLosesCommits) {
				t.Errorf("a connection for batches: %v", err)
			}
		})
	}
	if store, err := Open(ctx, address+"&synchronous_commit=local", Options{}); err != nil {
		t.Error(err)
	} else {
		store.Close()
	}
}

// set changes a setting, and waits until new sessions have it.
func set(t *testing.T, administrator *pgx.Conn, statement, address, value string) {
	t.Helper()
	if statement == "" {
		return
	}
	ctx := context.Background()
	for _, statement := range []string{statement, "SELECT pg_reload_conf()"} {
		if _, err := administrator.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		session, err := pgx.Connect(ctx, address)
		if err != nil {
			t.Fatal(err)
		}
		safe := durable(ctx, session) == nil
		_ = session.Close(ctx)
		if safe == (value == "on") {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s has no effect", statement)
		}
	}
}

func TestRefusedValues(t *testing.T) {
	store := openTest(t)
	for name, change := range map[string]func(*state.Order){
		"NUL":           func(o *state.Order) { o.StatusDetail = "a\x00b" },
		"NUL in JSON":   func(o *state.Order) { o.Metadata = map[string]string{"a": "\x00"} },
		"invalid UTF-8": func(o *state.Order) { o.CustomerID = "a\xff" },
		"too long":      func(o *state.Order) { o.CustomerID = incompressible(9000) },
	} {
		changes := benchBatch(time.Now(), 3)
		change(changes.Rows[1].Row.(*state.Order))
		transaction, err := store.Begin(context.Background(), state.Need{})
		if err != nil {
			t.Fatal(err)
		}
		if err := transaction.Commit(context.Background(), changes); !errors.Is(err, state.ErrData) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	if page, err := store.Orders(context.Background(), state.OrderQuery{Tenant: "acme", Limit: 1, ScanLimit: 1}); err != nil || len(page.Orders) > 0 {
		t.Errorf("something stayed: %v, %v", page.Orders, err)
	}
}

func incompressible(size int) string {
	var text strings.Builder
	for text.Len() < size {
		batch := benchBatch(time.Now(), 0).Batch
		text.WriteString(batch.String())
	}
	return text.String()
}

// inDoubt begins a batch whose commit hangs, because another session holds the key that it inserts, and answers its result, and
// how to let it go on.
func inDoubt(t *testing.T, store *Store, changes *state.Changes) (result chan error, release func()) {
	t.Helper()
	blocker, err := store.reads.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	key := changes.Answers[0].Key
	_, err = blocker.Exec(context.Background(), `INSERT INTO idempotency_keys VALUES ($1, $2, $3, decode(repeat('00', 32), 'hex'), '', 0, '', now())`,
		key.Tenant, key.Principal, key.Key)
	if err != nil {
		t.Fatal(err)
	}
	result = make(chan error, 1)
	transaction, err := store.Begin(context.Background(), state.Need{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { result <- transaction.Commit(context.Background(), changes) }()
	waitFor(t, store, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
	return result, func() { _ = blocker.Rollback(context.Background()) }
}

// waitFor waits until a query answers a number above zero.
func waitFor(t *testing.T, store *Store, query string) {
	t.Helper()
	for range 1000 {
		var number int
		if err := store.reads.QueryRow(context.Background(), query).Scan(&number); err != nil {
			t.Fatal(err)
		}
		if number > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("it never came: %s", query)
}

func TestOutcomeWaitsForABatchInDoubt(t *testing.T) {
	store := openTest(t)
	changes := benchBatch(time.Now(), 2)
	result, release := inDoubt(t, store, changes)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if committed, err := store.Outcome(ctx, changes.Batch); err == nil {
		t.Fatalf("committed = %v while the batch was in doubt", committed)
	}
	outcome := make(chan bool, 1)
	go func() {
		committed, err := store.Outcome(context.Background(), changes.Batch)
		if err != nil {
			t.Error(err)
		}
		outcome <- committed
	}()
	release()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if !<-outcome {
		t.Error("the batch was committed, and its outcome says that it was not")
	}
}

func TestConnectionLostInCommit(t *testing.T) {
	store := openTest(t)
	changes := benchBatch(time.Now(), 2)
	result, release := inDoubt(t, store, changes)
	defer release()
	if _, err := store.reads.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE wait_event_type = 'Lock' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, state.ErrOutcomeUnknown) {
		t.Fatalf("error = %v", err)
	}
	committed, err := store.Outcome(context.Background(), changes.Batch)
	if err != nil || committed {
		t.Errorf("committed = %v, %v", committed, err)
	}
}

func TestContextEndsInCommit(t *testing.T) {
	store := openTest(t)
	for _, locked := range []bool{false, true} {
		changes := benchBatch(time.Now(), 2)
		result, release := inDoubt(t, store, changes)
		second := benchBatch(time.Now(), 1)
		second.Answers[0].Key = changes.Answers[0].Key
		need := state.Need{}
		if locked {
			need.Refs = []state.Ref{{Kind: state.KindItem, Tenant: "acme", ID: "SKU"}}
		}
		transaction, err := store.Begin(context.Background(), need)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		if err := transaction.Commit(ctx, second); !errors.Is(err, state.ErrOutcomeUnknown) {
			t.Errorf("error = %v", err)
		}
		cancel()
		release()
		// The server may not have noticed that the second's caller is gone, and then either of the two can be first. Exactly one is
		// stored, and the outcome tells which.
		first := <-result
		if first != nil && !errors.Is(first, state.ErrConflict) {
			t.Error(first)
		}
		if committed, err := store.Outcome(context.Background(), second.Batch); err != nil || committed == (first == nil) {
			t.Errorf("committed = %v, %v; the first batch ended with %v", committed, err, first)
		}
	}
}

func TestServerCrashesAndComesBack(t *testing.T) {
	cluster, err := postgrestest.Start("", postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	address, err := cluster.Create(context.Background(), "crash")
	if err != nil {
		t.Fatal(err)
	}
	store, err := Open(context.Background(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var acknowledged, unknown []*state.Changes
	for round := range 40 {
		if round == 20 {
			go cluster.Kill()
		}
		changes := benchBatch(time.Now(), 4)
		transaction, err := store.Begin(context.Background(), state.Need{})
		if err == nil {
			err = transaction.Commit(context.Background(), changes)
		}
		switch {
		case err == nil:
			acknowledged = append(acknowledged, changes)
		case errors.Is(err, state.ErrOutcomeUnknown):
			unknown = append(unknown, changes)
		case errors.Is(err, state.ErrConflict), errors.Is(err, state.ErrData):
			t.Errorf("a crash was reported as %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	cluster.Kill()
	if err := cluster.Resume(); err != nil {
		t.Fatal(err)
	}
	check := func(changes *state.Changes, want bool) {
		t.Helper()
		for _, written := range changes.Rows {
			_, err := store.Order(context.Background(), "acme", written.Row.Ref().ID)
			if want != (err == nil) {
				t.Errorf("want order %v, error %v", want, err)
			}
		}
	}
	for _, changes := range acknowledged {
		check(changes, true)
	}
	for _, changes := range unknown {
		committed, err := store.Outcome(context.Background(), changes.Batch)
		if err != nil {
			t.Fatal(err)
		}
		check(changes, committed)
	}
	t.Logf("%d acknowledged, %d of unknown outcome", len(acknowledged), len(unknown))
}

// The test clock is one for all processes that have it, goes on where it was, and leaves those alone that have not asked for it. Leases are
// not about it. Whoever comes afterwards without it finds a clock that stands still rather than one that goes back.
func TestTestClock(t *testing.T) {
	ctx, address := context.Background(), postgrestest.New(t)
	open := func(testClock bool) *Store {
		store, err := Open(ctx, address, Options{TestClock: testClock, MaxBatchConnections: 1, MaxReadConnections: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		return store
	}
	now := func(store *Store) time.Time {
		at, err := store.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	plain := open(false)
	first, second := open(true), open(true)
	lease, held, err := second.AcquireLease(ctx, "relay", "second", time.Minute)
	if err != nil || !held {
		t.Fatal(held, err)
	}
	if _, ahead, err := first.TurnClock(ctx, 0); err != nil || ahead != 0 {
		t.Fatalf("%v ahead, %v", ahead, err)
	}
	turned, ahead, err := first.TurnClock(ctx, time.Hour)
	if err != nil || ahead != time.Hour {
		t.Fatalf("%v ahead, %v", ahead, err)
	}
	if at := now(second); at.Before(turned) {
		t.Errorf("another process has %v after %v", at, turned)
	}
	if at := now(plain); !at.Before(turned) {
		t.Errorf("who has not asked for it has %v", at)
	}
	if _, held, err := first.AcquireLease(ctx, "relay", "first", time.Minute); held || err != nil {
		t.Errorf("a lease of %v ran out: %v", lease, err)
	}
	if _, ahead, err := open(true).TurnClock(ctx, time.Minute); err != nil || ahead != time.Hour+time.Minute {
		t.Errorf("%v ahead, %v", ahead, err)
	}
	transaction, err := first.Begin(ctx, state.Need{})
	if err != nil {
		t.Fatal(err)
	}
	changes := &state.Changes{Batch: [16]byte{1}, Now: transaction.Loaded().Now}
	if err := transaction.Commit(ctx, changes); err != nil || changes.Now.Before(turned) {
		t.Fatalf("a batch at %v: %v", changes.Now, err)
	}
	if at := now(plain); !at.Equal(changes.Now) {
		t.Errorf("who has not asked for it has %v, a batch had %v", at, changes.Now)
	}
}

// The right to the embedded bus ends with its session. It is taken again; when somebody was faster, Keep says so.
func TestExclusiveBusOutlivesItsSession(t *testing.T) {
	ctx, address := context.Background(), postgrestest.New(t)
	store, err := Open(ctx, address, Options{MaxBatchConnections: 1, MaxReadConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	first, err := store.ExclusiveBus(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const holders = "FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = x'73000003'::int AND database = (SELECT oid FROM pg_database " +
		"WHERE datname = current_database())"
	holder := func() (pid int) {
		_ = store.reads.QueryRow(ctx, "SELECT pid "+holders).Scan(&pid) // none is 0
		return pid
	}
	breakIt := func() (pid int) {
		pid = holder()
		if _, err := store.reads.Exec(ctx, "SELECT pg_terminate_backend($1)", pid); err != nil || pid == 0 {
			t.Fatal(pid, err)
		}
		return pid
	}
	keeping, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- first.Keep(keeping) }()
	for broken, now := breakIt(), 0; now == 0 || now == broken; now = holder() {
		time.Sleep(time.Millisecond)
	}
	if _, err := store.ExclusiveBus(ctx); !errors.Is(err, ErrNotExclusive) {
		t.Errorf("another took it: %v", err)
	}
	stop()
	if err := <-ended; err != nil || holder() == 0 {
		t.Errorf("kept until the end: %v", err)
	}

	// The other one waits in the server for the lock, and so is faster.
	other, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(ctx)
	taken := make(chan error, 1)
	go func() {
		_, err := other.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(busLock))
		taken <- err
	}()
	for waiting := 0; waiting == 0; {
		err := store.reads.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = x'73000003'::int").Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
	go func() { ended <- first.Keep(ctx) }()
	breakIt()
	if err := <-ended; !errors.Is(err, ErrNotExclusive) || <-taken != nil {
		t.Errorf("lost to another: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
}
