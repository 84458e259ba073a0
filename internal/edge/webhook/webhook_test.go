package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// plain reads a body as the key of a call that has succeeded; "forged" is what it says.
type plain struct{}

func (plain) Receive(_ http.Header, body []byte, _ time.Time) ([]gateway.Outcome, error) {
	switch string(body) {
	case "forged":
		return nil, gateway.ErrForged
	case "garbage":
		return nil, errors.New("what is this")
	case "":
		return nil, nil
	}
	return []gateway.Outcome{{Tenant: "t", Key: string(body), Answer: gateway.Answer{Status: gateway.Succeeded}}}, nil
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	var taken []string
	failing := false
	h := New(Options{Receivers: map[string]gateway.Receiver{"acme": plain{}, "other": plain{}}, BodyLimit: 10, Take: func(_ context.Context, tenant, key string, _ gateway.Answer) error {
		if failing {
			return errors.New("the workers have stopped")
		}
		taken = append(taken, tenant+"/"+key)
		return nil
	}})
	send := func(method, name, id, body string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, Prefix+name, strings.NewReader(body))
		r.Header.Set(HeaderID, id)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	steps := []struct {
		method, name, id, body string
		failing                bool
		want                   int
		taken                  int // in all
	}{
		{method: "POST", name: "nobody", id: "1", body: "a", want: 404},
		{method: "GET", name: "acme", id: "1", body: "a", want: 405},
		{method: "POST", name: "acme", id: "1", body: "forged", want: 401},
		{method: "POST", name: "acme", id: "1", body: "garbage", want: 400},
		{method: "POST", name: "acme", id: "1", body: strings.Repeat("x", 11), want: 413},
		{method: "POST", name: "acme", id: "1", body: "a", failing: true, want: 503},
		{method: "POST", name: "acme", id: "1", body: "a", want: 204, taken: 1}, // what failed was not taken
		{method: "POST", name: "acme", id: "1", body: "a", want: 204, taken: 1}, // a replay
		{method: "POST", name: "acme", id: "1", body: "forged", want: 401, taken: 1},
		{method: "POST", name: "other", id: "1", body: "b", want: 204, taken: 2}, // an id is a gateway's
		{method: "POST", name: "acme", id: "", body: "c", want: 204, taken: 3},
		{method: "POST", name: "acme", id: "", body: "c", want: 204, taken: 4}, // without an id only the state can tell
		{method: "POST", name: "acme", id: "2", body: "", want: 204, taken: 4}, // about something else
	}
	for i, step := range steps {
		failing = step.failing
		if got := send(step.method, step.name, step.id, step.body); got != step.want || len(taken) != step.taken {
			t.Errorf("step %d %+v: %d, taken %v", i, step, got, taken)
		}
	}
	h.options.Take = nil
	if got := send("POST", "acme", "9", "a"); got != http.StatusServiceUnavailable {
		t.Errorf("without workers: %d", got)
	}
}

// disputes tells of a dispute whatever the body says.
type disputes struct{}

func (disputes) Receive(http.Header, []byte, time.Time) ([]gateway.Outcome, error) {
	return []gateway.Outcome{{Dispute: &gateway.Dispute{ID: "dp_1", Provider: "what the body says"}}}, nil
}

// A dispute is answered with 2xx when it is stored, and is of the gateway that was called, whatever it says itself.
func TestDisputesAreStoredFirst(t *testing.T) {
	t.Parallel()
	stored, failing := []gateway.Dispute{}, true
	h := New(Options{
		Receivers: map[string]gateway.Receiver{"acme": disputes{}},
		Take:      func(context.Context, string, string, gateway.Answer) error { return nil },
		Dispute: func(_ context.Context, d gateway.Dispute) error {
			if failing {
				return errors.New("the store is away")
			}
			stored = append(stored, d)
			return nil
		},
	})
	for _, want := range []int{503, 503, 204, 204} {
		failing = want != 204
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Prefix+"acme", strings.NewReader("x"))
		r.Header.Set(HeaderID, "1")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("answered %d, want %d", w.Code, want)
		}
	}
	if len(stored) != 1 || stored[0].Provider != "acme" {
		t.Errorf("stored %+v", stored)
	}
}
