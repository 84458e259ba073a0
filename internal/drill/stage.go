package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// Statuses, in short.
const (
	pending   = omsv1.OrderStatus_ORDER_STATUS_PENDING
	reserved  = omsv1.OrderStatus_ORDER_STATUS_RESERVED
	paid      = omsv1.OrderStatus_ORDER_STATUS_PAID
	confirmed = omsv1.OrderStatus_ORDER_STATUS_CONFIRMED
	canceled  = omsv1.OrderStatus_ORDER_STATUS_CANCELED
	refunded  = omsv1.OrderStatus_ORDER_STATUS_REFUNDED
)

// Tokens of the gateway simulator.
const (
	tokenOK        = "sim:ok"
	tokenDeclined  = "sim:declined"
	tokenTimeout   = "sim:timeout"
	tokenUnknown   = "sim:unknown"
	tokenLate      = "sim:late"
	tokenDuplicate = "sim:duplicate"
)

// price of a piece, in minor units.
const price = 1000

// told bounds the reasons and the orders of a verdict.
const told = 8

// stage is what a case acts on, and where it writes down what it finds. Its methods may be called side by side.
type stage struct {
	*world
	name    string // of the case in this run: its customer and the start of its SKUs
	numbers string

	mutex    sync.Mutex
	failures int
	reasons  []string
	orders   []string
}

// fail writes a violation down, and the order to look at; empty for none.
func (s *stage) fail(orderID, format string, arguments ...any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.failures++
	if len(s.reasons) < told {
		s.reasons = append(s.reasons, fmt.Sprintf(format, arguments...))
	}
	if orderID != "" && len(s.orders) < told && !slices.Contains(s.orders, orderID) {
		s.orders = append(s.orders, orderID)
	}
}

// sku names a SKU of the case.
func (s *stage) sku(name string) string { return s.name + "-" + name }

// stock sets what there is of a SKU; false when that failed.
func (s *stage) stock(ctx context.Context, name string, onHand int64) bool {
	_, err := load.Send(ctx, s.any(0), load.Key(), s.any(0).Inventory.SetStock,
		&omsv1.SetStockRequest{Sku: s.sku(name), OnHand: proto.Int64(onHand)})
	if err != nil {
		s.fail("", "stock cannot be set: %v", err)
	}
	return err == nil
}

// draft is an order over one piece of a SKU.
func (s *stage) draft(name string) *omsv1.CreateOrderRequest {
	return &omsv1.CreateOrderRequest{
		CustomerId: s.name, Currency: "EUR", ClientReference: load.Key(),
		Items: []*omsv1.OrderItem{{Sku: s.sku(name), Qty: 1, Price: &omsv1.Money{Currency: "EUR", AmountMinor: price}}},
	}
}

// create makes an order; nil when that failed.
func (s *stage) create(ctx context.Context, i int, name string) *omsv1.Order {
	answer, err := load.Send(ctx, s.any(i), load.Key(), s.any(i).Orders.CreateOrder, s.draft(name))
	if err != nil {
		s.fail("", "an order cannot be made: %v", err)
		return nil
	}
	return answer.GetOrder()
}

// outcome is what a command was told: empty for yes, else the reason of the refusal.
type outcome = string

// pay pays under a key of its own.
func (s *stage) pay(ctx context.Context, i int, orderID, token string) outcome {
	_, err := load.Send(ctx, s.any(i), load.Key(), s.any(i).Orders.PayOrder, &omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: token})
	return s.outcome(orderID, err, "PAYMENT_IN_PROGRESS", "ILLEGAL_TRANSITION")
}

// cancel cancels under a key of its own.
func (s *stage) cancel(ctx context.Context, i int, orderID string) outcome {
	_, err := load.Send(ctx, s.any(i), load.Key(), s.any(i).Orders.CancelOrder, &omsv1.CancelOrderRequest{OrderId: orderID})
	return s.outcome(orderID, err, "ILLEGAL_TRANSITION")
}

// outcome notes an error that is no refusal of the expected ones.
func (s *stage) outcome(orderID string, err error, expected ...string) outcome {
	if err == nil {
		return ""
	}
	reason := load.Reason(err)
	if !slices.Contains(expected, reason) {
		s.fail(orderID, "unexpected answer: %v", err)
		return "UNEXPECTED"
	}
	return reason
}

// get reads an order. An order that was answered and cannot be found is a violation.
func (s *stage) get(ctx context.Context, orderID string) *omsv1.Order {
	answer, err := load.Send(ctx, s.any(0), "", s.any(0).Orders.GetOrder, &omsv1.GetOrderRequest{OrderId: orderID})
	switch refusal := load.RefusalOf(err); {
	case err == nil:
		return answer.GetOrder()
	case refusal.Code == codes.NotFound:
		s.fail(orderID, "an order that was acknowledged cannot be found")
	default:
		s.fail(orderID, "an order cannot be read: %v", err)
	}
	return nil
}

// await waits until an order is as wished, and answers it; nil when it does not come to that.
func (s *stage) await(ctx context.Context, orderID, wish string, wished func(*omsv1.Order) bool) *omsv1.Order {
	for limit := time.Now().Add(s.Patience); ctx.Err() == nil; pause(ctx, 10*time.Millisecond) {
		order := s.get(ctx, orderID)
		if order == nil || wished(order) {
			return order
		}
		if time.Now().After(limit) {
			s.fail(orderID, "waited %s for an order to be %s; it is %s, its payment %s", s.Patience, wish, short(order.GetStatus()),
				order.GetPayment().GetStatus())
			return nil
		}
	}
	return nil
}

