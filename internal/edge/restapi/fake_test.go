package restapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/restapi"
	"github.com/seed-255eabaa/oms/internal/fault"
)

const (
	uuid    = "0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f"
	orderID = "order:" + uuid
)

// chain is a Chain that lets everything through, and remembers.
type chain struct {
	calls   []*edge.Call
	refused []error
	fault   *fault.Fault // answered in place of the handler

	stranger *fault.Fault // answered in place of being admitted

	forgetful bool // for benchmarks
}

func (c *chain) Unary(ctx context.Context, call *edge.Call, handle func(context.Context) (proto.Message, error)) (proto.Message, error) {
	if c.forgetful {
		return handle(ctx)
	}
	c.calls = append(c.calls, call)
	if call.Unreadable != nil {
		return nil, signed(call.Unreadable)
	}
	if c.fault != nil {
		return nil, c.fault
	}
	call.SetHeader("X-Trace-Id", "trace-1")
	return handle(ctx)
}

func (c *chain) Stream(ctx context.Context, call *edge.Call, handle func(context.Context) error) error {
	c.calls = append(c.calls, call)
	if call.Unreadable != nil {
		return signed(call.Unreadable)
	}
	if c.fault != nil {
		return c.fault
	}
	return handle(ctx)
}

func (c *chain) Refuse(_ context.Context, _ *edge.Call, err error) error {
	c.refused = append(c.refused, err)
	return signed(err)
}

func (c *chain) Admit(ctx context.Context, _ *edge.Call) (context.Context, error) {
	if c.stranger != nil {
		return ctx, c.stranger
	}
	return ctx, nil
}

func signed(err error) *fault.Fault {
	f := *fault.From(err)
	f.TraceID = "trace-2"
	return &f
}

// orders is an OrderService of functions.
type orders struct {
	omsv1.UnimplementedOrderServiceServer

	create func(context.Context, *omsv1.CreateOrderRequest) (*omsv1.CreateOrderResponse, error)
	list   func(*omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error)
	watch  func(context.Context, *omsv1.WatchOrderRequest, func(version int64) error) error
	follow func(*omsv1.WatchOrdersRequest, func(*omsv1.WatchOrdersResponse) error) error
}

func (o *orders) CreateOrder(ctx context.Context, r *omsv1.CreateOrderRequest) (*omsv1.CreateOrderResponse, error) {
	return o.create(ctx, r)
}

func (o *orders) GetOrder(_ context.Context, r *omsv1.GetOrderRequest) (*omsv1.GetOrderResponse, error) {
	return &omsv1.GetOrderResponse{Order: &omsv1.Order{Id: r.GetOrderId()}}, nil
}

func (o *orders) PayOrder(_ context.Context, r *omsv1.PayOrderRequest) (*omsv1.PayOrderResponse, error) {
	return &omsv1.PayOrderResponse{Order: &omsv1.Order{Id: r.GetOrderId(), StatusDetail: r.GetPaymentToken()}}, nil
}

func (o *orders) ListOrders(_ context.Context, r *omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error) {
	return o.list(r)
}

func (o *orders) WatchOrder(r *omsv1.WatchOrderRequest, s grpc.ServerStreamingServer[omsv1.WatchOrderResponse]) error {
	return o.watch(s.Context(), r, func(version int64) error {
		return s.Send(&omsv1.WatchOrderResponse{Order: &omsv1.Order{Id: r.GetOrderId(), Version: version}})
	})
}

func (o *orders) WatchOrders(r *omsv1.WatchOrdersRequest, s grpc.ServerStreamingServer[omsv1.WatchOrdersResponse]) error {
	return o.follow(r, s.Send)
}

// served is a handler with its fakes.
type served struct {
	*restapi.Handler
	chain  *chain
	orders *orders
}

func serve(t testing.TB, change ...func(*restapi.Options)) *served {
	t.Helper()
	s := &served{chain: &chain{}, orders: &orders{}}
	options := restapi.Options{
		Chain: s.chain,
		Routes: slices.Concat(omsv1.OrderServiceRoutes(s.orders), omsv1.InventoryServiceRoutes(omsv1.UnimplementedInventoryServiceServer{}),
			omsv1.CatalogueServiceRoutes(omsv1.UnimplementedCatalogueServiceServer{}),
			omsv1.NotificationServiceRoutes(omsv1.UnimplementedNotificationServiceServer{}), omsv1.LedgerServiceRoutes(omsv1.UnimplementedLedgerServiceServer{})),
		Log: slog.New(slog.DiscardHandler), Heartbeat: time.Hour,
	}
	for _, c := range change {
		c(&options)
	}
	h, err := restapi.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = h
	return s
}

// do sends a request; headers are "Name: value".
func (s *served) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// listen serves on the loopback, for what a recorder cannot show.
func (s *served) listen(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

// answer is what a client sees; its body is closed when the test ends.
type answer struct {
	status int
	header http.Header
	body   io.Reader
	leave  func() // closes the connection
}

// request sends a request over a connection.
func request(t *testing.T, method, url string, body io.Reader, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return answer{response.StatusCode, response.Header, response.Body, func() { _ = response.Body.Close() }}
}

func get(t *testing.T, url string, headers ...string) answer {
	t.Helper()
	return request(t, http.MethodGet, url, http.NoBody, headers...)
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
