package app_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// Parts of an order can be changed while its state allows it, all of a list or none, and the stock follows (requirements C-3, C-4, O-6, O-12).
func TestChanges(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { changes(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		changes(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

// shopper is a test of changes under way.
type shopper struct {
	*testing.T
	server *running
	keys   int
}

func (s *shopper) key() context.Context {
	s.keys++
	return keyed(s.T, fmt.Sprint("changes ", s.keys))
}

func (s *shopper) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// ordered answers a new order of a SKU once it is reserved.
func (s *shopper) ordered(sku string, qty int32) *omsv1.Order {
	s.Helper()
	created, err := s.server.orders.CreateOrder(s.key(), &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: sku, Qty: qty, Price: euro(100)}},
	})
	s.must(err)
	return s.await(created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
}

func (s *shopper) await(orderID string, wanted omsv1.OrderStatus) *omsv1.Order {
	s.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		found, err := s.server.orders.GetOrder(keyed(s.T, ""), &omsv1.GetOrderRequest{OrderId: orderID})
		s.must(err)
		if found.Order.Status == wanted {
			return found.Order
		}
	}
	s.Fatalf("%s never became %s", orderID, wanted)
	return nil
}

func (s *shopper) change(o *omsv1.Order, changes ...*omsv1.FieldChange) (*omsv1.ChangeOrderResponse, error) {
	return s.server.orders.ChangeOrder(s.key(), &omsv1.ChangeOrderRequest{OrderId: o.Id, ChangeToken: o.ChangeToken, Changes: changes})
}

func (s *shopper) reserved(sku string, want int64) {
	s.Helper()
	item, err := s.server.inventory.GetStock(keyed(s.T, ""), &omsv1.GetStockRequest{Sku: sku})
	s.must(err)
	if item.Item.Reserved != want {
		s.Errorf("%d of %s are reserved, want %d", item.Item.Reserved, sku, want)
	}
}

// refusedFor checks that a request was refused for a reason, and answers what is told of its fields.
func (s *shopper) refusedFor(err error, code codes.Code, reason string) map[string]string {
	s.Helper()
	told := map[string]string{}
	refused := status.Convert(err)
	found := false
	for _, detail := range refused.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			found = d.Reason == reason
			for name, value := range d.Metadata {
				told[name] = value
			}
		case *errdetails.BadRequest:
			for _, violation := range d.FieldViolations {
				told[violation.Field] = violation.Reason
			}
		}
	}
	if refused.Code() != code || !found {
		s.Errorf("answered %v, want %s %s", err, code, reason)
	}
	return told
}

func qty(line, of int32) *omsv1.FieldChange {
	return &omsv1.FieldChange{Path: fmt.Sprintf("items[%d].qty", line), Qty: of}
}

func line(sku string, of int32, price int64) *omsv1.FieldChange {
	return &omsv1.FieldChange{Path: "items", Item: &omsv1.OrderItem{Sku: sku, Qty: of, Price: euro(price)}}
}

func changes(t *testing.T, server *running) {
	s := &shopper{T: t, server: server}
	for _, sku := range []string{"A", "B"} {
		_, err := server.inventory.SetStock(s.key(), &omsv1.SetStockRequest{Sku: sku, OnHand: proto.Int64(5)})
		s.must(err)
	}
	s.details(s.ordered("A", 1))
	o := s.lines(s.ordered("A", 2))
	s.history(o)
	s.pending()
	s.race()
	findings, err := app.Verify(t.Context(), server.config.Storage)
	s.must(err)
	for _, finding := range findings {
		if finding.Violation != "" {
			t.Errorf("%s: %s", finding.Invariant, finding.Violation)
		}
	}
}

