package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// staleTries is how often a command is made whose session, bet or bonus came to be while it was looked up.
const staleTries = 3

// wagers submits a command about the money of a session, bet or bonus, which about makes when it is known whose that is.
func wagers[M interface {
	*T
	protoMessage
}, T any](ctx context.Context, e *Environment, of state.Ref, about func(wager.Wallet) domain.Command) (M, error) {
	for try := 1; ; try++ {
		wallet, err := e.WalletOf(ctx, of, try > 1)
		if err != nil {
			return nil, unavailable(err)
		}
		c := prepare(ctx)
		c.Steps = []command.Step{command.Do(about(wallet))}
		result := e.Submit(ctx, c)
		if result.Fault != nil && result.Fault.Reason == domain.Stale && try < staleTries {
			continue
		}
		return answered(ctx, result, M(new(T)))
	}
}

// Sessions implements provider.v1.SessionService.
type Sessions struct {
	providerv1.UnimplementedSessionServiceServer
	*Environment
}

// sessionTime is how long a session lasts that was asked for without a time.
const sessionTime = time.Hour

// CreateSession implements the contract.
func (s *Sessions) CreateSession(ctx context.Context, r *providerv1.CreateSessionRequest) (*providerv1.CreateSessionResponse, error) {
	if refusal := checkLocale(r.Locale); refusal != nil {
		return nil, refusal
	}
	create := wager.CreateSession{
		By: origin(ctx), SessionID: r.SessionId, PlayerID: r.PlayerId, GameID: r.GameId, Currency: r.Currency, Locale: r.Locale,
		MaxBetMinor: state.NoLimit, TTL: time.Duration(r.TtlSeconds) * time.Second, Random: s.Random(),
	}
	if create.TTL == 0 {
		create.TTL = sessionTime
	}
	if c := r.Constraints; c != nil && c.MaxBet != nil {
		most, err := money.Parse(c.GetMaxBet(), r.Currency)
		if err != nil {
			return nil, fault.Invalid("constraints.max_bet", "AMOUNT_INVALID", "%s", err.Error())
		}
		create.MaxBetMinor = most
	}
	if f := r.Constraints.GetRgFlags(); f != nil {
		create.Told = state.Flags{
			Excluded:      f.GetSelfExclusion() || f.SelfExclusion == nil && f.SelfExclusionUntil != nil,
			ExcludedUntil: stored(f.SelfExclusionUntil), CoolOffUntil: stored(f.CoolOffUntil),
		}
	}
	answer, err := do[*providerv1.Session](ctx, s.Environment, create)
	return &providerv1.CreateSessionResponse{SessionId: answer.GetSessionId(), ExpiresAt: answer.GetExpiresAt()}, err
}

// GetSession implements the contract.
func (s *Sessions) GetSession(ctx context.Context, r *providerv1.GetSessionRequest) (*providerv1.GetSessionResponse, error) {
	found, err := seen[*state.Session](ctx, s.Environment, state.SessionRef(origin(ctx), r.SessionId), r.SessionId)
	if err != nil {
		return nil, err
	}
	now, err := s.View.Now(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return &providerv1.GetSessionResponse{Session: wire.Session(found.At(now))}, nil
}

// ListSessions implements the contract.
func (s *Sessions) ListSessions(ctx context.Context, r *providerv1.ListSessionsRequest) (*providerv1.ListSessionsResponse, error) {
	page, err := list[*state.Session](ctx, s.Environment, r, state.PlayQuery{
		PlayerID: r.PlayerId, GameID: r.GameId, Statuses: numbers(r.Status),
	})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListSessionsResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, row := range page.rows {
		response.Sessions = append(response.Sessions, wire.Session(row.At(page.now)))
	}
	return response, nil
}

// CloseSession implements the contract.
func (s *Sessions) CloseSession(ctx context.Context, r *providerv1.CloseSessionRequest) (*providerv1.CloseSessionResponse, error) {
	by := origin(ctx)
	answer, err := wagers[*providerv1.Session](ctx, s.Environment, state.SessionRef(by, r.SessionId), func(w wager.Wallet) domain.Command {
		return wager.CloseSession{By: by, SessionID: r.SessionId, Wallet: w}
	})
	return &providerv1.CloseSessionResponse{Session: answer}, err
}

// Rounds implements provider.v1.RoundService.
type Rounds struct {
	providerv1.UnimplementedRoundServiceServer
	*Environment
}

// CloseRound implements the contract.
func (s *Rounds) CloseRound(ctx context.Context, r *providerv1.CloseRoundRequest) (*providerv1.CloseRoundResponse, error) {
	answer, err := do[*providerv1.Round](ctx, s.Environment, wager.CloseRound{By: origin(ctx), RoundID: r.RoundId})
	if err != nil {
		return nil, err
	}
	// Counted as of then, so that a repeat is answered the same: no bet comes to a closed round.
	counts, err := s.View.CountBets(ctx, origin(ctx), []string{r.RoundId}, answer.ClosedAt.AsTime())
	if err != nil {
		return nil, unavailable(err)
	}
	closed, _ := proto.Clone(answer).(*providerv1.Round)
	closed.Bets, closed.OpenBets = counts[r.RoundId].Bets, counts[r.RoundId].Open
	return &providerv1.CloseRoundResponse{Round: closed}, nil
}

// GetRound implements the contract.
func (s *Rounds) GetRound(ctx context.Context, r *providerv1.GetRoundRequest) (*providerv1.GetRoundResponse, error) {
	by := origin(ctx)
	found, err := s.View.PlayRow(ctx, state.RoundRef(by, r.RoundId))
	if err != nil {
		return nil, read(err, "round", r.RoundId)
	}
	written, err := s.written(ctx, []*state.Round{found.(*state.Round)}) //nolint:errcheck,forcetypeassert // of the kind that was asked for
	if err != nil {
		return nil, err
	}
	return &providerv1.GetRoundResponse{Round: written[0]}, nil
}

// ListRounds implements the contract.
func (s *Rounds) ListRounds(ctx context.Context, r *providerv1.ListRoundsRequest) (*providerv1.ListRoundsResponse, error) {
	page, err := list[*state.Round](ctx, s.Environment, r, state.PlayQuery{GameID: r.GameId, Statuses: numbers(r.Status)})
	if err != nil {
		return nil, err
	}
	rounds, err := s.written(ctx, page.rows)
	return &providerv1.ListRoundsResponse{NextCursor: page.next, HasMore: page.next != "", Rounds: rounds}, err
}

// written writes rounds with the bets that were made in them.
func (s *Rounds) written(ctx context.Context, rounds []*state.Round) ([]*providerv1.Round, error) {
	names, all := make([]string, len(rounds)), make([]*providerv1.Round, len(rounds))
	for i, round := range rounds {
		names[i] = round.RoundID()
	}
	counts, err := s.View.CountBets(ctx, origin(ctx), names, time.Time{})
	if err != nil {
		return nil, unavailable(err)
	}
	for i, round := range rounds {
		all[i] = wire.Round(round, counts[names[i]])
	}
	return all, nil
}
