package gateway

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/card"
)

// Tokenizer turns a payer's card into a token that a hold takes. Nothing of the card is kept but by the gateway itself.
type Tokenizer interface {
	// Tokenize answers the token. The error is a CardRefusal when the gateway does not take the card, else it has its class; none of
	// them repeats the card.
	Tokenize(ctx context.Context, c card.Card) (token string, err error)
}

// CardRefusal says why a gateway does not take a card.
type CardRefusal struct{ Reason string }

// Error implements error.
func (r *CardRefusal) Error() string { return "the gateway does not take the card: " + r.Reason }

// testCards are numbers that behave in their own way; any other card is held.
var testCards = map[string]string{
	"4111111111111111": TokenOK,
	"4000000000000002": TokenRefused,
	"4000000000009995": TokenDeclined, // insufficient_funds
	"4000000000000259": TokenLate,
	"4000000000000341": TokenTimeout,
}

// tokenCards are the cards that tokens stand for, all of one brand.
var tokenCards = func() map[string]card.Summary {
	cards := map[string]card.Summary{}
	for number, token := range testCards {
		cards[token] = card.Summary{Brand: card.Visa, LastFour: card.LastFour(number)}
	}
	return cards
}()

// Cards is how the simulator turns cards into tokens. It needs no journal, so that a process without effects may take cards too.
type Cards struct{}

// Cards implements Tokenizer.
var _ Tokenizer = Cards{}

// Tokenize implements Tokenizer.
func (Cards) Tokenize(_ context.Context, c card.Card) (string, error) {
	number, _, _, _ := c.Reveal()
	if token, known := testCards[number]; known {
		return token, nil
	}
	return TokenOK, nil
}
