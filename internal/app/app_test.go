package app_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// running is a server in the test's process with its clients.
type running struct {
	*app.App
	orders     omsv1.OrderServiceClient
	inventory  omsv1.InventoryServiceClient
	payments   omsv1.PaymentServiceClient
	operations omsv1.OperationsServiceClient
	config     config.Config
}

// start runs a server until the test ends.
func start(t *testing.T, change ...func(*config.Config)) *running {
	t.Helper()
	c := config.Default()
	c.Dev, c.DataDir = true, t.TempDir()
	c.APIAddr, c.GRPCAddr, c.InternalAddr, c.OpsAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	for _, f := range change {
		f(&c)
	}
	ctx, stop := context.WithCancel(context.Background())
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelInfo
	}
	a, err := app.New(ctx, c, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for !a.Ready() && ctx.Err() == nil {
		select {
		case err := <-ended:
			ended <- err
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	_, public, internal, _ := a.Addresses()
	inner := dial(t, internal)
	return &running{App: a, config: c, orders: omsv1.NewOrderServiceClient(dial(t, public)),
		inventory: omsv1.NewInventoryServiceClient(inner), payments: omsv1.NewPaymentServiceClient(inner),
		operations: omsv1.NewOperationsServiceClient(inner)}
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(address, append(announcing(t), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// keyed carries an idempotency key.
func keyed(t *testing.T, key string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return metadata.AppendToOutgoingContext(ctx, "idempotency-key", key)
}

func TestOrderToConfirmed(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { orderToConfirmed(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		orderToConfirmed(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

func orderToConfirmed(t *testing.T, server *running) {
	t.Helper()
	if _, err := server.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(10)}); err != nil {
		t.Fatal(err)
	}
	created, err := server.orders.CreateOrder(keyed(t, "create"), &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "A", Qty: 2, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 500}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if created.Order.Status != omsv1.OrderStatus_ORDER_STATUS_PENDING || created.Order.Amount.AmountMinor != 1000 {
		t.Fatalf("created %v", created)
	}
	if _, err := server.orders.PayOrder(keyed(t, "pay"), &omsv1.PayOrderRequest{OrderId: created.Order.Id}); err != nil {
		t.Fatal(err)
	}
	got := server.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	if got.Version != 5 || got.Payment.CapturedMinor != 1000 {
		t.Errorf("confirmed as %v", got)
	}
	stock, err := server.inventory.GetStock(keyed(t, ""), &omsv1.GetStockRequest{Sku: "A"})
	if err != nil || stock.Item.Sold != 2 || stock.Item.OnHand != 8 || stock.Item.Reserved != 0 {
		t.Errorf("stock %v %v", stock, err)
	}
}

// await follows an order until it has the status.
func (r *running) await(t *testing.T, orderID string, wanted omsv1.OrderStatus) *omsv1.Order {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return r.awaitAs(t, ctx, orderID, wanted)
}

// awaitAs is await with the credentials of a context.
func (r *running) awaitAs(t *testing.T, ctx context.Context, orderID string, wanted omsv1.OrderStatus) *omsv1.Order { //nolint:revive // t first
	t.Helper()
	stream, err := r.orders.WatchOrder(ctx, &omsv1.WatchOrderRequest{OrderId: orderID})
	if err != nil {
		t.Fatal(err)
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			t.Fatalf("waiting for %v: %v", wanted, err)
		}
		t.Log(response.Order.Version, response.Order.Status, response.Order.GetPayment().GetStatus(), response.Order.StatusReason)
		if response.Order.Status == wanted {
			return response.Order
		}
	}
}

// Stock of a living order is given back by cancelling it and in no other way: it would be sold twice (requirement O-12).
func TestReleaseByHandNeedsAnEndedOrder(t *testing.T) {
	server := start(t)
	if _, err := server.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(1)}); err != nil {
		t.Fatal(err)
	}
	created, err := server.orders.CreateOrder(keyed(t, "create"), &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "A", Qty: 1, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 500}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
	_, err = server.inventory.Release(keyed(t, "release"), &omsv1.ReleaseRequest{OrderId: created.Order.Id})
	if reason(err) != "ILLEGAL_TRANSITION" {
		t.Errorf("release of a living order: %v", err)
	}
	_, err = server.inventory.Reserve(keyed(t, "reserve"), &omsv1.ReserveRequest{
		OrderId: "order:0198c5a0-0000-7000-8000-000000000001", Items: []*omsv1.ReservationItem{{Sku: "A", Qty: 1}},
	})
	if reason(err) != "NOT_FOUND" {
		t.Errorf("reserve for an order that does not exist: %v", err)
	}
	again, err := server.inventory.Reserve(keyed(t, "again"), &omsv1.ReserveRequest{
		OrderId: created.Order.Id, Items: []*omsv1.ReservationItem{{Sku: "A", Qty: 1}},
	})
	if err != nil || again.Reservation.Status != omsv1.ReservationStatus_RESERVATION_STATUS_HELD {
		t.Errorf("reserve again: %v %v", again, err)
	}
}

// What gRPC itself would refuse without details is refused in our error model, as REST refuses it (ruling R-5).
func TestUnreadableMessagesHaveDetails(t *testing.T) {
	server := start(t)
	_, address, _, _ := server.Addresses()
	connection := dial(t, address)
	for title, test := range map[string]struct {
		method  string
		message []byte
		reason  string
	}{
		"malformed":      {"/oms.v1.OrderService/CreateOrder", []byte{0x0a, 0x7f, 0x00}, "MALFORMED_MESSAGE"},
		"invalid UTF-8":  {"/oms.v1.OrderService/CreateOrder", []byte{0x0a, 0x01, 0xff}, "MALFORMED_MESSAGE"},
		"too large":      {"/oms.v1.OrderService/CreateOrder", make([]byte, 2<<20), "BODY_TOO_LARGE"},
		"unknown method": {"/oms.v1.OrderService/Nothing", nil, "METHOD_NOT_FOUND"},
	} {
		t.Run(title, func(t *testing.T) {
			var answer []byte
			err := connection.Invoke(keyed(t, title), test.method, &test.message, &answer, grpc.ForceCodecV2(rawCodec{}))
			if reason(err) != test.reason {
				t.Errorf("answered %v", err)
			}
		})
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil //nolint:forcetypeassert // ours
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize() //nolint:forcetypeassert // ours
	return nil
}

// reason reads the machine reason of a refusal.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, found := detail.(*errdetails.ErrorInfo); found {
			return info.Reason
		}
	}
	return ""
}
