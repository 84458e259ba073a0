package reliability

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/load"
)

// both is a request that both dialects can express.
type both struct {
	method string // REST
	path   string
	body   string // empty: the message
	grpc   string // full name of the gRPC method; empty when only REST can say it
	inner  bool   // it is on the internal listener
	// message is the request by gRPC.
	message proto.Message
	key     string // empty: a new one; "-" for none
}

// want is how a request is refused.
type want struct {
	code   fault.Code
	reason string
	fields []string // each is named
	any    bool     // whatever the reason
}

func invalid(reason string, fields ...string) want {
	return want{fault.InvalidArgument, reason, fields, false}
}

const validation = "VALIDATION_FAILED"

// gallery is a server with orders in every status.
type gallery struct {
	*world
	reserved, confirmed, canceled, refunded *omsv1.Order
}

func newGallery(w *world) *gallery {
	w.stock("mug", 1_000)
	g := &gallery{world: w, reserved: w.reserve(draft("c", 2, "mug")), confirmed: w.buy(draft("c", 1, "mug"))}
	g.canceled = w.reserve(draft("c", 1, "mug"))
	if w.tryCancel(w.t, 0, g.canceled.Id) != "" {
		w.t.Fatal("cannot cancel")
	}
	g.refunded = w.buy(draft("c", 1, "mug"))
	if w.tryRefund(w.t, 0, g.refunded.Id, 0) != "" {
		w.t.Fatal("cannot refund")
	}
	g.canceled, g.refunded = w.await(g.canceled.Id, canceled), w.await(g.refunded.Id, refunded)
	w.rest()
	return g
}

// footprint sums up everything that a command could change.
func (g *gallery) footprint() string {
	var sums []string
	for _, query := range []string{
		"SELECT count(*) FROM events", "SELECT count(*) FROM orders", "SELECT CAST(sum(version) AS bigint) FROM orders",
		"SELECT count(*) FROM order_lines", "SELECT CAST(sum(version + on_hand + reserved + sold) AS bigint) FROM items",
		"SELECT count(*) FROM effects", "SELECT count(*) FROM ledger_entries", "SELECT count(*) FROM timers",
		"SELECT CAST(sum(version + captured_minor + refunded_minor) AS bigint) FROM payments", "SELECT count(*) FROM dead_letters",
	} {
		sums = append(sums, fmt.Sprint(g.count(query)))
	}
	return strings.Join(sums, " ")
}

// check sends a request in each dialect that can express it.
func (g *gallery) check(t *testing.T, b both, want want) {
	t.Helper()
	key := b.key
	if key == "" {
		key = load.Key()
	}
	byREST := key
	if key == "-" {
		byREST = ""
	}
	server := g.any(0)
	if b.method != "" {
		body := b.body
		if body == "" && b.message != nil && b.method != http.MethodGet {
			body = asJSON(t, b.message)
		}
		got := server.http(t, b.method, b.path, byREST, body)
		refusal := got.refusal(t)
		expected := contract.HTTPStatus(want.code)
		if want.reason == "BODY_TOO_LARGE" { // what HTTP itself has a status for
			expected = http.StatusRequestEntityTooLarge
		}
		if got.status != expected || !want.any && refusal.Code != want.reason {
			t.Errorf("REST answers %d %s, want %d %s", got.status, got.body, expected, want.reason)
		}
		checkFields(t, "REST", want.fields, fieldsOf(refusal))
		if refusal.TraceID == "" || refusal.Message == "" {
			t.Errorf("REST answers %s", got.body)
		}
	}
	if b.grpc != "" {
		err := g.call(t, b, key)
		if codes.Code(want.code) != status.Code(err) || !want.any && reasonOf(err) != want.reason {
			t.Errorf("gRPC answers %v (%s), want %v %s", err, reasonOf(err), want.code, want.reason)
		}
		checkFields(t, "gRPC", want.fields, violated(err))
	}
}

func (g *gallery) call(t *testing.T, b both, key string) error {
	t.Helper()
	ctx := within(t)
	if key != "-" {
		ctx = keyed(t, key)
	}
	s := g.any(0)
	connection := s.public
	if b.inner {
		connection = s.internal
	}
	var response []byte
	request := encoded(t, b.message)
	return connection.Invoke(ctx, b.grpc, &request, &response, grpc.ForceCodec(raw{}))
}

