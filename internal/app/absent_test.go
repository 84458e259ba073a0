package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
)

// mutations are a request of every mutation with every field set, and the REST path that takes it.
var mutations = map[string]struct {
	request    proto.Message
	verb, path string
}{
	"OrderService/CreateOrder": {&omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR", ClientReference: "r", DryRun: true, Metadata: map[string]string{"k": "v"},
		Items:       []*omsv1.OrderItem{{Sku: "A", Qty: 1, Price: euro(1)}},
		Adjustments: []*omsv1.Adjustment{{Name: "n", Amount: euro(1)}},
	}, http.MethodPost, "/v1/orders"},
	"OrderService/BatchCreateOrders": {&omsv1.BatchCreateOrdersRequest{
		Items: []*omsv1.BatchOrder{{ChangeId: "i", Order: &omsv1.CreateOrderRequest{
			CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: "A", Qty: 1, Price: euro(1)}},
		}}}, Atomic: true, DryRun: true,
	}, http.MethodPost, "/v1/orders:batchCreate"},
	"OrderService/PayOrder": {&omsv1.PayOrderRequest{
		OrderId: noOrder, PaymentToken: "sim:ok", KeepOnDecline: true, ExpectedVersion: 1,
	}, http.MethodPost, "/v1/orders/" + noOrder + ":pay"},
	"OrderService/CancelOrder": {
		&omsv1.CancelOrderRequest{OrderId: noOrder, Reason: "r", ExpectedVersion: 1},
		http.MethodPost, "/v1/orders/" + noOrder + ":cancel",
	},
	"OrderService/RefundOrder": {
		&omsv1.RefundOrderRequest{OrderId: noOrder, Amount: euro(1), Reason: "r", ExpectedVersion: 1},
		http.MethodPost, "/v1/orders/" + noOrder + ":refund",
	},
	"OrderService/PutDeliveryDetails": {
		&omsv1.PutDeliveryDetailsRequest{OrderId: noOrder, DeliveryDetails: &omsv1.DeliveryDetails{City: "c"}, ExpectedVersion: 1},
		http.MethodPut, "/v1/orders/" + noOrder + "/delivery-details",
	},
	"OrderService/PutClientDetails": {
		&omsv1.PutClientDetailsRequest{OrderId: noOrder, ClientDetails: &omsv1.ClientDetails{Name: "n"}, ExpectedVersion: 1},
		http.MethodPut, "/v1/orders/" + noOrder + "/client-details",
	},
	"OrderService/ForgetOrderDetails": {
		&omsv1.ForgetOrderDetailsRequest{OrderId: noOrder}, http.MethodDelete, "/v1/orders/" + noOrder + "/details",
	},
	"OrderService/ChangeOrder": {&omsv1.ChangeOrderRequest{
		OrderId: noOrder, ChangeToken: "t", Changes: []*omsv1.FieldChange{{
			ChangeId: "i", Path: "items", Item: &omsv1.OrderItem{Sku: "A", Qty: 1, Price: euro(1)},
		}},
	}, http.MethodPost, "/v1/orders/" + noOrder + "/changes"},
	"InventoryService/SetStock": {
		&omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(1), ExpectedVersion: 1}, http.MethodPut, "/v1/inventory/items/A",
	},
	"InventoryService/AdjustStock": {
		&omsv1.AdjustStockRequest{Sku: "A", Difference: 1, ExpectedVersion: 1}, http.MethodPost, "/v1/inventory/items/A:adjust",
	},
	"InventoryService/Reserve": {
		request: &omsv1.ReserveRequest{OrderId: noOrder, Items: []*omsv1.ReservationItem{{Sku: "A", Qty: 1}}},
	},
	"InventoryService/Release": {request: &omsv1.ReleaseRequest{OrderId: noOrder}},
	"PaymentService/Hold":      {request: &omsv1.HoldRequest{OrderId: noOrder, PaymentToken: "sim:ok"}},
	"PaymentService/Capture":   {request: &omsv1.CaptureRequest{OrderId: noOrder}},
	"PaymentService/Refund":    {request: &omsv1.RefundRequest{OrderId: noOrder, Amount: euro(1), Reason: "r"}},
	"PaymentService/Void":      {request: &omsv1.VoidRequest{OrderId: noOrder}},
	"CatalogueService/PutPrice": {
		&omsv1.PutPriceRequest{Sku: "A", Price: euro(1), ExpectedVersion: 1}, http.MethodPut, "/v1/catalogue/items/A",
	},
	"CatalogueService/DeletePrice":  {&omsv1.DeletePriceRequest{Sku: "A", ExpectedVersion: 1}, http.MethodDelete, "/v1/catalogue/items/A"},
	"CatalogueService/ImportPrices": {&omsv1.ImportPricesRequest{Csv: "c"}, http.MethodPost, "/v1/catalogue:import"},
	"DevService/AdvanceClock":       {&omsv1.AdvanceClockRequest{Seconds: 1}, http.MethodPost, "/v1/dev/clock:advance"},
	"NotificationService/PutContact": {&omsv1.PutContactRequest{
		UserId: "u", Email: "u@example.org", Phone: "+4915112345678", Locale: "de", OptedOut: []omsv1.Channel{1}, ExpectedVersion: 1,
	}, http.MethodPut, "/v1/users/u/contact"},
	"NotificationService/ForgetContact": {&omsv1.ForgetContactRequest{UserId: "u"}, http.MethodDelete, "/v1/users/u/contact"},
	"NotificationService/SendNotification": {&omsv1.SendNotificationRequest{
		UserId: "u", Channel: 1, Template: "order_confirmed", Locale: "de", Parameters: map[string]string{"k": "v"}, OrderId: noOrder,
		DueAt: &timestamppb.Timestamp{Seconds: 1}, Deduplication: "d",
	}, http.MethodPost, "/v1/notifications"},
	"NotificationService/CancelNotification": {
		&omsv1.CancelNotificationRequest{NotificationId: "notification:0198a000-0000-7000-8000-000000000000"},
		http.MethodPost, "/v1/notifications/notification:0198a000-0000-7000-8000-000000000000:cancel",
	},
	"AdminService/ReplayDeadLetter": {
		request: &omsv1.ReplayDeadLetterRequest{Id: "deadletter:0198a000-0000-7000-8000-000000000000"},
	},
	"OperationsService/RetryStep":         {request: &omsv1.RetryStepRequest{OrderId: noOrder, Operator: "ann", Reason: "r"}},
	"OperationsService/ForceCompensation": {request: &omsv1.ForceCompensationRequest{OrderId: noOrder, Operator: "ann", Reason: "r"}},
}

