package shopapi

import (
	"context"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Card is what a payer's card says. It goes to the Tokenizer and nowhere else (requirement S-5): it has no form in which it could be
// printed, and no field of it may be put into a message, an error or a log.
type Card struct {
	Number, CVV string
	Month, Year int // of expiry; the year in full
}

// String keeps a card out of logs.
func (Card) String() string { return "card" }

// GoString keeps a card out of logs.
func (Card) GoString() string { return "card" }

// Tokenizer hands a card to the gateway and answers the token that stands for it, which OrderService.PayOrder takes. The gateway keeps
// the card; here it is forgotten. Refusals tell nothing of the card.
type Tokenizer interface {
	Tokenize(ctx context.Context, card Card) (token string, refused *fault.Fault)
}

// TokenizerFunc is a function as a Tokenizer.
type TokenizerFunc func(ctx context.Context, card Card) (string, *fault.Fault)

// Tokenize implements Tokenizer.
func (f TokenizerFunc) Tokenize(ctx context.Context, card Card) (string, *fault.Fault) {
	return f(ctx, card)
}

// CheckCard refuses a card that no gateway would take: a number that fails the check of ISO/IEC 7812-1 (Luhn), or one that has expired
// by now. It is good through the last day of its month, anywhere on earth.
func CheckCard(card Card, now time.Time) *fault.Fault {
	if !luhn(card.Number) {
		return fault.Invalid("paymentDetails.cardNumber", "CARD_NUMBER_INVALID", "is no card number; check the digits")
	}
	if card.Month < 1 || card.Month > 12 {
		return fault.Invalid("paymentDetails.expiryDate", "CARD_EXPIRY_INVALID", `must read "MM/YY"`)
	}
	ends := time.Date(card.Year, time.Month(card.Month)+1, 1, 12, 0, 0, 0, time.UTC)
	if !now.Before(ends) {
		return fault.Invalid("paymentDetails.expiryDate", "CARD_EXPIRED", "has passed; use another card")
	}
	if n := len(card.CVV); n < 3 || n > 4 || strings.Trim(card.CVV, "0123456789") != "" {
		return fault.Invalid("paymentDetails.cvv", "CARD_CVV_INVALID", "must be 3 or 4 digits")
	}
	return nil
}

// luhn tells whether a number of 12 to 19 digits has its check digit.
func luhn(number string) bool {
	if len(number) < 12 || len(number) > 19 {
		return false
	}
	sum := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i]) - '0'
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 1 {
			digit = digit*2/10 + digit*2%10
		}
		sum += digit
	}
	return sum%10 == 0
}
