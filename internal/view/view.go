// Package view is the reading side: edge → view → store. Reads never go through the pipeline and never wait for it.
package view

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what reads need of a database. Absent rows are state.ErrNotFound.
type Store interface {
	Notifications
	Ledger
	Play
	// Now answers the store's time, which is that of all rows.
	Now(ctx context.Context) (time.Time, error)
	// Order answers an order with its lines.
	Order(ctx context.Context, tenant, id string) (*state.Order, error)
	// Orders answers a page of orders with their lines.
	Orders(ctx context.Context, query state.OrderQuery) (state.OrderPage, error)
	// OrderDetails answers what is known of the persons of an order.
	OrderDetails(ctx context.Context, tenant, orderID string) (*state.OrderDetails, error)
	// ChangeBatches answers the history of an order's changes, newest first, from the one named on or all; at most limit of them.
	ChangeBatches(ctx context.Context, tenant, orderID, from string, limit int) ([]*state.ChangeBatch, error)
	// AggregateEvents answers the events of an aggregate with seq above after, by seq, at most limit of them; 0 for all.
	AggregateEvents(ctx context.Context, tenant, aggregate string, after int64, limit int) ([]state.Event, error)
	// Effects answers the calls of a payment, oldest first.
	Effects(ctx context.Context, tenant, aggregate string) ([]*state.Effect, error)
	// Payment answers a payment.
	Payment(ctx context.Context, tenant, id string) (*state.Payment, error)
	// PaymentsBetween answers payments whose ids are above after and below before, by id, at most limit of them. An id begins with the time
	// at which the order was created (id.First).
	PaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.Payment, error)
	// PlayerPaymentsBetween answers players' payments of every gateway, brand and region in the same way, by the time of the payment.
	PlayerPaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.PlayerPayment, error)
	// StuckPayments answers the payments of players that wait in a step for longer than its limit, or have an open dead letter; those that
	// wait longest, at most so many, and how many there are. The tenant is one, or empty for all but sandboxes, whose money is play money.
	StuckPayments(ctx context.Context, tenant string, limits state.StepLimits, most int) (state.StuckPayments, error)
	// Reservation answers what is set aside for an order.
	Reservation(ctx context.Context, tenant, id string) (*state.Reservation, error)
	// Item answers the stock of a SKU.
	Item(ctx context.Context, tenant, sku string) (*state.Item, error)
	// Items answers items with a SKU greater than after, by SKU in byte order.
	Items(ctx context.Context, tenant, after string, limit int) ([]*state.Item, error)
	// Prices answers the catalogue's prices with a SKU greater than after, by SKU in byte order; withdrawn ones are left out.
	Prices(ctx context.Context, tenant, after string, limit int) ([]*state.Price, error)
	// PricesOf answers the prices of some SKUs, by SKU; those that the catalogue does not have are left out.
	PricesOf(ctx context.Context, tenant string, skus []string) ([]*state.Price, error)
	// Answer answers what a key's command was answered.
	Answer(ctx context.Context, key state.Key) (*state.Answer, error)
	// DeadLetter answers one dead letter.
	DeadLetter(ctx context.Context, tenant, id string) (*state.DeadLetter, error)
	// DeadLettersOf answers the dead letters of some aggregates without their payloads, oldest first, at most limit of them.
	DeadLettersOf(ctx context.Context, tenant string, aggregates []string, limit int) ([]*state.DeadLetter, error)
	// DeadLetters answers a page of dead letters without their payloads.
	DeadLetters(ctx context.Context, query state.DeadLetterQuery) ([]*state.DeadLetter, error)
	// Levels counts what waits, of all tenants. It looks at what is open only; the context bounds its time.
	Levels(ctx context.Context) (state.Levels, error)
}
