package load

import (
	"testing"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load/loadtest"
)

// A feed whose place is void begins anew, and its waiters read what they may have missed, at once and not when it has been quiet.
func TestFeedThatBeginsAnewWakesItsWaiters(t *testing.T) {
	server := loadtest.New()
	conn := server.Connect(t)
	client := New(conn, conn)
	client.Policy.First = 200 * time.Millisecond // the feed is away for that long
	feed, err := client.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	feed.quiet = time.Hour
	answer, err := Send(t.Context(), client, Key(), client.Orders.CreateOrder, &omsv1.CreateOrderRequest{
		CustomerId: "c", Currency: "EUR", Items: []*omsv1.OrderItem{{Sku: "none", Qty: 1, Price: &omsv1.Money{Currency: "EUR"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tracked := feed.Track(&omsv1.Order{Id: answer.Order.Id, Version: 99}) // as if nothing after this had come
	defer tracked.Untrack()
	server.BreakFeeds(true)
	feed.mutex.Lock()
	tracked.Version = 1
	feed.mutex.Unlock()
	seen, err := tracked.Wait(t.Context(), Seen.Ended)
	if err != nil || seen.Reason != "OUT_OF_STOCK" {
		t.Errorf("%+v, %v", seen, err)
	}
}

// Other clients' orders do not fill the memory.
func TestFeedForgetsWhatNobodyTracks(t *testing.T) {
	f := &Feed{tracked: map[string]*entry{}, young: map[string]*entry{}, old: map[string]*entry{}}
	for range 5 * generation {
		f.note([]*omsv1.OrderChange{{OrderId: Key(), Version: 1}})
	}
	if n := len(f.young) + len(f.old); n > 2*generation {
		t.Errorf("%d orders are remembered", n)
	}
	tracked := f.Track(&omsv1.Order{Id: "mine", Version: 1})
	for range 5 * generation {
		f.note([]*omsv1.OrderChange{{OrderId: Key(), Version: 1}})
	}
	f.note([]*omsv1.OrderChange{{OrderId: "mine", Version: 2}})
	if tracked.Now().Version != 2 {
		t.Error("a tracked order was forgotten")
	}
	tracked.Untrack()
	if len(f.tracked) != 0 {
		t.Error("an order is tracked that nobody wants")
	}
}
