package money

import (
	"fmt"
	"math/big"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text, currency string
		want           int64
		bad            bool
	}{
		{"100.50", "EUR", 10050, false}, {"100.5", "EUR", 10050, false}, {"100.500", "EUR", 10050, false}, {"0", "EUR", 0, false},
		{"-0.00", "EUR", 0, false}, {"-1", "EUR", -100, false}, {"1e2", "EUR", 10000, false}, {"1005E-1", "EUR", 10050, false},
		{"100.505", "EUR", 0, true}, {"1", "JPY", 1, false}, {"1.0", "JPY", 1, false}, {"1.5", "JPY", 0, true}, {"0.001", "BHD", 1, false},
		{"90071992547409.91", "EUR", Limit, false}, {"90071992547409.92", "EUR", 0, true}, {"1e30000", "EUR", 0, true},
		{"1e-30000", "EUR", 0, true}, {"0e30000", "EUR", 0, false}, {"", "EUR", 0, true}, {".5", "EUR", 0, true}, {"5.", "EUR", 0, true},
		{"1_0", "EUR", 0, true}, {"0x1", "EUR", 0, true}, {"+1", "EUR", 0, true}, {"--1", "EUR", 0, true}, {"NaN", "EUR", 0, true},
		{"1", "XXX", 0, true}, {"1e", "EUR", 0, true},
	} {
		got, err := Parse(test.text, test.currency)
		if got != test.want || (err != nil) != test.bad {
			t.Errorf("%s %s = %d, %v", test.text, test.currency, got, err)
		}
	}
}

// FuzzParse compares with exact fractions.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"100.50", "1e2", "-0.01", "1.005", "9e-2", "000.10"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text, "EUR")
		exact, ok := new(big.Rat).SetString(text)
		if err != nil {
			return
		}
		if !ok || exact.Mul(exact, big.NewRat(100, 1)).Cmp(new(big.Rat).SetInt64(got)) != 0 {
			t.Fatalf("%q = %d", text, got)
		}
		if again, err := Parse(Format(got, "EUR"), "EUR"); err != nil || again != got {
			t.Fatalf("%d is written %s: %v", got, Format(got, "EUR"), err)
		}
	})
}

func TestFormat(t *testing.T) {
	for want, amount := range map[string]struct {
		minor    int64
		currency string
	}{"0.05": {5, "EUR"}, "-0.05": {-5, "EUR"}, "7": {7, "JPY"}, "1.000": {1000, "BHD"}, fmt.Sprint(Limit): {Limit, "JPY"}} {
		if got := Format(amount.minor, amount.currency); got != want {
			t.Errorf("%v is written %s, not %s", amount, got, want)
		}
	}
}
