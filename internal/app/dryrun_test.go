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

// The commands of bets can be tried too, and leave neither money nor tombstone nor key.
func TestDryRunOfBets(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { dryRunOfBets(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		dryRunOfBets(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

func dryRunOfBets(t *testing.T, server *running) {
	t.Helper()
	server.plays(t, "POST", "/v1/players", `{"player_id":"p_19f3","currency":"EUR","locale":"de-DE"}`, 201, "")
	server.fund(t, "default", "p_19f3", 1000)
	server.plays(t, "POST", "/v1/sessions", `{"session_id":"s_456",`+seedSession[1:], 201, "")
	tried := func(path, body string, wantCode int, want string) {
		t.Helper()
		server.plays(t, "POST", path, `{"dry_run":true,`+body[1:], wantCode, want)
	}
	const authorize, settle, rollback = "/v1/bets/authorize", "/v1/bets/settle", "/v1/bets/rollback"
	back := `{"bet_id":"b_001","round_id":"r_8c12"}`
	tried(rollback, back, 200, `"applied":false`)
	tried(authorize, seedBet, 200, `{"status":"authorized","hold_id":"hold:studio/b_001"}`)
	tried(settle, seedSettlement, 400, `"INVALID_STATE"`)
	server.plays(t, "GET", "/v1/bets/b_001", "", 404, `"NOT_FOUND"`)
	server.plays(t, "GET", "/v1/rounds/r_8c12", "", 404, `"NOT_FOUND"`)
	server.plays(t, "GET", "/v1/players/p_19f3/balances", "", 200, `"available":{"amount":10.00,"currency":"EUR"},"held":{"amount":0.00`)
	// The key of what was tried is free, and the bet was neither taken nor refused.
	code, text := server.http(t, "POST", authorize, `{"dry_run":true,`+seedBet[1:], append([]string{"Content-Type: application/json"}, fromStudio...)...)
	again, stored := server.http(t, "POST", authorize, seedBet, append([]string{"Content-Type: application/json"}, fromStudio...)...)
	if code != 200 || again != 200 || text != stored {
		t.Errorf("tried %d %s, then done %d %s", code, text, again, stored)
	}
	tried(rollback, back, 200, `"applied":true`)
	tried(settle, seedSettlement, 200, `"status":"credited"`)
	server.plays(t, "GET", "/v1/bets/b_001", "", 200, `"status":"authorized"`)
	server.plays(t, "GET", "/v1/settlements", "", 200, `"settlements":[]`)
	server.plays(t, "GET", "/v1/players/p_19f3/balances", "", 200, `"available":{"amount":8.00,"currency":"EUR"},"held":{"amount":2.00`)
}
