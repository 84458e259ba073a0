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

// listStatement writes the statement of a list of rows. What it answers first of each is whether the list has it.
func listStatement(kind state.Kind, query *state.PlayQuery) (text string, values []any) {
	scan := store.ScanOf(kind, query, "_us", func(value any) string {
		values = append(values, value)
		return parameter(len(values))
	})
	table := &tables[kind]
	return "SELECT " + scan.Keep + ", " + table.columns + " FROM " + table.name + " WHERE " + scan.Where + " ORDER BY " + scan.Order, values
}

// PlayRows implements view.Play. The rows are looked at one after the other, until the page is full or enough were looked at.
func (s *Store) PlayRows(ctx context.Context, kind state.Kind, query state.PlayQuery) (page state.PlayPage, err error) {
	text, values := listStatement(kind, &query)
	looked := 0
	err = s.readLong(ctx, kind.String(), func(reader *session) error {
		return reader.query(text, func(r *row) { bindValues(r, values) }, func(c *columns) bool {
			looked++
			kept, last := c.flag(), looked == max(query.ScanLimit, 1)
			if kept && len(page.Rows) == query.Limit { // there is another: the page is full, and it is not the last
				page.Next = state.PlaceOf(page.Rows[query.Limit-1])
				return false
			}
			if !kept && !last {
				return true
			}
			found := tables[kind].scan(c)
			if kept {
				page.Rows = append(page.Rows, found)
			}
			if last {
				page.Next = state.PlaceOf(found)
			}
			return !last
		})
	})
	return page, err
}

// bindValues binds texts, numbers, bytes and times.
func bindValues(r *row, values []any) {
	for _, value := range values {
		switch value := value.(type) {
		case string:
			r.text(value)
		case int64:
			r.integer(value)
		case []byte:
			r.blob(value)
		case time.Time:
			r.instant(value)
		}
	}
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
func (s *Store) CountBets(ctx context.Context, by state.Origin, rounds []string, at time.Time) (counts map[string]state.BetCount, err error) {
	counts = map[string]state.BetCount{}
	if len(rounds) == 0 {
		return counts, nil
	}
	_, err = collect(ctx, s, "bets of rounds", `SELECT round_id, count(*), sum(iif(status = 1 OR updated_at_us > ?4, 1, 0)) FROM bets
		WHERE tenant_id = ?1 AND provider_id = ?2 AND round_id IN (SELECT value FROM json_each(?3)) AND amount_minor > 0 GROUP BY round_id`,
		func(r *row) {
			r.text(by.Tenant)
			r.text(by.Provider)
			r.text(string(listJSON(rounds)))
			r.moment(at)
		}, func(c *columns) struct{} {
			counts[c.text()] = state.BetCount{Bets: c.integer(), Open: c.integer()}
			return struct{}{}
		})
	return counts, err
}
