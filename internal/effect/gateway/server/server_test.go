package server_test

import (
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
