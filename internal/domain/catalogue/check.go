package catalogue

import (
	"fmt"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Opened is the reason of a refusal that never leaves the process: the tenant has a catalogue, and Check must name its prices.
const Opened = "CATALOGUE_OPENED"

// PriceChanged is the reason of an order whose price is not the catalogue's.
const PriceChanged = "PRICE_CHANGED"

// Check compares the prices of a new order with the catalogue (requirement O-6). A SKU that the catalogue does not have may cost what
// the order says.
//
// Rows are named before anything is read. Named is whether it is known that the tenant has a catalogue: without it the check rests
// on one row, that there is none, and is refused with Opened when there is.
type Check struct {
	Tenant, Currency string
	Lines            []state.Line
	Named            bool
}

// Refs implements domain.Command.
func (c Check) Refs() []state.Ref {
	if !c.Named {
		return []state.Ref{HeadRef(c.Tenant)}
	}
	refs := make([]state.Ref, len(c.Lines))
	for i := range c.Lines {
		refs[i] = PriceRef(c.Tenant, c.Lines[i].SKU)
	}
	return refs
}

// Decide implements domain.Command. All prices that differ are told at once.
func (c Check) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	if !c.Named {
		if domain.Find[state.Catalogue](states, HeadRef(c.Tenant)) != nil {
			return domain.Decision{}, fault.New(fault.Aborted, Opened, "the shop has a catalogue; the prices are looked at")
		}
		return domain.Decision{}, nil
	}
	var changed *fault.Fault
	for i := range c.Lines {
		line := &c.Lines[i]
		price := domain.Find[state.Price](states, PriceRef(c.Tenant, line.SKU))
		if price == nil || price.Withdrawn || price.AmountMinor == line.PriceMinor && price.Currency == c.Currency {
			continue
		}
		if changed == nil {
			changed = fault.New(fault.FailedPrecondition, PriceChanged,
				"the price of %q is %d minor units of %s now; show it to the buyer and order again", line.SKU, price.AmountMinor, price.Currency).
				With("sku", line.SKU).With("currency", price.Currency).With("amount_minor", strconv.FormatInt(price.AmountMinor, 10))
		}
		changed.Violating(fmt.Sprintf("items[%d].price", i), PriceChanged, "is %d %s, the catalogue has %d %s",
			line.PriceMinor, c.Currency, price.AmountMinor, price.Currency)
	}
	if changed != nil {
		return domain.Decision{}, changed
	}
	return domain.Decision{}, nil
}

// Wanted is a line of an order that names no price.
type Wanted struct {
	SKU      string
	Quantity int32
}

// wrongs gathers what is wrong with the fields of a request.
type wrongs struct{ fault *fault.Fault }

func (w *wrongs) violate(field, reason, format string, arguments ...any) {
	if w.fault == nil {
		w.fault = fault.New(fault.InvalidArgument, reason, field+": "+format, arguments...)
	}
	w.fault.Violating(field, reason, format, arguments...)
}

// Quote prices an order that names no prices but says what it comes to (requirement S-2): every product must be in the catalogue, all
// of one currency, and said, the amount in amountField, written in that currency's decimals, must be their sum. It answers the currency and the
// price of each line. The refusals are INVALID_ARGUMENT and tell the actual values.
func Quote(prices map[string]*state.Price, wanted []Wanted, amountField, said string) (currency string, lines []int64, refused *fault.Fault) {
	var wrong wrongs
	total := int64(0)
	for i, line := range wanted {
		field := fmt.Sprintf("items[%d].sku", i)
		price := prices[line.SKU]
		if price == nil || price.Withdrawn {
			wrong.violate(field, "PRODUCT_UNKNOWN", "%q is not in the catalogue", line.SKU)
			continue
		}
		if currency == "" {
			currency = price.Currency
		}
		if price.Currency != currency {
			wrong.violate(field, "CURRENCY_MISMATCH", "%q is sold in %s and the products before in %s; order them apart",
				line.SKU, price.Currency, currency)
			continue
		}
		sum, err := money.Multiply(price.AmountMinor, int64(line.Quantity))
		if err == nil {
			sum, err = money.Add(total, sum)
		}
		if err != nil {
			wrong.violate(field, "AMOUNT_OVERFLOW", "the order's amount exceeds %d minor units", int64(money.Limit))
			return currency, nil, wrong.fault
		}
		total = sum
		lines = append(lines, price.AmountMinor)
	}
	if wrong.fault != nil {
		return currency, nil, wrong.fault
	}
	amount, err := money.Parse(said, currency)
	switch {
	case err != nil:
		wrong.violate(amountField, "AMOUNT_INVALID", "%v", err)
	case amount < 0:
		wrong.violate(amountField, "NEGATIVE_AMOUNT", "must be 0 or more, is %s", said)
	case amount != total:
		wrong.violate(amountField, "AMOUNT_MISMATCH", "is %s %s, the products come to %s",
			money.Format(amount, currency), currency, money.Format(total, currency))
		wrong.fault.With("currency", currency).With("amount_minor", strconv.FormatInt(total, 10))
	}
	if wrong.fault != nil {
		return currency, nil, wrong.fault
	}
	return currency, lines, nil
}