// details are written whole, answered by what writes them, and deleted for good.
func (s *shopper) details(o *omsv1.Order) {
	where := &omsv1.DeliveryDetails{City: "Zürich", Country: "CH", Phone: "+41445550100"}
	put, err := s.server.orders.PutDeliveryDetails(s.key(), &omsv1.PutDeliveryDetailsRequest{OrderId: o.Id, DeliveryDetails: where, ExpectedVersion: o.Version})
	s.must(err)
	if !proto.Equal(put.Order.DeliveryDetails, where) || put.Order.Version != o.Version+1 || put.Order.ChangeToken == o.ChangeToken {
		s.Errorf("put: %v", put.Order)
	}
	changed, err := s.change(put.Order, &omsv1.FieldChange{Path: "delivery_details.city", Value: "Bern"},
		&omsv1.FieldChange{Path: "delivery_details.phone", Unset: true}, &omsv1.FieldChange{Path: "client_details.locale", Value: "de-ch"})
	s.must(err)
	found, err := s.server.orders.GetOrder(keyed(s.T, ""), &omsv1.GetOrderRequest{OrderId: o.Id})
	s.must(err)
	if !proto.Equal(found.Order, changed.Order) || found.Order.DeliveryDetails.City != "Bern" || found.Order.DeliveryDetails.Phone != "" ||
		found.Order.ClientDetails.Locale != "de-CH" {
		s.Errorf("changed to %v, read as %v", changed.Order, found.Order)
	}
	told := s.wrongValues(found.Order)
	if len(told) < 6 {
		s.Errorf("not every wrong change is told: %v", told)
	}
	_, err = s.server.orders.PutDeliveryDetails(s.key(), &omsv1.PutDeliveryDetailsRequest{
		OrderId: o.Id, DeliveryDetails: &omsv1.DeliveryDetails{Country: "XX"},
	})
	s.refusedFor(err, codes.InvalidArgument, "COUNTRY_INVALID")
	_, err = s.server.orders.PutDeliveryDetails(s.key(), &omsv1.PutDeliveryDetailsRequest{
		OrderId: o.Id, DeliveryDetails: &omsv1.DeliveryDetails{}, ExpectedVersion: 1,
	})
	s.refusedFor(err, codes.Aborted, "VERSION_CONFLICT")
	_, err = s.server.orders.CancelOrder(s.key(), &omsv1.CancelOrderRequest{OrderId: o.Id})
	s.must(err)
	_, err = s.server.orders.PutClientDetails(s.key(), &omsv1.PutClientDetailsRequest{OrderId: o.Id, ClientDetails: &omsv1.ClientDetails{Name: "A"}})
	if told := s.refusedFor(err, codes.FailedPrecondition, "ILLEGAL_TRANSITION"); told["status"] != "CANCELED" {
		s.Errorf("told %v", told)
	}
	forgotten, err := s.server.orders.ForgetOrderDetails(s.key(), &omsv1.ForgetOrderDetailsRequest{OrderId: o.Id})
	s.must(err)
	if forgotten.Order.DeliveryDetails != nil || forgotten.Order.ClientDetails != nil {
		s.Errorf("forgotten: %v", forgotten.Order)
	}
}

// wrongValues sends a list in which all but one change is wrong.
func (s *shopper) wrongValues(o *omsv1.Order) map[string]string {
	_, err := s.change(o, &omsv1.FieldChange{Path: "metadata.gift", Value: "yes"}, &omsv1.FieldChange{Path: "status", Value: "PAID"},
		&omsv1.FieldChange{Path: "delivery_details.country", Value: "che"}, &omsv1.FieldChange{Path: "client_details.email", Value: "nobody"},
		&omsv1.FieldChange{Path: "items[0].qty", Unset: true}, &omsv1.FieldChange{Path: "client_reference"}, &omsv1.FieldChange{Path: "items[01]", Unset: true})
	return s.refusedFor(err, codes.InvalidArgument, "CHANGE_PATH_UNKNOWN")
}

