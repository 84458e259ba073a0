package replay

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// before is what the server had of the file when the run began.
type before struct {
	orders  map[string]prior      // by client_reference
	refunds map[string]doneRefund // by reason
	foreign map[string]int64      // pence that others refunded, by order
}

// prior is what earlier runs made of one sale.
type prior struct {
	live  *omsv1.Order // the order that counts
	ended int          // orders that came to nothing
	final string       // why not to try again; empty when trying again is right
}

// doneRefund is one refund that was asked for before.
type doneRefund struct {
	orderID string
	pence   int64
	failed  bool
}

// again lists the reasons of a CANCELED order after which the sale is tried again: nobody wanted it canceled.
var again = []string{expired, "OUT_OF_STOCK", "PAYMENT_DECLINED", "PAYMENT_FAILED"}

// readBack reads every order, and the refunds of those that have some.
func (r *run) readBack(ctx context.Context) (*before, error) {
	b := &before{orders: map[string]prior{}, refunds: map[string]doneRefund{}, foreign: map[string]int64{}}
	var withRefunds []string
	err := r.client.EachOrder(ctx, &omsv1.ListOrdersRequest{}, func(order *omsv1.Order) error {
		ref := order.GetClientReference()
		if _, ours := r.shop.byRef[ref]; !ours {
			return nil
		}
		p := b.orders[ref]
		switch {
		case order.GetStatus() != omsv1.OrderStatus_ORDER_STATUS_CANCELED:
			p.live = order // the oldest one wins; a second one would show in the totals
		case p.ended == 0 && !slices.Contains(again, order.GetStatusReason()):
			p.final = order.GetStatusReason()
			p.ended++
		default:
			p.ended++
		}
		b.orders[ref] = p
		if payment := order.GetPayment(); payment.GetRefundedMinor()+payment.GetRefundPendingMinor() > 0 {
			withRefunds = append(withRefunds, order.GetId())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, r.readRefunds(ctx, b, withRefunds)
}

// readRefunds finds out which credit notes' lines have been carried out, by the reasons of the refunds.
func (r *run) readRefunds(ctx context.Context, b *before, orderIDs []string) error {
	ours := map[string]bool{}
	for _, inv := range r.shop.invoices {
		for i := range inv.lines {
			if inv.credit {
				ours[refundReason(inv, i)] = true
			}
		}
	}
	var mutex sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.options.Clients)
	for _, orderID := range orderIDs {
		group.Go(func() error {
			answer, err := load.Send(ctx, r.client, "", r.client.Payments.GetPayment, &omsv1.GetPaymentRequest{OrderId: orderID})
			if err != nil {
				return fmt.Errorf("payment of %s: %w", orderID, err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			for _, refund := range answer.GetPayment().GetRefunds() {
				failed := refund.GetState() == omsv1.RefundState_REFUND_STATE_FAILED
				if ours[refund.GetReason()] {
					b.refunds[refund.GetReason()] = doneRefund{orderID, refund.GetAmountMinor(), failed}
				} else if !failed {
					b.foreign[orderID] += refund.GetAmountMinor()
				}
			}
			return nil
		})
	}
	return group.Wait() //nolint:wrapcheck // wrapped above
}

// Metadata of an order: where it comes from, and which lines of its invoice were refused, as "refused <reason>" = "3,7".
const (
	metaDate    = "invoice_date"
	metaCountry = "country"
	metaRefused = "refused "

	metaKeyLimit, metaValueLimit, metaPairs = 64, 500, 30
	// refusedEarlier is the reason of lines about which the metadata had no room to speak.
	refusedEarlier = "REFUSED_EARLIER"
	// otherContent is the reason of an invoice whose order at the server is not what the file says.
	otherContent = "EXISTS_WITH_OTHER_CONTENT"
)

func (inv *invoice) metadata() map[string]string {
	meta := map[string]string{}
	for name, value := range map[string]string{metaDate: inv.date, metaCountry: inv.country} {
		if value != "" && len(value) <= metaValueLimit {
			meta[name] = value
		}
	}
	refusals := map[string]string{}
	for i := range inv.lines {
		if l := &inv.lines[i]; l.fate == refused {
			name := metaRefused + l.reason
			if refusals[name] != "" {
				refusals[name] += ","
			}
			refusals[name] += strconv.Itoa(i + 1)
		}
	}
	for name, value := range refusals {
		if len(name) <= metaKeyLimit && len(value) <= metaValueLimit && len(meta) < metaPairs {
			meta[name] = value
		}
	}
	return meta
}

// adopt takes an order over that an earlier run created: its lines are the open ones. False when the order is not this invoice's.
func (inv *invoice) adopt(order *omsv1.Order) bool {
	for name, value := range order.GetMetadata() {
		reason, found := strings.CutPrefix(name, metaRefused)
		for number := range strings.SplitSeq(value, ",") {
			at, err := strconv.Atoi(number)
			if found && err == nil && at >= 1 && at <= len(inv.lines) && inv.lines[at-1].fate == open {
				inv.lines[at-1].refuse(reason, "in an earlier run")
			}
		}
	}
	items := order.GetItems()
	for _, l := range inv.openLines() {
		if len(items) > 0 && sameLine(l, items[0]) {
			items = items[1:]
		} else {
			l.refuse(refusedEarlier, "in an earlier run")
		}
	}
	if len(items) == 0 && order.GetCustomerId() == inv.customer && order.GetAmount().GetCurrency() == currency {
		return true
	}
	inv.orderID = order.GetId()
	for i := range inv.lines {
		inv.lines[i].refuse(otherContent, order.GetId()+" is not what the file says")
	}
	return false
}

func sameLine(l *line, item *omsv1.OrderItem) bool {
	return l.sku == item.GetSku() && l.qty == int64(item.GetQty()) && l.pence == item.GetPrice().GetAmountMinor() &&
		item.GetPrice().GetCurrency() == currency
}

// totals are what the server says about the file's orders.
type totals struct {
	Orders        int            `json:"orders"`
	ByStatus      map[string]int `json:"by_status"`
	CapturedPence int64          `json:"captured_pence"`
	RefundedPence int64          `json:"refunded_pence"`

	live int
}

// readTotals adds up the server's orders at the end.
func (r *run) readTotals(ctx context.Context) (totals, error) {
	t := totals{ByStatus: map[string]int{}}
	err := r.client.EachOrder(ctx, &omsv1.ListOrdersRequest{}, func(order *omsv1.Order) error {
		if _, ours := r.shop.byRef[order.GetClientReference()]; !ours {
			return nil
		}
		t.Orders++
		t.ByStatus[strings.TrimPrefix(order.GetStatus().String(), "ORDER_STATUS_")]++
		if order.GetStatus() != omsv1.OrderStatus_ORDER_STATUS_CANCELED {
			t.live++
		}
		t.CapturedPence += order.GetPayment().GetCapturedMinor()
		t.RefundedPence += order.GetPayment().GetRefundedMinor()
		return nil
	})
	return t, err //nolint:wrapcheck // the caller wraps
}
