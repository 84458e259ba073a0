package load

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// Seen is the latest that is known of an order.
type Seen struct {
	OrderID       string
	Version       int64
	Status        omsv1.OrderStatus
	Reason        string
	Payment       omsv1.PaymentStatus
	RefundedMinor int64
}

// SeenOf sums an order up.
func SeenOf(order *omsv1.Order) Seen {
	return Seen{
		OrderID: order.GetId(), Version: order.GetVersion(), Status: order.GetStatus(), Reason: order.GetStatusReason(),
		Payment: order.GetPayment().GetStatus(), RefundedMinor: order.GetPayment().GetRefundedMinor(),
	}
}

// Ended tells whether the order needs nothing more: CONFIRMED, CANCELED or REFUNDED.
func (s Seen) Ended() bool { return s.Status >= omsv1.OrderStatus_ORDER_STATUS_CONFIRMED }

// Reserved tells whether the order is RESERVED or further.
func (s Seen) Reserved() bool { return s.Status >= omsv1.OrderStatus_ORDER_STATUS_RESERVED }

// Feed follows the orders of the caller by one stream.
//
// Changes of orders that nobody tracks yet are remembered: the change often overtakes the answer that names the order. They are
// kept in two generations, so that other clients' orders cannot fill the memory; who comes later still reads the order itself.
//
// Invariants, under mutex: an order is in at most one of tracked, young and old; entries in tracked have an owner.
type Feed struct {
	client *Client
	cancel context.CancelFunc
	ended  chan struct{}
	quiet  time.Duration // how long a waiter relies on the feed before it reads the order

	mutex      sync.Mutex
	tracked    map[string]*entry
	young, old map[string]*entry
	anew       chan struct{} // closed when the feed lost its place, and replaced
}

type entry struct {
	Seen
	at      [omsv1.OrderStatus_ORDER_STATUS_REFUNDED + 1]time.Time // when each status was first seen here
	owners  int
	changed chan struct{} // closed by the next change; nil when nobody waits
}

const (
	generation   = 1 << 15
	defaultQuiet = 3 * time.Second
)

// Follow opens a feed and returns once it has begun: no change after that is missed. It ends with the context or by Close.
func (c *Client) Follow(ctx context.Context) (*Feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &Feed{
		client: c, cancel: cancel, ended: make(chan struct{}), quiet: defaultQuiet,
		tracked: map[string]*entry{}, young: map[string]*entry{}, old: map[string]*entry{}, anew: make(chan struct{}),
	}
	stream, token, err := f.begin(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	go f.run(ctx, stream, token)
	return f, nil
}

// Close ends the feed.
func (f *Feed) Close() {
	f.cancel()
	<-f.ended
}

type changes = grpc.ServerStreamingClient[omsv1.WatchOrdersResponse]

// begin opens the stream for the first time. A server that has just started may accept commands before it offers the feed.
func (f *Feed) begin(ctx context.Context) (changes, string, error) {
	giveUp := time.Now().Add(f.client.Policy.Patience)
	for try := 1; ; try++ {
		stream, token, err := f.open(ctx, "")
		if err == nil || ctx.Err() != nil || !RefusalOf(err).Transient() || time.Now().After(giveUp) {
			return stream, token, err
		}
		if err := sleep(ctx, f.client.Policy.pause(try, 0)); err != nil {
			return nil, "", err
		}
	}
}

// open opens the stream and reads its first message, which tells where it begins.
func (f *Feed) open(ctx context.Context, token string) (changes, string, error) {
	stream, err := f.client.Orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{ResumeToken: token})
	if err != nil {
		return nil, "", RefusalOf(err)
	}
	first, err := stream.Recv()
	if err != nil {
		return nil, "", RefusalOf(err)
	}
	f.note(first.GetChanges())
	return stream, first.GetResumeToken(), nil
}

// run reads the stream and opens it again where it broke, for as long as the context lasts. Waiters get on without it.
func (f *Feed) run(ctx context.Context, stream changes, token string) {
	defer close(f.ended)
	for {
		message, err := stream.Recv()
		if err == nil {
			f.note(message.GetChanges())
			if t := message.GetResumeToken(); t != "" {
				token = t
			}
			continue
		}
		if stream, token = f.reopen(ctx, token); stream == nil {
			return
		}
	}
}

