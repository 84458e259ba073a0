package notify_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/notify"
	"github.com/seed-255eabaa/oms/internal/message"
)

var short = notify.Message{Key: "notification:1", To: "+4915112345678", Text: message.Text{SMS: "Confirmed.", Locale: "en"}}

func TestWebhookIsSignedAndKeyed(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	verifier, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Errorf("the signature: %v", err)
		}
		if r.Header.Get("Idempotency-Key") != short.Key || !strings.Contains(string(body), short.To) {
			t.Errorf("%v %s", r.Header, body)
		}
	}))
	defer server.Close()
	transport, err := notify.NewWebhook(server.URL, secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.Deliver(t.Context(), short); err != nil {
		t.Error(err)
	}
}

func TestTwilio(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.URL.Path != "/2010-04-01/Accounts/AC1/Messages.json" || user != "AC1" || password != "token" ||
			r.FormValue("To") != short.To || r.FormValue("From") != "+15005550006" || r.FormValue("Body") != short.SMS ||
			r.Header.Get("I-Twilio-Idempotency-Token") != short.Key {
			t.Errorf("%s %v", r.URL, r.Form)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid": "SM1"}`)
	}))
	defer server.Close()
	transport, err := notify.NewTwilio(strings.Replace(server.URL, "http://", "twilio+http://AC1:token@", 1), "+15005550006")
	if err != nil {
		t.Fatal(err)
	}
	if sid, err := transport.Deliver(t.Context(), short); err != nil || sid != "SM1" {
		t.Errorf("%q %v", sid, err)
	}
}

// What an answer means for the next step: refused for good, safe to send again, or unknown.
func TestClassesOfAnswers(t *testing.T) {
	for code, want := range map[int]gateway.Class{429: gateway.ClassNotReached, 503: gateway.ClassNotReached, 500: gateway.ClassUnknown, 401: gateway.ClassNotReached, 0: gateway.ClassUnknown} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if code == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(code)
		}))
		transport, err := notify.NewWebhook(server.URL, "", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		var refused *notify.Refusal
		if _, err := transport.Deliver(t.Context(), short); err == nil || errors.As(err, &refused) || gateway.ClassOf(err) != want {
			t.Errorf("%d is class %d: %v", code, gateway.ClassOf(err), err)
		}
		server.Close()
		if _, err := transport.Deliver(t.Context(), short); gateway.ClassOf(err) != gateway.ClassNotReached {
			t.Errorf("without a server: %v", err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer server.Close()
	transport, _ := notify.NewWebhook(server.URL, "", time.Now)
	var refused *notify.Refusal
	if _, err := transport.Deliver(t.Context(), short); !errors.As(err, &refused) {
		t.Errorf("400 is %v", err)
	}
}
