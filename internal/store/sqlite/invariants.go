package sqlite

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Invariants implements verify.Store.
func (s *Store) Invariants(ctx context.Context) ([]state.Finding, error) { return nil, nil }
