package state

import "time"

// CatalogueID is the id of a tenant's one catalogue.
const CatalogueID = "catalogue"

// Catalogue says that a tenant has a catalogue. It is stored with the tenant's first price and never changes, so that a command
// can rest on there being none without naming a row for each SKU.
type Catalogue struct {
	Tenant, ID string
	OpenedAt   time.Time
}

// Ref implements Row.
func (c *Catalogue) Ref() Ref { return Ref{KindCatalogue, c.Tenant, c.ID} }

// EventSeq implements Row; a catalogue has no events.
func (c *Catalogue) EventSeq() int64 { return 0 }

// Price is what one piece of a SKU costs, in minor units of its currency. A price that was deleted is Withdrawn: its row stays, so
// that its version goes on.
type Price struct {
	Tenant, SKU string
	Currency    string
	AmountMinor int64
	Withdrawn   bool
	Version     int64 // grows with every change
	UpdatedAt   time.Time
}

// Ref implements Row.
func (p *Price) Ref() Ref { return Ref{KindPrice, p.Tenant, p.SKU} }

// EventSeq implements Row; prices have no events.
func (p *Price) EventSeq() int64 { return 0 }
