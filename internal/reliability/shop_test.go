package reliability

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
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

// price of a piece.
const price = 1000

func euros(minor int64) *omsv1.Money { return &omsv1.Money{Currency: "EUR", AmountMinor: minor} }

// draft is an order over some pieces of each SKU.
func draft(customer string, pieces int32, skus ...string) *omsv1.CreateOrderRequest {
	request := &omsv1.CreateOrderRequest{CustomerId: customer, Currency: "EUR"}
	for _, sku := range skus {
		request.Items = append(request.Items, &omsv1.OrderItem{Sku: sku, Qty: pieces, Price: euros(price)})
	}
	return request
}

// within bounds a call that must come to an end.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// keyed is a context for one call under a key.
func keyed(t testing.TB, key string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(within(t), "idempotency-key", key)
}

// stock sets what there is of a SKU.
func (w *world) stock(sku string, onHand int64) {
	w.t.Helper()
	_, err := load.Send(within(w.t), w.client(), load.Key(), w.client().Inventory.SetStock, &omsv1.SetStockRequest{Sku: sku, OnHand: proto.Int64(onHand)})
	if err != nil {
		w.t.Fatal(err)
	}
}

// item reads what there is of a SKU.
func (w *world) item(sku string) *omsv1.StockItem {
	w.t.Helper()
	answer, err := load.Send(within(w.t), w.client(), "", w.client().Inventory.GetStock, &omsv1.GetStockRequest{Sku: sku})
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Item
}

// checkItem compares the counters of a SKU.
func (w *world) checkItem(sku string, onHand, held, sold int64) {
	w.t.Helper()
	i := w.item(sku)
	if i.OnHand != onHand || i.Reserved != held || i.Sold != sold || i.Available != onHand-held || i.Stocked != onHand+sold {
		w.t.Errorf("of %s are %v, want %d on hand, %d reserved, %d sold", sku, i, onHand, held, sold)
	}
}

// create makes an order.
func (w *world) create(request *omsv1.CreateOrderRequest) *omsv1.Order {
	w.t.Helper()
	answer, err := load.Send(within(w.t), w.client(), load.Key(), w.client().Orders.CreateOrder, request)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Order
}

// get reads an order.
func (w *world) get(orderID string) *omsv1.Order {
	w.t.Helper()
	answer, err := load.Send(within(w.t), w.client(), "", w.client().Orders.GetOrder, &omsv1.GetOrderRequest{OrderId: orderID})
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Order
}

// await waits until an order has one of the statuses.
func (w *world) await(orderID string, statuses ...omsv1.OrderStatus) *omsv1.Order {
	w.t.Helper()
	var order *omsv1.Order
	for limit := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if order = w.get(orderID); slices.Contains(statuses, order.Status) {
			return order
		}
		if time.Now().After(limit) {
			w.t.Fatalf("order is %v, want %v", order, statuses)
		}
	}
}

// reserve makes an order and waits until its stock is reserved.
func (w *world) reserve(request *omsv1.CreateOrderRequest) *omsv1.Order {
	w.t.Helper()
	return w.await(w.create(request).Id, reserved)
}

// pay starts a payment that must be taken.
func (w *world) pay(orderID, token string) *omsv1.Order {
	w.t.Helper()
	answer, err := load.Send(within(w.t), w.client(), load.Key(), w.client().Orders.PayOrder,
		&omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: token})
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Order
}

// buy makes an order and leads it to CONFIRMED.
func (w *world) buy(request *omsv1.CreateOrderRequest) *omsv1.Order {
	w.t.Helper()
	order := w.reserve(request)
	w.pay(order.Id, gateway.TokenOK)
	return w.await(order.Id, confirmed)
}

