package reactor

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what a reactor needs of a database.
type Store interface {
	// AcquireLease takes or renews a lease for ttl; false when another holder has it.
	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (state.Lease, bool, error)
	// ReleaseLease gives a lease up.
	ReleaseLease(ctx context.Context, lease state.Lease) error
	// Cursor answers how far the holder of the lease of that name has come; the zero value when there was none.
	Cursor(ctx context.Context, name string) (state.Cursor, error)
	// SaveCursor stores how far it has come, under the name of the lease; it may lag and never leads. ErrFenced when the lease was lost.
	SaveCursor(ctx context.Context, lease state.Lease, cursor state.Cursor) error
	// Parked answers the aggregates with a dead letter of an event that was not replayed yet. Letters of effects and timers do
	// not park: the events of their order were carried out.
	Parked(ctx context.Context) ([]state.Ref, error)
	// Epoch names the current history of the database's stream.
	Epoch(ctx context.Context) (string, error)
	// Events answers the numbered events from a position on, for what the bus no longer has.
	Events(ctx context.Context, from int64, limit int) ([]state.Event, error)
}
