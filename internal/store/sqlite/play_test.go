package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-255eabaa/oms/internal/store/storetest"
)

func TestListsGoByTheirIndexes(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "oms.db"))
	for _, list := range storetest.Lists() {
		text, values := listStatement(list.Kind, &list.Query)
		plan, err := collect(context.Background(), store, "plan", "EXPLAIN QUERY PLAN "+text, func(r *row) { bindValues(r, values) },
			func(c *columns) string {
				c.next = 3 // behind id, parent and a column that is not used
				return c.text()
			})
		if all := strings.Join(plan, "; "); err != nil || strings.Contains(all, "B-TREE") || !strings.Contains(all, "USING INDEX") {
			t.Errorf("%s: %v: %s\n%s", list.Kind, err, all, text)
		}
	}
}
