package load_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/load/loadtest"
)

func connect(t *testing.T) (*loadtest.Server, *load.Client) {
	t.Helper()
	server := loadtest.New()
	conn := server.Connect(t)
	client := load.New(conn, conn)
	client.Policy.First = time.Millisecond
	_, err := load.Send(t.Context(), client, load.Key(), client.Inventory.SetStock,
		&omsv1.SetStockRequest{Sku: "mug", OnHand: proto.Int64(1_000_000)})
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func create(ctx context.Context, client *load.Client, key string) (*omsv1.Order, error) {
	answer, err := load.Send(ctx, client, key, client.Orders.CreateOrder, &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "mug", Qty: 2, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 250}}},
	})
	return answer.GetOrder(), err
}

func TestSendRepeatsWithTheSameKey(t *testing.T) {
	server, client := connect(t)
	server.SetTrouble(func(_ string, call int) (error, error) {
		switch call % 4 {
		case 0:
			return status.Error(codes.ResourceExhausted, "full"), nil
		case 1:
			return nil, status.Error(codes.Unavailable, "the answer is lost")
		case 2:
			return nil, status.Error(codes.DeadlineExceeded, "the answer is late")
		default:
			return nil, nil
		}
	})
	for range 20 {
		if _, err := create(t.Context(), client, load.Key()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(server.Orders()); n != 20 {
		t.Errorf("%d orders of 20 commands", n)
	}
	if client.Retried() < 20 {
		t.Errorf("only %d calls were repeated", client.Retried())
	}
}

func TestSendEndsOnFinalRefusals(t *testing.T) {
	_, client := connect(t)
	for name, test := range map[string]struct {
		request *omsv1.CreateOrderRequest
		code    codes.Code
		field   string
	}{
		"invalid": {&omsv1.CreateOrderRequest{CustomerId: " ", Items: []*omsv1.OrderItem{{}}}, codes.InvalidArgument, "customer_id"},
	} {
		_, err := load.Send(t.Context(), client, load.Key(), client.Orders.CreateOrder, test.request)
		refusal := load.RefusalOf(err)
		if refusal.Code != test.code || refusal.Violations[0].Field != test.field || load.Reason(err) != "VALIDATION_FAILED" {
			t.Errorf("%s: %v", name, refusal)
		}
	}
	if client.Retried() != 0 {
		t.Error("a final refusal was repeated")
	}
}

func TestSendGivesUp(t *testing.T) {
	server, client := connect(t)
	server.SetTrouble(func(string, int) (error, error) { return status.Error(codes.Unavailable, "down"), nil })
	client.Policy.Patience = 20 * time.Millisecond
	if _, err := create(t.Context(), client, load.Key()); load.RefusalOf(err).Code != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	stopped, stop := context.WithCancelCause(t.Context())
	reason := errors.New("stopped")
	stop(reason)
	if _, err := create(stopped, client, load.Key()); !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
}

func TestInternalErrorsAreNotRepeatedForever(t *testing.T) {
	server, client := connect(t)
	server.SetTrouble(func(string, int) (error, error) { return status.Error(codes.Internal, "poison"), nil })
	if _, err := create(t.Context(), client, load.Key()); load.RefusalOf(err).Code != codes.Internal || client.Retried() != 2 {
		t.Errorf("got %v after %d repetitions", err, client.Retried())
	}
}

// Many orders, followed while the feed breaks again and again, with and without its place.
func TestFeedFollowsThroughBreaks(t *testing.T) {
	server, client := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	feed, err := client.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			if err := buy(ctx, client, feed); err != nil {
				t.Errorf("order %d: %v", i, err)
			}
		})
		if i%20 == 19 {
			server.BreakFeeds(i%40 == 39)
			time.Sleep(5 * time.Millisecond)
		}
	}
	group.Wait()
}

func buy(ctx context.Context, client *load.Client, feed *load.Feed) error {
	order, err := create(ctx, client, load.Key())
	if err != nil {
		return err
	}
	tracked := feed.Track(order)
	defer tracked.Untrack()
	if seen, err := tracked.Wait(ctx, load.Seen.Reserved); err != nil || seen.Reason != "" {
		return fmt.Errorf("%+v: %w", seen, err)
	}
	if _, err := load.Send(ctx, client, load.Key(), client.Orders.PayOrder, &omsv1.PayOrderRequest{OrderId: order.Id}); err != nil {
		return err
	}
	seen, err := tracked.Wait(ctx, load.Seen.Ended)
	if err != nil || seen.Status != omsv1.OrderStatus_ORDER_STATUS_CONFIRMED {
		return fmt.Errorf("%+v: %w", seen, err)
	}
	if tracked.When(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED).IsZero() {
		return errors.New("no time of CONFIRMED")
	}
	return nil
}

// A change that comes before anybody tracks its order is remembered.
func TestFeedRemembersEarlyChanges(t *testing.T) {
	server, client := connect(t)
	feed, err := client.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	order, err := create(t.Context(), client, load.Key())
	if err != nil {
		t.Fatal(err)
	}
	for server.Orders()[0].Status != omsv1.OrderStatus_ORDER_STATUS_RESERVED {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	tracked := feed.Track(order)
	if now := tracked.Now(); !now.Reserved() {
		t.Errorf("known is %+v", now)
	}
	tracked.Untrack()
}

func TestEachOrderReadsEveryPage(t *testing.T) {
	_, client := connect(t)
	for range 250 {
		if _, err := create(t.Context(), client, load.Key()); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	err := client.EachOrder(t.Context(), &omsv1.ListOrdersRequest{}, func(order *omsv1.Order) error {
		seen[order.Id] = true
		return nil
	})
	if err != nil || len(seen) != 250 {
		t.Errorf("%d orders, %v", len(seen), err)
	}
}

func TestLatency(t *testing.T) {
	latency := load.NewLatency()
	for i := range 1000 {
		latency.Record(time.Duration(i+1) * time.Millisecond)
	}
	if p := latency.At(50); p < 499*time.Millisecond || p > 502*time.Millisecond {
		t.Errorf("median is %v", p)
	}
	if latency.Count() != 1000 || latency.Max() < 999*time.Millisecond {
		t.Errorf("count %d, longest %v", latency.Count(), latency.Max())
	}
}
