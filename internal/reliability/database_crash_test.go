package reliability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// PostgreSQL crashes under load, again and again, as `pg_ctl stop -m immediate` has it: what it had in memory and not in its log is
// gone. The processes of oms live on. Nobody who was answered is lied to, nothing is done twice, everything ends.
//
// The disk keeps here what the system was given; that PostgreSQL also syncs it before it answers a commit is its own promise, which
// the store makes sure of by refusing a server that was told not to (fsync, full_page_writes, synchronous_commit).
func TestDatabaseCrash(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onPostgres, onTwo} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cluster, err := postgrestest.Start("", postgrestest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Stop)
			w := newWorldOn(t, func(testing.TB) *postgrestest.Cluster { return cluster }, kind, "--unpaid-for", "24h")
			w.startAll()
			for sku := range 40 {
				w.stock(fmt.Sprintf("sku-%d", sku), 1_000_000)
			}
			c := newCrowd(w)
			ctx, enough := context.WithCancel(t.Context())
			var members sync.WaitGroup
			for range 96 {
				members.Go(func() { c.member(ctx, t) })
			}
			crashes := 5
			if testing.Short() {
				crashes = 2
			}
			for i := range crashes {
				if i%2 == 0 { // the others meet the recovery from the crash before
					c.progress()
				}
				c.crash(t, cluster)
			}
			c.progress()
			enough()
			members.Wait()
			orders := w.checkBooks()
			c.check(t, orders)
			t.Logf("%d crashes; %d commands answered, %d orders: %v", crashes, c.answers.Load(), len(orders), statuses(orders))
			for i, s := range w.servers {
				if !s.running() {
					t.Errorf("process %d ended with the database", i)
				}
			}
			if w.logged("ALERT") || w.logged("panic") {
				t.Error("a process alerts or panics")
			}
		})
	}
}

// The right to the embedded bus does not outlive a crash of the database. The process that has it takes it again, and goes on; a second one is
// refused afterwards as it was before.
func TestEmbeddedBusOutlivesADatabaseCrash(t *testing.T) {
	t.Parallel()
	cluster, err := postgrestest.Start("", postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	w := newWorldOn(t, func(testing.TB) *postgrestest.Cluster { return cluster }, onPostgres)
	w.startAll()
	w.stock("mug", 10)
	held := func() int64 {
		return w.count("SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() " +
			"WHERE l.locktype = 'advisory' AND l.granted AND l.objid = x'73000003'::int")
	}
	for range 2 {
		cluster.Kill()
		if err := cluster.Resume(); err != nil {
			t.Fatal(err)
		}
		w.eventually("the right is taken again", func() bool { return held() == 1 })
	}
	second := w.addServer(len(w.servers))
	if _, err := w.oms(second.arguments()...); err == nil || !strings.Contains(err.Error(), "another process runs its embedded bus on this database") {
		t.Errorf("a second process: %v", err)
	}
	order := w.reserve(draft("c", 1, "mug"))
	w.pay(order.Id, "sim:ok")
	w.await(order.Id, confirmed)
	w.verify()
}

// crash ends the database when many commands are unanswered, at a random moment, and starts it again after a while.
func (c *crowd) crash(t *testing.T, cluster *postgrestest.Cluster) {
	c.slow.Store(false)
	time.Sleep(rand.N(250 * time.Millisecond))
	c.world.eventually("enough commands are unanswered", func() bool { return c.waiting.Load() >= unanswered })
	answered := c.answers.Load()
	cluster.Kill()
	time.Sleep(rand.N(500 * time.Millisecond))
	if err := cluster.Resume(); err != nil {
		t.Fatal(err)
	}
	c.world.eventually("commands are answered again", func() bool { return c.answers.Load() > answered+unanswered })
}

// running tells whether the process has not ended.
func (s *server) running() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	select {
	case err := <-s.exited:
		s.exited <- err
		return false
	default:
		return s.command != nil
	}
}

// A server that may lose commits is refused, with a sentence that says what to set.
func TestUnsafeDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	cluster, err := postgrestest.Start("", postgrestest.Options{Settings: map[string]string{"fsync": "off", "full_page_writes": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	w := newWorldOn(t, func(testing.TB) *postgrestest.Cluster { return cluster }, onPostgres)
	s := w.servers[0]
	text, err := w.oms(append(s.arguments(), "--store", w.url+"&synchronous_commit=off")...)
	if err == nil {
		t.Fatalf("it serves: %s", text)
	}
	for _, want := range []string{"ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET full_page_writes = on", "ALTER SYSTEM SET synchronous_commit = on"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