// orders reads them all.
func (w *world) orders() []*omsv1.Order {
	w.t.Helper()
	var all []*omsv1.Order
	err := w.client().EachOrder(within(w.t), &omsv1.ListOrdersRequest{}, func(o *omsv1.Order) error {
		all = append(all, o)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// resting tells whether nothing is to come for an order but what a client or its timer does.
func resting(o *omsv1.Order) bool {
	underWay := []omsv1.PaymentStatus{
		omsv1.PaymentStatus_PAYMENT_STATUS_REQUESTED, omsv1.PaymentStatus_PAYMENT_STATUS_PROCESSING,
		omsv1.PaymentStatus_PAYMENT_STATUS_AUTHORIZED, omsv1.PaymentStatus_PAYMENT_STATUS_UNKNOWN,
	}
	return !slices.Contains(underWay, o.GetPayment().GetStatus()) && o.Status != pending && o.Status != paid && o.GetPayment().GetRefundPendingMinor() == 0
}

// rest waits until every saga has ended, and answers all orders.
func (w *world) rest() []*omsv1.Order {
	w.t.Helper()
	unresting := "SELECT count(*) FROM orders WHERE status IN (1, 3) OR payment_status IN (1, 2, 3, 9) OR refund_pending_minor > 0"
	for limit := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if w.count(unresting) == 0 && w.count("SELECT count(*) FROM effects WHERE state = 1") == 0 {
			break
		}
		if time.Now().After(limit) {
			for _, o := range w.orders() {
				if !resting(o) {
					w.t.Logf("not at rest: %s %s payment %v, version %d", o.Id, o.Status, o.Payment, o.Version)
				}
			}
			w.t.Fatalf("%d orders and %d effects do not come to an end", w.count(unresting),
				w.count("SELECT count(*) FROM effects WHERE state = 1"))
		}
	}
	return w.orders()
}

// checkBooks waits until everything is at rest and compares the orders with what the gateway has done: each order's money was
// taken at most once, given back at most once, and nothing is held any more. It answers the orders.
func (w *world) checkBooks() []*omsv1.Order {
	w.t.Helper()
	orders := w.rest()
	w.checkMoney(orders)
	if letters := w.count("SELECT count(*) FROM dead_letters WHERE replayed_at" + w.micro() + " IS NULL"); letters != 0 {
		w.t.Errorf("%d dead letters", letters)
	}
	w.verify()
	return orders
}

// micro ends the names of columns that hold times.
func (w *world) micro() string {
	if w.kind == onSQLite {
		return "_us"
	}
	return ""
}

func (w *world) checkMoney(orders []*omsv1.Order) {
	w.t.Helper()
	totals, err := gateway.ReadTotals(w.journal)
	if err != nil {
		w.t.Fatal(err)
	}
	byOrder := map[string]gateway.Total{}
	for _, total := range totals {
		if _, twice := byOrder[total.OrderID]; twice {
			w.t.Errorf("%s has two payments", total.OrderID)
		}
		byOrder[total.OrderID] = total
	}
	for _, o := range orders {
		total := byOrder[o.Id]
		delete(byOrder, o.Id)
		p := o.GetPayment()
		if total.Captures > 1 || total.CapturedMinor != p.GetCapturedMinor() || total.RefundedMinor != p.GetRefundedMinor() ||
			total.LeftMinor() != 0 || total.RefundedMinor > total.CapturedMinor {
			w.t.Errorf("order %v, the gateway did %+v", o, total)
		}
		if (o.Status == confirmed || o.Status == refunded) && total.CapturedMinor != o.Amount.AmountMinor {
			w.t.Errorf("%s of %d is %v, the gateway took %d", o.Id, o.Amount.AmountMinor, o.Status, total.CapturedMinor)
		}
		if o.Status == canceled && total.CapturedMinor != 0 {
			w.t.Errorf("%s is CANCELED, the gateway took %d", o.Id, total.CapturedMinor)
		}
	}
	for orderID := range byOrder {
		w.t.Errorf("the gateway knows %s, which is no order", orderID)
	}
}

// statuses counts orders by status.
func statuses(orders []*omsv1.Order) map[omsv1.OrderStatus]int {
	counts := map[omsv1.OrderStatus]int{}
	for _, o := range orders {
		counts[o.Status]++
	}
	return counts
}

// answer is what REST answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// http calls the REST dialect.
func (s *server) http(t testing.TB, method, path, key, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), method, "http://"+s.api+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// raw is a codec that hands the bytes of an answer over as they came.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) ([]byte, error) {
	b, is := v.(*[]byte)
	if !is {
		return nil, fmt.Errorf("%T is not bytes", v)
	}
	return *b, nil
}

func (raw) Unmarshal(data []byte, v any) error {
	b, is := v.(*[]byte)
	if !is {
		return fmt.Errorf("%T is not bytes", v)
	}
	*b = append([]byte{}, data...)
	return nil
}

// invoke calls a method with bytes and answers bytes and headers.
func (s *server) invoke(ctx context.Context, method string, request []byte) ([]byte, metadata.MD, error) {
	var (
		response []byte
		header   metadata.MD
	)
	err := s.public.Invoke(ctx, method, &request, &response, grpc.ForceCodec(raw{}), grpc.Header(&header))
	return response, header, err
}
