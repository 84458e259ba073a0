// Package screen is how the demo and the replay talk to a person: a few coloured lines on a terminal, the same words plain
// anywhere else, and amounts exact to the last minor unit.
package screen

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/seed-255eabaa/oms/internal/money"
)

// Screen writes a report.
type Screen struct {
	out  io.Writer
	rich bool
}

// New makes a screen; it is rich when out is a terminal and NO_COLOR does not ask for less.
func New(out io.Writer) *Screen { return &Screen{out: out, rich: isTerminal(out)} }

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Title begins the report.
func (s *Screen) Title(format string, arguments ...any) {
	s.print("\n" + s.colored(fmt.Sprintf(format, arguments...), text.Bold) + "\n")
}

// Section begins a part of it.
func (s *Screen) Section(name string) { s.print("\n" + s.colored(name, text.Bold, text.FgCyan) + "\n") }

// Line writes an indented line.
func (s *Screen) Line(format string, arguments ...any) {
	s.print(strings.TrimRight("  "+fmt.Sprintf(format, arguments...), " ") + "\n")
}

// wide is the greatest width of a Wrapped line.
const wide = 100

// Wrapped writes words after a mark of the given width; more than fit into a line go on below, under the first of them.
func (s *Screen) Wrapped(mark string, width int, words string) {
	lines := strings.Split(text.WrapSoft(words, wide-width-2), "\n")
	for i, line := range lines {
		if i > 0 {
			mark = strings.Repeat(" ", width)
		}
		s.Line("%s%s", mark, strings.TrimSpace(line))
	}
}

// Good colours a word of success, Bad one of failure, Faint what matters less.
func (s *Screen) Good(word string) string { return s.colored(word, text.FgGreen) }

// Bad colours a word of failure.
func (s *Screen) Bad(word string) string { return s.colored(word, text.Bold, text.FgRed) }

// Faint takes weight from a word.
func (s *Screen) Faint(word string) string { return s.colored(word, text.Faint) }

func (s *Screen) colored(words string, colors ...text.Color) string {
	if !s.rich {
		return words
	}
	return text.Colors(colors).EscapeSeq() + words + text.Reset.EscapeSeq()
}

func (s *Screen) print(words string) { _, _ = io.WriteString(s.out, words) }

// Table writes rows under a head, without borders; columns after the first are aligned to the right unless a head begins with
// "<". An empty head is left out.
func (s *Screen) Table(head []string, rows [][]string) {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "  ", ""
	style.Format.Header = text.FormatDefault
	w.SetStyle(style)
	var configs []table.ColumnConfig
	columns, titled := make(table.Row, len(head)), false
	for i, title := range head {
		align := text.AlignRight
		if name, left := strings.CutPrefix(title, "<"); left || i == 0 {
			title, align = name, text.AlignLeft
		}
		columns[i], titled = s.Faint(title), titled || title != ""
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
	}
	w.SetColumnConfigs(configs)
	if titled {
		w.AppendHeader(columns)
	}
	for _, row := range rows {
		cells := make(table.Row, len(row))
		for i, cell := range row {
			cells[i] = cell
		}
		w.AppendRow(cells)
	}
	for line := range strings.Lines(w.Render() + "\n") {
		s.print(strings.TrimRight(line, " \n") + "\n")
	}
}

// Share draws a part of a whole as a bar of up to width characters; anything above nothing is seen.
func Share(part, whole, width int64) string {
	if whole <= 0 || part <= 0 {
		return ""
	}
	return strings.Repeat("█", int(max(1, (part*width+whole/2)/whole)))
}

// Percent writes a part of a whole with one decimal.
func Percent(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	tenths := (part*1000 + whole/2) / whole
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

// Count writes a number with separators.
func Count(n int64) string { return humanize.Comma(n) }

// Amount writes minor units exactly, with as many decimals as the currency has.
func Amount(currency string, minor int64) string {
	exponent, _ := money.Exponent(currency)
	sign, digits := "", strconv.FormatInt(minor, 10)
	if minor < 0 {
		sign, digits = "-", digits[1:]
	}
	for len(digits) <= exponent {
		digits = "0" + digits
	}
	whole, _ := strconv.ParseInt(digits[:len(digits)-exponent], 10, 64) // digits of an int64
	written := sign + humanize.Comma(whole)
	if exponent > 0 {
		written += "." + digits[len(digits)-exponent:]
	}
	return written
}

// Duration writes a time with three digits.
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}
