// Package store holds what the pipeline and the stores say to each other; the stores are the packages below it, each with native
// SQL of its own behind the same seams, which belong to the rooms that need them.
package store

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Transaction is one batch under way. Exactly one of Commit and Rollback ends it. It is an alias, so that a store can answer one
// without importing this room.
type Transaction = interface {
	// Loaded answers what was read.
	Loaded() state.Loaded
	// Commit stores the changes and makes them durable. Its errors are state.ErrConflict, ErrData, ErrOutcomeUnknown, or
	// others, which mean that nothing was stored.
	Commit(ctx context.Context, changes *state.Changes) error
	// Rollback gives everything up.
	Rollback()
}
