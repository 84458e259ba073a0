package sqlite

import "github.com/seed-255eabaa/oms/internal/store"

// walletPaymentInvariants are those of orders that players pay from their wallets (docs/decisions/0021).
var walletPaymentInvariants = [...]invariant{
	{
		sentence: store.WalletPaymentsAdd,
		checked:  "SELECT count(*) FROM payments WHERE provider = 'wallet'",
		violated: `SELECT format('%s %s: status %d, amount %d, captured %d, refunded %d, by %s of %s; hold: status %d, amount %d of %s; moved %d, ' ||
				'calls %d', tenant_id, payment_id, status, amount_minor, captured_minor, refunded_minor, external_id, customer_id, hold, held, holder,
				moved, calls) FROM (
				SELECT p.*, o.customer_id, h.status AS hold, h.amount_minor AS held, h.account_id AS holder,
					(SELECT coalesce(sum(e.amount_minor), 0) FROM ledger_entries e
						WHERE e.transfer_id > 'transfer' || substr(p.payment_id, 8) || '/'
							AND e.transfer_id < 'transfer' || substr(p.payment_id, 8) || '0'
							AND e.tenant_id = p.tenant_id AND e.account = p.external_id) AS moved,
					(SELECT count(*) FROM effects e WHERE e.tenant_id = p.tenant_id AND e.provider = 'wallet'
						AND e.effect_id > 'effect' || substr(p.payment_id, 8) || '/'
						AND e.effect_id < 'effect' || substr(p.payment_id, 8) || '0') AS calls
				FROM payments p LEFT JOIN orders o ON o.order_id = p.order_id AND o.tenant_id = p.tenant_id
					LEFT JOIN account_holds h ON h.hold_id = 'hold' || substr(p.payment_id, 8) AND h.tenant_id = p.tenant_id
				WHERE p.provider = 'wallet')
			WHERE external_id IS NOT 'account:player_cash:' || currency || ':' || customer_id OR moved <> refunded_minor - captured_minor OR calls > 0
				OR hold IS NOT CASE status WHEN 3 THEN 1 WHEN 4 THEN 2 WHEN 7 THEN 2 WHEN 8 THEN 2 WHEN 6 THEN 3 END
				OR held <> amount_minor OR holder <> external_id`,
	},
	{
		sentence: store.GatewaysTouchNoWallet,
		checked:  "SELECT count(*) FROM payments WHERE provider <> 'wallet'",
		violated: `SELECT format('%s %s: %d of %s', t.tenant_id, t.transfer_id, e.amount_minor, e.account)
			FROM ledger_transfers t JOIN ledger_entries e ON e.transfer_id = t.transfer_id AND e.tenant_id = t.tenant_id
			WHERE t.kind GLOB 'payment.*' AND e.number > 0 AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.tenant_id = t.tenant_id
				AND p.payment_id = 'payment' || substr(t.order_id, 6) AND p.provider = 'wallet' AND p.external_id = e.account)
			UNION ALL
			SELECT format('%s %s: a hold of %s, which is made at %s', h.tenant_id, h.hold_id, p.payment_id, p.provider)
			FROM payments p JOIN account_holds h ON h.hold_id = 'hold' || substr(p.payment_id, 8) AND h.tenant_id = p.tenant_id
			WHERE p.provider <> 'wallet'`,
	},
}
