package postgres

import (
	"strings"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/store"
)

// isGuarded is the condition that an entry is of an account that has a row.
var isGuarded = "(account ^@ '" + strings.Join(ledger.GuardedPrefixes(), "' OR account ^@ '") + "')"

// ledgerInvariants are those of accounts and holds (requirement P-3).
var ledgerInvariants = [...]invariant{
	{
		holds: store.EntriesAreNumbered,
		rows:  "SELECT count(*) FROM ledger_entries",
		bad: `SELECT format('%s of %s: entry %s of %s has number %s, balance %s and time %s', e.account, e.tenant_id, e.entry_no, e.transfer_id,
				e.number, e.balance_minor, e.booked_at)
			FROM ledger_entries e JOIN ledger_transfers t USING (tenant_id, transfer_id)
			WHERE ` + isGuarded + ` <> (e.number > 0) OR e.number = 0 AND e.balance_minor <> 0 OR e.booked_at <> t.booked_at`,
	},
	{
		holds: store.BalancesFollow,
		rows:  "SELECT count(*) FROM accounts",
		bad: `SELECT format('%s of %s: balance %s and %s entries, booked %s in %s entries up to %s, least balance %s, each as told: %s',
				coalesce(a.account_id, e.account), coalesce(a.tenant_id, e.tenant_id), a.balance_minor, a.entries, e.total, e.entries, e.last,
				e.least, e.follows)
			FROM accounts a FULL JOIN (
				SELECT tenant_id, account, count(*) AS entries, max(number) AS last, sum(amount_minor) AS total, min(balance_minor) AS least,
					bool_and(balance_minor = running) AS follows
				FROM (
					SELECT *, sum(amount_minor) OVER (PARTITION BY tenant_id, account ORDER BY number) AS running FROM ledger_entries WHERE number > 0
				) AS numbered GROUP BY 1, 2
			) e ON e.tenant_id = a.tenant_id AND e.account = a.account_id
			WHERE a.account_id IS NULL OR a.entries <> coalesce(e.entries, 0) OR a.entries <> coalesce(e.last, 0)
				OR a.balance_minor <> coalesce(e.total, 0) OR e.least < 0 OR NOT e.follows`,
	},
	{
		holds: store.HoldsAddUp,
		rows:  "SELECT count(*) FROM account_holds",
		bad: `SELECT format('%s of %s: %s held of %s, open holds set aside %s', coalesce(a.account_id, h.account_id),
				coalesce(a.tenant_id, h.tenant_id), a.held_minor, a.balance_minor, coalesce(h.held, 0))
			FROM accounts a FULL JOIN (
				SELECT tenant_id, account_id, sum(amount_minor - captured_minor) FILTER (WHERE status = 1) AS held FROM account_holds GROUP BY 1, 2
			) h ON h.tenant_id = a.tenant_id AND h.account_id = a.account_id
			WHERE a.account_id IS NULL OR a.held_minor <> coalesce(h.held, 0) OR a.held_minor > a.balance_minor`,
	},
	{
		holds: store.CapturesAreBooked,
		rows:  "SELECT count(*) FROM account_holds",
		bad: `SELECT format('%s of %s: captured %s, booked %s', h.hold_id, h.tenant_id, h.captured_minor, b.booked)
			FROM account_holds h CROSS JOIN LATERAL (
				SELECT coalesce(-sum(e.amount_minor), 0) AS booked FROM jsonb_to_recordset(h.captures) AS c(transfer_id text)
					JOIN ledger_entries e ON e.transfer_id = c.transfer_id COLLATE "C" AND e.tenant_id || '' = h.tenant_id
				WHERE e.account || '' = h.account_id AND e.amount_minor < 0
			) b WHERE h.captured_minor <> b.booked
			UNION ALL
			SELECT format('%s of %s: no timer', h.hold_id, h.tenant_id) FROM account_holds h
			WHERE h.status = 1 AND h.expires_at IS NOT NULL AND NOT EXISTS (SELECT FROM timers t
				WHERE t.tenant_id = h.tenant_id AND t.kind = 'hold.expire' AND t.aggregate_id = h.hold_id)`,
	},
	{
		holds: store.CheckpointsAddUp,
		rows:  "SELECT count(*) FROM account_checkpoints",
		bad: `SELECT format('%s of %s: checkpoint of %s: balance %s of %s entries, booked since the one before: %s in %s', c.account_id, c.tenant_id,
				c.closed_at, c.balance_minor, c.entries, b.total, b.entries)
			FROM (
				SELECT *, coalesce(lag(closed_at) OVER w, '-infinity') AS after, coalesce(lag(balance_minor) OVER w, 0) AS balance_before,
					coalesce(lag(entries) OVER w, 0) AS entries_before
				FROM account_checkpoints WINDOW w AS (PARTITION BY tenant_id, account_id ORDER BY closed_at)
			) c CROSS JOIN LATERAL (
				SELECT count(*) AS entries, coalesce(sum(amount_minor), 0) AS total, coalesce(bool_or(number > 0), false) AS numbered
				FROM ledger_entries e
				WHERE e.tenant_id = c.tenant_id AND e.account = c.account_id AND e.booked_at > c.after AND e.booked_at <= c.closed_at
			) b
			WHERE c.balance_minor - c.balance_before <> b.total OR c.entries - c.entries_before <> b.entries OR b.numbered
				OR c.closed_at > (SELECT closed_at FROM ledger_books)`,
	},
}
