package reliability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

// unanswered is how many commands wait for an answer when a process is killed, at least.
const unanswered = 32

// crowd sends mixed commands without a pause, repeats each with its key until it has an answer, and remembers the answers.
type crowd struct {
	world   *world
	waiting atomic.Int64 // commands without an answer
	sent    atomic.Int64
	slow    atomic.Bool // be gentle: the next kill is not near
	answers atomic.Int64
	tokens  []string // of payments

	mutex sync.Mutex
	known map[string]*omsv1.Order // the latest version of each order that somebody was told of
	keys  map[string]string       // client_reference to the order that CreateOrder answered
}

func newCrowd(w *world) *crowd {
	return &crowd{world: w, tokens: tokens, known: map[string]*omsv1.Order{}, keys: map[string]string{}}
}

// note remembers an answer.
func (c *crowd) note(o *omsv1.Order) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if known := c.known[o.Id]; known == nil || known.Version < o.Version {
		c.known[o.Id] = o
	}
}

// send sends a command under one key, to another process each time, until it is answered; a refusal is an answer too.
func send[Q, A any](t *testing.T, c *crowd, method func(omsv1.OrderServiceClient, context.Context, Q, ...grpc.CallOption) (A, error), request Q) (A, error) {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	call := func(ctx context.Context, request Q, options ...grpc.CallOption) (A, error) {
		return method(c.world.any(int(c.sent.Add(1))).client.Orders, ctx, request, options...)
	}
	answer, err := load.Send(within(t), c.world.client(), load.Key(), call, request)
	if err == nil || load.Reason(err) != "" {
		c.answers.Add(1)
	}
	return answer, err
}

// member sends commands until the context ends; what is under way then is finished.
func (c *crowd) member(ctx context.Context, t *testing.T) {
	var own []string
	for ctx.Err() == nil {
		var err error
		if len(own) == 0 || rand.N(100) < 40 {
			err = c.create(t, &own)
		} else {
			at := rand.N(len(own))
			var again bool
			if again, err = c.step(t, own[at]); !again {
				own = append(own[:at], own[at+1:]...)
			}
		}
		if err != nil && load.Reason(err) == "" {
			t.Errorf("no answer: %v", err)
			return
		}
		if c.slow.Load() {
			time.Sleep(rand.N(200 * time.Millisecond))
		}
	}
}

func (c *crowd) create(t *testing.T, own *[]string) error {
	request := draft("c", 1, fmt.Sprintf("sku-%d", rand.N(20)), fmt.Sprintf("sku-%d", 20+rand.N(20)))
	request.ClientReference = load.Key()
	answer, err := send(t, c, omsv1.OrderServiceClient.CreateOrder, request)
	if err != nil {
		return fmt.Errorf("CreateOrder: %w", err)
	}
	c.note(answer.Order)
	c.mutex.Lock()
	c.keys[request.ClientReference] = answer.Order.Id
	c.mutex.Unlock()
	*own = append(*own, answer.Order.Id)
	return nil
}

// tokens of payments; most of the gateway's answers come.
var tokens = []string{
	gateway.TokenOK, gateway.TokenOK, gateway.TokenOK, gateway.TokenOK, gateway.TokenOK, gateway.TokenOK, gateway.TokenDuplicate,
	gateway.TokenDuplicate, gateway.TokenTimeout, gateway.TokenUnknown, gateway.TokenDeclined,
}

// step pays, cancels or gives back; again tells whether the order is worth another step.
func (c *crowd) step(t *testing.T, orderID string) (again bool, err error) {
	switch n := rand.N(100); {
	case n < 60:
		answer, err := send(t, c, omsv1.OrderServiceClient.PayOrder, &omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: c.tokens[rand.N(len(c.tokens))]})
		if err == nil {
			c.note(answer.Order)
		}
		return true, err
	case n < 75:
		answer, err := send(t, c, omsv1.OrderServiceClient.CancelOrder, &omsv1.CancelOrderRequest{OrderId: orderID})
		if err == nil {
			c.note(answer.Order)
		}
		return false, err
	default:
		answer, err := send(t, c, omsv1.OrderServiceClient.RefundOrder, &omsv1.RefundOrderRequest{OrderId: orderID, Amount: euros(price/2 + rand.Int64N(price))})
		if err == nil {
			c.note(answer.Order)
		}
		return true, err
	}
}