func fieldsOf(r refused) []string {
	var fields []string
	for _, detail := range r.Details {
		for _, violation := range detail.Violations {
			fields = append(fields, violation.Field)
			if violation.Description == "" {
				fields = append(fields, "a violation without words")
			}
		}
	}
	return fields
}

func violated(err error) []string {
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		if bad, is := detail.(*errdetails.BadRequest); is {
			for _, violation := range bad.FieldViolations {
				fields = append(fields, violation.Field)
			}
		}
	}
	return fields
}

func checkFields(t *testing.T, dialect string, want, got []string) {
	t.Helper()
	for _, field := range want {
		if !slices.Contains(got, field) {
			t.Errorf("%s does not name %q, but %q", dialect, field, got)
		}
	}
}

// bad is a CreateOrder that is right but for a change.
func bad(change func(*omsv1.CreateOrderRequest)) both {
	request := draft("c", 1, "mug")
	change(request)
	return both{method: http.MethodPost, path: "/v1/orders", grpc: createMethod, message: request}
}

// notJSON is a CreateOrder whose body is no message.
func notJSON(body string) both { return both{method: http.MethodPost, path: "/v1/orders", body: body} }

const line = `{"customer_id":"c","currency":"EUR","items":[{"sku":"mug","qty":1,"price":{"currency":"EUR","amount_minor":1000}}]`

func badBodies() map[string]struct {
	both
	want
} {
	type row = struct {
		both
		want
	}
	return map[string]row{
		"no JSON":              {notJSON(`{"customer_id":`), want{code: fault.InvalidArgument, any: true}},
		"no object":            {notJSON(`[1]`), want{code: fault.InvalidArgument, any: true}},
		"more than one object": {notJSON(line + `} {}`), want{code: fault.InvalidArgument, any: true}},
		"null":                 {notJSON(`null`), want{code: fault.InvalidArgument, any: true}},
		"empty":                {notJSON(` `), want{code: fault.InvalidArgument, any: true}},
		"no UTF-8":             {notJSON(line + ",\"client_reference\":\"\xff\"}"), want{code: fault.InvalidArgument, any: true}},
		"half a surrogate":     {notJSON(line + `,"client_reference":"\ud800"}`), invalid(validation, "client_reference")},
		"all at once": {
			both{
				method: http.MethodPost, path: "/v1/orders", key: "-",
				body: `{"customer_id":"c","currency":"EUR","items":[{"sku":"mug","qty":0,"price":{"currency":"USD","amount_minor":-1}}]}`,
			},
			invalid(validation, "items[0].qty", "items[0].price.currency", "items[0].price.amount_minor", "Idempotency-Key"),
		},
		"unknown field":         {notJSON(line + `,"colour":"red"}`), invalid(validation, "colour")},
		"unknown inner field":   {notJSON(strings.Replace(line, `"qty"`, `"colour":1,"qty"`, 1) + `}`), invalid(validation, "items[0].colour")},
		"camel case":            {notJSON(line + `,"clientReference":"x"}`), invalid(validation, "clientReference")},
		"field twice":           {notJSON(line + `,"customer_id":"d"}`), invalid(validation, "customer_id")},
		"number for a string":   {notJSON(strings.Replace(line, `"c"`, `7`, 1) + `}`), invalid(validation, "customer_id")},
		"string for a list":     {notJSON(`{"customer_id":"c","currency":"EUR","items":"mug"}`), invalid(validation, "items")},
		"list for a message":    {notJSON(strings.Replace(line, `{"currency":"EUR","amount_minor":1000}`, `[]`, 1) + `}`), invalid(validation, "items[0].price")},
		"fraction for a count":  {notJSON(strings.Replace(line, `"qty":1`, `"qty":1.5`, 1) + `}`), invalid(validation, "items[0].qty")},
		"exponent for a count":  {notJSON(strings.Replace(line, `"qty":1`, `"qty":1e3`, 1) + `}`), invalid(validation, "items[0].qty")},
		"bool for a count":      {notJSON(strings.Replace(line, `"qty":1`, `"qty":true`, 1) + `}`), invalid(validation, "items[0].qty")},
		"count beyond 32 bits":  {notJSON(strings.Replace(line, `"qty":1`, `"qty":4294967297`, 1) + `}`), invalid(validation, "items[0].qty")},
		"amount beyond 64 bits": {notJSON(strings.Replace(line, `1000`, `9223372036854775808`, 1) + `}`), invalid(validation, "items[0].price.amount_minor")},
		"metadata of numbers":   {notJSON(line + `,"metadata":{"a":1}}`), invalid(validation, `metadata["a"]`)},
		"2 MB":                  {notJSON(line + `,"client_reference":"` + strings.Repeat("x", 2<<20) + `"}`), invalid("BODY_TOO_LARGE")},
		"deep": {notJSON(`{"customer_id":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`),
			want{code: fault.InvalidArgument, any: true}},
	}
}

