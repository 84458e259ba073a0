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
	"time"

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
	// TurnClock puts the clock ahead, of a store that was opened for development, and answers how far it is ahead in all.
	TurnClock(ctx context.Context, by time.Duration) (now time.Time, ahead time.Duration, err error)
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

// openStore opens the database of a server and brings its tables up to date. In dev its clock can be turned, and goes on from where it
// was turned to.
func openStore(ctx context.Context, c config.Storage, dev bool, logger *slog.Logger) (closableStore, error) {
	opened, err := openWriting(ctx, c, dev, logger)
	if err != nil || !dev {
		return opened, err
	}
	if _, _, err := opened.TurnClock(ctx, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("the clock for development: %w", err), opened.Close())
	}
	return opened, nil
}

func openWriting(ctx context.Context, c config.Storage, dev bool, logger *slog.Logger) (closableStore, error) {
	if c.Postgres() {
		opened, err := postgres.Open(ctx, string(c.Store), postgres.Options{TestClock: dev})
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
	opened, err := openStore(ctx, c, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return opened.Close()
}

// openReading opens a database for reading only, beside a live server if need be.
func openReading(ctx context.Context, c config.Storage) (closableStore, error) {
	if c.Postgres() {
		reading, err := postgres.OpenReadOnly(ctx, string(c.Store), postgres.Options{})
		if err != nil {
			return nil, fmt.Errorf("open the PostgreSQL store: %w", err)
		}
		return postgresStore{reading}, nil
	}
	reading, err := sqlite.OpenReadOnly(filepath.Join(c.DataDir, databaseFile))
	if err != nil {
		return nil, fmt.Errorf("open the embedded store: %w", err)
	}
	return reading, nil
}

// Verify checks the invariants of a database, beside a live server if need be.
func Verify(ctx context.Context, c config.Storage) ([]state.Finding, error) {
	opened, err := openReading(ctx, c)
	if err != nil {
		return nil, err
	}
	findings, err := opened.Invariants(ctx)
	return findings, errors.Join(err, opened.Close())
}

// Stuck finds the orders, and the payments of players, of a database that wait for too long, beside a live server if need be; most bounds
// those of each that are named.
func Stuck(ctx context.Context, c config.Storage, limits config.StuckLimits, most int,
) (orders state.StuckOrders, payments state.StuckPayments, err error) {
	opened, err := openReading(ctx, c)
	if err != nil {
		return orders, payments, err
	}
	if orders, err = opened.Stuck(ctx, stepLimits(limits), most); err == nil {
		payments, err = opened.StuckPayments(ctx, "", stepLimits(limits), most)
	}
	return orders, payments, errors.Join(err, opened.Close())
}

func stepLimits(l config.StuckLimits) state.StepLimits {
	return state.StepLimits{
		Reservation: l.StuckReservation, Payment: l.StuckPayment, Capture: l.StuckCapture, Compensation: l.StuckCompensation,
	}
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
