package view

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Play is what reads of the dialect of providers need of a database. Absent rows are state.ErrNotFound.
type Play interface {
	// PlayRow answers a player, session, round, bet, payment, bonus, jackpot, trigger or sandbox.
	PlayRow(ctx context.Context, ref state.Ref) (state.Row, error)
	// PlayRows answers a page of players, sessions, rounds, bets, settlements, payments, bonuses, jackpots or triggers. It looks at the
	// query's ScanLimit of rows at most, and may so answer fewer than there are, or none, with a place to go on behind.
	PlayRows(ctx context.Context, kind state.Kind, query state.PlayQuery) (state.PlayPage, error)
	// Settlement answers the settlement of an id of its own.
	Settlement(ctx context.Context, tenant, settlementID string) (*state.Settlement, error)
	// Results answers the settlements of some bets, oldest first; bets are named by the ids of their rows.
	Results(ctx context.Context, tenant string, bets []string) ([]state.Row, error)
	// CountBets counts the bets that were made in some rounds of a provider, by round. Rounds without a bet are left out. Open are those that had
	// no outcome at a time; zero stands for now.
	CountBets(ctx context.Context, by state.Origin, rounds []string, at time.Time) (map[string]state.BetCount, error)
}
