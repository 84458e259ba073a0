package cli

import (
	"errors"

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

// Run is not built yet.
func (d *demoRun) Run(_ *console, _ *contextOf) error {
	_ = (*app.App)(nil)
	return errors.New("demo is not built yet")
}
