package service

import (
	"context"
	"slices"
	"time"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Jackpots implements provider.v1.JackpotService.
type Jackpots struct {
	providerv1.UnimplementedJackpotServiceServer
	*Environment
}

// jackpotTries is how often a command about a jackpot is made that has changed while it was looked up. Of triggers that meet, one a try goes
// through.
const jackpotTries = 10

// aboutJackpot submits a command about a jackpot, which about makes of what is known of it, and makes it anew when that has changed meanwhile.
func aboutJackpot[M interface {
	*T
	protoMessage
}, T any](ctx context.Context, e *Environment, jackpotID string, about func(jackpot.Seen) (domain.Command, error)) (M, error) {
	for try := 1; ; try++ {
		_, seen, err := e.JackpotOf(ctx, state.JackpotRef(origin(ctx), jackpotID))
		if err != nil {
			return nil, unavailable(err)
		}
		made, err := about(seen)
		if err != nil {
			return nil, err
		}
		c := prepare(ctx)
		c.Steps = []command.Step{command.Do(made)}
		result := e.Submit(ctx, c)
		if result.Fault != nil && result.Fault.Reason == domain.Stale && try < jackpotTries {
			continue
		}
		return answered(ctx, result, M(new(T)))
	}
}

// terms reads the terms of a request.
func terms(r interface {
	GetName() string
	GetSeed() *providerv1.Money
	GetContributionPpm() int32
	GetMaxContribution() *providerv1.Money
	GetGameIds() []string
}) state.Terms {
	asked := state.Terms{
		Name: r.GetName(), SeedMinor: r.GetSeed().GetAmountMinor(), RatePPM: int64(r.GetContributionPpm()), MaxMinor: state.NoLimit,
		Games: slices.Sorted(slices.Values(r.GetGameIds())),
	}
	if most := r.GetMaxContribution(); most != nil {
		asked.MaxMinor = most.AmountMinor
	}
	return asked
}

// CreateJackpot implements the contract.
func (s *Jackpots) CreateJackpot(ctx context.Context, r *providerv1.CreateJackpotRequest) (*providerv1.CreateJackpotResponse, error) {
	answer, err := do[*providerv1.Jackpot](ctx, s.Environment, jackpot.Create{
		By: origin(ctx), JackpotID: r.JackpotId, Currency: r.Seed.Currency, Terms: terms(r),
	})
	return &providerv1.CreateJackpotResponse{Jackpot: answer}, err
}

// UpdateJackpot implements the contract.
func (s *Jackpots) UpdateJackpot(ctx context.Context, r *providerv1.UpdateJackpotRequest) (*providerv1.UpdateJackpotResponse, error) {
	answer, err := aboutJackpot[*providerv1.Jackpot](ctx, s.Environment, r.JackpotId, func(seen jackpot.Seen) (domain.Command, error) {
		return jackpot.Update{
			By: origin(ctx), JackpotID: r.JackpotId, Currency: r.Seed.Currency, ExpectedVersion: r.Version, Terms: terms(r), Seen: seen,
		}, nil
	})
	return &providerv1.UpdateJackpotResponse{Jackpot: answer}, err
}

// CloseJackpot implements the contract.
func (s *Jackpots) CloseJackpot(ctx context.Context, r *providerv1.CloseJackpotRequest) (*providerv1.CloseJackpotResponse, error) {
	answer, err := aboutJackpot[*providerv1.Jackpot](ctx, s.Environment, r.JackpotId, func(seen jackpot.Seen) (domain.Command, error) {
		return jackpot.Close{By: origin(ctx), JackpotID: r.JackpotId, Seen: seen}, nil
	})
	return &providerv1.CloseJackpotResponse{Jackpot: answer}, err
}

// jackpotReads is how often a jackpot is read that changes while its bets are summed up.
const jackpotReads = 3

// jackpot reads a jackpot with what bets have given to it. When it was collected in between, it is read again.
func (s *Jackpots) jackpot(ctx context.Context, jackpotID string) (*providerv1.Jackpot, error) {
	ref := state.JackpotRef(origin(ctx), jackpotID)
	for try := 1; ; try++ {
		found, seen, err := s.JackpotOf(ctx, ref)
		switch {
		case err != nil:
			return nil, unavailable(err)
		case found == nil || !found.Seen(origin(ctx)):
			return nil, fault.NotFoundf("jackpot", jackpotID)
		}
		after, err := s.View.PlayRow(ctx, ref)
		if err != nil {
			return nil, unavailable(err)
		}
		if after.EventSeq() == found.Version || try == jackpotReads {
			return wire.Jackpot(found, seen.FedMinor-found.CollectedMinor), nil
		}
	}
}

// GetJackpot implements the contract.
func (s *Jackpots) GetJackpot(ctx context.Context, r *providerv1.GetJackpotRequest) (*providerv1.GetJackpotResponse, error) {
	found, err := s.jackpot(ctx, r.JackpotId)
	return &providerv1.GetJackpotResponse{Jackpot: found}, err
}

// ListJackpots implements the contract. What bets have given is summed up for each row of the page after it was read: when it is collected
// in between, the sum counts that too little, and never anything too much.
func (s *Jackpots) ListJackpots(ctx context.Context, r *providerv1.ListJackpotsRequest) (*providerv1.ListJackpotsResponse, error) {
	page, err := list[*state.Jackpot](ctx, s.Environment, r, state.PlayQuery{Statuses: numbers(r.Status)})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListJackpotsResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, row := range page.rows {
		uncollected, err := s.View.Balance(ctx, row.Tenant, row.Fed(), time.Time{})
		if err != nil {
			return nil, unavailable(err)
		}
		response.Jackpots = append(response.Jackpots, wire.Jackpot(row, uncollected))
	}
	return response, nil
}

// TriggerJackpot implements the contract.
func (s *Jackpots) TriggerJackpot(ctx context.Context, r *providerv1.TriggerJackpotRequest) (*providerv1.TriggerJackpotResponse, error) {
	answer, err := aboutJackpot[*providerv1.JackpotTrigger](ctx, s.Environment, r.JackpotId, func(seen jackpot.Seen) (domain.Command, error) {
		trigger := jackpot.Trigger{
			By: origin(ctx), JackpotID: r.JackpotId, TriggerID: r.TriggerId, PlayerID: r.PlayerId, BetID: r.BetId, RoundID: r.RoundId,
			Seen: seen,
		}
		cause, err := s.CauseOf(ctx, trigger)
		if err != nil {
			return nil, unavailable(err)
		}
		trigger.Cause = cause
		return trigger, nil
	})
	return &providerv1.TriggerJackpotResponse{Trigger: answer}, err
}

// claim answers a trigger as it is known.
func (s *Jackpots) claim(ctx context.Context, jackpotID, triggerID string, seen jackpot.Seen) (jackpot.Claim, error) {
	claim := jackpot.Claim{By: origin(ctx), JackpotID: jackpotID, TriggerID: triggerID, Seen: seen}
	row, err := s.View.PlayRow(ctx, state.JackpotTriggerRef(claim.By, jackpotID, triggerID))
	switch {
	case isNotFound(err):
		return claim, nil
	case err != nil:
		return claim, unavailable(err)
	}
	if trigger, is := row.(*state.JackpotTrigger); is {
		claim.PlayerID = trigger.PlayerID
	}
	return claim, nil
}

// PayJackpot implements the contract.
func (s *Jackpots) PayJackpot(ctx context.Context, r *providerv1.PayJackpotRequest) (*providerv1.PayJackpotResponse, error) {
	answer, err := aboutJackpot[*providerv1.JackpotTrigger](ctx, s.Environment, r.JackpotId, func(seen jackpot.Seen) (domain.Command, error) {
		claim, err := s.claim(ctx, r.JackpotId, r.TriggerId, seen)
		return jackpot.Pay{Claim: claim}, err
	})
	return &providerv1.PayJackpotResponse{Trigger: answer}, err
}

// VoidJackpot implements the contract.
func (s *Jackpots) VoidJackpot(ctx context.Context, r *providerv1.VoidJackpotRequest) (*providerv1.VoidJackpotResponse, error) {
	answer, err := aboutJackpot[*providerv1.JackpotTrigger](ctx, s.Environment, r.JackpotId, func(seen jackpot.Seen) (domain.Command, error) {
		claim, err := s.claim(ctx, r.JackpotId, r.TriggerId, seen)
		return jackpot.Void{Claim: claim, Words: r.Reason}, err
	})
	return &providerv1.VoidJackpotResponse{Trigger: answer}, err
}

// ListJackpotTriggers implements the contract.
func (s *Jackpots) ListJackpotTriggers(
	ctx context.Context, r *providerv1.ListJackpotTriggersRequest,
) (*providerv1.ListJackpotTriggersResponse, error) {
	if _, err := seen[*state.Jackpot](ctx, s.Environment, state.JackpotRef(origin(ctx), r.JackpotId), r.JackpotId); err != nil {
		return nil, err
	}
	page, err := list[*state.JackpotTrigger](ctx, s.Environment, r, state.PlayQuery{
		JackpotID: r.JackpotId, PlayerID: r.PlayerId, Statuses: numbers(r.Status),
	})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListJackpotTriggersResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, row := range page.rows {
		response.Triggers = append(response.Triggers, wire.JackpotTrigger(row))
	}
	return response, nil
}
