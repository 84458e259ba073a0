package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// invariant is a check of everything there is. Its statement answers the number of rows looked at, and a sentence for each of the
// first violations.
type invariant struct {
	holds string // one of store.Invariants
	bad   string // a query of sentences, one a violation
	rows  string // a query of the number of rows looked at
}

// settled is the condition that nothing has touched a row for a while: what two transactions do one after the other may be seen
// half done, but not for that long.
var settled = fmt.Sprintf("updated_at < (SELECT %s) - interval '%d seconds'", clockNow, int(store.Settling.Seconds()))

// booked sums up the ledger by order: a capture credits the revenue, a refund debits it until it comes back, and what disputes have
// withdrawn is debited to accounts of theirs.
const booked = `(
	SELECT t.tenant_id, t.order_id,
		coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'payment.capture' AND e.amount_minor > 0), 0) AS captured,
		coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'payment.refund' AND e.amount_minor > 0), 0)
			- coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'payment.refund_returned' AND e.amount_minor > 0), 0) AS refunded,
		- coalesce(sum(e.amount_minor) FILTER (WHERE e.account LIKE 'account:disputes:%'), 0) AS disputed,
		- coalesce(sum(e.amount_minor) FILTER (WHERE e.account LIKE 'account:order_chargebacks:%'), 0) AS charged_back
	FROM ledger_transfers t JOIN ledger_entries e USING (tenant_id, transfer_id)
	WHERE t.kind LIKE 'payment.%'
	GROUP BY t.tenant_id, t.order_id)`

// held sums up the demand of reservations by item.
const held = `(
	SELECT r.tenant_id, d.sku COLLATE "C" AS sku,
		coalesce(sum(d.qty) FILTER (WHERE r.status = 1), 0) AS held, coalesce(sum(d.qty) FILTER (WHERE r.status = 4), 0) AS sold
	FROM reservations r, jsonb_to_recordset(r.items) AS d(sku text, qty bigint)
	WHERE r.status IN (1, 4) AND r.items IS NOT NULL
	GROUP BY r.tenant_id, d.sku COLLATE "C")`

// reserved answers the status of an order's reservation; null when there is none.
const reservationOf = `(SELECT max(r.status) FROM reservations r WHERE r.tenant_id = o.tenant_id
	AND r.reservation_id = 'reservation' || substr(o.order_id, 6))`

// untold is the condition that no open letter tells of what is missing of an order and its payment.
const untold = `NOT EXISTS (SELECT FROM dead_letters d WHERE d.tenant_id = o.tenant_id AND d.aggregate_id IN (o.order_id, p.payment_id)
	AND d.replayed_at IS NULL)`

