package codec

import (
	"bytes"
	"errors"

	"github.com/go-faster/jx"

	"github.com/seed-255eabaa/oms/internal/money"
)

// Decimal is a number as the client wrote it.
type Decimal struct {
	text  []byte // of the document
	given bool   // it stands there, if only as something else
}

// Limits of the text of a number with decimals: of all of it, and of what stands before the point; the greatest amount has 16 digits.
const (
	decimalLimit = 20
	wholeLimit   = 16
)

// Decimal reads a number with decimals, as written. A sign is read, so that the rules of the contract can refuse it; an exponent and a
// number in quotes are not.
func (r *Reader) Decimal() Decimal {
	switch r.d.Next() {
	case jx.Number:
	case jx.String:
		r.refuse(WrongType, "must be a decimal number such as 14.60, not in quotes")
		return Decimal{given: true}
	default:
		r.refuse(WrongType, "must be a decimal number such as 14.60")
		return Decimal{given: true}
	}
	raw, err := r.d.Raw()
	switch {
	case !r.check(err):
	case !isDecimal([]byte(raw)):
		r.violate(InvalidAmount, notADecimal)
	case len(raw) > decimalLimit && wholeDigits(raw) > wholeLimit:
		r.violate(OutOfRange, tooLarge)
	case len(raw) > decimalLimit:
		r.violate(InvalidAmount, tooFine)
	default:
		return Decimal{text: raw, given: true}
	}
	return Decimal{given: true}
}

const (
	notADecimal = "must be a decimal number such as 14.60, written without an exponent"
	tooLarge    = "must have no more than 9007199254740991 minor units of its currency"
	tooFine     = "has more decimals than any currency, which has 4 at most"
)

// wholeDigits counts the digits before the point.
func wholeDigits(number []byte) int {
	whole, _, _ := bytes.Cut(bytes.TrimPrefix(number, []byte("-")), []byte("."))
	return len(whole)
}

// Minor turns the number into minor units of a currency, after the object that both stand in. The number must be there. An unknown
// currency is refused by the rule of its own field; the number is then as good as its sign, for the rules of this one.
func (r *Reader) Minor(o *Object, name string, d Decimal, currency string) int64 {
	if !d.given {
		r.Need(o, name, false)
	}
	if len(d.text) == 0 {
		return 0
	}
	if _, known := money.Exponent(currency); !known {
		return sign(d.text)
	}
	minor, err := money.Parse(string(d.text), currency)
	if err == nil {
		return minor
	}
	r.push(step{name: name})
	if errors.Is(err, money.ErrOverflow) {
		r.violate(OutOfRange, "must be at most "+money.Format(money.Limit, currency))
	} else {
		r.violate(InvalidAmount, err.Error())
	}
	r.pop()
	return 0
}

func sign(number []byte) int64 {
	switch {
	case len(bytes.Trim(number, "-0.")) == 0:
		return 0
	case number[0] == '-':
		return -1
	default:
		return 1
	}
}

// DecimalText reads a number with decimals as its text.
func (r *Reader) DecimalText() string { return string(r.Decimal().text) }

// AppendMinor writes minor units as a number with the decimals of their currency.
func AppendMinor(b []byte, minor int64, currency string) []byte {
	return append(b, money.Format(minor, currency)...)
}

// AppendDecimal writes the text of a number as that number, and null where the text is none.
func AppendDecimal(b []byte, text string) []byte {
	if !isDecimal(text) {
		return append(b, "null"...)
	}
	return append(b, text...)
}

// isDecimal tells whether text is a number as JSON writes it, without an exponent.
func isDecimal[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] == '.' {
			return i+1 < len(text) && IsInteger(text[:i]) && allDigits(text[i+1:])
		}
	}
	return IsInteger(text)
}

func allDigits[T string | []byte](text T) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return true
}
