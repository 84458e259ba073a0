package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/edge/shopapi"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// shopBodyLimit bounds the bodies of /api, which are read before their sender is known: a thousand items fit.
const shopBodyLimit = 256 << 10

// shop puts the dialect of /api before the REST handler.
func (a *App) shop(chain edge.Chain, orders *service.Orders, stock *service.Inventory, methods contract.Table, rest http.Handler,
) (http.Handler, error) {
	options := shopapi.Options{
		Chain: chain, Orders: orders, Inventory: stock, Methods: methods, PaymentWait: a.config.PaymentWait,
		BodyLimit: min(shopBodyLimit, a.config.MaxBodyBytes), ReadTimeout: a.config.BodyTimeout, WriteTimeout: a.config.WriteTimeout,
		Tokenizer: shopapi.TokenizerFunc(simulatedCard), Log: a.logger,
	}
	var err error
	switch {
	case a.config.ShopKeysFile != "":
		options.Keys, err = shopapi.LoadKeys(a.config.ShopKeysFile)
	case a.config.AuthMode() == config.Credentials:
		options.Keys, err = shopapi.NewKeys(nil) // nobody's signature can be verified, and so nobody may order
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	dialect := shopapi.New(options)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, shopapi.Prefix) {
			dialect.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	}), nil
}

// simulatedCards are the cards that the simulator knows, numbers that no issuer has given out: those of payment services' test modes.
// All others are held.
var simulatedCards = map[string]string{
	"4000000000009995": gateway.TokenDeclined,
	"4000000000000002": gateway.TokenDeclined,
	"4000000000000259": gateway.TokenLate,
	"4000000000000341": gateway.TokenTimeout,
}

// simulatedCard answers the simulator's token for a card. The card goes nowhere.
func simulatedCard(_ context.Context, card shopapi.Card) (string, *fault.Fault) {
	if refused := shopapi.CheckCard(card, time.Now()); refused != nil {
		return "", refused
	}
	if token, found := simulatedCards[card.Number]; found {
		return token, nil
	}
	return gateway.TokenOK, nil
}
