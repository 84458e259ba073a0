package contract_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/internal/kitchen"
	"github.com/seed-255eabaa/oms/internal/fault"
)

type kitchenServer struct{}

func (kitchenServer) Put(context.Context, *kitchen.PutRequest) (*kitchen.Sink, error) {
	return nil, nil
}

func (kitchenServer) Price(context.Context, *kitchen.Priced) (*kitchen.Priced, error) {
	return nil, nil
}

// decode reads a request as the REST edge does.
func decode(t *testing.T, verb, path, query, body, lastEventID string) (proto.Message, []fault.Violation) {
	t.Helper()
	r := contractRouter(t)
	m := r.Match(verb, path)
	if m.Route == nil {
		t.Fatalf("%s %s has no route", verb, path)
	}
	in := contract.Input{Params: m.Params(), RawQuery: query, Body: []byte(body), LastEventID: lastEventID}
	request := m.Route.Decode(&in)
	return request, append(in.Violations(), m.Route.Method.CheckIDs(request)...)
}

func TestInputs(t *testing.T) {
	const order, pay = "/v1/orders/order:" + uuid, "/v1/orders/order:" + uuid + ":pay"
	upper := strings.ToUpper(uuid)
	for name, test := range map[string]struct {
		verb, path, query, body, last string
		want                          proto.Message
		violations                    []string // "field reason"
	}{
		"list": {
			verb: "GET", path: "/v1/orders",
			query: "filter_statuses=ORDER_STATUS_PAID&page_size=7&filter_statuses=ORDER_STATUS_PENDING&customer_id=a%20b+c&created_from=2026-01-31T12:00:00%2B01:00",
			want: &omsv1.ListOrdersRequest{
				CustomerId: "a b c", PageSize: 7, FilterStatuses: []omsv1.OrderStatus{omsv1.OrderStatus_ORDER_STATUS_PAID, omsv1.OrderStatus_ORDER_STATUS_PENDING},
			},
		},
		"list, all wrong": {
			verb: "GET", path: "/v1/orders",
			query: "page_size=x&page_size=1&colour=red&filter_statuses=PAID,PENDING&created_to=now&customer_id=%ff&page_token=%zz&page_token=%00&%3d=1",
			violations: []string{
				"page_size NOT_AN_INTEGER", "page_size DUPLICATE_FIELD", "colour UNKNOWN_PARAMETER", "filter_statuses UNKNOWN_VALUE",
				"created_to INVALID_TIMESTAMP", "customer_id INVALID_TEXT", "page_token INVALID_TEXT", "page_token INVALID_TEXT", "= UNKNOWN_PARAMETER",
			},
		},
		"a number out of range": {verb: "GET", path: "/v1/orders", query: "page_size=2147483648", violations: []string{"page_size OUT_OF_RANGE"}},
		"a number with a plus":  {verb: "GET", path: "/v1/orders", query: "page_size=%2B1", violations: []string{"page_size NOT_AN_INTEGER"}},
		"an empty number":       {verb: "GET", path: "/v1/orders", query: "page_size", violations: []string{"page_size NOT_AN_INTEGER"}},
		"a user's list":         {verb: "GET", path: "/v1/users/u%2F1/orders", query: "page_size=3", want: &omsv1.ListOrdersRequest{CustomerId: "u/1", PageSize: 3}},
		"the path is not a parameter too": {
			verb: "GET", path: "/v1/users/u/orders", query: "customer_id=u", violations: []string{"customer_id UNKNOWN_PARAMETER"},
		},
		"get":                 {verb: "GET", path: order, want: &omsv1.GetOrderRequest{OrderId: "order:" + uuid}},
		"get, encoded":        {verb: "GET", path: "/v1/orders/order%3A" + upper, want: &omsv1.GetOrderRequest{OrderId: "order:" + uuid}},
		"get, no id":          {verb: "GET", path: "/v1/orders/4711", violations: []string{"order_id WRONG_KIND"}},
		"get, wrong kind":     {verb: "GET", path: "/v1/orders/payment:" + uuid, violations: []string{"order_id WRONG_KIND"}},
		"get, bad uuid":       {verb: "GET", path: "/v1/orders/order:" + uuid[1:], violations: []string{"order_id WRONG_KIND"}},
		"get, kind only":      {verb: "GET", path: "/v1/orders/order", violations: []string{"order_id WRONG_KIND"}},
		"pay, no body":        {verb: "POST", path: pay, want: &omsv1.PayOrderRequest{OrderId: "order:" + uuid}},
		"pay":                 {verb: "POST", path: pay, body: `{"payment_token":"sim:ok"}`, want: &omsv1.PayOrderRequest{OrderId: "order:" + uuid, PaymentToken: "sim:ok"}},
		"pay, same id":        {verb: "POST", path: pay, body: `{"order_id":"order:` + upper + `"}`, want: &omsv1.PayOrderRequest{OrderId: "order:" + uuid}},
		"pay, other id":       {verb: "POST", path: pay, body: `{"order_id":"order:1` + uuid[1:] + `"}`, violations: []string{"order_id PATH_MISMATCH"}},
		"pay, with a query":   {verb: "POST", path: pay, query: "payment_token=x", violations: []string{"payment_token UNKNOWN_PARAMETER"}},
		"stock, other sku":    {verb: "PUT", path: "/v1/inventory/items/a", body: `{"sku":"A","on_hand":1}`, violations: []string{"sku PATH_MISMATCH"}},
		"stock, encoded text": {verb: "PUT", path: "/v1/inventory/items/%00%ff", body: `{"on_hand":1}`, violations: []string{"sku INVALID_TEXT"}},
		"watch":               {verb: "GET", path: order + ":watch", query: "after_version=3", want: &omsv1.WatchOrderRequest{OrderId: "order:" + uuid, AfterVersion: 3}},
		"watch again":         {verb: "GET", path: order + ":watch", query: "after_version=3", last: "8", want: &omsv1.WatchOrderRequest{OrderId: "order:" + uuid, AfterVersion: 8}},
		"watch, bad header":   {verb: "GET", path: order + ":watch", last: "x", violations: []string{"Last-Event-ID NOT_AN_INTEGER"}},
		"watch all":           {verb: "GET", path: "/v1/orders:watch", last: "tok", want: &omsv1.WatchOrdersRequest{ResumeToken: "tok"}},
		"a body that is a field": {
			verb: "PUT", path: "/v1/sinks/sink:" + uuid + "/part", body: `{"name":"n"}`,
			query: "dry_run=true&expected_version=3&tags=a&tags=b&sizes=1&sizes=-2&colour=COLOUR_RED&times=2026-01-31T12:00:00Z",
			want: &kitchen.PutRequest{
				SinkId: "sink:" + uuid, Part: &kitchen.Sink_Part{Name: proto.String("n")}, DryRun: true, ExpectedVersion: 3,
				Tags: []string{"a", "b"}, Sizes: []int32{1, -2}, Colour: kitchen.Sink_COLOUR_RED,
				Times: []*timestamppb.Timestamp{{Seconds: 1_769_860_800}},
			},
		},
		"a body that is a field, all wrong": {
			verb: "PUT", path: "/v1/sinks/order:" + uuid + "/part", body: `{"sink_id":"n"}`, query: "dry_run=yes&expected_version=9223372036854775808&part=x",
			violations: []string{
				"part.sink_id UNKNOWN_FIELD", "dry_run WRONG_TYPE", "expected_version OUT_OF_RANGE", "part UNKNOWN_PARAMETER", "sink_id WRONG_KIND",
			},
		},
		"all at once": {
			verb: "POST", path: "/v1/orders/x:refund", query: "y=1", body: `{"amount":{"amount_minor":1.5},"z":0}`,
			violations: []string{"amount.amount_minor NOT_AN_INTEGER", "z UNKNOWN_FIELD", "y UNKNOWN_PARAMETER", "order_id WRONG_KIND"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, violations := decode(t, test.verb, test.path, test.query, test.body, test.last)
			var reasons []string
			for _, v := range violations {
				reasons = append(reasons, v.Field+" "+v.Reason)
			}
			if strings.Join(reasons, "; ") != strings.Join(test.violations, "; ") {
				t.Fatalf("got  %q\nwant %q", reasons, test.violations)
			}
			if list, ok := got.(*omsv1.ListOrdersRequest); ok && list.GetCreatedFrom().AsTime().Hour() == 11 {
				list.CreatedFrom = nil // 12:00+01:00
			}
			if test.want != nil && !proto.Equal(got, test.want) {
				t.Errorf("got  %s\nwant %s", prototext.Format(got), prototext.Format(test.want))
			}
		})
	}
}

