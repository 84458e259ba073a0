package restapi_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

var createBody = []byte(`{"customer_id":"customer-4711","currency":"EUR","items":[` +
	`{"sku":"MUG-RED","qty":2,"price":{"currency":"EUR","amount_minor":1250}},` +
	`{"sku":"TEA-500","qty":1,"price":{"currency":"EUR","amount_minor":990}}],"client_reference":"web-2026-000123"}`)

// accept is a service that answers at once, so that only the edge is measured.
func accept(_ context.Context, r *omsv1.CreateOrderRequest) (*omsv1.CreateOrderResponse, error) {
	now := timestamppb.Now()
	return &omsv1.CreateOrderResponse{Order: &omsv1.Order{
		Id: orderID, CustomerId: r.GetCustomerId(), Status: omsv1.OrderStatus_ORDER_STATUS_PENDING, Items: r.GetItems(),
		Amount: &omsv1.Money{Currency: "EUR", AmountMinor: 3490}, Version: 1, CreatedAt: now, UpdatedAt: now, ExpiresAt: now,
	}}, nil
}

type quiet struct{ header http.Header }

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) Write(b []byte) (int, error) { return len(b), nil }
func (q *quiet) WriteHeader(int)             {}

// BenchmarkHandler is the handler alone, without a connection.
func BenchmarkHandler(b *testing.B) {
	s := serveFor(b)
	r := httptest.NewRequest(http.MethodPost, "/v1/orders", http.NoBody)
	r.Header.Set("Content-Type", "application/json")
	body := bytes.NewReader(nil)
	r.Body = io.NopCloser(body)
	r.ContentLength = int64(len(createBody))
	w := &quiet{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(createBody)
		s.ServeHTTP(w, r)
	}
}

// BenchmarkREST and BenchmarkGRPC are the two dialects over the loopback, client and server on the same cores.
func BenchmarkREST(b *testing.B) {
	server := httptest.NewServer(serveFor(b))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+"/v1/orders", bytes.NewReader(createBody))
			if err != nil {
				b.Error(err)
				return
			}
			r.Header["Content-Type"] = []string{"application/json"}
			r.Header["Idempotency-Key"] = []string{"k"}
			response, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusCreated {
				b.Error(response.Status)
				return
			}
		}
	})
}

func BenchmarkGRPC(b *testing.B) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	omsv1.RegisterOrderServiceServer(server, &orders{create: accept})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	client := omsv1.NewOrderServiceClient(connection)
	price := func(n int64) *omsv1.Money { return &omsv1.Money{Currency: "EUR", AmountMinor: n} }
	request := &omsv1.CreateOrderRequest{
		CustomerId: "customer-4711", Currency: "EUR", ClientReference: "web-2026-000123",
		Items: []*omsv1.OrderItem{{Sku: "MUG-RED", Qty: 2, Price: price(1250)}, {Sku: "TEA-500", Qty: 1, Price: price(990)}},
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.CreateOrder(context.Background(), request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func serveFor(b *testing.B) *served {
	s := serve(b)
	s.orders.create = accept
	s.chain.forgetful = true
	return s
}
