package flow

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Unpriced is an order that names no prices, but what it comes to: Said is a decimal number in the field of that name.
type Unpriced struct {
	Tenant, CustomerID string
	Lines              []catalogue.Wanted
	Field, Said        string
	UnpaidFor          time.Duration
	Random             id.Random
}

// CreateUnpriced is the group of such an order: its prices are the catalogue's at the moment in which it is made, and their sum must be
// what was said (requirement S-2).
func CreateUnpriced(u Unpriced) []command.Step {
	refs := make([]state.Ref, len(u.Lines))
	for i, line := range u.Lines {
		refs[i] = catalogue.PriceRef(u.Tenant, line.SKU)
	}
	return []command.Step{{Refs: refs, Next: func(states domain.States) domain.Command {
		prices := make(map[string]*state.Price, len(refs))
		for i, ref := range refs {
			prices[u.Lines[i].SKU] = domain.Find[state.Price](states, ref)
		}
		currency, amounts, refused := catalogue.Quote(prices, u.Lines, u.Field, u.Said)
		if refused != nil {
			return refuse{refused}
		}
		draft := order.Draft{Tenant: u.Tenant, CustomerID: u.CustomerID, Currency: currency}
		for i, line := range u.Lines {
			draft.SKUs, draft.Quantities = append(draft.SKUs, line.SKU), append(draft.Quantities, line.Quantity)
			draft.Prices = append(draft.Prices, order.Priced{Currency: currency, AmountMinor: amounts[i]})
		}
		create, refused := order.NewCreate(draft, u.UnpaidFor, u.Random)
		if refused != nil {
			return refuse{refused}
		}
		return create
	}}}
}

// refuse is a command that was found wanting while it was made.
type refuse struct{ fault *fault.Fault }

// Refs implements domain.Command.
func (refuse) Refs() []state.Ref { return nil }

// Decide implements domain.Command.
func (r refuse) Decide(domain.States, time.Time) (domain.Decision, *fault.Fault) {
	return domain.Decision{}, r.fault
}
