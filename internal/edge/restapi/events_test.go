package restapi_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge/restapi"
	"github.com/seed-255eabaa/oms/internal/fault"
)

const watch = "/v1/orders/" + orderID + ":watch"

func TestEvents(t *testing.T) {
	s := serve(t)
	s.orders.watch = func(_ context.Context, r *omsv1.WatchOrderRequest, send func(int64) error) error {
		for version := r.GetAfterVersion() + 1; version <= 3; version++ {
			if err := send(version); err != nil {
				return err
			}
		}
		return nil
	}
	server := s.listen(t)
	response := get(t, server.URL+watch+"?after_version=1")
	events := strings.Split(readAll(t, response.body), "\n\n")
	if len(events) != 3 || !strings.HasPrefix(events[0], "id: 2\nevent: order\ndata: {\"id\":\""+orderID+"\"") || !strings.HasPrefix(events[1], "id: 3\n") {
		t.Errorf("%q", events)
	}
	if response.header.Get("Content-Type") != "text/event-stream" || response.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", response.header)
	}
	again := readAll(t, get(t, server.URL+watch+"?after_version=1", "Last-Event-ID: 2").body)
	if !strings.HasPrefix(again, "id: 3\n") {
		t.Errorf("Last-Event-ID: %q", again)
	}
	if done := get(t, server.URL+watch, "Last-Event-ID: 3"); done.status != http.StatusNoContent {
		t.Errorf("nothing more to come: %d, want 204", done.status)
	}
	if bad := get(t, server.URL+watch, "Last-Event-ID: x"); bad.status != http.StatusBadRequest {
		t.Errorf("a bad Last-Event-ID: %d", bad.status)
	}
	if head := s.do("HEAD", watch, ""); head.Code != 405 {
		t.Errorf("HEAD: %d", head.Code)
	}
}

func TestFeed(t *testing.T) {
	s := serve(t)
	s.orders.follow = func(r *omsv1.WatchOrdersRequest, send func(*omsv1.WatchOrdersResponse) error) error {
		if err := send(&omsv1.WatchOrdersResponse{ResumeToken: r.GetResumeToken() + "1"}); err != nil {
			return err
		}
		return send(&omsv1.WatchOrdersResponse{ResumeToken: "a\nevent: forged"})
	}
	w := s.do("GET", "/v1/orders:watch", "", "Last-Event-ID: t")
	want := "id: t1\nevent: changes\ndata: {\"changes\":[],\"resume_token\":\"t1\"}\n\n" +
		"event: changes\ndata: {\"changes\":[],\"resume_token\":\"a\\nevent: forged\"}\n\n"
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %q, want %q", w.Code, w.Body, want)
	}
}

func TestStreamErrors(t *testing.T) {
	s := serve(t)
	lost := fault.New(fault.Unavailable, "UNAVAILABLE", "the feed was lost")
	s.orders.watch = func(_ context.Context, _ *omsv1.WatchOrderRequest, send func(int64) error) error {
		if err := send(1); err != nil {
			return err
		}
		return lost
	}
	w := s.do("GET", watch, "")
	_, last, _ := strings.Cut(w.Body.String(), "\n\n")
	if w.Code != 200 || !strings.HasPrefix(last, "event: error\ndata: {\"code\":\"UNAVAILABLE\"") || !strings.HasSuffix(last, "\n\n") {
		t.Errorf("after the start: %d %q", w.Code, w.Body)
	}
	s.orders.watch = func(context.Context, *omsv1.WatchOrderRequest, func(int64) error) error { return lost }
	if w := s.do("GET", watch, ""); w.Code != 503 || w.Header().Get("Retry-After") != "1" || errorOf(t, w.Body.Bytes()).Code != "UNAVAILABLE" {
		t.Errorf("before the start: %d %s", w.Code, w.Body)
	}
	s.chain.fault = fault.New(fault.PermissionDenied, "PERMISSION_DENIED", "no")
	if w := s.do("GET", watch, ""); w.Code != 403 {
		t.Errorf("refused by the chain: %d", w.Code)
	}
}