var invariants = []invariant{
	{
		holds: store.PricesHaveCatalogue,
		rows:  "SELECT count(*) FROM catalogue_prices",
		bad: `SELECT format('price of %s of %s: no catalogue', sku, tenant_id) FROM catalogue_prices p
			WHERE NOT EXISTS (SELECT FROM catalogues c WHERE c.tenant_id = p.tenant_id)`,
	},
	{
		holds: store.ItemsAddUp,
		rows:  "SELECT count(*) FROM items",
		bad: `SELECT format('item %s of %s: reserved %s and held %s, sold %s and sold by reservations %s, on hand %s',
				coalesce(i.sku, d.sku), coalesce(i.tenant_id, d.tenant_id), i.reserved, coalesce(d.held, 0), i.sold, coalesce(d.sold, 0), i.on_hand)
			FROM items i FULL JOIN ` + held + ` d ON i.tenant_id = d.tenant_id AND i.sku = d.sku
			WHERE i.sku IS NULL OR i.reserved <> coalesce(d.held, 0) OR i.sold <> coalesce(d.sold, 0)
				OR i.reserved < 0 OR i.sold < 0 OR i.on_hand < i.reserved`,
	},
	{
		holds: store.TransfersSumToZero,
		rows:  "SELECT count(*) FROM ledger_transfers",
		bad: `SELECT format('transfer %s of %s: %s entries sum to %s', coalesce(t.transfer_id, e.transfer_id),
				coalesce(t.tenant_id, e.tenant_id), coalesce(e.entries, 0), coalesce(e.total, 0))
			FROM ledger_transfers t FULL JOIN (
				SELECT tenant_id, transfer_id, count(*) AS entries, sum(amount_minor) AS total FROM ledger_entries GROUP BY 1, 2
			) e ON t.tenant_id = e.tenant_id AND t.transfer_id = e.transfer_id
			WHERE t.transfer_id IS NULL OR e.transfer_id IS NULL OR e.entries < 2 OR e.total <> 0`,
	},
	{
		holds: store.CurrenciesSumToZero,
		rows:  "SELECT count(*) FROM ledger_entries",
		bad: `SELECT format('%s in %s: the accounts sum to %s', t.tenant_id, t.currency, sum(e.amount_minor))
			FROM ledger_transfers t JOIN ledger_entries e USING (tenant_id, transfer_id)
			GROUP BY t.tenant_id, t.currency HAVING sum(e.amount_minor) <> 0`,
	},
	ledgerInvariants[0], ledgerInvariants[1], ledgerInvariants[2], ledgerInvariants[3], ledgerInvariants[4],
	playInvariants[0], playInvariants[1], playInvariants[2], playInvariants[3],
	walletPaymentInvariants[0], walletPaymentInvariants[1],
	playerPaymentInvariants[0], playerPaymentInvariants[1], playerPaymentInvariants[2],
	sandboxInvariants[0], sandboxInvariants[1],
	jackpotInvariants[0], jackpotInvariants[1], jackpotInvariants[2], jackpotInvariants[3], jackpotInvariants[4], jackpotInvariants[5],
	jackpotInvariants[6], jackpotInvariants[7], jackpotInvariants[8],
	bonusInvariants[0], bonusInvariants[1], bonusInvariants[2], bonusInvariants[3], bonusInvariants[4],
	{
		holds: store.PaymentsAreBooked,
		rows:  "SELECT count(*) FROM payments",
		bad: `SELECT format('%s (%s) of %s: captured %s and booked %s, refunded %s and booked %s, disputed %s and ' ||
				'booked %s, charged back %s and booked %s',
				coalesce(p.payment_id, 'no payment'), coalesce(p.order_id, b.order_id), coalesce(p.tenant_id, b.tenant_id),
				p.captured_minor, coalesce(b.captured, 0), p.refunded_minor, coalesce(b.refunded, 0),
				p.disputed_minor, coalesce(b.disputed, 0), p.charged_back_minor, coalesce(b.charged_back, 0))
			FROM payments p FULL JOIN ` + booked + ` b ON p.tenant_id = b.tenant_id AND p.order_id = b.order_id
			WHERE p.payment_id IS NULL OR p.captured_minor <> coalesce(b.captured, 0) OR p.refunded_minor <> coalesce(b.refunded, 0)
				OR p.disputed_minor <> coalesce(b.disputed, 0) OR p.charged_back_minor <> coalesce(b.charged_back, 0)`,
	},
	{
		// The other checks find what belongs to an order by this, along the primary keys.
		holds: store.NamedByTheirOrder,
		rows:  "SELECT count(*) FROM payments",
		bad: `SELECT format('%s of %s is of %s', payment_id, tenant_id, order_id) FROM payments
				WHERE payment_id <> 'payment' || substr(order_id, 6)
			UNION ALL
			SELECT format('%s of %s is of %s', reservation_id, tenant_id, order_id) FROM reservations
				WHERE reservation_id <> 'reservation' || substr(order_id, 6)
			UNION ALL
			SELECT format('%s of %s is of %s', transfer_id, tenant_id, order_id) FROM ledger_transfers
				WHERE kind LIKE 'payment.%' AND NOT transfer_id ^@ ('transfer' || substr(order_id, 6) || '/')`,
	},
	{
		holds: store.NoMoreThanCaptured,
		rows:  "SELECT count(*) FROM payments",
		bad: `SELECT format('%s of %s: captured %s, refunded %s, refunds under way %s, disputed %s, charged back %s', payment_id, tenant_id,
				captured_minor, refunded_minor, refund_pending_minor, disputed_minor, charged_back_minor)
			FROM payments WHERE refunded_minor + refund_pending_minor + disputed_minor + charged_back_minor > captured_minor`,
	},
	{
		holds: store.DisputesAddUp,
		rows:  "SELECT count(*) FROM payments",
		bad: `SELECT format('%s of %s: disputed %s and by its disputes %s, charged back %s and by its disputes %s', p.payment_id, p.tenant_id,
				p.disputed_minor, d.disputed, p.charged_back_minor, d.charged_back)
			FROM payments p CROSS JOIN LATERAL (
				SELECT coalesce(sum(booked_minor) FILTER (WHERE booked = 3), 0) AS disputed,
					coalesce(sum(booked_minor) FILTER (WHERE booked = 5), 0) AS charged_back
				FROM jsonb_to_recordset(coalesce(p.disputes, '[]')) AS j(booked smallint, booked_minor bigint)) d
			WHERE (p.disputes IS NOT NULL OR p.disputed_minor > 0 OR p.charged_back_minor > 0)
				AND (p.disputed_minor <> d.disputed OR p.charged_back_minor <> d.charged_back)
			UNION ALL
			SELECT format('%s of %s: disputed %s and by its payment %s, charged back %s and by its payment %s', o.order_id, o.tenant_id,
				o.disputed_minor, coalesce(p.disputed_minor, 0), o.charged_back_minor, coalesce(p.charged_back_minor, 0))
			FROM orders o LEFT JOIN payments p ON p.tenant_id = o.tenant_id AND p.payment_id = 'payment' || substr(o.order_id, 6)
			WHERE o.disputed_minor <> coalesce(p.disputed_minor, 0) OR o.charged_back_minor <> coalesce(p.charged_back_minor, 0)`,
	},
	{
		holds: store.AmountsAreSums,
		rows:  "SELECT count(*) FROM orders",
		bad: `SELECT format('%s of %s: amount %s, lines %s, adjustments %s', o.order_id, o.tenant_id, o.amount_minor, l.total, a.total)
			FROM orders o LEFT JOIN (
				SELECT tenant_id, order_id, sum(quantity * price_minor) AS total FROM order_lines GROUP BY 1, 2
			) l ON o.tenant_id = l.tenant_id AND o.order_id = l.order_id
			CROSS JOIN LATERAL (SELECT CASE WHEN o.adjustments IS NULL THEN 0 ELSE (
				SELECT coalesce(sum(amount_minor), 0) FROM jsonb_to_recordset(o.adjustments) AS j(amount_minor bigint)) END AS total) a
			WHERE l.total IS NULL OR o.amount_minor <> l.total + a.total`,
	},
	{
		holds: store.OrdersFollowPayments,
		rows:  "SELECT count(*) FROM orders",
		bad: `SELECT format('%s of %s: captured %s and by its payment %s, refunded %s and by its payment %s', o.order_id, o.tenant_id,
				o.captured_minor, coalesce(p.captured_minor, 0), o.refunded_minor, coalesce(p.refunded_minor, 0))
			FROM orders o LEFT JOIN payments p ON p.tenant_id = o.tenant_id AND p.payment_id = 'payment' || substr(o.order_id, 6)
			WHERE (o.captured_minor <> coalesce(p.captured_minor, 0) OR o.refunded_minor <> coalesce(p.refunded_minor, 0))
			AND (o.captured_minor > coalesce(p.captured_minor, 0) OR o.refunded_minor > coalesce(p.refunded_minor, 0)
				OR p.` + settled + ` AND ` + untold + `)`,
	},
	{
		holds: store.ConfirmedIsPaid,
		rows:  "SELECT count(*) FROM orders WHERE status = 4",
		bad: `SELECT format('%s of %s: captured %s of %s, reservation in status %s', o.order_id, o.tenant_id, o.captured_minor,
				o.amount_minor, coalesce(` + reservationOf + `, 0))
			FROM orders o
			WHERE o.status = 4 AND (o.captured_minor <> o.amount_minor OR ` + reservationOf + ` IS DISTINCT FROM 4)`,
	},
	{
		holds: store.ReservationsAreLines,
		rows:  "SELECT count(*) FROM orders WHERE status IN (2, 3, 4)",
		bad: `SELECT format('%s of %s: %s of %s in its lines, %s in its reservation', coalesce(w.order_id, h.order_id),
				coalesce(w.tenant_id, h.tenant_id), coalesce(w.qty, 0), coalesce(w.sku, h.sku), coalesce(h.qty, 0))
			FROM (
				SELECT o.tenant_id, o.order_id, l.sku, sum(l.quantity) AS qty FROM orders o
				JOIN order_lines l ON l.tenant_id = o.tenant_id AND l.order_id = o.order_id WHERE o.status IN (2, 3, 4) GROUP BY 1, 2, 3
			) w FULL JOIN (
				SELECT o.tenant_id, o.order_id, d.sku COLLATE "C" AS sku, d.qty FROM orders o
				JOIN reservations r ON r.tenant_id = o.tenant_id AND r.reservation_id = 'reservation' || substr(o.order_id, 6),
				jsonb_to_recordset(r.items) AS d(sku text, qty bigint)
				WHERE o.status IN (2, 3, 4) AND r.status IN (1, 4) AND r.items IS NOT NULL
			) h ON w.tenant_id = h.tenant_id AND w.order_id = h.order_id AND w.sku = h.sku
			WHERE w.qty IS DISTINCT FROM h.qty`,
	},
	{
		holds: store.CanceledGivesBack,
		rows:  "SELECT count(*) FROM orders WHERE status = 5",
		bad: `SELECT format('%s of %s: reservation in status %s, captured %s, refunded or being refunded %s', o.order_id, o.tenant_id,
				coalesce(` + reservationOf + `, 0), coalesce(p.captured_minor, 0), coalesce(p.refunded_minor + p.refund_pending_minor, 0))
			FROM orders o LEFT JOIN payments p ON p.tenant_id = o.tenant_id AND p.payment_id = 'payment' || substr(o.order_id, 6)
			WHERE o.status = 5 AND (` + reservationOf + ` IN (1, 4)
				OR p.captured_minor > p.refunded_minor + p.refund_pending_minor + p.disputed_minor + p.charged_back_minor
					AND p.` + settled + ` AND ` + untold + `)`,
	},
	{
		holds: store.EventsAreNumbered,
		rows:  "SELECT count(*) FROM events",
		bad: `SELECT format('%s of %s: %s events numbered %s to %s, version %s', coalesce(v.name, e.aggregate_id),
				coalesce(v.tenant_id, e.tenant_id), coalesce(e.events, 0), e.first, e.last, v.version)
			FROM (
				SELECT tenant_id, order_id AS name, version FROM orders
				UNION ALL SELECT tenant_id, payment_id, version FROM payments
				UNION ALL SELECT tenant_id, payment_id, version FROM player_payments
				UNION ALL SELECT tenant_id, ('` + itemPrefix + `' || sku) COLLATE "C", seq FROM items
				UNION ALL SELECT tenant_id, player_id, version FROM players
				UNION ALL SELECT tenant_id, session_id, version FROM sessions
				UNION ALL SELECT tenant_id, round_id, version - 1 FROM rounds
				UNION ALL SELECT tenant_id, bet_id, version FROM bets
				UNION ALL SELECT tenant_id, jackpot_id, version FROM jackpots
				UNION ALL SELECT tenant_id, bonus_id, version FROM bonuses
			) v FULL JOIN (
				SELECT tenant_id, aggregate_id, count(*) AS events, min(seq) AS first, max(seq) AS last FROM events
				WHERE tenant_id <> '` + state.PurgedTenant + `' GROUP BY 1, 2
			) e ON e.tenant_id = v.tenant_id AND e.aggregate_id = v.name
			WHERE v.version IS DISTINCT FROM e.last AND (v.version <> 0 OR e.last IS NOT NULL) OR e.first <> 1 OR e.events <> e.last`,
	},
	{
		holds: store.PositionsFollow,
		rows:  "SELECT count(*) FROM events",
		bad: `SELECT format('batch %s: first position %s, expected %s', batch_id, first_position, expected)
			FROM (
				SELECT batch_id, first_position, 1 + coalesce(sum(events) OVER (ORDER BY first_position ROWS BETWEEN UNBOUNDED PRECEDING
					AND 1 PRECEDING), 0) AS expected FROM batches WHERE first_position IS NOT NULL
			) b WHERE first_position <> expected
			UNION ALL
			SELECT format('next position %s, expected %s', next_position, (SELECT 1 + coalesce(sum(events), 0) FROM batches
				WHERE first_position IS NOT NULL)) FROM stream
			WHERE next_position <> (SELECT 1 + coalesce(sum(events), 0) FROM batches WHERE first_position IS NOT NULL)
			UNION ALL
			SELECT format('batch %s: %s events, should be %s', coalesce(b.batch_id, e.batch_id), coalesce(e.events, 0), b.events)
			FROM batches b FULL JOIN (SELECT batch_id, count(*) AS events FROM events GROUP BY 1) e USING (batch_id)
			WHERE coalesce(b.events, -1) <> coalesce(e.events, 0)`,
	},
	{
		holds: store.UnpaidHasTimer,
		rows:  "SELECT count(*) FROM orders WHERE status IN (1, 2) AND payment_status IN (0, 5)",
		bad: `SELECT format('%s of %s has no timer', o.order_id, o.tenant_id) FROM orders o
			WHERE o.status IN (1, 2) AND o.payment_status IN (0, 5) AND NOT EXISTS (
				SELECT FROM timers t WHERE t.tenant_id = o.tenant_id AND t.kind = 'order.expire' AND t.aggregate_id = o.order_id)
			AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.tenant_id = o.tenant_id AND d.aggregate_id = o.order_id
				AND d.kind = 'timer' AND d.replayed_at IS NULL)`,
	},
	{
		holds: store.GivenUpHasTimer,
		rows:  "SELECT count(*) FROM effects",
		bad: `SELECT format('%s of %s has no timer', e.effect_id, e.tenant_id) FROM effects e
			WHERE e.state = 3 AND e.expires_at > e.updated_at AND NOT EXISTS (
				SELECT FROM timers t WHERE t.tenant_id = e.tenant_id AND t.kind = 'effect.expires' AND t.aggregate_id = e.effect_id)`,
	},
	{
		holds: store.NoCallAfterTheEnd,
		rows:  "SELECT count(*) FROM effects",
		bad: `SELECT format('%s of %s is open, its payment is in status %s', e.effect_id, e.tenant_id, p.status)
			FROM effects e JOIN payments p ON p.tenant_id = e.tenant_id AND p.payment_id = e.aggregate_id
			WHERE e.state = 1 AND p.status IN (5, 6, 8) AND NOT (p.status = 5 AND e.kind = 'gateway.void')`,
	},
}

