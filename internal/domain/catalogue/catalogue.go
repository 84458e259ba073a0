// Package catalogue decides on prices: what one piece of a SKU costs, and whether what an order says of it is so (requirements O-6,
// S-2, C-7). A shop may have no catalogue at all; then its orders' prices are its own to say.
package catalogue

import (
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// HeadRef is the row that says whether a tenant has a catalogue.
func HeadRef(tenant string) state.Ref {
	return state.Ref{Kind: state.KindCatalogue, Tenant: tenant, ID: state.CatalogueID}
}

// PriceRef is the row of a SKU's price.
func PriceRef(tenant, sku string) state.Ref {
	return state.Ref{Kind: state.KindPrice, Tenant: tenant, ID: sku}
}

// Entry is the price of one piece of a SKU, in minor units of its currency.
type Entry struct {
	SKU, Currency string
	AmountMinor   int64
}

// check refuses a price that cannot be one: an unknown currency, an amount below 0 or beyond money.Limit.
func (e Entry) check() *fault.Fault {
	if _, known := money.Exponent(e.Currency); !known {
		return fault.Invalid("price.currency", "CURRENCY_UNKNOWN", "%q is not an ISO 4217 currency code", e.Currency)
	}
	if e.AmountMinor < 0 {
		return fault.Invalid("price.amount_minor", "NEGATIVE_AMOUNT", "must be 0 or more, is %d", e.AmountMinor)
	}
	if e.AmountMinor > money.Limit {
		return fault.Invalid("price.amount_minor", "AMOUNT_OVERFLOW", "exceeds %d minor units", int64(money.Limit))
	}
	return nil
}

// open is the change that makes a tenant's catalogue, once.
func open(states domain.States, tenant string, now time.Time) []domain.Change {
	if domain.Find[state.Catalogue](states, HeadRef(tenant)) != nil {
		return nil
	}
	return []domain.Change{{After: &state.Catalogue{Tenant: tenant, ID: state.CatalogueID, OpenedAt: now}}}
}

// change is the change of a price to an entry.
func change(before *state.Price, tenant string, entry Entry, now time.Time) domain.Change {
	after := &state.Price{
		Tenant: tenant, SKU: entry.SKU, Currency: entry.Currency, AmountMinor: entry.AmountMinor, Version: 1, UpdatedAt: now,
	}
	if before == nil {
		return domain.Change{After: after}
	}
	after.Version = before.Version + 1
	return domain.Change{Before: before, After: after}
}

// conflict refuses a change of another version than the caller expected; 0 expects any.
func conflict(price *state.Price, expected int64) *fault.Fault {
	version := int64(0)
	if price != nil {
		version = price.Version
	}
	if expected == 0 || expected == version {
		return nil
	}
	return fault.New(fault.Aborted, "VERSION_CONFLICT", "the price has version %d, not %d; read it again and decide anew", version, expected).
		With("version", strconv.FormatInt(version, 10))
}

// Put sets a SKU's price, which counts at once.
type Put struct {
	Tenant string
	Entry
	ExpectedVersion int64
}

// Refs implements domain.Command.
func (c Put) Refs() []state.Ref { return []state.Ref{HeadRef(c.Tenant), PriceRef(c.Tenant, c.SKU)} }

// Decide implements domain.Command.
func (c Put) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	if refused := c.check(); refused != nil {
		return domain.Decision{}, refused
	}
	ref := PriceRef(c.Tenant, c.SKU)
	price := domain.Find[state.Price](states, ref)
	if refused := conflict(price, c.ExpectedVersion); refused != nil {
		return domain.Decision{}, refused
	}
	return domain.Decision{Changes: append(open(states, c.Tenant, now), change(price, c.Tenant, c.Entry, now)), Answer: ref}, nil
}

// Withdraw takes a SKU out of the catalogue. One that is not there any more is answered as it stands.
type Withdraw struct {
	Tenant, SKU     string
	ExpectedVersion int64
}

// Refs implements domain.Command.
func (c Withdraw) Refs() []state.Ref { return []state.Ref{PriceRef(c.Tenant, c.SKU)} }

// Decide implements domain.Command.
func (c Withdraw) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := PriceRef(c.Tenant, c.SKU)
	price := domain.Find[state.Price](states, ref)
	if price == nil {
		return domain.Decision{}, fault.NotFoundf("price of sku", c.SKU)
	}
	if refused := conflict(price, c.ExpectedVersion); refused != nil {
		return domain.Decision{}, refused
	}
	if price.Withdrawn {
		return domain.Decision{Answer: ref}, nil
	}
	after := *price
	after.Withdrawn, after.UpdatedAt = true, now
	after.Version++
	return domain.Decision{Changes: []domain.Change{{Before: price, After: &after}}, Answer: ref}, nil
}

// Import sets many prices, all or none. Make it with ReadCSV, which checks them. A price that is the same already keeps its version.
type Import struct {
	Tenant  string
	Entries []Entry // of different SKUs
}

// Refs implements domain.Command.
func (c Import) Refs() []state.Ref {
	refs := append(make([]state.Ref, 0, len(c.Entries)+1), HeadRef(c.Tenant))
	for _, entry := range c.Entries {
		refs = append(refs, PriceRef(c.Tenant, entry.SKU))
	}
	return refs
}

// Decide implements domain.Command.
func (c Import) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	changes := open(states, c.Tenant, now)
	for _, entry := range c.Entries {
		price := domain.Find[state.Price](states, PriceRef(c.Tenant, entry.SKU))
		if price != nil && !price.Withdrawn && price.Currency == entry.Currency && price.AmountMinor == entry.AmountMinor {
			continue
		}
		changes = append(changes, change(price, c.Tenant, entry, now))
	}
	return domain.Decision{Changes: changes, Answer: HeadRef(c.Tenant)}, nil
}
