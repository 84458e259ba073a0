package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/store/storetest"
)

// A plan without statistics may well take the primary key and sort. Here it is asked whether there is one that need not.
func TestListsGoByTheirIndexes(t *testing.T) {
	ctx := context.Background()
	connection, err := openTest(t).batches.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Release()
	if _, err := connection.Exec(ctx, "SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off"); err != nil {
		t.Fatal(err)
	}
	for _, list := range storetest.Lists() {
		text, values := listStatement(list.Kind, &list.Query)
		rows, err := connection.Query(ctx, "EXPLAIN "+text, values...)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if plan := strings.Join(lines, "\n"); err != nil || strings.Contains(plan, "Sort") || !strings.Contains(plan, "Index Scan using") {
			t.Errorf("%s: %v\n%s", list.Kind, err, plan)
		}
	}
}
