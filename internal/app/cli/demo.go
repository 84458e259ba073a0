package cli

import (
	"context"
	"errors"
	"io"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
)

// demoRun is `oms demo`.
type demoRun struct {
	config.Config
	Keep bool `env:"-" help:"Keep running after the report, as oms dev does."`
	JSON bool `env:"-" name:"json" help:"Write the report as JSON."`
}

// BeforeApply says what no flag can, before the settings are validated.
func (d *demoRun) BeforeApply() error {
	d.Dev = true
	return nil
}

// Run starts a server, has orders sent through it, and stops it unless it is to be kept.
func (d *demoRun) Run(c *console, ctx *contextOf) error {
	if d.LogLevel == "info" {
		d.LogLevel = "warn" // lines would tear the progress bar
	}
	log, err := logger(&d.Config, c.err)
	if err != nil {
		return err
	}
	return run(ctx, d.Config, log, func(a *app.App) (bool, error) {
		api, grpc, internal, ops := a.Addresses()
		if err := demonstrate(ctx, demonstration{grpc, internal, d.JSON, c.out, terminal(c.err)}); err != nil {
			return false, err
		}
		if d.Keep {
			banner(c.out, &d.Config, addresses{api, grpc, internal, ops})
		}
		return d.Keep, nil
	})
}

// demonstration says what to do with which server.
type demonstration struct {
	grpc, internal string
	json           bool
	out, progress  io.Writer
}

// demonstrate is internal/demo's to do.
func demonstrate(context.Context, demonstration) error {
	return errors.New("oms demo is not built yet: oms dev runs the same server")
}
