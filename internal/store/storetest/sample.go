package storetest

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// tenant is the tenant of tests that need only one.
const tenant = "acme"

// entropy draws the random part of an identifier.
func entropy() id.Random {
	var random id.Random
	_, _ = rand.Read(random[:]) // never fails
	return random
}

// longAgo is the time of what tests write: whole milliseconds, and far enough in the past that nothing is still settling.
func longAgo() time.Time {
	return time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second).Add(123 * time.Millisecond)
}

// recently is the present, as far as stores keep it.
func recently() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// newBatch makes the changes of a batch that stores nothing yet.
func newBatch() *state.Changes {
	now := recently()
	batch := id.V7(now, entropy())
	batch[14], batch[15] = 0, 0
	return &state.Changes{Batch: batch, Now: now}
}

// insert adds new rows, in locking order.
func insert(changes *state.Changes, rows ...state.Row) *state.Changes {
	for _, row := range rows {
		changes.Rows = append(changes.Rows, state.Written{Row: row, New: true})
	}
	sortRows(changes)
	return changes
}

// update adds changed rows, in locking order.
func update(changes *state.Changes, rows ...state.Row) *state.Changes {
	for _, row := range rows {
		changes.Rows = append(changes.Rows, state.Written{Row: row})
	}
	sortRows(changes)
	return changes
}

func sortRows(changes *state.Changes) {
	slices.SortFunc(changes.Rows, func(a, b state.Written) int { return a.Row.Ref().Compare(b.Row.Ref()) })
}

// addEvent adds an event of an aggregate.
func addEvent(changes *state.Changes, ref state.Ref, seq int64, kind string) *state.Event {
	changes.Events = append(changes.Events, state.Event{
		ID: changes.Batch.Member(len(changes.Events)), Tenant: ref.Tenant, AggregateKind: ref.Kind, AggregateID: ref.ID, Seq: seq,
		Type: kind, At: changes.Now, TraceID: "0af7651916cd43dd8448eb211c80319c", IdempotencyKey: "key-1", SchemaVersion: "1",
		Payload: fmt.Appendf(nil, "payload of %s %d\x00\xff", ref.ID, seq),
	})
	return &changes.Events[len(changes.Events)-1]
}

// sampleOrder is an order with the least that one can have.
func sampleOrder(at time.Time) *state.Order {
	return &state.Order{
		Tenant: tenant, ID: id.New("order", at, entropy()), CustomerID: "customer-1", Status: state.OrderPending,
		Currency: "EUR", AmountMinor: 1460, Lines: []state.Line{{SKU: "SKU-1", Quantity: 2, PriceMinor: 730}},
		ExpiresAt: at.Truncate(time.Millisecond).Add(15 * time.Minute),
		CreatedAt: at.Truncate(time.Millisecond), UpdatedAt: at, Version: 1,
	}
}

// fullOrder is an order with everything that one can have.
func fullOrder(at time.Time) *state.Order {
	order := sampleOrder(at)
	order.Status, order.StatusReason, order.StatusDetail = state.OrderReserved, "OUT_OF_STOCK", "wörds, \"quoted\"\n\\ and 日本"
	order.AmountMinor = 1460 + 6 + 3 - 100
	order.Lines = []state.Line{
		{SKU: "SKU-1", Quantity: 2, PriceMinor: 730}, {SKU: "a sku.with:all~of-it_", Quantity: 3, PriceMinor: 2},
		{SKU: "SKU-1", Quantity: 1, PriceMinor: 0}, {SKU: "SKU-3", Quantity: 1, PriceMinor: 3},
	}
	order.Adjustments = []state.Adjustment{{Name: "discount", AmountMinor: -100}, {}}
	order.ClientReference, order.Metadata = "ref/1", map[string]string{"a": "1", "": "", "ключ": "\"значение\""}
	order.PaymentStatus, order.PaymentToken, order.KeepOnDecline = state.PaymentDeclined, "token-1", true
	order.DeclineReason, order.CapturedMinor, order.RefundedMinor, order.RefundPendingMinor = "INSUFFICIENT_FUNDS", 30, 20, 10
	order.DisputedMinor, order.ChargedBackMinor = 3, 4
	order.CancelRequested, order.Version, order.PaymentCard = true, 7, state.Card{Brand: "visa", LastFour: "0042"}
	return order
}

// bareOrder is an order whose every optional field is empty.
func bareOrder(at time.Time) *state.Order {
	order := sampleOrder(at)
	order.ExpiresAt = time.Time{}
	return order
}

func sampleReservation(order *state.Order) *state.Reservation {
	return &state.Reservation{
		Tenant: order.Tenant, ID: id.Derive("reservation", order.ID), OrderID: order.ID, Status: state.ReservationHeld,
		Items: []state.Demand{{SKU: "SKU-1", Quantity: 3}, {SKU: "SKU-2 \"q\"", Quantity: 1 << 40}}, RejectedSKU: "SKU-9", Version: 3,
		UpdatedAt: order.UpdatedAt,
	}
}