func pause(ctx context.Context, long time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(long):
	}
}

// at tells whether an order has the status.
func at(status omsv1.OrderStatus) func(*omsv1.Order) bool {
	return func(o *omsv1.Order) bool { return o.GetStatus() == status }
}

// resting tells whether nothing is to come for an order but what a client or its timer does.
func resting(o *omsv1.Order) bool {
	switch o.GetPayment().GetStatus() {
	case omsv1.PaymentStatus_PAYMENT_STATUS_REQUESTED, omsv1.PaymentStatus_PAYMENT_STATUS_PROCESSING,
		omsv1.PaymentStatus_PAYMENT_STATUS_AUTHORIZED, omsv1.PaymentStatus_PAYMENT_STATUS_UNKNOWN:
		return false
	default:
		return o.GetStatus() != pending && o.GetStatus() != paid && o.GetPayment().GetRefundPendingMinor() == 0
	}
}

// rest waits until every order of the case has come to rest, and answers them all, as the API lists them.
func (s *stage) rest(ctx context.Context) []*omsv1.Order {
	for limit := time.Now().Add(s.Patience); ; pause(ctx, 50*time.Millisecond) {
		var all, open []*omsv1.Order
		err := s.any(0).EachOrder(ctx, &omsv1.ListOrdersRequest{CustomerId: s.name}, func(o *omsv1.Order) error {
			all = append(all, o)
			if !resting(o) {
				open = append(open, o)
			}
			return nil
		})
		if err != nil {
			s.fail("", "orders cannot be listed: %v", err)
			return nil
		}
		if len(open) == 0 {
			return all
		}
		if time.Now().After(limit) {
			for _, o := range open {
				s.fail(o.GetId(), "an order does not come to its end within %s; it is %s, its payment %s", s.Patience, short(o.GetStatus()),
					o.GetPayment().GetStatus())
			}
			return all
		}
	}
}

// checkStock compares the counters of a SKU, of which so much was stocked, with its orders at rest.
func (s *stage) checkStock(ctx context.Context, name string, stocked int64, orders []*omsv1.Order) {
	answer, err := load.Send(ctx, s.any(0), "", s.any(0).Inventory.GetStock, &omsv1.GetStockRequest{Sku: s.sku(name)})
	if err != nil {
		s.fail("", "stock cannot be read: %v", err)
		return
	}
	item, counts := answer.GetItem(), statuses(orders)
	sold, held := int64(counts[confirmed]), int64(counts[reserved])
	if sold > stocked {
		s.fail("", "%d pieces were sold, there were %d", sold, stocked)
	}
	if item.GetSold() != sold || item.GetReserved() != held || item.GetOnHand() != stocked-sold {
		s.fail("", "of %d pieces the orders bought %d and hold %d; the stock says %d sold, %d reserved, %d on hand",
			stocked, sold, held, item.GetSold(), item.GetReserved(), item.GetOnHand())
	}
}

// checkMoney compares orders at rest with themselves and with what the gateway did: each order's money was taken at most once, given
// back at most once, and nothing is held any more.
func (s *stage) checkMoney(orders []*omsv1.Order) {
	var done map[string]Taken
	if s.Gateway != nil {
		var err error
		if done, err = s.Gateway(); err != nil {
			s.fail("", "the gateway cannot be asked: %v", err)
			return
		}
	}
	for _, o := range orders {
		p, status := o.GetPayment(), o.GetStatus()
		kept := p.GetCapturedMinor() - p.GetRefundedMinor()
		if want := map[bool]int64{true: o.GetAmount().GetAmountMinor()}[status == confirmed]; kept != want {
			s.fail(o.GetId(), "an order that is %s keeps %d of %d minor units", short(status), kept, o.GetAmount().GetAmountMinor())
		}
		if s.Gateway == nil {
			continue
		}
		g := done[o.GetId()]
		if g.Captures > 1 || g.CapturedMinor != p.GetCapturedMinor() || g.RefundedMinor != p.GetRefundedMinor() || g.LeftMinor != 0 {
			s.fail(o.GetId(), "an order that is %s says %d captured and %d refunded; the gateway captured %d in %d captures, "+
				"refunded %d and holds %d",
				short(status), p.GetCapturedMinor(), p.GetRefundedMinor(), g.CapturedMinor, g.Captures, g.RefundedMinor, g.LeftMinor)
		}
	}
}

// statuses counts orders by status.
func statuses(orders []*omsv1.Order) map[omsv1.OrderStatus]int {
	counts := map[omsv1.OrderStatus]int{}
	for _, o := range orders {
		counts[o.GetStatus()]++
	}
	return counts
}

// short names a status without its prefix.
func short(status omsv1.OrderStatus) string { return status.String()[len("ORDER_STATUS_"):] }

// counted writes counts by status.
func counted(orders []*omsv1.Order) string {
	parts, counts := []string{fmt.Sprintf("%d orders", len(orders))}, statuses(orders)
	for _, status := range []omsv1.OrderStatus{pending, reserved, paid, confirmed, canceled, refunded} {
		if counts[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[status], short(status)))
		}
	}
	return strings.Join(parts, ", ")
}

// atOnce calls a function so often side by side.
func atOnce(count int, do func(i int)) {
	var running sync.WaitGroup
	for i := range count {
		running.Go(func() { do(i) })
	}
	running.Wait()
}
