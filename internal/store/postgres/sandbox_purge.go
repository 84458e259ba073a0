package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/state"
)

// ownedTables are the tables with rows of tenants; what starts work by itself comes first, so that nothing starts of what is purged.
const ownedTables = `SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
	WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
	ORDER BY c.relname NOT IN ('timers', 'effects'), c.relname`

// The generations to purge are those before one that was seen to be the present one long enough ago. What is purged is never before what a
// command that was under way could still write.
const (
	seeGenerations = `INSERT INTO sandbox_purges AS p (tenant_id, sandbox_id, purged, purging, seen, seen_at)
		SELECT tenant_id, sandbox_id, 0, 0, generation, (SELECT ` + clockNow + `) FROM sandboxes
		ON CONFLICT (tenant_id, sandbox_id) DO UPDATE SET seen = excluded.seen, seen_at = excluded.seen_at
		WHERE p.purging = p.seen - 1 AND p.seen < excluded.seen`
	giveUpGenerations = `UPDATE sandbox_purges SET purging = seen - 1
		WHERE purging < seen - 1 AND seen_at <= (SELECT ` + clockNow + `) - $1::interval`
	nextGeneration = `SELECT tenant_id, sandbox_id, purged + 1 FROM sandbox_purges WHERE purged < purging ORDER BY 1, 2 LIMIT 1`
	endGeneration  = `UPDATE sandbox_purges SET purged = $3 WHERE tenant_id = $1 AND sandbox_id = $2`
)

// someOf are the places of rows of a tenant that nobody has locked.
const someOf = `ctid = ANY (ARRAY (SELECT ctid FROM %[1]s WHERE tenant_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`

// forgetEvents leaves of events their places in the log and their ids. One that has no place yet waits for the relay.
const forgetEvents = `UPDATE events e SET tenant_id = '` + state.PurgedTenant + `', aggregate_id = '` + state.PurgedAggregate + `',
		seq = b.first_position + e.ordinal, event_type = '` + state.PurgedEvent + `', trace_id = '', idempotency_key = '', payload = ''
	FROM batches b WHERE b.batch_id = e.batch_id AND b.first_position IS NOT NULL AND e.` + someOf

// PurgeSandboxes implements timer.Store. Rows are found by indexes that begin with the tenant, which all tables have by their primary keys
// or otherwise: plans that would read whole tables are forbidden.
func (s *Store) PurgeSandboxes(ctx context.Context, age time.Duration, limit int) (purged int, more bool, err error) {
	err = pgx.BeginFunc(ctx, s.batches, func(transaction pgx.Tx) error {
		p := generationPurge{Tx: transaction, limit: limit}
		held := false
		if err := p.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(purgeLock)).Scan(&held); err != nil || !held {
			return err
		}
		if _, err := p.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"); err != nil {
			return err
		}
		var err error
		purged, more, err = p.step(ctx, age)
		return err
	})
	if err != nil {
		return 0, false, translate("purge sandboxes", err)
	}
	return purged, more, nil
}

// generationPurge is a transaction that purges a little.
type generationPurge struct {
	pgx.Tx
	limit int
}

func (p generationPurge) step(ctx context.Context, age time.Duration) (purged int, more bool, err error) {
	if _, err := p.Exec(ctx, seeGenerations); err != nil {
		return 0, false, err
	}
	if _, err := p.Exec(ctx, giveUpGenerations, age); err != nil {
		return 0, false, err
	}
	rows, err := p.Query(ctx, nextGeneration)
	if err != nil {
		return 0, false, err
	}
	next, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Tenant, ID string
		Generation int64
	}])
	if err != nil || len(next) == 0 {
		return 0, false, err
	}
	tables, err := names(ctx, p, ownedTables)
	if err != nil {
		return 0, false, err
	}
	tenant := state.GenerationTenant(next[0].Tenant, next[0].ID, next[0].Generation)
	if purged, err = p.delete(ctx, tables, tenant); err != nil || purged > 0 {
		return purged, true, err
	}
	for _, table := range tables { // what is locked, or has no place in the log yet, is there all the same
		left := false
		err := p.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE tenant_id = $1)", table), tenant).Scan(&left)
		if err != nil || left {
			return 0, false, err
		}
	}
	_, err = p.Exec(ctx, endGeneration, next[0].Tenant, next[0].ID, next[0].Generation)
	return 0, true, err
}

// delete deletes rows of a tenant, of one table after the other, until there were enough.
func (p generationPurge) delete(ctx context.Context, tables []string, tenant string) (purged int, err error) {
	for _, table := range tables {
		statement := "DELETE FROM %[1]s WHERE " + someOf
		if table == "events" {
			statement = forgetEvents
		}
		tag, err := p.Exec(ctx, fmt.Sprintf(statement, table), tenant, p.limit-purged)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", table, err)
		}
		if purged += int(tag.RowsAffected()); purged >= p.limit {
			break
		}
	}
	return purged, nil
}

// names answers the texts that a query answers.
func names(ctx context.Context, transaction pgx.Tx, sql string) ([]string, error) {
	rows, err := transaction.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// purgingNow answers the tenants that are purged at present, of which anything may be missing, and the tables that they have rows in.
func purgingNow(ctx context.Context, transaction pgx.Tx) (tenants, tables []string, err error) {
	tenants, err = names(ctx, transaction, `SELECT tenant_id || '/' || substr(sandbox_id, 9) || '/' || generation
		FROM sandbox_purges, generate_series(purged + 1, purging) generation`)
	if err != nil || len(tenants) == 0 {
		return nil, nil, err
	}
	tables, err = names(ctx, transaction, ownedTables)
	return tenants, tables, err
}
