package app_test

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// Batches are accepted all or none, or each order by itself; either way a repeat is answered the same (requirement C-4).
func TestBatchCreateOrders(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { batches(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		batches(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

// batchOf is a batch of an order for each price.
func batchOf(atomic bool, prices ...int64) *omsv1.BatchCreateOrdersRequest {
	request := &omsv1.BatchCreateOrdersRequest{Atomic: atomic}
	for i, price := range prices {
		request.Items = append(request.Items, &omsv1.BatchOrder{ChangeId: fmt.Sprint("change ", i), Order: &omsv1.CreateOrderRequest{
			CustomerId: "c", Currency: "EUR", ClientReference: fmt.Sprint(i),
			Items: []*omsv1.OrderItem{{Sku: "A", Qty: 2, Price: euro(price)}},
		}})
	}
	return request
}

func batches(t *testing.T, server *running) {
	t.Helper()
	there := func(want int) {
		t.Helper()
		list, err := server.orders.ListOrders(keyed(t, ""), &omsv1.ListOrdersRequest{PageSize: 100})
		if err != nil || len(list.Orders) != want {
			t.Errorf("there are %d orders, want %d (%v)", len(list.GetOrders()), want, err)
		}
	}
	send := func(key string, request *omsv1.BatchCreateOrdersRequest) (*omsv1.BatchCreateOrdersResponse, bool, error) {
		var header metadata.MD
		answer, err := server.orders.BatchCreateOrders(keyed(t, key), request, grpc.Header(&header))
		return answer, len(header.Get("idempotent-replayed")) > 0, err
	}
	applied, refused := omsv1.ChangeStatus_CHANGE_STATUS_APPLIED, omsv1.ChangeStatus_CHANGE_STATUS_REFUSED

	// Each by itself.
	dry := batchOf(false, 100, -1, 300)
	dry.DryRun = true
	if answer, _, err := send("each", dry); err != nil || answer.Results[2].Status != applied {
		t.Errorf("tried only: %v %v", answer, err)
	}
	there(0)
	first, again, err := send("each", batchOf(false, 100, -1, 300))
	if err != nil || again || len(first.Results) != 3 {
		t.Fatalf("each: %v %v %v", first, again, err)
	}
	for i, want := range []omsv1.ChangeStatus{applied, refused, applied} {
		result := first.Results[i]
		if result.Status != want || result.ChangeId != fmt.Sprint("change ", i) || result.SequenceId != int32(i+1) || result.OccurredAt == nil ||
			(want == applied) != (result.Order != nil) || (want == refused) != (result.Error != nil) {
			t.Errorf("result %d: %v", i, result)
		}
	}
	if told := first.Results[1].Error; told.Code != "NEGATIVE_AMOUNT" || told.Retryable || len(told.FieldViolations) != 1 ||
		told.FieldViolations[0].Field != "items[0].price.amount_minor" {
		t.Errorf("refused with %v", told)
	}
	there(2)
	if second, again, err := send("each", batchOf(false, 100, -1, 300)); err != nil || !again || !proto.Equal(first, second) {
		t.Errorf("the repeat: %v %v %v", second, again, err)
	}
	for _, other := range []*omsv1.BatchCreateOrdersRequest{batchOf(false, 100, 200, 300), batchOf(false, 100), batchOf(true, 100, -1, 300)} {
		if _, _, err := send("each", other); reason(err) != "IDEMPOTENCY_MISMATCH" && reason(err) != "NEGATIVE_AMOUNT" {
			t.Errorf("another batch under the key: %v", err)
		}
	}
	there(2)

	// All or none.
	_, _, err = send("all", batchOf(true, 100, -1, -2))
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		if bad, found := detail.(*errdetails.BadRequest); found {
			for _, violation := range bad.FieldViolations {
				fields = append(fields, violation.Field)
			}
		}
	}
	if want := "[items[1].order.items[0].price.amount_minor items[2].order.items[0].price.amount_minor]"; fmt.Sprint(fields) != want ||
		reason(err) != "NEGATIVE_AMOUNT" {
		t.Errorf("refused with %v over %v", err, fields)
	}
	there(2)
	dry = batchOf(true, 1, 2, 3)
	dry.DryRun = true
	if answer, _, err := send("all", dry); err != nil || answer.Results[2].GetOrder().GetAmount().GetAmountMinor() != 6 {
		t.Errorf("tried only: %v %v", answer, err)
	}
	there(2)
	answers := make([]*omsv1.BatchCreateOrdersResponse, 8)
	var group sync.WaitGroup
	for i := range answers {
		key := []string{"all", "each too"}[i%2]
		group.Go(func() {
			var err error
			if answers[i], _, err = send(key, batchOf(i%2 == 0, 1, 2, 3)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	there(8)
	for i, answer := range answers {
		if !proto.Equal(answer, answers[i%2]) || len(answer.GetResults()) != 3 || answer.Results[0].Status != applied {
			t.Errorf("at once, %d: %v", i, answer)
		}
	}
	for _, result := range answers[0].GetResults() {
		if !proto.Equal(result.OccurredAt, answers[0].Results[0].OccurredAt) {
			t.Errorf("all at once, and not at one time: %v", answers[0])
		}
	}
	for _, key := range []string{"all", "each"} {
		told, err := server.orders.GetOperation(keyed(t, ""), &omsv1.GetOperationRequest{IdempotencyKey: key})
		if err != nil || told.Order != nil || told.HttpStatus != 200 || told.Method != "oms.v1.OrderService/BatchCreateOrders" {
			t.Errorf("the operation %q is %v %v", key, told, err)
		}
	}

	// What a batch cannot be.
	twice := batchOf(false, 1, 2)
	twice.Items[1].ChangeId, twice.Items[0].Order.DryRun = "change 0", true
	_, _, err = send("twice", twice)
	if text := fmt.Sprint(status.Convert(err).Details()...); reason(err) != "VALIDATION_FAILED" {
		t.Errorf("%v %s", err, text)
	}
	if _, _, err := send("many", batchOf(false, make([]int64, 101)...)); reason(err) != "VALIDATION_FAILED" {
		t.Errorf("101 orders: %v", err)
	}
	if answer, _, err := send("hundred", batchOf(true, make([]int64, 100)...)); err != nil || len(answer.Results) != 100 {
		t.Errorf("100 orders: %v", err)
	}
}
