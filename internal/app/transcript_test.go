package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
)

// visit is one request of the tour, in each dialect that can express it. $1 is the first order, and so on.
type visit struct {
	title   string
	rest    string   // "POST /v1/orders"; empty when only gRPC can say it
	headers []string // of REST
	method  string   // "OrderService/CreateOrder"; empty when only REST can say it
	body    string   // JSON of both dialects
	message string   // JSON by gRPC where it differs: what REST has in its path and query
	key     string   // idempotency key
	keeps   bool     // the answer is the next order
	until   func(*omsv1.Order) bool
	order   string // that is waited for after the request
}

func is(wanted omsv1.OrderStatus) func(*omsv1.Order) bool {
	return func(o *omsv1.Order) bool { return o.Status == wanted }
}

const (
	twoMugs   = `{"customer_id":"ann","currency":"EUR","items":[{"sku":"mug","qty":2,"price":{"currency":"EUR","amount_minor":500}}]}`
	threeMugs = `{"customer_id":"ann","currency":"EUR","items":[{"sku":"mug","qty":3,"price":{"currency":"EUR","amount_minor":500}}]}`
)

// tour is a visit to the shop. What a client can see of it is in testdata: a change there is a change for clients, and needs to
// be compatible or a new version (requirement V-3).
var tour = []visit{
	{title: "stock five mugs", rest: "PUT /v1/inventory/items/mug", method: "InventoryService/SetStock", key: "stock",
		body: `{"on_hand":5}`, message: `{"sku":"mug","on_hand":5}`},
	{title: "forget how many", rest: "PUT /v1/inventory/items/mug", method: "InventoryService/SetStock", key: "forget",
		body: `{}`, message: `{"sku":"mug"}`},
	{title: "one more mug", rest: "POST /v1/inventory/items/mug:adjust", method: "InventoryService/AdjustStock", key: "more",
		body: `{"difference":1}`, message: `{"sku":"mug","difference":1}`},
	{title: "of a version that is gone", rest: "PUT /v1/inventory/items/mug", method: "InventoryService/SetStock", key: "stale",
		body: `{"on_hand":5,"expected_version":1}`, message: `{"sku":"mug","on_hand":5,"expected_version":1}`},
	{title: "order two", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "first", body: twoMugs, keeps: true,
		order: "$1", until: is(omsv1.OrderStatus_ORDER_STATUS_RESERVED)},
	{title: "the same again", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "first", body: twoMugs},
	{title: "another order by the same key", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "first", body: threeMugs},
	{title: "an order without a key", rest: "POST /v1/orders", method: "OrderService/CreateOrder", body: twoMugs},
	{title: "everything wrong at once", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "wrong",
		body: `{"customer_id":"","currency":"eur","items":[{"sku":" ","qty":0,"price":{"currency":"EUR","amount_minor":-1}}]}`},
	{title: "two currencies", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "mixed",
		body: strings.Replace(twoMugs, `"EUR","items"`, `"USD","items"`, 1)},
	{title: "the order is reserved", rest: "GET /v1/orders/$1", method: "OrderService/GetOrder", message: `{"order_id":"$1"}`},
	{title: "say where it goes", rest: "PUT /v1/orders/$1/delivery-details", method: "OrderService/PutDeliveryDetails", key: "where",
		body:    `{"delivery_details":{"recipient_name":"Ann","city":"Bern","country":"CH"}}`,
		message: `{"order_id":"$1","delivery_details":{"recipient_name":"Ann","city":"Bern","country":"CH"}}`},
	{title: "write what is computed", rest: "PUT /v1/orders/$1/client-details", key: "computed", body: `{"client_details":{"name":"Ann"},"version":9}`},
	{title: "change it by a token that is gone", rest: "POST /v1/orders/$1/changes", method: "OrderService/ChangeOrder", key: "gone",
		body:    `{"change_token":"old","changes":[{"path":"items[0].qty","qty":3}]}`,
		message: `{"order_id":"$1","change_token":"old","changes":[{"path":"items[0].qty","qty":3}]}`},
	{title: "change what no order has", rest: "POST /v1/orders/$1/changes", method: "OrderService/ChangeOrder", key: "status",
		body:    `{"change_token":"old","changes":[{"change_id":"a","path":"status","value":"PAID"},{"path":"metadata.gift","value":"yes"}]}`,
		message: `{"order_id":"$1","change_token":"old","changes":[{"change_id":"a","path":"status","value":"PAID"},{"path":"metadata.gift","value":"yes"}]}`},
	{title: "what was changed", rest: "GET /v1/orders/$1/changes-history", method: "OrderService/ListOrderChanges", message: `{"order_id":"$1"}`},
	{title: "refund what is not paid", rest: "POST /v1/orders/$1:refund", method: "OrderService/RefundOrder", key: "early",
		body: `{}`, message: `{"order_id":"$1"}`},
	{title: "pay by a card number", rest: "POST /v1/orders/$1:pay", method: "OrderService/PayOrder", key: "card",
		body: `{"payment_token":"4111111111111111"}`, message: `{"order_id":"$1","payment_token":"4111111111111111"}`},
	{title: "pay", rest: "POST /v1/orders/$1:pay", method: "OrderService/PayOrder", key: "pay",
		body: `{"payment_token":"sim:ok"}`, message: `{"order_id":"$1","payment_token":"sim:ok"}`,
		order: "$1", until: is(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)},
	{title: "the order is confirmed", rest: "GET /v1/orders/$1", method: "OrderService/GetOrder", message: `{"order_id":"$1"}`},
	{title: "pay again", rest: "POST /v1/orders/$1:pay", method: "OrderService/PayOrder", key: "again",
		body: `{"payment_token":"sim:ok"}`, message: `{"order_id":"$1","payment_token":"sim:ok"}`},
	{title: "cancel too late", rest: "POST /v1/orders/$1:cancel", method: "OrderService/CancelOrder", key: "late",
		body: `{"reason":"changed my mind"}`, message: `{"order_id":"$1","reason":"changed my mind"}`},
	{title: "refund a part", rest: "POST /v1/orders/$1:refund", method: "OrderService/RefundOrder", key: "part",
		body:    `{"amount":{"currency":"EUR","amount_minor":300},"reason":"scratched"}`,
		message: `{"order_id":"$1","amount":{"currency":"EUR","amount_minor":300},"reason":"scratched"}`,
		order:   "$1", until: func(o *omsv1.Order) bool { return o.GetRefunded().GetAmountMinor() == 300 }},
	{title: "refund more than there is", rest: "POST /v1/orders/$1:refund", method: "OrderService/RefundOrder", key: "much",
		body:    `{"amount":{"currency":"EUR","amount_minor":701}}`,
		message: `{"order_id":"$1","amount":{"currency":"EUR","amount_minor":701}}`},
	{title: "refund the rest", rest: "POST /v1/orders/$1:refund", method: "OrderService/RefundOrder", key: "rest",
		body: `{}`, message: `{"order_id":"$1"}`, order: "$1", until: is(omsv1.OrderStatus_ORDER_STATUS_REFUNDED)},
	{title: "the order is refunded", rest: "GET /v1/orders/$1", method: "OrderService/GetOrder", message: `{"order_id":"$1"}`},
	{title: "order three", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "second", body: threeMugs, keeps: true,
		order: "$2", until: is(omsv1.OrderStatus_ORDER_STATUS_RESERVED)},
	{title: "order three more, which are not there", rest: "POST /v1/orders", method: "OrderService/CreateOrder", key: "third",
		body: threeMugs, keeps: true, order: "$3", until: is(omsv1.OrderStatus_ORDER_STATUS_CANCELED)},
	{title: "the order ended for want of stock", rest: "GET /v1/orders/$3", method: "OrderService/GetOrder", message: `{"order_id":"$3"}`},
	{title: "cancel", rest: "POST /v1/orders/$2:cancel", method: "OrderService/CancelOrder", key: "cancel",
		body: `{"reason":"changed my mind"}`, message: `{"order_id":"$2","reason":"changed my mind"}`,
		order: "$2", until: is(omsv1.OrderStatus_ORDER_STATUS_CANCELED)},
	{title: "follow an order that has ended", rest: "GET /v1/orders/$2:watch", method: "OrderService/WatchOrder", message: `{"order_id":"$2"}`},
	{title: "its life", rest: "GET /v1/orders/$2/timeline", method: "OrderService/GetTimeline", message: `{"order_id":"$2"}`},
	{title: "the stock in the end", rest: "GET /v1/inventory/items/mug", method: "InventoryService/GetStock", message: `{"sku":"mug"}`},
	{title: "one order a page", rest: "GET /v1/orders?page_size=1", method: "OrderService/ListOrders", message: `{"page_size":1}`},
	{title: "orders of nobody", rest: "GET /v1/users/bob/orders", method: "OrderService/ListOrders", message: `{"customer_id":"bob"}`},
	{title: "a page token of noise", rest: "GET /v1/orders?page_token=noise", method: "OrderService/ListOrders", message: `{"page_token":"noise"}`},
	{title: "what became of a payment", rest: "GET /v1/operations/again", method: "OrderService/GetOperation", message: `{"idempotency_key":"again"}`},
	{title: "what became of nothing", rest: "GET /v1/operations/unheard", method: "OrderService/GetOperation", message: `{"idempotency_key":"unheard"}`},
	{title: "an order that is not there", rest: "GET /v1/orders/" + noOrder, method: "OrderService/GetOrder", message: `{"order_id":"` + noOrder + `"}`},
	{title: "a payment for an order", rest: "GET /v1/orders/payment:0198a000-0000-7000-8000-000000000000", method: "OrderService/GetOrder",
		message: `{"order_id":"payment:0198a000-0000-7000-8000-000000000000"}`},
	{title: "no such path", rest: "GET /v1/nothing"},
	{title: "no such method of a path", rest: "DELETE /v1/orders"},
	{title: "what a path allows", rest: "OPTIONS /v1/orders"},
	{title: "not JSON by its type", rest: "POST /v1/orders", key: "type", headers: []string{"Content-Type: text/plain"}, body: twoMugs},
	{title: "not JSON", rest: "POST /v1/orders", key: "syntax", body: `{"customer_id":`},
	{title: "a name twice", rest: "POST /v1/orders", key: "twice", body: `{"customer_id":"ann",` + twoMugs[1:]},
	{title: "a name that is unknown", rest: "POST /v1/orders", key: "unknown", body: `{"colour":"red",` + twoMugs[1:]},
	{title: "a price without its amount", rest: "POST /v1/orders", key: "free", body: strings.Replace(twoMugs, `,"amount_minor":500`, ``, 1)},
	{title: "an exponent for a count", rest: "POST /v1/orders", key: "exponent", body: strings.Replace(twoMugs, `"qty":2`, `"qty":1e3`, 1)},
	{title: "a problem of RFC 9457", rest: "GET /v1/orders/" + noOrder, headers: []string{"Accept: application/problem+json"}},
	{title: "no such method", method: "OrderService/Nothing", message: `{}`},
}

