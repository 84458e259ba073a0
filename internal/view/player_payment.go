package view

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

// PlayerPayments is what reads of players' payments need of a database. Absent rows are state.ErrNotFound.
type PlayerPayments interface {
	// PlayerPayment answers one payment.
	PlayerPayment(ctx context.Context, tenant, id string) (*state.PlayerPayment, error)
	// PlayerPayments answers a page of payments, by id.
	PlayerPayments(ctx context.Context, query state.PlayerPaymentQuery) ([]*state.PlayerPayment, error)
}
