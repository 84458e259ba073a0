package catalogue

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/money"
)

// Limits of an import. All its prices are one transaction.
const (
	ImportLimit = 1000 // lines
	reportLimit = 100  // bad lines that a refusal tells
)

// columns are those of a list of prices, in any order.
var columns = []string{"sku", "currency", "price"}

// ReadCSV reads a list of prices: RFC 4180, a first line that names the columns sku, currency and price, then 1 to 1,000 lines. A price is
// a decimal number in the currency's decimals. Every bad line is told with its number, its field, what is wrong and what would be
// right; then none is taken.
func ReadCSV(text string) ([]Entry, *fault.Fault) {
	r := report{seen: map[string]int{}}
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		return nil, fault.Invalid("csv", "CSV_EMPTY", "has no lines; the first must read %s", strings.Join(columns, ","))
	}
	places, refused := place(header)
	if refused != nil {
		return nil, refused
	}
	for {
		record, err := reader.Read()
		var broken *csv.ParseError
		switch {
		case errors.As(err, &broken):
			r.bad(broken.StartLine, "", "CSV_INVALID", "%v; write fields that hold commas or quotes in quotes, and quotes in them twice", broken.Err)
			return nil, r.fault // what follows cannot be told apart
		case err != nil: // the end: nothing else can go wrong with a text
			return r.end()
		}
		line, _ := reader.FieldPos(0)
		if len(record) != len(columns) {
			r.bad(line, "", "CSV_COLUMNS", "has %d fields, must have %d", len(record), len(columns))
			continue
		}
		r.add(line, record[places[0]], record[places[1]], record[places[2]])
	}
}

// place finds the columns in the first line.
func place(header []string) (places [3]int, refused *fault.Fault) {
	found := 0
	for i, name := range header {
		for j, column := range columns {
			if strings.TrimSpace(name) == column {
				places[j], found = i, found|1<<j
			}
		}
	}
	if found != 1<<len(columns)-1 || len(header) != len(columns) {
		return places, fault.Invalid("line 1", "CSV_HEADER", "must name the columns %s, each once and no others", strings.Join(columns, ", "))
	}
	return places, nil
}

// report gathers the entries and everything that is wrong with them.
type report struct {
	entries []Entry
	seen    map[string]int // lines by SKU
	lines   int
	wrong   int
	fault   *fault.Fault
}

func (r *report) bad(line int, field, reason, format string, arguments ...any) {
	if r.fault == nil {
		r.fault = fault.New(fault.InvalidArgument, "IMPORT_INVALID", "the list is not valid and nothing of it was taken; see the field violations")
	}
	r.wrong++
	if r.wrong > reportLimit {
		return
	}
	place := fmt.Sprintf("line %d", line)
	if field != "" {
		place += ": " + field
	}
	r.fault.Violating(place, reason, format, arguments...)
}

// add takes one line.
func (r *report) add(line int, sku, currency, price string) {
	r.lines++
	if !id.Partner(sku) {
		r.bad(line, "sku", "SKU_INVALID", "is %q; must be 1 to 128 characters of A-Z a-z 0-9 . _ : ~ - and space, without a space at either end",
			excerpt(sku))
	} else if first, doubled := r.seen[sku]; doubled {
		r.bad(line, "sku", "SKU_DOUBLED", "%q stands in line %d already; leave one of them out", excerpt(sku), first)
	} else {
		r.seen[sku] = line
	}
	if _, known := money.Exponent(currency); !known {
		r.bad(line, "currency", "CURRENCY_UNKNOWN", "is %q; must be the code of a currency of ISO 4217, such as EUR", excerpt(currency))
		return
	}
	amount, err := money.Parse(price, currency)
	switch {
	case err != nil:
		r.bad(line, "price", "PRICE_INVALID", "is %q: %v", excerpt(price), err)
	case amount < 0:
		r.bad(line, "price", "NEGATIVE_AMOUNT", "is %q; must be 0 or more", excerpt(price))
	default:
		r.entries = append(r.entries, Entry{SKU: sku, Currency: currency, AmountMinor: amount})
	}
}

// end answers the entries of a list without mistakes.
func (r *report) end() ([]Entry, *fault.Fault) {
	switch {
	case r.lines == 0 && r.fault == nil:
		return nil, fault.Invalid("csv", "CSV_EMPTY", "has no prices; write one a line below the first")
	case r.lines > ImportLimit:
		return nil, fault.Invalid("csv", "IMPORT_TOO_LONG", "has %d lines, may have %d at most; import it in parts", r.lines, ImportLimit)
	case r.fault != nil:
		if r.wrong > reportLimit {
			r.fault.Message += fmt.Sprintf(" (the first %d of %d)", reportLimit, r.wrong)
		}
		return nil, r.fault
	}
	return r.entries, nil
}

// excerpt bounds what a report repeats.
func excerpt(text string) string {
	if len(text) > 64 {
		return strings.ToValidUTF8(text[:64], "") + "…"
	}
	return text
}
