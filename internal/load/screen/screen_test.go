package screen_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/load/screen"
)

func TestAmountIsExact(t *testing.T) {
	for _, test := range []struct {
		currency string
		minor    int64
		want     string
	}{
		{"EUR", 0, "0.00"}, {"EUR", 5, "0.05"}, {"EUR", -5, "-0.05"}, {"EUR", 123456789, "1,234,567.89"},
		{"JPY", 1234, "1,234"}, {"BHD", 1234, "1.234"}, {"BHD", 7, "0.007"}, {"EUR", 9007199254740991, "90,071,992,547,409.91"},
		{"EUR", -100, "-1.00"},
	} {
		if got := screen.Amount(test.currency, test.minor); got != test.want {
			t.Errorf("%d %s is %q, want %q", test.minor, test.currency, got, test.want)
		}
	}
}

func TestPlainWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	s := screen.New(&out)
	s.Title("a %s", "title")
	s.Section("part")
	s.Table([]string{"name", "n", "<why"}, [][]string{{"x", "10", "y"}, {"long one", "5", ""}})
	s.Line("%s", s.Good("ok"))
	want := "\na title\n\npart\n  name       n  why\n  x         10  y\n  long one   5\n  ok\n"
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	out.Reset()
	s.Wrapped("* ", 2, strings.Repeat("word ", 25))
	want = "  * " + strings.TrimSpace(strings.Repeat("word ", 19)) + "\n    " + strings.TrimSpace(strings.Repeat("word ", 6)) + "\n"
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours without a terminal")
	}
}

func TestSmallWords(t *testing.T) {
	if got := screen.Percent(1, 3); got != "33.3 %" {
		t.Error(got)
	}
	if got := screen.Share(1, 1000, 10); got != "█" {
		t.Error(got)
	}
	for d, want := range map[time.Duration]string{
		800 * time.Microsecond: "800 µs", 4200 * time.Microsecond: "4.2 ms", 250 * time.Millisecond: "250 ms",
		3210 * time.Millisecond: "3.21 s", 90 * time.Second: "1m30s",
	} {
		if got := screen.Duration(d); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	bar := screen.NewBar(nil, "nothing", 0)
	bar.Add(1)
	bar.End()
}
