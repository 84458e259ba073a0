package app

import (
	"context"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/bus/nats"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/public"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// outside makes room for the public stream in the embedded bus; nil when it is switched off.
func (a *App) outside() *nats.Outside {
	if !a.config.PublicStream {
		return nil
	}
	return &nats.Outside{
		Stream: a.config.PublicStreamName, Bytes: a.config.PublicStreamBytes, Addr: a.config.BusListen, Token: a.config.BusToken.Reveal(),
	}
}

// makePublic makes the publisher for outside consumers. It is a part of the relay's role.
func (a *App) makePublic() error {
	if !a.config.PublicStream || !a.config.Has(config.RoleRelay) {
		return nil
	}
	outlet, err := a.bus.Public(nats.PublicOptions{
		Stream: a.config.PublicStreamName, Region: a.config.Region, MaxBytes: a.config.PublicStreamBytes, MaxAge: a.config.PublicStreamAge,
	})
	if err != nil {
		return fmt.Errorf("open the public stream: %w", err)
	}
	a.public = public.New(public.Options{
		Holder: a.holder, Store: a.store, Subscriber: a.bus, Outlet: outlet, MaxAge: a.config.PublicStreamAge, Logger: a.logger,
		Metrics: public.Metrics{Published: a.metrics.PublicPublished, Failed: a.metrics.PublicFailed},
		Skip:    func(e *state.Event) bool { return state.InSandbox(e.Tenant) },
		Encode: func(e *state.Event) ([]byte, error) {
			return wire.Envelope(e, public.EventID(e), a.config.Region)
		},
	})
	if address := a.bus.Listening(); address != "" {
		a.logger.Info("consumers reach the public stream", "bus", address, "stream", a.config.PublicStreamName)
	}
	return nil
}

// publicRun is the publisher's Run; it is called only where there is one.
func (a *App) publicRun(ctx context.Context) error { return a.public.Run(ctx) }
