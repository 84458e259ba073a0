package service

import (
	"context"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Bets implements provider.v1.BetService.
type Bets struct {
	providerv1.UnimplementedBetServiceServer
	*Environment
}

// AuthorizeBet implements the contract.
func (s *Bets) AuthorizeBet(ctx context.Context, r *providerv1.AuthorizeBetRequest) (*providerv1.AuthorizeBetResponse, error) {
	by := origin(ctx)
	answer, err := wagers[*providerv1.Bet](ctx, s.Environment, state.SessionRef(by, r.SessionId), func(w wager.Wallet) domain.Command {
		return wager.Authorize{
			By: by, SessionID: r.SessionId, BetID: r.BetId, RoundID: r.RoundId, AmountMinor: r.Amount.AmountMinor, Currency: r.Amount.Currency,
			Wallet: w,
		}
	})
	if err != nil {
		return nil, err
	}
	// A repeat is answered as the first time, whatever became of the bet.
	return &providerv1.AuthorizeBetResponse{Status: providerv1.BetStatus_BET_STATUS_AUTHORIZED, HoldId: answer.HoldId}, nil
}

// SettleBet implements the contract.
func (s *Bets) SettleBet(ctx context.Context, r *providerv1.SettleBetRequest) (*providerv1.SettleBetResponse, error) {
	by, random := origin(ctx), s.Random()
	answer, err := wagers[*providerv1.Settlement](ctx, s.Environment, state.BetRef(by, r.BetId), func(w wager.Wallet) domain.Command {
		settle := wager.Settle{
			By: by, BetID: r.BetId, RoundID: r.RoundId, ResultID: r.ResultId, WinMinor: r.Win.AmountMinor, Currency: r.Win.Currency,
			Partial: r.Partial, Wallet: w, Random: random,
		}
		if b := r.BonusState; b != nil {
			settle.Bonus = &state.BonusState{InBonus: b.InBonus, FreespinsLeft: b.FreespinsLeft}
		}
		return settle
	})
	if err != nil {
		return nil, err
	}
	status := providerv1.BetStatus_BET_STATUS_FORFEITED
	if answer.Win.GetAmountMinor() > 0 {
		status = providerv1.BetStatus_BET_STATUS_CREDITED
	}
	return &providerv1.SettleBetResponse{Status: status, SettlementId: answer.SettlementId}, nil
}

// RollbackBet implements the contract.
func (s *Bets) RollbackBet(ctx context.Context, r *providerv1.RollbackBetRequest) (*providerv1.RollbackBetResponse, error) {
	by := origin(ctx)
	answer, err := wagers[*providerv1.Bet](ctx, s.Environment, state.BetRef(by, r.BetId), func(w wager.Wallet) domain.Command {
		return wager.Rollback{By: by, BetID: r.BetId, RoundID: r.RoundId, Words: r.Reason, Wallet: w}
	})
	if err != nil {
		return nil, err
	}
	return &providerv1.RollbackBetResponse{Status: answer.Status, Applied: answer.HoldId != ""}, nil
}

// GetBet implements the contract.
func (s *Bets) GetBet(ctx context.Context, r *providerv1.GetBetRequest) (*providerv1.GetBetResponse, error) {
	found, err := seen[*state.Bet](ctx, s.Environment, state.BetRef(origin(ctx), r.BetId), r.BetId)
	if err != nil {
		return nil, err
	}
	written, err := s.written(ctx, []*state.Bet{found})
	if err != nil {
		return nil, err
	}
	return &providerv1.GetBetResponse{Bet: written[0]}, nil
}

// ListBets implements the contract.
func (s *Bets) ListBets(ctx context.Context, r *providerv1.ListBetsRequest) (*providerv1.ListBetsResponse, error) {
	page, err := list[*state.Bet](ctx, s.Environment, r, state.PlayQuery{
		PlayerID: r.PlayerId, SessionID: r.SessionId, RoundID: r.RoundId, GameID: r.GameId, Statuses: numbers(r.Status),
	})
	if err != nil {
		return nil, err
	}
	bets, err := s.written(ctx, page.rows)
	return &providerv1.ListBetsResponse{NextCursor: page.next, HasMore: page.next != "", Bets: bets}, err
}

// written writes bets with their results.
func (s *Bets) written(ctx context.Context, bets []*state.Bet) ([]*providerv1.Bet, error) {
	all, byID := make([]*providerv1.Bet, len(bets)), map[string]*providerv1.Bet{}
	var settled []string
	for i, bet := range bets {
		all[i] = wire.Bet(bet)
		if bet.Results > 0 {
			settled, byID[bet.BetID()] = append(settled, bet.ID), all[i]
		}
	}
	if len(settled) == 0 {
		return all, nil
	}
	results, err := s.View.Results(ctx, origin(ctx).Tenant, settled)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, row := range results {
		result := row.(*state.Settlement) //nolint:errcheck,forcetypeassert // views answer no others
		bet := byID[result.BetID]
		bet.Settlements = append(bet.Settlements, wire.Settlement(result))
	}
	return all, nil
}

// GetSettlement implements the contract.
func (s *Bets) GetSettlement(ctx context.Context, r *providerv1.GetSettlementRequest) (*providerv1.GetSettlementResponse, error) {
	found, err := s.View.Settlement(ctx, origin(ctx).Tenant, r.SettlementId)
	if err != nil {
		return nil, read(err, "settlement", r.SettlementId)
	}
	if !found.Seen(origin(ctx)) {
		return nil, fault.NotFoundf("settlement", r.SettlementId)
	}
	return &providerv1.GetSettlementResponse{Settlement: wire.Settlement(found)}, nil
}

// ListSettlements implements the contract.
func (s *Bets) ListSettlements(ctx context.Context, r *providerv1.ListSettlementsRequest) (*providerv1.ListSettlementsResponse, error) {
	page, err := list[*state.Settlement](ctx, s.Environment, r, state.PlayQuery{RoundID: r.RoundId, GameID: r.GameId})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListSettlementsResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, row := range page.rows {
		response.Settlements = append(response.Settlements, wire.Settlement(row))
	}
	return response, nil
}
