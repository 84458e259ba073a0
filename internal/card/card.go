// Package card holds a payer's card for the moment between a request and the gateway (requirement S-5). A Card prints as brand and
// last four digits, whatever prints it; number and security code are handed out by Reveal alone, which only gateways call. Cards are
// never part of a command, so they can reach no table, event or frame.
package card

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Card is a card that was checked. The zero value is none.
type Card struct {
	// reveal is a function, since fmt looks into the fields of a struct that it cannot ask, and behind pointers too.
	reveal  func() (number string, month, year int, code string)
	summary Summary
}

// Summary is what may be kept and shown of a card.
type Summary struct {
	Brand    Brand
	LastFour string
}

// Reasons of refusals.
const (
	ReasonNumber = "CARD_NUMBER_INVALID"
	ReasonExpiry = "CARD_EXPIRY_INVALID"
	ReasonOld    = "CARD_EXPIRED"
	ReasonCode   = "CARD_CVV_INVALID"
)

// longestLife is how many years ahead a card may end; later is a slip of the pen.
const longestLife = 30

// New checks a card: its number by brand, length and Luhn's sum (ISO/IEC 7812-1), that it has not expired by now, and the length of its
// security code. Blanks and hyphens between digits are left out. A card is good to the end of its month. A refusal names the field and
// never repeats what it held.
func New(number string, month, year int, code string, now time.Time) (Card, *fault.Fault) {
	number = strings.NewReplacer(" ", "", "-", "").Replace(number)
	brand := brandOf(number)
	switch ends := time.Date(year, time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC); {
	case brand == "" || !Luhn(number):
		return Card{}, fault.Invalid("card.number", ReasonNumber, "is no number of a card: a digit is wrong, missing or too many")
	case month < 1 || month > 12:
		return Card{}, fault.Invalid("card.exp_month", ReasonExpiry, "must be 1 to 12")
	case year < 2000 || year > now.Year()+longestLife:
		return Card{}, fault.Invalid("card.exp_year", ReasonExpiry, "must be a year of four digits, %d at most", now.Year()+longestLife)
	case !now.Before(ends):
		return Card{}, fault.Invalid("card.exp_year", ReasonOld, "the card has expired")
	case !digits(code) || len(code) != brand.codeLength():
		return Card{}, fault.Invalid("card.cvv", ReasonCode, "must be the %d digits of the security code", brand.codeLength())
	}
	return Card{
		reveal:  func() (string, int, int, string) { return number, month, year, code },
		summary: Summary{Brand: brand, LastFour: LastFour(number)},
	}, nil
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// Luhn tells whether the last digit is the check digit of those before it. It takes digits only.
func Luhn(number string) bool {
	sum, twice := 0, false
	for i := len(number) - 1; i >= 0; i-- {
		digit := int(number[i] - '0')
		if twice {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum, twice = sum+digit, !twice
	}
	return sum%10 == 0
}

// Reveal hands out what only a gateway may see.
func (c Card) Reveal() (number string, month, year int, code string) {
	if c.reveal == nil {
		return "", 0, 0, ""
	}
	return c.reveal()
}

// Summary answers what may be kept.
func (c Card) Summary() Summary { return c.summary }

// LastFour answers the last four digits of a number; nothing of one that is too short to hide anything, or whose end is not ASCII: that
// is no number, and a part of a character is no text.
func LastFour(number string) string {
	if len(number) < 12 {
		return ""
	}
	last := number[len(number)-4:]
	for i := range len(last) {
		if last[i] >= utf8.RuneSelf {
			return ""
		}
	}
	return last
}

// brandForm is how others write the name of a brand.
var brandForm = regexp.MustCompile(`^[a-z][a-z_]{0,19}$`)

// Told is the summary of a card as a gateway tells it; nothing when it is more than may be kept, or something else.
func Told(brand, lastFour string) Summary {
	if !brandForm.MatchString(brand) || len(lastFour) != 4 || !digits(lastFour) {
		return Summary{}
	}
	return Summary{Brand: Brand(brand), LastFour: lastFour}
}

// String shows brand and last four digits.
func (s Summary) String() string { return string(s.Brand) + " ending in " + s.LastFour }

// String hides the card.
func (c Card) String() string { return c.Summary().String() }

// GoString hides the card.
func (c Card) GoString() string { return "card.Card{" + c.String() + "}" }

// Format hides the card from every verb of fmt; %#v and %x would look into it.
func (c Card) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue hides the card from logs.
func (c Card) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText hides the card from whatever writes text.
func (c Card) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalJSON hides the card from whatever writes JSON.
func (c Card) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }
