package postgres

import (
	"context"
	"time"
)

// Now implements view.Store.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	return only(read(ctx, s, "clock", func(f *fields) (time.Time, error) { return f.time(), nil }, "SELECT "+clockNow))
}