// reopen answers nil when the context has ended.
func (f *Feed) reopen(ctx context.Context, token string) (changes, string) {
	for try := 1; ; try++ {
		if sleep(ctx, f.client.Policy.pause(try, 0)) != nil {
			return nil, ""
		}
		stream, next, err := f.open(ctx, token)
		if err == nil {
			if token == "" {
				f.beginAnew()
			}
			return stream, next
		}
		if !RefusalOf(err).Transient() {
			token = ""
		}
	}
}

// beginAnew tells all waiters that changes may have been missed.
func (f *Feed) beginAnew() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	close(f.anew)
	f.anew = make(chan struct{})
}

func (f *Feed) note(changes []*omsv1.OrderChange) {
	if len(changes) == 0 {
		return
	}
	now := time.Now()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, change := range changes {
		f.entry(change.GetOrderId()).apply(Seen{
			OrderID: change.GetOrderId(), Version: change.GetVersion(), Status: change.GetStatus(), Reason: change.GetStatusReason(),
			Payment: change.GetPaymentStatus(), RefundedMinor: change.GetRefundedMinor(),
		}, now)
	}
}

// entry finds or makes the entry of an order; the mutex is held.
func (f *Feed) entry(orderID string) *entry {
	for _, known := range []map[string]*entry{f.tracked, f.young, f.old} {
		if e, found := known[orderID]; found {
			return e
		}
	}
	if len(f.young) >= generation {
		f.young, f.old = map[string]*entry{}, f.young
	}
	e := &entry{}
	f.young[orderID] = e
	return e
}

// apply takes over what is newer.
func (e *entry) apply(seen Seen, now time.Time) {
	if seen.Version <= e.Version {
		return
	}
	e.Seen = seen
	if int(seen.Status) < len(e.at) && e.at[seen.Status].IsZero() {
		e.at[seen.Status] = now
	}
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// Tracked is an order that somebody follows.
type Tracked struct {
	feed *Feed
	*entry
}

// Track follows an order from a state that is known, as an answer told it. Untrack ends it.
func (f *Feed) Track(order *omsv1.Order) *Tracked {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	e := f.entry(order.GetId())
	delete(f.young, order.GetId())
	delete(f.old, order.GetId())
	f.tracked[order.GetId()] = e
	e.owners++
	e.apply(SeenOf(order), time.Now())
	return &Tracked{f, e}
}

// Untrack forgets the order when nobody else tracks it.
func (t *Tracked) Untrack() {
	t.feed.mutex.Lock()
	defer t.feed.mutex.Unlock()
	t.owners--
	if t.owners == 0 {
		delete(t.feed.tracked, t.OrderID)
	}
}

// Now answers what is known.
func (t *Tracked) Now() Seen {
	t.feed.mutex.Lock()
	defer t.feed.mutex.Unlock()
	return t.Seen
}

// When answers the moment at which a status was first seen here; zero for a status that was never seen, or passed over.
func (t *Tracked) When(status omsv1.OrderStatus) time.Time {
	t.feed.mutex.Lock()
	defer t.feed.mutex.Unlock()
	return t.at[status]
}

// Wait waits until the order is as wished. It relies on the feed, and reads the order itself when the feed began anew or has been
// quiet for a while. When the context ends it answers what was known last.
func (t *Tracked) Wait(ctx context.Context, wished func(Seen) bool) (Seen, error) {
	f := t.feed
	for {
		f.mutex.Lock()
		seen := t.Seen
		if wished(seen) {
			f.mutex.Unlock()
			return seen, nil
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed, anew := t.changed, f.anew
		f.mutex.Unlock()

		quiet := time.NewTimer(f.quiet)
		select {
		case <-changed:
		case <-anew:
			t.read(ctx)
		case <-quiet.C:
			t.read(ctx)
		case <-ctx.Done():
		}
		quiet.Stop()
		if ctx.Err() != nil {
			return t.Now(), context.Cause(ctx)
		}
	}
}

// read is the safety net; when it fails the next one tries again.
func (t *Tracked) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, t.feed.quiet)
	defer cancel()
	answer, err := Send(ctx, t.feed.client, "", t.feed.client.Orders.GetOrder, &omsv1.GetOrderRequest{OrderId: t.Now().OrderID})
	if err != nil {
		return
	}
	t.feed.mutex.Lock()
	defer t.feed.mutex.Unlock()
	t.apply(SeenOf(answer.GetOrder()), time.Now())
}
