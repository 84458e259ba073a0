package flow

import (
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// SKUs names those of lines, each once.
func SKUs(lines []state.Line) []string {
	demand := inventory.Sum(lines)
	skus := make([]string, len(demand))
	for i := range demand {
		skus[i] = demand[i].SKU
	}
	return skus
}

// Edit is the group of a client's changes of an order's parts (requirements C-3, C-4). Every step answers: the note in the history, the
// order, and its details. Where lines change, the subject names the SKUs of the order's lines, and named says whether it is known that the shop has a
// catalogue.
func Edit(s Subject, edit order.Edit, named bool) []command.Step {
	s.Names = slices.Clone(s.Names)
	for i := range edit.Parts {
		if part := &edit.Parts[i]; part.Target == order.TargetAddLine && !slices.Contains(s.Names, part.Added.SKU) {
			s.Names = append(s.Names, part.Added.SKU)
		}
	}
	return []command.Step{
		command.Do(editing{s, edit, named}), command.Do(look{edit.Ref()}), command.Do(look{edit.DetailsRef()}),
	}
}

// editing decides on an edit by the rules of three domains. It is one command and not a step for each: what any of them has against any part
// is told and noted together, and when one has, none of them changes anything.
type editing struct {
	subject Subject
	edit    order.Edit
	named   bool // prices
}

// prices is the check of some lines.
func (c editing) prices(currency string, lines ...state.Line) catalogue.Check {
	return catalogue.Check{Tenant: c.subject.Tenant, Currency: currency, Lines: lines, Named: c.named}
}

// Refs implements domain.Command.
func (c editing) Refs() []state.Ref {
	refs := c.edit.Refs()
	if !c.edit.OfLines() {
		return refs
	}
	refs = append(refs, c.subject.stock().Refs()...)
	if !c.named {
		return append(refs, catalogue.HeadRef(c.subject.Tenant))
	}
	for _, sku := range c.subject.Names {
		refs = append(refs, catalogue.PriceRef(c.subject.Tenant, sku))
	}
	return refs
}

// Decide implements domain.Command.
func (c editing) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	plan, refusal := c.edit.Plan(states, now)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	var stock []domain.Change
	if plan.Reordered() && !plan.Refused() {
		if stock, refusal = c.lines(plan, states, now); refusal != nil {
			return domain.Decision{}, refusal
		}
	}
	decision, refusal := plan.Decide(now)
	if decision.Refusal == nil && refusal == nil {
		decision.Changes = append(decision.Changes, stock...)
	}
	return decision, refusal
}

// lines looks at the prices of what is ordered in addition, and moves the stock of a RESERVED order. A refusal is of the group: it was made for
// other lines than there are, or without knowing of the catalogue.
func (c editing) lines(plan *order.Plan, states domain.States, now time.Time) ([]domain.Change, *fault.Fault) {
	if sku := c.subject.unnamed(slices.Concat(plan.Before.Lines, plan.After.Lines)); sku != "" {
		return nil, inventory.Stale(c.subject.OrderID, sku)
	}
	for part, line := range plan.Asserted {
		_, refused := c.prices(plan.Before.Currency, line).Decide(states, now)
		switch {
		case refused == nil:
		case !refused.Stored():
			return nil, refused
		default:
			plan.Refuse(part, refused)
		}
	}
	if plan.Before.Status != state.OrderReserved {
		return nil, nil // what follows from the event reserves
	}
	exchange := inventory.Exchange{Order: c.subject.stock(), Items: inventory.Sum(plan.After.Lines)}
	decision, refused := exchange.Decide(states, now)
	switch {
	case refused == nil:
	case !refused.Stored():
		return nil, refused
	default:
		plan.RefuseSKUs(refused)
	}
	return decision.Changes, nil
}

// look answers a row as it is, if it is there.
type look struct{ ref state.Ref }

// Refs implements domain.Command.
func (l look) Refs() []state.Ref { return []state.Ref{l.ref} }

// Decide implements domain.Command.
func (l look) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	if states.Get(l.ref) == nil {
		return domain.Decision{}, nil
	}
	return domain.Decision{Answer: l.ref}, nil
}