func samplePayment(order *state.Order) *state.Payment {
	return &state.Payment{
		Tenant: order.Tenant, ID: id.Derive("payment", order.ID), OrderID: order.ID, Status: state.PaymentPartiallyRefunded,
		Currency: "EUR", AmountMinor: 1460, Provider: "simulator", ExternalID: "ext-1", Token: "token-1", Attempt: 2,
		Card: state.Card{Brand: "amex", LastFour: "0005"}, CaptureBefore: order.UpdatedAt.Add(7 * 24 * time.Hour),
		CancelRequested: true, CapturedMinor: 1460, RefundedMinor: 100, RefundPendingMinor: 60, DeclineReason: "FRAUD",
		Refunds: []state.Refund{
			{Number: 1, AmountMinor: 100, State: state.RefundSucceeded, Reason: "a \"reason\"", CreatedAt: order.UpdatedAt},
			{Number: 2, AmountMinor: 60, State: state.RefundPending, CreatedAt: order.UpdatedAt.Add(time.Millisecond)},
		},
		DisputedMinor: 200, ChargedBackMinor: 300,
		Disputes: []state.Dispute{
			{
				Number: 1, ExternalID: "dp_1", State: state.DisputeLost, AmountMinor: 300, FeeMinor: 15, Reason: "\"fraudulent\"",
				DueBy: order.UpdatedAt.Add(time.Hour), AsOf: order.UpdatedAt, CreatedAt: order.UpdatedAt, UpdatedAt: order.UpdatedAt,
				Booked: state.DisputeLost, BookedMinor: 300, Bookings: 3,
			},
			{
				Number: 2, ExternalID: "dp_2", State: state.DisputeOpen, AmountMinor: 200, Currency: "USD", AsOf: order.UpdatedAt,
				CreatedAt: order.UpdatedAt, UpdatedAt: order.UpdatedAt, Booked: state.DisputeOpen, BookedMinor: 200, Bookings: 1,
			},
		},
		Version: 9, CreatedAt: order.UpdatedAt, UpdatedAt: order.UpdatedAt.Add(time.Second),
	}
}

func sampleEffect(order *state.Order, step string) *state.Effect {
	payment := id.Derive("payment", order.ID)
	return &state.Effect{
		Tenant: order.Tenant, ID: id.Derive("effect", payment) + "/" + step, Kind: "gateway.hold", AggregateID: payment,
		OrderID: order.ID, Provider: "simulator", Token: "token-1", ExternalID: "ext-1", Currency: "EUR", AmountMinor: 1460,
		ExpiresAt: order.UpdatedAt.Add(time.Hour), State: state.EffectOpen, Owner: "process-1", NextAt: order.UpdatedAt, Attempts: 2, Called: true,
		LastError: "time-out", TraceID: "0af7651916cd43dd8448eb211c80319c", CreatedAt: order.UpdatedAt,
		UpdatedAt: order.UpdatedAt.Add(time.Second), SettledBy: state.PartyCallback,
		History: []state.EffectAttempt{
			{
				Number: 41, Attempt: 1, Result: state.ResultUnknown, By: state.PartyWorker, Reason: "a \"time-out\"",
				StartedAt: order.UpdatedAt, At: order.UpdatedAt.Add(time.Millisecond),
			},
			{
				Number: 42, Attempt: 2, Result: state.ResultPending, Asked: true, By: state.PartyReconciler,
				StartedAt: order.UpdatedAt.Add(time.Second), At: order.UpdatedAt.Add(2 * time.Second),
			},
		},
	}
}

func sampleDeadLetter(order *state.Order, at time.Time) *state.DeadLetter {
	return &state.DeadLetter{
		Tenant: order.Tenant, ID: id.New("deadletter", at, entropy()), AggregateID: order.ID, Kind: "flow", Payload: []byte("p\x00\xff"),
		Position: 42, Error: "it broke", Attempts: 5, CreatedAt: at,
	}
}

func sampleItem(sku string) *state.Item {
	return &state.Item{
		Tenant: tenant, SKU: sku, OnHand: 1 << 40, Reserved: 5, Sold: 7, Version: 4, Seq: 1, UpdatedAt: longAgo(),
	}
}

func sampleAnswer(name string, at time.Time) state.KeyedAnswer {
	return state.KeyedAnswer{
		Key: state.Key{Tenant: tenant, Principal: "client-1", Key: name},
		Answer: state.Answer{
			Hash: [32]byte{1, 2, 31: 9}, Method: "/oms.v1.OrderService/CreateOrder", Code: fault.OK, Body: []byte("body\x00\xff"), At: at,
		},
	}
}

func sampleTransfer(order *state.Order, step string, amount int64) ledger.Transfer {
	transfer, err := ledger.Move(ledger.Transfer{
		Tenant: order.Tenant, ID: id.Derive("transfer", order.ID) + "/" + step, Kind: "payment.capture", OrderID: order.ID,
		Currency: order.Currency, At: order.UpdatedAt,
	}, ledger.GatewayClearing, ledger.OrderRevenue, amount)
	if err != nil {
		panic(err) // the suite's own mistake
	}
	return transfer
}

// same fails the test unless both values are deeply equal.
func (s *suite) same(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s differs:\n got %+v\nwant %+v", what, got, want)
	}
}