func badOrders() map[string]struct {
	both
	want
} {
	type row = struct {
		both
		want
	}
	type request = omsv1.CreateOrderRequest
	return map[string]row{
		"no line":      {bad(func(r *request) { r.Items = nil }), invalid(validation, "items")},
		"1,001 lines":  {bad(func(r *request) { r.Items = slices.Repeat(r.Items, 1_001) }), invalid(validation, "items")},
		"no customer":  {bad(func(r *request) { r.CustomerId = "" }), invalid(validation, "customer_id")},
		"spaces":       {bad(func(r *request) { r.CustomerId = " c" }), invalid(validation, "customer_id")},
		"only dots":    {bad(func(r *request) { r.CustomerId = ".." }), invalid(validation, "customer_id")},
		"long":         {bad(func(r *request) { r.CustomerId = strings.Repeat("c", 129) }), invalid(validation, "customer_id")},
		"qty 0":        {bad(func(r *request) { r.Items[0].Qty = 0 }), invalid(validation, "items[0].qty")},
		"qty -1":       {bad(func(r *request) { r.Items[0].Qty = -1 }), invalid(validation, "items[0].qty")},
		"no price":     {bad(func(r *request) { r.Items[0].Price = nil }), invalid(validation, "items[0].price")},
		"price beyond": {bad(func(r *request) { r.Items[0].Price.AmountMinor = 1 << 53 }), invalid(validation, "items[0].price.amount_minor")},
		"price below 0": {bad(func(r *request) { r.Items[0].Price.AmountMinor = -1 }),
			want{fault.InvalidArgument, "NEGATIVE_AMOUNT", []string{"items[0].price.amount_minor"}, false}},
		"line overflows": {bad(func(r *request) { r.Items[0].Qty, r.Items[0].Price.AmountMinor = 2, 1<<53-1 }),
			want{fault.InvalidArgument, "AMOUNT_OVERFLOW", []string{"items[0]"}, false}},
		"line overflows 64 bits": {bad(func(r *request) { r.Items[0].Qty, r.Items[0].Price.AmountMinor = 1<<31-1, 1<<53-1 }),
			want{fault.InvalidArgument, "AMOUNT_OVERFLOW", []string{"items[0]"}, false}},
		"sum overflows": {bad(func(r *request) {
			r.Items = append(r.Items, proto.CloneOf(r.Items[0]))
			r.Items[0].Price.AmountMinor, r.Items[1].Price.AmountMinor = 1<<53-1, 1
		}), want{fault.InvalidArgument, "AMOUNT_OVERFLOW", nil, false}},
		"sum below 0": {bad(func(r *request) { r.Adjustments = []*omsv1.Adjustment{{Name: "discount", Amount: euros(-1001)}} }),
			want{fault.InvalidArgument, "NEGATIVE_AMOUNT", nil, false}},
		"mixed currencies": {bad(func(r *request) { r.Items[0].Price.Currency = "USD" }),
			want{fault.InvalidArgument, "CURRENCY_MISMATCH", []string{"items[0].price.currency"}, false}},
		"mixed adjustment": {bad(func(r *request) {
			r.Adjustments = []*omsv1.Adjustment{{Name: "shipping", Amount: &omsv1.Money{Currency: "USD", AmountMinor: 1}}}
		}), want{fault.InvalidArgument, "CURRENCY_MISMATCH", []string{"adjustments[0].amount.currency"}, false}},
		"unknown currency": {bad(func(r *request) { r.Currency, r.Items[0].Price.Currency = "XQX", "XQX" }),
			want{code: fault.InvalidArgument, fields: []string{"currency"}, any: true}},
		"small currency": {bad(func(r *request) { r.Currency = "eur" }), invalid(validation, "currency")},
		"no currency":    {bad(func(r *request) { r.Currency = "" }), invalid(validation, "currency")},
		"much metadata": {bad(func(r *request) {
			r.Metadata = map[string]string{}
			for i := range 33 {
				r.Metadata[fmt.Sprint(i)] = ""
			}
		}), invalid(validation, "metadata")},
		"all at once": {bad(func(r *request) { r.CustomerId, r.Currency, r.Items[0].Qty = "", "e", 0 }),
			invalid(validation, "customer_id", "currency", "items[0].qty")},
		"no key":          {both{http.MethodPost, "/v1/orders", "", createMethod, false, draft("c", 1, "mug"), "-"}, invalid("IDEMPOTENCY_KEY_MISSING", "Idempotency-Key")},
		"overlong key":    {both{http.MethodPost, "/v1/orders", "", createMethod, false, draft("c", 1, "mug"), strings.Repeat("k", 256)}, invalid("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key")},
		"unprintable key": {both{http.MethodPost, "/v1/orders", line + "}", "", false, nil, "k\u00e9"}, invalid("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key")},
	}
}

