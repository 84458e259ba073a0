package bus_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// frame makes a frame of n events as the relay has them.
func frame(n int) bus.Frame {
	f := bus.Frame{Epoch: "0-8f14e45fceea167a", First: 1_000_001}
	at := time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)
	batch := id.V7(at, id.Random{1, 2, 3})
	for i := range n {
		f.Events = append(f.Events, state.Event{
			ID: batch.Member(i), Tenant: "acme", AggregateKind: state.KindOrder,
			AggregateID: id.New("order", at, id.Random{byte(i), byte(i >> 8)}), Seq: int64(i%5) + 1, Type: "order.status_changed",
			At: at, TraceID: strings.Repeat("a1", 16), IdempotencyKey: fmt.Sprintf("key-%d", i), SchemaVersion: "1.0",
			Payload: bytes.Repeat([]byte{byte(i)}, 400), Position: f.First + int64(i),
		})
	}
	return f
}

func TestFrameRoundTrip(t *testing.T) {
	text := rapid.StringN(0, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		want := bus.Frame{
			Epoch: rapid.StringN(1, 20, -1).Draw(t, "epoch"),
			First: rapid.Int64Range(1, 1<<62).Draw(t, "first"),
		}
		size := 0
		for i := range rapid.IntRange(1, 20).Draw(t, "events") {
			e := state.Event{
				Tenant: text.Draw(t, "tenant"), AggregateKind: state.Kind(rapid.Byte().Draw(t, "kind")),
				AggregateID: text.Draw(t, "aggregate"), Seq: rapid.Int64().Draw(t, "seq"), Type: text.Draw(t, "type"),
				TraceID: text.Draw(t, "trace"), IdempotencyKey: text.Draw(t, "key"), SchemaVersion: text.Draw(t, "schema"),
				Payload:  rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload"),
				Position: want.First + int64(i),
			}
			copy(e.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			if rapid.Bool().Draw(t, "has time") {
				e.At = time.Unix(0, rapid.Int64().Draw(t, "at")).UTC()
			}
			size += bus.Size(&e)
			want.Events = append(want.Events, e)
		}
		data := bus.AppendFrame(nil, want)
		got, err := bus.DecodeFrame(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
		if rest := len(data) - size; rest < 0 || rest > 140 {
			t.Fatalf("Size counts %d of %d bytes", size, len(data))
		}
	})
}

// A newer process may write fields that this one does not know.
func TestFrameSkipsUnknownFields(t *testing.T) {
	want := frame(2)
	data := protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "new")
	data = bus.AppendFrame(data, want)
	data = protowire.AppendVarint(protowire.AppendTag(data, 98, protowire.VarintType), 7)
	got, err := bus.DecodeFrame(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v: got %+v", err, got)
	}
}

func TestFrameRefusesEveryTruncation(t *testing.T) {
	f := frame(2)
	data := bus.AppendFrame(nil, f)
	for n := range data {
		got, err := bus.DecodeFrame(data[:n])
		if err == nil && len(got.Events) == len(f.Events) {
			t.Fatalf("%d of %d bytes were read as a whole frame", n, len(data))
		}
		if err != nil && !errors.Is(err, bus.ErrFrame) {
			t.Fatal(err)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(bus.AppendFrame(nil, frame(1)))
	f.Add(bus.AppendFrame(nil, frame(3)))
	f.Add([]byte{0x18, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := bus.DecodeFrame(data)
		if err != nil {
			return
		}
		again, err := bus.DecodeFrame(bus.AppendFrame(nil, got))
		if err != nil {
			t.Fatalf("what was read could not be written and read again: %v", err)
		}
		for i := range got.Events {
			if len(got.Events[i].Payload) == 0 {
				got.Events[i].Payload, again.Events[i].Payload = nil, nil
			}
		}
		if !reflect.DeepEqual(got, again) {
			t.Fatalf("%+v became %+v", got, again)
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	f := frame(512)
	data := bus.AppendFrame(nil, f)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		buffer := make([]byte, 0, len(data))
		for b.Loop() {
			buffer = bus.AppendFrame(buffer[:0], f)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(f.Events)), "ns/event")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bus.DecodeFrame(data); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(f.Events)), "ns/event")
	})
}
