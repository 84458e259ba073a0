package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// together lists the cases that run side by side.
func (w *world) together() []trial {
	return []trial{
		{"last-units", fmt.Sprintf("%d buyers at once of the last %d pieces", buyers, lastUnits), "", lastPieces},
		{"doubled-requests", "the same key at once, again, and with another body", "", doubledRequests},
		{"doubled-payments", "several payments of one order at once", "", doubledPayments},
		{"pay-and-cancel", "payment and cancellation of one order at once", "", payAndCancel},
		{"gateway-faults", "lost answers, lost calls, late and doubled callbacks, refusals", "", gatewayFaults},
		{"late-callback", "a hold that succeeds after its order was canceled", "", lateCallback},
	}
}

// rounds is how often a race is run.
func (w *world) rounds() int {
	if w.Quick {
		return 20
	}
	return 100
}

// How many buy what is left.
const (
	buyers    = 100
	lastUnits = 10
)

// lastPieces: as many buyers get a piece as there are pieces, and the others are told why not.
func lastPieces(ctx context.Context, s *stage) {
	if !s.stock(ctx, "last", lastUnits) {
		return
	}
	atOnce(buyers, func(i int) {
		if order := s.create(ctx, i, "last"); order != nil {
			s.pay(ctx, i, order.GetId(), tokenOK)
		}
	})
	orders := s.rest(ctx)
	s.numbers = counted(orders)
	if counts := statuses(orders); len(orders) != buyers || counts[confirmed] != lastUnits || counts[canceled] != buyers-lastUnits {
		s.fail("", "%d buyers of %d pieces: %s", buyers, lastUnits, counted(orders))
	}
	for _, o := range orders {
		if o.GetStatus() == canceled && o.GetStatusReason() != "OUT_OF_STOCK" {
			s.fail(o.GetId(), "an order is CANCELED for %q instead of OUT_OF_STOCK", o.GetStatusReason())
		}
	}
	s.checkStock(ctx, "last", lastUnits, orders)
	s.checkMoney(orders)
}

// doubledRequests: a key makes one order however often it comes, the answer stays the same, and another body is refused.
func doubledRequests(ctx context.Context, s *stage) {
	const copies = 8
	keys := s.rounds() / 2
	if !s.stock(ctx, "mug", int64(keys)*copies*2) {
		return
	}
	atOnce(keys, func(int) { s.doubled(ctx, copies) })
	orders := s.rest(ctx)
	s.numbers = fmt.Sprintf("%d keys, each sent %d times at once: %s", keys, copies, counted(orders))
	if len(orders) != keys {
		s.fail("", "%d keys made %d orders", keys, len(orders))
	}
	s.checkStock(ctx, "mug", int64(keys)*copies*2, orders)
}

// doubled sends one request so often under one key.
func (s *stage) doubled(ctx context.Context, copies int) {
	key, request := load.Key(), s.draft("mug")
	ids := make([]string, copies)
	atOnce(copies, func(i int) {
		answer, err := load.Send(ctx, s.any(i), key, s.any(i).Orders.CreateOrder, request)
		if err != nil {
			s.fail("", "a repeated request is refused: %v", err)
		}
		ids[i] = answer.GetOrder().GetId()
	})
	slices.Sort(ids)
	if different := slices.Compact(ids); len(different) > 1 {
		s.fail(different[1], "one key was answered %d orders", len(different))
	}
	other := s.draft("mug")
	answer, err := load.Send(ctx, s.any(1), key, s.any(1).Orders.CreateOrder, other)
	switch {
	case err == nil:
		s.fail(answer.GetOrder().GetId(), "a key was taken for another body")
	case load.Reason(err) != keyReused:
		s.fail("", "a key with another body is refused with %v instead of %s", err, keyReused)
	}
}

// keyReused is how a key with another body is refused.
const keyReused = "IDEMPOTENCY_MISMATCH"

