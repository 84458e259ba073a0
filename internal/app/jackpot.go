package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/state"
)

// jackpotReads are what a jackpot is read by.
type jackpotReads interface {
	PlayRow(ctx context.Context, ref state.Ref) (state.Row, error)
	PlayRows(ctx context.Context, kind state.Kind, query state.PlayQuery) (state.PlayPage, error)
	Balance(ctx context.Context, tenant, account string, before time.Time) (int64, error)
}

// jackpotOf answers a jackpot and what a command about it must know; nil and nothing when there is none.
func (t *table) jackpotOf(ctx context.Context, ref state.Ref) (*state.Jackpot, jackpot.Seen, error) {
	return readJackpot(ctx, t.store, ref)
}

// readJackpot reads the row first, then what is not collected: when it is collected in between, the sum counts that too little, and never
// anything too much.
func readJackpot(ctx context.Context, s jackpotReads, ref state.Ref) (*state.Jackpot, jackpot.Seen, error) {
	row, err := s.PlayRow(ctx, ref)
	if isNotFound(err) {
		return nil, jackpot.Seen{}, nil
	}
	if err != nil {
		return nil, jackpot.Seen{}, fmt.Errorf("look up %s: %w", ref.ID, err)
	}
	found := row.(*state.Jackpot) //nolint:errcheck,forcetypeassert // of the kind
	uncollected, err := s.Balance(ctx, ref.Tenant, found.Fed(), time.Time{})
	if err != nil {
		return nil, jackpot.Seen{}, fmt.Errorf("sum up the bets of %s: %w", ref.ID, err)
	}
	return found, jackpot.Seen{
		Currency: found.Currency, Version: found.Version, Games: found.Games, FedMinor: found.CollectedMinor + uncollected,
	}, nil
}

// causeOf answers what a trigger of a jackpot that was seen rests on.
func (t *table) causeOf(ctx context.Context, asked jackpot.Trigger) (jackpot.Cause, error) {
	return readCause(ctx, t.store, asked)
}

// readCause looks for the bet first, then for another trigger that rests on it: the same bet, or, when one of the two names no bet, the same
// round of the player.
func readCause(ctx context.Context, s jackpotReads, asked jackpot.Trigger) (cause jackpot.Cause, err error) {
	bet, err := betOf(ctx, s, asked)
	if bet == nil || err != nil {
		return cause, err
	}
	cause.BetID, cause.RoundID = bet.BetID(), bet.RoundID
	standing, err := firstRow(ctx, s, state.KindJackpotTrigger, state.PlayQuery{
		Origin: asked.By, JackpotID: asked.JackpotID, PlayerID: asked.PlayerID, RoundID: bet.RoundID,
		Statuses: []int16{int16(state.TriggerOpen), int16(state.TriggerPaid)},
	}, func(other *state.JackpotTrigger) bool {
		return asked.BetID == "" || other.BetID == "" || other.BetID == asked.BetID
	})
	if standing != nil {
		cause.Standing = standing.TriggerID
	}
	return cause, err
}

// betOf answers the bet that a trigger names, or one of its player in its round that was not rolled back; nil when there is none. All bets of
// a round are on one game.
func betOf(ctx context.Context, s jackpotReads, asked jackpot.Trigger) (*state.Bet, error) {
	if asked.BetID == "" {
		return firstRow(ctx, s, state.KindBet, state.PlayQuery{
			Origin: asked.By, PlayerID: asked.PlayerID, RoundID: asked.RoundID,
			Statuses: []int16{int16(state.BetAuthorized), int16(state.BetCredited), int16(state.BetForfeited)},
		}, func(*state.Bet) bool { return true })
	}
	row, err := s.PlayRow(ctx, state.BetRef(asked.By, asked.BetID))
	switch {
	case isNotFound(err):
		return nil, nil //nolint:nilnil // nobody has made it
	case err != nil:
		return nil, fmt.Errorf("look up the bet %s: %w", asked.BetID, err)
	}
	return row.(*state.Bet), nil //nolint:errcheck,forcetypeassert // of the kind
}

// lookedAt is how many rows are looked at by one statement.
const lookedAt = 1000

// firstRow answers the first row of a list that is wanted; nil when none is.
func firstRow[R any, P interface {
	*R
	state.Row
}](ctx context.Context, s jackpotReads, kind state.Kind, query state.PlayQuery, wanted func(P) bool) (P, error) {
	query.Limit, query.ScanLimit = lookedAt, lookedAt
	for {
		page, err := s.PlayRows(ctx, kind, query)
		if err != nil {
			return nil, fmt.Errorf("look through rows of %s: %w", kind, err)
		}
		for _, row := range page.Rows {
			if found := row.(P); wanted(found) { //nolint:errcheck,forcetypeassert // of the kind
				return found, nil
			}
		}
		if page.Next.ID == "" {
			return nil, nil //nolint:nilnil // there is none
		}
		query.After = page.Next
	}
}

// collectJackpot answers the command of the timer of a jackpot that was closed.
func (t *table) collectJackpot(ctx context.Context, timer state.Timer) (command.Command, error) {
	provider, name, _ := strings.Cut(strings.TrimPrefix(timer.AggregateID, state.KindJackpot.Prefix()+":"), "/")
	by := state.Origin{Tenant: timer.Tenant, Provider: provider}
	_, seen, err := t.jackpotOf(ctx, state.JackpotRef(by, name))
	if err != nil {
		return command.Command{}, err
	}
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/" + timer.Kind,
		Steps: []command.Step{command.Do(jackpot.Collect{By: by, JackpotID: name, Seen: seen})},
	}, nil
}
