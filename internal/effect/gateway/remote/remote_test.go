package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func open(t *testing.T, url string, options Options) *Gateway {
	t.Helper()
	options.URL, options.Secret = url, secret
	g, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func request() gateway.Request {
	return gateway.Request{Tenant: "t", Key: "effect:1/hold/1", Payment: "payment:1", Currency: "EUR", AmountMinor: 1460}
}

// What an answer says of whether the call took place: nothing more than is known.
func TestClassOfAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		want   gateway.Status
		class  gateway.Class
	}{
		{status: 202, body: `{"status":"accepted"}`, want: gateway.Accepted},
		{status: 200, body: `{"status":"succeeded","currency":"EUR","amount_minor":1460}`, want: gateway.Succeeded},
		{status: 404, body: `{"status":"not_found"}`, want: gateway.NotFound},
		{status: 404, body: `<html>no such page</html>`, class: gateway.ClassUnknown},
		{status: 404, body: `{}`, class: gateway.ClassUnknown},
		{status: 200, body: `{"status":"maybe"}`, class: gateway.ClassUnknown},
		{status: 302, body: ``, class: gateway.ClassUnknown},
		{status: 429, body: ``, class: gateway.ClassNotReached},
		{status: 401, body: ``, class: gateway.ClassNotReached},
		{status: 400, body: `{"error":"no such currency"}`, class: gateway.ClassPermanent},
		{status: 400, body: `bad gateway`, class: gateway.ClassUnknown},
		{status: 409, body: `{"error":"the key was used for another call"}`, class: gateway.ClassPermanent},
		{status: 500, body: `{"error":"failed"}`, class: gateway.ClassUnknown},
		{status: 503, body: ``, class: gateway.ClassUnknown},
	} {
		t.Run(fmt.Sprint(test.status, test.body), func(t *testing.T) {
			t.Parallel()
			served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer served.Close()
			answer, err := open(t, served.URL, Options{}).Hold(t.Context(), request())
			if test.want != 0 {
				if err != nil || answer.Status != test.want {
					t.Errorf("%v, %v", answer, err)
				}
				return
			}
			if err == nil || gateway.ClassOf(err) != test.class {
				t.Errorf("%v, %v, want an error of class %d", answer, err, test.class)
			}
		})
	}
}

func TestClassOfBrokenConnections(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that its client goes
		calls.Add(1)
		if r.Header.Get(HeaderKey) == "stall" {
			<-r.Context().Done()
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(`{"status":"pending"}`)) // the connection is kept for the next request
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer cut.Close()
	g := open(t, cut.URL, Options{})
	if answer, err := g.Lookup(t.Context(), request()); err != nil || answer.Status != gateway.Pending {
		t.Fatalf("%v, %v", answer, err)
	}
	if _, err := g.Hold(t.Context(), request()); gateway.ClassOf(err) != gateway.ClassUnknown || calls.Load() != 2 {
		t.Errorf("%v after %d calls: a call is never sent twice from here", err, calls.Load())
	}
	stalled := request()
	stalled.Key = "stall"
	impatient := open(t, cut.URL, Options{Timeout: 50 * time.Millisecond})
	_, _ = impatient.Lookup(t.Context(), request()) // may be too slow, too; but there is a connection then
	if _, err := impatient.Capture(t.Context(), stalled); err == nil || gateway.ClassOf(err) != gateway.ClassUnknown {
		t.Errorf("a stalled call: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	_ = listener.Close()
	if _, err := open(t, nobody, Options{}).Hold(t.Context(), request()); gateway.ClassOf(err) != gateway.ClassNotReached {
		t.Errorf("nobody listens: %v", err)
	}
}

// A gateway that fails is left alone, and asked again after a while; what is refused meanwhile was not sent.
func TestBreaker(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	var healthy atomic.Bool
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if !healthy.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(`{"status":"accepted"}`))
	}))
	defer served.Close()
	var opened atomic.Int64
	g := open(t, served.URL, Options{OpenFor: 20 * time.Millisecond, Opened: func(is bool) {
		if is {
			opened.Add(1)
		}
	}})
	refused := 0
	for range 200 {
		if _, err := g.Hold(t.Context(), request()); gateway.ClassOf(err) == gateway.ClassNotReached {
			refused++
		}
	}
	if opened.Load() == 0 || refused == 0 || int(calls.Load())+refused != 200 {
		t.Errorf("opened %d times, %d calls sent and %d refused of 200", opened.Load(), calls.Load(), refused)
	}
	healthy.Store(true)
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := g.Hold(t.Context(), request()); err == nil {
			break
		} else if time.Now().After(limit) {
			t.Fatalf("the breaker does not close: %v", err)
		}
	}
}

