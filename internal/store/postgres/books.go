package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// dueAccounts narrows summedAccounts down to those of which at least $4 entries stand behind their last checkpoint, up to time $5.
const dueAccounts = summedAccounts + `AND $4 <= (SELECT count(*) FROM (
		SELECT FROM ledger_entries e WHERE e.tenant_id = s.tenant_id AND e.account = s.account AND e.booked_at <= $5
			AND e.booked_at > coalesce((SELECT max(c.closed_at) FROM account_checkpoints c
				WHERE c.tenant_id = s.tenant_id AND c.account_id = s.account), '-infinity')
		LIMIT $4) AS behind) LIMIT $6`

// CloseBooks implements books.Store.
//
// A checkpoint must hold every entry of its time, also one whose transaction is under way: so first the books are closed, in a
// transaction of its own. Who inserts transfers reads the closing time in the same statement (insertTransfers), under a snapshot that
// is younger than its lock on the table; so once all who held that lock are gone, everybody has seen it. Then the sums are final.
func (s *Store) CloseBooks(ctx context.Context, lag time.Duration, least, limit int) (int, error) {
	var to time.Time
	if err := s.reads.QueryRow(ctx, "SELECT "+clockNow+" - $1::interval", lag).Scan(&to); err != nil {
		return 0, translate("close the books", err)
	}
	first, beyond := bounds()
	due, err := read(ctx, s, "accounts to sum up", decodeRef, dueAccounts, "", first, beyond, least, to, limit)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	if _, err := s.batches.Exec(ctx, "UPDATE ledger_books SET closed_at = $1 WHERE closed_at < $1", to); err != nil {
		return 0, translate("close the books", err)
	}
	if err := s.awaitWriters(ctx); err != nil {
		return 0, err
	}
	for _, account := range due {
		if err := s.checkpoint(ctx, account, to); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// writers are the transactions that insert transfers now.
const writers = `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'ledger_transfers'::regclass
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock' AND granted`

// awaitWriters waits for those who insert transfers now, and not for those who come later.
func (s *Store) awaitWriters(ctx context.Context) error {
	text := func(f *fields) (string, error) { return f.text(), nil }
	present, err := read(ctx, s, "writers", text, writers)
	for len(present) > 0 && err == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("writers: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
		present, err = read(ctx, s, "writers", text, writers+" AND virtualtransaction = ANY ($1)", present)
	}
	return err
}

// checkpoint sums an account up. Nobody can change what the sum is of, so two who do the same do no harm.
func (s *Store) checkpoint(ctx context.Context, account state.Ref, to time.Time) error {
	transaction, err := s.batches.Begin(ctx)
	if err != nil {
		return translate("checkpoint", err)
	}
	defer func() { _ = transaction.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	// The first one of an account may be of millions of entries; the context is the limit.
	if _, err := transaction.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
		return translate("checkpoint", err)
	}
	_, err = transaction.Exec(ctx, `INSERT INTO account_checkpoints (tenant_id, account_id, closed_at, balance_minor, entries)
		SELECT $1, $2, $4, sums.* FROM (`+sumsOf+` FROM behind) AS sums ON CONFLICT DO NOTHING`,
		account.Tenant, account.ID, to.Add(time.Microsecond), to)
	if err == nil {
		err = transaction.Commit(ctx)
	}
	if err != nil {
		return translate("checkpoint", err)
	}
	return nil
}
