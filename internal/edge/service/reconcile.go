package service

import (
	"cmp"
	"context"
	"strings"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/reconcile"
)

// reconcilePage is how many payments are compared in one call when the request does not say.
const reconcilePage = 500

// ReconcilePayments implements the contract (requirement S-5).
func (s *Operations) ReconcilePayments(ctx context.Context, request *omsv1.ReconcilePaymentsRequest,
) (*omsv1.ReconcilePaymentsResponse, error) {
	name := cmp.Or(request.Gateway, s.Provider)
	list, valid := s.Listing(name)
	if list == nil {
		names := strings.Join(valid, ", ")
		return nil, fault.Invalid("gateway", "GATEWAY_UNKNOWN", "%q has no payments that can be listed here; send one of: %s", name, names).
			With("valid", names)
	}
	caller, position := edge.ScopeOf(ctx).Caller, ""
	binding := []string{"reconcile", caller.Tenant, caller.Principal, name, s.madeWithin(kindPayment, request).After}
	if request.PageToken != "" {
		var ok bool
		if position, ok = s.Sealer.Open(request.PageToken, binding...); !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
	}
	page, err := s.compare(ctx, caller.Tenant, name, list, request, position)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "GATEWAY_UNAVAILABLE", "books and gateway cannot be read at the moment; try again").Because(err)
	}
	response := &omsv1.ReconcilePaymentsResponse{
		Gateway: name, Here: sumsOf(page.Here), AtGateway: sumsOf(page.There), Differences: differencesOf(page.Differences),
		Open: differencesOf(page.Open),
	}
	if page.Next != "" {
		response.NextPageToken = s.Sealer.Seal(page.Next, binding...)
	}
	return response, nil
}

// Kinds of ids of payments, in the order in which they are compared.
const (
	kindPayment       = "payment"
	kindPlayerPayment = "player_payment"
)

// madeWithin is the query of payments of a kind that were made within the time of a request.
func (s *Operations) madeWithin(kind string, request *omsv1.ReconcilePaymentsRequest) reconcile.Query {
	query := reconcile.Query{
		After: kind + ":", Before: id.First(kind, s.Now().Add(time.Hour)), // clocks may differ
		Limit: cmp.Or(int(request.PageSize), reconcilePage),
	}
	if request.CreatedFrom != nil {
		query.After = id.First(kind, request.CreatedFrom.AsTime())
	}
	if request.CreatedTo != nil {
		query.Before = id.First(kind, request.CreatedTo.AsTime())
	}
	return query
}

// compare compares a page of the payments behind a position: first those of orders, then those of players.
func (s *Operations) compare(ctx context.Context, tenant, name string, list reconcile.List, request *omsv1.ReconcilePaymentsRequest,
	position string,
) (page reconcile.Page, err error) {
	before := s.Now().Add(-cmp.Or(time.Duration(request.SettledSeconds)*time.Second, reconcile.Settling))
	for _, of := range []struct {
		kind  string
		books reconcile.Books
	}{{kindPayment, reconcile.Orders(s.View)}, {kindPlayerPayment, reconcile.Players(s.View)}} {
		query := s.madeWithin(of.kind, request)
		query.Tenant = tenant
		switch kind, _, _ := strings.Cut(position, ":"); {
		case kind == of.kind:
			query.After = position
		case position != "" && of.kind == kindPayment:
			continue // it is behind them
		}
		found, err := reconcile.Compare(ctx, of.books, name, list, query, before)
		if err != nil {
			return page, err //nolint:wrapcheck // for the log
		}
		page.Merge(&found)
		if page.Next != "" {
			break
		}
	}
	return page, nil
}

func differencesOf(all []reconcile.Difference) []*omsv1.PaymentDifference {
	told := make([]*omsv1.PaymentDifference, len(all))
	for i, d := range all {
		told[i] = &omsv1.PaymentDifference{
			PaymentId: d.Payment, OrderId: d.OrderID, Kind: d.Kind, Status: omsv1.PaymentStatus(d.Status),
			Here: sumOf(d.Here), AtGateway: sumOf(d.There), PlayerId: d.PlayerID,
		}
	}
	return told
}

func sumsOf(all []reconcile.Sums) []*omsv1.PaymentTotals {
	told := make([]*omsv1.PaymentTotals, len(all))
	for i := range all {
		told[i] = sumOf(&all[i])
	}
	return told
}

func sumOf(s *reconcile.Sums) *omsv1.PaymentTotals {
	if s == nil {
		return nil
	}
	return &omsv1.PaymentTotals{
		Currency: s.Currency, Payments: s.Payments, HeldMinor: s.Held, CapturedMinor: s.Captured, VoidedMinor: s.Voided,
		RefundedMinor: s.Refunded, PaidOutMinor: s.PaidOut,
	}
}