// about is a request about an order.
func about(verb, method, orderID string, message proto.Message) both {
	b := both{method: http.MethodPost, path: "/v1/orders/" + url.PathEscape(orderID) + ":" + verb, grpc: "/oms.v1.OrderService/" + method, message: message}
	return b
}

func pay(orderID string) both {
	return about("pay", "PayOrder", orderID, &omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: gateway.TokenOK})
}

func cancel(orderID string) both {
	return about("cancel", "CancelOrder", orderID, &omsv1.CancelOrderRequest{OrderId: orderID})
}

func refund(orderID string, amount *omsv1.Money) both {
	return about("refund", "RefundOrder", orderID, &omsv1.RefundOrderRequest{OrderId: orderID, Amount: amount})
}

func read(orderID string) both {
	return both{method: http.MethodGet, path: "/v1/orders/" + url.PathEscape(orderID), grpc: "/oms.v1.OrderService/GetOrder",
		message: &omsv1.GetOrderRequest{OrderId: orderID}}
}

func (g *gallery) badSteps() map[string]struct {
	both
	want
} {
	type row = struct {
		both
		want
	}
	illegal := want{code: fault.FailedPrecondition, reason: "ILLEGAL_TRANSITION"}
	absent, none := "order:0198a000-0000-7000-8000-000000000000", want{code: fault.NotFound, reason: "NOT_FOUND"}
	wrongKind := invalid(validation, "order_id")
	wrongKind.any = true
	stale := want{code: fault.Aborted, reason: "VERSION_CONFLICT"}
	old := func(b both) both {
		fields := b.message.ProtoReflect().Descriptor().Fields()
		b.message.ProtoReflect().Set(fields.ByName("expected_version"), protoreflect.ValueOfInt64(77))
		return b
	}
	token := pay(g.reserved.Id)
	token.message = &omsv1.PayOrderRequest{OrderId: g.reserved.Id, PaymentToken: "4111111111111111"}
	empty := pay(g.reserved.Id)
	empty.message = &omsv1.PayOrderRequest{OrderId: g.reserved.Id}
	rows := map[string]row{
		"pay a confirmed order": {pay(g.confirmed.Id), illegal}, "pay a canceled order": {pay(g.canceled.Id), illegal},
		"pay a refunded order":        {pay(g.refunded.Id), illegal},
		"cancel a confirmed order":    {cancel(g.confirmed.Id), illegal},
		"cancel a canceled order":     {cancel(g.canceled.Id), illegal},
		"cancel a refunded order":     {cancel(g.refunded.Id), illegal},
		"refund a reserved order":     {refund(g.reserved.Id, nil), illegal},
		"refund a canceled order":     {refund(g.canceled.Id, nil), illegal},
		"refund a refunded order":     {refund(g.refunded.Id, nil), illegal},
		"refund too much":             {refund(g.confirmed.Id, euros(1001)), want{code: fault.FailedPrecondition, reason: "REFUND_EXCEEDS_CAPTURED"}},
		"refund nothing":              {refund(g.confirmed.Id, euros(0)), want{code: fault.InvalidArgument, fields: []string{"amount.amount_minor"}, any: true}},
		"refund less than nothing":    {refund(g.confirmed.Id, euros(-1)), want{code: fault.InvalidArgument, fields: []string{"amount.amount_minor"}, any: true}},
		"refund in another currency":  {refund(g.confirmed.Id, &omsv1.Money{Currency: "USD", AmountMinor: 1}), invalid("CURRENCY_MISMATCH", "amount.currency")},
		"a token nobody knows":        {token, invalid("PAYMENT_TOKEN_INVALID", "payment_token")},
		"no token in production":      {empty, invalid("PAYMENT_TOKEN_INVALID", "payment_token")},
		"pay another version":         {old(pay(g.reserved.Id)), stale},
		"cancel another version":      {old(cancel(g.reserved.Id)), stale},
		"refund another version":      {old(refund(g.confirmed.Id, nil)), stale},
		"no such order":               {read(absent), none},
		"pay no such order":           {pay(absent), none},
		"cancel no such order":        {cancel(absent), none},
		"refund no such order":        {refund(absent, nil), none},
		"read an order below a kind":  {read("payment:0198a000-0000-7000-8000-000000000000"), wrongKind},
		"pay a payment":               {pay("payment:0198a000-0000-7000-8000-000000000000"), wrongKind},
		"cancel without a kind":       {cancel("0198a000-0000-7000-8000-000000000000"), wrongKind},
		"refund with half an id":      {refund("order:0198a000", nil), wrongKind},
		"no such path":                {both{method: http.MethodGet, path: "/v1/nothing"}, want{code: fault.NotFound, reason: "ROUTE_NOT_FOUND"}},
		"no such operation":           {both{http.MethodGet, "/v1/operations/unheard", "", "/oms.v1.OrderService/GetOperation", false, &omsv1.GetOperationRequest{IdempotencyKey: "unheard"}, ""}, none},
		"reserve for another's order": {both{grpc: "/oms.v1.InventoryService/Release", inner: true, message: &omsv1.ReleaseRequest{OrderId: absent}}, none},
	}
	return rows
}

