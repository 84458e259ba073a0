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
	caller := edge.ScopeOf(ctx).Caller
	from, to := "payment:", id.First("payment", s.Now().Add(time.Hour)) // clocks may differ
	if request.CreatedFrom != nil {
		from = id.First("payment", request.CreatedFrom.AsTime())
	}
	if request.CreatedTo != nil {
		to = id.First("payment", request.CreatedTo.AsTime())
	}
	binding := []string{"reconcile", caller.Tenant, caller.Principal, name, from}
	query := reconcile.Query{Tenant: caller.Tenant, After: from, Before: to, Limit: cmp.Or(int(request.PageSize), reconcilePage)}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		query.After = position
	}
	settled := cmp.Or(time.Duration(request.SettledSeconds)*time.Second, reconcile.Settling)
	page, err := reconcile.Compare(ctx, s.View, name, list, query, s.Now().Add(-settled))
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

func differencesOf(all []reconcile.Difference) []*omsv1.PaymentDifference {
	told := make([]*omsv1.PaymentDifference, len(all))
	for i, d := range all {
		told[i] = &omsv1.PaymentDifference{
			PaymentId: d.Payment, OrderId: d.OrderID, Kind: d.Kind, Status: omsv1.PaymentStatus(d.Status),
			Here: sumOf(d.Here), AtGateway: sumOf(d.There),
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
		RefundedMinor: s.Refunded,
	}
}
