package sqlite

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Now implements view.Store.
func (s *Store) Now(context.Context) (time.Time, error) { return s.clock.now(), nil }

// stuckOrders goes by the clock in the database, where that is ahead of the process's (see TurnClock). What waits for its client is not
// stuck.
const stuckOrders = `WITH letters AS (
		SELECT tenant_id, 'order' || substr(aggregate_id, instr(aggregate_id, ':')) AS order_id, 'DEAD_LETTER' AS step,
			max(created_at_us) AS since, error FROM dead_letters -- the error is that of the greatest time, as SQLite has it
		WHERE replayed_at_us IS NULL AND (aggregate_id GLOB 'order:*' OR aggregate_id GLOB 'payment:*') GROUP BY 1, 2),
	waiting AS (
		SELECT tenant_id, order_id, iif(cancel_requested, 'COMPENSATION', iif(status = 1, 'RESERVATION', iif(status = 2, 'PAYMENT', 'CAPTURE')))
			AS step, updated_at_us AS since, '' AS error
		FROM orders WHERE status IN (1, 3) OR status = 2 AND (payment_status IN (2, 9) OR refund_pending_minor > 0)),
	stuck AS (
		SELECT * FROM letters UNION ALL SELECT w.* FROM waiting w
		WHERE w.since <= (SELECT max(?1, clock_us) FROM stream) -
				CASE w.step WHEN 'RESERVATION' THEN ?2 WHEN 'PAYMENT' THEN ?3 WHEN 'CAPTURE' THEN ?4 ELSE ?5 END
			AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.tenant_id = w.tenant_id AND l.order_id = w.order_id))
	SELECT tenant_id, order_id, step, since, error, count(*) OVER () FROM stuck ORDER BY since, order_id LIMIT ?6`

// Stuck implements verify.Store.
func (s *Store) Stuck(ctx context.Context, limits state.StepLimits, most int) (found state.StuckOrders, err error) {
	err = s.readLong(ctx, "stuck orders", func(reader *session) error {
		return reader.snapshot(func() error {
			err := reader.query("SELECT count(*) FROM orders WHERE status IN (1, 2, 3)", nil, func(c *columns) bool {
				found.UnderWay = c.integer()
				return true
			})
			if err != nil {
				return err
			}
			return reader.query(stuckOrders, func(r *row) {
				r.integer(s.clock.microseconds())
				for _, limit := range []time.Duration{limits.Reservation, limits.Payment, limits.Capture, limits.Compensation} {
					r.integer(limit.Microseconds())
				}
				r.integer(int64(most))
			}, func(c *columns) bool {
				found.Orders = append(found.Orders, state.StuckOrder{
					Tenant: c.text(), OrderID: c.text(), Step: c.text(), Since: c.instant(), Error: c.text(),
				})
				found.Count = c.integer()
				return true
			})
		})
	})
	return found, err
}

// stuckPayments goes by the calls that are open and the letters that are: a payment under way has one or the other.
const stuckPayments = `WITH letters AS (
		SELECT tenant_id, aggregate_id AS payment_id, dead_letter_id, max(created_at_us) AS since, error FROM dead_letters -- as above
		WHERE replayed_at_us IS NULL AND aggregate_id GLOB 'player_payment:*' GROUP BY 1, 2),
	calls AS (
		SELECT tenant_id, aggregate_id AS payment_id, max(created_at_us), last_error FROM effects
		WHERE state = 1 AND aggregate_id GLOB 'player_payment:*' GROUP BY 1, 2),
	found AS (
		SELECT p.tenant_id, p.payment_id, p.player_id, p.type, p.status, coalesce(l.since, p.updated_at_us) AS since,
			CASE WHEN l.payment_id IS NOT NULL THEN 'DEAD_LETTER' WHEN p.status = 3 THEN 'CAPTURE' WHEN p.type = 2 THEN 'PAYOUT'
				ELSE 'PAYMENT' END AS step,
			coalesce(l.error, c.last_error) AS error, coalesce(l.dead_letter_id, '') AS letter
		FROM (SELECT tenant_id, payment_id FROM letters UNION SELECT tenant_id, payment_id FROM calls) k
			JOIN player_payments p ON p.payment_id = k.payment_id AND p.tenant_id = k.tenant_id
			LEFT JOIN letters l ON l.payment_id = k.payment_id AND l.tenant_id = k.tenant_id
			LEFT JOIN calls c ON c.payment_id = k.payment_id AND c.tenant_id = k.tenant_id
		WHERE iif(?2 = '', p.tenant_id NOT GLOB '*/sandbox/*', p.tenant_id = ?2))
	SELECT tenant_id, payment_id, player_id, type, status, step, since, error, letter, count(*) OVER () FROM found
	WHERE step = 'DEAD_LETTER' OR status <= 3
		AND since <= (SELECT max(?1, clock_us) FROM stream) - iif(step = 'CAPTURE', ?3, ?4)
	ORDER BY since, payment_id LIMIT ?5`

// StuckPayments implements view.Store and verify.Store.
func (s *Store) StuckPayments(ctx context.Context, tenant string, limits state.StepLimits, most int) (found state.StuckPayments, err error) {
	err = s.readLong(ctx, "stuck payments", func(reader *session) error {
		return reader.query(stuckPayments, func(r *row) {
			r.integer(s.clock.microseconds())
			r.text(tenant)
			r.integer(limits.Capture.Microseconds())
			r.integer(limits.Payment.Microseconds())
			r.integer(int64(most))
		}, func(c *columns) bool {
			found.Payments = append(found.Payments, state.StuckPayment{
				Tenant: c.text(), PaymentID: c.text(), PlayerID: c.text(), Type: small[state.PlayerPaymentType](c),
				Status: small[state.PlayerPaymentStatus](c), Step: c.text(), Since: c.instant(), Error: c.text(), LetterID: c.text(),
			})
			found.Count = c.integer()
			return true
		})
	})
	return found, err
}