// TestCheckIDs checks ids as gRPC sends them: in the message alone.
func TestCheckIDs(t *testing.T) {
	request := &omsv1.GetOrderRequest{OrderId: "order:" + strings.ToUpper(uuid)}
	if wrong := omsv1.MethodOrderServiceGetOrder.CheckIDs(request); wrong != nil || request.GetOrderId() != "order:"+uuid {
		t.Errorf("%v, %s", wrong, request.GetOrderId())
	}
	if wrong := omsv1.MethodOrderServiceGetOrder.CheckIDs(&omsv1.GetOrderRequest{}); len(wrong) != 1 || wrong[0].Field != "order_id" {
		t.Errorf("an absent id: %v", wrong)
	}
}

func TestInvalid(t *testing.T) {
	wrongKind := fault.Violation{Field: "order_id", Reason: contract.WrongKind, Description: "must read x"}
	unknown := fault.Violation{Field: "x", Reason: "UNKNOWN_FIELD", Description: "is unknown"}
	syntax := fault.Violation{Reason: "MALFORMED_JSON", Description: "is not valid JSON"}
	for _, test := range []struct {
		violations      []fault.Violation
		reason, message string
	}{
		{[]fault.Violation{wrongKind}, contract.WrongKind, "order_id: must read x"},
		{[]fault.Violation{wrongKind, unknown}, contract.ValidationFailed, "order_id: must read x (and 1 more)"},
		{[]fault.Violation{syntax}, "MALFORMED_JSON", "the body is not valid JSON"},
		{[]fault.Violation{unknown, syntax}, "MALFORMED_JSON", "the body is not valid JSON (and 1 more)"},
	} {
		f := contract.Invalid(test.violations)
		if f.Code != fault.InvalidArgument || f.Reason != test.reason || f.Message != test.message || len(f.Violations) != len(test.violations) {
			t.Errorf("got %+v, want %s %q", f, test.reason, test.message)
		}
	}
}