// harmless are the fields whose absence is a choice, and what it means.
var harmless = map[string]string{
	"client_reference": "the shop has no number of its own",
	"metadata":         "no pairs",
	"adjustments":      "no amounts beside the lines",
	"reason":           "no words",
	"expected_version": "any version",
	"keep_on_decline":  "a decline ends the order",
	"change_id":        "the client knows it by its place",
	"city":             "none: details are put as a whole",
	"name":             "none: details are put as a whole",
	"item":             "refused once there is such an order, where the path takes one (TestChanges)",
	"atomic":           "each order by itself",
	"dry_run":          "it is carried out",
	"payment_token":    "refused outside of dev (reliability TestBadInput)",
	"refund amount":    "the rest (requirement O-5)",
	"email":            "none: a contact is put as a whole",
	"phone":            "none: a contact is put as a whole",
	"locale":           "the contact's, or the server's default",
	"opted_out":        "from nothing: a contact is put as a whole",
	"parameters":       "none; a template that needs one refuses it",
	"about order":      "about no order",
	"due_at":           "now",
	"seconds":          "1970, which is now",
	"deduplication":    "nothing but the idempotency key makes requests the same",
}

const noOrder = "order:0198a000-0000-7000-8000-000000000000"

func euro(minor int64) *omsv1.Money { return &omsv1.Money{Currency: "EUR", AmountMinor: minor} }

