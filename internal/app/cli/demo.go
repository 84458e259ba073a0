package cli

import (
	"context"
	"os"
	"strings"

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
		again = d.again(at)
	}
	return demo.Options{
		GRPCAddr: at.grpc, InternalAddr: at.internal, APIAddr: at.api, OpsAddr: at.ops, Again: again, Orders: d.Orders, Clients: d.Clients,
		Seed: d.Seed, JSON: d.JSON, Out: c.out, Progress: terminal(c.err),
		Verify: func(ctx context.Context) ([]state.Finding, error) { return app.Verify(ctx, d.Storage) },
	}
}

// again is the command that starts a server over the same data, at the addresses that the report names: a port that the system chose is free
// again by then, and is named too.
func (d *demoRun) again(at addresses) string {
	usual, command := config.Default(), []string{typed(), "dev"}
	if d.DataDir != usual.DataDir {
		command = append(command, "--data-dir", d.DataDir)
	}
	for _, listener := range []struct{ flag, set, usual, got string }{
		{"api-addr", d.APIAddr, usual.APIAddr, at.api},
		{"grpc-addr", d.GRPCAddr, usual.GRPCAddr, at.grpc},
		{"internal-addr", d.InternalAddr, usual.InternalAddr, at.internal},
		{"ops-addr", d.OpsAddr, usual.OpsAddr, at.ops},
	} {
		if listener.set != listener.usual {
			command = append(command, "--"+listener.flag, listener.got)
		}
	}
	return strings.Join(command, " ")
}

// typed is how this program was called: its name where the shell finds it, its path, or go run, which builds it into a folder of the tool's own.
func typed() string {
	if file, err := os.Executable(); err == nil && strings.Contains(file, "go-build") {
		return "go run ./cmd/oms"
	}
	return os.Args[0]
}
