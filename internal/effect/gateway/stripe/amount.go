package stripe

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/seed-255eabaa/oms/internal/money"
)

// errAmount says that Stripe cannot move an amount: nothing was sent.
var errAmount = errors.New("stripe cannot take this amount")

// unit says how Stripe counts a currency whose smallest unit is not ISO 4217's (docs.stripe.com/currencies, "Special cases" and
// "Zero-decimal currencies"): theirs = ours × times / over, and what does not divide cannot be charged.
type unit struct{ times, over int64 }

var units = map[string]unit{
	"ISK": {100, 1}, "UGX": {100, 1}, // without decimals, told as if they had two, which are 00
	"MGA": {1, 100}, // two decimals in ISO 4217, none at Stripe
}

// whole is what an amount of a currency with three decimals must be a multiple of.
const whole = 10

// unsupported lists currencies of ISO 4217 whose decimals Stripe does not have at all.
var unsupported = map[string]bool{"CLF": true, "UYW": true, "UYI": true, "IQD": true, "LYD": true}

// toStripe turns minor units of a currency into Stripe's unit and its name of the currency.
func toStripe(currency string, minor int64) (amount int64, name string, err error) {
	decimals, known := money.Exponent(currency)
	u, special := units[currency]
	if !special {
		u = unit{1, 1}
	}
	switch {
	case !known || unsupported[currency]:
		return 0, "", fmt.Errorf("%w: the currency %q is not supported", errAmount, currency)
	case minor <= 0 || minor > math.MaxInt64/u.times:
		return 0, "", fmt.Errorf("%w: %d is out of range", errAmount, minor)
	case minor%u.over != 0:
		return 0, "", fmt.Errorf("%w: %d %s has decimals, which it does not have there", errAmount, minor, currency)
	case decimals == 3 && minor%whole != 0:
		return 0, "", fmt.Errorf("%w: the last of three decimals must be 0, in %d %s it is not", errAmount, minor, currency)
	}
	return minor * u.times / u.over, strings.ToLower(currency), nil
}

// fromStripe turns an amount of Stripe's into minor units. What has no minor unit of ours is answered in one that cannot be what was
// asked for, so that the difference is found: 0.
func fromStripe(name string, amount int64) (currency string, minor int64) {
	currency = strings.ToUpper(name)
	u, special := units[currency]
	if !special {
		return currency, amount
	}
	if amount%u.times != 0 || amount > math.MaxInt64/u.over {
		return currency, 0
	}
	return currency, amount / u.times * u.over
}
