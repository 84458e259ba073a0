package sqlite

import (
	"strings"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/store"
)

// isGuarded is the condition that an entry is of an account that has a row.
var isGuarded = "(instr(e.account, '" + strings.Join(ledger.GuardedPrefixes(), "') = 1 OR instr(e.account, '") + "') = 1)"

// ledgerInvariants are those of accounts and holds (requirement P-3). An entry is looked up by its transfer: one account may have most of
// all entries, and a look at all of them for each hold takes minutes of a player with many bets.
var ledgerInvariants = [...]invariant{
	{
		sentence: store.EntriesAreNumbered,
		checked:  "SELECT count(*) FROM ledger_entries",
		violated: `SELECT format('%s %s: entry %d of %s has number %d, balance %d', e.tenant_id, e.account, e.entry_no, e.transfer_id, e.number,
				e.balance_minor)
			FROM ledger_entries e JOIN ledger_transfers t ON t.transfer_id = e.transfer_id AND t.tenant_id = e.tenant_id
			WHERE ` + isGuarded + ` <> (e.number > 0) OR e.number = 0 AND e.balance_minor <> 0 OR e.at_us <> t.at_us`,
	},
	{
		sentence: store.BalancesFollow,
		checked:  "SELECT count(*) FROM accounts",
		violated: `WITH e AS MATERIALIZED (
				SELECT tenant_id, account, count(*) AS entries, max(number) AS last, sum(amount_minor) AS total, min(balance_minor) AS least,
					min(balance_minor = running) AS follows
				FROM (
					SELECT *, sum(amount_minor) OVER (PARTITION BY tenant_id, account ORDER BY number) AS running FROM ledger_entries WHERE number > 0
				) GROUP BY tenant_id, account
			)
			SELECT format('%s %s: balance %d and %d entries, booked %d in %d entries up to %d, least balance %d, each as told: %d',
				a.tenant_id, a.account_id, a.balance_minor, a.entries, e.total, e.entries, e.last, e.least, e.follows)
			FROM accounts a LEFT JOIN e ON e.tenant_id = a.tenant_id AND e.account = a.account_id
			WHERE a.entries <> coalesce(e.entries, 0) OR a.entries <> coalesce(e.last, 0) OR a.balance_minor <> coalesce(e.total, 0)
				OR e.least < 0 OR NOT e.follows
			UNION ALL
			SELECT format('%s %s: %d entries, and no such account', tenant_id, account, entries) FROM e
			WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.account_id = e.account AND a.tenant_id = e.tenant_id)`,
	},
	{
		sentence: store.HoldsAddUp,
		checked:  "SELECT count(*) FROM account_holds",
		violated: `WITH h AS MATERIALIZED (
				SELECT tenant_id, account_id, sum(iif(status = 1, amount_minor - captured_minor, 0)) AS held FROM account_holds
				GROUP BY tenant_id, account_id
			)
			SELECT format('%s %s: %d held of %d, open holds set aside %d', a.tenant_id, a.account_id, a.held_minor, a.balance_minor,
				coalesce(h.held, 0))
			FROM accounts a LEFT JOIN h ON h.tenant_id = a.tenant_id AND h.account_id = a.account_id
			WHERE a.held_minor <> coalesce(h.held, 0) OR a.held_minor > a.balance_minor
			UNION ALL
			SELECT format('%s %s: holds, and no such account', tenant_id, account_id) FROM h
			WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.account_id = h.account_id AND a.tenant_id = h.tenant_id)`,
	},
	{
		sentence: store.CapturesAreBooked,
		checked:  "SELECT count(*) FROM account_holds",
		violated: `SELECT format('%s %s: captured %d, booked %d', tenant_id, hold_id, captured_minor, booked) FROM (
				SELECT h.*, coalesce((SELECT -sum(e.amount_minor) FROM json_each(h.captures) c CROSS JOIN ledger_entries e
					ON e.transfer_id = c.value ->> 'transfer_id' AND e.tenant_id = h.tenant_id
					WHERE +e.account = h.account_id AND e.amount_minor < 0), 0) AS booked FROM account_holds h)
			WHERE captured_minor <> booked
			UNION ALL
			SELECT format('%s %s: no timer', h.tenant_id, h.hold_id) FROM account_holds h
			WHERE h.status = 1 AND h.expires_at_us IS NOT NULL AND NOT EXISTS (SELECT 1 FROM timers t
				WHERE t.tenant_id = h.tenant_id AND t.kind = 'hold.expire' AND t.aggregate_id = h.hold_id)`,
	},
	{
		sentence: store.CheckpointsAddUp,
		checked:  "SELECT count(*) FROM account_checkpoints",
		violated: `SELECT format('%s %s: checkpoint of %d: balance %d of %d entries, booked since the one before: %d in %d', tenant_id, account_id,
				closed_at_us, balance_minor, entries, coalesce(total, 0), booked) FROM (
				SELECT c.*, count(e.entry_no) AS booked, sum(e.amount_minor) AS total, max(e.number) AS numbered
				FROM (
					SELECT *, coalesce(lag(closed_at_us) OVER w, -9223372036854775807) AS after,
						coalesce(lag(balance_minor) OVER w, 0) AS balance_before, coalesce(lag(entries) OVER w, 0) AS entries_before
					FROM account_checkpoints WINDOW w AS (PARTITION BY tenant_id, account_id ORDER BY closed_at_us)
				) c LEFT JOIN ledger_entries e ON e.tenant_id = c.tenant_id AND e.account = c.account_id AND e.at_us > c.after
					AND e.at_us <= c.closed_at_us
				GROUP BY c.tenant_id, c.account_id, c.closed_at_us)
			WHERE balance_minor - balance_before <> coalesce(total, 0) OR entries - entries_before <> booked OR numbered > 0
				OR closed_at_us > (SELECT books_closed_us FROM stream)`,
	},
}
