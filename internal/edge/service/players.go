package service

import (
	"context"
	"errors"
	"time"

	"golang.org/x/text/language"
	"google.golang.org/protobuf/types/known/timestamppb"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Players implements provider.v1.PlayerService.
type Players struct {
	providerv1.UnimplementedPlayerServiceServer
	*Environment
}

// origin is on whose behalf a provider calls.
func origin(ctx context.Context) state.Origin {
	scope := edge.ScopeOf(ctx)
	return state.Origin{Tenant: scope.Caller.Tenant, Brand: scope.Origin.Brand, Region: scope.Origin.Region, Provider: scope.Origin.Provider}
}

// checkLocale refuses what has the form of a locale and is none.
func checkLocale(locale string) *fault.Fault {
	if _, err := language.Parse(locale); err != nil {
		return fault.Invalid("locale", "LOCALE_INVALID", "must be a locale of BCP 47 such as de-DE")
	}
	return nil
}

// CreatePlayer implements the contract.
func (s *Players) CreatePlayer(ctx context.Context, r *providerv1.CreatePlayerRequest) (*providerv1.CreatePlayerResponse, error) {
	if refusal := checkLocale(r.GetLocale()); refusal != nil {
		return nil, refusal
	}
	answer, err := do[*providerv1.Player](ctx, s.Environment, player.Create{
		By: origin(ctx), PlayerID: r.PlayerId, Currency: r.Currency, Locale: r.Locale, Country: r.Country,
	})
	return &providerv1.CreatePlayerResponse{Player: answer}, err
}

// seen reads a row that a call of an origin may know of.
func seen[R interface {
	state.Row
	Seen(by state.Origin) bool
}](ctx context.Context, e *Environment, ref state.Ref, name string) (row R, err error) {
	found, err := e.View.PlayRow(ctx, ref)
	if err == nil {
		if typed, is := found.(R); is && typed.Seen(origin(ctx)) {
			return typed, nil
		}
		err = state.ErrNotFound
	}
	return row, read(err, ref.Kind.String(), name)
}

// GetPlayer implements the contract.
func (s *Players) GetPlayer(ctx context.Context, r *providerv1.GetPlayerRequest) (*providerv1.GetPlayerResponse, error) {
	found, err := seen[*state.Player](ctx, s.Environment, state.PlayerRef(origin(ctx).Tenant, r.PlayerId), r.PlayerId)
	if err != nil {
		return nil, err
	}
	now, err := s.View.Now(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return &providerv1.GetPlayerResponse{Player: wire.Player(found, now)}, nil
}

// ListPlayers implements the contract.
func (s *Players) ListPlayers(ctx context.Context, r *providerv1.ListPlayersRequest) (*providerv1.ListPlayersResponse, error) {
	page, err := list[*state.Player](ctx, s.Environment, r, state.PlayQuery{})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListPlayersResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, row := range page.rows {
		response.Players = append(response.Players, wire.Player(row, page.now))
	}
	return response, nil
}

// SetLimits implements the contract.
func (s *Players) SetLimits(ctx context.Context, r *providerv1.SetLimitsRequest) (*providerv1.SetLimitsResponse, error) {
	set := player.SetLimits{By: origin(ctx), PlayerID: r.PlayerId, Delay: s.LimitDelay}
	for _, limit := range r.Limits {
		bound := player.Bound{Kind: state.LimitKind(limit.Kind), Period: state.Period(limit.Period), Max: state.NoLimit} //nolint:gosec // enums
		switch value := limit.Value.(type) {
		case *providerv1.Limit_Amount:
			bound.Currency, bound.Max = value.Amount.GetCurrency(), value.Amount.GetAmountMinor()
		case *providerv1.Limit_Minutes:
			bound.Max = int64(value.Minutes)
		}
		set.Bounds = append(set.Bounds, bound)
	}
	answer, err := do[*providerv1.Player](ctx, s.Environment, set)
	return &providerv1.SetLimitsResponse{Player: answer}, err
}

// SetFlags implements the contract.
func (s *Players) SetFlags(ctx context.Context, r *providerv1.SetFlagsRequest) (*providerv1.SetFlagsResponse, error) {
	answer, err := do[*providerv1.Player](ctx, s.Environment, player.SetFlags{
		By: origin(ctx), PlayerID: r.PlayerId, Exclude: r.RgFlags.SelfExclusion, Until: stored(r.RgFlags.SelfExclusionUntil),
		CoolOff: stored(r.RgFlags.CoolOffUntil), Delay: s.LimitDelay,
	})
	return &providerv1.SetFlagsResponse{Player: answer}, err
}

// SetKycStatus implements the contract.
func (s *Players) SetKycStatus(ctx context.Context, r *providerv1.SetKycStatusRequest) (*providerv1.SetKycStatusResponse, error) {
	answer, err := do[*providerv1.Player](ctx, s.Environment, player.SetKYC{
		By: origin(ctx), PlayerID: r.PlayerId, Status: state.KYCStatus(r.Status), Reason: r.Reason, //nolint:gosec // an enum
	})
	return &providerv1.SetKycStatusResponse{Player: answer}, err
}

// stored is a time as stores keep it, in microseconds.
func stored(at *timestamppb.Timestamp) time.Time { return upwards(moment(at)) }

// GetBalances implements the contract.
func (s *Players) GetBalances(ctx context.Context, r *providerv1.GetBalancesRequest) (*providerv1.GetBalancesResponse, error) {
	tenant := origin(ctx).Tenant
	found, err := seen[*state.Player](ctx, s.Environment, state.PlayerRef(tenant, r.PlayerId), r.PlayerId)
	if err != nil {
		return nil, err
	}
	response := &providerv1.GetBalancesResponse{PlayerId: r.PlayerId}
	for _, of := range []struct {
		kind    providerv1.BalanceKind
		account ledger.Kind
	}{
		{providerv1.BalanceKind_BALANCE_KIND_CASH, ledger.PlayerCash}, {providerv1.BalanceKind_BALANCE_KIND_BONUS, ledger.PlayerBonus},
	} {
		balance, err := s.balance(ctx, tenant, ledger.Name{Owner: r.PlayerId, Kind: of.account, Currency: found.Currency}, moment(r.At))
		if err != nil {
			return nil, unavailable(err)
		}
		balance.Kind = of.kind
		response.Balances = append(response.Balances, balance)
	}
	return response, nil
}

// balance answers what an account has, or had at a time, which is zero for now. The store keeps microseconds: all of the last one is
// counted in.
func (s *Players) balance(ctx context.Context, tenant string, name ledger.Name, at time.Time) (*providerv1.Balance, error) {
	amount := func(minor int64) *providerv1.Money {
		return &providerv1.Money{AmountMinor: minor, Currency: name.Currency}
	}
	if !at.IsZero() {
		had, err := s.View.Balance(ctx, tenant, name.ID(), at.Truncate(time.Microsecond).Add(time.Microsecond))
		return &providerv1.Balance{Available: amount(had)}, err
	}
	has, err := s.View.Account(ctx, tenant, name.ID())
	switch {
	case errors.Is(err, state.ErrNotFound): // nothing was ever paid in
		has = &state.Account{}
	case err != nil:
		return nil, err
	}
	return &providerv1.Balance{Available: amount(has.AvailableMinor()), Held: amount(has.HeldMinor)}, nil
}
