package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

// purgePlace is how far a purge of a generation has come: which table, behind which key, and how many rows this round over all tables has
// found. A round that finds none is the last. Only the memory knows; a process that starts begins its round anew.
type purgePlace struct {
	tenant string
	tables []ownedTable
	table  int
	after  []any
	found  int
}

// ownedTable is a table with rows of tenants.
type ownedTable struct {
	name    string
	key     []string // the columns of its primary key
	indexed bool     // an index of all rows begins with the tenant
}

// purgeLook is how many rows are looked at for one that may be deleted, in tables that have no index of tenants.
const purgeLook = 20

// The generations to purge are those before one that was seen to be the present one long enough ago. What is purged is never before what a
// command that was under way could still write.
const (
	seeGenerations = `INSERT INTO sandbox_purges (tenant_id, sandbox_id, purged, purging, seen, seen_at_us)
		SELECT tenant_id, sandbox_id, 0, 0, generation, ?1 FROM sandboxes WHERE true
		ON CONFLICT DO UPDATE SET seen = excluded.seen, seen_at_us = excluded.seen_at_us WHERE purging = seen - 1 AND seen < excluded.seen`
	giveUpGenerations = "UPDATE sandbox_purges SET purging = seen - 1 WHERE purging < seen - 1 AND seen_at_us <= ?1"
	nextGeneration    = "SELECT tenant_id, sandbox_id, purged + 1 FROM sandbox_purges WHERE purged < purging ORDER BY 1, 2 LIMIT 1"
)

// PurgeSandboxes implements timer.Store. Rows are looked for by a reader, so that the writer is lent for what is deleted only.
func (s *Store) PurgeSandboxes(ctx context.Context, age time.Duration, limit int) (purged int, more bool, err error) {
	s.purging.Lock()
	defer s.purging.Unlock()
	sandboxes, err := collect(ctx, s, "sandboxes", "SELECT count(*) FROM sandboxes", nil, (*columns).integer)
	if err != nil || len(sandboxes) == 0 || sandboxes[0] == 0 {
		return 0, false, err
	}
	sandbox, err := s.nextGeneration(ctx, age)
	if err != nil || sandbox == nil {
		return 0, false, err
	}
	if tenant := sandbox.Within(); s.purge.tenant != tenant {
		s.purge = purgePlace{tenant: tenant}
		err := s.read(ctx, "tables of tenants", func(reader *session) (err error) {
			s.purge.tables, err = reader.ownedTables()
			return err
		})
		if err != nil {
			return 0, false, err
		}
	}
	for ; s.purge.table < len(s.purge.tables); s.purge.table, s.purge.after = s.purge.table+1, nil {
		purged, more, err := s.purgeTable(ctx, &s.purge.tables[s.purge.table], limit)
		if err != nil || more {
			return purged, true, err
		}
	}
	clean := s.purge.found == 0
	s.purge = purgePlace{}
	if !clean {
		return 0, true, nil
	}
	return 0, true, s.write(ctx, "end of a purge", func(w *writer) error {
		return w.execute("UPDATE sandbox_purges SET purged = ?3 WHERE tenant_id = ?1 AND sandbox_id = ?2", func(r *row) {
			r.text(sandbox.Tenant)
			r.text(sandbox.ID)
			r.integer(sandbox.Generation)
		})
	})
}

// nextGeneration answers a sandbox in a generation that is to be purged; nil when there is none.
func (s *Store) nextGeneration(ctx context.Context, age time.Duration) (next *state.Sandbox, err error) {
	now := s.clock.microseconds()
	err = s.write(ctx, "generations of sandboxes", func(w *writer) error {
		if err := w.execute(seeGenerations, func(r *row) { r.integer(now) }); err != nil {
			return err
		}
		if err := w.execute(giveUpGenerations, func(r *row) { r.integer(now - age.Microseconds()) }); err != nil {
			return err
		}
		return w.query(nextGeneration, nil, func(c *columns) bool {
			next = &state.Sandbox{Tenant: c.text(), ID: c.text(), Generation: c.integer()}
			return false
		})
	})
	return next, err
}

// purgeTable looks at rows of a table and deletes those of the tenant among them; more says that there may be others.
func (s *Store) purgeTable(ctx context.Context, table *ownedTable, limit int) (purged int, more bool, err error) {
	var keys [][]any
	err = s.read(ctx, "rows to purge", func(reader *session) (err error) {
		keys, more, err = reader.purgeable(table, &s.purge, limit)
		return err
	})
	if err != nil || len(keys) == 0 {
		return 0, more, err
	}
	err = s.write(ctx, "purge", func(w *writer) error {
		for _, key := range keys {
			if err := w.execute(table.forget(), func(r *row) { bindValues(r, key) }); err != nil {
				return fmt.Errorf("%s: %w", table.name, err)
			}
		}
		return nil
	})
	s.purge.found += len(keys)
	return len(keys), true, err
}

