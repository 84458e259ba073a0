package app

import (
	"context"
	"maps"
	"slices"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/reconcile"
)

// listing answers how the payments of a gateway are listed; nil for one that cannot or is not called here, with the names of those that can.
func (a *App) listing(name string) (list reconcile.List, valid []string) {
	lister, found := a.listers[name]
	if !found {
		return nil, slices.Sorted(maps.Keys(a.listers))
	}
	return func(ctx context.Context, query reconcile.Query) ([]reconcile.Total, error) {
		told, err := lister.List(ctx, gateway.Listing(query))
		if err != nil {
			return nil, err
		}
		totals := make([]reconcile.Total, len(told))
		for i := range told {
			t := &told[i]
			totals[i] = reconcile.Total{Payment: t.Payment, OrderID: t.OrderID, Sums: reconcile.Sums{
				Currency: t.Currency, Held: t.HeldMinor, Captured: t.CapturedMinor, Voided: t.VoidedMinor, Refunded: t.RefundedMinor,
				PaidOut: t.PaidOutMinor,
			}}
		}
		return totals, nil
	}, nil
}