// TestHeartbeat runs on virtual time: a silent stream begins and stays alive by comments, and stops with its handler.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(o *restapi.Options) { o.Heartbeat = 15 * time.Second })
		s.orders.watch = func(_ context.Context, _ *omsv1.WatchOrderRequest, send func(int64) error) error {
			time.Sleep(40 * time.Second)
			return send(1)
		}
		w := s.do("GET", watch, "")
		if got := w.Body.String(); !strings.HasPrefix(got, ": heartbeat\n\n: heartbeat\n\nid: 1\n") || strings.Count(got, "heartbeat") != 2 {
			t.Errorf("%q", got)
		}
	})
}

// slow takes a second for every write.
type slow struct {
	*httptest.ResponseRecorder

	writing int
}

func (s *slow) Write(b []byte) (int, error) {
	s.writing++
	time.Sleep(time.Second)
	s.writing--
	return s.ResponseRecorder.Write(b)
}

// TestHeartbeatEnds checks that nothing is written any more once the request is over: net/http gives the writer away.
func TestHeartbeatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(o *restapi.Options) { o.Heartbeat = 15 * time.Second })
		s.orders.watch = func(context.Context, *omsv1.WatchOrderRequest, func(int64) error) error {
			time.Sleep(15*time.Second + time.Second/2)
			return nil
		}
		w := &slow{ResponseRecorder: httptest.NewRecorder()}
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, watch, http.NoBody))
		if w.writing != 0 || w.Body.String() != ": heartbeat\n\n" {
			t.Errorf("%d writes under way, written %q", w.writing, w.Body)
		}
	})
}

// TestFlushed checks that an event reaches the client while the stream goes on, and that a client who leaves ends it.
func TestFlushed(t *testing.T) {
	s := serve(t)
	ended := make(chan error, 1)
	s.orders.watch = func(ctx context.Context, _ *omsv1.WatchOrderRequest, send func(int64) error) error {
		if err := send(1); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	response := get(t, s.listen(t).URL+watch)
	if line, err := bufio.NewReader(response.body).ReadString('\n'); err != nil || line != "id: 1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	response.leave()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the stream outlived its client")
	}
}

// TestClose checks that a shutdown ends the streams without an error event, so that clients go on elsewhere.
func TestClose(t *testing.T) {
	s := serve(t)
	s.orders.watch = func(ctx context.Context, _ *omsv1.WatchOrderRequest, send func(int64) error) error {
		if err := send(1); err != nil {
			return err
		}
		s.Close()
		<-ctx.Done()
		return ctx.Err()
	}
	if w := s.do("GET", watch, ""); strings.Contains(w.Body.String(), "error") || !strings.HasPrefix(w.Body.String(), "id: 1\n") {
		t.Errorf("%q", w.Body)
	}
}

// TestSlowClient checks that a client who takes nothing is given up after the time limit of one event.
func TestSlowClient(t *testing.T) {
	s := serve(t, func(o *restapi.Options) { o.WriteTimeout = 50 * time.Millisecond })
	ended := make(chan error, 1)
	s.orders.watch = func(_ context.Context, _ *omsv1.WatchOrderRequest, send func(int64) error) error {
		for version := int64(1); ; version++ {
			if err := send(version); err != nil {
				ended <- err
				return err
			}
		}
	}
	get(t, s.listen(t).URL+watch) // its body is never read
	select {
	case err := <-ended:
		if fault.From(err).Reason != "CLIENT_GONE" {
			t.Error(err)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("the stream waits for its client for ever")
	}
}

// TestKeepAlive checks that a stream leaves its connection usable: the deadline of its last event must not end the next request.
func TestKeepAlive(t *testing.T) {
	s := serve(t, func(o *restapi.Options) { o.WriteTimeout = 30 * time.Millisecond })
	s.orders.watch = func(_ context.Context, _ *omsv1.WatchOrderRequest, send func(int64) error) error { return send(1) }
	s.orders.list = func(*omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error) {
		time.Sleep(60 * time.Millisecond)
		return &omsv1.ListOrdersResponse{}, nil
	}
	server := httptest.NewServer(s)
	defer server.Close()
	readAll(t, get(t, server.URL+watch).body)
	if response := get(t, server.URL+"/v1/orders"); response.status != http.StatusOK {
		t.Errorf("the next request: %d", response.status)
	}
}