// doubledPayments: of several payments one is taken, and the money moves once.
func doubledPayments(ctx context.Context, s *stage) {
	const payments = 4
	rounds := s.rounds()
	if !s.stock(ctx, "mug", int64(rounds)) {
		return
	}
	var taken atomic.Int64
	tokens := []string{tokenOK, tokenDuplicate}
	atOnce(rounds, func(round int) {
		order := s.create(ctx, round, "mug")
		if order == nil || round%2 == 0 && s.await(ctx, order.GetId(), "RESERVED", at(reserved)) == nil {
			return
		}
		var yes atomic.Int64
		atOnce(payments, func(i int) {
			if s.pay(ctx, i, order.GetId(), tokens[i%len(tokens)]) == "" {
				yes.Add(1)
			}
		})
		if yes.Load() != 1 {
			s.fail(order.GetId(), "of %d payments of one order %d were taken", payments, yes.Load())
		}
		taken.Add(yes.Load())
	})
	orders := s.rest(ctx)
	s.numbers = fmt.Sprintf("%d payments, %d taken: %s", payments*rounds, taken.Load(), counted(orders))
	if statuses(orders)[confirmed] != rounds {
		s.fail("", "%d orders were paid: %s", rounds, counted(orders))
	}
	s.checkStock(ctx, "mug", int64(rounds), orders)
	s.checkMoney(orders)
}

// payAndCancel: whoever wins, nothing is owed in the end and no stock is left set aside.
func payAndCancel(ctx context.Context, s *stage) {
	rounds := 2 * s.rounds()
	if !s.stock(ctx, "mug", int64(rounds)) {
		return
	}
	tokens := []string{tokenOK, tokenTimeout, tokenDuplicate, tokenOK, tokenOK}
	atOnce(rounds, func(round int) {
		order := s.create(ctx, round, "mug")
		if order == nil || round%3 > 0 && s.await(ctx, order.GetId(), "RESERVED", at(reserved)) == nil {
			return
		}
		var pay, cancel outcome
		atOnce(2, func(i int) {
			if i == 0 {
				pay = s.pay(ctx, round, order.GetId(), tokens[round%len(tokens)])
				return
			}
			pause(ctx, time.Duration(round%5)*15*time.Millisecond)
			cancel = s.cancel(ctx, round+1, order.GetId())
		})
		if pay != "" && cancel != "" {
			s.fail(order.GetId(), "payment and cancellation were both refused: %s, %s", pay, cancel)
		}
	})
	orders := s.rest(ctx)
	s.numbers = counted(orders)
	for _, o := range orders {
		if o.GetStatus() == reserved {
			s.fail(o.GetId(), "an order was paid or canceled and is RESERVED still")
		}
	}
	s.checkStock(ctx, "mug", int64(rounds), orders)
	s.checkMoney(orders)
}

// gatewayFaults: each behaviour of the gateway leads to its end, however its answers come.
func gatewayFaults(ctx context.Context, s *stage) {
	ends := map[string]omsv1.OrderStatus{
		tokenOK: confirmed, tokenTimeout: confirmed, tokenUnknown: confirmed, tokenDuplicate: confirmed, tokenDeclined: canceled,
	}
	if !s.Quick {
		ends[tokenLate] = confirmed
	}
	const each = 5
	total := int64(each * len(ends))
	if !s.stock(ctx, "mug", total) {
		return
	}
	var running sync.WaitGroup
	for token, end := range ends {
		for i := range each {
			running.Go(func() {
				order := s.create(ctx, i, "mug")
				if order == nil || s.await(ctx, order.GetId(), "RESERVED", at(reserved)) == nil {
					return
				}
				if refused := s.pay(ctx, i, order.GetId(), token); refused != "" {
					s.fail(order.GetId(), "a payment by %s is refused: %s", token, refused)
					return
				}
				over := func(o *omsv1.Order) bool { return o.GetStatus() == confirmed || o.GetStatus() == canceled }
				if o := s.await(ctx, order.GetId(), "at its end", over); o != nil && o.GetStatus() != end {
					s.fail(order.GetId(), "an order paid by %s is %s (%s), should be %s", token, short(o.GetStatus()), o.GetStatusReason(),
						short(end))
				}
			})
		}
	}
	running.Wait()
	orders := s.rest(ctx)
	s.numbers = fmt.Sprintf("%d behaviours: %s", len(ends), counted(orders))
	s.checkStock(ctx, "mug", total, orders)
	s.checkMoney(orders)
}

