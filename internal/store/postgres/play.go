package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

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

// listedRow is a row that a page looked at.
type listedRow struct {
	row    state.Row
	kept   bool
	number int64 // counts from 1
}

// listStatement writes the statement of a page of rows. As for Orders, the scan is a subquery that stops by itself, and the last row that may
// be looked at comes out of it whether it is kept or not.
func listStatement(kind state.Kind, query *state.PlayQuery) (text string, values []any) {
	parameter := func(value any) string {
		values = append(values, value)
		return fmt.Sprintf("$%d", len(values))
	}
	table, scan := tables[kind], store.ScanOf(kind, query, "", parameter)
	scanLimit := parameter(query.ScanLimit)
	return fmt.Sprintf(`SELECT kept, number, %[1]s FROM (
			SELECT *, %[4]s AS kept, row_number() OVER (ORDER BY %[5]s) AS number FROM (
				SELECT * FROM %[2]s WHERE %[3]s ORDER BY %[5]s LIMIT %[6]s
			) AS looked
		) AS numbered
		WHERE kept OR number = %[6]s ORDER BY %[5]s LIMIT %[7]s`,
		list("", table.fields), table.name, scan.Where, scan.Keep, scan.Order, scanLimit, parameter(query.Limit+1)), values
}

// PlayRows implements view.Play.
func (s *Store) PlayRows(ctx context.Context, kind state.Kind, query state.PlayQuery) (page state.PlayPage, err error) {
	query.ScanLimit = max(query.ScanLimit, 1)
	text, values := listStatement(kind, &query)
	rows, err := read(ctx, s, kind.String(), func(f *fields) (found listedRow, err error) {
		found.kept, found.number = f.bool(), f.int64()
		found.row, err = decodeRow(kind, f)
		return found, err
	}, text, values...)
	for _, found := range rows {
		if len(page.Rows) == query.Limit { // there is another: the page is full, and it is not the last
			page.Next = state.PlaceOf(page.Rows[query.Limit-1])
			break
		}
		if found.kept {
			page.Rows = append(page.Rows, found.row)
		}
		if found.number == int64(query.ScanLimit) {
			page.Next = state.PlaceOf(found.row)
		}
	}
	return page, err
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
func (s *Store) CountBets(ctx context.Context, by state.Origin, rounds []string, at time.Time) (map[string]state.BetCount, error) {
	counts := map[string]state.BetCount{}
	_, err := read(ctx, s, "bets of rounds", func(f *fields) (struct{}, error) {
		counts[f.text()] = state.BetCount{Bets: f.int64(), Open: f.int64()}
		return struct{}{}, nil
	}, `SELECT round_id, count(*), count(*) FILTER (WHERE status = 1 OR updated_at > $4) FROM bets
		WHERE tenant_id = $1 AND provider_id = $2 AND round_id = ANY ($3) AND amount_minor > 0 GROUP BY round_id`,
		by.Tenant, by.Provider, rounds, sql.NullTime{Time: at, Valid: !at.IsZero()})
	return counts, err
}
