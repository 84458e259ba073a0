package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-255eabaa/oms/internal/books"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store/postgres"
	"github.com/seed-255eabaa/oms/internal/store/sqlite"
	"github.com/seed-255eabaa/oms/internal/timer"
	"github.com/seed-255eabaa/oms/internal/verify"
	"github.com/seed-255eabaa/oms/internal/view"
)

// store is everything that the parts need of a database. Each part owns its piece.
type store interface {
	pipeline.Store
	view.Store
	outbox.Store
	reactor.Store
	timer.Store
	books.Store
	effect.Store
	verify.Store
}

// databaseFile is the name of the embedded database in the data folder.
const databaseFile = "oms.db"

// postgresStore closes as the embedded store does.
type postgresStore struct{ *postgres.Store }

// Close closes the store.
func (s postgresStore) Close() error {
	s.Store.Close()
	return nil
}

type closableStore interface {
	store
	Close() error
}

// openStore opens the database of a server and brings its tables up to date.
func openStore(ctx context.Context, c config.Storage, logger *slog.Logger) (closableStore, error) {
	if c.Postgres() {
		opened, err := postgres.Open(ctx, string(c.Store), postgres.Options{})
		if err != nil {
			return nil, fmt.Errorf("open the PostgreSQL store: %w", err)
		}
		return postgresStore{opened}, nil
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	opened, err := sqlite.Open(ctx, filepath.Join(c.DataDir, databaseFile), sqlite.Options{Log: logger})
	if err != nil {
		return nil, fmt.Errorf("open the embedded store: %w", err)
	}
	return opened, nil
}

// Migrate brings the tables of a database up to date and ends.
func Migrate(ctx context.Context, c config.Storage) error {
	opened, err := openStore(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return opened.Close()
}

// Verify checks the invariants of a database, which it opens for reading only, beside a live server if need be.
func Verify(ctx context.Context, c config.Storage) ([]state.Finding, error) {
	var opened interface {
		verify.Store
		Close() error
	}
	if c.Postgres() {
		reading, err := postgres.OpenReadOnly(ctx, string(c.Store), postgres.Options{})
		if err != nil {
			return nil, fmt.Errorf("open the PostgreSQL store: %w", err)
		}
		opened = postgresStore{reading}
	} else {
		reading, err := sqlite.OpenReadOnly(filepath.Join(c.DataDir, databaseFile))
		if err != nil {
			return nil, fmt.Errorf("open the embedded store: %w", err)
		}
		opened = reading
	}
	findings, err := opened.Invariants(ctx)
	return findings, errors.Join(err, opened.Close())
}

// databaseName names the database on the bus.
func databaseName(c config.Storage) string {
	if !c.Postgres() {
		return "embedded"
	}
	if parsed, err := url.Parse(string(c.Store)); err == nil && strings.Trim(parsed.Path, "/") != "" {
		return strings.Trim(parsed.Path, "/")
	}
	return "postgres"
}

func isNotFound(err error) bool { return errors.Is(err, state.ErrNotFound) }
