package app_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// Each money command can be tried: it is answered or refused as it would be, the answer says so, and nothing is there afterwards
// (requirement X-6).
func TestDryRun(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { dryRun(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		dryRun(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

func dryRun(t *testing.T, server *running) {
	t.Helper()
	server.hasTen(t)
	lines := []*omsv1.OrderItem{{Sku: "A", Qty: 2, Price: euro(500)}}
	keys := 0
	// try sends a request that is tried only, twice under one key, and answers the order of the second.
	try := func(want string, call func(ctx context.Context, option grpc.CallOption) (*omsv1.Order, error)) *omsv1.Order {
		t.Helper()
		keys++
		var answer *omsv1.Order
		for range 2 {
			var header metadata.MD
			var err error
			answer, err = call(keyed(t, fmt.Sprint("try", keys)), grpc.Header(&header))
			if reason(err) != want || len(header.Get("oms-dry-run")) != 1 || len(header.Get("idempotent-replayed")) != 0 {
				t.Errorf("try %d: %v, headers %v", keys, err, header)
			}
		}
		return answer
	}
	pay := func(id string, dry bool, version int64) *omsv1.PayOrderRequest {
		return &omsv1.PayOrderRequest{OrderId: id, DryRun: dry, ExpectedVersion: version}
	}

	draft := try("", func(ctx context.Context, o grpc.CallOption) (*omsv1.Order, error) {
		a, err := server.orders.CreateOrder(ctx, &omsv1.CreateOrderRequest{CustomerId: "c", Currency: "EUR", Items: lines, DryRun: true}, o)
		return a.GetOrder(), err
	})
	if draft.GetAmount().GetAmountMinor() != 1000 || draft.GetStatus() != omsv1.OrderStatus_ORDER_STATUS_PENDING {
		t.Errorf("tried to create %v", draft)
	}
	if list, err := server.orders.ListOrders(keyed(t, ""), &omsv1.ListOrdersRequest{}); err != nil || len(list.Orders) != 0 {
		t.Errorf("after trying there are %v %v", list, err)
	}
	// The key of what was tried is free.
	created, err := server.orders.CreateOrder(keyed(t, "try1"), &omsv1.CreateOrderRequest{CustomerId: "c", Currency: "EUR", Items: lines})
	if err != nil {
		t.Fatal(err)
	}
	id := created.Order.Id
	server.await(t, id, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
	paying := try("", func(ctx context.Context, o grpc.CallOption) (*omsv1.Order, error) {
		a, err := server.orders.PayOrder(ctx, pay(id, true, 0), o)
		return a.GetOrder(), err
	})
	if paying.GetPayment().GetStatus() != omsv1.PaymentStatus_PAYMENT_STATUS_PROCESSING || paying.GetVersion() != 3 {
		t.Errorf("tried to pay %v", paying)
	}
	try("VERSION_CONFLICT", func(ctx context.Context, o grpc.CallOption) (*omsv1.Order, error) {
		a, err := server.orders.PayOrder(ctx, pay(id, true, 9), o)
		return a.GetOrder(), err
	})
	try("ILLEGAL_TRANSITION", func(ctx context.Context, o grpc.CallOption) (*omsv1.Order, error) {
		a, err := server.orders.RefundOrder(ctx, &omsv1.RefundOrderRequest{OrderId: id, DryRun: true}, o)
		return a.GetOrder(), err
	})
	canceled := try("", func(ctx context.Context, o grpc.CallOption) (*omsv1.Order, error) {
		a, err := server.orders.CancelOrder(ctx, &omsv1.CancelOrderRequest{OrderId: id, DryRun: true}, o)
		return a.GetOrder(), err
	})
	if canceled.GetStatus() != omsv1.OrderStatus_ORDER_STATUS_CANCELED {
		t.Errorf("tried to cancel %v", canceled)
	}
	stands, err := server.orders.GetOrder(keyed(t, ""), &omsv1.GetOrderRequest{OrderId: id})
	if err != nil || stands.Order.Version != 2 || stands.Order.Status != omsv1.OrderStatus_ORDER_STATUS_RESERVED {
		t.Errorf("after trying it is %v %v", stands, err)
	}
	if _, err := server.orders.PayOrder(keyed(t, "pay"), pay(id, false, 2)); err != nil {
		t.Fatal(err)
	}
	confirmed := server.await(t, id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	refunding := try("", func(ctx context.Context, o grpc.CallOption) (*omsv1.Order, error) {
		a, err := server.orders.RefundOrder(ctx, &omsv1.RefundOrderRequest{OrderId: id, DryRun: true, Amount: euro(300)}, o)
		return a.GetOrder(), err
	})
	if refunding.GetVersion() != confirmed.Version+1 {
		t.Errorf("tried to refund %v", refunding)
	}
	stands, err = server.orders.GetOrder(keyed(t, ""), &omsv1.GetOrderRequest{OrderId: id})
	if err != nil || !proto.Equal(stands.Order, confirmed) {
		t.Errorf("after trying to refund it is %v %v", stands, err)
	}
	if stock, err := server.inventory.GetStock(keyed(t, ""), &omsv1.GetStockRequest{Sku: "A"}); err != nil || stock.Item.Sold != 2 {
		t.Errorf("stock %v %v", stock, err)
	}
}
