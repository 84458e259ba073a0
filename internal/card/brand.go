package card

import (
	"strconv"
)

// Brand is the scheme of a card, by the name that Stripe has for it.
type Brand string

// The brands.
const (
	Visa       Brand = "visa"
	Mastercard Brand = "mastercard"
	Amex       Brand = "amex"
	Discover   Brand = "discover"
	Diners     Brand = "diners"
	JCB        Brand = "jcb"
	UnionPay   Brand = "unionpay"
	Maestro    Brand = "maestro"
)

// codeLength is how many digits a security code has: four on the front of American Express, three on the back of others.
func (b Brand) codeLength() int {
	if b == Amex {
		return 4
	}
	return 3
}

// prefixDigits is how many first digits the ranges are written with.
const prefixDigits = 6

// span is a range of first digits with the lengths that its numbers may have.
type span struct {
	from, to          int
	shortest, longest int
	brand             Brand
}

// spans are the ranges of the schemes, the narrower before the wider: the first that holds a number counts.
var spans = []span{
	{622126, 622925, 16, 19, Discover}, // of UnionPay, taken by Discover's network too
	{222100, 272099, 16, 16, Mastercard},
	{510000, 559999, 16, 16, Mastercard},
	{340000, 349999, 15, 15, Amex},
	{370000, 379999, 15, 15, Amex},
	{300000, 305999, 14, 19, Diners},
	{309500, 309599, 14, 19, Diners},
	{360000, 369999, 14, 19, Diners},
	{380000, 399999, 14, 19, Diners},
	{352800, 358999, 16, 19, JCB},
	{601100, 601199, 16, 19, Discover},
	{644000, 659999, 16, 19, Discover},
	{620000, 629999, 16, 19, UnionPay},
	{810000, 817199, 16, 19, UnionPay},
	{400000, 499999, 13, 19, Visa},
	{500000, 509999, 12, 19, Maestro},
	{560000, 589999, 12, 19, Maestro},
	{600000, 699999, 12, 19, Maestro},
}

// visaLengths are the only ones that Visa gives out.
var visaLengths = map[int]bool{13: true, 16: true, 19: true}

// brandOf answers the brand of a number of digits whose length fits it; empty for none.
func brandOf(number string) Brand {
	if len(number) < 12 || !digits(number) {
		return ""
	}
	prefix, _ := strconv.Atoi(number[:prefixDigits])
	for _, s := range spans {
		if prefix < s.from || prefix > s.to {
			continue
		}
		fits := len(number) >= s.shortest && len(number) <= s.longest && (s.brand != Visa || visaLengths[len(number)])
		if !fits {
			return ""
		}
		return s.brand
	}
	return ""
}
