package service

import (
	"context"
	"slices"
	"strings"
	"time"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Bonuses implements provider.v1.BonusService.
type Bonuses struct {
	providerv1.UnimplementedBonusServiceServer
	*Environment
}

// GrantBonus implements the contract.
func (s *Bonuses) GrantBonus(ctx context.Context, r *providerv1.GrantBonusRequest) (*providerv1.GrantBonusResponse, error) {
	terms, refusal := bonusTerms(r)
	if refusal != nil {
		return nil, refusal
	}
	answer, err := do[*providerv1.Bonus](ctx, s.Environment, bonus.Grant{
		By: origin(ctx), BonusID: r.BonusId, Terms: terms, Random: s.Random(),
	})
	return &providerv1.GrantBonusResponse{Bonus: answer}, err
}

// bonusTerms reads what a bonus is to be granted with. It refuses amounts of another currency with CURRENCY_MISMATCH, and more wagering than
// an amount can be with WAGERING_INVALID.
func bonusTerms(r *providerv1.GrantBonusRequest) (terms state.BonusTerms, refusal *fault.Fault) {
	terms = state.BonusTerms{
		PlayerID: r.PlayerId, Currency: r.Amount.Currency, AmountMinor: r.Amount.AmountMinor, DefaultWeight: 100,
		Policy: state.BonusPolicy(r.Policy), MaxBetMinor: state.NoLimit, MaxConversionMinor: state.NoLimit, //nolint:gosec // an enum
		TTL: time.Duration(r.GetTtlSeconds()) * time.Second, ExpiresAt: stored(r.GetExpiresAt()),
	}
	if r.DefaultWeightPercent != nil {
		terms.DefaultWeight = r.GetDefaultWeightPercent()
	}
	for _, weight := range r.GameWeights {
		terms.Weights = append(terms.Weights, state.GameWeight{GameID: weight.GameId, Percent: weight.WeightPercent})
	}
	slices.SortFunc(terms.Weights, func(a, b state.GameWeight) int { return strings.Compare(a.GameID, b.GameID) })
	for _, part := range []struct {
		field string
		value *providerv1.Money
		into  *int64
	}{
		{"wagering_amount", r.GetWageringAmount(), &terms.RequiredMinor}, {"max_bet", r.MaxBet, &terms.MaxBetMinor},
		{"max_conversion", r.MaxConversion, &terms.MaxConversionMinor},
	} {
		switch {
		case part.value == nil:
		case part.value.Currency != terms.Currency:
			return terms, fault.Invalid(part.field+".currency", "CURRENCY_MISMATCH", "must be %s, the currency of the bonus", terms.Currency)
		default:
			*part.into = part.value.AmountMinor
		}
	}
	if times := int64(r.GetWageringMultiplier()); times > 0 {
		if terms.AmountMinor > money.Limit/times {
			return terms, fault.Invalid("wagering_multiplier", "WAGERING_INVALID", "times the amount is more than %s %s",
				money.Format(money.Limit, terms.Currency), terms.Currency)
		}
		terms.RequiredMinor = times * terms.AmountMinor
	}
	return terms, nil
}

// ActivateBonus implements the contract.
func (s *Bonuses) ActivateBonus(ctx context.Context, r *providerv1.ActivateBonusRequest) (*providerv1.ActivateBonusResponse, error) {
	answer, err := s.about(ctx, r.BonusId, func(name bonus.Name) domain.Command { return bonus.Activate{Name: name, By: origin(ctx)} })
	return &providerv1.ActivateBonusResponse{Bonus: answer}, err
}

// ForfeitBonus implements the contract.
func (s *Bonuses) ForfeitBonus(ctx context.Context, r *providerv1.ForfeitBonusRequest) (*providerv1.ForfeitBonusResponse, error) {
	answer, err := s.about(ctx, r.BonusId, func(name bonus.Name) domain.Command {
		return bonus.Forfeit{Name: name, By: origin(ctx), Words: r.Reason}
	})
	return &providerv1.ForfeitBonusResponse{Bonus: answer}, err
}

// about submits a command about a bonus, whose player is looked up before.
func (s *Bonuses) about(ctx context.Context, bonusID string, command func(bonus.Name) domain.Command) (*providerv1.Bonus, error) {
	tenant := origin(ctx).Tenant
	return wagers[*providerv1.Bonus](ctx, s.Environment, state.BonusRef(tenant, bonusID), func(w wager.Wallet) domain.Command {
		return command(bonus.Name{Tenant: tenant, BonusID: bonusID, PlayerID: w.PlayerID, Currency: w.Currency})
	})
}

// GetBonus implements the contract.
func (s *Bonuses) GetBonus(ctx context.Context, r *providerv1.GetBonusRequest) (*providerv1.GetBonusResponse, error) {
	found, err := seen[*state.Bonus](ctx, s.Environment, state.BonusRef(origin(ctx).Tenant, r.BonusId), r.BonusId)
	if err != nil {
		return nil, err
	}
	now, err := s.View.Now(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return &providerv1.GetBonusResponse{Bonus: wire.Bonus(found.At(now))}, nil
}

// ListBonuses implements the contract.
func (s *Bonuses) ListBonuses(ctx context.Context, r *providerv1.ListBonusesRequest) (*providerv1.ListBonusesResponse, error) {
	page, err := list[*state.Bonus](ctx, s.Environment, r, state.PlayQuery{PlayerID: r.PlayerId, Statuses: numbers(r.Status)})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListBonusesResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, row := range page.rows {
		response.Bonuses = append(response.Bonuses, wire.Bonus(row.At(page.now)))
	}
	return response, nil
}