// TestMethods checks the table of rules against what the edges rely on.
func TestMethods(t *testing.T) {
	table := contract.NewTable(omsv1.Methods)
	for name, want := range map[string]bool{
		"/oms.v1.OrderService/CreateOrder": true, "/oms.v1.PaymentService/Hold": true, "/oms.v1.AdminService/ReplayDeadLetter": true,
		"/oms.v1.OrderService/GetOrder": false,
	} {
		m := table[name]
		if m == nil || m.Mutation != want || len(m.Scopes) == 0 || m.NewRequest() == nil || m.NewResponse() == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := table["/oms.v1.OrderService/CreateOrder"]; m.SuccessStatus != 201 || m.Streaming {
		t.Errorf("CreateOrder: %+v", m)
	}
	if m := table["/oms.v1.OrderService/WatchOrder"]; m.SuccessStatus != 200 || !m.Streaming || m.IDs[0].Kind != "order" {
		t.Errorf("WatchOrder: %+v", m)
	}
	for _, service := range []struct {
		name    string
		methods int
	}{
		{"oms.v1.OrderService", len(omsv1.OrderService_ServiceDesc.Methods) + len(omsv1.OrderService_ServiceDesc.Streams)},
		{"oms.v1.InventoryService", len(omsv1.InventoryService_ServiceDesc.Methods)},
		{"oms.v1.PaymentService", len(omsv1.PaymentService_ServiceDesc.Methods)},
		{"oms.v1.AdminService", len(omsv1.AdminService_ServiceDesc.Methods)},
	} {
		count := 0
		for _, m := range table {
			if m.Service == service.name {
				count++
			}
		}
		if count != service.methods {
			t.Errorf("%s has %d methods, the table %d", service.name, service.methods, count)
		}
	}
}
