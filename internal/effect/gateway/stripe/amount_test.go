package stripe

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/money"
)

// Stripe's units, as its page on currencies gives them.
func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		currency     string
		minor, their int64
	}{
		{"EUR", 1460, 1460}, {"USD", 1, 1}, {"HUF", 100, 100}, {"TWD", 100, 100}, // two decimals
		{"JPY", 500, 500}, {"KRW", 500, 500}, {"XOF", 7, 7}, // none
		{"ISK", 5, 500}, {"UGX", 5, 500}, // none, told as if they had two
		{"MGA", 500, 5},     // two here, none there
		{"KWD", 5120, 5120}, // three, the last of them 0
	} {
		their, name, err := toStripe(c.currency, c.minor)
		if err != nil || their != c.their || strings.ToUpper(name) != c.currency || name == c.currency { //nolint:gocritic // the case counts
			t.Errorf("%d %s is %d %s at Stripe, got %v; want %d", c.minor, c.currency, their, name, err, c.their)
		}
	}
	for currency, minor := range map[string]int64{
		"KWD": 5124, "MGA": 501, "ISK": math.MaxInt64/100 + 1, "EUR": 0, "CLF": 10000, "LYD": 1000, "XXX": 1,
	} {
		if their, _, err := toStripe(currency, minor); err == nil {
			t.Errorf("%d %s became %d", minor, currency, their)
		}
	}
}

// What can be charged comes back as it went, and nothing that comes back is taken for another amount.
func TestAmountsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "ISK", "UGX", "MGA", "KWD", "BHD", "HUF", "CLP"}).Draw(t, "currency")
		minor := rapid.Int64().Draw(t, "minor")
		their, name, err := toStripe(currency, minor)
		if err != nil {
			return
		}
		if back, again := fromStripe(name, their); back != currency || again != minor {
			t.Fatalf("%d %s went as %d %s and came back as %d %s", minor, currency, their, name, again, back)
		}
	})
	if _, minor := fromStripe("isk", 501); minor != 0 {
		t.Errorf("5.01 ISK is no amount, got %d", minor)
	}
	if _, known := money.Exponent("MGA"); !known {
		t.Error("MGA is not in ISO 4217's list")
	}
}
