package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// decimalLimit bounds the text of an amount; longer ones hold nothing but zeros or are out of range.
const decimalLimit = 64

// Parse reads a decimal number as JSON writes it ("100.50", "1005e-1") as minor units of a currency, exactly (requirement R-4). More
// decimals than the currency has are an error unless they are zeros.
func Parse(text, currency string) (int64, error) {
	exponent, known := Exponent(currency)
	if !known {
		return 0, fmt.Errorf("%q is not an ISO 4217 currency code", currency)
	}
	digits, scale, negative, err := decimal(text)
	if err != nil {
		return 0, err
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, nil
	}
	for scale > exponent && strings.HasSuffix(digits, "0") {
		digits, scale = digits[:len(digits)-1], scale-1
	}
	if scale > exponent {
		return 0, fmt.Errorf("has more decimals than %s, which has %d", currency, exponent)
	}
	if len(digits)+exponent-scale > len(strconv.Itoa(Limit)) {
		return 0, ErrOverflow
	}
	minor, err := strconv.ParseInt(digits+strings.Repeat("0", exponent-scale), 10, 64)
	if err != nil || minor > Limit {
		return 0, ErrOverflow
	}
	if negative {
		minor = -minor
	}
	return minor, nil
}

var errNoNumber = errors.New("must be a decimal number, such as 100.50")

// decimal splits a number: its digits, how many of them are decimals (below zero for zeros that are left out), its sign.
func decimal(text string) (digits string, scale int, negative bool, err error) {
	if len(text) > decimalLimit {
		return "", 0, false, errNoNumber
	}
	text, negative = strings.CutPrefix(text, "-")
	mantissa, power, hasPower := strings.Cut(strings.ToLower(text), "e")
	if hasPower {
		exponent, err := strconv.ParseInt(power, 10, 16)
		if err != nil {
			return "", 0, false, errNoNumber
		}
		scale = -int(exponent)
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	if whole == "" || hasPoint && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", 0, false, errNoNumber
	}
	return whole + fraction, scale + len(fraction), negative, nil
}

// Format writes minor units as a decimal number with the currency's decimals.
func Format(minor int64, currency string) string {
	exponent, _ := Exponent(currency)
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	digits := strconv.FormatInt(minor, 10)
	if exponent == 0 {
		return sign + digits
	}
	if missing := exponent + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return sign + digits[:len(digits)-exponent] + "." + digits[len(digits)-exponent:]
}
