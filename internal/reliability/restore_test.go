package reliability

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// A database that was restored from a copy older than the stream is noticed, with an alert and a new epoch, and nothing is
// skipped: new orders come to their ends, and a feed sees every event from then on.
func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		kept := w.buy(draft("c", 1, "mug"))
		open := w.reserve(draft("c", 1, "mug"))
		w.rest()
		epoch := w.text("SELECT epoch FROM stream")
		w.stopAll()
		w.backUp()
		w.startAll()
		lost := w.buy(draft("c", 1, "mug"))
		for range 30 {
			w.buy(draft("c", 1, "mug"))
		}
		token := w.feedToken()
		w.stopAll()
		w.putBack()
		// What the gateway did since the copy stays done: it has its own books.
		w.journal += "-after"
		w.startAll()
		w.eventually("the relay notices", func() bool { return w.logged("ALERT") && w.text("SELECT epoch FROM stream") != epoch })
		if status := w.any(0).http(t, "GET", "/v1/orders/"+lost.Id, "", "").status; status != 404 {
			t.Errorf("a lost order answers %d", status)
		}
		if _, err := receive(w.client().Orders.WatchOrders(within(t), &omsv1.WatchOrdersRequest{ResumeToken: token})); err != nil &&
			reasonOf(err) != "RESUME_TOKEN_INVALID" {
			t.Errorf("a token of the lost history: %v", err)
		}
		w.afterwards(t, open.Id)
		if got := w.get(kept.Id); got.Status != confirmed {
			t.Errorf("%v", got)
		}
		w.verify()
	})
}

// afterwards buys, and compares what feeds tell with what happened.
func (w *world) afterwards(t *testing.T, openID string) {
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	mirrors := make([]*mirror, len(w.servers))
	done := make(chan struct{}, len(mirrors))
	for i := range mirrors {
		mirrors[i] = &mirror{t: t, server: w.servers[i], versions: map[string]int64{}}
		go func() {
			mirrors[i].follow(ctx)
			done <- struct{}{}
		}()
	}
	w.pay(openID, "sim:ok")
	w.await(openID, confirmed)
	for range 40 {
		w.buy(draft("c", 1, "mug"))
	}
	for i, m := range mirrors {
		for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			missing := m.missing(w.orders())
			if len(missing) == 0 {
				break
			}
			if time.Now().After(limit) {
				t.Errorf("the feed of process %d, begun %d times, misses %q", i, m.begun.Load(), missing)
				break
			}
		}
	}
	stop()
	for range mirrors {
		<-done
	}
}

// mirror does what a client of the feed is told to do: it lists the orders and follows their changes, and lists again when its
// place in the feed is of another history.
type mirror struct {
	t        *testing.T
	server   *server
	begun    atomic.Int64
	mutex    sync.Mutex
	versions map[string]int64
}

func (m *mirror) follow(ctx context.Context) {
	for token := ""; ctx.Err() == nil; {
		stream, err := m.server.client.Orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{ResumeToken: token})
		for first := true; err == nil; first = false {
			var response *omsv1.WatchOrdersResponse
			if response, err = stream.Recv(); err != nil {
				break
			}
			if first && token == "" {
				m.list(ctx)
			}
			token = response.ResumeToken
			m.take(response.Changes)
		}
		if reasonOf(err) == "RESUME_TOKEN_INVALID" {
			token = ""
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (m *mirror) list(ctx context.Context) {
	m.begun.Add(1)
	err := m.server.client.EachOrder(ctx, &omsv1.ListOrdersRequest{}, func(o *omsv1.Order) error {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		m.versions[o.Id] = max(o.Version, m.versions[o.Id])
		return nil
	})
	if err != nil && ctx.Err() == nil {
		m.t.Error(err)
	}
}

func (m *mirror) take(changes []*omsv1.OrderChange) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, change := range changes {
		known := m.versions[change.OrderId]
		if change.Version > known+1 {
			m.t.Errorf("version %d of %s after %d", change.Version, change.OrderId, known)
		}
		m.versions[change.OrderId] = max(known, change.Version)
	}
}

// missing names the orders of which the feed told less than happened.
func (m *mirror) missing(orders []*omsv1.Order) (ids []string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, o := range orders {
		if m.versions[o.Id] != o.Version {
			ids = append(ids, fmt.Sprintf("%s %d/%d", o.Id, m.versions[o.Id], o.Version))
		}
	}
	return ids
}

func (w *world) feedToken() string {
	w.t.Helper()
	first, err := receive(w.client().Orders.WatchOrders(within(w.t), &omsv1.WatchOrdersRequest{}))
	if err != nil {
		w.t.Fatal(err)
	}
	return first.ResumeToken
}

// backUp copies the database of servers that are stopped; putBack puts the copy in its place.
func (w *world) backUp() {
	w.t.Helper()
	if w.kind == onSQLite {
		copyFiles(w.t, filepath.Join(w.servers[0].folder, "oms.db*"), filepath.Join(w.folder, "copy"))
		return
	}
	w.administrate(fmt.Sprintf("CREATE DATABASE %s_copy TEMPLATE %s", w.database, w.database))
}

func (w *world) putBack() {
	w.t.Helper()
	if w.kind == onSQLite {
		old, err := filepath.Glob(filepath.Join(w.servers[0].folder, "oms.db*"))
		if err != nil || len(old) == 0 {
			w.t.Fatalf("no database: %v", err)
		}
		for _, name := range old {
			remove(w.t, name)
		}
		copyFiles(w.t, filepath.Join(w.folder, "copy", "oms.db*"), w.servers[0].folder)
		return
	}
	w.administrate(fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", w.database))
	w.administrate(fmt.Sprintf("ALTER DATABASE %s_copy RENAME TO %s", w.database, w.database))
}

func (w *world) administrate(statement string) {
	w.t.Helper()
	ctx := within(w.t)
	connection, err := pgx.Connect(ctx, postgrestest.Shared(w.t).URL("postgres"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

func copyFiles(t testing.TB, pattern, folder string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing to copy at %s: %v", pattern, err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".lock") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(name)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
