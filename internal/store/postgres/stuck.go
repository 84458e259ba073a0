package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Now implements view.Store.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	return only(read(ctx, s, "clock", func(f *fields) (time.Time, error) { return f.time(), nil }, "SELECT "+clockNow))
}

// stuckOrders names orders that wait for too long. What waits for its client is not stuck.
const stuckOrders = `WITH letters AS (
		SELECT DISTINCT ON (1, 2) tenant_id, 'order' || substr(aggregate_id, strpos(aggregate_id, ':')) AS order_id, 'DEAD_LETTER' AS step,
			created_at AS since, error FROM dead_letters
		WHERE replayed_at IS NULL AND (starts_with(aggregate_id, 'order:') OR starts_with(aggregate_id, 'payment:'))
		ORDER BY 1, 2, created_at DESC),
	waiting AS (
		SELECT tenant_id, order_id, CASE WHEN cancel_requested THEN 'COMPENSATION' WHEN status = 1 THEN 'RESERVATION'
			WHEN status = 2 THEN 'PAYMENT' ELSE 'CAPTURE' END AS step, updated_at AS since, '' AS error
		FROM orders WHERE status IN (1, 3) OR status = 2 AND (payment_status IN (2, 9) OR refund_pending_minor > 0)),
	stuck AS (
		SELECT * FROM letters UNION ALL SELECT w.* FROM waiting w
		WHERE w.since <= (SELECT ` + clockNow + `) -
				CASE w.step WHEN 'RESERVATION' THEN $1::interval WHEN 'PAYMENT' THEN $2 WHEN 'CAPTURE' THEN $3 ELSE $4 END
			AND NOT EXISTS (SELECT FROM letters l WHERE l.tenant_id = w.tenant_id AND l.order_id = w.order_id))
	SELECT tenant_id, order_id, step, since, error, count(*) OVER () FROM stuck ORDER BY since, order_id COLLATE "C" LIMIT $5`

// Stuck implements verify.Store.
func (s *Store) Stuck(ctx context.Context, limits state.StepLimits, most int) (found state.StuckOrders, err error) {
	err = s.lookAtAll(ctx, func(transaction pgx.Tx) error {
		err := transaction.QueryRow(ctx, "SELECT count(*) FROM orders WHERE status IN (1, 2, 3)").Scan(&found.UnderWay)
		if err != nil {
			return translate("orders under way", err)
		}
		rows, err := transaction.Query(ctx, stuckOrders, limits.Reservation, limits.Payment, limits.Capture, limits.Compensation, most)
		if err != nil {
			return translate("stuck orders", err)
		}
		found.Orders, err = pgx.AppendRows(found.Orders, rows, func(row pgx.CollectableRow) (o state.StuckOrder, err error) {
			err = row.Scan(&o.Tenant, &o.OrderID, &o.Step, &o.Since, &o.Error, &found.Count)
			o.Since = o.Since.UTC()
			return o, err
		})
		if err != nil {
			return translate("stuck orders", err)
		}
		return nil
	})
	return found, err
}

// stuckPayments goes by the calls that are open and the letters that are: a payment under way has one or the other.
const stuckPayments = `WITH letters AS (
		SELECT DISTINCT ON (1, 2) tenant_id, aggregate_id AS payment_id, dead_letter_id, created_at, error FROM dead_letters
		WHERE replayed_at IS NULL AND starts_with(aggregate_id, 'player_payment:') ORDER BY 1, 2, created_at DESC),
	calls AS (
		SELECT DISTINCT ON (1, 2) tenant_id, aggregate_id AS payment_id, last_error FROM effects
		WHERE state = 1 AND starts_with(aggregate_id, 'player_payment:') ORDER BY 1, 2, created_at DESC),
	found AS (
		SELECT p.tenant_id, p.payment_id, p.player_id, p.type, p.status, coalesce(l.created_at, p.updated_at) AS since,
			CASE WHEN l.payment_id IS NOT NULL THEN 'DEAD_LETTER' WHEN p.status = 3 THEN 'CAPTURE' WHEN p.type = 2 THEN 'PAYOUT'
				ELSE 'PAYMENT' END AS step,
			coalesce(l.error, c.last_error) AS error, coalesce(l.dead_letter_id, '') AS letter
		FROM letters l FULL JOIN calls c USING (tenant_id, payment_id) JOIN player_payments p USING (tenant_id, payment_id)
		WHERE CASE $1 WHEN '' THEN p.tenant_id NOT LIKE '%/sandbox/%' ELSE p.tenant_id = $1 END)
	SELECT tenant_id, payment_id, player_id, type, status, step, since, error, letter, count(*) OVER () FROM found
	WHERE step = 'DEAD_LETTER' OR status <= 3 AND since <= (SELECT ` + clockNow + `) - CASE step WHEN 'CAPTURE' THEN $2::interval ELSE $3 END
	ORDER BY since, payment_id COLLATE "C" LIMIT $4`

// StuckPayments implements view.Store and verify.Store.
func (s *Store) StuckPayments(ctx context.Context, tenant string, limits state.StepLimits, most int) (found state.StuckPayments, err error) {
	found.Payments, err = read(ctx, s, "stuck payments", func(f *fields) (state.StuckPayment, error) {
		p := state.StuckPayment{
			Tenant: f.text(), PaymentID: f.text(), PlayerID: f.text(), Type: state.PlayerPaymentType(f.int16()),
			Status: state.PlayerPaymentStatus(f.int16()), Step: f.text(), Since: f.time(), Error: f.text(), LetterID: f.text(),
		}
		found.Count = f.int64()
		return p, nil
	}, stuckPayments, tenant, limits.Capture, limits.Payment, most)
	return found, err
}
