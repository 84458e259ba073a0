package replay

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/seed-255eabaa/oms/internal/load"
)

// Report is what became of the file. Amounts are pounds, exact, as strings in JSON.
type Report struct {
	File        string        `json:"file"`
	Attribution string        `json:"attribution"`
	Complete    bool          `json:"complete"` // false when it was stopped; the same command goes on
	Agrees      bool          `json:"agrees"`   // complete, and every check holds
	Lines       int           `json:"lines"`
	Customers   int           `json:"customers"`
	Sales       Sales         `json:"sales"`
	Credits     Credits       `json:"credits"`
	Server      totals        `json:"server"`
	Checks      []Check       `json:"checks"`
	Millis      int64         `json:"duration_ms"`
	Retried     int64         `json:"calls_repeated"`
	Latency     []LatencyLine `json:"latency"`

	took time.Duration
}

// Sales tells about the invoices that sell.
type Sales struct {
	File     Sum      `json:"file"`
	Accepted Sum      `json:"accepted"`
	Refused  Sum      `json:"refused"`
	Reasons  []Reason `json:"refused_by_reason"`
	NotDone  Sum      `json:"not_done"`
	Resumed  int      `json:"resumed_invoices"` // accepted, and there before this run
	Trimmed  int      `json:"trimmed_invoices"` // accepted without some of their lines
	Pence    int64    `json:"accepted_pence"`   // as they were sent
	Doubtful int      `json:"unreadable_lines"` // among the sales
}

// Credits tells about the credit notes; amounts are what they give back.
type Credits struct {
	File       Sum      `json:"file"`
	Refunded   Sum      `json:"refunded"`
	Unmatched  Sum      `json:"unmatched"`
	Unmatching []Reason `json:"unmatched_by_reason"`
	Refused    Sum      `json:"refused"`
	Reasons    []Reason `json:"refused_by_reason"`
	NotDone    Sum      `json:"not_done"`
	Pence      int64    `json:"refunded_pence"`
}

// Sum counts lines, the invoices they are of, and adds up their pounds.
type Sum struct {
	Invoices int             `json:"invoices"`
	Lines    int             `json:"lines"`
	GBP      decimal.Decimal `json:"gbp"`

	last *invoice
}

// add counts a line; the lines of an invoice come one after the other.
func (s *Sum) add(inv *invoice, value decimal.Decimal) {
	if s.last != inv {
		s.last = inv
		s.Invoices++
	}
	s.Lines++
	s.GBP = s.GBP.Add(value)
}

// Reason sums the lines of one machine reason.
type Reason struct {
	Reason string `json:"reason"`
	Sum
	Example string `json:"example"`
}

// Check compares two sums that must be the same.
type Check struct {
	What  string `json:"what"`
	Holds bool   `json:"holds"`
	Left  string `json:"left"`
	Right string `json:"right"`
}

// LatencyLine is one kind of command's latency.
type LatencyLine struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	P50   int64  `json:"p50_us"`
	P90   int64  `json:"p90_us"`
	P99   int64  `json:"p99_us"`
	Max   int64  `json:"max_us"`
}

// report adds up what became of the lines and compares.
func (r *run) report(of sums, server totals, complete bool, took time.Duration) *Report {
	report := &Report{
		File: filepath.Base(r.options.File), Attribution: Attribution, Complete: complete,
		Lines: r.shop.lines, Customers: r.shop.customers(), Server: server, Millis: took.Milliseconds(), took: took,
		Retried: r.client.Retried(),
	}
	sale, unmatching, credit := map[string]*Reason{}, map[string]*Reason{}, map[string]*Reason{}
	for _, inv := range r.shop.invoices {
		if inv.credit {
			report.Credits.add(inv, unmatching, credit)
		} else {
			report.Sales.add(inv, sale)
		}
	}
	report.Sales.Reasons, report.Credits.Unmatching, report.Credits.Reasons = sorted(sale), sorted(unmatching), sorted(credit)
	report.Latency = []LatencyLine{
		latencyLine("create", r.create), latencyLine("pay to CONFIRMED", r.confirm), latencyLine("refund", r.refund),
	}
	report.check(of)
	return report
}

