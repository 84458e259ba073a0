package service

import (
	"context"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/feed"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// noCurrency is ISO 4217's code for transactions without a currency.
const noCurrency = "XXX"

// Unpriced completes a request whose lines name no prices: it is what the contract's rules are asked about, and what a key is bound
// to, which must not depend on the prices of the moment.
func (s *Orders) Unpriced(request *omsv1.CreateOrderRequest, amount string) *omsv1.CreateOrderRequest {
	request.Currency, request.Metadata = noCurrency, map[string]string{"amount": amount}
	for _, item := range request.Items {
		item.Price = &omsv1.Money{Currency: noCurrency}
	}
	return request
}

// CreateAtCatalogue carries an unpriced order out, whose amount stands in a field as a decimal number.
func (s *Orders) CreateAtCatalogue(ctx context.Context, request *omsv1.CreateOrderRequest, field, amount string) (*omsv1.Order, error) {
	c := prepare(ctx)
	unpriced := flow.Unpriced{
		Tenant: c.Tenant, CustomerID: request.CustomerId, Field: field, Said: amount, UnpaidFor: s.UnpaidFor, Random: s.Random(),
	}
	for _, item := range request.Items {
		unpriced.Lines = append(unpriced.Lines, catalogue.Wanted{SKU: item.Sku, Quantity: item.Qty})
	}
	c.Steps, c.Size = flow.CreateUnpriced(unpriced), 4+len(request.Items)
	return submit(ctx, s.Environment, c, &omsv1.Order{})
}

// Payable tells whether a customer may pay an order now; see order.Payable.
func (s *Orders) Payable(ctx context.Context, orderID, customer, field, amount string) (bool, error) {
	found, err := s.View.Order(ctx, edge.ScopeOf(ctx).Caller.Tenant, orderID)
	if err != nil {
		return false, read(err, "order", orderID)
	}
	payable, refused := order.Payable(found, customer, field, amount)
	if refused != nil {
		return false, refused
	}
	return payable, nil
}

// lookAgain is how often an order is read whose feed has nothing to tell: it is behind, or on its way to this process.
const lookAgain = 250 * time.Millisecond

// AwaitPayment answers an order once its payment has an outcome, or as it stands when the wait, or the call's time, is over.
func (s *Orders) AwaitPayment(ctx context.Context, orderID string, wait time.Duration) (*omsv1.Order, error) {
	if deadline, found := ctx.Deadline(); found {
		wait = min(wait, time.Until(deadline)-lookAgain)
	}
	tenant, over := edge.ScopeOf(ctx).Caller.Tenant, time.NewTimer(wait)
	defer over.Stop()
	var changed <-chan []state.Event // nil never tells
	if subscription, err := s.Feed.Subscribe(ctx, feed.Request{Tenant: tenant, Aggregates: []string{orderID}}); err == nil {
		defer subscription.Close()
		changed = subscription.C
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for last := false; ; {
		found, err := s.View.Order(ctx, tenant, orderID)
		if err != nil {
			return nil, read(err, "order", orderID)
		}
		if last || paymentOver(found) {
			return wire.Order(found), nil
		}
		select {
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		case <-again.C:
		case <-over.C:
			last = true
		case <-ctx.Done():
			return nil, ctx.Err() //nolint:wrapcheck // the chain translates it
		}
	}
}

// paymentOver tells whether an order's payment has an outcome, or never will.
func paymentOver(o *state.Order) bool {
	switch o.PaymentStatus {
	case state.PaymentCaptured, state.PaymentDeclined, state.PaymentVoided, state.PaymentPartiallyRefunded, state.PaymentRefunded:
		return true
	default:
		return o.Status == state.OrderConfirmed || o.Status.Terminal()
	}
}
