package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/id"
)

// clientsPerConnection is how many clients share a connection, as the goroutines of a service do.
const clientsPerConnection = 64

// client is the load's side of one server process.
type client struct {
	orders    []omsv1.OrderServiceClient
	inventory omsv1.InventoryServiceClient
	bets      []providerv1.BetServiceClient
	players   providerv1.PlayerServiceClient
	sessions  providerv1.SessionServiceClient
	deposits  providerv1.PaymentServiceClient
	http      *http.Client
	api       string
	closers   []io.Closer

	mu      sync.Mutex
	waiters map[string]*waiter
}

// waiter waits for an order's status; the change may come before it is asked for.
type waiter struct {
	status omsv1.OrderStatus
	wanted omsv1.OrderStatus
	done   chan struct{}
}

func dial(s *server, clients int) (*client, error) {
	c := &client{
		api: "http://" + s.api, waiters: map[string]*waiter{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, MaxIdleConns: clients}},
	}
	for range 1 + (clients-1)/clientsPerConnection {
		connection, err := c.connect(s.grpc)
		if err != nil {
			return nil, err
		}
		c.orders = append(c.orders, omsv1.NewOrderServiceClient(connection))
		c.bets = append(c.bets, providerv1.NewBetServiceClient(connection))
		c.players, c.sessions = providerv1.NewPlayerServiceClient(connection), providerv1.NewSessionServiceClient(connection)
		c.deposits = providerv1.NewPaymentServiceClient(connection)
	}
	connection, err := c.connect(s.inner)
	if err != nil {
		return nil, err
	}
	c.inventory = omsv1.NewInventoryServiceClient(connection)
	return c, nil
}

func (c *client) connect(address string) (*grpc.ClientConn, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	c.closers = append(c.closers, connection)
	return connection, nil
}

func (c *client) close() {
	for _, closer := range c.closers {
		_ = closer.Close()
	}
	c.http.CloseIdleConnections()
}

// follow reads the feed of all orders and wakes who waits for them, until the context ends.
func (c *client) follow(ctx context.Context) (*sync.WaitGroup, error) {
	stream, err := c.orders[0].WatchOrders(ctx, &omsv1.WatchOrdersRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		return nil, fmt.Errorf("follow the orders: %w", err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			message, err := stream.Recv()
			if err != nil {
				return
			}
			c.mu.Lock()
			for _, change := range message.Changes {
				c.see(change)
			}
			c.mu.Unlock()
		}
	})
	return &reading, nil
}

func (c *client) see(change *omsv1.OrderChange) {
	w := c.waiters[change.OrderId]
	if w == nil {
		w = &waiter{}
		c.waiters[change.OrderId] = w
	}
	w.status = max(w.status, change.Status)
	if w.done != nil && w.status >= w.wanted {
		close(w.done)
		delete(c.waiters, change.OrderId)
	}
}

// wait waits until the feed has told of the status or a later one. An order is waited for once.
func (c *client) wait(ctx context.Context, orderID string, status omsv1.OrderStatus) error {
	c.mu.Lock()
	w := c.waiters[orderID]
	if w == nil {
		w = &waiter{}
		c.waiters[orderID] = w
	}
	if w.status >= status { // the change came before its order's answer
		delete(c.waiters, orderID)
		c.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	w.wanted, w.done = status, done
	c.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s did not become %v: %w; it is %s", orderID, status, ctx.Err(), c.tell(orderID))
	}
}

// tell says how an order stands and how it came there.
func (c *client) tell(orderID string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := c.orders[0].GetOrder(ctx, &omsv1.GetOrderRequest{OrderId: orderID})
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%v, payment %v", answer.Order.Status, answer.Order.GetPayment().GetStatus())
	timeline, err := c.orders[0].GetTimeline(ctx, &omsv1.GetTimelineRequest{OrderId: orderID})
	if err != nil {
		return text.String() + ", " + err.Error()
	}
	for _, entry := range timeline.Entries {
		fmt.Fprintf(&text, "\n  %s %s %s→%s %s %d", entry.OccurredAt.AsTime().Format(time.StampMicro), entry.Kind, entry.From, entry.To,
			entry.Reason, entry.Attempts)
	}
	return text.String()
}

// keyed carries a fresh idempotency key.
func keyed(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "idempotency-key", key())
}

func key() string {
	var entropy id.Random
	_, _ = rand.Read(entropy[:]) // never fails
	return id.V7(time.Now(), entropy).String()
}

// draft makes an order of two lines; hot puts both on one SKU.
func draft(skus int, hot bool) *omsv1.CreateOrderRequest {
	sku := func() string {
		if hot {
			return "hot"
		}
		return skuName(mathrand.IntN(skus)) //nolint:gosec // load, not secrets
	}
	return &omsv1.CreateOrderRequest{
		CustomerId: "customer-" + strconv.Itoa(mathrand.IntN(50_000)), Currency: "EUR", //nolint:gosec // as above
		Items: []*omsv1.OrderItem{
			{Sku: sku(), Qty: 1, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 1299}},
			{Sku: sku(), Qty: 2, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 450}},
		},
	}
}

func skuName(number int) string { return "sku-" + strconv.Itoa(number) }

// stock fills the shelves with more than the measurement can sell.
func (c *client) stock(ctx context.Context, skus int) error {
	names := make(chan string)
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for range 64 {
		group.Go(func() {
			for name := range names {
				if _, err := c.inventory.SetStock(keyed(ctx), &omsv1.SetStockRequest{Sku: name, OnHand: proto.Int64(1 << 40)}); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	send := func(name string) bool {
		select {
		case names <- name:
			return true
		case err := <-errs:
			errs <- err
			return false
		}
	}
	for number := range skus {
		if !send(skuName(number)) {
			break
		}
	}
	send("hot")
	close(names)
	group.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("stock: %w", err)
	default:
		return nil
	}
}

// post creates an order over REST, as a client without our stubs does.
func (c *client) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.api+"/v1/orders", bytes.NewReader(body))
	if err != nil {
		return err //nolint:wrapcheck // the bench's own
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key())
	response, err := c.http.Do(request)
	if err != nil {
		return err //nolint:wrapcheck // names the address
	}
	defer response.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = errors.New(string(answer))
	}
	return err //nolint:wrapcheck // names the address
}

// jsonOf writes a draft as a client would.
func jsonOf(request *omsv1.CreateOrderRequest) []byte {
	type price struct {
		Currency    string `json:"currency"`
		AmountMinor int64  `json:"amount_minor"`
	}
	type item struct {
		SKU   string `json:"sku"`
		Qty   int32  `json:"qty"`
		Price price  `json:"price"`
	}
	items := make([]item, len(request.Items))
	for i, line := range request.Items {
		items[i] = item{line.Sku, line.Qty, price{line.Price.Currency, line.Price.AmountMinor}}
	}
	body, err := json.Marshal(map[string]any{"customer_id": request.CustomerId, "currency": request.Currency, "items": items})
	if err != nil {
		panic(err)
	}
	return body
}
