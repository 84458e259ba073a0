package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/config"
)

// screen is a buffer that two goroutines use.
type screen struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// anywhere are settings of a server on free ports with its own folder.
func anywhere(t *testing.T) config.Config {
	c := config.Default()
	c.Dev, c.DataDir, c.LogLevel = true, t.TempDir(), "warn"
	c.APIAddr, c.GRPCAddr, c.InternalAddr, c.OpsAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	return c
}

// start runs `oms dev` until the test ends, and answers the addresses of its banner.
func start(t *testing.T) (at map[string]string, d *dev) {
	t.Helper()
	d = &dev{Config: anywhere(t)}
	ctx, cancel := context.WithCancel(context.Background())
	out, errOut := &screen{}, &screen{}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(&console{out, errOut}, &contextOf{ctx}) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("dev ended with %v\n%s", err, errOut)
			}
		case <-time.After(30 * time.Second):
			t.Error("dev does not end")
		}
	})
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "Stop with Ctrl-C"); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("dev ended: %v\n%s", err, errOut)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no banner\n%s", errOut)
		}
	}
	at = map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^ {4}(\S.*?)  +(?:http://)?(127\.0\.0\.1:\d+)`).FindAllStringSubmatch(out.String(), -1) {
		at[line[1]] = line[2]
	}
	return at, d
}

func call(t *testing.T, method, url, key, body string) (status int, answer map[string]any) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %d %s", method, url, response.StatusCode, text)
	}
	return response.StatusCode, answer
}

// What the banner says to try works, and the tools see the same server.
func TestDev(t *testing.T) {
	at, d := start(t)
	api := "http://" + at["REST"]
	if status, answer := call(t, http.MethodPut, api+"/v1/inventory/items/mug", "stock-1", `{"on_hand": 10}`); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	status, order := call(t, http.MethodPost, api+"/v1/orders", "order-1", `{"customer_id": "ann", "currency": "EUR",
      "items": [{"sku": "mug", "qty": 2, "price": {"currency": "EUR", "amount_minor": 1250}}]}`)
	if status != 201 {
		t.Fatalf("%d %v", status, order)
	}
	place := api + "/v1/orders/" + order["id"].(string)
	if status, answer := call(t, http.MethodPost, place+":pay", "pay-1", `{}`); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	deadline := time.Now().Add(20 * time.Second)
	for order["status"] != "ORDER_STATUS_CONFIRMED" {
		if time.Now().After(deadline) {
			t.Fatalf("the order is %v", order)
		}
		time.Sleep(10 * time.Millisecond)
		_, order = call(t, http.MethodGet, place, "", "")
	}
	if code, out, errOut := oms("health", "--ops-addr="+at["operations"]); code != 0 || !strings.Contains(out, "ready") {
		t.Errorf("health: %d %s%s", code, out, errOut)
	}
	if code, out, errOut := oms("dlq", "list", "--internal-addr="+at["internal gRPC"]); code != 0 || !strings.Contains(out, "No dead letters") {
		t.Errorf("dlq list: %d %s%s", code, out, errOut)
	}
	code, _, errOut := oms("dlq", "show", "deadletter:01980000-0000-7000-8000-000000000000", "--internal-addr="+at["internal gRPC"])
	if code != 1 || !strings.Contains(errOut, "NOT_FOUND") {
		t.Errorf("dlq show: %d %s", code, errOut)
	}
	if code, out, errOut := oms("verify", "--data-dir="+d.DataDir); code != 0 || !strings.Contains(out, "invariants hold") {
		t.Errorf("verify beside the server: %d %s%s", code, out, errOut)
	}
	if code, out, errOut := oms("verify", "--json", "--data-dir="+d.DataDir); code != 0 || !strings.Contains(out, `"ok": true`) {
		t.Errorf("verify --json: %d %s%s", code, out, errOut)
	}
}

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("some of its orders wait for a gateway whose answers were lost")
	}
	t.Parallel()
	d := &demoRun{Config: anywhere(t), Orders: 60, Clients: 8, Seed: 1}
	out, errOut := &screen{}, &screen{}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := d.Run(&console{out, errOut}, &contextOf{ctx}); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, errOut)
	}
	report := out.String()
	api := regexp.MustCompile(`go run \./cmd/oms dev --data-dir (\S+) --api-addr (127\.0\.0\.1:[1-9]\d*) --grpc-addr \S+ --internal-addr \S+ --ops-addr`).
		FindStringSubmatch(report)
	if len(api) < 3 || api[1] != d.DataDir || !strings.Contains(report, "http://"+api[2]+"/docs") {
		t.Errorf("the report does not say how to go on:\n%s", report)
	}
	if code, found, failed := oms("verify", "--data-dir="+d.DataDir); code != 0 {
		t.Errorf("after the demo: %s%s", found, failed)
	}
}

func TestAnAddressThatIsTaken(t *testing.T) {
	at, _ := start(t)
	second := &dev{Config: anywhere(t)}
	second.APIAddr = at["REST"]
	err := second.Run(&console{io.Discard, io.Discard}, &contextOf{context.Background()})
	if err == nil || !strings.Contains(err.Error(), "--api-addr") || !strings.Contains(err.Error(), at["REST"]) {
		t.Errorf("%v", err)
	}
}

func TestServeWarnsAndTellsItsSettings(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &serve{Config: anywhere(t)}
	s.Dev, s.LogLevel, s.PageTokenKey = false, "info", "geheim-geheim-geheim-geheim-geheim"
	log := &screen{}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(&console{io.Discard, log}, &contextOf{ctx}) }()
	const ready = `"msg":"the server is ready: it accepts commands"`
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(log.String(), ready) && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serve ended with %v", err)
	}
	for _, says := range []string{ready, `"data-dir":"`, `"notify-per":"1h0m0s"`, "nobody is asked for credentials", "payments are simulated", `"page-token-key":"***"`, `"version":`} {
		if !strings.Contains(log.String(), says) {
			t.Errorf("the log does not say %s", says)
		}
	}
	if strings.Contains(log.String(), "geheim") {
		t.Error("the log tells a secret")
	}
}

func TestMigrate(t *testing.T) {
	folder := t.TempDir()
	for range 2 {
		if code, out, errOut := oms("migrate", "--data-dir="+folder); code != 0 || !strings.Contains(out, "up to date") {
			t.Fatalf("%d %s%s", code, out, errOut)
		}
	}
	if code, out, errOut := oms("verify", "--data-dir="+folder); code != 0 {
		t.Errorf("%d %s%s", code, out, errOut)
	}
}
