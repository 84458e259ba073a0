package app_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// An order whose time is over by the turned clock expires, and its stock is free; what is done afterwards goes on, in a restarted server
// too (requirement X-5).
func TestClockIsAdvanced(t *testing.T) {
	for name, place := range map[string]string{"sqlite": config.SQLite, "postgres": postgrestest.New(t)} {
		t.Run(name, func(t *testing.T) { advanceClock(t, config.Place(place)) })
	}
}

func advanceClock(t *testing.T, place config.Place) {
	folder := t.TempDir()
	in := func(c *config.Config) { c.DataDir, c.Store = filepath.Join(folder, "data"), place }
	ahead := func(server *running) int64 {
		code, text := server.http(t, http.MethodGet, "/v1/dev/clock", "")
		var clock struct {
			Ahead json.Number `json:"ahead_seconds"`
		}
		if err := json.Unmarshal([]byte(text), &clock); err != nil || code != http.StatusOK {
			t.Fatalf("%v: %d %s", err, code, text)
		}
		n, _ := clock.Ahead.Int64()
		return n
	}
	expire := func(server *running, key string, seconds string) {
		t.Helper()
		created, err := server.orders.CreateOrder(keyed(t, key), &omsv1.CreateOrderRequest{
			CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: "A", Qty: 10, Price: euro(5)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		server.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
		for range 2 { // the second is a repeat, and does not advance it again
			code, text := server.http(t, http.MethodPost, "/v1/dev/clock:advance", `{"seconds":`+seconds+`}`,
				"Content-Type: application/json", "Idempotency-Key: advance"+key)
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, text)
			}
		}
		if got := server.await(t, created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_CANCELED); got.StatusReason != "EXPIRED" {
			t.Errorf("ended as %s", got.StatusReason)
		}
	}
	t.Run("turned", func(t *testing.T) {
		server := start(t, in)
		if _, err := server.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(10)}); err != nil {
			t.Fatal(err)
		}
		if got := ahead(server); got != 0 {
			t.Errorf("it is %d seconds ahead from the start", got)
		}
		expire(server, "1", "901")
		expire(server, "2", "901")
		if got := ahead(server); got < 1802 || got > 1803 {
			t.Errorf("it is %d seconds ahead", got)
		}
	})
	t.Run("opened again", func(t *testing.T) {
		server := start(t, in)
		if got := ahead(server); got < 1700 || got > 1803 {
			t.Errorf("it is %d seconds ahead", got)
		}
		expire(server, "3", "901")
		for _, body := range []string{`{"seconds":0}`, `{"seconds":-60}`, `{"seconds":31622401}`, `{}`} {
			code, text := server.http(t, http.MethodPost, "/v1/dev/clock:advance", body, "Content-Type: application/json", "Idempotency-Key: x")
			if code != http.StatusBadRequest {
				t.Errorf("%s: %d %s", body, code, text)
			}
		}
	})
}

func TestClockIsTurnedInDevOnly(t *testing.T) {
	server := start(t, func(c *config.Config) { c.Dev, c.Gateway = false, config.Simulator })
	code, text := server.http(t, http.MethodPost, "/v1/dev/clock:advance", `{"seconds":60}`, "Content-Type: application/json", "Idempotency-Key: k")
	if code != http.StatusNotFound || !strings.Contains(text, `"ROUTE_NOT_FOUND"`) {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := server.http(t, http.MethodGet, "/dev/openapi.yaml", ""); code != http.StatusNotFound {
		t.Errorf("the document of what there is not: %d", code)
	}
	if code, text := start(t).http(t, http.MethodGet, "/dev/openapi.yaml", ""); code != http.StatusOK || !strings.Contains(text, "/v1/dev/clock") {
		t.Errorf("the document of development: %d", code)
	}
}
