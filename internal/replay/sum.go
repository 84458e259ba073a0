package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/shopspring/decimal"
)

// sums are what the file says by itself, added up without any of the code that sends it.
type sums struct {
	saleLines, creditLines int
	sales, credits         decimal.Decimal
	unreadable             int
}

// sumFile adds the file up line by line. The columns are found by name; a line whose numbers cannot be read adds nothing.
func sumFile(in io.Reader) (sums, error) {
	var s sums
	reader := csv.NewReader(in)
	reader.FieldsPerRecord, reader.LazyQuotes = -1, true
	head, err := reader.Read()
	if err != nil {
		return s, fmt.Errorf("add up the data: %w", err)
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("add up the data: %w", err)
		}
		row := map[string]string{}
		for i, cell := range record {
			if i < len(head) {
				row[head[i]] = strings.TrimSpace(cell)
			}
		}
		qty, noQty := decimal.NewFromString(row["Quantity"])
		price, noPrice := decimal.NewFromString(row["UnitPrice"])
		value := decimal.Zero
		if noQty != nil || noPrice != nil || strings.ContainsAny(row["Quantity"]+row["UnitPrice"], "eE") {
			s.unreadable++
		} else {
			value = qty.Mul(price)
		}
		if strings.HasPrefix(row["InvoiceNo"], "C") {
			s.creditLines, s.credits = s.creditLines+1, s.credits.Add(value)
		} else {
			s.saleLines, s.sales = s.saleLines+1, s.sales.Add(value)
		}
	}
}
