package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// above are metrics that must be there and above zero after the order of TestDevMetrics was confirmed (requirement P-13).
var above = []string{
	`oms_requests_total{code="OK",dialect="rest",method="/oms.v1.OrderService/PayOrder"}`,
	`oms_requests_total{code="ALREADY_EXISTS",dialect="rest",method="/oms.v1.OrderService/CreateOrder"}`,
	`oms_request_seconds_bucket{dialect="rest",method="/oms.v1.OrderService/CreateOrder",le="+Inf"}`,
	`oms_idempotency_total{result="replayed"}`, `oms_idempotency_total{result="mismatch"}`,
	`oms_batch_commands_count`, `oms_commit_seconds_count`, `oms_batch_wait_seconds_count`, `oms_queue_limit_commands`,
	`oms_outbox_leader`, `oms_outbox_events_published_total`,
	`oms_reactor_position{reactor="flow"}`, `oms_reactor_events_total`,
	`oms_saga_steps_total{code="OK",step="reserve"}`, `oms_saga_steps_total{code="OK",step="settle"}`,
	`oms_effect_call_seconds_count{answer="accepted",kind="gateway.hold",provider="sim"}`,
	`oms_order_confirmed_seconds_count`,
}

// zero are metrics that must be there and are zero when all is well.
var zero = []string{
	`oms_queue_commands`, `oms_outbox_backlog_events`, `oms_outbox_oldest_seconds`, `oms_dead_letters_open`, `oms_payments_disputed`,
	`oms_reactor_lag_events{reactor="flow"}`, `oms_effects_open{kind="gateway.hold"}`, `oms_effects_open{kind="gateway.refund"}`,
	`oms_effects_open_oldest_seconds{kind="gateway.capture"}`,
}

// scrape reads /metrics.
func scrape(t *testing.T, ops string) map[string]float64 {
	t.Helper()
	response, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			series[name] = number
		}
	}
	return series
}

// A running server tells what an operator asks, and what the alerts stand on.
func TestDevMetrics(t *testing.T) {
	t.Parallel()
	at, _ := start(t)
	api := "http://" + at["REST"]
	call(t, http.MethodPut, api+"/v1/inventory/items/mug", "stock-1", `{"on_hand": 10}`)
	const body = `{"customer_id": "ann", "currency": "EUR", "items": [{"sku": "mug", "qty": %d, "price": {"currency": "EUR", "amount_minor": 1250}}]}`
	_, order := call(t, http.MethodPost, api+"/v1/orders", "order-1", fmt.Sprintf(body, 2))
	for qty, want := range map[int]int{2: 201, 3: 409} { // repeated, and another command under its key
		if status, answer := call(t, http.MethodPost, api+"/v1/orders", "order-1", fmt.Sprintf(body, qty)); status != want {
			t.Errorf("%d %v", status, answer)
		}
	}
	if status, answer := call(t, http.MethodPost, api+"/v1/orders/"+order["id"].(string)+":pay", "pay-1", `{}`); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	var series map[string]float64
	wrong := func() (found []string) {
		series = scrape(t, at["operations"])
		for _, name := range above {
			if series[name] <= 0 {
				found = append(found, name)
			}
		}
		for _, name := range zero {
			if value, told := series[name]; !told || value != 0 {
				found = append(found, name)
			}
		}
		return found
	}
	for limit := time.Now().Add(60 * time.Second); len(wrong()) > 0 && time.Now().Before(limit); {
		time.Sleep(50 * time.Millisecond)
	}
	for _, name := range wrong() {
		t.Errorf("%s is %v", name, series[name])
	}
	alerts, err := os.ReadFile("../../../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^ *expr: .*$`).FindAllString(string(alerts), -1) {
		for _, name := range regexp.MustCompile(`oms_\w+`).FindAllString(line, -1) {
			if !has(series, name) {
				t.Errorf("an alert stands on %s, which nobody tells", name)
			}
		}
	}
}

func has(series map[string]float64, metric string) bool {
	for name := range series {
		if name == metric || strings.HasPrefix(name, metric+"{") {
			return true
		}
	}
	return false
}