// lists are bad lists and bad stock.
func (g *gallery) badLists() map[string]struct {
	both
	want
} {
	type row = struct {
		both
		want
	}
	const list, stock = "/oms.v1.OrderService/ListOrders", "/oms.v1.InventoryService/SetStock"
	get := func(query string, m *omsv1.ListOrdersRequest) both {
		b := both{method: http.MethodGet, path: "/v1/orders?" + query, message: m}
		if m != nil {
			b.grpc = list
		}
		return b
	}
	put := func(sku string, m *omsv1.SetStockRequest) both {
		m.Sku = sku
		return both{http.MethodPut, "/v1/inventory/items/" + url.PathEscape(sku), "", stock, true, m, ""}
	}
	foreign := g.pageToken("c")
	broken := foreign[:len(foreign)-2] + "xx"
	token := invalid("PAGE_TOKEN_INVALID", "page_token")
	return map[string]row{
		"page below 0": {get("page_size=-1", &omsv1.ListOrdersRequest{PageSize: -1}), invalid(validation, "page_size")},
		"page of 101":  {get("page_size=101", &omsv1.ListOrdersRequest{PageSize: 101}), invalid(validation, "page_size")},
		"page of a":    {get("page_size=a", nil), invalid(validation, "page_size")},
		"status 0": {get("filter_statuses=ORDER_STATUS_UNSPECIFIED", &omsv1.ListOrdersRequest{FilterStatuses: []omsv1.OrderStatus{0}}),
			invalid(validation, "filter_statuses[0]")},
		"status 9":                 {get("filter_statuses=GONE", nil), invalid(validation, "filter_statuses")},
		"no such filter":           {get("colour=red", nil), invalid(validation, "colour")},
		"no time":                  {get("created_from=yesterday", nil), invalid(validation, "created_from")},
		"broken token":             {get("customer_id=c&page_token="+broken, &omsv1.ListOrdersRequest{CustomerId: "c", PageToken: broken}), token},
		"token of noise":           {get("page_token=abc", &omsv1.ListOrdersRequest{PageToken: "abc"}), token},
		"token of another filter":  {get("customer_id=d&page_token="+foreign, &omsv1.ListOrdersRequest{CustomerId: "d", PageToken: foreign}), token},
		"token without its filter": {get("page_token="+foreign, &omsv1.ListOrdersRequest{PageToken: foreign}), token},
		"stock below 0":            {put("mug", &omsv1.SetStockRequest{OnHand: proto.Int64(-1)}), invalid(validation, "on_hand")},
		"stock beyond":             {put("mug", &omsv1.SetStockRequest{OnHand: proto.Int64(1 << 53)}), invalid(validation, "on_hand")},
		"stock below the reserved": {put("mug", &omsv1.SetStockRequest{OnHand: proto.Int64(1)}), want{code: fault.FailedPrecondition, reason: "BELOW_RESERVED"}},
		"stock of another version": {put("mug", &omsv1.SetStockRequest{OnHand: proto.Int64(5), ExpectedVersion: 999}), want{code: fault.Aborted, reason: "VERSION_CONFLICT"}},
		"stock of no SKU":          {put(" mug", &omsv1.SetStockRequest{OnHand: proto.Int64(5)}), invalid(validation, "sku")},
	}
}

