package postgres

import "github.com/seed-255eabaa/oms/internal/store"

// walletPaymentInvariants are those of orders that players pay from their wallets (docs/decisions/0021).
var walletPaymentInvariants = [...]invariant{
	{
		holds: store.WalletPaymentsAdd,
		rows:  "SELECT count(*) FROM payments WHERE provider = 'wallet'",
		bad: `SELECT format('%s of %s: status %s, amount %s, captured %s, refunded %s, by %s of %s; hold: status %s, amount %s of %s; moved %s, ' ||
				'calls %s', payment_id, tenant_id, status, amount_minor, captured_minor, refunded_minor, external_id, customer_id, hold, held, holder,
				moved, calls) FROM (
				SELECT p.*, o.customer_id, h.status AS hold, h.amount_minor AS held, h.account_id AS holder,
					coalesce(m.moved, 0) AS moved, (SELECT count(*) FROM effects e WHERE e.tenant_id = p.tenant_id AND e.provider = 'wallet'
						AND e.effect_id > 'effect' || substr(p.payment_id, 8) || '/'
						AND e.effect_id < 'effect' || substr(p.payment_id, 8) || '0') AS calls
				FROM payments p LEFT JOIN orders o ON o.tenant_id = p.tenant_id AND o.order_id = p.order_id
					LEFT JOIN account_holds h ON h.tenant_id = p.tenant_id AND h.hold_id = 'hold' || substr(p.payment_id, 8)
					LEFT JOIN (
						SELECT t.tenant_id, t.order_id, e.account, sum(e.amount_minor) AS moved
						FROM ledger_transfers t JOIN ledger_entries e USING (tenant_id, transfer_id)
						WHERE t.kind LIKE 'payment.%' AND e.number > 0 GROUP BY 1, 2, 3
					) m ON m.tenant_id = p.tenant_id AND m.order_id = p.order_id AND m.account = p.external_id
				WHERE p.provider = 'wallet') w
			WHERE external_id IS DISTINCT FROM 'account:player_cash:' || currency || ':' || customer_id
				OR moved <> refunded_minor - captured_minor OR calls > 0
				OR hold IS DISTINCT FROM CASE status WHEN 3 THEN 1 WHEN 4 THEN 2 WHEN 7 THEN 2 WHEN 8 THEN 2 WHEN 6 THEN 3 END
				OR held <> amount_minor OR holder <> external_id`,
	},
	{
		holds: store.GatewaysTouchNoWallet,
		rows:  "SELECT count(*) FROM payments WHERE provider <> 'wallet'",
		bad: `SELECT format('%s of %s: %s of %s', t.transfer_id, t.tenant_id, e.amount_minor, e.account)
			FROM ledger_transfers t JOIN ledger_entries e USING (tenant_id, transfer_id)
			WHERE t.kind LIKE 'payment.%' AND e.number > 0 AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.tenant_id = t.tenant_id
				AND p.payment_id = 'payment' || substr(t.order_id, 6) AND p.provider = 'wallet' AND p.external_id = e.account)
			UNION ALL
			SELECT format('%s of %s: a hold of %s, which is made at %s', h.hold_id, h.tenant_id, p.payment_id, p.provider)
			FROM payments p JOIN account_holds h ON h.tenant_id = p.tenant_id AND h.hold_id = 'hold' || substr(p.payment_id, 8)
			WHERE p.provider <> 'wallet'`,
	},
}
