package app

import (
	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge/service"
)

// devRoutes registers what only a server for development has, and answers its REST routes.
func (a *App) devRoutes(server grpc.ServiceRegistrar, environment *service.Environment) []*contract.Route {
	if !a.config.Dev {
		return nil
	}
	dev := &service.Dev{Environment: environment, Turn: a.store.TurnClock}
	omsv1.RegisterDevServiceServer(server, dev)
	return omsv1.DevServiceRoutes(dev)
}
