package stripe

import (
	"context"

	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Gateway implements gateway.Tokenizer.
var _ gateway.Tokenizer = (*Gateway)(nil)

// Tokenize implements gateway.Tokenizer: a PaymentMethod. Stripe takes numbers from accounts only that have shown it how they keep
// them (PCI DSS); others send the tokens that its own forms make. A call that is repeated makes another PaymentMethod, which costs
// nothing and is never charged.
func (g *Gateway) Tokenize(ctx context.Context, c card.Card) (string, error) {
	if err := ready(ctx); err != nil {
		return "", err
	}
	number, month, year, code := c.Reveal()
	method, err := g.client.V1PaymentMethods.Create(ctx, &sdk.PaymentMethodCreateParams{
		Type: sdk.String(string(sdk.PaymentMethodTypeCard)),
		Card: &sdk.PaymentMethodCreateCardParams{
			Number: sdk.String(number), ExpMonth: sdk.Int64(int64(month)), ExpYear: sdk.Int64(int64(year)), CVC: sdk.String(code),
		},
	})
	if err != nil {
		refused, err := judge(err)
		if err != nil {
			return "", err
		}
		return "", &gateway.CardRefusal{Reason: refused.Reason}
	}
	return method.ID, nil
}
