package restapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/restapi"
	"github.com/seed-255eabaa/oms/internal/fault"
)

func TestCreate(t *testing.T) {
	s := serve(t)
	s.orders.create = func(_ context.Context, r *omsv1.CreateOrderRequest) (*omsv1.CreateOrderResponse, error) {
		return &omsv1.CreateOrderResponse{Order: &omsv1.Order{
			Id: orderID, CustomerId: r.GetCustomerId(), Items: r.GetItems(), Status: omsv1.OrderStatus_ORDER_STATUS_PENDING, Version: 1,
		}}, nil
	}
	w := s.do("POST", "/v1/orders", `{"customer_id":"c","items":[{"sku":"a","qty":2,"price":{"currency":"EUR","amount_minor":5}}]}`,
		"Content-Type: application/json; charset=UTF-8", "Idempotency-Key: k1")
	var got struct {
		ID      string `json:"id"`
		Status  string `json:"status"`
		Version int    `json:"version"`
		Items   []struct {
			Qty   int `json:"qty"`
			Price struct {
				AmountMinor int `json:"amount_minor"`
			} `json:"price"`
		} `json:"items"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err, w.Body)
	}
	if w.Code != 201 || got.ID != orderID || got.Status != "ORDER_STATUS_PENDING" || got.Version != 1 || got.Items[0].Qty != 2 || got.Items[0].Price.AmountMinor != 5 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Trace-Id": "trace-1",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	call := s.chain.calls[0]
	if call.Method.Name != "CreateOrder" || call.Dialect != edge.REST || call.RemoteAddr == "" || len(call.Header("idempotency-KEY")) != 1 {
		t.Errorf("the chain saw %+v", call)
	}
	if r, ok := call.Request.(*omsv1.CreateOrderRequest); !ok || r.GetCustomerId() != "c" {
		t.Errorf("the chain saw the request %v", call.Request)
	}
}

func TestReads(t *testing.T) {
	s := serve(t)
	s.orders.list = func(r *omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error) {
		return &omsv1.ListOrdersResponse{NextPageToken: r.GetPageToken() + r.GetCustomerId()}, nil
	}
	if w := s.do("GET", "/v1/users/u/orders?page_token=t", ""); w.Code != 200 || w.Body.String() != `{"orders":[],"next_page_token":"tu"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := s.do("GET", "/v1/orders/"+orderID, "")
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"id":"`+orderID+`"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.do("GET", "/v1/orders/order%3A"+strings.ToUpper(uuid), ""); !strings.HasPrefix(w.Body.String(), `{"id":"`+orderID+`"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	head := request(t, http.MethodHead, s.listen(t).URL+"/v1/orders/"+orderID, http.NoBody)
	if want := strconv.Itoa(w.Body.Len()); head.status != http.StatusOK || head.header.Get("Content-Length") != want || readAll(t, head.body) != "" {
		t.Errorf("HEAD: %d %v, want a length of %s", head.status, head.header, want)
	}
}

// TestRefusals checks everything that is refused before there is a message.
func TestRefusals(t *testing.T) {
	s := serve(t, func(o *restapi.Options) { o.BodyLimit = 64 })
	const pay = "/v1/orders/" + orderID + ":pay"
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               string
		field              string
		header             string // "Name: value" of the answer
	}{
		"no such path":     {method: "GET", path: "/v3/orders", status: 404, code: "ROUTE_NOT_FOUND"},
		"no such verb":     {method: "POST", path: "/v1/orders/" + orderID + ":ship", status: 404, code: "ROUTE_NOT_FOUND"},
		"wrong method":     {method: "DELETE", path: "/v1/orders", status: 405, code: "METHOD_NOT_ALLOWED", header: "Allow: GET, HEAD, OPTIONS, POST"},
		"wrong for a page": {method: "POST", path: "/docs", status: 405, code: "METHOD_NOT_ALLOWED", header: "Allow: GET, HEAD, OPTIONS"},
		"wrong kind":       {method: "GET", path: "/v1/orders/payment:" + uuid, status: 400, code: "WRONG_KIND", field: "order_id"},
		"no id":            {method: "POST", path: "/v1/orders/12:pay", status: 400, code: "WRONG_KIND", field: "order_id"},
		"syntax":           {method: "POST", path: pay, body: `{"payment_token":`, status: 400, code: "MALFORMED_JSON"},
		"wrong field":      {method: "POST", path: pay, body: `{"token":1}`, status: 400, code: "VALIDATION_FAILED", field: "token"},
		"wrong query":      {method: "GET", path: "/v1/orders?page_size=a", status: 400, code: "VALIDATION_FAILED", field: "page_size"},
		"too long": {
			method: "POST", path: pay, body: `{"payment_token":"` + strings.Repeat("a", 64) + `"}`, status: 413, code: "BODY_TOO_LARGE",
		},
		"form":          {method: "POST", path: pay, body: `a=b`, headers: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type"},
		"compressed":    {method: "POST", path: pay, body: `{}`, headers: []string{"Content-Encoding: gzip"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE", field: "Content-Encoding"},
		"other charset": {method: "POST", path: pay, body: `{}`, headers: []string{"Content-Type: application/json; charset=latin1"}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type"},
	} {
		t.Run(name, func(t *testing.T) {
			s.chain.refused, s.chain.calls = nil, nil
			w := s.do(test.method, test.path, test.body, test.headers...)
			e := errorOf(t, w.Body.Bytes())
			if w.Code != test.status || e.Code != test.code || e.Retryable || e.TraceID != "trace-2" || e.Message == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := e.violation(); got != test.field && test.field != "" {
				t.Errorf("the field is %q, want %q", got, test.field)
			}
			if header, value, _ := strings.Cut(test.header, ": "); w.Header().Get(header) != value {
				t.Errorf("%s: %q, want %q", header, w.Header().Get(header), value)
			}
			if len(s.chain.calls)+len(s.chain.refused) != 1 {
				t.Errorf("the chain saw %d calls and %d refusals", len(s.chain.calls), len(s.chain.refused))
			}
		})
	}
}

func TestEmptyAndBoundaryBodies(t *testing.T) {
	s := serve(t, func(o *restapi.Options) { o.BodyLimit = 30 })
	const pay = "/v1/orders/" + orderID + ":pay"
	if w := s.do("POST", pay, "", "Content-Type: text/plain"); w.Code != 200 {
		t.Errorf("an empty body: %d %s", w.Code, w.Body)
	}
	exact := `{"payment_token":"0123456789"}`
	if w := s.do("POST", pay, exact); len(exact) != 30 || w.Code != 200 || !strings.Contains(w.Body.String(), `"status_detail":"0123456789"`) {
		t.Errorf("a body of the greatest length: %d %s", w.Code, w.Body)
	}
	// Without an announced length, the limit holds all the same.
	for length, want := range map[int]int{30: 200, 31: 413} {
		body := struct{ io.Reader }{strings.NewReader(strings.Repeat(" ", length-2) + "{}")} // a reader whose length is not seen
		if got := request(t, http.MethodPost, s.listen(t).URL+pay, body); got.status != want {
			t.Errorf("a chunked body of %d bytes: %d, want %d", length, got.status, want)
		}
	}
}

func TestOptions(t *testing.T) {
	s := serve(t)
	if w := s.do("OPTIONS", "/v1/orders", ""); w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := s.do("OPTIONS", "/v1/nothing", ""); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

// TestStatusTable is requirement V-4, code by code.
func TestStatusTable(t *testing.T) {
	for code, want := range map[fault.Code]int{
		fault.InvalidArgument: 400, fault.FailedPrecondition: 400, fault.OutOfRange: 400, fault.Unauthenticated: 401,
		fault.PermissionDenied: 403, fault.NotFound: 404, fault.Aborted: 409, fault.AlreadyExists: 409, fault.ResourceExhausted: 429,
		fault.Canceled: 499, fault.DataLoss: 500, fault.Unknown: 500, fault.Internal: 500, fault.Unimplemented: 501,
		fault.Unavailable: 503, fault.DeadlineExceeded: 504,
	} {
		s := serve(t)
		s.chain.fault = fault.New(code, "SOME_REASON", "words")
		if w := s.do("GET", "/v1/orders/"+orderID, ""); w.Code != want {
			t.Errorf("code %d: status %d, want %d", code, w.Code, want)
		}
	}
}

func TestFaultBodies(t *testing.T) {
	s := serve(t)
	s.chain.fault = fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION", `the order is "PAID"`).
		With("current_status", "PAID").With("a", "b").Needing("STATUS", orderID, "must be RESERVED").
		Violating("x", "Y", "is z").After(1500 * time.Millisecond).Because(errors.New("for the log only"))
	s.chain.fault.TraceID = "t-1"
	w := s.do("POST", "/v1/orders/"+orderID+":pay", "")
	const rest = `"retryable":false,"trace_id":"t-1","details":[` +
		`{"type":"error_info","reason":"ILLEGAL_TRANSITION","domain":"oms","metadata":{"a":"b","current_status":"PAID"}},` +
		`{"type":"bad_request","field_violations":[{"field":"x","description":"is z","reason":"Y"}]},` +
		`{"type":"precondition_failure","violations":[{"type":"STATUS","subject":"` + orderID + `","description":"must be RESERVED"}]},` +
		`{"type":"retry_info","retry_delay":"1.5s"}]}`
	if want := `{"code":"ILLEGAL_TRANSITION","message":"the order is \"PAID\"",` + rest; w.Code != 400 || w.Body.String() != want {
		t.Errorf("%d\ngot  %s\nwant %s", w.Code, w.Body, want)
	}
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: %q", got)
	}
	w = s.do("POST", "/v1/orders/"+orderID+":pay", "", "Accept: text/html, application/problem+json;q=0.9")
	want := `{"type":"urn:oms:error:ILLEGAL_TRANSITION","title":"illegal transition","status":400,"detail":"the order is \"PAID\"","code":"ILLEGAL_TRANSITION",` + rest
	if w.Body.String() != want || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v\ngot  %s\nwant %s", w.Header(), w.Body, want)
	}

	s.chain.fault = fault.New(fault.ResourceExhausted, "RATE_LIMITED", "more than 1 in a second")
	w = s.do("GET", "/v1/orders/"+orderID, "")
	if !strings.HasSuffix(w.Body.String(), `{"type":"retry_info","retry_delay":"1s"},{"type":"quota_failure","violations":[{"subject":"RATE_LIMITED","description":"more than 1 in a second"}]}]}`) {
		t.Errorf("%s", w.Body)
	}
	if w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"retryable":true`) {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	s.chain.fault = fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "no token")
	if w := s.do("GET", "/v1/orders/"+orderID, ""); w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%v", w.Header())
	}
}

// TestPanic checks that a panic in this edge is answered, and tells nothing.
func TestPanic(t *testing.T) {
	s := serve(t)
	s.orders.list = func(*omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error) { panic("secret") }
	w := s.do("GET", "/v1/orders", "")
	if e := errorOf(t, w.Body.Bytes()); w.Code != 500 || e.Code != "INTERNAL" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDocuments(t *testing.T) {
	s := serve(t)
	for path, want := range map[string]string{"/openapi.yaml": "openapi: 3.1", "/docs": "/openapi.yaml", "/docs/redoc.standalone.js": "Redoc", "/docs/redoc.LICENSE.txt": "MIT",
		"/provider/docs": "/provider/openapi.yaml", "/api/docs": "/api/openapi.yaml", "/api/openapi.yaml": "openapi: 3.1"} {
		w := s.do("GET", path, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	page := s.do("GET", "/docs", "")
	if policy := page.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "http") {
		t.Errorf("the page may ask others: %s", policy)
	}
	if strings.Contains(page.Body.String(), "//") {
		t.Errorf("the page names another host: %s", page.Body)
	}
	if len(s.chain.calls)+len(s.chain.refused) != 0 {
		t.Error("the documents need a credential")
	}
	// What only a server for development has, only it documents.
	for _, path := range []string{"/dev/openapi.yaml", "/dev/docs"} {
		if w := s.do("GET", path, ""); w.Code != 404 {
			t.Errorf("%s without its routes: %d", path, w.Code)
		}
	}
	if w := s.do("GET", "/openapi.yaml", ""); strings.Contains(w.Body.String(), "/v1/dev/") {
		t.Error("the document has paths of development")
	}
}

// errorBody is the body of ruling R-5.
type errorBody struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
	TraceID   string `json:"trace_id"`
	Details   []struct {
		Type            string `json:"type"`
		FieldViolations []struct {
			Field string `json:"field"`
		} `json:"field_violations"`
	} `json:"details"`
}

func errorOf(t *testing.T, body []byte) errorBody {
	t.Helper()
	var e errorBody
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

func (e errorBody) violation() string {
	for _, d := range e.Details {
		if d.Type == "bad_request" {
			return d.FieldViolations[0].Field
		}
	}
	return ""
}
