package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Keys of advisory locks, which are the database's own; "oms" in ASCII and a number.
const (
	migrationLock = 0x6f6d_7300_0001
	numberLock    = 0x6f6d_7300_0002
	busLock       = 0x6f6d_7300_0003
	purgeLock     = 0x6f6d_7300_0004
)

// migrate brings the tables up to date. Of several processes that start at once one does it, and the others wait for it: a
// session's advisory lock, which ends with the session however that ends.
func migrate(ctx context.Context, url string, withTestClock bool) (err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("address of the database: %w", err)
	}
	keeper, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, keeper.Close(context.WithoutCancel(ctx))) }()
	if _, err := keeper.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("wait for other processes that migrate: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("embedded migrations: %w", err)
	}
	database := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, database.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, database, files)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if withTestClock {
		if err := makeTestClock(ctx, keeper); err != nil {
			return err
		}
	}
	return makeTypes(ctx, keeper)
}
