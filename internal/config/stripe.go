package config

import (
	"net/url"
	"strings"
)

// StripeSettings is the account at Stripe that takes payments.
type StripeSettings struct {
	StripeSecretKey     Secret `group:"Orders" placeholder:"SECRET" help:"Key of the account at Stripe: sk_... or, better, rk_... with few rights."`
	StripeWebhookSecret Secret `group:"Orders" placeholder:"SECRET" help:"What Stripe signs its messages with; a second one behind a comma."`
	StripeURL           string `name:"stripe-url" group:"Orders" placeholder:"URL" help:"Stripe's API; elsewhere for tests only."`
}

// checkStripe refuses a gateway that could not take a payment, and one that only would seem to.
func (c *Config) checkStripe(p *Problems) {
	if c.Gateway == Stripe && c.StripeSecretKey == "" {
		p.add("--gateway=stripe needs the account's key: set OMS_STRIPE_SECRET_KEY.")
	}
	if key := c.StripeSecretKey.Reveal(); c.Dev && (strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_")) {
		p.add("OMS_STRIPE_SECRET_KEY is a live key: oms dev asks nobody for credentials and would move real money. Use a test key (sk_test_... " +
			"or rk_test_...), or oms serve.")
	}
	if c.StripeURL != "" && !c.Dev && !Loopback(hostOf(c.StripeURL)) {
		p.add("--stripe-url=%s is another machine than Stripe's: it would be sent the account's key and cards. Leave it out, or name "+
			"one on loopback for tests.", c.StripeURL)
	}
}

// hostOf answers a URL's host and port; empty for what is no URL.
func hostOf(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return parsed.Host
}
