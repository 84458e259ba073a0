package cli

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/demo"
	"github.com/seed-255eabaa/oms/internal/state"
)

// demoRun is `oms demo`.
type demoRun struct {
	config.Config
	Orders  int    `env:"-" default:"1000" help:"How many orders to send."`
	Clients int    `env:"-" default:"32" help:"Buyers at once."`
	Seed    uint64 `env:"-" default:"1" help:"The same seed makes the same orders."`
	Keep    bool   `env:"-" help:"Keep running after the report, as oms dev does."`
	JSON    bool   `env:"-" name:"json" help:"Write the report as JSON."`
}

// BeforeApply says what no flag can, before the settings are validated.
func (d *demoRun) BeforeApply() error {
	d.Dev = true
	return nil
}

// Validate finds everything that is wrong with the settings.
func (d *demoRun) Validate() error { return validate(&d.Config) }

// Run starts a server, has orders sent through it, and stops it unless it is to be kept.
func (d *demoRun) Run(c *console, ctx *contextOf) error {
	if d.LogLevel == "info" {
		d.LogLevel = "error" // failures are part of the show, and lines would tear the progress bar
	}
	log, err := logger(&d.Config, c.err)
	if err != nil {
		return err
	}
	return run(ctx, d.Config, log, func(a *app.App) (bool, error) {
		api, grpc, internal, ops := a.Addresses()
		at := addresses{reachable(api), reachable(grpc), reachable(internal), reachable(ops)}
		if err := demo.Run(ctx, d.options(c, at)); err != nil {
			return false, err //nolint:wrapcheck // says what it is
		}
		if d.Keep {
			banner(c.out, &d.Config, at)
		}
		return d.Keep, nil
	})
}

func (d *demoRun) options(c *console, at addresses) demo.Options {
	again := ""
	if !d.Keep {
		again = "oms dev"
		if d.DataDir != config.Default().DataDir {
			again += " --data-dir " + d.DataDir
		}
	}
	return demo.Options{
		GRPCAddr: at.grpc, InternalAddr: at.internal, APIAddr: at.api, OpsAddr: at.ops, Again: again, Orders: d.Orders, Clients: d.Clients,
		Seed: d.Seed, JSON: d.JSON, Out: c.out, Progress: terminal(c.err),
		Verify: func(ctx context.Context) ([]state.Finding, error) { return app.Verify(ctx, d.Storage) },
	}
}
