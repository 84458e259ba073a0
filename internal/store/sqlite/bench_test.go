//go:build unix

package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The benchmarks write batches as the pipeline does and report commands a second through the writer alone, everything
// included: load, store, COMMIT with fsync, and the checkpointer beside it.

const benchBatch = 256

// benchStore opens an empty store, or one with as many orders as OMS_BENCH_ORDERS says: what is written at random (keys, customers)
// then costs a page each.
func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), filepath.Join(b.TempDir(), "oms.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	orders, _ := strconv.Atoi(os.Getenv("OMS_BENCH_ORDERS"))
	for range orders / 4096 {
		changes, _ := create(s.clock.now(), 4096)
		commit(b, s, state.Need{}, func(state.Loaded) *state.Changes { return changes })
	}
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

// meter adds up the time and the processor time, of all threads, that commits take.
type meter struct {
	wall, processor time.Duration
}

func (m *meter) measure(do func()) {
	wall, processor := time.Now(), processorTime()
	do()
	m.wall, m.processor = m.wall+time.Since(wall), m.processor+processorTime()-processor
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (m *meter) report(b *testing.B, unit string) {
	b.Helper()
	commands := float64(benchBatch * b.N)
	b.ReportMetric(commands/m.wall.Seconds(), unit+"/s")
	b.ReportMetric(float64(m.processor.Microseconds())/commands, "cpu-µs/"+unit)
}

func BenchmarkCreate(b *testing.B) {
	s := benchStore(b)
	var m meter
	for b.Loop() {
		changes, need := create(s.clock.now(), benchBatch)
		m.measure(func() { commit(b, s, need, func(state.Loaded) *state.Changes { return changes }) })
	}
	m.report(b, "order")
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
	var m meter
	for b.Loop() {
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
		m.measure(func() {
			commit(b, s, need, func(loaded state.Loaded) *state.Changes { return reserve(loaded, need, payload) })
		})
	}
	m.report(b, "group")
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
	var m meter
	for i := 0; b.Loop(); i++ {
		need := state.Need{Refs: refs[i%40*benchBatch:][:benchBatch]}
		m.measure(func() {
			commit(b, s, need, func(loaded state.Loaded) *state.Changes { return pay(loaded, need, payload) })
		})
	}
	m.report(b, "update")
}

func pay(loaded state.Loaded, need state.Need, payload []byte) *state.Changes {
	changes := newChanges(loaded.Now)
	for _, ref := range need.Refs {
		order := *loaded.Rows[ref].(*state.Order)
		order.Status, order.Version, order.UpdatedAt = state.OrderPaid, order.Version+1, loaded.Now
		changes.Rows = append(changes.Rows, state.Written{Row: &order})
		changes.Events = append(changes.Events, event(changes, len(changes.Events), &order, payload))
	}
	return changes
}

// BenchmarkInvariants checks a database of whole orders, as many as OMS_BENCH_ORDERS says (or a few).
func BenchmarkInvariants(b *testing.B) {
	orders, _ := strconv.Atoi(os.Getenv("OMS_BENCH_ORDERS"))
	b.Setenv("OMS_BENCH_ORDERS", "0")
	s := benchStore(b)
	sold := int64(0)
	for done := 0; done <= orders; done += 4096 {
		changes := confirmed(s.clock.now().Add(-time.Hour), 4096)
		if sold += 4096; done == 0 {
			for _, sku := range []string{"SKU-100", "SKU-200"} {
				changes.Rows = append(changes.Rows, state.Written{New: true, Row: &state.Item{Tenant: "acme", SKU: sku, OnHand: 1 << 40}})
			}
		}
		if err := put(s, changes); err != nil {
			b.Fatal(err)
		}
	}
	changes := newChanges(s.clock.now())
	for _, sku := range []string{"SKU-100", "SKU-200"} {
		changes.Rows = append(changes.Rows, state.Written{Row: &state.Item{Tenant: "acme", SKU: sku, OnHand: 1 << 40, Sold: sold}})
	}
	if err := put(s, changes); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		findings, err := s.Invariants(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		for _, finding := range findings {
			if finding.Violation != "" {
				b.Fatalf("%s: %s", finding.Invariant, finding.Violation)
			}
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(sold)*1e6, "s/million")
}

// confirmed makes orders that have come to their end.
func confirmed(now time.Time, count int) *state.Changes {
	changes, _ := create(now, count)
	changes.SetTimers = nil
	payload := make([]byte, 250)
	for _, written := range changes.Rows {
		order := written.Row.(*state.Order)
		order.Status, order.CapturedMinor, order.PaymentStatus = state.OrderConfirmed, order.AmountMinor, state.PaymentCaptured
		for order.Version = 2; order.Version < 5; order.Version++ {
			changes.Events = append(changes.Events, event(changes, len(changes.Events), order, payload))
		}
		order.Version--
		payment := &state.Payment{Tenant: order.Tenant, ID: id.Derive("payment", order.ID), OrderID: order.ID, Currency: "EUR",
			Status: state.PaymentCaptured, AmountMinor: order.AmountMinor, CapturedMinor: order.AmountMinor, Version: 1}
		paid := event(changes, len(changes.Events), order, payload)
		paid.AggregateKind, paid.AggregateID, paid.Seq = state.KindPayment, payment.ID, 1
		changes.Events = append(changes.Events, paid)
		transfer, _ := ledger.Move(ledger.Transfer{Tenant: order.Tenant, ID: id.Derive("transfer", order.ID) + "/capture",
			Kind: "payment.capture", OrderID: order.ID, Currency: "EUR", At: now}, ledger.GatewayClearing, ledger.OrderRevenue, order.AmountMinor)
		changes.Transfers = append(changes.Transfers, transfer)
		changes.Rows = append(changes.Rows, state.Written{New: true, Row: payment},
			state.Written{New: true, Row: &state.Reservation{Tenant: order.Tenant, ID: id.Derive("reservation", order.ID), OrderID: order.ID,
				Status: state.ReservationSold, Items: []state.Demand{{SKU: "SKU-100", Quantity: 1}, {SKU: "SKU-200", Quantity: 1}}}})
	}
	return changes
}
