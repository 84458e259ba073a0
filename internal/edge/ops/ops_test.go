package ops

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func get(handler http.Handler, path, remote string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	request.RemoteAddr = remote
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestPaths(t *testing.T) {
	t.Parallel()
	numbers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("oms_x 1")) })
	handler := New(Options{Metrics: numbers, Log: slog.New(slog.DiscardHandler)})
	const here, there = "127.0.0.1:5", "192.0.2.1:5"
	for _, test := range []struct {
		path, remote string
		status       int
		says         string
	}{
		{"/metrics", there, 200, "oms_x 1"},
		{"/healthz", there, 200, `{"status":"ok"}`},
		{"/readyz", there, 200, `{"status":"ready"}`},
		{"/debug/pprof/", here, 200, "goroutine"},
		{"/debug/pprof/", "[::1]:5", 200, "goroutine"},
		{"/debug/pprof/goroutine?debug=1", here, 200, "goroutine profile"},
		{"/debug/pprof/", there, 403, "loopback only"},
		{"/debug/pprof/heap", there, 403, "loopback only"},
		{"/debug/pprof/profile", there, 403, "loopback only"},
		{"/debug/pprof/trace", "nonsense", 403, "loopback only"},
		{"/debug/pprof/cmdline", here, 404, ""},
		{"/", here, 404, ""},
	} {
		answer := get(handler, test.path, test.remote)
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.says) {
			t.Errorf("%s from %s: %d %q", test.path, test.remote, answer.Code, answer.Body)
		}
	}
	request := httptest.NewRequest(http.MethodPost, "/readyz", http.NoBody)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered %d", recorder.Code)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var storeErr error
	checks := []Check{
		{"store", func(context.Context) error { return storeErr }},
		{"accepting", func(context.Context) error { return nil }},
	}
	handler := New(Options{Metrics: http.NotFoundHandler(), Checks: checks, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ask := func(status int, body string) {
		t.Helper()
		answer := get(handler, "/readyz", "127.0.0.1:1")
		if answer.Code != status || strings.TrimSpace(answer.Body.String()) != body {
			t.Errorf("%d %s, want %d %s", answer.Code, answer.Body, status, body)
		}
		if answer.Header().Get("Cache-Control") != "no-store" || answer.Header().Get("Content-Type") != "application/json" {
			t.Errorf("header %v", answer.Header())
		}
	}
	ask(200, `{"status":"ready"}`)
	storeErr = errors.New("dial db.internal:5432: refused")
	ask(503, `{"status":"unavailable","failed":["store"]}`)
	ask(503, `{"status":"unavailable","failed":["store"]}`)
	storeErr = nil
	ask(200, `{"status":"ready"}`)
	if text := log.String(); strings.Count(text, "\n") != 3 || strings.Count(text, "db.internal") != 1 ||
		strings.Count(text, `msg="/readyz answers that the server is ready" checks="[store accepting]"`) != 2 {
		t.Errorf("logged %s", text)
	}
}

func TestChecksThatHangOrPanic(t *testing.T) {
	t.Parallel()
	handler := New(Options{Metrics: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Checks: []Check{
		{"deaf", func(context.Context) error { select {} }},
		{"mad", func(context.Context) error { panic("!") }},
		// Their results are there long before the deaf one's time is over.
		{"well", func(context.Context) error { return nil }},
		{"too", func(context.Context) error { return nil }},
		{"three", func(context.Context) error { return nil }},
		{"four", func(context.Context) error { return nil }},
		{"five", func(context.Context) error { return nil }},
		{"six", func(context.Context) error { return nil }},
	}})
	start := time.Now()
	answer := get(handler, "/readyz", "127.0.0.1:1")
	if answer.Code != 503 || !strings.Contains(answer.Body.String(), `["deaf","mad"]}`) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if took := time.Since(start); took > 2*checkTime {
		t.Errorf("took %v", took)
	}
}
