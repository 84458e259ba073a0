package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotExclusive says that another process holds the right to the one embedded bus of the database.
var ErrNotExclusive = errors.New("postgres: another process has the database's embedded bus")

// ExclusiveBus gives this process the right to be the only one with an embedded bus, until release or its end: an advisory lock
// of a session of its own, which the server gives up when the session ends, however it ends.
func (s *Store) ExclusiveBus(ctx context.Context) (release func() error, err error) {
	keeper, err := pgx.ConnectConfig(ctx, s.reads.Config().ConnConfig.Copy())
	if err != nil {
		return nil, fmt.Errorf("connect to hold the embedded bus: %w", err)
	}
	lasting := context.WithoutCancel(ctx)
	release = func() error { return keeper.Close(lasting) }
	// The server may still be noticing that a process which was killed is gone.
	for patience := time.Now().Add(3 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		held := false
		if err := keeper.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(busLock)).Scan(&held); err != nil {
			return nil, errors.Join(fmt.Errorf("lock the embedded bus: %w", err), release())
		}
		if held {
			return release, nil
		}
		if time.Now().After(patience) {
			return nil, errors.Join(ErrNotExclusive, release())
		}
	}
}
