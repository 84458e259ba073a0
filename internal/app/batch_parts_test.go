package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// What is wrong within one order of a batch refuses that order alone, unless the batch is atomic (requirement C-4).
func TestBrokenOrdersOfABatch(t *testing.T) {
	server := start(t)
	t.Run("gRPC", func(t *testing.T) { brokenOverGRPC(t, server) })
	t.Run("REST", func(t *testing.T) { brokenOverREST(t, server) })
}

// fieldsOf lists a result's reason and the fields that it names.
func fieldsOf(result *omsv1.ChangeResult) string {
	told := []string{result.GetError().GetCode()}
	for _, violation := range result.GetError().GetFieldViolations() {
		told = append(told, violation.Field)
	}
	return strings.Join(told, " ")
}

func brokenOverGRPC(t *testing.T, server *running) {
	broken := func(atomic bool) *omsv1.BatchCreateOrdersRequest {
		request := batchOf(atomic, 1, 2, 3, 4)
		request.Items[1].Order.Items[0].Sku, request.Items[1].Order.CustomerId = "", ""
		request.Items[2].Order = nil
		return request
	}
	first, err := server.orders.BatchCreateOrders(keyed(t, "broken"), broken(false))
	if err != nil || len(first.Results) != 4 {
		t.Fatalf("%v %v", first, err)
	}
	for i, want := range []string{"", "VALIDATION_FAILED customer_id items[0].sku", "VALIDATION_FAILED order", ""} {
		result := first.Results[i]
		if fieldsOf(result) != want || (want == "") != (result.Order != nil) || result.OccurredAt == nil || result.SequenceId != int32(i+1) ||
			result.ChangeId != fmt.Sprint("change ", i) || result.GetError().GetRetryable() {
			t.Errorf("result %d: %v, want %q", i, result, want)
		}
	}
	if second, err := server.orders.BatchCreateOrders(keyed(t, "broken"), broken(false)); err != nil || !proto.Equal(first, second) {
		t.Errorf("the repeat: %v %v, want %v", second, err, first)
	}
	cured := broken(false)
	cured.Items[1].Order.Items[0].Sku = "A"
	if _, err := server.orders.BatchCreateOrders(keyed(t, "broken"), cured); reason(err) != "IDEMPOTENCY_MISMATCH" {
		t.Errorf("another batch under the key: %v", err)
	}

	_, err = server.orders.BatchCreateOrders(keyed(t, "whole"), broken(true))
	want := "[items[1].order.customer_id STRING_MIN_LEN items[1].order.items[0].sku STRING_MIN_LEN items[2].order REQUIRED]"
	if fields := fmt.Sprint(violated(err)); reason(err) != "VALIDATION_FAILED" || fields != want {
		t.Errorf("atomic: %v over %s", err, fields)
	}
	outside := broken(false)
	outside.Items[0].ChangeId = strings.Repeat("x", 129)
	if _, err := server.orders.BatchCreateOrders(keyed(t, "outside"), outside); reason(err) != "VALIDATION_FAILED" {
		t.Errorf("wrong outside of the orders: %v", err)
	}
}

func brokenOverREST(t *testing.T, server *running) {
	const good = `{"customer_id":"c","currency":"EUR","items":[{"sku":"A","qty":1,"price":{"currency":"EUR","amount_minor":5}}]}`
	wrong, unknown := strings.Replace(good, `"qty":1`, `"qty":true`, 1), strings.Replace(good, `{"customer_id"`, `{"coupon":"X","customer_id"`, 1)
	batch := func(rest string, orders ...string) string {
		return `{"items":[{"order":` + strings.Join(orders, `},{"order":`) + `}]` + rest + `}`
	}
	send := func(key, body string) (int, string) {
		return server.http(t, http.MethodPost, "/v1/orders:batchCreate", body, "Idempotency-Key: "+key)
	}
	code, text := send("rest", batch("", wrong, good, unknown, "5"))
	var first struct {
		Results []struct {
			Status string
			Order  *struct{}
			Error  struct {
				Code            string
				FieldViolations []struct{ Field, Reason string } `json:"field_violations"`
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &first); err != nil || code != http.StatusOK || len(first.Results) != 4 {
		t.Fatalf("%d %s", code, text)
	}
	for i, want := range []string{"[{items[0].qty WRONG_TYPE}]", "[]", "[{coupon UNKNOWN_FIELD}]", "[{order WRONG_TYPE}]"} {
		result := first.Results[i]
		if told := fmt.Sprint(result.Error.FieldViolations); told != want || (want == "[]") != (result.Order != nil) ||
			(want != "[]") != (result.Error.Code == "VALIDATION_FAILED") {
			t.Errorf("result %d: %+v, want %s", i, result, want)
		}
	}
	if code, again := send("rest", batch("", wrong, good, unknown, "5")); code != http.StatusOK || again != text {
		t.Errorf("the repeat: %d %s, want %s", code, again, text)
	}
	if code, text := send("rest", batch("", wrong, good, good, "5")); code != http.StatusConflict {
		t.Errorf("without the field that is unknown, under the same key: %d %s", code, text)
	}
	many := slices.Repeat([]string{wrong}, 51)
	for name, body := range map[string]string{
		"atomic":              batch(`,"atomic":true`, good, wrong),
		"beside the orders":   batch(`,"extra":1`, good, wrong),
		"a dry run of one":    batch("", good, strings.Replace(good, "{", `{"dry_run":1,`, 1)),
		"no item":             strings.Replace(batch("", good, wrong), `[{"order"`, `[null,{"order"`, 1),
		"beside the order":    strings.Replace(batch("", good, wrong), `{"order"`, `{"name":"x","order"`, 1),
		"more than is told":   batch("", many...),
		"no JSON":             strings.TrimSuffix(batch("", good, wrong), "}"),
		"more than may be in": batch("", slices.Repeat(many, 2)...),
	} {
		if code, text := send(name, body); code != http.StatusBadRequest || !strings.Contains(text, `"field":"`) {
			t.Errorf("%s: %d %.500s", name, code, text)
		}
	}
}
