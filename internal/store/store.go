// Package store holds what the pipeline and the stores say to each other; the stores are the packages below it, each with native
// SQL of its own behind the same seams, which belong to the rooms that need them.
package store

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Settling is for how long nothing must have touched a row before invariants ask of it what a flow brings about in several steps. In
// between the rows are rightly half done; a step that is missing for longer is missing for good, or has a dead letter.
//
// The longest way to a step that succeeds or fails for its own reasons: the lease of a reactor that has died (5 s), eight attempts with
// pauses that double from 50 ms (6 s in all), each with the default deadline of a command (10 s). That is 91 s.
const Settling = 2 * time.Minute

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
