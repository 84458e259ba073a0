package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/server"
	"github.com/seed-255eabaa/oms/internal/telemetry"
)

// simulated is `oms gateway`.
type simulated struct {
	Addr        string        `env:"-" default:"127.0.0.1:9400" help:"Where calls are taken."`
	CallbackURL string        `env:"-" default:"http://127.0.0.1:8080/webhooks/remote" help:"Where outcomes are told."`
	Secret      config.Secret `env:"OMS_GATEWAY_SECRET" required:"" placeholder:"whsec_…" help:"Signs callbacks, as Standard Webhooks says."`
	APIKey      config.Secret `env:"OMS_GATEWAY_API_KEY" placeholder:"SECRET" help:"Bearer token of callers; off loopback it is required."`
	DataDir     string        `env:"-" default:"./gateway-data" help:"Folder of the journal of everything that was done."`
	Delay       time.Duration `env:"-" default:"1ms" help:"From a call to its callback, give or take a half."`
	Late        time.Duration `env:"-" default:"20s" help:"The same of sim:late."`
	Dispute     time.Duration `env:"-" default:"2s" help:"From a capture to its dispute, from there to its end, and from a refund to its return."`
	ShortHold   time.Duration `env:"-" default:"0s" help:"How long a hold of sim:short_hold is good; 0 has it gone when it is told."`
	LogLevel    string        `env:"-" default:"info" help:"debug, info, warn or error."`
}

// Run serves until a signal comes.
func (s *simulated) Run(c *console, ctx *contextOf) error {
	log, err := telemetry.NewLogger(c.err, s.LogLevel, "text")
	if err != nil {
		return failure{exitUsage, err}
	}
	if s.APIKey == "" && !config.Loopback(s.Addr) {
		return failure{exitUsage, fmt.Errorf("--addr=%s can be reached from outside, and nobody is asked for credentials: "+
			"set OMS_GATEWAY_API_KEY, or use a loopback address", s.Addr)}
	}
	opened, err := server.Open(server.Options{
		DataDir: s.DataDir, CallbackURL: s.CallbackURL, Secret: s.Secret.Reveal(), APIKey: s.APIKey.Reveal(), Delay: s.Delay,
		Late: s.Late, Dispute: s.Dispute, ShortHold: s.ShortHold, Logger: log,
	})
	if err != nil {
		return failure{exitUsage, fmt.Errorf("gateway: %w", err)}
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return errors.Join(fmt.Errorf("gateway: %w", err), opened.Close())
	}
	log.Info("the gateway simulator is ready; no money moves", "addr", listener.Addr().String(), "callbacks", config.Place(s.CallbackURL))
	return errors.Join(serveUntil(ctx, listener, opened), opened.Close())
}

// Limits of the gateway's connections.
const (
	gatewayHeaderTimeout = 10 * time.Second
	gatewayReadTimeout   = 20 * time.Second
	gatewayGrace         = 5 * time.Second
)

// serveUntil serves until the context ends, and then finishes what is under way.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) error {
	// A stalled request must not outlive the server.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	serving := &http.Server{
		Handler: handler, ReadHeaderTimeout: gatewayHeaderTimeout, ReadTimeout: gatewayReadTimeout,
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	ended := make(chan error, 1)
	go func() { ended <- serving.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	cut()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), gatewayGrace)
	defer cancel()
	if err := serving.Shutdown(grace); err != nil {
		return errors.Join(err, serving.Close())
	}
	return nil
}
