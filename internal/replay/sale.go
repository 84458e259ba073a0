package replay

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

const (
	currency = "GBP"
	// notEnded is the reason of lines whose order did not come to an end in time.
	notEnded = "NOT_ENDED"
	// expired is the server's reason for an order that was not paid in time.
	expired = "EXPIRED"
	// expiries bounds how often one run tries again with an order that expired under its hands.
	expiries = 3
)

// sale leads one sale to its end, whatever of it there is already; nil when no order came of it.
func (r *run) sale(ctx context.Context, inv *invoice) (*sold, error) {
	prior := r.before.orders[reference(inv.number)]
	order := prior.live
	attempt := prior.ended + 1
	if order == nil && prior.final != "" {
		inv.refuseOpen(prior.final, "the order was ended before this run")
		return nil, nil
	}
	for try := 1; ; try++ {
		if order == nil {
			var err error
			if order, err = r.createOrder(ctx, inv, attempt); err != nil || order == nil {
				return nil, err
			}
		} else {
			inv.resumed = true
			if !inv.adopt(order) {
				return nil, nil
			}
		}
		tracked := r.feed.Track(order)
		seen, err := r.lead(ctx, inv, order, tracked, attempt)
		if err != nil {
			tracked.Untrack()
			return nil, err
		}
		if seen.Status == omsv1.OrderStatus_ORDER_STATUS_CANCELED && seen.Reason == expired && try < expiries {
			tracked.Untrack()
			order, attempt = nil, attempt+1
			continue
		}
		of := r.shelve(inv, order, seen)
		if of == nil {
			tracked.Untrack()
			return nil, nil
		}
		of.tracked = tracked
		return of, nil
	}
}

// lead pays an order and waits for its end.
func (r *run) lead(ctx context.Context, inv *invoice, order *omsv1.Order, tracked *load.Tracked, attempt int) (load.Seen, error) {
	inv.orderID = order.GetId()
	start, paid := time.Now(), false
	if seen := tracked.Now(); !seen.Ended() && seen.Payment == omsv1.PaymentStatus_PAYMENT_STATUS_UNSPECIFIED {
		_, err := load.Send(ctx, r.client, key(inv.number, "pay", attempt), r.client.Orders.PayOrder,
			&omsv1.PayOrderRequest{OrderId: order.GetId(), PaymentToken: r.options.PaymentToken})
		if fatal(err) {
			return seen, err
		}
		// Either the order has moved on, to be seen in a moment; or the payment is refused for good, and the order will expire.
		if reason := load.Reason(err); reason != "" && reason != "PAYMENT_IN_PROGRESS" && reason != "ILLEGAL_TRANSITION" {
			inv.refuseOpen("pay "+reason, err.Error())
			return seen, nil
		}
		paid = err == nil
	}
	limit, cancel := context.WithTimeout(ctx, r.options.OrderTimeout)
	defer cancel()
	seen, err := tracked.Wait(limit, load.Seen.Ended)
	if err != nil && ctx.Err() != nil {
		return seen, err
	}
	if paid && err == nil && seen.Status == omsv1.OrderStatus_ORDER_STATUS_CONFIRMED {
		r.confirm.Since(start)
	}
	return seen, nil
}

// shelve gives the open lines of an invoice their fate by the end of its order; nil when the order came to nothing.
func (r *run) shelve(inv *invoice, order *omsv1.Order, seen load.Seen) *sold {
	switch {
	case !seen.Ended():
		inv.refuseOpen(notEnded, fmt.Sprintf("%s is %s, payment %s", order.GetId(), seen.Status, seen.Payment))
		return nil
	case seen.Status == omsv1.OrderStatus_ORDER_STATUS_CANCELED:
		inv.refuseOpen(seen.Reason, order.GetId()+" ended CANCELED")
		return nil
	}
	for i := range inv.lines {
		if inv.lines[i].fate == open {
			inv.lines[i].fate = accepted
		}
	}
	of := newSold(order.GetId(), inv.lines)
	payment := order.GetPayment()
	of.due = payment.GetRefundedMinor() + payment.GetRefundPendingMinor()
	of.rest = max(of.rest-r.before.foreign[order.GetId()], 0)
	return of
}

// createOrder sends an invoice whole and, when lines are refused, again without them; nil when nothing is left.
func (r *run) createOrder(ctx context.Context, inv *invoice, attempt int) (*omsv1.Order, error) {
	for round := 0; ; round++ {
		sent := inv.openLines()
		if len(sent) == 0 {
			return nil, nil
		}
		start := time.Now()
		answer, err := load.Send(ctx, r.client, key(inv.number, "create", attempt, round), r.client.Orders.CreateOrder,
			inv.request(sent))
		if err == nil {
			r.create.Since(start)
			return answer.GetOrder(), nil
		}
		if fatal(err) {
			return nil, err
		}
		refuseNamed(inv, sent, load.RefusalOf(err))
	}
}

// request makes the order of some lines. What was refused before stands in the metadata, for people and for a later run.
func (inv *invoice) request(sent []*line) *omsv1.CreateOrderRequest {
	request := &omsv1.CreateOrderRequest{
		CustomerId: inv.customer, Currency: currency, ClientReference: reference(inv.number), Metadata: inv.metadata(),
	}
	for _, l := range sent {
		request.Items = append(request.Items, &omsv1.OrderItem{
			Sku: l.sku, Qty: int32(l.qty), Price: &omsv1.Money{Currency: currency, AmountMinor: l.pence}, //nolint:gosec // checked when read
		})
	}
	return request
}

// lineField finds the line that a violation is about.
var lineField = regexp.MustCompile(`^items\[(\d+)\](?:\.(.+))?$`)

// refuseNamed refuses the lines that the server names, each with its first reason; all lines when it names none.
func refuseNamed(inv *invoice, sent []*line, refusal *load.Refusal) {
	named := false
	for _, v := range refusal.Violations {
		match := lineField.FindStringSubmatch(v.Field)
		if match == nil || refusal.Code != codes.InvalidArgument {
			continue
		}
		at, err := strconv.Atoi(match[1])
		if err != nil || at >= len(sent) {
			continue
		}
		named = true
		if sent[at].fate == open {
			sent[at].refuse(strings.TrimSpace(match[2]+" "+v.Reason), v.Description)
		}
	}
	if named {
		return
	}
	reason, words := refusal.Reason, refusal.Message
	if len(refusal.Violations) > 0 {
		v := refusal.Violations[0]
		reason, words = strings.TrimSpace(v.Field+" "+v.Reason), v.Description
	}
	inv.refuseOpen(reason, words)
}

func (inv *invoice) openLines() []*line {
	var lines []*line
	for i := range inv.lines {
		if inv.lines[i].fate == open {
			lines = append(lines, &inv.lines[i])
		}
	}
	return lines
}

// refuseOpen refuses every line without a fate.
func (inv *invoice) refuseOpen(reason, words string) {
	for _, l := range inv.openLines() {
		l.refuse(reason, words)
	}
}

// key makes an idempotency key out of what is done: the same in every run.
func key(invoiceNo, what string, numbers ...int) string {
	parts := []string{reference(invoiceNo), what}
	for _, number := range numbers {
		parts = append(parts, strconv.Itoa(number))
	}
	return strings.Join(parts, ":")
}
