package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/remote"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/server"
)

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// What is told over the wire is what the simulator says: until when a hold is good, on which card, that it has gone by itself, and a
// page of what was done.
func TestHoldsAndListsOverTheWire(t *testing.T) {
	t.Parallel()
	s, err := server.Open(server.Options{DataDir: t.TempDir(), CallbackURL: "http://127.0.0.1:1/webhooks/remote", Secret: secret, Delay: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	serving := httptest.NewServer(s)
	t.Cleanup(serving.Close)
	g, err := remote.New(remote.Options{URL: serving.URL, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	for payment, token := range map[string]string{"payment:1": gateway.TokenOK, "payment:2": gateway.TokenShortHold, "payment:3": gateway.TokenOK} {
		hold := gateway.Request{Tenant: "t", Key: payment + "/hold/1", Payment: payment, OrderID: "order:1", Token: token, Currency: "EUR", AmountMinor: 5}
		if _, err := g.Hold(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
		held, err := g.Lookup(t.Context(), hold)
		short := token == gateway.TokenShortHold
		if err != nil || held.Status != gateway.Succeeded || held.CaptureBefore.IsZero() || held.CaptureBefore.After(time.Now().Add(time.Hour)) == short {
			t.Errorf("%s: %+v, %v", token, held, err)
		}
		if want := (card.Summary{Brand: card.Visa, LastFour: "1111"}); !short && held.Card != want {
			t.Errorf("%s is held on %v", token, held.Card)
		}
		capture := hold
		capture.Key, capture.ExternalID = payment+"/capture/1", held.ExternalID
		if _, err := g.Capture(t.Context(), capture); err != nil {
			t.Fatal(err)
		}
		captured, err := g.Lookup(t.Context(), capture)
		if err != nil || (captured.Reason == gateway.ReasonExpired) != short || (captured.Status == gateway.Declined) != short {
			t.Errorf("%s captured: %+v, %v", token, captured, err)
		}
	}
	page, err := g.List(t.Context(), gateway.Listing{Tenant: "t", After: "payment:1", Before: "payment;", Limit: 1})
	if err != nil || len(page) != 1 || page[0].Payment != "payment:2" || page[0].HeldMinor != 5 || page[0].CapturedMinor != 0 {
		t.Errorf("listed %+v, %v", page, err)
	}
	if _, err := g.List(t.Context(), gateway.Listing{Tenant: "t", Before: "payment;", Limit: 100_000}); err == nil {
		t.Error("a page without a limit is answered")
	}
}

// A refund that comes back is told until it is answered with 2xx, by the next process too: nobody asks about it.
func TestReturnIsToldUntilItIsTaken(t *testing.T) {
	t.Parallel()
	refusing, refused := shop(t, http.StatusServiceUnavailable)
	options := server.Options{DataDir: t.TempDir(), CallbackURL: refusing, Secret: secret, Delay: -1, Dispute: time.Millisecond}
	first, err := server.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	serving := httptest.NewServer(first)
	t.Cleanup(serving.Close)
	g, err := remote.New(remote.Options{URL: serving.URL, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	request := gateway.Request{Tenant: "t", Payment: "payment:1", OrderID: "order:1", Token: gateway.TokenRefundReturned, Currency: "EUR", AmountMinor: 5}
	for _, kind := range []string{gateway.KindHold, gateway.KindCapture, gateway.KindRefund} {
		request.Key = kind
		if _, err := gateway.Call(t.Context(), g, kind, request); err != nil {
			t.Fatal(err)
		}
		done, err := g.Lookup(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		request.ExternalID = done.ExternalID
	}
	for range 2 { // again, since it was not taken
		awaitReturn(t, refused)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	var taken <-chan gateway.Outcome
	options.CallbackURL, taken = shop(t, http.StatusNoContent)
	second, err := server.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	awaitReturn(t, taken)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

// shop answers callbacks with a status, and tells of them.
func shop(t *testing.T, status int) (url string, called <-chan gateway.Outcome) {
	t.Helper()
	receiver, err := remote.New(remote.Options{URL: "http://127.0.0.1:1", Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make(chan gateway.Outcome, 1000)
	serving := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told, err := receiver.Receive(r.Header, body, time.Now())
		if err != nil || len(told) != 1 {
			t.Errorf("told %v, %v", told, err)
			return
		}
		w.WriteHeader(status)
		outcomes <- told[0]
	}))
	t.Cleanup(serving.Close)
	return serving.URL, outcomes
}

// awaitReturn waits until it is told that a refund came back; other outcomes are told meanwhile.
func awaitReturn(t *testing.T, called <-chan gateway.Outcome) {
	t.Helper()
	patience := time.After(time.Minute)
	for {
		select {
		case told := <-called:
			if told.Key == gateway.KindRefund && told.Answer.Status == gateway.Declined && told.Answer.Reason == "returned_by_bank" {
				return
			}
		case <-patience:
			t.Fatal("waited in vain until a refund is told that came back")
		}
	}
}
