package sqlite

import "github.com/seed-255eabaa/oms/internal/store"

// playerPaymentInvariants are those of players' payments (requirement P-3). The ids of what belongs to a payment derive from its own.
var playerPaymentInvariants = [...]invariant{
	{
		sentence: store.PlayerPaymentsBooked,
		checked:  "SELECT count(*) FROM player_payments",
		violated: `SELECT format('%s %s: %d, status %d, booked %d', tenant_id, payment_id, amount_minor, status, booked) FROM (
				SELECT p.*, coalesce((SELECT sum(e.amount_minor) FROM ledger_entries e
					WHERE e.transfer_id IN ('transfer' || substr(p.payment_id, 15) || '/deposit',
						'transfer' || substr(p.payment_id, 15) || '/withdrawal')
					AND e.tenant_id = p.tenant_id AND e.account = 'account:player_cash:' || p.currency || ':' || p.player_id), 0) AS booked
				FROM player_payments p)
			WHERE booked <> CASE WHEN status <> 4 THEN 0 WHEN type = 1 THEN amount_minor ELSE -amount_minor END
			UNION ALL
			SELECT format('%s %s: %s in the ledger, and there is no such payment', t.tenant_id, t.transfer_id, t.kind) FROM ledger_transfers t
			WHERE t.kind IN ('player.deposit', 'player.withdrawal') AND NOT EXISTS (SELECT 1 FROM player_payments p
				WHERE p.tenant_id = t.tenant_id AND p.status = 4
					AND t.transfer_id = 'transfer' || substr(p.payment_id, 15) || iif(p.type = 1, '/deposit', '/withdrawal')
					AND p.payment_id = 'player_payment' || substr(t.transfer_id, 9, 37))`,
	},
	{
		sentence: store.WithdrawalsAreHeld,
		checked:  "SELECT count(*) FROM player_payments WHERE type = 2",
		violated: `SELECT format('%s %s: %d, status %d, its hold %d of status %d', p.tenant_id, p.payment_id, p.amount_minor, p.status,
				coalesce(h.amount_minor, 0), coalesce(h.status, 0))
			FROM player_payments p LEFT JOIN account_holds h ON h.hold_id = 'hold' || substr(p.payment_id, 15) AND h.tenant_id = p.tenant_id
			WHERE p.type = 2 AND (h.amount_minor IS NOT p.amount_minor
				OR h.account_id IS NOT 'account:player_cash:' || p.currency || ':' || p.player_id
				OR h.status IS NOT CASE p.status WHEN 4 THEN 2 WHEN 5 THEN 3 ELSE 1 END)`,
	},
	{
		sentence: store.PlayerPaymentsCall,
		checked:  "SELECT count(*) FROM player_payments",
		violated: `SELECT format('%s %s: status %d, and %d calls are open or given up', tenant_id, payment_id, status, waiting) FROM (
				SELECT p.*, (SELECT count(*) FROM effects e WHERE e.tenant_id = p.tenant_id AND e.state <> 2 AND e.kind <> 'gateway.void'
					AND e.effect_id > 'effect' || substr(p.payment_id, 15) || '/' AND e.effect_id < 'effect' || substr(p.payment_id, 15) || '0')
					AS waiting FROM player_payments p)
			WHERE waiting <> iif(status <= 3, 1, 0)`,
	},
}
