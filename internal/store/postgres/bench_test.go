package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
)

// benchBatch makes the changes of a batch of new orders as the pipeline would: two lines, a key with its answer, an event and a
// timer for each.
func benchBatch(now time.Time, size int) *state.Changes {
	random := func() (r id.Random) {
		_, _ = rand.Read(r[:])
		return r
	}
	batch := id.V7(now, random())
	batch[14], batch[15] = 0, 0
	changes := &state.Changes{Batch: batch, Now: now}
	body, payload := make([]byte, 200), make([]byte, 250)
	for i := range size {
		key := random()
		order := &state.Order{
			Tenant: "acme", ID: id.New("order", now, random()), CustomerID: fmt.Sprintf("customer-%x", key[:2]), Status: state.OrderPending,
			Currency: "EUR", AmountMinor: 1460, Lines: []state.Line{
				{SKU: "SKU-1234", Quantity: 1, PriceMinor: 730}, {SKU: "SKU-5678", Quantity: 1, PriceMinor: 730},
			}, ExpiresAt: now.Add(15 * time.Minute), CreatedAt: now.Truncate(time.Millisecond), UpdatedAt: now, Version: 1,
		}
		changes.Rows = append(changes.Rows, state.Written{Row: order, New: true})
		changes.Answers = append(changes.Answers, state.KeyedAnswer{
			Key:    state.Key{Tenant: "acme", Principal: "client-1", Key: fmt.Sprintf("%x-%x", key, key)},
			Answer: state.Answer{Method: "/oms.v1.OrderService/CreateOrder", Body: body, At: now},
		})
		changes.Events = append(changes.Events, state.Event{
			ID: batch.Member(i), Tenant: "acme", AggregateKind: state.KindOrder, AggregateID: order.ID, Seq: 1, Type: "order.status_changed",
			At: now, TraceID: "0af7651916cd43dd8448eb211c80319c", IdempotencyKey: changes.Answers[i].Key.Key, SchemaVersion: "1.0.0",
			Payload: payload,
		})
		changes.SetTimers = append(changes.SetTimers, state.Timer{
			TimerKey: state.TimerKey{Tenant: "acme", Kind: "order.expire", AggregateID: order.ID}, DueAt: order.ExpiresAt,
		})
	}
	slices.SortFunc(changes.Rows, func(a, b state.Written) int { return a.Row.Ref().Compare(b.Row.Ref()) })
	slices.SortFunc(changes.Answers, func(a, b state.KeyedAnswer) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(changes.SetTimers, func(a, b state.Timer) int { return strings.Compare(a.AggregateID, b.AggregateID) })
	return changes
}

// lanes runs work in as many goroutines, until count units are done.
func lanes(b *testing.B, number, unit int, work func(ctx context.Context) error) {
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(b.N))
	for range number {
		group.Go(func() {
			for left.Add(-int64(unit)) > -int64(unit) {
				if err := work(context.Background()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// BenchmarkCreate counts orders. Making the batch is part of it, as the decisions of a pipeline would be.
func BenchmarkCreate(b *testing.B) {
	for _, shape := range []struct{ lanes, size int }{{2, 256}, {1, 256}, {2, 64}, {1, 1}} {
		b.Run(fmt.Sprintf("lanes=%d/batch=%d", shape.lanes, shape.size), func(b *testing.B) {
			store := openTest(b)
			b.ReportAllocs()
			b.ResetTimer()
			lanes(b, shape.lanes, shape.size, func(ctx context.Context) error {
				transaction, err := store.Begin(ctx, state.Need{})
				if err != nil {
					return err
				}
				return transaction.Commit(ctx, benchBatch(transaction.Loaded().Now, shape.size))
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}

// BenchmarkUpdate counts orders that are loaded with their lines, locked and changed, with an event each.
func BenchmarkUpdate(b *testing.B) {
	store := openTest(b)
	var orders [][]*state.Order
	for range 40 {
		changes := benchBatch(time.Now().UTC().Truncate(time.Microsecond), 256)
		transaction, err := store.Begin(context.Background(), state.Need{})
		if err == nil {
			err = transaction.Commit(context.Background(), changes)
		}
		if err != nil {
			b.Fatal(err)
		}
		batch := make([]*state.Order, 0, 256)
		for _, written := range changes.Rows {
			batch = append(batch, written.Row.(*state.Order))
		}
		orders = append(orders, batch)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	lanes(b, 2, 256, func(ctx context.Context) error {
		batch := orders[int(next.Add(1))%len(orders)]
		need := state.Need{}
		for _, order := range batch {
			need.Refs = append(need.Refs, order.Ref())
		}
		transaction, err := store.Begin(ctx, need)
		if err != nil {
			return err
		}
		now := transaction.Loaded().Now
		changes := benchBatch(now, 0)
		for i, ref := range need.Refs {
			order := *transaction.Loaded().Rows[ref].(*state.Order)
			order.Version, order.UpdatedAt = order.Version+1, now
			changes.Rows = append(changes.Rows, state.Written{Row: &order})
			changes.Events = append(changes.Events, state.Event{
				ID: changes.Batch.Member(i), Tenant: "acme", AggregateKind: state.KindOrder, AggregateID: order.ID, Seq: order.Version,
				Type: "order.status_changed", At: now, SchemaVersion: "1.0.0", Payload: make([]byte, 250),
			})
		}
		return transaction.Commit(ctx, changes)
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkPgbench is the usual limit of the same server at the same time, to compare with: pgbench -N -c32 -j2 at scale 10. It
// runs once, for OMS_PGBENCH_SECONDS (10), whatever b.N is.
func BenchmarkPgbench(b *testing.B) {
	cluster := postgrestest.Shared(b)
	address := postgrestest.New(b)
	seconds := os.Getenv("OMS_PGBENCH_SECONDS")
	if seconds == "" {
		seconds = "10"
	}
	run := func(arguments ...string) string {
		output, err := exec.Command(cluster.Binary("pgbench"), append(arguments, address)...).CombinedOutput()
		if err != nil {
			b.Fatalf("pgbench: %v\n%s", err, output)
		}
		return string(output)
	}
	run("-i", "-q", "-s", "10")
	output := run("-N", "-c32", "-j2", "-T", seconds, "-n")
	var tps float64
	_, rest, _ := strings.Cut(output, "tps = ")
	if _, err := fmt.Sscan(rest, &tps); err != nil {
		b.Fatalf("pgbench said %s", output)
	}
	b.ReportMetric(tps, "tps")
}
