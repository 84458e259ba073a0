package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Ours is what our books say of a payment.
type Ours struct {
	ID, OrderID, PlayerID string // of an order or of a player
	Provider              string
	Status                state.PaymentStatus
	UpdatedAt             time.Time
	Sums
}

// Books are our own payments of one kind.
type Books interface {
	// Between answers payments of every gateway, in order of id.
	Between(ctx context.Context, query Query) ([]Ours, error)
	// One answers a payment; state.ErrNotFound when there is none.
	One(ctx context.Context, tenant, id string) (Ours, error)
	// Effects answers the calls of a payment.
	Effects(ctx context.Context, tenant, aggregate string) ([]*state.Effect, error)
}

// OrderStore reads the payments of orders.
type OrderStore interface {
	PaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.Payment, error)
	Payment(ctx context.Context, tenant, id string) (*state.Payment, error)
	Effects(ctx context.Context, tenant, aggregate string) ([]*state.Effect, error)
}

// Orders are the payments of orders.
func Orders(store OrderStore) Books { return orders{store} }

type orders struct{ OrderStore }

// Between implements Books.
func (o orders) Between(ctx context.Context, q Query) ([]Ours, error) {
	found, err := o.PaymentsBetween(ctx, q.Tenant, q.After, q.Before, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("read our payments: %w", err)
	}
	all := make([]Ours, len(found))
	for i, p := range found {
		all[i] = ofOrder(p)
	}
	return all, nil
}

// One implements Books.
func (o orders) One(ctx context.Context, tenant, id string) (Ours, error) {
	p, err := o.Payment(ctx, tenant, id)
	if err != nil {
		return Ours{}, fmt.Errorf("read %s: %w", id, err)
	}
	return ofOrder(p), nil
}

// ofOrder says what our books say of an order's payment. A payment that was declined was held at no gateway unless one has named it.
func ofOrder(p *state.Payment) Ours {
	ours := Ours{ID: p.ID, OrderID: p.OrderID, Provider: p.Provider, Status: p.Status, UpdatedAt: p.UpdatedAt, Sums: Sums{Currency: p.Currency}}
	if p.Status == state.PaymentDeclined && p.ExternalID == "" {
		return ours
	}
	sums := Sums{Currency: p.Currency, Payments: 1, Held: p.AmountMinor, Captured: p.CapturedMinor, Refunded: p.RefundedMinor}
	switch p.Status {
	case state.PaymentAuthorized, state.PaymentCaptured, state.PaymentPartiallyRefunded, state.PaymentRefunded:
	case state.PaymentVoided, state.PaymentDeclined: // declined though it was held: the capture was refused
		sums.Voided = p.AmountMinor
	default: // not held as far as we know
		return ours
	}
	ours.Sums = sums
	return ours
}

// PlayerStore reads the payments of players.
type PlayerStore interface {
	PlayerPaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.PlayerPayment, error)
	PlayRow(ctx context.Context, ref state.Ref) (state.Row, error)
	Effects(ctx context.Context, tenant, aggregate string) ([]*state.Effect, error)
}

// Players are the deposits and withdrawals of players.
func Players(store PlayerStore) Books { return players{store} }

type players struct{ PlayerStore }

// Between implements Books.
func (o players) Between(ctx context.Context, q Query) ([]Ours, error) {
	found, err := o.PlayerPaymentsBetween(ctx, q.Tenant, q.After, q.Before, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("read our players' payments: %w", err)
	}
	all := make([]Ours, len(found))
	for i, p := range found {
		all[i] = ofPlayer(p)
	}
	return all, nil
}

var errOtherRow = errors.New("the store answered another kind of row")

// One implements Books.
func (o players) One(ctx context.Context, tenant, id string) (Ours, error) {
	row, err := o.PlayRow(ctx, state.PlayerPaymentRef(tenant, id))
	if err != nil {
		return Ours{}, fmt.Errorf("read %s: %w", id, err)
	}
	p, is := row.(*state.PlayerPayment)
	if !is {
		return Ours{}, errOtherRow
	}
	return ofPlayer(p), nil
}

// ofPlayer says what our books say of a player's payment, in the words of an order's: what has succeeded is CAPTURED.
func ofPlayer(p *state.PlayerPayment) Ours {
	ours := Ours{ID: p.ID, PlayerID: p.PlayerID, Provider: p.Provider, UpdatedAt: p.UpdatedAt, Sums: Sums{Currency: p.Currency}}
	deposit := p.Type == state.PlayerPaymentDeposit
	switch p.Status {
	case state.PlayerPaymentProcessing:
		ours.Status = state.PaymentProcessing
	case state.PlayerPaymentInDoubt:
		ours.Status = state.PaymentUnknown
	case state.PlayerPaymentAuthorized:
		ours.Status, ours.Payments, ours.Held = state.PaymentAuthorized, 1, p.AmountMinor
	case state.PlayerPaymentSucceeded:
		if ours.Status, ours.Payments = state.PaymentCaptured, 1; deposit {
			ours.Held, ours.Captured = p.AmountMinor, p.AmountMinor
		} else {
			ours.PaidOut = p.AmountMinor
		}
	default:
		if ours.Status = state.PaymentDeclined; deposit && p.ExternalID != "" { // it was held, and the capture refused
			ours.Payments, ours.Held, ours.Voided = 1, p.AmountMinor, p.AmountMinor
		}
	}
	return ours
}