// pageToken is the token of a list's second page.
func (g *gallery) pageToken(customer string) string {
	answer, err := g.client().Orders.ListOrders(within(g.t), &omsv1.ListOrdersRequest{CustomerId: customer, PageSize: 1})
	if err != nil || answer.NextPageToken == "" {
		g.t.Fatalf("%v %v", answer, err)
	}
	return answer.NextPageToken
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			w.startAll()
			g := newGallery(w)
			before := g.footprint()
			for name, rows := range map[string]map[string]struct {
				both
				want
			}{"body": badBodies(), "order": badOrders(), "step": g.badSteps(), "list": g.badLists()} {
				for title, row := range rows {
					t.Run(name+"/"+title, func(t *testing.T) { g.check(t, row.both, row.want) })
				}
			}
			t.Run("NUL", func(t *testing.T) { g.nulEverywhere(t) })
			t.Run("keys", func(t *testing.T) { g.differingKeys(t) })
			t.Run("2 MB by gRPC", func(t *testing.T) { g.hugeMessage(t) })
			if after := g.footprint(); after != before {
				t.Errorf("something changed: %s, before %s", after, before)
			}
			w.checkBooks()
		})
	}
}

// nulEverywhere puts the character NUL into every string field of every request.
func (g *gallery) nulEverywhere(t *testing.T) {
	full := draft("c", 1, "mug")
	full.ClientReference, full.Metadata = "r", map[string]string{"k": "v"}
	full.Adjustments = []*omsv1.Adjustment{{Name: "n", Amount: euros(1)}}
	const orders, stock, admin = "/oms.v1.OrderService/", "/oms.v1.InventoryService/", "/oms.v1.AdminService/"
	path := "/v1/orders/" + g.reserved.Id
	for _, b := range []both{
		{method: http.MethodPost, path: "/v1/orders", grpc: createMethod, message: full},
		{method: http.MethodPost, path: path + ":pay", grpc: orders + "PayOrder", message: &omsv1.PayOrderRequest{OrderId: g.reserved.Id, PaymentToken: "sim:ok"}},
		{method: http.MethodPost, path: path + ":cancel", grpc: orders + "CancelOrder", message: &omsv1.CancelOrderRequest{OrderId: g.reserved.Id, Reason: "r"}},
		{method: http.MethodPost, path: path + ":refund", grpc: orders + "RefundOrder", message: &omsv1.RefundOrderRequest{OrderId: g.reserved.Id, Reason: "r", Amount: euros(1)}},
		{grpc: orders + "GetOrder", message: &omsv1.GetOrderRequest{OrderId: g.reserved.Id}},
		{grpc: orders + "ListOrders", message: &omsv1.ListOrdersRequest{CustomerId: "c", PageToken: "t"}},
		{grpc: orders + "GetOperation", message: &omsv1.GetOperationRequest{IdempotencyKey: "k"}},
		{grpc: orders + "GetTimeline", message: &omsv1.GetTimelineRequest{OrderId: g.reserved.Id}},
		{grpc: stock + "SetStock", inner: true, message: &omsv1.SetStockRequest{Sku: "mug", OnHand: proto.Int64(5)}, method: http.MethodPut, path: "/v1/inventory/items/mug"},
		{grpc: stock + "AdjustStock", inner: true, message: &omsv1.AdjustStockRequest{Sku: "mug", Difference: 1}, method: http.MethodPost, path: "/v1/inventory/items/mug:adjust"},
		{grpc: stock + "GetStock", inner: true, message: &omsv1.GetStockRequest{Sku: "mug"}},
		{grpc: stock + "ListStock", inner: true, message: &omsv1.ListStockRequest{PageToken: "t"}},
		{grpc: stock + "Reserve", inner: true, message: &omsv1.ReserveRequest{OrderId: g.reserved.Id, Items: []*omsv1.ReservationItem{{Sku: "mug", Qty: 1}}}},
		{grpc: stock + "Release", inner: true, message: &omsv1.ReleaseRequest{OrderId: g.reserved.Id}},
		{grpc: "/oms.v1.PaymentService/Hold", inner: true, message: &omsv1.HoldRequest{OrderId: g.reserved.Id, PaymentToken: "sim:ok"}},
		{grpc: "/oms.v1.PaymentService/Refund", inner: true, message: &omsv1.RefundRequest{OrderId: g.reserved.Id, Reason: "r", Amount: euros(1)}},
		{grpc: "/oms.v1.PaymentService/Capture", inner: true, message: &omsv1.CaptureRequest{OrderId: g.reserved.Id}},
		{grpc: "/oms.v1.PaymentService/Void", inner: true, message: &omsv1.VoidRequest{OrderId: g.reserved.Id}},
		{grpc: "/oms.v1.PaymentService/GetPayment", inner: true, message: &omsv1.GetPaymentRequest{OrderId: g.reserved.Id}},
		{grpc: admin + "GetDeadLetter", inner: true, message: &omsv1.GetDeadLetterRequest{Id: "deadletter:0198a000-0000-7000-8000-000000000000"}},
		{grpc: admin + "ReplayDeadLetter", inner: true, message: &omsv1.ReplayDeadLetterRequest{Id: "deadletter:0198a000-0000-7000-8000-000000000000"}},
		{grpc: admin + "ListDeadLetters", inner: true, message: &omsv1.ListDeadLettersRequest{PageToken: "t"}},
	} {
		for place, spoiled := range spoil(b.message.ProtoReflect(), "", func() proto.Message { return proto.Clone(b.message) }) {
			t.Run(fmt.Sprintf("%s %s", b.grpc, place), func(t *testing.T) {
				b := b
				b.message = spoiled
				g.check(t, b, want{code: fault.InvalidArgument, fields: []string{place}, any: true})
			})
		}
	}
	for field, path := range map[string]string{
		"order_id": "/v1/orders/order%00", "sku": "/v1/inventory/items/m%00", "idempotency_key": "/v1/operations/a%00b",
		"customer_id": "/v1/users/a%00/orders", "page_token": "/v1/orders?page_token=a%00",
	} {
		g.check(t, both{method: http.MethodGet, path: path}, want{code: fault.InvalidArgument, fields: []string{field}, any: true})
	}
}

