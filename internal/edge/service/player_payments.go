package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// PlayerPayments implements provider.v1.PaymentService.
type PlayerPayments struct {
	providerv1.UnimplementedPaymentServiceServer
	*Environment
}

// CreatePayment implements the contract.
func (s *PlayerPayments) CreatePayment(ctx context.Context, r *providerv1.CreatePaymentRequest) (*providerv1.CreatePaymentResponse, error) {
	if refusal := s.CheckToken(r.PaymentToken); refusal != nil {
		return nil, refusal
	}
	origin := edge.ScopeOf(ctx).Origin
	c := prepare(ctx)
	c.Steps = flow.PlayerPayment(cashier.Request{
		Tenant: c.Tenant, PlayerID: r.PlayerId, Type: state.PlayerPaymentType(r.Type), //nolint:gosec // an enum
		Currency: r.Amount.Currency, AmountMinor: r.Amount.AmountMinor, Provider: s.Provider, Token: r.PaymentToken,
		Brand: origin.Brand, Region: origin.Region, CalledBy: origin.Provider, Random: s.Random(),
	})
	c.Size = paymentRows
	answer, err := submit(ctx, s.Environment, c, &providerv1.Payment{})
	return &providerv1.CreatePaymentResponse{Payment: answer}, err
}

// paymentRows are those that a payment comes to at most: itself, its call, the account and what is set aside on it, the player's counts.
const paymentRows = 6

// GetPayment implements the contract. What was made for another brand or region is not there for the call.
func (s *PlayerPayments) GetPayment(ctx context.Context, r *providerv1.GetPaymentRequest) (*providerv1.GetPaymentResponse, error) {
	scope := edge.ScopeOf(ctx)
	found, err := s.View.PlayerPayment(ctx, scope.Caller.Tenant, r.PaymentId)
	if err != nil {
		return nil, read(err, "payment", r.PaymentId)
	}
	if found.Brand != scope.Origin.Brand || found.Region != scope.Origin.Region {
		return nil, fault.NotFoundf("payment", r.PaymentId)
	}
	return &providerv1.GetPaymentResponse{Payment: wire.PlayerPayment(found)}, nil
}

// providerPage is how many entries a page of a provider's list has that was asked for without a limit.
const providerPage = 50

// ListPayments implements the contract. Of payments that the filters leave out it looks at scanLimit at most: the page ends then, and the
// next one goes on there.
func (s *PlayerPayments) ListPayments(ctx context.Context, r *providerv1.ListPaymentsRequest) (*providerv1.ListPaymentsResponse, error) {
	caller, origin := edge.ScopeOf(ctx).Caller, edge.ScopeOf(ctx).Origin
	query := state.PlayerPaymentQuery{
		Tenant: caller.Tenant, Brand: origin.Brand, Region: origin.Region, PlayerID: r.PlayerId, From: wholeMilliseconds(moment(r.OccurredAtFrom)),
		Before: wholeMilliseconds(moment(r.OccurredAtTo)), Descending: r.Order == providerv1.SortOrder_SORT_ORDER_DESC,
	}
	slices.Sort(r.Type)
	slices.Sort(r.Status)
	binding := []string{
		"player_payments", caller.Tenant, caller.Principal, origin.Brand, origin.Region, r.PlayerId, fmt.Sprint(r.Type, r.Status, query.Descending), bound(query.From),
		bound(query.Before),
	}
	if r.Cursor != "" {
		position, ok := s.Sealer.Open(r.Cursor, binding...)
		if !ok {
			return nil, badToken("cursor", "PAGE_TOKEN_INVALID", "next_cursor of an answer to the same request")
		}
		query.AfterID = position
	}
	response := &providerv1.ListPaymentsResponse{}
	next, err := s.page(ctx, query, r, response)
	if err != nil {
		return nil, unavailable(err)
	}
	if response.HasMore = next != ""; response.HasMore {
		response.NextCursor = s.Sealer.Seal(next, binding...)
	}
	return response, nil
}

// wholeMilliseconds rounds a time up to what the time of a payment is kept in, so that what is before it stays before it.
func wholeMilliseconds(at time.Time) time.Time {
	if rounded := at.Truncate(time.Millisecond); rounded.Before(at) {
		return rounded.Add(time.Millisecond)
	}
	return at
}

// page fills a page with the payments that pass, and answers the last one that it has dealt with; empty when there are no more.
func (s *PlayerPayments) page(ctx context.Context, query state.PlayerPaymentQuery, r *providerv1.ListPaymentsRequest,
	response *providerv1.ListPaymentsResponse,
) (next string, err error) {
	limit := cmp.Or(int(r.Limit), providerPage)
	query.Limit = limit + 1
	if len(r.Type)+len(r.Status) > 0 { // most may not pass
		query.Limit = max(query.Limit, filteredRead)
	}
	for looked := 0; looked < scanLimit; looked += query.Limit {
		found, err := s.View.PlayerPayments(ctx, query)
		if err != nil {
			return "", fmt.Errorf("read a page of payments: %w", err)
		}
		for _, p := range found {
			written := wire.PlayerPayment(p)
			if passes(r.Type, written.Type) && passes(r.Status, written.Status) {
				if len(response.Payments) == limit {
					return query.AfterID, nil
				}
				response.Payments = append(response.Payments, written)
			}
			query.AfterID = p.ID
		}
		if len(found) < query.Limit {
			return "", nil
		}
	}
	return query.AfterID, nil
}

// filteredRead is how many payments are read at once of which some are left out.
const filteredRead = 500

// passes tells whether a value is among those asked for; none asked for are all.
func passes[E comparable](asked []E, value E) bool {
	return len(asked) == 0 || slices.Contains(asked, value)
}
