package replay

import (
	"context"
	"fmt"
	"strconv"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/money"
)

// Reasons for which a credit note's line is not carried out.
const (
	notACredit   = "CREDIT_WITHOUT_RETURN" // its quantity is not below zero
	nothingBack  = "NOTHING_TO_REFUND"     // it comes to zero, or less
	refundFailed = "REFUND_FAILED"         // the gateway refused
)

// refundReason names a line of a credit note; the refund carries it, and a later run finds it there.
func refundReason(inv *invoice, i int) string { return reference(inv.number) + ":" + strconv.Itoa(i+1) }

// credit refunds the lines of a credit note, each from the newest order that has enough of it left.
func (r *run) credit(ctx context.Context, inv *invoice, orders shelf) error {
	for i := range inv.lines {
		l := &inv.lines[i]
		if l.fate != open {
			continue
		}
		pence, err := money.Multiply(l.pence, -l.qty)
		switch {
		case l.qty >= 0:
			l.refuse(notACredit, "quantity "+strconv.FormatInt(l.qty, 10))
			continue
		case err != nil:
			l.refuse(priceTooLarge, err.Error())
			continue
		case pence <= 0:
			l.refuse(nothingBack, "price "+strconv.FormatInt(l.pence, 10))
			continue
		}
		if done, found := r.before.refunds[refundReason(inv, i)]; found {
			l.wasDone(done, orders, pence)
			continue
		}
		of, reason := orders.match(l.sku, -l.qty, pence)
		switch {
		case of != nil:
			if err := r.refundLine(ctx, inv, i, of, pence); err != nil {
				return err
			}
		case inv.guest:
			l.fate, l.reason = unmatched, noCustomer
		default:
			l.fate, l.reason = unmatched, reason
		}
	}
	return nil
}

// wasDone takes over a refund of an earlier run.
func (l *line) wasDone(done doneRefund, orders shelf, pence int64) {
	switch of := orders.find(done.orderID); {
	case done.failed:
		l.refuse(refundFailed, "at "+done.orderID)
	case done.pence != pence:
		l.refuse(otherContent, fmt.Sprintf("%d pence were refunded from %s", done.pence, done.orderID))
	default:
		l.fate = refunded
		if of != nil {
			of.take(l.sku, -l.qty, pence)
		}
	}
}

// refundLine asks for one refund.
func (r *run) refundLine(ctx context.Context, inv *invoice, i int, of *sold, pence int64) error {
	l := &inv.lines[i]
	of.take(l.sku, -l.qty, pence)
	start := time.Now()
	_, err := load.Send(ctx, r.client, key(inv.number, "refund", i+1), r.client.Orders.RefundOrder, &omsv1.RefundOrderRequest{
		OrderId: of.orderID, Amount: &omsv1.Money{Currency: currency, AmountMinor: pence}, Reason: refundReason(inv, i),
	})
	if fatal(err) {
		return err
	}
	if err != nil {
		of.putBack(l.sku, -l.qty, pence)
		l.refuse(load.Reason(err), err.Error())
		return nil
	}
	r.refund.Since(start)
	l.fate = refunded
	of.due += pence
	of.mine[refundReason(inv, i)] = l
	return nil
}

// settleRefunds waits until all that was asked for is back.
func (r *run) settleRefunds(ctx context.Context, orders shelf) error {
	giveUp := time.Now().Add(r.options.OrderTimeout)
	for _, of := range orders {
		for of.due > 0 {
			settled, err := r.settleRefund(ctx, of)
			if err != nil {
				return err
			}
			if settled || time.Now().After(giveUp) {
				break
			}
		}
	}
	return nil
}

// patience is how long the feed is relied on before the payment is asked for refunds that failed.
const patience = 5 * time.Second

// settleRefund waits a while for one order's refunds; false when some are still under way.
func (r *run) settleRefund(ctx context.Context, of *sold) (bool, error) {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := of.tracked.Wait(limit, func(seen load.Seen) bool { return seen.RefundedMinor >= of.due })
	if err == nil || ctx.Err() != nil {
		return true, err //nolint:wrapcheck // the context's end
	}
	answer, err := load.Send(ctx, r.client, "", r.client.Payments.GetPayment, &omsv1.GetPaymentRequest{OrderId: of.orderID})
	if err != nil {
		return false, fmt.Errorf("payment of %s: %w", of.orderID, err)
	}
	states := map[string]omsv1.RefundState{}
	for _, refund := range answer.GetPayment().GetRefunds() {
		if refund.GetState() == omsv1.RefundState_REFUND_STATE_PENDING {
			return false, nil
		}
		states[refund.GetReason()] = refund.GetState()
	}
	for reason, l := range of.mine {
		if states[reason] != omsv1.RefundState_REFUND_STATE_SUCCEEDED {
			l.refuse(refundFailed, "at "+of.orderID)
		}
	}
	return true, nil
}
