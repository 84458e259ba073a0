package app_test

import (
	"strconv"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

func TestPricesAreChecked(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { pricesAreChecked(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		pricesAreChecked(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

func pricesAreChecked(t *testing.T, server *running) {
	t.Helper()
	_, _, internal, _ := server.Addresses()
	prices := omsv1.NewCatalogueServiceClient(dial(t, internal))
	eur := func(amount int64) *omsv1.Money { return &omsv1.Money{Currency: "EUR", AmountMinor: amount} }
	// create orders a piece of P and one of what no catalogue has, and answers the refusal's reason and the price it tells.
	create := func(key string, amount int64) (reason, actual string) {
		_, err := server.orders.CreateOrder(keyed(t, key), &omsv1.CreateOrderRequest{
			CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: "P", Qty: 1, Price: eur(amount)}, {Sku: "other", Qty: 1, Price: eur(7)}},
		})
		for _, detail := range status.Convert(err).Details() {
			if info, is := detail.(*errdetails.ErrorInfo); is {
				reason, actual = info.Reason, info.Metadata["amount_minor"]
			}
		}
		if reason == "PRICE_CHANGED" && status.Code(err) != codes.FailedPrecondition {
			t.Errorf("PRICE_CHANGED is %v", status.Code(err))
		}
		return reason, actual
	}
	want := func(what, key string, amount int64, reason, actual string) {
		t.Helper()
		if gotReason, gotActual := create(key, amount); gotReason != reason || gotActual != actual {
			t.Errorf("%s: %q %q, want %q %q", what, gotReason, gotActual, reason, actual)
		}
	}
	put := func(key string, amount, version int64) (*omsv1.PutPriceResponse, error) {
		return prices.PutPrice(keyed(t, key), &omsv1.PutPriceRequest{Sku: "P", Price: eur(amount), ExpectedVersion: version})
	}
	want("no catalogue", "1", 5, "", "")
	if got, err := put("a", 600, 0); err != nil || got.Item.Version != 1 {
		t.Fatalf("put %v %v", got, err)
	}
	want("the first price, of which nobody told the edge", "2", 5, "PRICE_CHANGED", "600")
	want("the catalogue's price", "3", 600, "", "")
	if _, err := put("b", 700, 4); status.Code(err) != codes.Aborted {
		t.Errorf("another version: %v", err)
	}
	if got, err := put("c", 700, 1); err != nil || got.Item.Version != 2 {
		t.Fatalf("put %v %v", got, err)
	}
	want("the price before", "4", 600, "PRICE_CHANGED", "700")
	want("a repeat of what was accepted", "3", 600, "", "")
	want("a repeat of what was refused", "2", 5, "PRICE_CHANGED", "600")
	batchesKeepTheirAnswers(t, server, put)
	if got, err := prices.DeletePrice(keyed(t, "d"), &omsv1.DeletePriceRequest{Sku: "P"}); err != nil || !got.Item.Withdrawn {
		t.Fatalf("delete %v %v", got, err)
	}
	want("what the catalogue does not have any more", "5", 5, "", "")
	if _, err := prices.GetPrice(keyed(t, ""), &omsv1.GetPriceRequest{Sku: "P"}); status.Code(err) != codes.NotFound {
		t.Errorf("get: %v", err)
	}
	list, err := prices.ListPrices(keyed(t, ""), &omsv1.ListPricesRequest{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("list %v %v", list, err)
	}
	_, err = prices.ImportPrices(keyed(t, "e"), &omsv1.ImportPricesRequest{Csv: "sku,currency,price\nP,EUR,1\nQ,EUR,x\n"})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("import: %v", err)
	}
	want("nothing of a list with a mistake is taken", "6", 5, "", "")
}

// batchesKeepTheirAnswers: an order of a batch that was refused for its price stays refused under the batch's key, also when the price has
// become the catalogue's meanwhile (requirement C-4). P costs 700 before, and afterwards.
func batchesKeepTheirAnswers(t *testing.T, server *running, put func(key string, amount, version int64) (*omsv1.PutPriceResponse, error)) {
	t.Helper()
	batch := &omsv1.BatchCreateOrdersRequest{}
	for _, price := range []int64{700, 800} {
		batch.Items = append(batch.Items, &omsv1.BatchOrder{Order: &omsv1.CreateOrderRequest{
			CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: "P", Qty: 1, Price: euro(price)}},
		}})
	}
	first, err := server.orders.BatchCreateOrders(keyed(t, "batch"), batch)
	if err != nil || first.Results[0].Order == nil || first.Results[1].GetError().GetCode() != "PRICE_CHANGED" {
		t.Fatalf("%v %v", first, err)
	}
	for i, price := range []int64{800, 700} {
		if got, err := put("batch "+strconv.Itoa(i), price, int64(2+i)); err != nil {
			t.Fatalf("put %v %v", got, err)
		}
		if again, err := server.orders.BatchCreateOrders(keyed(t, "batch"), batch); err != nil || !proto.Equal(again, first) {
			t.Errorf("at %d the repeat is answered %v %v, want %v", price, again, err, first)
		}
	}
}
