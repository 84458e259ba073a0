package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// invariant is something that holds whatever happens. What holds between rows that one transaction changes is checked of all rows.
// What a flow brings about in several steps is checked of rows that have not changed for a while: ?1 is the time until then, by the
// store's clock, ?2 the tenants that are looked past because they are purged, where there are some.
type invariant struct {
	sentence string // one of store.Invariants
	checked  string // counts the rows that are looked at
	violated string // names violations, one text a row
}

// examples is the number of violations that a finding names.
const examples = 5

// Invariants implements verify.Store. All checks see one snapshot, so what a live server does meanwhile does not show.
func (s *Store) Invariants(ctx context.Context) ([]state.Finding, error) {
	findings := make([]state.Finding, 0, len(invariants))
	err := s.readLong(ctx, "invariants", func(reader *session) error {
		if err := execute(reader.connection, "PRAGMA cache_size = -262144"); err != nil { // for the joins
			return err
		}
		defer func() { _ = execute(reader.connection, readerCache) }()
		return reader.snapshot(func() error {
			settled, err := reader.settled(s.clock.microseconds())
			if err != nil {
				return err
			}
			purging, tables, err := reader.purgingNow()
			if err != nil {
				return err
			}
			for _, invariant := range invariants {
				if len(purging) > 0 && invariant.sentence != store.PositionsFollow {
					invariant.violated = store.Shadow(tables, "main.", "tenant_id NOT IN (SELECT value FROM json_each(?2))", invariant.violated)
				}
				finding, err := reader.check(invariant, settled, purging)
				if err != nil {
					return fmt.Errorf("%s: %w", invariant.sentence, err)
				}
				findings = append(findings, finding)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return findings, nil
}

// settled is the time until which rows have settled, by the clock in the database where that is ahead of the process's (see TurnClock).
func (s *session) settled(now int64) (at int64, err error) {
	err = s.query("SELECT max(?1, clock_us) FROM stream", func(r *row) { r.integer(now) }, func(c *columns) bool {
		at = c.integer() - store.Settling.Microseconds()
		return true
	})
	return at, err
}

func (s *session) check(invariant invariant, settled int64, purging []string) (state.Finding, error) {
	finding := state.Finding{Invariant: invariant.sentence}
	err := s.query(invariant.checked, nil, func(c *columns) bool {
		finding.Checked = c.integer()
		return true
	})
	if err != nil {
		return finding, err
	}
	bind := func(r *row) {
		shadowed := strings.Contains(invariant.violated, "?2")
		if shadowed || strings.Contains(invariant.violated, "?1") {
			r.integer(settled)
		}
		if shadowed {
			r.text(string(listJSON(purging)))
		}
	}
	var found []string
	err = s.query(fmt.Sprintf("%s LIMIT %d", invariant.violated, examples), bind, func(c *columns) bool {
		found = append(found, c.text())
		return true
	})
	finding.Violation = strings.Join(found, "; ")
	return finding, err
}

// untold is the condition that no open letter tells of what is missing of an order and its payment.
const untold = `NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.tenant_id = o.tenant_id AND d.aggregate_id IN (o.order_id, p.payment_id)
	AND d.replayed_at_us IS NULL)`

var invariants = append([]invariant{
	{
		sentence: store.PricesHaveCatalogue,
		checked:  "SELECT count(*) FROM catalogue_prices",
		violated: `SELECT format('%s %s: a price, and no catalogue', p.tenant_id, p.sku) FROM catalogue_prices p
			WHERE NOT EXISTS (SELECT 1 FROM catalogues c WHERE c.tenant_id = p.tenant_id)`,
	},
	{
		sentence: store.ItemsAddUp,
		checked:  "SELECT count(*) FROM items",
		violated: `WITH demand AS MATERIALIZED (
				SELECT r.tenant_id, d.value ->> 'sku' AS sku, sum(iif(r.status = 1, d.value ->> 'qty', 0)) AS held,
					sum(iif(r.status = 4, d.value ->> 'qty', 0)) AS sold
				FROM reservations r, json_each(r.items) d WHERE r.status IN (1, 4) GROUP BY 1, 2)
			SELECT format('%s %s: reserved %d, held %d; sold %d, reservations sold %d; on hand %d', i.tenant_id, i.sku, i.reserved,
				coalesce(d.held, 0), i.sold, coalesce(d.sold, 0), i.on_hand)
			FROM items i LEFT JOIN demand d ON d.tenant_id = i.tenant_id AND d.sku = i.sku
			WHERE i.reserved <> coalesce(d.held, 0) OR i.sold <> coalesce(d.sold, 0) OR i.on_hand < i.reserved OR i.reserved < 0
			UNION ALL
			SELECT format('%s %s: held %d, sold %d, and there is no such item', d.tenant_id, d.sku, d.held, d.sold) FROM demand d
			WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.tenant_id = d.tenant_id AND i.sku = d.sku)`,
	},
	{
		sentence: store.TransfersSumToZero,
		checked:  "SELECT count(*) FROM ledger_transfers",
		violated: `SELECT format('%s %s: %d entries, sum %d', t.tenant_id, t.transfer_id, count(e.entry_no), coalesce(sum(e.amount_minor), 0))
			FROM ledger_transfers t LEFT JOIN ledger_entries e ON e.tenant_id = t.tenant_id AND e.transfer_id = t.transfer_id
			GROUP BY t.transfer_id, t.tenant_id HAVING count(e.entry_no) < 2 OR coalesce(sum(e.amount_minor), 0) <> 0
			UNION ALL
			SELECT format('%s %s: entry %d, and no such transfer', e.tenant_id, e.transfer_id, e.entry_no) FROM ledger_entries e
			WHERE NOT EXISTS (SELECT 1 FROM ledger_transfers t WHERE t.transfer_id = e.transfer_id AND t.tenant_id = e.tenant_id)`,
	},
	{
		sentence: store.CurrenciesSumToZero,
		checked:  "SELECT count(*) FROM ledger_entries",
		violated: `SELECT format('%s %s: sum %d', t.tenant_id, t.currency, sum(e.amount_minor))
			FROM ledger_entries e JOIN ledger_transfers t ON t.tenant_id = e.tenant_id AND t.transfer_id = e.transfer_id
			GROUP BY t.tenant_id, t.currency HAVING sum(e.amount_minor) <> 0`,
	},
	ledgerInvariants[0], ledgerInvariants[1], ledgerInvariants[2], ledgerInvariants[3], ledgerInvariants[4],
	sandboxInvariants[0], sandboxInvariants[1],
	jackpotInvariants[0], jackpotInvariants[1], jackpotInvariants[2], jackpotInvariants[3], jackpotInvariants[4], jackpotInvariants[5],
	jackpotInvariants[6], jackpotInvariants[7], jackpotInvariants[8],
	bonusInvariants[0], bonusInvariants[1], bonusInvariants[2], bonusInvariants[3], bonusInvariants[4],
	playerPaymentInvariants[0], playerPaymentInvariants[1], playerPaymentInvariants[2],
	walletPaymentInvariants[0], walletPaymentInvariants[1],
	{
		sentence: store.PaymentsAreBooked,
		checked:  "SELECT count(*) FROM payments",
		violated: `SELECT format('%s %s: captured %d, in the ledger %d; refunded %d, in the ledger %d; disputed %d, in the ledger %d; ' ||
				'charged back %d, in the ledger %d', tenant_id, payment_id, captured_minor, captured, refunded_minor, refunded,
				disputed_minor, disputed, charged_back_minor, charged_back) FROM (
				SELECT p.tenant_id, p.payment_id, p.captured_minor, p.refunded_minor, p.disputed_minor, p.charged_back_minor,
					coalesce(sum(iif(e.account GLOB 'account:order_revenue:*' AND t.kind = 'payment.capture', e.amount_minor, 0)), 0) AS captured,
					coalesce(sum(iif(e.account GLOB 'account:order_revenue:*' AND t.kind <> 'payment.capture', -e.amount_minor, 0)), 0) AS refunded,
					coalesce(sum(iif(e.account GLOB 'account:disputes:*', -e.amount_minor, 0)), 0) AS disputed,
					coalesce(sum(iif(e.account GLOB 'account:order_chargebacks:*', -e.amount_minor, 0)), 0) AS charged_back
				FROM payments p LEFT JOIN ledger_transfers t ON t.transfer_id > 'transfer' || substr(p.payment_id, 8) || '/'
						AND t.transfer_id < 'transfer' || substr(p.payment_id, 8) || '0' AND +t.tenant_id = p.tenant_id
					LEFT JOIN ledger_entries e ON e.transfer_id = t.transfer_id AND e.tenant_id = t.tenant_id AND e.account IN (
						'account:order_revenue:' || p.currency, 'account:disputes:' || p.currency, 'account:order_chargebacks:' || p.currency)
				GROUP BY p.payment_id, p.tenant_id)
			WHERE captured_minor <> captured OR refunded_minor <> refunded OR disputed_minor <> disputed OR charged_back_minor <> charged_back
			UNION ALL
			SELECT format('%s %s: %s in the ledger, and there is no payment', t.tenant_id, t.order_id, t.kind)
			FROM ledger_transfers t WHERE t.kind GLOB 'payment.*' AND NOT EXISTS (SELECT 1 FROM payments p
				WHERE p.payment_id = 'payment' || substr(t.order_id, 6) AND p.tenant_id = t.tenant_id)`,
	},
	{
		// The other checks find what belongs to an order by this, along the primary keys.
		sentence: store.NamedByTheirOrder,
		checked:  "SELECT count(*) FROM payments",
		violated: `SELECT format('%s %s is of %s', tenant_id, payment_id, order_id) FROM payments
				WHERE payment_id <> 'payment' || substr(order_id, 6)
			UNION ALL
			SELECT format('%s %s is of %s', tenant_id, reservation_id, order_id) FROM reservations
				WHERE reservation_id <> 'reservation' || substr(order_id, 6)
			UNION ALL
			SELECT format('%s %s is of %s', tenant_id, transfer_id, order_id) FROM ledger_transfers
				WHERE kind GLOB 'payment.*' AND
					substr(transfer_id, 1, length(order_id) + 4) <> 'transfer' || substr(order_id, 6) || '/'`,
	},
	{
		sentence: store.NoMoreThanCaptured,
		checked:  "SELECT count(*) FROM payments",
		violated: `SELECT format('%s %s: captured %d, refunded %d, refunds pending %d, disputed %d, charged back %d', tenant_id, payment_id,
				captured_minor, refunded_minor, refund_pending_minor, disputed_minor, charged_back_minor)
			FROM payments WHERE refunded_minor + refund_pending_minor + disputed_minor + charged_back_minor > captured_minor`,
	},
	{
		sentence: store.DisputesAddUp,
		checked:  "SELECT count(*) FROM payments",
		violated: `SELECT format('%s %s: disputed %d, by its disputes %d; charged back %d, by its disputes %d', tenant_id, payment_id,
				disputed_minor, disputed, charged_back_minor, charged_back) FROM (
				SELECT p.tenant_id, p.payment_id, p.disputed_minor, p.charged_back_minor,
					coalesce(sum(iif(d.value ->> 'booked' = 3, d.value ->> 'booked_minor', 0)), 0) AS disputed,
					coalesce(sum(iif(d.value ->> 'booked' = 5, d.value ->> 'booked_minor', 0)), 0) AS charged_back
				FROM payments p LEFT JOIN json_each(p.disputes) d
				WHERE p.disputes IS NOT NULL OR p.disputed_minor > 0 OR p.charged_back_minor > 0
				GROUP BY p.payment_id, p.tenant_id)
			WHERE disputed_minor <> disputed OR charged_back_minor <> charged_back
			UNION ALL
			SELECT format('%s %s: disputed %d, its payment %d; charged back %d, its payment %d', o.tenant_id, o.order_id, o.disputed_minor,
				coalesce(p.disputed_minor, 0), o.charged_back_minor, coalesce(p.charged_back_minor, 0))
			FROM orders o LEFT JOIN payments p ON p.payment_id = 'payment' || substr(o.order_id, 6) AND p.tenant_id = o.tenant_id
			WHERE o.disputed_minor <> coalesce(p.disputed_minor, 0) OR o.charged_back_minor <> coalesce(p.charged_back_minor, 0)`,
	},
	{
		sentence: store.AmountsAreSums,
		checked:  "SELECT count(*) FROM orders",
		violated: `SELECT format('%s %s: amount %d, %d lines, sum %d', tenant_id, order_id, amount_minor, lines, total) FROM (
				SELECT o.tenant_id, o.order_id, o.amount_minor, count(l.line_no) AS lines, coalesce(sum(l.quantity * l.price_minor), 0) +
					iif(o.adjustments IS NULL, 0, (SELECT sum(a.value ->> 'amount_minor') FROM json_each(o.adjustments) a)) AS total
				FROM orders o LEFT JOIN order_lines l ON l.tenant_id = o.tenant_id AND l.order_id = o.order_id
				GROUP BY o.tenant_id, o.order_id)
			WHERE lines = 0 OR total <> amount_minor`,
	},
	{
		sentence: store.OrdersFollowPayments,
		checked:  "SELECT count(*) FROM orders",
		violated: `SELECT format('%s %s: captured %d, its payment %d; refunded %d, its payment %d', o.tenant_id, o.order_id,
				o.captured_minor, coalesce(p.captured_minor, 0), o.refunded_minor, coalesce(p.refunded_minor, 0))
			FROM orders o LEFT JOIN payments p ON p.payment_id = 'payment' || substr(o.order_id, 6) AND p.tenant_id = o.tenant_id
			WHERE o.captured_minor > coalesce(p.captured_minor, 0) OR o.refunded_minor > coalesce(p.refunded_minor, 0)
				OR p.updated_at_us < ?1 AND (o.captured_minor <> p.captured_minor OR o.refunded_minor <> p.refunded_minor)
					AND ` + untold,
	},
	{
		sentence: store.ConfirmedIsPaid,
		checked:  "SELECT count(*) FROM orders WHERE status = 4",
		violated: `SELECT format('%s %s: amount %d, captured %d, reservation %s', o.tenant_id, o.order_id, o.amount_minor,
				o.captured_minor, coalesce(s.name, 'absent'))
			FROM orders o LEFT JOIN reservations r ON r.reservation_id = 'reservation' || substr(o.order_id, 6) AND r.tenant_id = o.tenant_id
				LEFT JOIN reservation_statuses s ON s.status = r.status
			WHERE o.status = 4 AND (r.status IS NOT 4 OR o.captured_minor <> o.amount_minor)`,
	},
	{
		sentence: store.ReservationsAreLines,
		checked:  "SELECT count(*) FROM orders WHERE status IN (2, 3, 4)",
		violated: `WITH wanted AS MATERIALIZED (
				SELECT l.tenant_id, l.order_id, l.sku, sum(l.quantity) AS qty FROM orders o
					JOIN order_lines l ON l.order_id = o.order_id AND l.tenant_id = o.tenant_id
				WHERE o.status IN (2, 3, 4) GROUP BY 1, 2, 3),
			held AS MATERIALIZED (
				SELECT r.tenant_id, o.order_id, d.value ->> 'sku' AS sku, d.value ->> 'qty' AS qty FROM orders o
					JOIN reservations r ON r.reservation_id = 'reservation' || substr(o.order_id, 6) AND r.tenant_id = o.tenant_id,
					json_each(r.items) d
				WHERE o.status IN (2, 3, 4) AND r.status IN (1, 4))
			SELECT format('%s %s: %d of %s in its lines, %d in its reservation', w.tenant_id, w.order_id, w.qty, w.sku, coalesce(h.qty, 0))
			FROM wanted w LEFT JOIN held h ON h.tenant_id = w.tenant_id AND h.order_id = w.order_id AND h.sku = w.sku
			WHERE h.qty IS NOT w.qty
			UNION ALL
			SELECT format('%s %s: none of %s in its lines, %d in its reservation', h.tenant_id, h.order_id, h.sku, h.qty) FROM held h
			WHERE NOT EXISTS (SELECT 1 FROM wanted w WHERE w.tenant_id = h.tenant_id AND w.order_id = h.order_id AND w.sku = h.sku)`,
	},
	{
		sentence: store.CanceledGivesBack,
		checked:  "SELECT count(*) FROM orders WHERE status = 5",
		violated: `SELECT format('%s %s: reservation %s, captured %d, refunded %d, refunds pending %d', o.tenant_id, o.order_id,
				coalesce(s.name, 'absent'), coalesce(p.captured_minor, 0), coalesce(p.refunded_minor, 0),
				coalesce(p.refund_pending_minor, 0))
			FROM orders o LEFT JOIN reservations r ON r.reservation_id = 'reservation' || substr(o.order_id, 6) AND r.tenant_id = o.tenant_id
				LEFT JOIN reservation_statuses s ON s.status = r.status
				LEFT JOIN payments p ON p.payment_id = 'payment' || substr(o.order_id, 6) AND p.tenant_id = o.tenant_id
			WHERE o.status = 5 AND (r.status IN (1, 4) OR p.updated_at_us < ?1
				AND p.captured_minor > p.refunded_minor + p.refund_pending_minor + p.disputed_minor + p.charged_back_minor AND ` + untold + `)`,
	},
	{
		sentence: store.EventsAreNumbered,
		checked:  "SELECT count(*) FROM events",
		violated: numberedEvents(),
	},
	{
		sentence: store.PositionsFollow,
		checked:  "SELECT count(*) FROM events",
		violated: `SELECT format('batch %s begins at %d, not at %d', lower(hex(batch_id)), first_position, due) FROM (
				SELECT batch_id, first_position, coalesce(lag(first_position + events) OVER (ORDER BY first_position), batches_from) AS due
				FROM batches, stream WHERE events > 0) WHERE first_position <> due
			UNION ALL
			SELECT format('the last batch ends before %d, and the next position is %d', next, next_position) FROM
				(SELECT coalesce(max(first_position + events), 1) AS next FROM batches WHERE events > 0), stream WHERE next <> next_position
			UNION ALL
			SELECT format('%d events from %d to %d, and the next is %d', n, first, last, next_position) FROM
				(SELECT count(*) AS n, coalesce(min(position), 1) AS first, coalesce(max(position), 0) AS last FROM events),
				(SELECT next_position FROM stream)
			WHERE first <> 1 OR last <> n OR last <> next_position - 1`,
	},
	{
		sentence: store.UnpaidHasTimer,
		checked:  "SELECT count(*) FROM orders WHERE status IN (1, 2) AND payment_status IN (0, 5)",
		violated: `SELECT format('%s %s: no timer', o.tenant_id, o.order_id) FROM orders o
			WHERE o.status IN (1, 2) AND o.payment_status IN (0, 5) AND NOT EXISTS (SELECT 1 FROM timers t
				WHERE t.tenant_id = o.tenant_id AND t.kind = 'order.expire' AND t.aggregate_id = o.order_id)
				AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.tenant_id = o.tenant_id AND d.aggregate_id = o.order_id
					AND d.kind = 'timer' AND d.replayed_at_us IS NULL)`,
	},
	{
		sentence: store.GivenUpHasTimer,
		checked:  "SELECT count(*) FROM effects",
		violated: `SELECT format('%s %s: no timer', e.tenant_id, e.effect_id) FROM effects e
			WHERE e.state = 3 AND e.expires_at_us > e.updated_at_us AND NOT EXISTS (SELECT 1 FROM timers t
				WHERE t.tenant_id = e.tenant_id AND t.kind = 'effect.expires' AND t.aggregate_id = e.effect_id)`,
	},
	{
		sentence: store.NoCallAfterTheEnd,
		checked:  "SELECT count(*) FROM effects",
		violated: `SELECT format('%s %s: open, and %s is %s', e.tenant_id, e.effect_id, p.payment_id, s.name)
			FROM effects e JOIN payments p ON p.tenant_id = e.tenant_id AND p.payment_id = e.aggregate_id
				JOIN payment_statuses s ON s.status = p.status
			WHERE e.state = 1 AND p.status IN (5, 6, 8) AND NOT (p.status = 5 AND e.kind = 'gateway.void')`,
	},
}, playInvariants[:]...)

// eventful are the tables whose rows have events, and the column that says how many.
var eventful = []struct {
	kind           state.Kind
	table, id, seq string
}{
	{state.KindOrder, "orders", "order_id", "version"},
	{state.KindPayment, "payments", "payment_id", "version"},
	{state.KindItem, "items", "sku", "seq"},
	{state.KindPlayerPayment, "player_payments", "payment_id", "version"},
	{state.KindPlayer, "players", "player_id", "version"},
	{state.KindSession, "sessions", "session_id", "version"},
	{state.KindRound, "rounds", "round_id", "version - 1"},
	{state.KindBet, "bets", "bet_id", "version"},
	{state.KindBonus, "bonuses", "bonus_id", "version"},
	{state.KindJackpot, "jackpots", "jackpot_id", "version"},
}

// numberedEvents names aggregates whose events are not 1, 2, 3 … up to what the row says, and events that are of no row. A seq is unique in
// its aggregate and above zero, so as many of them as the greatest says are all of them.
func numberedEvents() string {
	var query, known strings.Builder
	for _, n := range eventful {
		fmt.Fprintf(&query, `SELECT format('%%s %%s: %%d events, the last is %%d, the row says %%d', tenant_id, id, n, last, seq) FROM (
				SELECT a.tenant_id, a.%[2]s AS id, a.%[3]s AS seq, count(e.seq) AS n, coalesce(max(e.seq), 0) AS last
				FROM %[1]s a LEFT JOIN events e ON e.tenant_id = a.tenant_id AND e.aggregate_id = a.%[2]s AND e.aggregate_kind = %[4]d
				GROUP BY a.tenant_id, a.%[2]s)
			WHERE n <> seq OR last <> seq
			UNION ALL `, n.table, n.id, n.seq, n.kind)
		fmt.Fprintf(&known, ` WHEN %d THEN EXISTS (SELECT 1 FROM %s a WHERE a.%s = e.aggregate_id AND a.tenant_id = e.tenant_id)`,
			n.kind, n.table, n.id)
	}
	return query.String() + `SELECT format('%s %s: event %d, and there is no such row', e.tenant_id, e.aggregate_id, e.seq) FROM events e
		WHERE e.tenant_id <> '` + state.PurgedTenant + `' AND NOT CASE e.aggregate_kind` + known.String() + ` ELSE 0 END`
}
