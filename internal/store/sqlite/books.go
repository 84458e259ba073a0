package sqlite

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// dueAccounts narrows summedAccounts down to those of which at least ?3 entries stand behind their last checkpoint, up to time ?4.
const dueAccounts = summedAccounts + `AND ?3 <= (SELECT count(*) FROM (
		SELECT 1 FROM ledger_entries e WHERE e.tenant_id = s.tenant_id AND e.account = s.account AND e.at_us <= ?4
			AND e.at_us > coalesce((SELECT max(c.closed_at_us) FROM account_checkpoints c
				WHERE c.tenant_id = s.tenant_id AND c.account_id = s.account), -9223372036854775807)
		LIMIT ?3)) LIMIT ?5`

// checkpoint is a sum that is about to be stored.
type checkpoint struct {
	account          state.Ref
	balance, entries int64
}

// CloseBooks implements books.Store. Closing is a turn of the writer: whoever has stored transfers before it is read by the sums, and
// whoever comes later sees it (storeTransfers). The sums are then final, and are read beside the writer.
func (s *Store) CloseBooks(ctx context.Context, lag time.Duration, least, limit int) (int, error) {
	to := s.clock.microseconds() - lag.Microseconds()
	due, err := collect(ctx, s, "accounts to sum up", dueAccounts, func(r *row) {
		r.text("")
		r.text(string(listJSON(ledger.SummedPrefixes())))
		r.integer(int64(least))
		r.integer(to)
		r.integer(int64(limit))
	}, scanAccountRef)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	err = s.write(ctx, "close the books", func(w *writer) error {
		return w.execute("UPDATE stream SET books_closed_us = max(books_closed_us, ?1) WHERE id = 1", func(r *row) { r.integer(to) })
	})
	if err != nil {
		return 0, err
	}
	checkpoints := make([]checkpoint, len(due))
	for i, account := range due {
		if checkpoints[i], err = s.sum(ctx, account, to); err != nil {
			return 0, err
		}
	}
	err = s.write(ctx, "checkpoints", func(w *writer) error {
		for _, sum := range checkpoints {
			err := w.execute("INSERT INTO account_checkpoints (tenant_id, account_id, closed_at_us, balance_minor, entries) "+
				"VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING", func(r *row) {
				r.text(sum.account.Tenant)
				r.text(sum.account.ID)
				r.integer(to)
				r.integer(sum.balance)
				r.integer(sum.entries)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(due), nil
}

// sum sums an account up to a time.
func (s *Store) sum(ctx context.Context, account state.Ref, to int64) (checkpoint, error) {
	sum := checkpoint{account: account}
	err := s.readLong(ctx, "sum", func(reader *session) error {
		return reader.query(sumsOf+" FROM behind", func(r *row) {
			r.text(account.Tenant)
			r.text(account.ID)
			r.integer(to + 1)
		}, func(c *columns) bool {
			sum.balance, sum.entries = c.integer(), c.integer()
			return false
		})
	})
	return sum, err
}
