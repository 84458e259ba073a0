package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Total is what the simulator did for one payment. The counts are of operations that succeeded, each key once however often it
// was called; Refused counts captures, voids and refunds that broke the gateway's rules, such as a second capture. A hold that has gone by
// itself counts as held until it is voided.
type Total struct {
	Tenant, Payment, OrderID, Currency    string
	Holds, Captures, Voids, Refunds       int
	HeldMinor, CapturedMinor, VoidedMinor int64
	RefundedMinor                         int64 // and not returned
	ReturnedMinor                         int64 // refunded, and returned later
	DisputedMinor                         int64 // withdrawn for disputes that are open
	LostMinor                             int64 // withdrawn for disputes that were lost
	FeesMinor                             int64 // of disputes
	Payouts                               int
	PaidOutMinor                          int64
	Declined                              int // holds and payouts
	Refused                               int
	Late                                  int // captures that were refused since the hold had gone by itself
}

// LeftMinor is what is still held: neither captured nor voided.
func (t Total) LeftMinor() int64 { return t.HeldMinor - t.CapturedMinor - t.VoidedMinor }

// Listing asks for what was done for payments of a tenant: those whose ids are above After and below Before, in order of id, at most
// Limit of them. An id begins with the time at which the order was created (package id).
type Listing struct {
	Tenant, After, Before string
	Limit                 int
}

// Lister is a gateway that can list what it did, so that it is compared with our books.
type Lister interface {
	// List answers a total a payment. The error has its class.
	List(ctx context.Context, listing Listing) ([]Total, error)
}

// Simulator implements Lister.
var _ Lister = (*Simulator)(nil)

// List implements Lister. It reads the whole journal.
func (s *Simulator) List(ctx context.Context, listing Listing) ([]Total, error) {
	if err := ctx.Err(); err != nil {
		return nil, NotReached(err)
	}
	totals, err := readTotals(s.options.Journal, func(r *record) bool {
		return r.Tenant == listing.Tenant && r.Payment > listing.After && r.Payment < listing.Before
	})
	if err != nil {
		return nil, NotReached(err)
	}
	return totals[:min(len(totals), listing.Limit)], nil
}

// ReadTotals adds a journal up, a total a payment, in order of tenant and payment. It may be read beside live simulators.
func ReadTotals(path string) ([]Total, error) {
	return readTotals(path, func(*record) bool { return true })
}

func readTotals(path string, wanted func(*record) bool) ([]Total, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gateway simulator: open journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	type name struct{ tenant, payment string }
	totals := map[name]*Total{}
	err = scan(file, `"key":`, func(r *record) {
		if !wanted(r) {
			return
		}
		t := totals[name{r.Tenant, r.Payment}]
		if t == nil {
			t = &Total{Tenant: r.Tenant, Payment: r.Payment, OrderID: r.OrderID, Currency: r.Currency}
			totals[name{r.Tenant, r.Payment}] = t
		}
		t.add(r)
	})
	if err != nil {
		return nil, err
	}
	sorted := make([]Total, 0, len(totals))
	for t := range maps.Values(totals) {
		sorted = append(sorted, *t)
	}
	slices.SortFunc(sorted, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Payment, b.Payment))
	})
	return sorted, nil
}

// add adds one record.
func (t *Total) add(r *record) {
	switch {
	case r.Result == resultLost, r.Operation == opTold:
	case r.Operation == opDispute:
		t.addDispute(r)
	case r.Result == resultReturned:
		t.RefundedMinor -= r.Amount
		t.ReturnedMinor += r.Amount
	case r.Result == resultDeclined && r.Reason == reasonDisputed: // nobody could know
	case r.Result == resultDeclined && standsAlone(r.Operation):
		t.Declined++
	case r.Result == resultDeclined && r.Reason == reasonExpired:
		t.Late++
	case r.Result == resultDeclined:
		t.Refused++
	case r.Operation == KindHold:
		t.Holds++
		t.HeldMinor += r.Amount
	case r.Operation == KindCapture:
		t.Captures++
		t.CapturedMinor += r.Amount
	case r.Operation == KindVoid:
		t.Voids++
		t.VoidedMinor += r.Amount
	case r.Operation == KindRefund:
		t.Refunds++
		t.RefundedMinor += r.Amount
	case r.Operation == KindPayout:
		t.Payouts++
		t.PaidOutMinor += r.Amount
	}
}

// addDispute adds a record of a dispute.
func (t *Total) addDispute(r *record) {
	switch r.Result {
	case resultOpen:
		t.DisputedMinor += r.Amount
		t.FeesMinor += r.Fee
	case resultWon:
		t.DisputedMinor -= r.Amount
	default:
		t.DisputedMinor -= r.Amount
		t.LostMinor += r.Amount
	}
}
