package nats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/bus/nats"
)

func outlet(t testing.TB, b *nats.Bus, region string, bytes int64) *nats.Public {
	t.Helper()
	p, err := b.Public(nats.PublicOptions{Stream: "OMS_EVENTS", Region: region, MaxBytes: bytes, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func messages(first, last int64) (all []bus.Message) {
	for position := first; position <= last; position++ {
		all = append(all, bus.Message{
			EventID: fmt.Sprintf("event:%d", position), Tenant: "acme", Type: "order.created", Position: position, Body: make([]byte, 300),
		})
	}
	return all
}

// end checks what the stream's end says.
func end(t testing.TB, p *nats.Public, want bus.End) {
	t.Helper()
	if got, err := p.End(context.Background()); err != nil || got != want {
		t.Fatalf("end %+v, %v; want %+v", got, err, want)
	}
}

func TestPublicSend(t *testing.T) {
	p := outlet(t, open(t, t.TempDir()), "eu", 8<<20)
	ctx := context.Background()
	end(t, p, bus.End{Empty: true})
	sequence, err := p.Send(ctx, "e", messages(1, 2000), 0)
	if err != nil || sequence != 2000 {
		t.Fatal(sequence, err)
	}
	end(t, p, bus.End{Position: 2000, EventID: "event:2000", Sequence: 2000})
	// What the stream has had is a surprise while everything is new, and taken for stored where one begins.
	if _, err := p.Send(ctx, "e", messages(1990, 2300), sequence); !errors.Is(err, bus.ErrConflict) {
		t.Fatal(err)
	}
	at, err := p.End(ctx)
	if err != nil || at.Position < 2000 || at.Position != int64(at.Sequence) {
		t.Fatal(at, err)
	}
	if sequence, err = p.Send(ctx, "e", messages(1990, 2310), at.Sequence); err != nil || sequence != 2310 {
		t.Fatal(sequence, err)
	}
	end(t, p, bus.End{Position: 2310, EventID: "event:2310", Sequence: 2310})
	for _, wrong := range []uint64{0, 2300, 2309, 2311} {
		if _, err := p.Send(ctx, "e", messages(3000, 3100), wrong); !errors.Is(err, bus.ErrConflict) {
			t.Errorf("behind %d: %v", wrong, err)
		}
	}
	end(t, p, bus.End{Position: 2310, EventID: "event:2310", Sequence: 2310})
}

// The stream keeps within its limits and goes on; another region joins it; another database does not.
func TestPublicStreamIsOneDatabases(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	p := outlet(t, b, "eu", 1<<20)
	end(t, p, bus.End{Empty: true})
	if _, err := p.Send(context.Background(), "e", messages(1, 5000), 0); err != nil {
		t.Fatal(err)
	}
	end(t, p, bus.End{Position: 5000, EventID: "event:5000", Sequence: 5000})
	moved := outlet(t, b, "us", 2<<20)
	end(t, moved, bus.End{Position: 5000, EventID: "event:5000", Sequence: 5000})
	if _, err := moved.Send(context.Background(), "e", messages(5001, 5002), 5000); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Database = "another"
	b, err := nats.Embedded(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if _, err := outlet(t, b, "eu", 1<<20).End(context.Background()); err == nil {
		t.Error("another database's stream is taken")
	}
}

func TestPublicSubject(t *testing.T) {
	p := outlet(t, open(t, t.TempDir()), "eu", 1<<20)
	seen := map[string]string{}
	for tenant, want := range map[string]string{
		"acme": "acme", "a.b": "a%2Eb", "a b": "a%20b", "*": "%2A", ">": "%3E", "a%2Eb": "a%252Eb", "brand:7_x~": "brand:7_x~", "é": "%C3%A9",
	} {
		got := p.Subject(tenant, "order.status_changed")
		if got != "oms."+want+".eu.order.status_changed" {
			t.Errorf("%q: %s", tenant, got)
		}
		if other := seen[got]; other != "" {
			t.Errorf("%q and %q share a subject", tenant, other)
		}
		seen[got] = tenant
	}
}
