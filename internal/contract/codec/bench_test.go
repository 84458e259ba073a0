package codec_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
)

// order is a typical order of three lines.
func order() *omsv1.Order {
	price := func(n int64) *omsv1.Money { return &omsv1.Money{Currency: "EUR", AmountMinor: n} }
	now := &timestamppb.Timestamp{Seconds: 1_769_860_800, Nanos: 123_456_000}
	return &omsv1.Order{
		Id: "order:0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f", CustomerId: "customer-4711", Status: omsv1.OrderStatus_ORDER_STATUS_PENDING,
		Amount: price(6790), Version: 1, CreatedAt: now, UpdatedAt: now, ExpiresAt: now, ClientReference: "web-2026-000123",
		Items: []*omsv1.OrderItem{
			{Sku: "MUG-RED", Qty: 2, Price: price(1250)}, {Sku: "MUG-BLUE", Qty: 1, Price: price(1290)}, {Sku: "TEA-500", Qty: 4, Price: price(750)},
		},
		Metadata: map[string]string{"channel": "web"},
	}
}

func BenchmarkEncodeOrder(b *testing.B) {
	m, buf := order(), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodeOrder(b *testing.B) {
	text := order().AppendJSON(nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if wrong := codec.Unmarshal(text, new(omsv1.Order)); wrong != nil {
			b.Fatal(wrong)
		}
	}
}

func BenchmarkDecodeCreateOrder(b *testing.B) {
	o := order()
	text := (&omsv1.CreateOrderRequest{CustomerId: o.GetCustomerId(), Currency: "EUR", Items: o.GetItems()}).AppendJSON(nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if wrong := codec.Unmarshal(text, new(omsv1.CreateOrderRequest)); wrong != nil {
			b.Fatal(wrong)
		}
	}
}

func BenchmarkReferenceEncodeOrder(b *testing.B) {
	m := order()
	for b.Loop() {
		if _, err := protojson.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReferenceDecodeOrder(b *testing.B) {
	text := order().AppendJSON(nil)
	for b.Loop() {
		if err := protojson.Unmarshal(text, new(omsv1.Order)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReferenceProtobufDecodeOrder(b *testing.B) {
	wire, _ := proto.Marshal(order())
	for b.Loop() {
		if err := proto.Unmarshal(wire, new(omsv1.Order)); err != nil {
			b.Fatal(err)
		}
	}
}
