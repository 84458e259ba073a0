package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The benchmarks write batches as the pipeline does and report commands a second through the writer alone, everything
// included: load, store, COMMIT with fsync, and the checkpointer beside it.

const benchBatch = 256

func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), filepath.Join(b.TempDir(), "oms.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func random() (r id.Random) {
	_, _ = rand.Read(r[:])
	return r
}

func newChanges(now time.Time) *state.Changes {
	batch := id.V7(now, random())
	batch[14], batch[15] = 0, 0
	return &state.Changes{Batch: batch, Now: now}
}

// create makes a batch of new orders with two lines, and the references it needs.
func create(now time.Time, count int) (*state.Changes, state.Need) {
	changes, need := newChanges(now), state.Need{}
	payload, body := make([]byte, 250), make([]byte, 200)
	for i := range count {
		key := random()
		order := &state.Order{
			Tenant: "acme", ID: id.New("order", now, random()), CustomerID: fmt.Sprintf("customer-%d", mathrand.IntN(100_000)),
			Status: state.OrderPending, Currency: "EUR", AmountMinor: 1460, ClientReference: "web-4711",
			Lines:     []state.Line{{SKU: "SKU-100", Quantity: 1, PriceMinor: 730}, {SKU: "SKU-200", Quantity: 1, PriceMinor: 730}},
			ExpiresAt: now.Add(15 * time.Minute), CreatedAt: now, UpdatedAt: now, Version: 1,
		}
		changes.Rows = append(changes.Rows, state.Written{Row: order, New: true})
		changes.Answers = append(changes.Answers, state.KeyedAnswer{
			Key:    state.Key{Tenant: "acme", Principal: "shop", Key: hex.EncodeToString(key[:])},
			Answer: state.Answer{Method: "/oms.v1.OrderService/CreateOrder", Body: body, At: now},
		})
		changes.Events = append(changes.Events, event(changes, i, order, payload))
		changes.SetTimers = append(changes.SetTimers, state.Timer{
			TimerKey: state.TimerKey{Tenant: "acme", Kind: "order.expire", AggregateID: order.ID}, DueAt: order.ExpiresAt})
	}
	sortChanges(changes)
	for _, written := range changes.Rows {
		need.Refs = append(need.Refs, written.Row.Ref())
	}
	return changes, need
}

func event(changes *state.Changes, ordinal int, order *state.Order, payload []byte) state.Event {
	return state.Event{
		ID: changes.Batch.Member(ordinal), Tenant: order.Tenant, AggregateKind: state.KindOrder, AggregateID: order.ID,
		Seq: order.Version, Type: "order.status_changed", At: changes.Now, TraceID: "0af7651916cd43dd8448eb211c80319c",
		IdempotencyKey: "0123456789abcdef0123", SchemaVersion: "1.0.0", Payload: payload,
	}
}

func commit(tb testing.TB, s *Store, need state.Need, decide func(state.Loaded) *state.Changes) {
	tb.Helper()
	transaction, err := s.Begin(context.Background(), need)
	if err != nil {
		tb.Fatal(err)
	}
	if err := transaction.Commit(context.Background(), decide(transaction.Loaded())); err != nil {
		tb.Fatal(err)
	}
}

func report(b *testing.B, unit string) {
	b.Helper()
	b.ReportMetric(float64(benchBatch*b.N)/b.Elapsed().Seconds(), unit)
}

func BenchmarkCreate(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		changes, need := create(s.clock.now(), benchBatch)
		b.StartTimer()
		commit(b, s, need, func(state.Loaded) *state.Changes { return changes })
	}
	report(b, "orders/s")
}

// BenchmarkReserve loads orders and items, changes both and inserts a reservation, each with an event of its order.
func BenchmarkReserve(b *testing.B) {
	s := benchStore(b)
	const items = 1000
	stock := newChanges(s.clock.now())
	for i := range items {
		stock.Rows = append(stock.Rows, state.Written{New: true, Row: &state.Item{
			Tenant: "acme", SKU: fmt.Sprintf("SKU-%04d", i), OnHand: 1 << 40, Version: 1, Seq: 1, UpdatedAt: stock.Now}})
	}
	commit(b, s, state.Need{}, func(state.Loaded) *state.Changes { return stock })
	payload := make([]byte, 250)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		created, need := create(s.clock.now(), benchBatch)
		commit(b, s, need, func(state.Loaded) *state.Changes { return created })
		for _, written := range created.Rows {
			need.Refs = append(need.Refs, state.Ref{Kind: state.KindReservation, Tenant: "acme",
				ID: id.Derive("reservation", written.Row.Ref().ID)})
		}
		skus := mathrand.Perm(items)[:benchBatch]
		for _, sku := range skus {
			need.Refs = append(need.Refs, state.Ref{Kind: state.KindItem, Tenant: "acme", ID: fmt.Sprintf("SKU-%04d", sku)})
		}
		b.StartTimer()
		commit(b, s, need, func(loaded state.Loaded) *state.Changes { return reserve(loaded, need, payload) })
	}
	report(b, "groups/s")
}

func reserve(loaded state.Loaded, need state.Need, payload []byte) *state.Changes {
	changes := newChanges(loaded.Now)
	for _, ref := range need.Refs {
		switch row := loaded.Rows[ref].(type) {
		case *state.Order:
			order := *row
			order.Status, order.Version, order.UpdatedAt = state.OrderReserved, order.Version+1, loaded.Now
			changes.Rows = append(changes.Rows, state.Written{Row: &order}, state.Written{New: true, Row: &state.Reservation{
				Tenant: order.Tenant, ID: id.Derive("reservation", order.ID), OrderID: order.ID, Status: state.ReservationHeld,
				Items: []state.Demand{{SKU: "SKU-100", Quantity: 1}, {SKU: "SKU-200", Quantity: 1}}, Version: 1, UpdatedAt: loaded.Now,
			}})
			changes.Events = append(changes.Events, event(changes, len(changes.Events), &order, payload))
		case *state.Item:
			item := *row
			item.Reserved++
			item.Version++
			changes.Rows = append(changes.Rows, state.Written{Row: &item})
		}
	}
	return changes
}

// BenchmarkStatus only moves orders on: load, update, event.
func BenchmarkStatus(b *testing.B) {
	s := benchStore(b)
	var refs []state.Ref
	for range 40 {
		created, need := create(s.clock.now(), benchBatch)
		commit(b, s, need, func(state.Loaded) *state.Changes { return created })
		refs = append(refs, need.Refs...)
	}
	payload := make([]byte, 250)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		need := state.Need{Refs: refs[i%40*benchBatch:][:benchBatch]}
		commit(b, s, need, func(loaded state.Loaded) *state.Changes {
			changes := newChanges(loaded.Now)
			for _, ref := range need.Refs {
				order := *loaded.Rows[ref].(*state.Order)
				order.Status, order.Version, order.UpdatedAt = state.OrderPaid, order.Version+1, loaded.Now
				changes.Rows = append(changes.Rows, state.Written{Row: &order})
				changes.Events = append(changes.Events, event(changes, len(changes.Events), &order, payload))
			}
			return changes
		})
	}
	report(b, "updates/s")
}
