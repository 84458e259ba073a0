package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/telemetry"
)

// serve is `oms serve`.
type serve struct {
	config.Config
}

// Run serves until a signal comes.
func (s *serve) Run(c *console, ctx *contextOf) error {
	log, err := logger(&s.Config, c.err)
	if err != nil {
		return err
	}
	version, commit := telemetry.Build()
	log.Info("oms serve", "version", version, "commit", commit, "config", s.Config)
	return run(ctx, s.Config, log, func(*app.App) (bool, error) { return true, nil })
}

// dev is `oms dev`.
type dev struct {
	config.Config
}

// BeforeApply says what no flag can, before the settings are validated.
func (d *dev) BeforeApply() error {
	d.Dev = true
	return nil
}

// Run serves until a signal comes.
func (d *dev) Run(c *console, ctx *contextOf) error {
	log, err := logger(&d.Config, c.err)
	if err != nil {
		return err
	}
	return run(ctx, d.Config, log, func(a *app.App) (bool, error) {
		api, grpc, internal, ops := a.Addresses()
		banner(c.out, &d.Config, addresses{api, grpc, internal, ops})
		return true, nil
	})
}

// Validate finds everything that is wrong with the settings.
func (s *serve) Validate() error { return validate(&s.Config) }

// Validate finds everything that is wrong with the settings.
func (d *dev) Validate() error { return validate(&d.Config) }

// validate looks at the settings and at the files that they name.
func validate(c *config.Config) error {
	var problems config.Problems
	if err := c.Validate(); err != nil && !errors.As(err, &problems) {
		return err //nolint:wrapcheck // says what it is
	}
	if problems = append(problems, app.CheckFiles(c)...); len(problems) > 0 {
		return problems
	}
	return nil
}

func logger(c *config.Config, w io.Writer) (*slog.Logger, error) {
	log, err := telemetry.NewLogger(w, c.LogLevel, c.Format())
	if err != nil {
		return nil, failure{exitUsage, err}
	}
	return log, nil
}

// run starts a server, calls ready once commands are accepted, and answers when the server has stopped: after the context's end,
// when ready says that it need not go on, or after an error of either.
func run(ctx context.Context, c config.Config, log *slog.Logger, ready func(*app.App) (goOn bool, err error)) error {
	for _, warning := range c.Warnings() {
		log.Warn(warning)
	}
	started, err := app.New(ctx, c, log)
	if err != nil {
		return hinted(err)
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- started.Run(serving) }()
	var failed error
	if waitReady(serving, started, ended) {
		var goOn bool
		if goOn, failed = ready(started); !goOn || failed != nil {
			stop()
		}
	}
	return errors.Join(failed, <-ended, started.Close())
}

// waitReady waits until commands are accepted; false when the server ends before.
func waitReady(ctx context.Context, a *app.App, ended chan error) bool {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !a.Ready() {
		select {
		case <-ctx.Done():
			return false
		case err := <-ended:
			ended <- err
			return false
		case <-poll.C:
		}
	}
	return true
}

// hinted adds what an operator can do about an error of the start.
func hinted(err error) error {
	if strings.Contains(err.Error(), "address already in use") {
		return fmt.Errorf("%w: another server runs there; stop it, or choose other addresses with --api-addr, --grpc-addr, "+
			"--internal-addr and --ops-addr (port 0 takes a free one)", err)
	}
	return err
}

// addresses are where a server listens.
type addresses struct{ api, grpc, internal, ops string }

// banner tells a person what runs and what to try.
func banner(w io.Writer, c *config.Config, at addresses) {
	place := c.Store.String()
	if !c.Postgres() {
		place = "SQLite"
	}
	folder, err := filepath.Abs(c.DataDir)
	if err != nil {
		folder = c.DataDir
	}
	api := "http://" + reachable(at.api)
	say(w, `
  oms is ready. %[7]s, nobody is asked for credentials, only this machine can reach it.

    REST           %[1]s
    documentation  %[1]s/docs
    gRPC           %[2]s
    internal gRPC  %[3]s
    operations     http://%[4]s/readyz  /metrics
    data           %[5]s, in %[6]s

  Try: put ten mugs into stock, order two, pay.

    curl -X PUT %[1]s/v1/inventory/items/mug -H 'Idempotency-Key: stock-1' --json '{"on_hand": 10}'
    curl %[1]s/v1/orders -H 'Idempotency-Key: order-1' --json '{"customer_id": "ann", "currency": "EUR",
      "items": [{"sku": "mug", "qty": 2, "price": {"currency": "EUR", "amount_minor": 1250}}]}'
    curl %[1]s/v1/orders/ORDER_ID:pay -H 'Idempotency-Key: pay-1' --json '{}'
    curl %[1]s/v1/orders/ORDER_ID

  Stop with Ctrl-C: what was accepted is finished first.

`, api, reachable(at.grpc), reachable(at.internal), reachable(at.ops), place, folder, payments(c))
}

// payments says where the money goes.
func payments(c *config.Config) string {
	switch name := c.GatewayName(); name {
	case config.Simulator:
		return "Payments are simulated"
	case config.Stripe:
		return "Payments go to Stripe's test mode"
	default:
		return fmt.Sprintf("Payments go to the gateway %q", name)
	}
}

// reachable writes an address for somebody who wants to connect to it.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort("localhost", port)
}
