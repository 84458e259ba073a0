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

// Exclusive is the right of this process to be the only one with an embedded bus: an advisory lock of a session of its own, which the
// server gives up when the session ends, however it ends.
type Exclusive struct {
	config *pgx.ConnConfig
	keeper *pgx.Conn
}

// How long a lock that another session has is waited for, since the server may still be noticing that a process or a connection is gone;
// and how often a server that cannot be reached is tried.
const (
	exclusivePatience = 3 * time.Second
	exclusivePause    = 50 * time.Millisecond
)

// ExclusiveBus takes the right; ErrNotExclusive when another process has it.
func (s *Store) ExclusiveBus(ctx context.Context) (*Exclusive, error) {
	e := &Exclusive{config: s.reads.Config().ConnConfig.Copy()}
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Release gives the right up. Keep must have returned.
func (e *Exclusive) Release() error { return e.keeper.Close(context.Background()) }

// Keep holds the right until the context ends. Its session ends when the server crashes or the network breaks; it is taken again as soon
// as the server answers. An error says that another process was faster: this one must stop.
func (e *Exclusive) Keep(ctx context.Context) error {
	for ctx.Err() == nil {
		_, err := e.keeper.WaitForNotification(ctx) // nobody notifies: it waits for the end of the session, and survives that of the context
		if err == nil || ctx.Err() != nil {
			continue
		}
		_ = e.keeper.Close(ctx) // it is broken
		for err != nil && ctx.Err() == nil {
			if err = e.take(ctx); errors.Is(err, ErrNotExclusive) {
				return fmt.Errorf("the connection that held the embedded bus was lost, and since then another process runs its own on this "+
					"database; several processes need a bus that they share: set --bus nats://HOST:4222 for each of them: %w", err)
			}
			if err != nil {
				wait(ctx, exclusivePause)
			}
		}
	}
	return nil
}

func (e *Exclusive) take(ctx context.Context) error {
	keeper, err := pgx.ConnectConfig(ctx, e.config)
	if err != nil {
		return fmt.Errorf("connect to hold the embedded bus: %w", err)
	}
	for patience := time.Now().Add(exclusivePatience); ; wait(ctx, exclusivePause) {
		held := false
		err := keeper.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(busLock)).Scan(&held)
		switch {
		case err != nil:
			return errors.Join(fmt.Errorf("lock the embedded bus: %w", err), keeper.Close(context.WithoutCancel(ctx)))
		case held:
			e.keeper = keeper
			return nil
		case time.Now().After(patience):
			return errors.Join(ErrNotExclusive, keeper.Close(context.WithoutCancel(ctx)))
		}
	}
}

// wait waits for a time or for the end of the context.
func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}
