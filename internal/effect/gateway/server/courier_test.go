package server

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"golang.org/x/sync/semaphore"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Callbacks that nobody takes neither pile up nor are sent for ever.
func TestCallbacksAreBounded(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	nobody := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer nobody.Close()
	c, err := newCourier(nobody.URL+"/webhooks/remote", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if !c.waiting.TryAcquire(mostWaiting) || c.waiting.TryAcquire(1) {
		t.Errorf("%d may wait, and no more", mostWaiting)
	}
	c.again = retrypolicy.NewBuilder[any]().WithDelay(time.Millisecond).WithMaxRetries(-1).WithMaxDuration(20 * time.Millisecond).Build()
	c.waiting = semaphore.NewWeighted(2)
	told := gateway.Answer{Status: gateway.Succeeded}
	if !c.waiting.TryAcquire(2) {
		t.Fatal("there is room for two")
	}
	if err := c.send(t.Context(), "t", "k", told); !errors.Is(err, errFull) {
		t.Errorf("one too many: %v", err)
	}
	c.waiting.Release(2)
	if err := c.send(t.Context(), "t", "k", told); err != nil {
		t.Errorf("one that has room: %v", err)
	}
	c.group.Wait() // it gives up
	if sent.Load() == 0 || !c.waiting.TryAcquire(2) {
		t.Errorf("it was sent %d times, and must leave its room", sent.Load())
	}
}
