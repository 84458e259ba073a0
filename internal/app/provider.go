package app

import (
	"slices"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge/grpcapi"
	"github.com/seed-255eabaa/oms/internal/edge/service"
)

// providerRoutes serves the dialect of providers on the public listeners: over gRPC by registering it, over REST by its routes, which
// are there a second time under the path of the sandbox.
func providerRoutes(public *grpcapi.Server, environment *service.Environment, sandbox *service.Sandbox) []*contract.Route {
	players, sessions, bets, rounds := &service.Players{Environment: environment}, &service.Sessions{Environment: environment},
		&service.Bets{Environment: environment}, &service.Rounds{Environment: environment}
	payments, jackpots := &service.PlayerPayments{Environment: environment}, &service.Jackpots{Environment: environment}
	providerv1.RegisterPaymentServiceServer(public, payments)
	providerv1.RegisterJackpotServiceServer(public, jackpots)
	bonuses := &service.Bonuses{Environment: environment}
	providerv1.RegisterBonusServiceServer(public, bonuses)
	providerv1.RegisterPlayerServiceServer(public, players)
	providerv1.RegisterSessionServiceServer(public, sessions)
	providerv1.RegisterBetServiceServer(public, bets)
	providerv1.RegisterRoundServiceServer(public, rounds)
	providerv1.RegisterSandboxServiceServer(public, sandbox)
	return contract.WithSandbox(slices.Concat(
		providerv1.PlayerServiceRoutes(players), providerv1.SessionServiceRoutes(sessions), providerv1.BetServiceRoutes(bets),
		providerv1.RoundServiceRoutes(rounds), providerv1.PaymentServiceRoutes(payments), providerv1.JackpotServiceRoutes(jackpots),
		providerv1.BonusServiceRoutes(bonuses), providerv1.SandboxServiceRoutes(sandbox),
	))
}
