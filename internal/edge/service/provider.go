package service

import (
	"context"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
)

// The services of the provider dialect check what can be told without reading state. What they do not carry out yet answers
// UNIMPLEMENTED, as generated code does for a method that nobody wrote; the chain makes that NOT_IMPLEMENTED.

// Sessions implements provider.v1.SessionService.
type Sessions struct {
	providerv1.UnimplementedSessionServiceServer
}

// CreateSession implements the contract.
func (s *Sessions) CreateSession(ctx context.Context, r *providerv1.CreateSessionRequest) (*providerv1.CreateSessionResponse, error) {
	if refusal := checkLocale(r.GetLocale()); refusal != nil {
		return nil, refusal
	}
	if c := r.GetConstraints(); c != nil && c.MaxBet != nil {
		if _, err := money.Parse(c.GetMaxBet(), r.GetCurrency()); err != nil {
			return nil, fault.Invalid("constraints.max_bet", "AMOUNT_INVALID", "%s", err.Error())
		}
	}
	return s.UnimplementedSessionServiceServer.CreateSession(ctx, r) //nolint:wrapcheck // as above
}

// Bets implements provider.v1.BetService.
type Bets struct {
	providerv1.UnimplementedBetServiceServer
}

// Rounds implements provider.v1.RoundService.
type Rounds struct {
	providerv1.UnimplementedRoundServiceServer
}
