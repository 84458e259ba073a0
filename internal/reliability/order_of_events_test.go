package reliability

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/bus/nats"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/state"
)

// consumer checks what a reader of the bus gets: positions without a gap, and of each aggregate 1, 2, 3 … It may be interrupted
// and go on from its position; what comes twice is known by that.
type consumer struct {
	t        *testing.T
	mutex    sync.Mutex
	position int64
	seqs     map[state.Ref]int64
}

func (c *consumer) take(frame bus.Frame) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i := range frame.Events {
		e := &frame.Events[i]
		if e.Position <= c.position {
			continue
		}
		if e.Position != c.position+1 {
			c.t.Errorf("position %d after %d", e.Position, c.position)
		}
		c.position = e.Position
		ref := state.Ref{Kind: e.AggregateKind, Tenant: e.Tenant, ID: e.AggregateID}
		if e.Seq != c.seqs[ref]+1 {
			c.t.Errorf("%s %s: seq %d after %d", e.Type, e.AggregateID, e.Seq, c.seqs[ref])
		}
		c.seqs[ref] = e.Seq
	}
	return nil
}

func (c *consumer) at() int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.position
}

// follow reads the bus until the context ends, with a new subscription now and then.
func (c *consumer) follow(ctx context.Context, subscriber bus.Subscriber, epoch string, interrupt time.Duration) {
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, interrupt)
		if err := subscriber.Follow(limited, epoch, c.at(), c.take); err != nil && limited.Err() == nil {
			c.t.Errorf("following: %v", err)
			time.Sleep(100 * time.Millisecond)
		}
		cancel()
	}
}

// watcher checks what a client of the feed gets: of each order the versions 1, 2, 3 …
type watcher struct {
	t        *testing.T
	token    string
	versions map[string]int64
	changes  atomic.Int64
}

func (f *watcher) follow(ctx context.Context, server func(i int) *server, limit int) {
	for i := 0; ctx.Err() == nil; i++ {
		limited, cancel := context.WithCancel(ctx)
		stream, err := server(i).client.Orders.WatchOrders(limited, &omsv1.WatchOrdersRequest{ResumeToken: f.token})
		for n := 0; err == nil && (limit == 0 || n < limit); n++ {
			var response *omsv1.WatchOrdersResponse
			if response, err = stream.Recv(); err == nil {
				f.take(response)
			}
		}
		cancel()
		if err != nil && ctx.Err() == nil && reasonOf(err) != "FOLLOWER_TOO_SLOW" {
			f.t.Errorf("the feed ended: %v", err)
			return
		}
	}
}

func (f *watcher) take(response *omsv1.WatchOrdersResponse) {
	f.token = response.ResumeToken
	for _, change := range response.Changes {
		if change.Version != f.versions[change.OrderId]+1 {
			f.t.Errorf("version %d of %s after %d", change.Version, change.OrderId, f.versions[change.OrderId])
		}
		f.versions[change.OrderId] = change.Version
		f.changes.Add(1)
	}
}

// Whatever lanes and processes commit, every consumer sees each aggregate's events in order and none left out.
//
// It runs before the parallel tests, alone: a hundred thousand events beside them take longer than anybody waits.
func TestOrderOfEvents(t *testing.T) {
	events := int64(100_000)
	if testing.Short() {
		events = 10_000
	}
	w := newWorld(t, onTwo, "--lanes", "4", "--unpaid-for", "24h")
	w.startAll()
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	var readers sync.WaitGroup
	epoch := w.text("SELECT epoch FROM stream")
	consumers := []*consumer{}
	for _, interrupt := range []time.Duration{time.Hour, 2 * time.Second} {
		subscriber, err := nats.Connect(w.bus, nats.Options{Database: w.database, Logger: slog.New(slog.DiscardHandler), Grace: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = subscriber.Close() })
		c := &consumer{t: t, seqs: map[state.Ref]int64{}}
		consumers = append(consumers, c)
		readers.Go(func() { c.follow(ctx, subscriber, epoch, interrupt) })
	}
	watchers := []*watcher{}
	for i, limit := range []int{0, 0, 25} { // at each process, and one that wanders
		f := &watcher{t: t, versions: map[string]int64{}}
		first, err := receive(w.any(i).client.Orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		f.take(first)
		watchers = append(watchers, f)
		readers.Go(func() { f.follow(ctx, func(turn int) *server { return w.any(i + turn*min(limit, 1)) }, limit) })
	}
	w.fill(t, events)
	w.rest()
	last, changed := w.count("SELECT sum(events) FROM batches"), w.count("SELECT CAST(sum(version) AS bigint) FROM orders")
	if last < events {
		t.Errorf("only %d events", last)
	}
	w.eventually("every consumer is at the end", func() bool {
		return consumers[0].at() == last && consumers[1].at() == last && watchers[0].changes.Load() == changed &&
			watchers[1].changes.Load() == changed && watchers[2].changes.Load() == changed
	})
	stop()
	readers.Wait()
	w.verify()
}

// fill makes events by orders of all kinds, on few and on many SKUs, at both processes.
func (w *world) fill(t *testing.T, events int64) {
	for _, sku := range []string{"hot", "cold-0", "cold-1", "cold-2", "cold-3"} {
		w.stock(sku, 10_000_000)
	}
	var buyers sync.WaitGroup
	var made atomic.Int64
	for i := range 128 {
		buyers.Go(func() {
			for n := i; made.Load() < events; n++ {
				client := w.any(n).client
				created, err := load.Send(within(t), client, load.Key(), client.Orders.CreateOrder, draft("c", 1, "hot", "cold-"+string("0123"[n%4])))
				if err != nil {
					t.Error(err)
					return
				}
				other := w.any(n + n/2)
				if n%4 == 3 {
					_ = w.tryCancel(t, n+1, created.Order.Id)
					made.Add(2)
					continue
				}
				_, err = load.Send(within(t), other.client, load.Key(), other.client.Orders.PayOrder,
					&omsv1.PayOrderRequest{OrderId: created.Order.Id, PaymentToken: gateway.TokenOK})
				if err != nil {
					t.Error(err)
					return
				}
				made.Add(8)
			}
		})
	}
	buyers.Wait()
}
