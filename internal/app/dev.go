package app

import (
	"time"

	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge/service"
)

// turnable is a store whose clock can be put ahead.
type turnable interface {
	TurnClock(by time.Duration) (now time.Time, ahead time.Duration)
}

// openClock has the clock of a database for development go on from where it was turned to.
func (a *App) openClock() {
	if store, can := a.store.(turnable); can && a.config.Dev {
		store.TurnClock(0)
	}
}

// devRoutes registers what only a server for development has, and answers its REST routes.
func (a *App) devRoutes(server grpc.ServiceRegistrar, environment *service.Environment) []*contract.Route {
	if !a.config.Dev {
		return nil
	}
	dev := &service.Dev{Environment: environment}
	if store, can := a.store.(turnable); can {
		dev.Turn = store.TurnClock
	}
	omsv1.RegisterDevServiceServer(server, dev)
	return omsv1.DevServiceRoutes(dev)
}
