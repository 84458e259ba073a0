package outbox_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/bus/nats"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
)

const patience = 20 * time.Second

func logger() *slog.Logger {
	if os.Getenv("VERBOSE") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

func embedded(t testing.TB) *nats.Bus {
	b, err := nats.Embedded(t.TempDir(), nats.Options{Database: "test", Logger: logger(), Grace: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// external is a NATS server outside, which can be stopped, wiped and started again at the same address.
type external struct {
	t    testing.TB
	dir  string
	port int
	*server.Server
}

func startExternal(t testing.TB) *external {
	x := &external{t: t, dir: t.TempDir(), port: server.RANDOM_PORT}
	x.start()
	x.port = x.Addr().(*net.TCPAddr).Port
	t.Cleanup(x.stop)
	return x
}

func (x *external) start() {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: x.port, JetStream: true, StoreDir: x.dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		x.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		x.t.Fatal("the server did not start")
	}
	x.Server = s
}

func (x *external) stop() {
	x.Shutdown()
	x.WaitForShutdown()
}

// wipe loses everything that the server had stored.
func (x *external) wipe() {
	x.stop()
	x.dir = x.t.TempDir()
	x.start()
}

func (x *external) connect() *nats.Bus {
	b, err := nats.Connect(x.ClientURL(), nats.Options{
		Database: "test", Logger: logger(), Grace: 300 * time.Millisecond, Timeout: time.Second,
	})
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { b.Close() })
	return b
}

// admin is a person's own access to the server.
func (x *external) admin() jetstream.JetStream {
	conn, err := client.Connect(x.ClientURL())
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		x.t.Fatal(err)
	}
	return js
}

// spawn runs something until the test ends or stop is called.
func spawn(t testing.TB, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Add(1)
	go func() { defer group.Done(); _ = run(ctx) }()
	stop = func() { cancel(); group.Wait() }
	t.Cleanup(stop)
	return stop
}

func newRelay(s *store, publisher bus.Publisher, holder string, change ...func(*outbox.Options)) *outbox.Relay {
	o := outbox.Options{
		Store: s, Publisher: publisher, Holder: holder, Logger: logger(), LowWater: s.lowWater,
		LeaseTTL: 600 * time.Millisecond, VerifyLeast: 200 * time.Millisecond, VerifyMost: 200 * time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	return outbox.New(o)
}

// deeds is what a reactor's commands have done: the positions by root, in order.
type deeds struct {
	mu     sync.Mutex
	done   map[string][]int64
	ids    map[int64]id.UUID
	parked []int64
	slow   time.Duration
	refuse func(command.Command) command.Result
}

func newDeeds() *deeds { return &deeds{done: map[string][]int64{}, ids: map[int64]id.UUID{}} }

func (d *deeds) reactor(s *store, b bus.Subscriber, holder string, change ...func(*reactor.Options)) *reactor.Reactor {
	o := reactor.Options{
		Name: "flow", Holder: holder, Store: s, Subscriber: b, Logger: logger(),
		React: func(e state.Event) ([]command.Command, error) {
			return []command.Command{{Tenant: e.Tenant, Key: e.AggregateID, Method: strconv.FormatInt(e.Position, 10), TraceID: e.ID.String()}}, nil
		},
		Submit: d.submit,
		Park: func(_ context.Context, e state.Event, _ error, _ int) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.parked = append(d.parked, e.Position)
			return nil
		},
		LeaseTTL: 600 * time.Millisecond, SaveEvery: 50 * time.Millisecond, WatchEvery: 200 * time.Millisecond,
		RetryFrom: time.Millisecond, RetryTo: 20 * time.Millisecond, Attempts: 3, Drain: time.Second,
	}
	for _, f := range change {
		f(&o)
	}
	return reactor.New(o)
}

func (d *deeds) submit(ctx context.Context, c command.Command) command.Result {
	if d.slow > 0 {
		time.Sleep(d.slow)
	}
	d.mu.Lock()
	refuse := d.refuse
	d.mu.Unlock()
	if refuse != nil {
		if result := refuse(c); result.Fault != nil {
			return result
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	position, _ := strconv.ParseInt(c.Method, 10, 64)
	d.done[reactor.Root(c.Key)] = append(d.done[reactor.Root(c.Key)], position)
	d.ids[position], _ = id.ParseUUID(c.TraceID)
	return command.Result{}
}

// count is how many different positions have taken effect.
func (d *deeds) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ids)
}

func (d *deeds) parkings() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int64(nil), d.parked...)
}

// check holds what was done against the log: everything, the right events, each root in order. A root may start again from an
// earlier position (at least once), but never leaves one out.
func (d *deeds) check(t testing.TB, s *store) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	want := map[string][]int64{}
	for _, e := range s.events() {
		root := reactor.Root(e.AggregateID)
		want[root] = append(want[root], e.Position)
		if d.ids[e.Position] != e.ID {
			t.Fatalf("position %d: event %s, the log has %s", e.Position, d.ids[e.Position], e.ID)
		}
	}
	for root, positions := range want {
		place := map[int64]int{}
		for i, p := range positions {
			place[p] = i
		}
		reached := -1
		for _, p := range d.done[root] {
			at, known := place[p]
			if !known {
				continue // of a former history
			}
			if at > reached+1 {
				t.Fatalf("root %s: position %d came before %d: %v", root, p, positions[reached+1], d.done[root])
			}
			reached = max(reached, at)
		}
		if reached != len(positions)-1 {
			t.Fatalf("root %s: %d of %d", root, reached+1, len(positions))
		}
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

func order(n int) string { return fmt.Sprintf("order:%08d-0000-7000-8000-000000000000", n) }

func payment(n int) string { return id.Derive("payment", order(n)) }

// commits commits batches of one to four events to a few roots, and tells the relays.
func commits(s *store, seed, batches int, pause time.Duration, relays ...*outbox.Relay) {
	for i := range batches {
		var aggregates []string
		for j := range 1 + (i+seed)%4 {
			n := (i*7 + j*3 + seed) % 23
			if (i+j)%2 == 0 {
				aggregates = append(aggregates, order(n))
			} else {
				aggregates = append(aggregates, payment(n))
			}
		}
		batch, events := s.commit(aggregates...)
		for _, r := range relays {
			r.Committed(batch, events)
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}
