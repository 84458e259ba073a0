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
	return found, jackpot.Seen{Currency: found.Currency, Games: found.Games, FedMinor: found.CollectedMinor + uncollected}, nil
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