// lines of a reserved order are exchanged with their stock, and paid as they are then.
func (s *shopper) lines(o *omsv1.Order) *omsv1.Order {
	s.reserved("A", 2)
	_, err := s.change(o, qty(0, 6), line("B", 6, 50), &omsv1.FieldChange{ChangeId: "why", Path: "metadata.why", Value: "more"})
	if told := s.refusedFor(err, codes.FailedPrecondition, "INSUFFICIENT_STOCK"); told["changes[0]"] != "INSUFFICIENT_STOCK" ||
		told["changes[1]"] != "INSUFFICIENT_STOCK" || told["changes[2]"] != "" || told["available"] != "3" {
		s.Errorf("told %v", told)
	}
	s.reserved("A", 2)
	ctx := s.key()
	request := &omsv1.ChangeOrderRequest{OrderId: o.Id, ChangeToken: o.ChangeToken, Changes: []*omsv1.FieldChange{
		{ChangeId: "away", Path: "items[0]", Unset: true}, line("B", 3, 50), line("A", 1, 100),
	}}
	changed, err := s.server.orders.ChangeOrder(ctx, request)
	s.must(err)
	s.reserved("A", 1)
	s.reserved("B", 3)
	if changed.Order.Amount.AmountMinor != 250 || len(changed.Changes) != 3 || changed.Changes[0].ChangeId != "away" {
		s.Errorf("changed: %v", changed)
	}
	again, err := s.server.orders.ChangeOrder(ctx, request)
	s.must(err)
	if !proto.Equal(again, changed) {
		s.Errorf("repeated: %v, first: %v", again, changed)
	}
	_, err = s.change(o, qty(0, 1))
	if told := s.refusedFor(err, codes.Aborted, "VERSION_CONFLICT"); told["change_token"] != changed.Order.ChangeToken {
		s.Errorf("told %v", told)
	}
	_, err = s.server.orders.PayOrder(s.key(), &omsv1.PayOrderRequest{OrderId: o.Id, PaymentToken: "sim:ok"})
	s.must(err)
	paid := s.await(o.Id, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	if paid.Payment.CapturedMinor != 250 || !proto.Equal(paid.Items[1], changed.Order.Items[1]) {
		s.Errorf("paid: %v", paid)
	}
	_, err = s.change(paid, qty(0, 1))
	s.refusedFor(err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
	s.reserved("B", 0)
	return paid
}

// history tells of every list, refused ones too, newest first; pages begin and end within lists.
func (s *shopper) history(o *omsv1.Order) {
	var all []string
	token := ""
	for {
		page, err := s.server.orders.ListOrderChanges(keyed(s.T, ""), &omsv1.ListOrderChangesRequest{OrderId: o.Id, PageSize: 2, PageToken: token})
		s.must(err)
		for _, c := range page.Changes {
			all = append(all, fmt.Sprintf("%d.%d %s %s", c.Batch, c.SequenceId, strings.TrimPrefix(c.Status.String(), "CHANGE_STATUS_"), c.Error.GetCode()))
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	want := "3.1 REFUSED ILLEGAL_TRANSITION, 2.3 APPLIED , 2.2 APPLIED , 2.1 APPLIED , " +
		"1.3 NOT_APPLIED , 1.2 REFUSED INSUFFICIENT_STOCK, 1.1 REFUSED INSUFFICIENT_STOCK"
	if got := strings.Join(all, ", "); got != want {
		s.Errorf("the history is %s, want %s", got, want)
	}
}

// pending orders are changed too, in a race with their reservation: what is reserved is what they have in the end.
func (s *shopper) pending() {
	for i := range 20 {
		created, err := s.server.orders.CreateOrder(s.key(), &omsv1.CreateOrderRequest{
			CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: "A", Qty: 1, Price: euro(100)}},
		})
		s.must(err)
		_, err = s.change(created.Order, &omsv1.FieldChange{Path: "items[0]", Unset: true}, line("B", 2, 50))
		o := s.await(created.Order.Id, omsv1.OrderStatus_ORDER_STATUS_RESERVED)
		sku := "A"
		if err == nil {
			sku = "B"
		} else {
			s.refusedFor(err, codes.Aborted, "VERSION_CONFLICT") // the reservation was first
		}
		if o.Items[0].Sku != sku {
			s.Errorf("round %d: %v after %v", i, o, err)
		}
		_, err = s.server.orders.CancelOrder(s.key(), &omsv1.CancelOrderRequest{OrderId: o.Id})
		s.must(err)
		s.reserved("A", 0)
		s.reserved("B", 0)
	}
}

// race has edits, payments and cancellations of one order meet.
func (s *shopper) race() {
	for range 10 {
		o := s.ordered("A", 1)
		var group sync.WaitGroup
		for _, do := range []func(ctx context.Context){
			func(ctx context.Context) {
				_, _ = s.server.orders.ChangeOrder(ctx, &omsv1.ChangeOrderRequest{OrderId: o.Id, ChangeToken: o.ChangeToken,
					Changes: []*omsv1.FieldChange{line("B", 1, 7)}})
			},
			func(ctx context.Context) {
				_, _ = s.server.orders.PayOrder(ctx, &omsv1.PayOrderRequest{OrderId: o.Id, PaymentToken: "sim:ok"})
			},
			func(ctx context.Context) {
				_, _ = s.server.orders.CancelOrder(ctx, &omsv1.CancelOrderRequest{OrderId: o.Id})
			},
		} {
			ctx := s.key()
			group.Go(func() { do(ctx) })
		}
		group.Wait()
	}
}
