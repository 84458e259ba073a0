package postgres

import "github.com/seed-255eabaa/oms/internal/store"

// playerPaymentInvariants are those of players' payments (requirement P-3). The ids of what belongs to a payment derive from its own.
var playerPaymentInvariants = [...]invariant{
	{
		holds: store.PlayerPaymentsBooked,
		rows:  "SELECT count(*) FROM player_payments",
		bad: `SELECT format('%s of %s: %s, status %s, booked %s', payment_id, tenant_id, amount_minor, status, booked) FROM (
				SELECT p.*, coalesce((SELECT sum(e.amount_minor) FROM ledger_entries e
					WHERE e.transfer_id IN ('transfer' || substr(p.payment_id, 15) || '/deposit',
						'transfer' || substr(p.payment_id, 15) || '/withdrawal')
					AND e.tenant_id = p.tenant_id AND e.account = 'account:player_cash:' || p.currency || ':' || p.player_id), 0) AS booked
				FROM player_payments p) b
			WHERE booked <> CASE WHEN status <> 4 THEN 0 WHEN type = 1 THEN amount_minor ELSE -amount_minor END
			UNION ALL
			SELECT format('%s of %s: %s in the ledger, and there is no such payment', t.transfer_id, t.tenant_id, t.kind) FROM ledger_transfers t
			WHERE t.kind IN ('player.deposit', 'player.withdrawal') AND NOT EXISTS (SELECT 1 FROM player_payments p
				WHERE p.tenant_id = t.tenant_id AND p.status = 4
					AND t.transfer_id = 'transfer' || substr(p.payment_id, 15) || CASE p.type WHEN 1 THEN '/deposit' ELSE '/withdrawal' END
					AND p.payment_id = 'player_payment' || substr(t.transfer_id, 9, 37))`,
	},
	{
		holds: store.WithdrawalsAreHeld,
		rows:  "SELECT count(*) FROM player_payments WHERE type = 2",
		bad: `SELECT format('%s of %s: %s, status %s, its hold %s of status %s', p.payment_id, p.tenant_id, p.amount_minor, p.status,
				coalesce(h.amount_minor, 0), coalesce(h.status, 0))
			FROM player_payments p LEFT JOIN account_holds h ON h.hold_id = 'hold' || substr(p.payment_id, 15) AND h.tenant_id = p.tenant_id
			WHERE p.type = 2 AND (h.amount_minor IS DISTINCT FROM p.amount_minor
				OR h.account_id IS DISTINCT FROM 'account:player_cash:' || p.currency || ':' || p.player_id
				OR h.status IS DISTINCT FROM CASE p.status WHEN 4 THEN 2 WHEN 5 THEN 3 ELSE 1 END)`,
	},
	{
		holds: store.PlayerPaymentsCall,
		rows:  "SELECT count(*) FROM player_payments",
		bad: `SELECT format('%s of %s: status %s, and %s calls are open or given up', payment_id, tenant_id, status, waiting) FROM (
				SELECT p.*, (SELECT count(*) FROM effects e WHERE e.tenant_id = p.tenant_id AND e.state <> 2 AND e.kind <> 'gateway.void'
					AND e.effect_id > 'effect' || substr(p.payment_id, 15) || '/' AND e.effect_id < 'effect' || substr(p.payment_id, 15) || '0')
					AS waiting FROM player_payments p) w
			WHERE waiting <> CASE WHEN status <= 3 THEN 1 ELSE 0 END`,
	},
}
