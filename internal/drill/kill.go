package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// after lists the cases that follow one by one: they end servers, or look at everything.
func (w *world) after() []trial {
	notOurs := ""
	if len(w.servers) == 0 {
		notOurs = "the server is not the drill's own"
	}
	noTables := ""
	if w.Verify == nil {
		noTables = "the tables cannot be reached; run oms verify beside the server"
	}
	return []trial{
		{"kill", "kill -9 under load, restart, every key repeated until it is answered", notOurs, killed},
		{"expiry", "orders that nobody pays", notOurs, unpaid},
		{"verify", "the invariants of all tables, as oms verify checks them", noTables, tables},
	}
}

// answered is how many commands are answered between two kills, at least.
const answered = 150

// crowd sends orders and payments without a pause, and remembers the answers.
type crowd struct {
	*stage
	answers atomic.Int64

	mutex sync.Mutex
	known map[string]int64  // the latest version of each order that somebody was told of
	keys  map[string]string // client reference to the order that was answered
}

func (c *crowd) note(o *omsv1.Order) {
	c.answers.Add(1)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.known[o.GetId()] = max(c.known[o.GetId()], o.GetVersion())
	c.keys[o.GetClientReference()] = o.GetId()
}

// member buys until it is told to stop; each command is repeated under its key until it has an answer.
func (c *crowd) member(ctx context.Context, number int, enough <-chan struct{}) {
	tokens := []string{tokenOK, tokenOK, tokenOK, tokenDuplicate, tokenTimeout, tokenDeclined}
	for i := number; ctx.Err() == nil; i++ {
		select {
		case <-enough:
			return
		default:
		}
		order := c.create(ctx, i, "mug")
		if order == nil {
			return
		}
		c.note(order)
		client := c.any(i)
		if rand.IntN(5) == 0 { //nolint:gosec // chance, no secret
			answer, err := load.Send(ctx, client, load.Key(), client.Orders.CancelOrder, &omsv1.CancelOrderRequest{OrderId: order.GetId()})
			if c.outcome(order.GetId(), err) == "" {
				c.note(answer.GetOrder())
			}
			continue
		}
		answer, err := load.Send(ctx, client, load.Key(), client.Orders.PayOrder,
			&omsv1.PayOrderRequest{OrderId: order.GetId(), PaymentToken: tokens[i%len(tokens)]})
		if c.outcome(order.GetId(), err) == "" {
			c.note(answer.GetOrder())
		}
	}
}

// killed: nobody who was answered is lied to, nothing is done twice, and everything comes to its end.
func killed(ctx context.Context, s *stage) {
	const members, stocked = 24, 1_000_000
	kills := map[bool]int{true: 2, false: 5}[s.Quick]
	if !s.stock(ctx, "mug", stocked) {
		return
	}
	c := &crowd{stage: s, known: map[string]int64{}, keys: map[string]string{}}
	enough := make(chan struct{})
	var running sync.WaitGroup
	for i := range members {
		running.Go(func() { c.member(ctx, i, enough) })
	}
	for i := range kills {
		before := c.answers.Load()
		for limit := time.Now().Add(s.Patience); c.answers.Load() < before+answered && ctx.Err() == nil; pause(ctx, 2*time.Millisecond) {
			if time.Now().After(limit) {
				s.fail("", "only %d commands are answered within %s", c.answers.Load()-before, s.Patience)
				break
			}
		}
		victim := s.servers[i%len(s.servers)]
		victim.Kill()
		if err := victim.Start(ctx); err != nil {
			s.fail("", "a server that was killed does not start again: %v", err)
			break
		}
	}
	close(enough)
	running.Wait()
	orders := s.rest(ctx)
	s.numbers = fmt.Sprintf("%d kills, %d processes, %d commands answered: %s", kills, len(s.servers), c.answers.Load(), counted(orders))
	c.compare(orders)
	s.checkStock(ctx, "mug", stocked, orders)
	s.checkMoney(orders)
}

// compare holds the orders against what was answered.
func (c *crowd) compare(orders []*omsv1.Order) {
	byID, byKey := map[string]*omsv1.Order{}, map[string]string{}
	for _, o := range orders {
		byID[o.GetId()] = o
		if twice := byKey[o.GetClientReference()]; twice != "" {
			c.fail(o.GetId(), "one command made %s and %s", twice, o.GetId())
		}
		byKey[o.GetClientReference()] = o.GetId()
	}
	for id, version := range c.known {
		switch o := byID[id]; {
		case o == nil:
			c.fail(id, "an order was acknowledged and is lost")
		case o.GetVersion() < version:
			c.fail(id, "version %d of an order was acknowledged, it has %d", version, o.GetVersion())
		}
	}
	for reference, id := range c.keys {
		if byKey[reference] != id {
			c.fail(id, "a command was answered %s and made %q", id, byKey[reference])
		}
	}
}

// unpaidFor is how long the servers of the last case wait for a payment.
const unpaidFor = 2 * time.Second

// unpaid: the timer ends an order that nobody pays and gives its stock back; one that is paid stays.
func unpaid(ctx context.Context, s *stage) {
	for _, server := range s.servers {
		server.Kill()
		if err := server.Start(ctx, "--unpaid-for", unpaidFor.String()); err != nil {
			s.fail("", "a server does not start again: %v", err)
			return
		}
	}
	const count = 10
	if !s.stock(ctx, "mug", count) {
		return
	}
	atOnce(count, func(i int) {
		order := s.create(ctx, i, "mug")
		if order == nil {
			return
		}
		want, reason := canceled, "EXPIRED"
		if i%2 == 0 && s.pay(ctx, i, order.GetId(), tokenOK) == "" {
			want, reason = confirmed, ""
		}
		if o := s.await(ctx, order.GetId(), short(want), at(want)); o != nil && o.GetStatusReason() != reason {
			s.fail(o.GetId(), "an order is %s for %q, should be for %q", short(want), o.GetStatusReason(), reason)
		}
	})
	orders := s.rest(ctx)
	s.numbers = fmt.Sprintf("after %s: %s", unpaidFor, counted(orders))
	s.checkStock(ctx, "mug", count, orders)
	s.checkMoney(orders)
}

// tables: the rows themselves add up.
func tables(ctx context.Context, s *stage) {
	findings, err := s.Verify(ctx)
	if err != nil || len(findings) == 0 {
		s.fail("", "the tables cannot be checked: %v", err)
		return
	}
	var rows int64
	for _, finding := range findings {
		rows += finding.Checked
		if finding.Violation != "" {
			s.fail("", "%s %s", finding.Invariant, finding.Violation)
		}
	}
	s.numbers = fmt.Sprintf("%d invariants over %d rows", len(findings), rows)
}
