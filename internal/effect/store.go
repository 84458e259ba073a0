package effect

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Store is what the effect workers need of a database.
type Store interface {
	// DueEffects answers open effects whose NextAt has passed, oldest first. It claims nothing: a command does.
	DueEffects(ctx context.Context, limit int) ([]*state.Effect, error)
	// Effect answers one effect.
	Effect(ctx context.Context, tenant, id string) (*state.Effect, error)
}