// A field that a client forgets is never taken for a zero that does harm: every field of every mutation is either refused by
// its name when it is absent, or listed above. A new mutation or field fails here until somebody has thought about it.
func TestAbsentFieldsAreRefused(t *testing.T) {
	server := start(t)
	server.hasTen(t)
	for _, method := range omsv1.Methods {
		if !method.Mutation {
			continue
		}
		name := strings.TrimPrefix(method.FullName, "/oms.v1.")
		sample, found := mutations[name]
		if !found {
			t.Errorf("%s has no sample here", name)
			continue
		}
		each(sample.request.ProtoReflect(), "", func(place, field string, drop func(root protoreflect.Message)) {
			if field == "amount" && strings.Contains(name, "Refund") {
				field = "refund amount"
			}
			if field == "order_id" && name == "NotificationService/SendNotification" {
				field = "about order"
			}
			if _, may := harmless[field]; may {
				return
			}
			without := proto.Clone(sample.request)
			drop(without.ProtoReflect())
			t.Run(name+" without "+place, func(t *testing.T) {
				if field != "amount_minor" { // Money is the message of requirement O-1, whose zero is not on the wire of protobuf
					server.refusesByGRPC(t, method, without, place)
				}
				inPath := field == "order_id" || place == "sku" || place == "notification_id" || strings.Contains(sample.path, "/users/") // the path names them; the body need not
				if sample.path != "" && !inPath {
					server.refusesByREST(t, sample.verb, sample.path, without, place)
				}
			})
		})
	}
	server.hasTen(t)
}

// hasTen checks that SKU A has what it had: ten pieces.
func (r *running) hasTen(t *testing.T) {
	t.Helper()
	got, err := r.inventory.SetStock(keyed(t, "ten"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(10)})
	if err != nil {
		t.Fatal(err)
	}
	now, err := r.inventory.GetStock(keyed(t, ""), &omsv1.GetStockRequest{Sku: "A"})
	if err != nil || !proto.Equal(now.Item, got.Item) {
		t.Errorf("the stock is %v, %v", now, err)
	}
}

// each visits every field of a message and of those inside it; drop takes the field out of a copy.
func each(m protoreflect.Message, prefix string, visit func(place, field string, drop func(root protoreflect.Message))) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		place := prefix + string(field.Name())
		visit(place, string(field.Name()), func(root protoreflect.Message) { root.Clear(field) })
		inside := func(name string, in protoreflect.Message, find func(root protoreflect.Message) protoreflect.Message) {
			each(in, name+".", func(place, inner string, drop func(protoreflect.Message)) {
				visit(place, inner, func(root protoreflect.Message) { drop(find(root)) })
			})
		}
		switch {
		case field.IsMap():
		case field.IsList() && field.Message() != nil:
			inside(place+"[0]", value.List().Get(0).Message(), func(root protoreflect.Message) protoreflect.Message {
				return root.Mutable(field).List().Get(0).Message()
			})
		case field.Message() != nil:
			inside(place, value.Message(), func(root protoreflect.Message) protoreflect.Message { return root.Mutable(field).Message() })
		}
		return true
	})
}

func (r *running) refusesByGRPC(t *testing.T, method *contract.Method, request proto.Message, place string) {
	t.Helper()
	_, public, internal, _ := r.Addresses()
	address := internal
	if method.Service == omsv1.OrderService_ServiceDesc.ServiceName || method.Service == omsv1.DevService_ServiceDesc.ServiceName {
		address = public
	}
	err := dial(t, address).Invoke(keyed(t, t.Name()), method.FullName, request, method.NewResponse())
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		if bad, found := detail.(*errdetails.BadRequest); found {
			for _, violation := range bad.FieldViolations {
				fields = append(fields, violation.Field)
			}
		}
	}
	if status.Code(err) != codes.InvalidArgument || !slices.Contains(fields, place) {
		t.Errorf("gRPC answers %v for %q", err, fields)
	}
}

func (r *running) refusesByREST(t *testing.T, verb, path string, request proto.Message, place string) {
	t.Helper()
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	code, text := r.http(t, verb, path, string(body), "Idempotency-Key: "+t.Name())
	var refusal struct {
		Details []struct {
			Violations []struct{ Field, Description string } `json:"field_violations"`
		}
	}
	if err := json.Unmarshal([]byte(text), &refusal); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var fields []string
	for _, detail := range refusal.Details {
		for _, violation := range detail.Violations {
			fields = append(fields, violation.Field)
		}
	}
	if code != http.StatusBadRequest || !slices.Contains(fields, place) {
		t.Errorf("REST answers %d %s", code, text)
	}
}

// http sends a request with headers such as "Name: value" and answers status and body.
func (r *running) http(t *testing.T, verb, path, body string, headers ...string) (code int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	api, _, _, _ := r.Addresses()
	request, err := http.NewRequestWithContext(ctx, verb, "http://"+api+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		announcedAt(t, verb, path, string(answer))
	}
	return response.StatusCode, string(answer)
}
