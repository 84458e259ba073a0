package replay

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/money"
)

// Reasons for which a line cannot even be sent. Everything else is for the server to refuse.
const (
	unreadable     = "UNREADABLE"
	qtyNotWhole    = "QTY_NOT_WHOLE"
	qtyTooLarge    = "QTY_TOO_LARGE"
	priceTooLarge  = "PRICE_TOO_LARGE"
	finerThanPence = "PRICE_FINER_THAN_PENCE"
	textNotUTF8    = "TEXT_NOT_UTF8"
	badInvoiceNo   = "INVOICE_NO_UNUSABLE"
)

// fate is what became of a line.
type fate uint8

const (
	open      fate = iota // not known yet
	accepted              // of a sale: in an order that is CONFIRMED or was
	refunded              // of a credit note
	unmatched             // of a credit note: no order to refund it from
	refused
)

// line is one line of the file.
type line struct {
	number int // in the file, from 1, the head included
	sku    string
	qty    int64
	pence  int64           // price in whole pence
	value  decimal.Decimal // quantity × price in pounds, exact; zero when unreadable
	blank  bool            // its numbers cannot be read
	fate   fate
	reason string // machine reason of a refusal or of being unmatched
	words  string // what the server said
}

func (l *line) refuse(reason, words string) { l.fate, l.reason, l.words = refused, reason, words }

// invoice is all lines of one number, in the order of the file.
type invoice struct {
	number   string
	customer string // "guest:<number>" when the file names none
	guest    bool
	credit   bool
	date     string
	country  string
	lines    []line
	orderID  string // of the order that took it
	resumed  bool   // the order was there before this run
	settled  bool   // everything about it is known
}

// shop is the whole file.
type shop struct {
	invoices []*invoice // by first line
	byRef    map[string]*invoice
	lines    int
}

// The columns that are used.
var columns = []string{"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}

// decimalForm is how the file may write numbers; longer ones are not of this world.
var decimalForm = regexp.MustCompile(`^[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})$`)

// openFile opens a file of comma separated values, compressed by gzip or not.
func openFile(name string) (io.ReadCloser, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the data: %w", err)
	}
	buffered := bufio.NewReaderSize(file, 1<<16)
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("unzip the data: %w", err), file.Close())
		}
		return joined{unzipped, file}, nil
	}
	return joined{buffered, file}, nil
}

type joined struct {
	io.Reader
	io.Closer
}

// readShop reads the whole file.
func readShop(in io.Reader) (*shop, error) {
	reader := csv.NewReader(in)
	reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = -1, true, true
	head, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("read the head of the data: %w", err)
	}
	places := map[string]int{}
	for _, name := range columns {
		places[name] = slices.Index(head, name)
		if places[name] < 0 {
			return nil, fmt.Errorf("the data has no column %s; it has %s", name, strings.Join(head, ", "))
		}
	}
	s := &shop{byRef: map[string]*invoice{}}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the data: %w", err)
		}
		at, _ := reader.FieldPos(0)
		s.add(at, func(name string) string {
			if place := places[name]; place < len(record) {
				return record[place]
			}
			return ""
		})
	}
	return s, nil
}

// add files a line under its invoice. The lines of an invoice need not stand together.
func (s *shop) add(number int, field func(string) string) {
	s.lines++
	no := strings.Clone(field("InvoiceNo"))
	inv, found := s.byRef[reference(no)]
	if !found {
		inv = &invoice{
			number: no, credit: strings.HasPrefix(no, "C"),
			date: text(field("InvoiceDate")), country: text(field("Country")),
		}
		s.byRef[reference(no)] = inv
		s.invoices = append(s.invoices, inv)
	}
	if customer := field("CustomerID"); inv.customer == "" && customer != "" {
		inv.customer = strings.Clone(customer)
	}
	inv.lines = append(inv.lines, parseLine(number, inv, field))
}

// text answers a copy fit for a message.
func text(raw string) string { return strings.ToValidUTF8(strings.Clone(raw), "?") }

// complete gives the sales without a customer theirs.
func (s *shop) complete() {
	for _, inv := range s.invoices {
		if inv.customer == "" {
			inv.customer, inv.guest = "guest:"+inv.number, true
		}
	}
}

// parseLine reads the numbers of a line, exactly.
func parseLine(number int, inv *invoice, field func(string) string) line {
	l := line{number: number, sku: strings.Clone(field("StockCode"))}
	rawQty, rawPrice := strings.TrimSpace(field("Quantity")), strings.TrimSpace(field("UnitPrice"))
	if !decimalForm.MatchString(rawQty) || !decimalForm.MatchString(rawPrice) {
		l.blank = true
		l.refuse(unreadable, fmt.Sprintf("quantity %q, price %q", text(rawQty), text(rawPrice)))
		return l
	}
	qty, _ := decimal.NewFromString(rawQty) // of the form, so without an error; the same below
	price, _ := decimal.NewFromString(rawPrice)
	pence := price.Shift(2)
	l.value = price.Mul(qty)
	switch {
	case !id.Partner(inv.number):
		l.refuse(badInvoiceNo, fmt.Sprintf("invoice number %q", text(inv.number)))
	case !qty.IsInteger():
		l.refuse(qtyNotWhole, "quantity "+rawQty)
	case qty.Abs().GreaterThan(qtyLimit):
		l.refuse(qtyTooLarge, "quantity "+rawQty)
	case pence.Abs().GreaterThan(priceLimit):
		l.refuse(priceTooLarge, "price "+rawPrice)
	case !pence.IsInteger():
		l.refuse(finerThanPence, "price "+rawPrice)
	case !utf8.ValidString(l.sku) || !utf8.ValidString(inv.customer):
		l.refuse(textNotUTF8, fmt.Sprintf("%q, %q", text(l.sku), text(inv.customer)))
	default:
		l.qty, l.pence = qty.IntPart(), pence.IntPart()
	}
	return l
}

// What a request can express.
var (
	priceLimit = decimal.NewFromInt(money.Limit)
	qtyLimit   = decimal.NewFromInt(math.MaxInt32)
)

// reference is the client_reference of an invoice's order.
func reference(invoiceNo string) string { return "retail:" + invoiceNo }

// chains groups the invoices by customer in the order of the file, the longest chain first: a customer's credit notes come after
// the sales, and one customer's invoices take the longest.
func (s *shop) chains() [][]*invoice {
	place := map[string]int{}
	var all [][]*invoice
	for _, inv := range s.invoices {
		i, found := place[inv.customer]
		if !found {
			i = len(all)
			place[inv.customer] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], inv)
	}
	slices.SortStableFunc(all, func(a, b []*invoice) int { return len(b) - len(a) })
	return all
}
