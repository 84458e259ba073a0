// Package order decides on orders: what a client, the stock, the payment and the clock may do to one (requirements O-5, O-6,
// O-12). Every change is an event and one version.
package order

import (
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Types of an order's events.
const (
	EventStatusChanged = "order.status_changed"
	EventUpdated       = "order.updated"
)

// TimerExpire is the one timer that owns an unpaid order and its reservation (requirement O-12).
const TimerExpire = "order.expire"

// Create accepts a new order. Make it with NewCreate, which checks what needs no state.
type Create struct {
	Tenant, CustomerID, Currency, ClientReference string
	Lines                                         []state.Line
	Adjustments                                   []state.Adjustment
	Metadata                                      map[string]string
	AmountMinor                                   int64
	UnpaidFor                                     time.Duration // time until the unpaid order ends by itself
	Random                                        id.Random
}

// Priced is an amount with the currency that the client wrote beside it.
type Priced struct {
	Currency    string
	AmountMinor int64
}

// Draft is what a client sends to create an order.
type Draft struct {
	Tenant, CustomerID, Currency, ClientReference string
	SKUs                                          []string
	Quantities                                    []int32
	Prices                                        []Priced
	AdjustmentNames                               []string
	AdjustmentAmounts                             []Priced
	Metadata                                      map[string]string
}

// NewCreate checks a draft (requirement O-6): one known currency, amounts in range, a sum that is not negative. All violations
// are answered at once, INVALID_ARGUMENT; nothing has been read, so the refusal is not stored (ruling R-7).
func NewCreate(draft Draft, unpaidFor time.Duration, random id.Random) (Create, *fault.Fault) {
	c := Create{
		Tenant: draft.Tenant, CustomerID: draft.CustomerID, Currency: draft.Currency, ClientReference: draft.ClientReference,
		Metadata: draft.Metadata, UnpaidFor: unpaidFor, Random: random,
		Lines: make([]state.Line, len(draft.SKUs)),
	}
	check := checker{currency: draft.Currency}
	check.fields(&draft)
	total := int64(0)
	for i, sku := range draft.SKUs {
		price := draft.Prices[i]
		c.Lines[i] = state.Line{SKU: sku, Quantity: draft.Quantities[i], PriceMinor: price.AmountMinor}
		sum, err := money.Multiply(price.AmountMinor, int64(draft.Quantities[i]))
		if err == nil {
			sum, err = money.Add(total, sum)
		}
		if err != nil {
			check.at("items", i, "", "AMOUNT_OVERFLOW", "qty × price, added up, exceeds %d minor units", int64(money.Limit))
			break
		}
		total = sum
	}
	for i, amount := range draft.AdjustmentAmounts {
		c.Adjustments = append(c.Adjustments, state.Adjustment{Name: draft.AdjustmentNames[i], AmountMinor: amount.AmountMinor})
		sum, err := money.Add(total, amount.AmountMinor)
		if err != nil {
			check.at("adjustments", i, ".amount.amount_minor", "AMOUNT_OVERFLOW", "the order's amount exceeds %d minor units", int64(money.Limit))
			break
		}
		total = sum
	}
	if total < 0 && check.fault == nil {
		check.violate("adjustments", "NEGATIVE_AMOUNT", "bring the order's amount to %d; it must be 0 or more", total)
	}
	c.AmountMinor = total
	return c, check.fault
}

// Violations are those of NewCreate that are one field's each, to be told beside what else is wrong with a request.
func Violations(draft *Draft) []fault.Violation {
	check := checker{currency: draft.Currency}
	check.fields(draft)
	if check.fault == nil {
		return nil
	}
	return check.fault.Violations
}

// checker gathers violations.
type checker struct {
	currency string
	fault    *fault.Fault
}

// fields checks the currencies and each price by itself.
func (c *checker) fields(draft *Draft) {
	if _, known := money.Exponent(draft.Currency); !known {
		c.violate("currency", "CURRENCY_UNKNOWN", "%q is not an ISO 4217 currency code", draft.Currency)
	}
	for i, price := range draft.Prices {
		c.amount("items", i, "price", price)
		if price.AmountMinor < 0 {
			c.at("items", i, ".price.amount_minor", "NEGATIVE_AMOUNT", "must be 0 or more, is %d", price.AmountMinor)
		}
	}
	for i, amount := range draft.AdjustmentAmounts {
		c.amount("adjustments", i, "amount", amount)
	}
}

func (c *checker) violate(field, reason, format string, arguments ...any) {
	if c.fault == nil {
		c.fault = fault.New(fault.InvalidArgument, reason, "the order is not valid; see the field violations")
	}
	c.fault.Violating(field, reason, format, arguments...)
}

func (c *checker) at(list string, index int, rest, reason, format string, arguments ...any) {
	c.violate(fmt.Sprintf("%s[%d]%s", list, index, rest), reason, format, arguments...)
}

func (c *checker) amount(list string, index int, field string, amount Priced) {
	if amount.Currency != c.currency {
		c.at(list, index, "."+field+".currency", "CURRENCY_MISMATCH", "must be the order's currency %q, is %q", c.currency, amount.Currency)
	}
}

// Refs implements domain.Command: a new order has no row to read.
func (c Create) Refs() []state.Ref { return nil }

// Decide implements domain.Command.
func (c Create) Decide(_ domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	now = now.Truncate(time.Millisecond)
	o := &state.Order{
		Tenant: c.Tenant, ID: id.New("order", now, c.Random), CustomerID: c.CustomerID,
		Status: state.OrderPending, Currency: c.Currency, AmountMinor: c.AmountMinor,
		Lines: c.Lines, Adjustments: c.Adjustments, ClientReference: c.ClientReference, Metadata: c.Metadata,
		ExpiresAt: now.Add(c.UnpaidFor), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	return domain.Decision{
		Changes: []domain.Change{{After: o, Event: EventStatusChanged}},
		Timers:  []domain.TimerChange{expiry(o, o.ExpiresAt)},
		Answer:  o.Ref(),
	}, nil
}

// expiry sets the timer of an order, or clears it with a zero time.
func expiry(o *state.Order, due time.Time) domain.TimerChange {
	return domain.TimerChange{Timer: state.Timer{
		TimerKey: state.TimerKey{Tenant: o.Tenant, Kind: TimerExpire, AggregateID: o.ID}, DueAt: due,
	}}
}
