package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// What PayOrder is asked to pay with; the simulated gateway behaves by it.
const (
	payOK        = "sim:ok"
	payDeclined  = "sim:declined"
	payUnknown   = "sim:unknown"
	payDuplicate = "sim:duplicate"
)

// outcome is what a buyer was told in the end.
type outcome struct {
	wish     *wish
	orderID  string
	seen     load.Seen
	refunded int64 // what was asked for, of a confirmed order
	problem  string
	at       time.Duration // since the beginning
}

// serve plays one story to its end.
func (d *show) serve(ctx context.Context, w *wish) outcome {
	o := outcome{wish: w}
	if err := d.play(ctx, w, &o); err != nil {
		o.problem = err.Error()
	}
	o.at = time.Since(d.start)
	return o
}

func (d *show) play(ctx context.Context, w *wish, o *outcome) error {
	start := time.Now()
	order, err := d.order(ctx, w)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	d.create.Since(start)
	o.orderID = order.GetId()
	b := &buyer{show: d, story: w.story, order: order, tracked: d.feed.Track(order)}
	defer func() {
		o.seen = b.tracked.Now()
		o.refunded = b.refunded
		b.tracked.Untrack()
	}()
	if w.story != payEarly {
		seen, err := b.tracked.Wait(ctx, load.Seen.Reserved)
		if err != nil {
			return fmt.Errorf("it is %s and should be RESERVED: %w", short(seen.Status), err)
		}
		if at := b.tracked.When(omsv1.OrderStatus_ORDER_STATUS_RESERVED); !at.IsZero() {
			d.reserve.Record(at.Sub(start))
		}
	}
	return b.play(ctx)
}

