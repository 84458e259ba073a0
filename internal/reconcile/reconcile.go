// Package reconcile compares our books with what a gateway says that it did, payment by payment (requirement S-5). It reads both sides in
// order of the payments' ids and walks down them together, a page at a time; it changes nothing.
//
// A payment belongs to the time at which its order was created, that of a player to its own: it is inside the id, so both sides mean the
// same payments by a time, whatever their clocks say.
//
// The two sides are read one after the other while payments go on. What differs is therefore read once more: it is OPEN, and no difference,
// while a call of the payment is under way or when it has changed since, or just before, the gateway was asked.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Kinds of differences.
const (
	MissingThere  = "MISSING_AT_GATEWAY"
	MissingHere   = "MISSING_HERE"
	AmountDiffers = "AMOUNT_DIFFERS" // what was captured or refunded, or its currency
	StatusDiffers = "STATUS_DIFFERS" // what is held, or was
	Open          = "OPEN"           // may be no difference: it is under way
)

// Sums is what was done, of one payment or of many, in minor units of a currency.
type Sums struct {
	Currency                         string
	Payments                         int64 // of which something was held or paid out
	Held, Captured, Voided, Refunded int64
	PaidOut                          int64 // to players
}

// add adds sums of the same currency.
func (s *Sums) add(other *Sums) {
	s.Payments += other.Payments
	s.Held, s.Captured = s.Held+other.Held, s.Captured+other.Captured
	s.Voided, s.Refunded = s.Voided+other.Voided, s.Refunded+other.Refunded
	s.PaidOut += other.PaidOut
}

// Total is what a gateway says that it did for one payment.
type Total struct {
	Payment, OrderID string
	Sums
}

// Settling is how long a payment must have been as it is where nobody says: the sides are read within that time, by clocks that may differ.
const Settling = time.Minute

// Query asks for payments of a tenant by their ids: those above After and below Before, in order of id, at most Limit of them.
type Query struct {
	Tenant, After, Before string
	Limit                 int
}

// List answers what a gateway did, as the query asks for it. Payments of which nothing was held may be left out.
type List func(ctx context.Context, query Query) ([]Total, error)

// Difference is a payment of which the sides say different things.
type Difference struct {
	Payment, OrderID, Kind string
	PlayerID               string              // of a deposit or withdrawal
	Status                 state.PaymentStatus // here
	Here, There            *Sums               // nil where it is missing
}

// Page is what a comparison has found.
type Page struct {
	Here, There       []Sums // by currency
	Differences, Open []Difference
	Next              string // the payment to go on after; empty on the last page
}

// Compare compares a page of the payments of one gateway. What has changed after settled, a time before either side is read, is open.
func Compare(ctx context.Context, books Books, provider string, list List, query Query, settled time.Time) (Page, error) {
	ours, err := books.Between(ctx, query)
	if err != nil {
		return Page{}, err
	}
	theirs, err := list(ctx, query)
	if err != nil {
		return Page{}, err
	}
	c := comparison{books: books, tenant: query.Tenant, provider: provider, settled: settled}
	c.page.Next = end(ours, theirs, query.Limit)
	for len(ours) > 0 || len(theirs) > 0 {
		var p *Ours
		var total *Total
		if len(ours) > 0 && (len(theirs) == 0 || ours[0].ID <= theirs[0].Payment) {
			p, ours = &ours[0], ours[1:]
		}
		if len(theirs) > 0 && (p == nil || theirs[0].Payment == p.ID) {
			total, theirs = &theirs[0], theirs[1:]
		}
		if c.page.Next != "" && (p != nil && p.ID > c.page.Next || p == nil && total.Payment > c.page.Next) {
			break // of the next page
		}
		if err := c.one(ctx, p, total); err != nil {
			return Page{}, err
		}
	}
	return c.page, nil
}

// end answers where the page ends: a side that was cut off says nothing of what comes behind its last.
func end(ours []Ours, theirs []Total, limit int) string {
	var ends []string
	if len(ours) >= limit {
		ends = append(ends, ours[len(ours)-1].ID)
	}
	if len(theirs) >= limit {
		ends = append(ends, theirs[len(theirs)-1].Payment)
	}
	if len(ends) == 0 {
		return ""
	}
	return slices.Min(ends)
}

// comparison is one under way.
type comparison struct {
	books            Books
	tenant, provider string
	settled          time.Time
	page             Page
}

// one compares a payment; either side may be missing, not both.
func (c *comparison) one(ctx context.Context, p *Ours, total *Total) error {
	if p != nil && p.Provider != c.provider {
		p = nil // another gateway's by now; what was held at this one is not ours
	}
	var here, there *Sums
	if p != nil && p.Payments > 0 {
		here = &p.Sums
		add(&c.page.Here, here)
	}
	if total != nil && total.Held+total.PaidOut > 0 {
		there = &total.Sums
		there.Payments = 1
		add(&c.page.There, there)
	}
	kind := kindOf(here, there)
	if kind == "" {
		return nil
	}
	d := Difference{Kind: kind, Here: here, There: there}
	if total != nil {
		d.Payment, d.OrderID = total.Payment, total.OrderID
	} else {
		d.Payment, d.OrderID = p.ID, p.OrderID
	}
	if p != nil {
		d.Status, d.PlayerID = p.Status, p.PlayerID
	}
	open, err := c.open(ctx, d.Payment)
	switch {
	case err != nil:
		return err
	case open:
		d.Kind = Open
		c.page.Open = append(c.page.Open, d)
	default:
		c.page.Differences = append(c.page.Differences, d)
	}
	return nil
}

// open tells whether a payment goes on.
func (c *comparison) open(ctx context.Context, payment string) (bool, error) {
	p, err := c.books.One(ctx, c.tenant, payment)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case p.UpdatedAt.After(c.settled):
		return true, nil
	}
	calls, err := c.books.Effects(ctx, c.tenant, payment)
	if err != nil {
		return false, fmt.Errorf("read the calls of %s: %w", payment, err)
	}
	return slices.ContainsFunc(calls, func(e *state.Effect) bool { return e.State == state.EffectOpen }), nil
}

// kindOf names the difference between two sides; empty for none.
func kindOf(here, there *Sums) string {
	switch {
	case here == nil && there == nil:
		return ""
	case here == nil:
		return MissingHere
	case there == nil:
		return MissingThere
	case here.Currency != there.Currency || here.Captured != there.Captured || here.Refunded != there.Refunded,
		here.PaidOut != there.PaidOut:
		return AmountDiffers
	case here.Held-here.Captured-here.Voided != there.Held-there.Captured-there.Voided:
		return StatusDiffers
	case here.Held != there.Held:
		return AmountDiffers
	default:
		return ""
	}
}

// Merge adds what another kind of payments came to, behind these.
func (p *Page) Merge(other *Page) {
	for i := range other.Here {
		add(&p.Here, &other.Here[i])
	}
	for i := range other.There {
		add(&p.There, &other.There[i])
	}
	p.Differences, p.Open, p.Next = append(p.Differences, other.Differences...), append(p.Open, other.Open...), other.Next
}

// add adds sums to those of their currency.
func add(all *[]Sums, one *Sums) {
	at := slices.IndexFunc(*all, func(s Sums) bool { return s.Currency == one.Currency })
	if at < 0 {
		at, *all = len(*all), append(*all, Sums{Currency: one.Currency})
	}
	(*all)[at].add(one)
}
