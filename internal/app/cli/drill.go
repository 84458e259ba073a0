package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/drill"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/state"
)

// drills is `oms drill`.
type drills struct {
	Store    config.Place  `default:"sqlite" env:"-" help:"sqlite, in a folder of its own, or a postgres:// URL that two processes share."`
	Bus      config.Place  `default:"embedded" env:"-" help:"Bus of two processes: a nats:// URL; else the drill runs one."`
	Target   []string      `env:"-" placeholder:"GRPC,INTERNAL" help:"Drill a running server instead: its public and internal gRPC addresses."`
	Token    config.Secret `placeholder:"TOKEN" help:"Bearer token for --target; better in OMS_TOKEN than here."`
	Quick    bool          `env:"-" help:"Fewer rounds, and no gateway that takes 20 s."`
	Only     []string      `env:"-" placeholder:"CASE" help:"Run these cases only."`
	Patience time.Duration `env:"-" default:"1m" help:"How long to wait for what must come."`
	JSON     bool          `env:"-" name:"json" help:"Write the report as JSON."`
}

// Run drills; an exit code of 1 says that a rule is violated, 3 that it could not be tried.
func (d *drills) Run(c *console, ctx *contextOf) error {
	options := drill.Options{Only: d.Only, Quick: d.Quick, Patience: d.Patience, JSON: d.JSON, Out: c.out}
	if terminal(c.err) != nil {
		options.Progress = c.err
	}
	if len(d.Target) > 0 {
		if len(d.Target) != 2 {
			return failure{exitUsage, errors.New("--target=GRPC,INTERNAL takes two addresses, such as 127.0.0.1:9090,127.0.0.1:9091")}
		}
		options.Servers = []load.Target{{GRPCAddr: d.Target[0], InternalAddr: d.Target[1], Token: d.Token.Reveal()}}
		return drilled(drill.Run(ctx, options))
	}
	folder, err := os.MkdirTemp("", "oms-drill-")
	if err != nil {
		return failure{exitNotChecked, fmt.Errorf("make a folder: %w", err)}
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	stop, err := d.own(&options, folder)
	if err != nil {
		return failure{exitNotChecked, err}
	}
	defer stop()
	return drilled(drill.Run(ctx, options))
}

// drilled makes an exit code of a drill's end.
func drilled(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, drill.ErrViolated):
		return failure{exitFailed, nil} // the report has told it
	default:
		return failure{exitNotChecked, err}
	}
}

// own has the drill start servers of this program; stop ends what this process runs for them.
func (d *drills) own(options *drill.Options, folder string) (stop func(), err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	storage := config.Storage{Store: d.Store, DataDir: filepath.Join(folder, "data-0")}
	count, bus := 1, string(d.Bus)
	stop = func() {}
	if storage.Postgres() {
		count = 2
		if d.Bus == config.Embedded {
			if bus, stop, err = serveBus(filepath.Join(folder, "bus")); err != nil {
				return nil, err
			}
		}
	}
	journal, key := filepath.Join(folder, "gateway.journal"), rand.Text()+rand.Text()
	options.Start = func(ctx context.Context) (servers []*drill.Server, err error) {
		for i := range count {
			server, err := drill.NewServer(program, []string{
				"serve", "--store", string(d.Store), "--bus", bus, "--data-dir", filepath.Join(folder, fmt.Sprintf("data-%d", i)),
				"--gateway=sim", "--gateway-journal", journal, "--page-token-key", key, "--auth=none", "--log-level=error",
			}, d.Patience)
			if err != nil {
				return servers, err
			}
			servers = append(servers, server)
			if err := server.Start(ctx); err != nil {
				return servers, err
			}
		}
		return servers, nil
	}
	options.Verify = func(ctx context.Context) ([]state.Finding, error) { return app.Verify(ctx, storage) }
	options.Gateway = func() (map[string]drill.Taken, error) { return gatewayTotals(journal) }
	return stop, nil
}

// gatewayTotals answers what the simulator did, by order.
func gatewayTotals(journal string) (map[string]drill.Taken, error) {
	totals, err := gateway.ReadTotals(journal)
	if err != nil {
		return nil, err //nolint:wrapcheck // says what it read
	}
	taken := make(map[string]drill.Taken, len(totals))
	for _, t := range totals {
		sum := taken[t.OrderID]
		sum.Captures += t.Captures
		sum.CapturedMinor += t.CapturedMinor
		sum.RefundedMinor += t.RefundedMinor
		sum.LeftMinor += t.LeftMinor()
		taken[t.OrderID] = sum
	}
	return taken, nil
}

// serveBus runs a bus for servers of this machine, which several processes on one database need.
func serveBus(folder string) (url string, stop func(), err error) {
	server, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return "", nil, fmt.Errorf("run a bus: %w", err)
	}
	server.Start()
	stop = func() {
		server.Shutdown()
		server.WaitForShutdown()
	}
	if !server.ReadyForConnections(30 * time.Second) {
		stop()
		return "", nil, errors.New("run a bus: it does not start")
	}
	return strings.TrimSpace(server.ClientURL()), stop, nil
}
