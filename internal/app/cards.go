package app

import (
	"context"
	"errors"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// tokenizeCard has the gateway of new payments turn a card into a token.
func (a *App) tokenizeCard(ctx context.Context, c card.Card) (string, *fault.Fault) {
	tokenizer := gateway.Tokenizer(gateway.Cards{})
	if a.config.GatewayName() == config.Stripe {
		tokenizer = a.stripe
	}
	token, err := tokenizer.Tokenize(ctx, c)
	var refused *gateway.CardRefusal
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused):
		return "", fault.Invalid("card", "CARD_REFUSED", "is not taken by the gateway: %s", refused.Reason).With("decline_reason", refused.Reason)
	case gateway.ClassOf(err) == gateway.ClassPermanent:
		return "", fault.From(err)
	default:
		return "", fault.New(fault.Unavailable, "GATEWAY_UNAVAILABLE", "the gateway cannot be reached at the moment; try again").
			Because(err).After(time.Second)
	}
}
