package stripe

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/id"
)

// Gateway implements gateway.Lister.
var _ gateway.Lister = (*Gateway)(nil)

const (
	// listLimit is how many PaymentIntents are looked at for one listing.
	listLimit = 10_000
	// listAfter is how long after an order's creation its payment is looked for: orders are paid soon or expire, but a letter may be
	// replayed days later. listBefore is how far Stripe's clock may be behind ours.
	listAfter  = 31 * 24 * time.Hour
	listBefore = time.Hour
)

// List implements gateway.Lister. Stripe lists by the time at which a PaymentIntent was made, newest first, so all of the time are read and
// sorted; those of others, by their metadata, are left out. What a listing looks at is bounded: a longer time must be asked for in parts.
func (g *Gateway) List(ctx context.Context, listing gateway.Listing) ([]gateway.Total, error) {
	params := &sdk.PaymentIntentListParams{CreatedRange: &sdk.RangeQueryParams{}}
	if from, known := madeAt(listing.After); known {
		params.CreatedRange.GreaterThanOrEqual = from.Add(-listBefore).Unix()
	}
	if to, known := madeAt(listing.Before); known {
		params.CreatedRange.LesserThan = to.Add(listAfter).Unix()
	}
	params.Limit = sdk.Int64(100)
	params.Expand = []*string{sdk.String("data.latest_charge")}
	totals, looked := map[string]*gateway.Total{}, 0
	for intent, err := range g.client.V1PaymentIntents.List(ctx, params) {
		if err != nil {
			_, err = asked(err)
			return nil, err
		}
		looked++
		if looked > listLimit {
			return nil, gateway.Permanent(errors.New("stripe has too many payments of that time for one listing: ask for a shorter time"))
		}
		payment := intent.Metadata[metaPayment]
		if intent.Metadata[metaTenant] != listing.Tenant || payment <= listing.After || payment >= listing.Before {
			continue
		}
		if totals[payment] == nil {
			totals[payment] = &gateway.Total{Tenant: listing.Tenant, Payment: payment, OrderID: intent.Metadata[metaOrder]}
		}
		addIntent(totals[payment], intent)
	}
	sorted := make([]gateway.Total, 0, len(totals))
	for _, total := range totals {
		sorted = append(sorted, *total)
	}
	slices.SortFunc(sorted, func(a, b gateway.Total) int { return cmp.Compare(a.Payment, b.Payment) })
	return sorted[:min(len(sorted), listing.Limit)], nil
}

// madeAt is the time inside an id.
func madeAt(name string) (time.Time, bool) {
	kind, _, _ := strings.Cut(name, ":")
	parsed, ok := id.Parse(kind, name)
	return parsed.Time(), ok
}

// addIntent adds what one attempt came to. What was captured in part gives the rest up; one that was canceled has held its amount when it
// has a charge that was approved.
func addIntent(total *gateway.Total, intent *sdk.PaymentIntent) {
	minor := func(amount int64) int64 {
		var in int64
		total.Currency, in = fromStripe(string(intent.Currency), amount)
		return in
	}
	switch charge := intent.LatestCharge; {
	case intent.Status == sdk.PaymentIntentStatusRequiresCapture:
		total.HeldMinor += minor(intent.Amount)
	case intent.Status == sdk.PaymentIntentStatusSucceeded:
		total.HeldMinor += minor(intent.Amount)
		total.CapturedMinor += minor(intent.AmountReceived)
		total.VoidedMinor += minor(intent.Amount - intent.AmountReceived)
		if charge != nil && charge.AmountRefunded > 0 {
			total.RefundedMinor += minor(charge.AmountRefunded)
		}
	case intent.Status == sdk.PaymentIntentStatusCanceled && charge != nil && charge.Status == sdk.ChargeStatusSucceeded:
		total.HeldMinor += minor(intent.Amount)
		total.VoidedMinor += minor(intent.Amount)
	}
}
