// Package verify is the seam of `oms verify`: what must hold whatever happens, checked on the rows themselves, apart from the
// code that keeps them (requirement X-2).
package verify

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what verification needs of a database. It only reads, and may run beside a live server.
type Store interface {
	// Invariants checks everything that must hold whatever happens, under one snapshot, and answers a finding an invariant.
	Invariants(ctx context.Context) ([]state.Finding, error)
	// Stuck answers the orders of all tenants that wait in a step for longer than its limit, or have an open dead letter; those that wait
	// longest, at most so many, and how many there are (requirement X-9).
	Stuck(ctx context.Context, limits state.StepLimits, most int) (state.StuckOrders, error)
	// StuckPayments answers the payments of players that wait in a step for longer than its limit, or have an open dead letter; those that
	// wait longest, at most so many, and how many there are. The tenant is one, or empty for all but sandboxes, whose money is play money.
	StuckPayments(ctx context.Context, tenant string, limits state.StepLimits, most int) (state.StuckPayments, error)
}