func TestBulkhead(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-leave
		_, _ = w.Write([]byte(`{"status":"accepted"}`))
	}))
	defer served.Close()
	g := open(t, served.URL, Options{Calls: 1})
	first := make(chan error, 1)
	go func() {
		_, err := g.Hold(t.Context(), request())
		first <- err
	}()
	<-entered
	if _, err := g.Hold(t.Context(), request()); err == nil || gateway.ClassOf(err) != gateway.ClassNotReached {
		t.Errorf("there is no room: %v", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func signed(t *testing.T, key string, at time.Time, body string) http.Header {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := webhook.Sign("msg_1", at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	header.Set("webhook-id", "msg_1")
	header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	header.Set("webhook-signature", "v1,AAAA v1a,x "+signature)
	return header
}

func TestReceive(t *testing.T) {
	t.Parallel()
	g := open(t, "http://127.0.0.1:1", Options{Tolerance: 5 * time.Minute})
	now := time.Unix(1_790_000_000, 0)
	const body = `{"type":"call.settled","data":{"tenant":"t","key":"k","status":"succeeded","currency":"EUR","amount_minor":1}}`
	outcomes, err := g.Receive(signed(t, secret, now, body), []byte(body), now.Add(4*time.Minute))
	want := gateway.Outcome{Tenant: "t", Key: "k", Answer: gateway.Answer{Status: gateway.Succeeded, Currency: "EUR", AmountMinor: 1}}
	if err != nil || len(outcomes) != 1 || outcomes[0] != want {
		t.Errorf("%+v, %v", outcomes, err)
	}
	other := "whsec_" + "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="
	moved := signed(t, secret, now, body)
	moved.Set("webhook-id", "msg_2")
	for name, test := range map[string]struct {
		header http.Header
		body   string
		at     time.Time
		forged bool
	}{
		"too old":        {signed(t, secret, now, body), body, now.Add(5*time.Minute + time.Second), true},
		"from tomorrow":  {signed(t, secret, now, body), body, now.Add(-6 * time.Minute), true},
		"other secret":   {signed(t, other, now, body), body, now, true},
		"other body":     {signed(t, secret, now, body), body + " ", now, true},
		"other id":       {moved, body, now, true},
		"no headers":     {http.Header{}, body, now, true},
		"no JSON":        {signed(t, secret, now, "x"), "x", now, false},
		"not an outcome": {signed(t, secret, now, `{"type":"call.settled","data":{"tenant":"t","key":"k","status":"pending"}}`), `{"type":"call.settled","data":{"tenant":"t","key":"k","status":"pending"}}`, now, false},
	} {
		if outcomes, err := g.Receive(test.header, []byte(test.body), test.at); err == nil || errors.Is(err, gateway.ErrForged) != test.forged {
			t.Errorf("%s: %v, %v", name, outcomes, err)
		}
	}
	const foreign = `{"type":"payout.sent","data":{}}`
	if outcomes, err := g.Receive(signed(t, secret, now, foreign), []byte(foreign), now); err != nil || len(outcomes) != 0 {
		t.Errorf("an event about something else: %v, %v", outcomes, err)
	}
}

func TestRefusedOptions(t *testing.T) {
	t.Parallel()
	for _, options := range []Options{
		{URL: "", Secret: secret}, {URL: "ftp://x", Secret: secret}, {URL: "http://x"}, {URL: "http://x", Secret: "whsec_c2hvcnQ="},
		{URL: "http://x", Secret: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
	} {
		if _, err := New(options); err == nil {
			t.Errorf("%+v are taken", options)
		}
	}
}
