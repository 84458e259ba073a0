package reconcile_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/reconcile"
	"github.com/seed-255eabaa/oms/internal/state"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// books are payments in memory.
type books struct {
	payments []*state.Payment
	open     map[string]bool // those with a call under way
}

func (b *books) PaymentsBetween(_ context.Context, _, after, before string, limit int) ([]*state.Payment, error) {
	var found []*state.Payment
	for _, p := range b.payments {
		if p.ID > after && p.ID < before && len(found) < limit {
			found = append(found, p)
		}
	}
	return found, nil
}

func (b *books) Payment(_ context.Context, _, id string) (*state.Payment, error) {
	for _, p := range b.payments {
		if p.ID == id {
			return p, nil
		}
	}
	return nil, state.ErrNotFound
}

func (b *books) Effects(_ context.Context, _, payment string) ([]*state.Effect, error) {
	if b.open[payment] {
		return []*state.Effect{{State: state.EffectDone}, {State: state.EffectOpen}}, nil
	}
	return []*state.Effect{{State: state.EffectFailed}}, nil
}

func captured(id string) *state.Payment {
	return &state.Payment{
		ID: id, OrderID: "order:" + id, Provider: "sim", Status: state.PaymentCaptured, Currency: "EUR", AmountMinor: 500, CapturedMinor: 500,
		ExternalID: "x", UpdatedAt: now.Add(-time.Hour),
	}
}

func taken(id string) reconcile.Total {
	return reconcile.Total{Payment: id, OrderID: "order:" + id, Sums: reconcile.Sums{Currency: "EUR", Held: 500, Captured: 500}}
}

// compare compares all pages and adds up what they tell.
func compare(t interface{ Fatal(...any) }, b *books, totals []reconcile.Total, limit int) reconcile.Page {
	list := func(_ context.Context, q reconcile.Query) ([]reconcile.Total, error) {
		var found []reconcile.Total
		for _, total := range totals {
			if total.Payment > q.After && total.Payment < q.Before && len(found) < q.Limit {
				found = append(found, total)
			}
		}
		return found, nil
	}
	var all reconcile.Page
	query := reconcile.Query{Tenant: "t", Before: "~", Limit: limit}
	for {
		page, err := reconcile.Compare(context.Background(), reconcile.Orders(b), "sim", list, query, now.Add(-reconcile.Settling))
		if err != nil {
			t.Fatal(err)
		}
		all.Differences, all.Open = append(all.Differences, page.Differences...), append(all.Open, page.Open...)
		all.Here, all.There = append(all.Here, page.Here...), append(all.There, page.There...)
		if query.After = page.Next; page.Next == "" {
			return all
		}
	}
}

