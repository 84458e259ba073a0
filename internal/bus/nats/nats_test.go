package nats_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/bus/nats"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

func options() nats.Options {
	return nats.Options{
		Database: "oms_test.db", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Grace: 200 * time.Millisecond,
	}
}

func open(t testing.TB, dir string) *nats.Bus {
	t.Helper()
	b, err := nats.Embedded(dir, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func frame(epoch string, first int64, n int) bus.Frame {
	f := bus.Frame{Epoch: epoch, First: first}
	for i := range n {
		f.Events = append(f.Events, state.Event{
			ID: id.UUID{byte(first), byte(i)}, Tenant: "acme", Type: "order.created", AggregateID: "order:1",
			Payload: make([]byte, 200), Position: first + int64(i),
		})
	}
	return f
}

// publish appends frames of n events each, from first on.
func publish(t testing.TB, b *nats.Bus, first int64, frames, n int) {
	t.Helper()
	tail, err := b.Tail(context.Background(), "e")
	if err != nil {
		t.Fatal(err)
	}
	for range frames {
		if tail.Sequence, err = b.Publish(context.Background(), frame("e", first, n), tail.Sequence); err != nil {
			t.Fatal(err)
		}
		first += int64(n)
	}
}

// follow reads positions after one, until the last is there or following ends.
func follow(b *nats.Bus, after, last int64) (positions []int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	enough := errors.New("enough")
	err = b.Follow(ctx, "e", after, func(f bus.Frame) error {
		for i := range f.Events {
			positions = append(positions, f.Events[i].Position)
			if f.Events[i].Position != f.First+int64(i) {
				return fmt.Errorf("place %d of %d has position %d", i, f.First, f.Events[i].Position)
			}
		}
		if f.Last() >= last {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return positions, err
}

func from(first, last int64) (positions []int64) {
	for p := first; p <= last; p++ {
		positions = append(positions, p)
	}
	return positions
}

func TestFollowFromEveryPosition(t *testing.T) {
	b := open(t, t.TempDir())
	publish(t, b, 1, 20, 3)
	publish(t, b, 61, 7, 1)
	for after := range int64(67) {
		got, err := follow(b, after, 67)
		if err != nil || !slices.Equal(got, from(after+1, 67)) {
			t.Fatalf("after %d: %v: %v", after, err, got)
		}
	}
}

func TestFollowLive(t *testing.T) {
	b := open(t, t.TempDir())
	go func() {
		for i := range int64(50) {
			publish(t, b, 1+2*i, 1, 2)
		}
	}()
	got, err := follow(b, 0, 100)
	if err != nil || !slices.Equal(got, from(1, 100)) {
		t.Fatalf("%v: %v", err, got)
	}
}

func TestGone(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := follow(b, 0, 1); !errors.Is(err, bus.ErrGone) {
		t.Fatalf("no stream: %v", err)
	}
	publish(t, b, 101, 3, 10)
	if _, err := follow(b, 99, 130); !errors.Is(err, bus.ErrGone) {
		t.Fatalf("before the start: %v", err)
	}
	if got, err := follow(b, 100, 130); err != nil || len(got) != 30 {
		t.Fatalf("at the start: %v: %v", err, got)
	}
	started := time.Now()
	if _, err := follow(b, 131, 140); !errors.Is(err, bus.ErrGone) || time.Since(started) < 150*time.Millisecond {
		t.Fatalf("behind the end, after %v: %v", time.Since(started), err)
	}
	publish(t, b, 141, 1, 10) // 131 to 140 are missing
	if got, err := follow(b, 120, 150); !errors.Is(err, bus.ErrGone) || len(got) != 10 {
		t.Fatalf("a gap: %v: %v", err, got)
	}
}

// A stream that is being rebuilt from before the reader's position is skipped up to there.
func TestFollowWaitsForAStreamThatIsRebuilt(t *testing.T) {
	b := open(t, t.TempDir())
	go func() {
		for i := range int64(30) {
			time.Sleep(20 * time.Millisecond) // together longer than the grace
			publish(t, b, 1+10*i, 1, 10)
		}
	}()
	got, err := follow(b, 255, 300)
	if err != nil || !slices.Equal(got, from(256, 300)) {
		t.Fatalf("%v: %v", err, got)
	}
}

func TestEmbeddedKeepsItsStreamAndItsLock(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	publish(t, b, 1, 5, 10)
	if _, err := nats.Embedded(dir, options()); !errors.Is(err, nats.ErrLocked) {
		t.Fatalf("a second server on the same folder: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	tail, err := again.Tail(context.Background(), "e")
	if err != nil || tail.Sequence != 5 || tail.Frame.Last() != 50 {
		t.Fatalf("%v: %+v", err, tail)
	}
	if got, err := follow(again, 7, 50); err != nil || !slices.Equal(got, from(8, 50)) {
		t.Fatalf("%v: %v", err, got)
	}
}

// Database and epoch are kept apart in names, whatever they contain.
func TestEpochsHaveStreamsOfTheirOwn(t *testing.T) {
	b := open(t, t.TempDir())
	ctx := context.Background()
	for _, epoch := range []string{"at5-0a", "9f", "a.b c*>"} {
		if _, err := b.Tail(ctx, epoch); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Publish(ctx, frame(epoch, 1, 1), 0); err != nil {
			t.Fatalf("epoch %q: %v", epoch, err)
		}
	}
}

func TestWakes(t *testing.T) {
	b := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	var woken atomic.Int32
	ended := make(chan error)
	go func() { ended <- b.Wakes(ctx, func() { woken.Add(1) }) }()
	for limit := time.Now().Add(10 * time.Second); woken.Load() == 0; time.Sleep(time.Millisecond) {
		b.Wake()
		if time.Now().After(limit) {
			t.Fatal("not woken")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// What an idle embedded server keeps on the heap, beside everything else of the process.
func TestIdleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b := open(t, t.TempDir())
	publish(t, b, 1, 200, 500)
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := float64(after.HeapAlloc) - float64(before.HeapAlloc)
	t.Logf("heap grown by %.1f MiB, %d goroutines", grown/(1<<20), runtime.NumGoroutine())
	if grown > 40<<20 {
		t.Fatalf("the embedded server keeps %.1f MiB", grown/(1<<20))
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 512} {
		b.Run(fmt.Sprintf("%d events", n), func(b *testing.B) {
			transport := open(b, b.TempDir())
			tail, err := transport.Tail(context.Background(), "e")
			if err != nil {
				b.Fatal(err)
			}
			f := frame("e", 1, n)
			for b.Loop() {
				if tail.Sequence, err = transport.Publish(context.Background(), f, tail.Sequence); err != nil {
					b.Fatal(err)
				}
				f.First += int64(n)
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