// spoil answers a copy of a message for each of its strings, with a NUL in that.
func spoil(m protoreflect.Message, prefix string, fresh func() proto.Message) map[string]proto.Message {
	spoiled := map[string]proto.Message{}
	visit(m, prefix, func(place string, set func(root protoreflect.Message)) {
		clone := fresh()
		set(clone.ProtoReflect())
		spoiled[place] = clone
	}, func(root protoreflect.Message) protoreflect.Message { return root })
	return spoiled
}

// visit finds the strings of a message; find goes from the root of a copy to the message there.
func visit(m protoreflect.Message, prefix string, found func(string, func(protoreflect.Message)), find func(protoreflect.Message) protoreflect.Message) {
	nul := protoreflect.ValueOfString("a\x00b")
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		place := prefix + string(field.Name())
		switch {
		case field.IsMap():
			found(place+`["k"]`, func(root protoreflect.Message) {
				find(root).Mutable(field).Map().Set(protoreflect.ValueOfString("k").MapKey(), nul)
			})
		case field.IsList() && field.Message() != nil:
			visit(value.List().Get(0).Message(), place+"[0].", found, func(root protoreflect.Message) protoreflect.Message {
				return find(root).Mutable(field).List().Get(0).Message()
			})
		case field.Message() != nil:
			visit(value.Message(), place+".", found, func(root protoreflect.Message) protoreflect.Message {
				return find(root).Mutable(field).Message()
			})
		case field.Kind() == protoreflect.StringKind:
			found(place, func(root protoreflect.Message) { find(root).Set(field, nul) })
		}
		return true
	})
}

