package card_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/card"
)

var now = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)

// Published test numbers of the schemes.
func TestBrands(t *testing.T) {
	t.Parallel()
	for number, c := range map[string]struct {
		brand card.Brand
		code  string
	}{
		"4111 1111 1111 1111": {card.Visa, "123"}, "4222222222222": {card.Visa, "123"}, "5555-5555-5555-4444": {card.Mastercard, "123"},
		"2223003122003222": {card.Mastercard, "123"}, "378282246310005": {card.Amex, "1234"}, "371449635398431": {card.Amex, "1234"},
		"6011111111111117": {card.Discover, "123"}, "30569309025904": {card.Diners, "123"}, "36227206271667": {card.Diners, "123"},
		"3566002020360505": {card.JCB, "123"}, "6200000000000005": {card.UnionPay, "123"}, "6759649826438453": {card.Maestro, "123"},
	} {
		got, refusal := card.New(number, 12, 2027, c.code, now)
		if refusal != nil || got.Summary().Brand != c.brand || !strings.HasSuffix(number, got.Summary().LastFour) {
			t.Errorf("%s: %v, %v; want %s", number, got, refusal, c.brand)
		}
	}
}

// What is wrong is told by field, and never what it was.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const visa, amex = "4111111111111111", "378282246310005"
	for name, c := range map[string]struct {
		number      string
		month, year int
		code, want  string
	}{
		"good":                 {visa, 12, 2027, "123", ""},
		"good to its last day": {visa, 11, 2026, "123", ""},
		"expired":              {visa, 10, 2026, "123", card.ReasonOld},
		"a wrong digit":        {"4111111111111112", 12, 2027, "123", card.ReasonNumber},
		"too short":            {"411111111111111", 12, 2027, "123", card.ReasonNumber},
		"no brand":             {"9999999999999995", 12, 2027, "123", card.ReasonNumber},
		"letters":              {"4111x11111111111", 12, 2027, "123", card.ReasonNumber},
		"full-width digits":    {"４111111111111111", 12, 2027, "123", card.ReasonNumber},
		"nothing":              {"", 12, 2027, "123", card.ReasonNumber},
		"month 0":              {visa, 0, 2027, "123", card.ReasonExpiry},
		"month 13":             {visa, 13, 2027, "123", card.ReasonExpiry},
		"year of two digits":   {visa, 12, 27, "123", card.ReasonExpiry},
		"far year":             {visa, 12, 2127, "123", card.ReasonExpiry},
		"code too short":       {visa, 12, 2027, "12", card.ReasonCode},
		"code of letters":      {visa, 12, 2027, "abc", card.ReasonCode},
		"amex of three":        {amex, 12, 2027, "123", card.ReasonCode},
		"visa of four":         {visa, 12, 2027, "1234", card.ReasonCode},
	} {
		_, refusal := card.New(c.number, c.month, c.year, c.code, now)
		switch {
		case c.want == "" && refusal == nil:
		case refusal == nil || refusal.Reason != c.want:
			t.Errorf("%s: got %v, want %s", name, refusal, c.want)
		case c.number != "" && strings.Contains(refusal.Error(), c.number):
			t.Errorf("%s: the refusal repeats the number: %v", name, refusal)
		}
	}
}

// Any wrong digit, and almost any swap of two neighbours, breaks Luhn's sum.
func TestLuhn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[0-9]{11,18}`).Draw(t, "body")
		var number string
		for check := '0'; check <= '9'; check++ {
			if card.Luhn(body + string(check)) {
				if number != "" {
					t.Fatalf("%s has two check digits", body)
				}
				number = body + string(check)
			}
		}
		at := rapid.IntRange(0, len(number)-1).Draw(t, "at")
		other := byte('0' + rapid.IntRange(1, 9).Draw(t, "difference"))
		spoiled := []byte(number)
		spoiled[at] = '0' + (spoiled[at]-'0'+other-'0')%10
		if card.Luhn(string(spoiled)) {
			t.Fatalf("%s and %s are both right", number, spoiled)
		}
	})
}

// However a card is printed, brand and last four digits are all there is.
func TestCardsHide(t *testing.T) {
	t.Parallel()
	c, refusal := card.New("4111111111111111", 12, 2027, "987", now)
	if refusal != nil {
		t.Fatal(refusal)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", struct{ Card card.Card }{c})
		fmt.Fprintf(&out, verb+"\n", []card.Card{c})
		fmt.Fprintf(&out, verb+"\n", struct{ unexported card.Card }{c})
	}
	for _, logger := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		logger.Info("paid", "card", c, "pointer", &c, "inside", struct{ Card card.Card }{c})
	}
	written, err := json.Marshal(map[string]any{"card": c, "pointer": &c})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(written)
	for _, secret := range []string{"411111", "987", "34313131", "2027"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown:\n%s", secret, out.String())
		}
	}
	if number, month, year, code := c.Reveal(); number != "4111111111111111" || month != 12 || year != 2027 || code != "987" {
		t.Error("the gateway gets another card")
	}
}

// Of what others tell of a card no more is taken than may be kept.
func TestTold(t *testing.T) {
	t.Parallel()
	if got := card.Told("visa", "0042"); got.Brand != card.Visa || got.LastFour != "0042" {
		t.Errorf("got %+v", got)
	}
	for _, c := range [][2]string{{"visa", "4111111111111111"}, {"4111111111111111", "1111"}, {"visa", ""}, {"", "1111"}, {"visa", "12a4"}} {
		if got := card.Told(c[0], c[1]); got != (card.Summary{}) {
			t.Errorf("%v became %+v", c, got)
		}
	}
}
