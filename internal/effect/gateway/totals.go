package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Total is what the simulator did for one payment. The counts are of operations that succeeded, each key once however often it
// was called; Refused counts captures, voids and refunds that broke the gateway's rules, such as a second capture.
type Total struct {
	Tenant, Payment, OrderID, Currency    string
	Holds, Captures, Voids, Refunds       int
	HeldMinor, CapturedMinor, VoidedMinor int64
	RefundedMinor                         int64
	Payouts                               int
	PaidOutMinor                          int64
	Declined                              int // holds and payouts
	Refused                               int
}

// LeftMinor is what is still held: neither captured nor voided.
func (t Total) LeftMinor() int64 { return t.HeldMinor - t.CapturedMinor - t.VoidedMinor }

// ReadTotals adds a journal up, a total a payment, in order of tenant and payment. It may be read beside live simulators.
func ReadTotals(path string) ([]Total, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gateway simulator: open journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	type name struct{ tenant, payment string }
	totals := map[name]*Total{}
	err = scan(file, `"key":`, func(r *record) {
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
	case r.Result == resultLost:
	case r.Result == resultDeclined && standsAlone(r.Operation):
		t.Declined++
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
