package outbox

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what the relay needs of a database.
type Store interface {
	// AcquireLease takes or renews a lease for ttl; false when another holder has it. The fence grows with each new holder.
	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (state.Lease, bool, error)
	// ReleaseLease gives a lease up.
	ReleaseLease(ctx context.Context, lease state.Lease) error
	// Number gives positions to committed batches that have none, and answers the batches after the position, in order, at
	// most limit of them. It numbers every batch that it can see in the order in which they wrote, so a batch that depended
	// on another comes after it. ErrFenced when the lease was lost.
	Number(ctx context.Context, lease state.Lease, after int64, limit int) ([]state.NumberedBatch, error)
	// Events answers the numbered events from a position on, in order, at most limit of them.
	Events(ctx context.Context, from int64, limit int) ([]state.Event, error)
	// LastPosition is the greatest position given so far; 0 for none.
	LastPosition(ctx context.Context) (int64, error)
	// Epoch names the current history of the database's stream: a text that changes when the stream and the database turn out
	// to tell different histories.
	Epoch(ctx context.Context) (string, error)
	// StartEpoch begins a new epoch.
	StartEpoch(ctx context.Context, lease state.Lease, epoch string) error
}
