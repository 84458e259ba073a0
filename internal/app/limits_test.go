package app_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
)

// A limit of time in these tests is short, and what must happen at its end is waited for as long as a slow machine needs.
const (
	short = 300 * time.Millisecond
	long  = 30 * time.Second
)

// credentials makes a server ask for the one token that there is.
func credentials(t *testing.T) func(*config.Config) {
	t.Helper()
	digest := sha256.Sum256([]byte("right"))
	text, err := json.Marshal([]map[string]any{
		{"name": "ann", "tenant": "north", "token_sha256": hex.EncodeToString(digest[:]), "scopes": []string{"orders:read"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *config.Config) { c.CredentialsFile = file }
}

// wire is a connection by which a test says what no client library would.
type wire struct {
	net.Conn
	t *testing.T
	*bufio.Reader
}

func (w *wire) Read(p []byte) (int, error) { return w.Reader.Read(p) }

func connect(t *testing.T, address string) *wire {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(long))
	return &wire{connection, t, bufio.NewReader(connection)}
}

func (w *wire) say(lines ...string) {
	w.t.Helper()
	if _, err := io.WriteString(w, strings.Join(lines, "\r\n")); err != nil {
		w.t.Fatal(err)
	}
}

// hear reads an answer and its body.
func (w *wire) hear() (code int, body string) {
	w.t.Helper()
	response, err := http.ReadResponse(w.Reader, nil)
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil && response.ContentLength >= 0 { // else the end of the connection, however it came, is the end of the body
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// ends waits until the other side gives the connection up.
func (w *wire) ends() {
	w.t.Helper()
	_, err := io.Copy(io.Discard, w.Reader)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Error("the connection is still open")
	}
}

func (r *running) api() string {
	address, _, _, _ := r.Addresses()
	return address
}

// Whoever is not let in is told so before he has sent anything but a header: nothing of what he sends is read.
func TestStrangersAreNotRead(t *testing.T) {
	server := start(t, credentials(t))
	for name, length := range map[string]int{"a body": 1000, "a large body": 900_000, "a body above the limit": 9_000_000} {
		for _, target := range []string{"POST /v1/orders", "GET /v1/orders", "GET /v1/nothing", "DELETE /v1/orders"} {
			t.Run("REST "+target+" "+name, func(t *testing.T) {
				w := connect(t, server.api())
				w.say(target+" HTTP/1.1", "Host: oms", fmt.Sprintf("Content-Length: %d", length), "", "")
				if code, body := w.hear(); code != http.StatusUnauthorized || !strings.Contains(body, `"code":"AUTH_FAILED"`) {
					t.Errorf("%d %s", code, body)
				}
			})
		}
	}
	_, public, internal, _ := server.Addresses()
	for method, address := range map[string]string{
		"/oms.v1.OrderService/CreateOrder": public, "/oms.v1.OrderService/WatchOrder": public, "/oms.v1.InventoryService/SetStock": internal,
	} {
		for token, want := range map[string]codes.Code{"wrong": codes.Unauthenticated, "right": codes.PermissionDenied} {
			if strings.Contains(method, "Watch") && token == "right" {
				continue // Ann may watch
			}
			t.Run("gRPC "+method+" "+token, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), long)
				defer cancel()
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
				// A stream that is opened, on which no message is ever sent.
				stream, err := dial(t, address).NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
				if err != nil {
					t.Fatal(err)
				}
				err = stream.RecvMsg(&omsv1.Order{})
				if status.Code(err) != want || reason(err) == "" {
					t.Errorf("answered %v", err)
				}
			})
		}
	}
}

