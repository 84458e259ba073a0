package app_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// receiver is a collector's OTLP receiver that keeps what it gets.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mutex sync.Mutex
	spans []*otlp.Span
}

// Export implements the OTLP trace service.
func (r *receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// received answers the spans by their ids.
func (r *receiver) received() map[string]*otlp.Span {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	all := map[string]*otlp.Span{}
	for _, span := range r.spans {
		all[string(span.SpanId)] = span
	}
	return all
}

// startReceiver serves OTLP over gRPC until the test ends, and answers its URL.
func startReceiver(t *testing.T) (*receiver, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r, server := &receiver{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return r, "http://" + listener.Addr().String()
}

// path tells what a span follows from, from the top of its trace down.
func path(all map[string]*otlp.Span, span *otlp.Span) string {
	names := span.Name
	for parent := all[string(span.ParentSpanId)]; parent != nil; parent = all[string(parent.ParentSpanId)] {
		names = parent.Name + " > " + names
	}
	return names
}

// The trace of an order tells what followed from what, through the database, the bus and the gateway.
func TestTraceOfAnOrder(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { traceOfAnOrder(t) })
	t.Run("postgres", func(t *testing.T) {
		traceOfAnOrder(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) })
	})
}

func traceOfAnOrder(t *testing.T, change ...func(*config.Config)) {
	t.Helper()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds
	got, url := startReceiver(t)
	server := start(t, append(change, func(c *config.Config) { c.OTLPEndpoint, c.TraceShare = url, 1 })...)
	if _, err := server.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(10)}); err != nil {
		t.Fatal(err)
	}
	const create, pay = "0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"
	traced := func(key, trace string) context.Context {
		return metadata.AppendToOutgoingContext(keyed(t, key), "traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	}
	created, err := server.orders.CreateOrder(traced("create", create), &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "A", Qty: 2, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 500}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
	if _, err := server.orders.PayOrder(traced("pay", pay), &omsv1.PayOrderRequest{OrderId: created.Order.Id}); err != nil {
		t.Fatal(err)
	}
	server.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	const hold = "/oms.v1.OrderService/PayOrder > command /oms.v1.OrderService/PayOrder > commit > effect gateway.hold"
	const capture = hold + " > callback gateway.hold > command flow/settle > commit > effect gateway.capture"
	wanted := map[string]string{ // paths to the ids of their traces
		"/oms.v1.OrderService/CreateOrder > command /oms.v1.OrderService/CreateOrder > commit > event order.status_changed > " +
			"flow/reserve > command flow/reserve > commit > event order.status_changed": create,
		hold + " > gateway.hold":       pay,
		capture + " > gateway.capture": pay,
		capture + " > callback gateway.capture > command flow/settle > commit > event order.status_changed": pay,
	}
	missing := func() (paths []string, all map[string]*otlp.Span) {
		all = got.received()
		found := map[string]string{}
		for _, span := range all {
			found[path(all, span)] = hex.EncodeToString(span.TraceId)
		}
		for want, trace := range wanted {
			if found[want] != trace {
				paths = append(paths, want)
			}
		}
		return append(paths, unlinked(all)...), all
	}
	left, all := missing()
	for limit := time.Now().Add(30 * time.Second); len(left) > 0 && time.Now().Before(limit); left, all = missing() {
		time.Sleep(20 * time.Millisecond)
	}
	if len(left) > 0 {
		for _, span := range all {
			t.Logf("%x %s", span.TraceId, path(all, span))
		}
		t.Fatalf("no\n%s", strings.Join(left, "\n"))
	}
}

// unlinked tells of commits that are not linked to their batch, in a trace of its own, or that their batch is not linked to.
func unlinked(all map[string]*otlp.Span) (found []string) {
	for _, commit := range all {
		if commit.Name != "commit" {
			continue
		}
		back := false
		for _, link := range commit.Links {
			batch := all[string(link.SpanId)]
			for _, member := range batch.GetLinks() {
				back = back || batch.Name == "batch" && bytes.Equal(member.SpanId, commit.ParentSpanId) &&
					!bytes.Equal(batch.TraceId, commit.TraceId)
			}
		}
		if !back {
			found = append(found, "link between batch and "+path(all, commit))
		}
	}
	return found
}