// tell is the number of violations that a finding tells.
const tell = 5

// lookAtAll lets queries read whole tables under one snapshot, so that they may run beside writers. They take as long as they take, and
// sums are done in memory where they fit.
func (s *Store) lookAtAll(ctx context.Context, query func(transaction pgx.Tx) error) error {
	transaction, err := s.reads.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return translate("verify", err)
	}
	defer func() { _ = transaction.Rollback(context.WithoutCancel(ctx)) }() // it only reads
	if _, err := transaction.Exec(ctx, wholeTables+"SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '128MB'"); err != nil {
		return translate("verify", err)
	}
	return query(transaction)
}

// Invariants implements verify.Store.
func (s *Store) Invariants(ctx context.Context) ([]state.Finding, error) {
	findings := make([]state.Finding, len(invariants))
	err := s.lookAtAll(ctx, func(transaction pgx.Tx) error {
		purging, tables, err := purgingNow(ctx, transaction)
		if err != nil {
			return translate("sandboxes that are purged", err)
		}
		for i, check := range invariants {
			findings[i].Invariant = check.holds
			var bad []string
			statement, arguments := fmt.Sprintf("SELECT (%s), ARRAY (%s LIMIT %d)", check.rows, check.bad, tell), []any(nil)
			if len(purging) > 0 && check.holds != store.PositionsFollow {
				statement, arguments = store.Shadow(tables, "", "tenant_id <> ALL ($1)", statement), []any{purging}
			}
			if err := transaction.QueryRow(ctx, statement, arguments...).Scan(&findings[i].Checked, &bad); err != nil {
				return translate("invariant: "+check.holds, err)
			}
			findings[i].Violation = strings.Join(bad, "; ")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return findings, nil
}