// check compares the orders with what was answered.
func (c *crowd) check(t *testing.T, orders []*omsv1.Order) {
	found, byKey := map[string]*omsv1.Order{}, map[string]string{}
	for _, o := range orders {
		found[o.Id] = o
		if twice := byKey[o.ClientReference]; twice != "" {
			t.Errorf("the command %s made %s and %s", o.ClientReference, twice, o.Id)
		}
		byKey[o.ClientReference] = o.Id
	}
	for id, answered := range c.known {
		switch o := found[id]; {
		case o == nil:
			t.Errorf("%s was acknowledged and is lost", id)
		case o.Version < answered.Version:
			t.Errorf("of %s version %d was acknowledged, it has %d", id, answered.Version, o.Version)
		}
	}
	for key, id := range c.keys {
		if byKey[key] != id {
			t.Errorf("the command %s was answered %s and made %q", key, id, byKey[key])
		}
	}
}

// harm is what the kills met.
type harm struct{ kills, publishing, calling int }

// killed ends a process when many commands are unanswered, at a random moment, and looks what it was doing.
func (c *crowd) killed(t *testing.T, victim *server, h *harm) {
	c.slow.Store(false)
	time.Sleep(rand.N(250 * time.Millisecond))
	c.world.eventually("enough commands are unanswered", func() bool { return c.waiting.Load() >= unanswered })
	victim.kill()
	h.kills++
	unpublished := "SELECT count(*) FROM batches WHERE first_position IS NULL AND events > 0"
	if c.world.kind == onSQLite { // positions are given at once there; the reactor's cursor follows the bus
		unpublished = "SELECT max(position) - COALESCE((SELECT position FROM cursors LIMIT 1), 0) FROM events"
	}
	if c.world.count(unpublished) > 0 {
		h.publishing++
	}
	if c.world.count("SELECT count(*) FROM effects WHERE state = 1 AND owner <> ''") > 0 {
		h.calling++
	}
}

// progress waits until sagas go on, an order is confirmed that was not before, and until the reactor has noted how far it is: what a
// restart goes on from is then neither the beginning nor the end.
func (c *crowd) progress() {
	c.slow.Store(true)
	const orders, cursor = "SELECT count(*) FROM orders WHERE status = 4", "SELECT COALESCE(max(position), 0) FROM cursors"
	confirmed, position := c.world.count(orders), c.world.count(cursor)
	c.world.eventually("sagas go on", func() bool { return c.world.count(orders) > confirmed && c.world.count(cursor) > position })
}

// Processes are killed under load, again and again. Nobody who was answered is lied to, nothing is done twice, everything ends.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := map[string]int{onSQLite: 13, onPostgres: 6, onTwo: 7}
	if testing.Short() {
		kills = map[string]int{onSQLite: 2, onPostgres: 1, onTwo: 1}
	}
	for kind, count := range kills {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, "--unpaid-for", "24h")
			w.startAll()
			for sku := range 40 {
				w.stock(fmt.Sprintf("sku-%d", sku), 1_000_000)
			}
			c, h := newCrowd(w), &harm{}
			ctx, enough := context.WithCancel(t.Context())
			var members sync.WaitGroup
			for range 96 {
				members.Go(func() { c.member(ctx, t) })
			}
			for i := range count {
				if i%3 > 0 { // two of three kills meet sagas, the others the recovery from the kill before
					c.progress()
				}
				victim := w.any(i)
				c.killed(t, victim, h)
				if i%4 == 1 && kind != onTwo {
					remove(t, filepath.Join(victim.folder, "bus"))
				}
				victim.start()
			}
			c.slow.Store(true)
			enough()
			members.Wait()
			orders := w.checkBooks()
			c.check(t, orders)
			t.Logf("%d kills, %d while publishing, %d while calling the gateway; %d commands answered, %d orders: %v",
				h.kills, h.publishing, h.calling, c.answers.Load(), len(orders), statuses(orders))
			// On SQLite the cursor lags behind for other reasons, too: see TestKillWhilePublishing.
			if !testing.Short() && (h.publishing == 0 && kind != onSQLite || h.calling == 0) {
				t.Error("the kills did not meet what they should")
			}
			if w.logged("ALERT") || strings.Contains(w.servers[0].log.String(), "panic") {
				t.Error("a process alerts or panics")
			}
		})
	}
}