func TestTranscripts(t *testing.T) {
	for dialect, send := range map[string]func(*running, *testing.T, visit) string{"rest": (*running).byREST, "grpc": (*running).byGRPC} {
		t.Run(dialect, func(t *testing.T) {
			server := start(t)
			transcript := &transcript{names: map[string]string{}}
			for _, v := range tour {
				if dialect == "rest" && v.rest == "" || dialect == "grpc" && v.method == "" {
					continue
				}
				v = transcript.resolve(v)
				answer := send(server, t, v)
				if v.keeps {
					transcript.orders = append(transcript.orders, orderID.FindString(answer))
				}
				if v.until != nil {
					server.follow(t, transcript.resolve(v).order, v.until)
				}
				fmt.Fprintf(&transcript.text, "=== %s\n%s\n", v.title, transcript.normal(answer))
			}
			golden(t, "testdata/transcript_"+dialect+".txt", transcript.text.Bytes())
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" { // the flag is that of the package's inner tests
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d: clients see\n%s\nand saw\n%s\nif that is meant and compatible, run the test with -update", file, i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%s has %d lines, want %d", file, len(gotLines), len(wantLines))
	}
}

// transcript gathers what was said, with names in place of what differs from run to run.
type transcript struct {
	text   bytes.Buffer
	orders []string
	names  map[string]string // of ids
}

func (s *transcript) resolve(v visit) visit {
	for i, order := range s.orders {
		place := fmt.Sprintf("$%d", i+1)
		for _, text := range []*string{&v.rest, &v.body, &v.message, &v.order} {
			*text = strings.ReplaceAll(*text, place, order)
		}
	}
	return v
}

var (
	orderID = regexp.MustCompile(`order:[0-9a-f-]{36}`)
	anyID   = regexp.MustCompile(`([a-z]+):[0-9a-f]{8}-[0-9a-f-]{27}`)
	// What else differs from run to run, as JSON writes it.
	moment  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	traceID = regexp.MustCompile(`"[0-9a-f]{32}"`)
	token   = regexp.MustCompile(`("(?:next_page_token|change_token)":\s*)"[^"]+"`)
)

func (s *transcript) normal(text string) string {
	text = anyID.ReplaceAllStringFunc(text, func(found string) string {
		if found == noOrder {
			return found
		}
		name, known := s.names[found]
		if !known {
			kind, _, _ := strings.Cut(found, ":")
			name = fmt.Sprintf("%s:<%d>", kind, len(s.names)+1)
			s.names[found] = name
		}
		return name
	})
	text = moment.ReplaceAllString(text, "<time>")
	text = traceID.ReplaceAllString(text, `"<trace>"`)
	return token.ReplaceAllString(text, `$1"<token>"`)
}

// byREST sends a request and writes down both sides.
func (r *running) byREST(t *testing.T, v visit) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	verb, path, _ := strings.Cut(v.rest, " ")
	request, err := http.NewRequestWithContext(ctx, verb, "http://"+r.api()+path, strings.NewReader(v.body))
	if err != nil {
		t.Fatal(err)
	}
	if v.key != "" {
		request.Header.Set("Idempotency-Key", v.key)
	}
	for _, header := range v.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "> %s\n", v.rest)
	for _, header := range v.headers {
		fmt.Fprintf(&s, "> %s\n", header)
	}
	if v.key != "" {
		fmt.Fprintf(&s, "> Idempotency-Key: %s\n", v.key)
	}
	if v.body != "" {
		fmt.Fprintf(&s, "> %s\n", v.body)
	}
	fmt.Fprintf(&s, "< %d\n", response.StatusCode)
	for _, name := range []string{"Content-Type", "Allow", "Retry-After", "Idempotent-Replayed"} {
		if value := response.Header.Get(name); value != "" {
			fmt.Fprintf(&s, "< %s: %s\n", name, value)
		}
	}
	s.WriteString(indented(body))
	return s.String()
}

