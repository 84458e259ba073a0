package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// A method of the other listener is not there, whoever asks and however it answers; that does not pass by itself.
func TestServicesOfTheOtherListener(t *testing.T) {
	server := start(t)
	_, public, internal, _ := server.Addresses()
	for method, address := range map[string]string{
		"/oms.v1.InventoryService/ListStock": public, "/oms.v1.PaymentService/Hold": public, "/oms.v1.OrderService/CreateOrder": internal,
		"/oms.v1.OrderService/WatchOrders": internal,
	} {
		var request, answer []byte
		err := dial(t, address).Invoke(keyed(t, "k"), method, &request, &answer, grpc.ForceCodecV2(rawCodec{}))
		if status.Code(err) != codes.Unimplemented || reason(err) != "METHOD_NOT_FOUND" || !strings.Contains(err.Error(), "listen apart") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// What is refused says what is wrong where in the caller's own words, and how it would be right.
func TestRefusalsAreInWords(t *testing.T) {
	server := start(t)
	server.hasTen(t)
	digits := strings.Repeat("9", 22)
	for _, refused := range []struct{ verb, path, body, header, says string }{
		{http.MethodGet, "/v1/notifications", "", "", "the query: name exactly one of user_id and order_id"},
		{http.MethodGet, "/v1/orders?customer_id=%20bad%2Fid", "", "", "customer_id: must be 1 to 128 characters"},
		{http.MethodGet, "/v1/users/a%2Fb/orders", "", "", "customer_id: must be 1 to 128 characters"},
		{http.MethodGet, "/v1/notifications?user_id=a%2Fb", "", "", "user_id: must be 1 to 128 characters"},
		{http.MethodGet, "/v1/orders?created_from=2026-02-01T00:00:00Z&created_to=2026-01-01T00:00:00Z", "", "", "created_from: must not be after created_to"},
		{http.MethodGet, "/v1/orders?filter_statuses=ORDER_STATUS_UNSPECIFIED", "", "", "filter_statuses[0]: name one of ORDER_STATUS_PENDING, "},
		{http.MethodGet, "/v1/orders?filter_statuses=X", "", "", `must be one of ORDER_STATUS_PENDING, `},
		{http.MethodGet, "/v1/orders?page_size=" + digits, "", "", "page_size: must be between 0 and 100"},
		{
			http.MethodPost, "/v1/notifications", `{"user_id":"u","channel":"CHANNEL_UNSPECIFIED","template":"t"}`, "",
			"channel: name one of CHANNEL_EMAIL, CHANNEL_SMS",
		},
		{http.MethodPost, "/v1/inventory/items/A:adjust", `{"difference":0}`, "", "difference: must not be 0"},
		{http.MethodPost, "/v1/inventory/items/A:adjust", `{"difference":-50}`, "", "on_hand cannot be -40: it is 10, and cannot go below 0"},
		{http.MethodPost, "/v1/dev/clock:advance", `{"seconds":` + digits + `}`, "", "seconds: must be between 1 and 31622400"},
		{http.MethodPut, "/v1/users/kim/contact", "", "", "the body is missing: send a JSON object"},
		{http.MethodPost, "/v1/orders", "", "", "the body is missing: send a JSON object"},
		{http.MethodPost, "/v1/catalogue:import", `{"csv":""}`, "", "csv: has no lines"},
		{http.MethodPost, "/v1/orders/" + noOrder + ":pay", `{"card":{"number":"4111111111111111é","exp_month":12,"exp_year":2050,"cvv":"123"}}`, "", "card.number: is no number of a card"},
		{http.MethodGet, "/v1/orders:watch", "", "Last-Event-ID: 99", "Last-Event-ID: is broken"},
		{http.MethodPost, "/v1/orders", strings.Repeat("[", 200_000), "", "the body must be an object"},
		{http.MethodPost, "/v1/orders", `{"items":` + strings.Repeat("[", 200_000), "", ""},
	} {
		headers := []string{"Idempotency-Key: k"}
		if refused.header != "" {
			headers = append(headers, refused.header)
		}
		code, text := server.http(t, refused.verb, refused.path, refused.body, headers...)
		var told struct{ Message string }
		if err := json.Unmarshal([]byte(text), &told); err != nil || code != http.StatusBadRequest || !strings.Contains(told.Message, refused.says) {
			t.Errorf("%s %s: %d %.300s, want %q", refused.verb, refused.path, code, text, refused.says)
		}
		if len(text) > 2000 || strings.HasPrefix(told.Message, ":") || strings.Contains(text, "not be in list") {
			t.Errorf("%s %s: %d bytes: %.500s", refused.verb, refused.path, len(text), text)
		}
	}
	order := server.does(t, http.MethodPost, "/v1/orders", oneOfA, "order").Id
	if code, text := server.http(t, http.MethodGet, "/v1/orders/"+order+":watch", "", "Last-Event-ID: 99"); code != http.StatusBadRequest ||
		!strings.Contains(text, `"Last-Event-ID: is 99`) {
		t.Errorf("an event that there was not: %d %s", code, text)
	}
	if _, text := server.http(t, http.MethodPut, "/v1/inventory/items/A", "", "Idempotency-Key: b"); !strings.Contains(text, `"BODY_MISSING"`) {
		t.Errorf("stock without a body: %s", text)
	}
	if code, text := server.http(t, http.MethodPost, "/v1/orders/"+order+":cancel", "", "Idempotency-Key: c"); code != http.StatusOK {
		t.Errorf("an action without a body: %d %s", code, text)
	}
	_, text := server.http(t, http.MethodPost, "/v1/orders", `{"currency":"EUR","items":[{"sku":"A","qty":1,"price":{"currency":"EUR","amount_minor":1}}]}`,
		"Idempotency-Key: once")
	if n := strings.Count(text, `"field":"customer_id"`); n != 1 {
		t.Errorf("an absent customer is told %d times: %s", n, text)
	}
}

// However much is wrong, a refusal tells fifty violations at most and how many there are; over gRPC what fits into a trailer.
func TestRefusalsAreBounded(t *testing.T) {
	server := start(t)
	request := &omsv1.CreateOrderRequest{}
	for range 1000 {
		request.Items = append(request.Items, &omsv1.OrderItem{Price: &omsv1.Money{}})
	}
	var trailer metadata.MD
	_, err := server.orders.CreateOrder(keyed(t, "k"), request, grpc.Trailer(&trailer))
	size := 0
	for _, values := range trailer {
		for _, value := range values {
			size += len(value)
		}
	}
	if reason(err) != "VALIDATION_FAILED" || size > 6<<10 || proto.Size(status.Convert(err).Proto()) > 4500 {
		t.Errorf("%d bytes of trailers: %v", size, err)
	}
	if text := fmt.Sprint(status.Convert(err).Details()); !strings.Contains(text, `"violations"`) && !strings.Contains(text, "violations") {
		t.Errorf("nothing counts them: %s", text)
	}
	body := `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"price":{"amount_minor":0}},`, 1000), ",") + `]}`
	code, text := server.http(t, http.MethodPost, "/v1/orders", body, "Idempotency-Key: k")
	if n := strings.Count(text, `"field":`); code != http.StatusBadRequest || n != 50 || !strings.Contains(text, `"violations":"3002"`) {
		t.Errorf("%d violations: %d %.300s", n, code, text)
	}
	lines := strings.TrimSuffix(strings.Repeat(`{"productId":"","quantity":0},`, 1000), ",")
	if got := server.post(t, createPath, `{"userId":"u","orderAmount":1,"items":[`+lines+`]}`); strings.Count(got, `"field":`) != 50 {
		t.Errorf("/api tells %.300s", got)
	}
}

