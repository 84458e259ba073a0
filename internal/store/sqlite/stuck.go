package sqlite

import (
	"context"
	"time"
)

// Now implements view.Store.
func (s *Store) Now(context.Context) (time.Time, error) { return s.clock.now(), nil }
