package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The test clock of `oms dev` (requirement X-5) is a function with the name of PostgreSQL's own clock. It stands in a schema that only
// connections with Options.TestClock look into, before PostgreSQL's: the statements are the same for everybody, and whoever has not asked
// for a test clock neither has it nor pays for it. How far it is ahead is a row, so all such processes of a database have one time.
//
// Leases are about processes and not about orders, and go by PostgreSQL's own.
const testClock = `CREATE SCHEMA IF NOT EXISTS oms_dev;
	CREATE TABLE IF NOT EXISTS oms_dev.clock_ahead (id boolean PRIMARY KEY DEFAULT true CHECK (id), ahead interval NOT NULL);
	INSERT INTO oms_dev.clock_ahead (ahead) VALUES ('0') ON CONFLICT DO NOTHING;
	CREATE OR REPLACE FUNCTION oms_dev.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
		AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM oms_dev.clock_ahead';
	COMMENT ON SCHEMA oms_dev IS 'the test clock of oms dev; oms serve does not look here'`

// makeTestClock makes the test clock where it is missing. The caller holds the lock of migrations.
func makeTestClock(ctx context.Context, connection *pgx.Conn) error {
	if _, err := connection.Exec(ctx, testClock); err != nil {
		return fmt.Errorf("make the test clock: %w", err)
	}
	return nil
}

// lookAtTestClock has the statements of a connection find the test clock.
func lookAtTestClock(ctx context.Context, connection *pgx.Conn) error {
	_, err := connection.Exec(ctx, "SELECT set_config('search_path', 'oms_dev, pg_catalog, ' || current_setting('search_path'), false)")
	if err != nil {
		return fmt.Errorf("use the test clock: %w", err)
	}
	return nil
}

// TurnClock puts the test clock ahead by a time, for all processes that have it, and answers how far it is ahead of the server's in all.
// It goes on from the latest time in the database, where that is greater, and cannot be turned back. Other processes notice within
// seconds (see distrust).
func (s *Store) TurnClock(ctx context.Context, by time.Duration) (now time.Time, ahead time.Duration, err error) {
	err = s.batches.QueryRow(ctx, `UPDATE oms_dev.clock_ahead SET ahead = greatest(ahead,
		(SELECT max(committed_at) FROM batches) - pg_catalog.clock_timestamp()) + $1 RETURNING ahead`, max(by, 0)).Scan(&ahead)
	if err == nil {
		err = s.readClock(ctx)
	}
	if err != nil {
		return time.Time{}, 0, translate("turn the clock", err)
	}
	now, _ = s.clock.now()
	return now, ahead, nil
}