func TestSlowAndLargeRequestsEnd(t *testing.T) {
	server := start(t, func(c *config.Config) {
		c.HeaderTimeout, c.BodyTimeout, c.WriteTimeout, c.IdleTimeout = short, short, short, short
		c.MaxHeaderBytes = 8 << 10
	})
	_, public, _, ops := server.Addresses()
	const post, keyed = "POST /v1/orders HTTP/1.1", "Idempotency-Key: k"
	t.Run("a header that does not end", func(t *testing.T) {
		for _, address := range []string{server.api(), ops} {
			w := connect(t, address)
			w.say(post, "Host: oms", "X-Slow: ")
			w.ends()
		}
	})
	t.Run("a connection that does not speak HTTP/2", func(t *testing.T) {
		w := connect(t, public)
		w.say("PRI")
		w.ends()
	})
	t.Run("a body that does not end", func(t *testing.T) {
		w := connect(t, server.api())
		w.say(post, "Host: oms", keyed, "Content-Length: 100", "", "{")
		if code, body := w.hear(); code != http.StatusRequestTimeout || !strings.Contains(body, `"code":"BODY_TIMEOUT"`) ||
			!strings.Contains(body, short.String()) {
			t.Errorf("%d %s", code, body)
		}
		w.ends()
	})
	t.Run("a body that nobody wants", func(t *testing.T) {
		w := connect(t, server.api())
		w.say("GET /v1/orders HTTP/1.1", "Host: oms", "Content-Length: 100", "", "{")
		if code, body := w.hear(); code != http.StatusOK {
			t.Errorf("%d %s", code, body)
		}
		w.ends()
	})
	t.Run("a large body", func(t *testing.T) {
		w := connect(t, server.api())
		w.say(post, "Host: oms", keyed, "Content-Length: 1048577", "", "")
		if code, body := w.hear(); code != http.StatusRequestEntityTooLarge || !strings.Contains(body, `"limit_bytes":"1048576"`) {
			t.Errorf("%d %s", code, body)
		}
	})
	t.Run("a large header", func(t *testing.T) {
		w := connect(t, server.api())
		w.say(post, "Host: oms", keyed, "X-Large: "+strings.Repeat("x", 16<<10), "", "")
		if code, body := w.hear(); code != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d %s", code, body)
		}
		ctx := metadata.AppendToOutgoingContext(keyedFor(t), "x-large", strings.Repeat("x", 16<<10))
		if _, err := server.orders.ListOrders(ctx, &omsv1.ListOrdersRequest{}); err == nil {
			t.Error("gRPC takes a large header")
		}
	})
	t.Run("a connection without requests", func(t *testing.T) {
		w := connect(t, server.api())
		w.say("GET /v1/orders HTTP/1.1", "Host: oms", "", "")
		if code, body := w.hear(); code != http.StatusOK {
			t.Errorf("%d %s", code, body)
		}
		w.ends()
	})
	t.Run("answers that nobody takes", func(t *testing.T) {
		w := connect(t, server.api())
		var err error
		for err == nil { // until the way is full in both directions
			_, err = io.WriteString(w, strings.Repeat("GET /docs/redoc.standalone.js HTTP/1.1\r\nHost: oms\r\n\r\n", 1000))
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("the server waits for its client: %v", err)
		}
	})
}

// What net/http refuses before a handler could has the form of every other refusal (ruling R-5).
func TestNoRequestsAreRefusedAlike(t *testing.T) {
	server := start(t)
	for name, test := range map[string]struct {
		said   []string
		status int
		code   string
	}{
		"percent":  {[]string{"GET /v1/orders/%zz HTTP/1.1", "Host: oms", "", ""}, 400, "MALFORMED_REQUEST"},
		"no HTTP":  {[]string{"hello", "", ""}, 400, "MALFORMED_REQUEST"},
		"no host":  {[]string{"GET /v1/orders HTTP/1.1", "", ""}, 400, "MALFORMED_REQUEST"},
		"length":   {[]string{"POST /v1/orders HTTP/1.1", "Host: oms", "Content-Length: -1", "", ""}, 400, "MALFORMED_REQUEST"},
		"encoding": {[]string{"POST /v1/orders HTTP/1.1", "Host: oms", "Transfer-Encoding: br", "", ""}, 501, "UNSUPPORTED_TRANSFER_ENCODING"},
		"header":   {[]string{"GET /v1/orders HTTP/1.1", "Host: oms", "X: " + strings.Repeat("x", 40<<10), "", ""}, 431, "HEADER_TOO_LARGE"},
	} {
		t.Run(name, func(t *testing.T) {
			w := connect(t, server.api())
			w.say(test.said...)
			code, body := w.hear()
			var refusal struct {
				Code, Message string
				TraceID       string `json:"trace_id"`
				Details       []any
			}
			err := json.Unmarshal([]byte(body), &refusal)
			if err != nil || code != test.status || refusal.Code != test.code || len(refusal.TraceID) != 32 || len(refusal.Details) != 1 {
				t.Errorf("%v: %d %s", err, code, body)
			}
		})
	}
}

func keyedFor(t *testing.T) context.Context { return keyed(t, t.Name()) }

func TestConnectionsAndStreamsAreLimited(t *testing.T) {
	server := start(t, func(c *config.Config) { c.MaxConnections, c.MaxStreams = 2, 1 })
	get := []string{"GET /v1/orders HTTP/1.1", "Host: oms", "", ""}
	first, second, third := connect(t, server.api()), connect(t, server.api()), connect(t, server.api())
	for _, w := range []*wire{first, second} {
		w.say(get...)
		w.hear()
	}
	third.say(get...)
	_ = third.SetReadDeadline(time.Now().Add(short))
	if _, err := third.Peek(1); err == nil {
		t.Error("a third connection is served beside two")
	}
	_ = third.SetReadDeadline(time.Now().Add(long))
	third.Reset(third.Conn)
	_ = first.Close()
	if code, body := third.hear(); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}

	follow := func(within time.Duration) (context.CancelFunc, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		stream, err := server.orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		return cancel, err
	}
	leave, err := follow(long)
	if err != nil {
		t.Fatal(err)
	}
	if leave, err := follow(short); err == nil {
		t.Error("a second stream is served beside one")
		leave()
	}
	leave()
	leave, err = follow(long)
	if err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	leave()
}
