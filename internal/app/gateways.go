package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/edge/webhook"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/remote"
)

// openGateways opens those that effects may name. Gateways that send callbacks are remembered as receivers.
func (a *App) openGateways() (map[string]gateway.Gateway, error) {
	configured, err := a.config.Gateways()
	if err != nil {
		return nil, fmt.Errorf("--gateways-file: %w", err)
	}
	gateways := map[string]gateway.Gateway{}
	a.listers = map[string]gateway.Lister{}
	a.receivers = map[string]gateway.Receiver{}
	if a.stripe != nil { // also when it takes no new payments: it has old ones to capture and to refund
		gateways[config.Stripe], a.receivers[config.Stripe], a.listers[config.Stripe] = a.stripe, a.stripe, a.stripe
	}
	named := func(g config.Gateway) bool { return g.Name == config.Simulator }
	if a.files.authenticator.Sandbox() && !slices.ContainsFunc(configured, named) { // the sandbox pays by it, whatever real payments go through
		configured = append(configured, config.Gateway{Name: config.Simulator, Kind: config.GatewaySimulator})
	}
	for _, g := range configured {
		switch g.Kind {
		case config.GatewaySimulator:
			simulator, err := a.openSimulator(g.Name)
			if err != nil {
				return nil, err
			}
			gateways[g.Name], a.listers[g.Name] = plantedGateway(simulator), simulator
		case config.GatewayRemote:
			opened, err := a.openRemote(g)
			if err != nil {
				return nil, err
			}
			gateways[g.Name], a.receivers[g.Name], a.listers[g.Name] = opened, opened, opened
		}
	}
	return gateways, nil
}

func (a *App) openSimulator(name string) (*gateway.Simulator, error) {
	journal := a.config.JournalPath()
	if err := os.MkdirAll(filepath.Dir(journal), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the gateway's journal: %w", err)
	}
	simulator, err := gateway.OpenSimulator(gateway.SimulatorOptions{
		Journal: journal, Exclusive: a.config.EmbeddedBus() && a.config.GatewayJournal == "", Callback: plantedCallback(a.callback),
		Dispute: func(ctx context.Context, d gateway.Dispute) error {
			d.Provider = name
			return a.dispute(ctx, d)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open the gateway simulator: %w", err)
	}
	a.closers = append(a.closers, simulator.Close)
	return simulator, nil
}

func (a *App) openRemote(g config.Gateway) (*remote.Gateway, error) {
	opened, err := remote.New(remote.Options{
		URL: g.URL.Reveal(), APIKey: g.APIKey.Reveal(), Secret: g.Secret.Reveal(), Tolerance: a.config.WebhookTolerance,
		Opened: func(open bool) {
			if open {
				a.logger.Warn("a gateway fails; calls to it are held back", "provider", g.Name)
			} else {
				a.logger.Info("a gateway answers again", "provider", g.Name)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", g.Name, err)
	}
	a.closers = append(a.closers, opened.Close)
	return opened, nil
}

// callback takes an outcome from a gateway.
func (a *App) callback(ctx context.Context, tenant, key string, answer gateway.Answer) error {
	if a.effects == nil { // not yet
		return errNoEffects
	}
	return a.effects.Callback(ctx, tenant, key, answer)
}

// dispute stores what a gateway says of a dispute.
func (a *App) dispute(ctx context.Context, d gateway.Dispute) error {
	if a.effects == nil { // not yet
		return errNoEffects
	}
	return a.effects.Dispute(ctx, d)
}

var errNoEffects = errors.New("this process calls no gateways")

// withWebhooks has callbacks of gateways answered beside the API. They have no part in its contract: each gateway has its own words,
// and their senders no credentials. The document of /api tells of them.
func (a *App) withWebhooks(api http.Handler) http.Handler {
	options := webhook.Options{Receivers: a.receivers, ReadTimeout: a.config.BodyTimeout, Log: a.logger}
	if a.effects != nil {
		options.Take, options.Dispute = a.callback, a.dispute
	}
	callbacks := webhook.New(options)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, webhook.Prefix) {
			callbacks.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}
