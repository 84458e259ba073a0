package sqlite

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// bonusJSON writes where a bonus game stands; nothing when that was not told.
func bonusJSON(bonus *state.BonusState) []byte {
	if bonus == nil {
		return nil
	}
	text := listJSON([]*state.BonusState{bonus})
	return text[1 : len(text)-1]
}

// PlayRow implements view.Play.
func (s *Store) PlayRow(ctx context.Context, ref state.Ref) (state.Row, error) {
	return readRow[state.Row](ctx, s, ref)
}

// PlayRows implements view.Play.
func (s *Store) PlayRows(ctx context.Context, kind state.Kind, query state.PlayQuery) ([]state.Row, error) {
	var values []any
	condition := store.Condition(kind, &query, "_us", func(value any) string {
		values = append(values, value)
		return parameter(len(values))
	})
	table := &tables[kind]
	return collect(ctx, s, table.name, "SELECT "+table.columns+" FROM "+table.name+condition, func(r *row) {
		for _, value := range values {
			switch value := value.(type) {
			case string:
				r.text(value)
			case time.Time:
				r.instant(value)
			case int:
				r.integer(int64(value))
			}
		}
	}, table.scan)
}

// Settlement implements view.Play.
func (s *Store) Settlement(ctx context.Context, tenant, settlementID string) (*state.Settlement, error) {
	found, err := collect(ctx, s, "settlement", "SELECT "+settlementTable.columns+
		" FROM settlements WHERE tenant_id = ?1 AND settlement_id = ?2", func(r *row) {
		r.text(tenant)
		r.text(settlementID)
	}, scanSettlement)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, state.ErrNotFound
	}
	return found[0].(*state.Settlement), nil //nolint:errcheck,forcetypeassert // scanSettlement makes no other
}

// Results implements view.Play. A bet's results are named behind its own name and a slash, which no name holds.
func (s *Store) Results(ctx context.Context, tenant string, bets []string) ([]state.Row, error) {
	return collect(ctx, s, "results", "SELECT "+settlementTable.columns+` FROM settlements s
		JOIN json_each(?2) b ON s.result >= 'settlement' || substr(b.value, 4) || '/' AND s.result < 'settlement' || substr(b.value, 4) || '0'
		WHERE +s.tenant_id = ?1 ORDER BY s.created_at_us, s.result`, func(r *row) {
		r.text(tenant)
		r.text(string(listJSON(bets)))
	}, scanSettlement)
}

// CountBets implements view.Play.
func (s *Store) CountBets(ctx context.Context, by state.Origin, rounds []string) (counts map[string]state.BetCount, err error) {
	counts = map[string]state.BetCount{}
	if len(rounds) == 0 {
		return counts, nil
	}
	_, err = collect(ctx, s, "bets of rounds", `SELECT round_id, count(*), sum(iif(status = 1, 1, 0)) FROM bets
		WHERE tenant_id = ?1 AND provider_id = ?2 AND round_id IN (SELECT value FROM json_each(?3)) AND amount_minor > 0 GROUP BY round_id`,
		func(r *row) {
			r.text(by.Tenant)
			r.text(by.Provider)
			r.text(string(listJSON(rounds)))
		}, func(c *columns) struct{} {
			counts[c.text()] = state.BetCount{Bets: c.integer(), Open: c.integer()}
			return struct{}{}
		})
	return counts, err
}
