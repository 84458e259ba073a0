package reliability

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

// A server that is asked to stop under load answers everything that it has accepted: every order that was made was answered, and
// every call that was not answered was not carried out. Then it ends with success.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10_000_000)
		for round := range 3 {
			victim := w.any(round)
			// The connection may be of the process before.
			if _, err := load.Send(within(t), victim.client, "", victim.client.Orders.ListOrders, &omsv1.ListOrdersRequest{PageSize: 1}); err != nil {
				t.Fatal(err)
			}
			var clients sync.WaitGroup
			var stopping atomic.Bool
			var inFlight, made, cut atomic.Int64
			before := w.count("SELECT count(*) FROM orders")
			for i := range 64 {
				clients.Go(func() {
					for n := 0; !stopping.Load() || n == 0; n++ {
						inFlight.Add(1)
						_, err := victim.client.Orders.CreateOrder(keyed(t, fmt.Sprintf("%d-%d-%d", round, i, n)), draft("c", 1, "mug"))
						inFlight.Add(-1)
						switch {
						case err == nil:
							made.Add(1)
						case stopping.Load() && status.Code(err) == codes.Unavailable:
							cut.Add(1)
							return
						default:
							t.Errorf("%v", err)
							return
						}
					}
				})
			}
			time.Sleep(200 * time.Millisecond)
			w.eventually("calls are under way", func() bool { return inFlight.Load() >= unanswered })
			stopping.Store(true)
			victim.stop()
			clients.Wait()
			victim.start()
			if stored := w.count("SELECT count(*) FROM orders") - before; stored != made.Load() {
				t.Errorf("%d orders were made and %d answered", stored, made.Load())
			}
			t.Logf("%d orders answered, %d calls refused", made.Load(), cut.Load())
		}
		orders := w.rest()
		if counts := statuses(orders); counts[reserved] != len(orders) {
			t.Errorf("%v", counts)
		}
		w.verify()
	})
}

// A server that is asked to stop while it takes payments finishes what it has begun at the gateway, too: the calls are made, their
// outcomes are stored, and the calls that these ask for. Nothing is left that its next run, or another process, would have to ask
// the gateway about.
func TestShutdownFinishesCalls(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10_000_000)
		var paidFor sync.Map // orders whose payment was answered
		for round := range 3 {
			victim := w.any(round)
			if _, err := load.Send(within(t), victim.client, "", victim.client.Orders.ListOrders, &omsv1.ListOrdersRequest{PageSize: 1}); err != nil {
				t.Fatal(err)
			}
			var clients sync.WaitGroup
			var stopping atomic.Bool
			for i := range 64 {
				clients.Go(func() {
					for n := 0; !stopping.Load(); n++ {
						err := buy(t, victim, fmt.Sprintf("%d-%d-%d", round, i, n), &paidFor)
						if err != nil && (!stopping.Load() || status.Code(err) != codes.Unavailable) {
							t.Errorf("%v", err)
							return
						}
					}
				})
			}
			const open = "SELECT count(*) FROM effects WHERE state = 1"
			w.eventually("calls are under way", func() bool { return w.count(open) >= 4 })
			stopping.Store(true)
			owner := victim.owner()
			victim.stop()
			clients.Wait()
			if left := w.count(open + " AND owner LIKE '" + owner + "'"); left != 0 {
				t.Errorf("%d calls of the process that has ended have no outcome", left)
			}
			victim.start()
		}
		orders := map[string]omsv1.OrderStatus{}
		for _, o := range w.checkBooks() {
			orders[o.Id] = o.Status
		}
		paidFor.Range(func(id, _ any) bool {
			if got := orders[id.(string)]; got != confirmed {
				t.Errorf("the payment of %s was answered, and it is %v", id, got)
			}
			return true
		})
	})
}

// buy makes an order and pays it.
func buy(t *testing.T, s *server, key string, paidFor *sync.Map) error {
	created, err := s.client.Orders.CreateOrder(keyed(t, key), draft("c", 1, "mug"))
	if err != nil {
		return err
	}
	_, err = s.client.Orders.PayOrder(keyed(t, "pay-"+key), &omsv1.PayOrderRequest{OrderId: created.Order.Id, PaymentToken: gateway.TokenOK})
	if err == nil {
		paidFor.Store(created.Order.Id, true)
	}
	return err
}

// owner is a pattern of the name by which a running process owns calls.
func (s *server) owner() string {
	if s.world.kind == onSQLite {
		return "embedded"
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return fmt.Sprintf("%%/%d/%%", s.command.Process.Pid)
}

// A follower is told of a shutdown in time: it does not hold it up.
func TestShutdownWithFollowers(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10)
		order := w.reserve(draft("c", 1, "mug"))
		stream, err := w.client().Orders.WatchOrders(within(t), &omsv1.WatchOrdersRequest{})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan []string, 1)
		go func() { ended <- w.events(t, w.servers[0], order.Id, "1") }()
		time.Sleep(300 * time.Millisecond) // the follower is at the live end by then, or the shutdown meets it on its way
		w.servers[0].stop()
		for err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.Unavailable {
			t.Errorf("the feed ended with %v", err)
		}
		if ids := <-ended; len(ids) > 1 {
			t.Errorf("events %v", ids)
		}
	})
}