// A person who opens the server in a browser is sent to the documentation.
func TestTheRootLeadsToTheDocumentation(t *testing.T) {
	server := start(t)
	for _, path := range []string{"/", "/docs/"} {
		if code, text := server.http(t, http.MethodGet, path, ""); code != http.StatusOK || !strings.Contains(text, "<html") {
			t.Errorf("%s: %d %.100s", path, code, text)
		}
	}
}

// A server whose database has gone is not ready, and is again when it is back.
func TestReadyzReadsTheStore(t *testing.T) {
	cluster, err := postgrestest.Start("", postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	address, err := cluster.Create(t.Context(), "ready")
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, func(c *config.Config) { c.Store = config.Place(address) })
	_, _, _, ops := server.Addresses()
	ready := func() (int, string) {
		response, err := http.Get("http://" + ops + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var told struct{ Failed []string }
		if err := json.NewDecoder(response.Body).Decode(&told); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, strings.Join(told.Failed, " ")
	}
	if code, failed := ready(); code != http.StatusOK {
		t.Errorf("at first: %d %s", code, failed)
	}
	cluster.Kill()
	if code, failed := ready(); code != http.StatusServiceUnavailable || !strings.Contains(failed, "store") {
		t.Errorf("without a database: %d %s", code, failed)
	}
	if err := cluster.Resume(); err != nil {
		t.Fatal(err)
	}
	for code := 0; code != http.StatusOK; {
		code, _ = ready()
	}
}

// Refusals of /api have what a program needs, in the names of /api; those that the seed shows are as it shows them.
var needed = regexp.MustCompile(`"reason":"[A-Z_]+",("errors":\[.+\],)?"retryable":(true|false),"traceId":"[0-9a-f]{32}"}$`)

// A request of /api with a slip can be sent again without it, and no key that nobody sent stands in the way.
func TestShopSlipsCanBeMended(t *testing.T) {
	server := start(t)
	server.shelve(t)
	create := example(t, createPath, asked)
	order := orderIDs.FindString(server.post(t, createPath, create))
	lock := fmt.Sprintf(`{"orderId":%q,"items":[{"productId":"P001","quantity":2},{"productId":"P002","quantity":1}]}`, order)
	for range 2 {
		got := server.post(t, lockPath, strings.Replace(lock, `"quantity":2`, `"quantity":3`, 1))
		refused(t, "a wrong quantity", got, 400, "DEMAND_MISMATCH")
		if !needed.MatchString(got) || !strings.Contains(got, `"field":"items"`) {
			t.Errorf("a refusal has not all members: %s", got)
		}
	}
	if got := server.post(t, lockPath, lock); !strings.HasPrefix(got, `{"code":200,`) {
		t.Errorf("the right quantity: %s", got)
	}
	pay := fmt.Sprintf(`{"orderId":%q,"userId":"123456","paymentAmount":100.50,"paymentMethod":"credit_card","paymentDetails":`+
		`{"cardNumber":"4111111111111111","expiryDate":"12/49","cvv":"123"}}`, order)
	for _, slip := range [][3]string{
		{"4111111111111111", "4111111111111112", "CARD_NUMBER_INVALID"}, {`"123"`, `"12"`, "CARD_CVV_INVALID"},
		{"12/49", "12/20", "CARD_EXPIRED"}, {"100.50", "100.51", "AMOUNT_MISMATCH"}, {`"123456"`, `"other"`, "NOT_FOUND"},
		{"4111111111111111", "411111111111111é", "CARD_NUMBER_INVALID"}, {"4111111111111111", "411111111111111\xe9", "VALIDATION_FAILED"},
	} {
		got := server.post(t, payPath, strings.Replace(pay, slip[0], slip[1], 1))
		code := 400
		if slip[2] == "NOT_FOUND" {
			code = 404
		}
		refused(t, slip[1], got, code, slip[2])
		if !needed.MatchString(got) || strings.Contains(got, `"message":":`) || strings.Contains(got, "card.") {
			t.Errorf("%s: %s", slip[1], got)
		}
	}
	if got := server.post(t, payPath, pay); !strings.HasPrefix(got, `{"code":200,`) {
		t.Errorf("the right payment: %s", got)
	}
	server.await(t, order, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	// An order that has ended: its stock was given back, and it is not paid.
	ended := orderIDs.FindString(server.post(t, createPath, create))
	server.await(t, ended, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
	if _, err := server.orders.CancelOrder(keyed(t, "cancel"), &omsv1.CancelOrderRequest{OrderId: ended}); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{lockPath: strings.Replace(lock, order, ended, 1), payPath: strings.Replace(pay, order, ended, 1)} {
		got := server.post(t, path, body)
		refused(t, path+" of a canceled order", got, 400, "ILLEGAL_TRANSITION")
		if !needed.MatchString(got) {
			t.Errorf("%s has not all members: %s", path, got)
		}
	}
	// What the client typed is repeated as it was typed; what the contract refuses is told in the names of /api.
	for path, cases := range map[string]map[string]string{
		lockPath: {
			strings.Replace(lock, `"orderId"`, `"order_id"`, 1): `"message":"order_id: is not a field of this request (and 1 more)"`,
			strings.Replace(lock, `P001`, `P00`+"\xe9", 1):      `items[0].productId`,
		},
		notifyPath: {
			`{"userId":"u","notificationType":"email","subject":"s","message":"` + strings.Repeat("m", 501) + `"}`: `"message":"message: must be at most 500 characters"`,
			`{"userId":"","notificationType":"email","subject":"s","message":"m"}`:                                 `"field":"userId"`,
			// Beside what the reader refuses, too; and what it has refused is not told again by the contract.
			`{"userId":"","type":"email","subject":"s","message":"m"}`: `"errors":[{"field":"type","reason":"UNKNOWN_FIELD","description":` +
				`"is not a field of this request"},{"field":"notificationType","reason":"REQUIRED","description":"is required"},{"field":"userId",`,
			`{"type":"email","userId":"u","subject":"s","message":"m"}`: `"message":"type: is not a field of this request (and 1 more)"`,
		},
	} {
		for body, says := range cases {
			if got := server.post(t, path, body); !strings.Contains(got, says) || !needed.MatchString(got) {
				t.Errorf("%s %.80s: %s, want %s", path, body, got, says)
			}
		}
	}
}

// Orders are stuck by the store's clock, which the time of their rows is: here it is ahead of the process's.
func TestStuckByTheClockOfTheStore(t *testing.T) {
	server := start(t)
	server.hasTen(t)
	_, _, internal, _ := server.Addresses()
	order := server.does(t, http.MethodPost, "/v1/orders", oneOfA, "order").Id
	server.await(t, order, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
	server.does(t, http.MethodPost, "/v1/orders/"+order+":pay", `{"payment_token":"sim:stall"}`, "pay")
	operations := omsv1.NewOperationsServiceClient(dial(t, internal))
	const ann = `{"player_id":"p_19f3","currency":"EUR","locale":"de-DE"}`
	if code, text := server.cashierCall(t, http.MethodPost, "/v1/players", "ann", ann); code != http.StatusCreated {
		t.Fatalf("%d %s", code, text)
	}
	deposit := server.asked(t, "in", payment("deposit", "100.00", "sim:stall"))
	stuck := func() int {
		answer, err := operations.ListStuckOrders(keyed(t, ""), &omsv1.ListStuckOrdersRequest{OlderThanSeconds: 3600})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Payments) != len(answer.Orders) {
			t.Errorf("%d payments of players are stuck, and %d orders", len(answer.Payments), len(answer.Orders))
		}
		for _, p := range answer.Payments {
			if p.PaymentId != deposit.PaymentID || p.Step != "PAYMENT" || p.Type != "DEPOSIT" || p.PlayerId != "p_19f3" || p.Advice == "" {
				t.Errorf("%v is stuck, want %+v", p, deposit)
			}
		}
		return len(answer.Orders)
	}
	if n := stuck(); n != 0 {
		t.Errorf("%d are stuck at once", n)
	}
	if code, text := server.http(t, http.MethodPost, "/v1/dev/clock:advance", `{"seconds":7200}`, "Idempotency-Key: clock"); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	if n := stuck(); n != 1 {
		t.Errorf("%d are stuck after two hours", n)
	}
}

// The stock of a confirmed order is sold; that cannot be undone by a cancellation, so nobody is told so.
func TestReleaseOfASoldOrder(t *testing.T) {
	server := start(t)
	server.hasTen(t)
	order := server.does(t, http.MethodPost, "/v1/orders", oneOfA, "order").Id
	server.does(t, http.MethodPost, "/v1/orders/"+order+":pay", `{}`, "pay")
	server.await(t, order, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	_, err := server.inventory.Release(keyed(t, "release"), &omsv1.ReleaseRequest{OrderId: order})
	if reason(err) != "ILLEGAL_TRANSITION" || strings.Contains(err.Error(), "CancelOrder") || !strings.Contains(err.Error(), "its stock is sold") {
		t.Errorf("released: %v", err)
	}
}
