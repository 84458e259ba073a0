package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/seed-255eabaa/oms/internal/load/screen"
)

// write writes the report for a person, or as JSON.
func (report *Report) write(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(report); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	}
	report.show(screen.New(out))
	return nil
}

// pounds writes an amount with separators and all its decimals, at least two.
func pounds(d decimal.Decimal) string {
	return separated(d.StringFixed(max(2, -d.Exponent())))
}

// separated writes a decimal number with separators.
func separated(number string) string {
	digits, negative := strings.CutPrefix(number, "-")
	whole, decimals, broken := strings.Cut(digits, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if broken {
		whole += "." + decimals
	}
	if negative {
		return "-" + whole
	}
	return whole
}

func (report *Report) show(s *screen.Screen) {
	sales := report.Sales
	s.Title("Real orders: %s", report.File)
	s.Line("%s lines, %s sales and %s credit notes of %s customers, in %s", count(report.Lines), count(sales.File.Invoices),
		count(report.Credits.File.Invoices), count(report.Customers), screen.Duration(report.took))
	if sales.Resumed > 0 {
		s.Line("%s of the sales were there before and were not sent again", count(sales.Resumed))
	}
	if sales.Trimmed > 0 {
		s.Line("%s of the accepted sales went without the lines that were refused", count(sales.Trimmed))
	}
	if !report.Complete {
		s.Line("%s", s.Bad("stopped before the end; the same command goes on from here"))
	}
	report.showSums(s)
	report.showSpeed(s)
	report.showChecks(s)
	s.Line("%s", s.Faint(report.Attribution))
}

func count(n int) string { return screen.Count(int64(n)) }

func row(name string, sum Sum) []string {
	return []string{name, count(sum.Invoices), count(sum.Lines), pounds(sum.GBP)}
}

func reasonRows(rows [][]string, s *screen.Screen, reasons []Reason) [][]string {
	for _, reason := range reasons {
		rows = append(rows, row(s.Faint("  "+inWords(reason.Reason)), reason.Sum))
	}
	return rows
}

// ruleWords are what the contract's rules say of a field, by the end of their names.
var ruleWords = []struct{ end, words string }{
	{"_GTE", "too small"}, {"_GT", "too small"}, {"_LTE", "too large"}, {"_LT", "too large"}, {"_MIN_LEN", "too short"},
	{"_MAX_LEN", "too long"}, {"_PATTERN", "has characters that are not taken"},
}

// inWords says a machine reason, with its field before it where it has one, to a person: "qty INT32_GTE" is "qty too small".
func inWords(reason string) string {
	field, code, found := strings.Cut(reason, " ")
	if !found {
		field, code = "", reason
	}
	words := strings.ToLower(strings.ReplaceAll(code, "_", " "))
	for _, rule := range ruleWords {
		if strings.HasSuffix(code, rule.end) {
			words = rule.words
			break
		}
	}
	return strings.TrimSpace(field + " " + words)
}

func (report *Report) showSums(s *screen.Screen) {
	sales, credits := report.Sales, report.Credits
	head := func(what string) []string { return []string{"", what, "lines", "GBP"} }
	s.Section("Sales")
	rows := [][]string{row("in the file", sales.File), row("accepted", sales.Accepted), row("refused", sales.Refused)}
	rows = reasonRows(rows, s, sales.Reasons)
	if sales.NotDone.Lines > 0 {
		rows = append(rows, row("not done yet", sales.NotDone))
	}
	s.Table(head("invoices"), rows)
	s.Section("Credit notes")
	rows = reasonRows([][]string{
		row("in the file", credits.File), row("refunded", credits.Refunded), row("unmatched", credits.Unmatched),
	}, s, credits.Unmatching)
	rows = reasonRows(append(rows, row("refused", credits.Refused)), s, credits.Reasons)
	if credits.NotDone.Lines > 0 {
		rows = append(rows, row("not done yet", credits.NotDone))
	}
	s.Table(head("notes"), rows)
	examples := append(append([]Reason{}, sales.Reasons...), credits.Reasons...)
	if len(examples) > 0 {
		s.Section("Refusals, an example each")
	}
	for _, reason := range examples {
		s.Line("%s", inWords(reason.Reason))
		s.Wrapped("    ", 4, reason.Example)
	}
}

func (report *Report) showSpeed(s *screen.Screen) {
	var rows [][]string
	for _, l := range report.Latency {
		if l.Count == 0 {
			continue
		}
		cells := []string{l.Name, screen.Count(l.Count)}
		for _, micros := range []int64{l.P50, l.P90, l.P99, l.Max} {
			cells = append(cells, screen.Duration(time.Duration(micros)*time.Microsecond))
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		return
	}
	s.Section("Speed")
	if created := report.Latency[0].Count; report.Millis > 0 {
		s.Line("%s orders a second; %s calls were repeated", screen.Count(created*1000/report.Millis), screen.Count(report.Retried))
	}
	s.Table([]string{"", "count", "p50", "p90", "p99", "max"}, rows)
}

func (report *Report) showChecks(s *screen.Screen) {
	if report.Complete {
		s.Section("At the server")
		var words []string
		for _, status := range []string{"PENDING", "RESERVED", "PAID", "CONFIRMED", "REFUNDED", "CANCELED"} {
			if n := report.Server.ByStatus[status]; n > 0 {
				words = append(words, count(n)+" "+status)
			}
		}
		s.Line("%s orders: %s", count(report.Server.Orders), strings.Join(words, ", "))
		s.Line("captured %s pence, refunded %s pence", screen.Count(report.Server.CapturedPence), screen.Count(report.Server.RefundedPence))
		s.Section("Checked")
		for _, check := range report.Checks {
			verdict := s.Good("ok      ")
			if !check.Holds {
				verdict = s.Bad("DIFFERS ")
			}
			relation := " = "
			if !check.Holds {
				relation = " is not "
			}
			s.Wrapped(verdict+" ", 9, check.What+": "+separated(check.Left)+relation+separated(check.Right))
		}
	}
	s.Line("")
}
