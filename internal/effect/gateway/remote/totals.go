package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Total is what the gateway did for one payment, as it is told. Amounts are minor units.
type Total struct {
	Tenant        string `json:"tenant"`
	Payment       string `json:"payment"`
	OrderID       string `json:"order_id"`
	Currency      string `json:"currency"`
	Captures      int    `json:"captures"`
	HeldMinor     int64  `json:"held_minor"`
	CapturedMinor int64  `json:"captured_minor"`
	VoidedMinor   int64  `json:"voided_minor"`
	RefundedMinor int64  `json:"refunded_minor"`
	ReturnedMinor int64  `json:"returned_minor"` // refunded, and returned later
	DisputedMinor int64  `json:"disputed_minor"` // withdrawn for disputes that are open
	LostMinor     int64  `json:"lost_minor"`     // withdrawn for disputes that were lost
	FeesMinor     int64  `json:"fees_minor"`     // of disputes
	Payouts       int    `json:"payouts,omitempty"`
	PaidOutMinor  int64  `json:"paid_out_minor,omitempty"`
}

// TellTotals writes totals.
func TellTotals(totals []gateway.Total) []Total {
	told := make([]Total, len(totals))
	for i, t := range totals {
		told[i] = Total{
			Tenant: t.Tenant, Payment: t.Payment, OrderID: t.OrderID, Currency: t.Currency, Captures: t.Captures,
			HeldMinor: t.HeldMinor, CapturedMinor: t.CapturedMinor, VoidedMinor: t.VoidedMinor, RefundedMinor: t.RefundedMinor,
			ReturnedMinor: t.ReturnedMinor, DisputedMinor: t.DisputedMinor, LostMinor: t.LostMinor, FeesMinor: t.FeesMinor,
			Payouts: t.Payouts, PaidOutMinor: t.PaidOutMinor,
		}
	}
	return told
}

// Totals asks the gateway for all that it has done, a total a payment, in order of tenant and payment.
func (g *Gateway) Totals(ctx context.Context) ([]gateway.Total, error) {
	return g.list(ctx, PathTotals)
}

// Gateway implements gateway.Lister.
var _ gateway.Lister = (*Gateway)(nil)

// List implements gateway.Lister.
func (g *Gateway) List(ctx context.Context, listing gateway.Listing) ([]gateway.Total, error) {
	query := url.Values{
		"tenant": {listing.Tenant}, "after": {listing.After}, "before": {listing.Before}, "limit": {strconv.Itoa(listing.Limit)},
	}
	totals, err := g.list(ctx, PathPayments+"?"+query.Encode())
	if err != nil {
		return nil, gateway.Unknown(err) // a question does nothing
	}
	return totals, nil
}

func (g *Gateway) list(ctx context.Context, path string) ([]gateway.Total, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.options.URL+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if g.options.APIKey != "" {
		request.Header.Set("Authorization", "Bearer "+g.options.APIKey)
	}
	response, err := g.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the gateway answered %d when asked for its totals", response.StatusCode)
	}
	var told []Total
	if err := json.NewDecoder(response.Body).Decode(&told); err != nil {
		return nil, errors.Join(errors.New("the gateway's totals cannot be read"), err)
	}
	totals := make([]gateway.Total, len(told))
	for i, t := range told {
		totals[i] = gateway.Total{
			Tenant: t.Tenant, Payment: t.Payment, OrderID: t.OrderID, Currency: t.Currency, Captures: t.Captures,
			HeldMinor: t.HeldMinor, CapturedMinor: t.CapturedMinor, VoidedMinor: t.VoidedMinor, RefundedMinor: t.RefundedMinor,
			ReturnedMinor: t.ReturnedMinor, DisputedMinor: t.DisputedMinor, LostMinor: t.LostMinor, FeesMinor: t.FeesMinor,
			Payouts: t.Payouts, PaidOutMinor: t.PaidOutMinor,
		}
	}
	return totals, nil
}