// order creates the order, where the wish says so by two requests at once with the same key: they must be answered alike.
func (d *show) order(ctx context.Context, w *wish) (*omsv1.Order, error) {
	key, times := load.Key(), 1
	if w.twice {
		times = 2
	}
	answers, errs := make([]*omsv1.Order, times), make([]error, times)
	var group sync.WaitGroup
	for i := range times {
		group.Go(func() {
			answer, err := load.Send(ctx, d.client, key, d.client.Orders.CreateOrder, w.request)
			answers[i], errs[i] = answer.GetOrder(), err
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if times > 1 && !proto.Equal(answers[0], answers[1]) {
		return nil, fmt.Errorf("sent twice with one key, it was answered as %s and as %s", answers[0].GetId(), answers[1].GetId())
	}
	return answers[0], nil
}

// buyer is one customer with one order.
type buyer struct {
	show     *show
	story    story
	order    *omsv1.Order
	tracked  *load.Tracked
	refunded int64
}

// play does what the story says from the moment that the order is reserved, and checks its end.
func (b *buyer) play(ctx context.Context) error {
	switch b.story {
	case buys, payEarly, answerTwice, answerLost:
		return b.buy(ctx)
	case declined:
		return b.payAndSee(ctx, payDeclined, false, ended(omsv1.OrderStatus_ORDER_STATUS_CANCELED, "PAYMENT_DECLINED"))
	case paysAgain:
		if err := b.payAndSee(ctx, payDeclined, true, wasDeclined); err != nil {
			return err
		}
		return b.buy(ctx)
	case cancels:
		if err := b.cancel(ctx); err != nil {
			return fmt.Errorf("cancel: %w", err)
		}
		return b.see(ctx, ended(omsv1.OrderStatus_ORDER_STATUS_CANCELED, "CANCELED_BY_CLIENT"))
	case cancelsLate:
		return b.cancelLate(ctx)
	case returnsPart, returnsAll:
		if err := b.buy(ctx); err != nil {
			return err
		}
		return b.giveBack(ctx)
	case wantsLast:
		if b.tracked.Now().Status == omsv1.OrderStatus_ORDER_STATUS_CANCELED {
			return b.see(ctx, ended(omsv1.OrderStatus_ORDER_STATUS_CANCELED, "OUT_OF_STOCK"))
		}
		return b.buy(ctx)
	default:
		return fmt.Errorf("no story %d", b.story)
	}
}

// token is what the buyer pays with.
func (b *buyer) token() string {
	switch b.story {
	case answerTwice:
		return payDuplicate
	case answerLost:
		return payUnknown
	default:
		return payOK
	}
}

// buy pays and waits for CONFIRMED.
func (b *buyer) buy(ctx context.Context) error {
	start := time.Now()
	if err := b.payAndSee(ctx, b.token(), false, ended(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, "")); err != nil {
		return err
	}
	latency := b.show.confirm
	if b.story == answerLost {
		latency = b.show.slow
	}
	latency.Record(b.tracked.When(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED).Sub(start))
	return nil
}

func (b *buyer) pay(ctx context.Context, token string, keep bool) error {
	client := b.show.client
	_, err := load.Send(ctx, client, load.Key(), client.Orders.PayOrder,
		&omsv1.PayOrderRequest{OrderId: b.order.GetId(), PaymentToken: token, KeepOnDecline: keep})
	return err //nolint:wrapcheck // the caller wraps
}

func (b *buyer) payAndSee(ctx context.Context, token string, keep bool, e end) error {
	if err := b.pay(ctx, token, keep); err != nil {
		return fmt.Errorf("pay: %w", err)
	}
	return b.see(ctx, e)
}

func (b *buyer) cancel(ctx context.Context) error {
	client := b.show.client
	_, err := load.Send(ctx, client, load.Key(), client.Orders.CancelOrder,
		&omsv1.CancelOrderRequest{OrderId: b.order.GetId(), Reason: "changed my mind"})
	return err //nolint:wrapcheck // the caller wraps
}

func (b *buyer) refund(ctx context.Context, minor int64) error {
	client := b.show.client
	_, err := load.Send(ctx, client, load.Key(), client.Orders.RefundOrder, &omsv1.RefundOrderRequest{
		OrderId: b.order.GetId(), Reason: "sent back",
		Amount: &omsv1.Money{Currency: b.order.GetAmount().GetCurrency(), AmountMinor: minor},
	})
	return err //nolint:wrapcheck // the caller wraps
}

// cancelLate cancels while the payment is under way. However the race ends, the buyer gets all money back: the order is canceled,
// or compensated, or was confirmed already and is refunded.
func (b *buyer) cancelLate(ctx context.Context) error {
	if err := b.pay(ctx, payOK, false); err != nil {
		return fmt.Errorf("pay: %w", err)
	}
	err := b.cancel(ctx)
	if refusal := load.RefusalOf(err); err != nil && refusal.Code == codes.FailedPrecondition {
		if err = b.see(ctx, ended(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, "")); err == nil {
			err = b.refund(ctx, b.order.GetAmount().GetAmountMinor())
		}
	}
	if err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	return b.see(ctx, moneyBack)
}

// giveBack sends a part of the order back in two parcels at once, or all of it.
func (b *buyer) giveBack(ctx context.Context) error {
	amount := b.order.GetAmount().GetAmountMinor()
	parts, end := []int64{amount}, ended(omsv1.OrderStatus_ORDER_STATUS_REFUNDED, "")
	if b.story == returnsPart {
		parts = []int64{max(amount/4, 1), max(amount/3, 1)}
		sum := parts[0] + parts[1]
		end.missed = func(seen load.Seen) bool { return seen.RefundedMinor > sum }
		end.name, end.reached = fmt.Sprintf("refunded by %d", sum), func(seen load.Seen) bool { return seen.RefundedMinor == sum }
	}
	errs := make([]error, len(parts))
	var group sync.WaitGroup
	for i, part := range parts {
		b.refunded += part
		group.Go(func() { errs[i] = b.refund(ctx, part) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("refund: %w", err)
	}
	return b.see(ctx, end)
}

// end is where a story must lead.
type end struct {
	name    string
	missed  func(load.Seen) bool // it can no longer be reached
	reached func(load.Seen) bool
}

// ended is a status with its reason; any reason when that is empty.
func ended(status omsv1.OrderStatus, reason string) end {
	return end{
		name: strings.TrimSpace(short(status) + " " + reason),
		missed: func(seen load.Seen) bool {
			onItsWay := status == omsv1.OrderStatus_ORDER_STATUS_REFUNDED && seen.Status == omsv1.OrderStatus_ORDER_STATUS_CONFIRMED
			return seen.Ended() && !onItsWay
		},
		reached: func(seen load.Seen) bool {
			return seen.Status == status && (reason == "" || seen.Reason == reason)
		},
	}
}

// wasDeclined is a declined payment of an order that is kept.
var wasDeclined = end{"RESERVED with a declined payment", load.Seen.Ended, func(seen load.Seen) bool {
	return seen.Payment == omsv1.PaymentStatus_PAYMENT_STATUS_DECLINED
}}

// moneyBack is how an order ends that was canceled late.
var moneyBack = end{"CANCELED or REFUNDED", func(load.Seen) bool { return false }, func(seen load.Seen) bool {
	return seen.Status == omsv1.OrderStatus_ORDER_STATUS_CANCELED || seen.Status == omsv1.OrderStatus_ORDER_STATUS_REFUNDED
}}

// see waits for an end.
func (b *buyer) see(ctx context.Context, e end) error {
	seen, err := b.tracked.Wait(ctx, func(seen load.Seen) bool { return e.reached(seen) || e.missed(seen) })
	if err == nil && e.reached(seen) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("it is %s %s and should be %s: %w", short(seen.Status), seen.Reason, e.name, err)
	}
	return fmt.Errorf("it is %s %s and should be %s", short(seen.Status), seen.Reason, e.name)
}
