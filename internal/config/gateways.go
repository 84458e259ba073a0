package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kinds of payment gateways.
const (
	GatewaySimulator = "simulator" // in this process; moves no money
	GatewayRemote    = "remote"    // by HTTP, as `oms gateway` serves it
)

// wallet stands in the place of a gateway's name where a player's wallet pays.
const wallet = "wallet"

// Gateway is an entry of --gateways-file. A secret that begins with "env:" is read from the environment variable of that name.
type Gateway struct {
	Name   string `yaml:"name"` // of the provider, and in /webhooks/{name}
	Kind   string `yaml:"kind"`
	URL    Place  `yaml:"url"`
	Secret Secret `yaml:"secret"`  // of its callbacks: whsec_…
	APIKey Secret `yaml:"api_key"` // that it asks of us
}

// Gateways answers all gateways that effects may name: those of --gateways-file, and the simulator where it is the one for new payments.
func (c *Config) Gateways() ([]Gateway, error) {
	var found []Gateway
	if c.GatewaysFile != "" {
		text, err := os.ReadFile(c.GatewaysFile)
		if err != nil {
			return nil, errors.New("it cannot be read")
		}
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		if err := decoder.Decode(&found); err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.New("it must be a YAML list of name, kind, url, secret and api_key") // the cause may repeat a secret
		}
	}
	for i := range found {
		for _, secret := range []*Secret{&found[i].Secret, &found[i].APIKey} {
			if name, is := strings.CutPrefix(secret.Reveal(), "env:"); is {
				value, set := os.LookupEnv(name)
				if !set {
					return nil, fmt.Errorf("gateway %q takes a secret from the environment variable %s, which is not set", found[i].Name, name)
				}
				*secret = Secret(value)
			}
		}
	}
	named := func(g Gateway) bool { return g.Name == Simulator }
	if c.GatewayName() == Simulator && !slices.ContainsFunc(found, named) {
		found = append(found, Gateway{Name: Simulator, Kind: GatewaySimulator})
	}
	return found, nil
}

// checkGateways looks at the gateways, each by itself, and at the one for new payments.
func (c *Config) checkGateways(p *Problems) {
	all, err := c.Gateways()
	if err != nil {
		p.add("--gateways-file=%s: %v.", c.GatewaysFile, err)
		return
	}
	var names []string
	for _, g := range all {
		where := fmt.Sprintf("--gateways-file=%s, gateway %q", c.GatewaysFile, g.Name)
		switch {
		case !nameForm.MatchString(g.Name):
			p.add("%s: write 1 to 64 letters, digits, hyphens and underscores as its name.", where)
		case slices.Contains(names, g.Name):
			p.add("%s: the name is there twice.", where)
		case g.Kind == GatewaySimulator:
			if g.Name != Simulator {
				p.add("%s: the simulator's name is %s.", where, Simulator)
			}
		case g.Kind == GatewayRemote:
			g.checkRemote(p, where)
		default:
			p.add("%s: its kind %q is unknown: write %s or %s.", where, g.Kind, GatewaySimulator, GatewayRemote)
		}
		names = append(names, g.Name)
	}
	if slices.Contains(names, Stripe) {
		p.add("--gateways-file=%s: the name %s is taken by --gateway=stripe.", c.GatewaysFile, Stripe)
	}
	if slices.Contains(names, wallet) {
		p.add("--gateways-file=%s: the name %s is taken by payments from players' wallets.", c.GatewaysFile, wallet)
	}
	if c.GatewayName() != Stripe && !slices.Contains(names, c.GatewayName()) {
		p.add("--gateway=%s is unknown: this version has sim, the simulator, and stripe; others stand in --gateways-file.", c.GatewayName())
	}
}

// checkRemote looks at a gateway that is called over the network.
func (g *Gateway) checkRemote(p *Problems, where string) {
	parsed, err := url.Parse(g.URL.Reveal())
	switch {
	case g.Name == Simulator:
		p.add("%s: %s is the name of the simulator in this process: choose another.", where, Simulator)
	case err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https"):
		p.add("%s: its url is none: write https://HOST, or http://127.0.0.1:PORT.", where)
	case parsed.User != nil:
		p.add("%s: its url holds a password: write it as api_key.", where)
	case parsed.Scheme == "http" && !Loopback(parsed.Host):
		p.add("%s: payments would cross the network in the clear: write an https:// URL.", where)
	case g.APIKey == "" && !Loopback(parsed.Host):
		p.add("%s: a gateway on another machine must ask for an api_key: set it, \"env:NAME\" takes it from the environment.", where)
	}
	if !webhookSecret(g.Secret) {
		p.add("%s: its secret must be \"whsec_\" and 24 to 64 bytes in base64, such as `echo whsec_$(openssl rand -base64 32)` prints; "+
			"\"env:NAME\" takes it from the environment.", where)
	}
}

// webhookSecret tells whether a secret has the form of Standard Webhooks.
func webhookSecret(s Secret) bool {
	text, marked := strings.CutPrefix(s.Reveal(), "whsec_")
	raw, err := base64.StdEncoding.DecodeString(text)
	return marked && err == nil && len(raw) >= minWebhookSecret && len(raw) <= maxWebhookSecret
}

// Length of a secret of Standard Webhooks in bytes.
const (
	minWebhookSecret = 24
	maxWebhookSecret = 64
)