// purgeable answers the keys of some rows of the tenant. Where no index tells whose rows are, it looks at some in the order of their keys.
func (s *session) purgeable(table *ownedTable, place *purgePlace, limit int) (keys [][]any, more bool, err error) {
	columnsOfKey := strings.Join(table.key, ", ")
	text := fmt.Sprintf("SELECT true, %s FROM %s WHERE tenant_id = ?1 LIMIT ?2", columnsOfKey, table.name)
	values := []any{place.tenant, int64(limit)}
	if !table.indexed {
		behind := ""
		values[1] = int64(purgeLook * limit)
		if place.after != nil {
			var parameters []string
			for _, value := range place.after {
				values = append(values, value)
				parameters = append(parameters, parameter(len(values)))
			}
			behind = fmt.Sprintf("WHERE (%s) > (%s) ", columnsOfKey, strings.Join(parameters, ", "))
		}
		text = fmt.Sprintf("SELECT tenant_id = ?1, %s FROM %s %sORDER BY %[1]s LIMIT ?2", columnsOfKey, table.name, behind)
	}
	err = s.query(text, func(r *row) { bindValues(r, values) }, func(c *columns) bool {
		theirs, key := c.flag(), scanKey(c, len(table.key))
		more, place.after = true, key
		if theirs {
			keys = append(keys, key)
		}
		return len(keys) < limit
	})
	return keys, more, err
}

func scanKey(c *columns, length int) []any {
	key := make([]any, length)
	for i := range key {
		switch c.statement.ColumnType(c.next) {
		case sqlite.TypeInteger:
			key[i] = c.integer()
		case sqlite.TypeBlob:
			key[i] = c.blob()
		default:
			key[i] = c.text()
		}
	}
	return key
}

// forget writes the statement that deletes a row. Of an event its place in the log and its id stay.
func (t *ownedTable) forget() string {
	if t.name == "events" {
		return fmt.Sprintf(`UPDATE events SET tenant_id = '%s', aggregate_kind = %d, aggregate_id = '%s', seq = position, type = '%s',
			trace_id = '', idempotency_key = '', payload = x'' WHERE position = ?1`,
			state.PurgedTenant, state.KindSandbox, state.PurgedAggregate, state.PurgedEvent)
	}
	conditions := make([]string, len(t.key))
	for i, column := range t.key {
		conditions[i] = column + " = " + parameter(i+1)
	}
	return "DELETE FROM " + t.name + " WHERE " + strings.Join(conditions, " AND ")
}

// ownedTables are all tables with rows of tenants; what starts work by itself comes first, so that nothing starts of what is purged.
func (s *session) ownedTables() (tables []ownedTable, err error) {
	err = s.query(`SELECT t.name, (SELECT json_group_array(name) FROM (SELECT name FROM pragma_table_info(t.name) WHERE pk > 0 ORDER BY pk)),
			EXISTS (SELECT 1 FROM pragma_index_list(t.name) i, pragma_index_info(i.name) c
				WHERE i.partial = 0 AND c.seqno = 0 AND c.name = 'tenant_id')
		FROM sqlite_schema t WHERE t.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'tenant_id')
		ORDER BY t.name NOT IN ('timers', 'effects'), t.name`, nil, func(c *columns) bool {
		tables = append(tables, ownedTable{name: c.text(), key: list[[]string](c), indexed: c.flag()})
		return true
	})
	return tables, err
}

// purgingNow answers the tenants that are purged at present, of which anything may be missing, and the tables that they have rows in.
func (s *session) purgingNow() (tenants, tables []string, err error) {
	err = s.query("SELECT tenant_id, sandbox_id, purged, purging FROM sandbox_purges WHERE purged < purging", nil, func(c *columns) bool {
		tenant, sandbox, purged, purging := c.text(), c.text(), c.integer(), c.integer()
		for generation := purged + 1; generation <= purging; generation++ {
			tenants = append(tenants, state.GenerationTenant(tenant, sandbox, generation))
		}
		return true
	})
	if err != nil || len(tenants) == 0 {
		return nil, nil, err
	}
	owned, err := s.ownedTables()
	for _, table := range owned {
		tables = append(tables, table.name)
	}
	return tenants, tables, err
}