// indented writes JSON a member a line, so that a change shows as the line that changed; anything else as it is.
func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String() + "\n"
}

// byGRPC sends a request and writes down both sides.
func (r *running) byGRPC(t *testing.T, v visit) string {
	t.Helper()
	_, public, internal, _ := r.Addresses()
	address := internal
	if strings.HasPrefix(v.method, "OrderService/") {
		address = public
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if v.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", v.key)
	}
	text := v.message
	if text == "" {
		text = v.body
	}
	method := contract.NewTable(omsv1.Methods)["/oms.v1."+v.method]
	if method == nil { // one that there is not
		method = &contract.Method{NewRequest: func() proto.Message { return &omsv1.GetOrderRequest{} }, NewResponse: func() proto.Message { return &omsv1.Order{} }}
	}
	request := method.NewRequest()
	if err := protojson.Unmarshal([]byte(text), request); err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "> %s\n", v.method)
	if v.key != "" {
		fmt.Fprintf(&s, "> idempotency-key: %s\n", v.key)
	}
	fmt.Fprintf(&s, "> %s\n", text)
	var headers metadata.MD
	stream, err := dial(t, address).NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/oms.v1."+v.method, grpc.Header(&headers))
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.SendMsg(request) // its error is that of the answer
	_ = stream.CloseSend()
	for {
		response := method.NewResponse()
		if err = stream.RecvMsg(response); err != nil {
			break
		}
		s.WriteString("< " + asText(t, response))
	}
	if replayed := headers.Get("idempotent-replayed"); len(replayed) > 0 {
		fmt.Fprintf(&s, "< idempotent-replayed: %s\n", replayed[0])
	}
	if err != io.EOF { //nolint:errorlint // the very value, as grpc answers it
		s.WriteString("< " + status.Code(err).String() + " " + asText(t, status.Convert(err).Proto()))
	}
	return s.String()
}

// asText is a message as JSON; protojson makes its white space differ from build to build.
func asText(t *testing.T, m proto.Message) string {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return indented(text)
}

// follow waits until an order is as wanted.
func (r *running) follow(t *testing.T, orderID string, wanted func(*omsv1.Order) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := r.orders.WatchOrder(ctx, &omsv1.WatchOrderRequest{OrderId: orderID})
	for err == nil {
		var response *omsv1.WatchOrderResponse
		if response, err = stream.Recv(); err == nil && wanted(response.Order) {
			return
		}
	}
	t.Fatalf("waiting for %s: %v", orderID, err)
}