// differingKeys sends two keys that differ, in one header and in both.
func (g *gallery) differingKeys(t *testing.T) {
	for _, names := range [][2]string{{"Idempotency-Key", "X-Idempotency-Key"}, {"Idempotency-Key", "Idempotency-Key"}} {
		got := g.any(0).http(t, http.MethodPost, "/v1/orders", "", line+"}", names[0], "one", names[1], "two")
		if got.status != http.StatusBadRequest || got.code(t) != "IDEMPOTENCY_KEY_AMBIGUOUS" {
			t.Errorf("%v: %d %s", names, got.status, got.body)
		}
		ctx := metadata.AppendToOutgoingContext(within(t), strings.ToLower(names[0]), "one", strings.ToLower(names[1]), "two")
		_, err := g.client().Orders.CreateOrder(ctx, draft("c", 1, "mug"))
		if status.Code(err) != codes.InvalidArgument || reasonOf(err) != "IDEMPOTENCY_KEY_AMBIGUOUS" {
			t.Errorf("%v: %v", names, err)
		}
	}
}

// hugeMessage is refused by gRPC itself, before it is a message.
func (g *gallery) hugeMessage(t *testing.T) {
	request := draft("c", 1, "mug")
	request.ClientReference = strings.Repeat("x", 2<<20)
	_, err := g.client().Orders.CreateOrder(keyed(t, load.Key()), request)
	if code := status.Code(err); code != codes.ResourceExhausted && code != codes.InvalidArgument {
		t.Errorf("2 MB: %v", err)
	}
}

// What one caller was given is of no use to another, and what is another tenant's is not there.
func TestCallersAreApart(t *testing.T) {
	t.Parallel()
	callers := []map[string]any{}
	for name, tenant := range map[string]string{"ann": "north", "bob": "north", "eve": "south"} {
		digest := sha256.Sum256([]byte("token of " + name))
		callers = append(callers, map[string]any{"name": name, "tenant": tenant, "token_sha256": hex.EncodeToString(digest[:]), "scopes": []string{"*"}})
	}
	text, err := json.Marshal(callers)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	everywhere(t, func(t *testing.T, w *world) {
		as := func(name string) context.Context {
			return metadata.AppendToOutgoingContext(keyed(t, "same"), "authorization", "Bearer token of "+name)
		}
		orders := map[string]*omsv1.Order{}
		for _, name := range []string{"ann", "bob", "eve"} {
			created, err := w.client().Orders.CreateOrder(as(name), draft("c", 1, "mug")) // one key, three principals
			if err != nil {
				t.Fatal(err)
			}
			orders[name] = created.Order
		}
		if orders["ann"].Id == orders["bob"].Id || orders["ann"].Id == orders["eve"].Id {
			t.Error("a key of one caller was another's")
		}
		list := &omsv1.ListOrdersRequest{PageSize: 1}
		first, err := w.client().Orders.ListOrders(as("ann"), list)
		if err != nil || first.NextPageToken == "" {
			t.Fatalf("%v %v", first, err)
		}
		list.PageToken = first.NextPageToken
		for i, name := range []string{"bob", "eve", "ann"} {
			_, err := w.any(i+1).client.Orders.ListOrders(as(name), list)
			if refusedIt := reasonOf(err) == "PAGE_TOKEN_INVALID"; refusedIt == (name == "ann") {
				t.Errorf("%s with Ann's token: %v", name, err)
			}
		}
		for _, call := range []func(context.Context) error{
			func(ctx context.Context) error {
				_, err := w.client().Orders.GetOrder(ctx, &omsv1.GetOrderRequest{OrderId: orders["ann"].Id})
				return err
			},
			func(ctx context.Context) error {
				_, err := w.client().Orders.CancelOrder(metadata.AppendToOutgoingContext(within(t), "authorization", "Bearer token of eve",
					"idempotency-key", "other"), &omsv1.CancelOrderRequest{OrderId: orders["ann"].Id})
				return err
			},
		} {
			if err := call(as("eve")); status.Code(err) != codes.NotFound {
				t.Errorf("another tenant's order: %v", err)
			}
		}
		if _, err := w.client().Orders.ListOrders(within(t), list); status.Code(err) != codes.Unauthenticated {
			t.Errorf("without a credential: %v", err)
		}
	}, "--credentials-file", file)
}