func (s *shop) customers() int {
	names := map[string]bool{}
	for _, inv := range s.invoices {
		names[inv.customer] = true
	}
	return len(names)
}

func (s *Sales) add(inv *invoice, reasons map[string]*Reason) {
	some, all := false, true
	for i := range inv.lines {
		l := &inv.lines[i]
		s.File.add(inv, l.value)
		if l.blank {
			s.Doubtful++
		}
		switch l.fate {
		case accepted:
			s.Accepted.add(inv, l.value)
			s.Pence += l.qty * l.pence
			some = true
		case refused:
			s.Refused.add(inv, l.value)
			addReason(reasons, inv, l, l.value)
			all = false
		default:
			s.NotDone.add(inv, l.value)
		}
	}
	if some && inv.resumed {
		s.Resumed++
	}
	if some && !all {
		s.Trimmed++
	}
}

func (c *Credits) add(inv *invoice, unmatching, reasons map[string]*Reason) {
	for i := range inv.lines {
		l := &inv.lines[i]
		value := l.value.Neg()
		c.File.add(inv, value)
		switch l.fate {
		case refunded:
			c.Refunded.add(inv, value)
			c.Pence -= l.qty * l.pence
		case unmatched:
			c.Unmatched.add(inv, value)
			addReason(unmatching, inv, l, value)
		case refused:
			c.Refused.add(inv, value)
			addReason(reasons, inv, l, value)
		default:
			c.NotDone.add(inv, value)
		}
	}
}

// addReason counts a line under its reason; the first one is the example.
func addReason(reasons map[string]*Reason, inv *invoice, l *line, value decimal.Decimal) {
	reason, found := reasons[l.reason]
	if !found {
		reason = &Reason{Reason: l.reason, Example: "invoice " + text(inv.number) + ", " + text(l.sku)}
		if l.words != "" {
			reason.Example += ": " + l.words
		}
		reasons[l.reason] = reason
	}
	reason.add(inv, value)
}

func sorted(reasons map[string]*Reason) []Reason {
	all := []Reason{}
	for _, reason := range reasons {
		all = append(all, *reason)
	}
	slices.SortFunc(all, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

func latencyLine(name string, l *load.Latency) LatencyLine {
	return LatencyLine{
		Name: name, Count: l.Count(), P50: l.At(50).Microseconds(), P90: l.At(90).Microseconds(),
		P99: l.At(99).Microseconds(), Max: l.Max().Microseconds(),
	}
}

// check compares the replay's sums with the file's and with the server's.
func (report *Report) check(of sums) {
	sales, credits := &report.Sales, &report.Credits
	same := func(what string, left, right decimal.Decimal) {
		report.Checks = append(report.Checks, Check{what, left.Equal(right), left.String(), right.String()})
	}
	count := func(what string, left, right int) {
		report.Checks = append(report.Checks, Check{what, left == right, strconv.Itoa(left), strconv.Itoa(right)})
	}
	pence := func(pence int64) decimal.Decimal { return decimal.New(pence, -2) }
	same("sales: accepted + refused = file", sales.Accepted.GBP.Add(sales.Refused.GBP), of.sales)
	same("credit notes: refunded + unmatched + refused = file",
		credits.Refunded.GBP.Add(credits.Unmatched.GBP).Add(credits.Refused.GBP), of.credits.Neg())
	count("sales: lines accepted + refused = file", sales.Accepted.Lines+sales.Refused.Lines, of.saleLines)
	count("credit notes: lines refunded + unmatched + refused = file",
		credits.Refunded.Lines+credits.Unmatched.Lines+credits.Refused.Lines, of.creditLines)
	same("accepted, as sent in pence = in the file", pence(sales.Pence), sales.Accepted.GBP)
	same("captured by the server = accepted", pence(report.Server.CapturedPence), sales.Accepted.GBP)
	same("refunded by the server = refunded", pence(report.Server.RefundedPence), credits.Refunded.GBP)
	count("orders of the server that stand = accepted invoices", report.Server.live, sales.Accepted.Invoices)
	report.Agrees = report.Complete
	for _, check := range report.Checks {
		report.Agrees = report.Agrees && check.Holds
	}
}