// Each kind of difference is told as what it is, and what is no difference is not.
func TestKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		here  func(*state.Payment)
		there func(*reconcile.Total)
		want  string
	}{
		"the same":              {want: ""},
		"missing there":         {there: func(r *reconcile.Total) { *r = reconcile.Total{} }, want: reconcile.MissingThere},
		"declined only, there":  {there: func(r *reconcile.Total) { r.Held, r.Captured = 0, 0 }, want: reconcile.MissingThere},
		"missing here":          {here: func(p *state.Payment) { p.ID = "" }, want: reconcile.MissingHere},
		"of another gateway":    {here: func(p *state.Payment) { p.Provider = "other" }, want: reconcile.MissingHere},
		"held, as far as known": {here: func(p *state.Payment) { p.Status, p.CapturedMinor = state.PaymentUnknown, 0 }, want: reconcile.MissingHere},
		"less captured there":   {there: func(r *reconcile.Total) { r.Captured = 499 }, want: reconcile.AmountDiffers},
		"another currency":      {there: func(r *reconcile.Total) { r.Currency = "USD" }, want: reconcile.AmountDiffers},
		"refunded there":        {there: func(r *reconcile.Total) { r.Refunded = 1 }, want: reconcile.AmountDiffers},
		"came back there, refunded here": {
			here: func(p *state.Payment) { p.Status, p.RefundedMinor = state.PaymentPartiallyRefunded, 300 }, want: reconcile.AmountDiffers,
		},
		"more held there": {there: func(r *reconcile.Total) { r.Held, r.Voided = 501, 1 }, want: reconcile.AmountDiffers},
		"held there, voided here": {
			here:  func(p *state.Payment) { p.Status, p.CapturedMinor = state.PaymentVoided, 0 },
			there: func(r *reconcile.Total) { r.Captured = 0 }, want: reconcile.StatusDiffers,
		},
		"voided there, held here": {
			here:  func(p *state.Payment) { p.Status, p.CapturedMinor = state.PaymentAuthorized, 0 },
			there: func(r *reconcile.Total) { r.Captured, r.Voided = 0, 500 }, want: reconcile.StatusDiffers,
		},
		"capture refused": {
			here:  func(p *state.Payment) { p.Status, p.CapturedMinor = state.PaymentDeclined, 0 },
			there: func(r *reconcile.Total) { r.Captured, r.Voided = 0, 500 }, want: "",
		},
		"declined": {
			here:  func(p *state.Payment) { p.Status, p.CapturedMinor, p.ExternalID = state.PaymentDeclined, 0, "" },
			there: func(r *reconcile.Total) { r.Held, r.Captured = 0, 0 }, want: "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, total := captured("a"), taken("a")
			if c.here != nil {
				c.here(p)
			}
			if c.there != nil {
				c.there(&total)
			}
			b, totals := &books{}, []reconcile.Total{}
			if p.ID != "" {
				b.payments = append(b.payments, p)
			}
			if total.Payment != "" {
				totals = append(totals, total)
			}
			page := compare(t, b, totals, 10)
			switch {
			case c.want == "" && len(page.Differences) != 0, c.want != "" && (len(page.Differences) != 1 || page.Differences[0].Kind != c.want),
				len(page.Open) != 0:
				t.Errorf("got %+v and open %+v, want %q", page.Differences, page.Open, c.want)
			case c.want != "" && (page.Differences[0].Payment != "a" || page.Differences[0].OrderID != "order:a"):
				t.Errorf("it names %+v", page.Differences[0])
			}
		})
	}
}

// What is under way, or has just changed, is no difference yet.
func TestOpen(t *testing.T) {
	t.Parallel()
	p := captured("a")
	b := &books{payments: []*state.Payment{p}, open: map[string]bool{"a": true}}
	if page := compare(t, b, nil, 10); len(page.Differences) != 0 || len(page.Open) != 1 || page.Open[0].Kind != reconcile.Open {
		t.Errorf("with a call under way: %+v", page)
	}
	b.open, p.UpdatedAt = nil, now.Add(-time.Second)
	if page := compare(t, b, nil, 10); len(page.Differences) != 0 || len(page.Open) != 1 {
		t.Errorf("just changed: %+v", page)
	}
}

// However small the pages are, each payment is compared once, and the sums are those of all.
func TestPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, totals, want := &books{}, []reconcile.Total{}, ""
		var here, there int64
		for _, id := range strings.Split("a b c d e f g h i j", " ") {
			switch rapid.SampledFrom([]string{"both", "here", "there", "none"}).Draw(t, id) {
			case "both":
				b.payments, totals = append(b.payments, captured(id)), append(totals, taken(id))
				here, there = here+500, there+500
			case "here":
				b.payments, want = append(b.payments, captured(id)), want+id+reconcile.MissingThere
				here += 500
			case "there":
				totals, want = append(totals, taken(id)), want+id+reconcile.MissingHere
				there += 500
			}
		}
		page := compare(t, b, totals, rapid.IntRange(1, 11).Draw(t, "limit"))
		got := ""
		for _, d := range page.Differences {
			got += d.Payment + d.Kind
		}
		sum := func(all []reconcile.Sums) (captured int64) {
			for _, s := range all {
				captured += s.Captured
			}
			return captured
		}
		if got != want || sum(page.Here) != here || sum(page.There) != there {
			t.Fatalf("got %s, %d and %d; want %s, %d and %d", got, sum(page.Here), sum(page.There), want, here, there)
		}
		if !slices.IsSortedFunc(page.Differences, func(a, b reconcile.Difference) int { return strings.Compare(a.Payment, b.Payment) }) {
			t.Fatalf("not in order: %+v", page.Differences)
		}
	})
}
