package timer

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what the timer service needs of a database.
type Store interface {
	// DueTimers leases timers that are due, at most limit of them, for lease: no other process gets them until then.
	DueTimers(ctx context.Context, limit int, lease time.Duration) ([]state.Timer, error)
	// PurgeKeys deletes answers older than the age, at most limit of them, and answers how many went.
	PurgeKeys(ctx context.Context, age time.Duration, limit int) (int, error)
	// PurgeBatches deletes the ids of batches older than the age that nobody can ask for any more, at most limit of them, and
	// answers how many went: Outcome does not know them then, so the age must be far beyond the deadline of any command. Events
	// stay, and so does the batch of any event that a reader has still to come to.
	PurgeBatches(ctx context.Context, age time.Duration, limit int) (int, error)
	// PurgeSandboxes deletes rows of generations of sandboxes that were reset longer ago than the age, which must be far beyond the deadline
	// of any command, and answers how many went and whether to ask again soon. It looks at a few times limit rows at most. Of events
	// their places in the log stay. One process at a time does it; others are answered that there is nothing to do.
	PurgeSandboxes(ctx context.Context, age time.Duration, limit int) (purged int, more bool, err error)
}
