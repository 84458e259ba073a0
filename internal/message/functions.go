package message

import (
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"github.com/seed-255eabaa/oms/internal/money"
)

// functions are what templates may call.
func functions(tag language.Tag) texttemplate.FuncMap {
	return texttemplate.FuncMap{
		"money":  func(minor, currency string) (string, error) { return Money(minor, currency, tag) },
		"moment": moment,
	}
}

// Money writes an amount of minor units exactly, with the currency's digits and the language's decimal sign.
func Money(minor, currency string, tag language.Tag) (string, error) {
	amount, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return "", &misfit{minor, "is no number of minor units"}
	}
	digits, known := money.Exponent(currency)
	if !known {
		return "", &misfit{currency, "is no currency"}
	}
	text := strconv.FormatInt(amount, 10)
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	if missing := digits + 1 - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	if at := len(text) - digits; digits > 0 {
		text = text[:at] + decimalSign(tag) + text[at:]
	}
	return sign + text + " " + currency, nil
}

// decimalSign is that of the language among Latin digits (CLDR): what stands between the digits of one and no tenths.
func decimalSign(tag language.Tag) string {
	latin, err := tag.SetTypeForKey("nu", "latn")
	if err != nil {
		return "."
	}
	one := message.NewPrinter(latin).Sprint(number.Decimal(1, number.Scale(1)))
	return strings.TrimSuffix(strings.TrimPrefix(one, "1"), "0")
}

// moment writes a time of RFC 3339 for people, in UTC.
func moment(text string) (string, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", &misfit{text, "is no time of RFC 3339"}
	}
	return at.UTC().Format("2006-01-02 15:04 UTC"), nil
}
