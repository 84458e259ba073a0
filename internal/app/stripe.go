package app

import (
	"fmt"
	"regexp"

	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// openStripe makes the gateway Stripe where an account is set; nil where none is.
func (a *App) openStripe() (*stripe.Gateway, error) {
	if a.config.StripeSecretKey == "" {
		return nil, nil //nolint:nilnil // absent
	}
	opened, err := stripe.New(stripe.Options{
		SecretKey: a.config.StripeSecretKey.Reveal(), WebhookSecret: a.config.StripeWebhookSecret.Reveal(), URL: a.config.StripeURL,
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return opened, nil
}

// stripeToken is the form of a payment method's number at Stripe.
var stripeToken = regexp.MustCompile(`^pm_[A-Za-z0-9_]{1,250}$`)

// checkToken refuses what the gateway of new payments would not know. The refusal never repeats the token: by mistake it may be a
// card number (requirement S-5).
func (a *App) checkToken(token string) *fault.Fault {
	if a.config.GatewayName() != config.Stripe {
		return gateway.ValidToken(token, a.config.Dev)
	}
	if !stripeToken.MatchString(token) {
		const valid = "pm_..., a payment method of Stripe"
		return fault.Invalid("payment_token", "PAYMENT_TOKEN_INVALID", "must be %s", valid).With("valid", valid)
	}
	return nil
}
