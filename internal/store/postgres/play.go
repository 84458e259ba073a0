package postgres

import (
	"context"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// present is the size of a value for encodeJSON: nothing when it is absent.
func present[T any](value *T) int {
	if value == nil {
		return 0
	}
	return 1
}

// decodes makes a decoder of rows of a kind.
func decodes(kind state.Kind) func(f *fields) (state.Row, error) {
	return func(f *fields) (state.Row, error) { return decodeRow(kind, f) }
}

// PlayRow implements view.Play.
func (s *Store) PlayRow(ctx context.Context, ref state.Ref) (state.Row, error) {
	table := tables[ref.Kind]
	return only(read(ctx, s, ref.Kind.String(), decodes(ref.Kind), fmt.Sprintf("SELECT %s FROM %s WHERE tenant_id = $1 AND %s = $2",
		list("", table.fields), table.name, table.key()[1].name), ref.Tenant, ref.ID))
}

// PlayRows implements view.Play.
func (s *Store) PlayRows(ctx context.Context, kind state.Kind, query state.PlayQuery) ([]state.Row, error) {
	var values []any
	table := tables[kind]
	condition := store.Condition(kind, &query, "", func(value any) string {
		values = append(values, value)
		return fmt.Sprintf("$%d", len(values))
	})
	return read(ctx, s, table.name, decodes(kind), "SELECT "+list("", table.fields)+" FROM "+table.name+condition, values...)
}

// Settlement implements view.Play.
func (s *Store) Settlement(ctx context.Context, tenant, settlementID string) (*state.Settlement, error) {
	return only(read(ctx, s, "settlement", decodeSettlement, "SELECT "+list("", settlementFields)+
		" FROM settlements WHERE tenant_id = $1 AND settlement_id = $2", tenant, settlementID))
}

// Results implements view.Play. A bet's results are named behind its own name and a slash, which no name holds.
func (s *Store) Results(ctx context.Context, tenant string, bets []string) ([]state.Row, error) {
	return read(ctx, s, "results", decodes(state.KindSettlement), "SELECT "+list("s.", settlementFields)+` FROM unnest($2::text[]) AS b(bet_id)
		JOIN settlements s ON s.tenant_id = $1 AND s.result >= 'settlement' || substr(b.bet_id, 4) || '/' COLLATE "C"
			AND s.result < 'settlement' || substr(b.bet_id, 4) || '0' COLLATE "C"
		ORDER BY s.created_at, s.result`, tenant, bets)
}

// CountBets implements view.Play.
func (s *Store) CountBets(ctx context.Context, by state.Origin, rounds []string) (map[string]state.BetCount, error) {
	counts := map[string]state.BetCount{}
	_, err := read(ctx, s, "bets of rounds", func(f *fields) (struct{}, error) {
		counts[f.text()] = state.BetCount{Bets: f.int64(), Open: f.int64()}
		return struct{}{}, nil
	}, `SELECT round_id, count(*), count(*) FILTER (WHERE status = 1) FROM bets
		WHERE tenant_id = $1 AND provider_id = $2 AND round_id = ANY ($3) AND amount_minor > 0 GROUP BY round_id`, by.Tenant, by.Provider, rounds)
	return counts, err
}
