package app_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// running is a server in the test's process with its clients.
type running struct {
	*app.App
	orders    omsv1.OrderServiceClient
	inventory omsv1.InventoryServiceClient
	config    config.Config
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
	_, public, internal, _ := a.Addresses()
	return &running{App: a, config: c, orders: omsv1.NewOrderServiceClient(dial(t, public)),
		inventory: omsv1.NewInventoryServiceClient(dial(t, internal))}
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
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
	if _, err := server.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: 10}); err != nil {
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
func (r *running) await(t *testing.T, orderID string, status omsv1.OrderStatus) *omsv1.Order {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := r.orders.WatchOrder(ctx, &omsv1.WatchOrderRequest{OrderId: orderID})
	if err != nil {
		t.Fatal(err)
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			t.Fatalf("waiting for %v: %v", status, err)
		}
		t.Log(response.Order.Version, response.Order.Status, response.Order.GetPayment().GetStatus(), response.Order.StatusReason)
		if response.Order.Status == status {
			return response.Order
		}
	}
}
