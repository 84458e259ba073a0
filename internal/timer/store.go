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
}