// lateCallback: an order that was canceled stays so, and what the gateway held for it is given up.
func lateCallback(ctx context.Context, s *stage) {
	const count = 5
	tokens := []string{tokenUnknown}
	if !s.Quick {
		tokens = append(tokens, tokenLate)
	}
	total := count * len(tokens)
	if !s.stock(ctx, "mug", int64(total)) {
		return
	}
	atOnce(total, func(i int) {
		order := s.create(ctx, i, "mug")
		if order == nil || s.await(ctx, order.GetId(), "RESERVED", at(reserved)) == nil || s.pay(ctx, i, order.GetId(), tokens[i%len(tokens)]) != "" {
			return
		}
		if refused := s.cancel(ctx, i, order.GetId()); refused != "" {
			s.fail(order.GetId(), "an unpaid order cannot be canceled: %s", refused)
			return
		}
		s.await(ctx, order.GetId(), "CANCELED with its hold given up", func(o *omsv1.Order) bool {
			return o.GetStatus() == canceled && o.GetPayment().GetStatus() == omsv1.PaymentStatus_PAYMENT_STATUS_VOIDED
		})
	})
	orders := s.rest(ctx)
	s.numbers = counted(orders)
	if statuses(orders)[canceled] != total {
		s.fail("", "%d orders were canceled: %s", total, counted(orders))
	}
	s.checkStock(ctx, "mug", int64(total), orders)
	s.checkMoney(orders)
}

// witness follows all orders by one feed and remembers the versions that it was told, in order.
type witness struct {
	cancel context.CancelFunc
	ended  chan struct{}

	mutex sync.Mutex
	seen  map[string][]int64
	err   error
}

// watch begins to follow; no change after that is missed.
func watch(ctx context.Context, client *load.Client) *witness {
	ctx, cancel := context.WithCancel(ctx)
	f := &witness{cancel: cancel, ended: make(chan struct{}), seen: map[string][]int64{}}
	stream, err := client.Orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{})
	if err == nil {
		_, err = stream.Recv() // tells where it begins
	}
	if err != nil {
		f.err = err
		close(f.ended)
		return f
	}
	go func() {
		defer close(f.ended)
		for {
			message, err := stream.Recv()
			f.mutex.Lock()
			for _, change := range message.GetChanges() {
				f.seen[change.GetOrderId()] = append(f.seen[change.GetOrderId()], change.GetVersion())
			}
			if err != nil && ctx.Err() == nil {
				f.err = err
			}
			f.mutex.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return f
}

func (f *witness) stop() {
	f.cancel()
	<-f.ended
}

// versions answers what was told of an order.
func (f *witness) versions(orderID string) ([]int64, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Clone(f.seen[orderID]), f.err
}

// followed is the case of who follows all the others: of every order it was told the versions 1, 2, 3 … to the last, once each.
func (w *world) followed() trial {
	return trial{"followed", "a feed of all the orders above: each version once and in order", "", func(ctx context.Context, s *stage) {
		var changes, orders int
		for _, one := range w.wanted(w.together()) {
			part := &stage{world: w, name: w.run + "-" + one.name}
			all := part.rest(ctx)
			for _, o := range all {
				changes += s.checkVersions(ctx, o)
			}
			orders += len(all)
		}
		s.numbers = fmt.Sprintf("%d changes of %d orders", changes, orders)
		if orders == 0 {
			s.fail("", "there are no orders to compare")
		}
	}}
}

// feedPatience is how long the feed may be behind an order that was read.
const feedPatience = 5 * time.Second

func (s *stage) checkVersions(ctx context.Context, o *omsv1.Order) int {
	for limit := time.Now().Add(feedPatience); ; pause(ctx, 10*time.Millisecond) {
		seen, err := s.feed.versions(o.GetId())
		if err != nil {
			s.fail("", "the feed broke: %v", err)
			return 0
		}
		inOrder := true
		for i, version := range seen {
			inOrder = inOrder && version == int64(i+1)
		}
		if inOrder && int64(len(seen)) >= o.GetVersion() {
			return len(seen)
		}
		if !inOrder || time.Now().After(limit) || s.failures > 0 {
			s.fail(o.GetId(), "an order has %d versions, the feed told %v", o.GetVersion(), seen)
			return len(seen)
		}
	}
}
