package sqlite

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// statements are what a batch writes with.
type statements struct {
	rows      [kinds]*bulk
	updates   [kinds]*sqlite.Stmt // prepared when first needed
	lines     *bulk
	answers   *bulk
	events    *bulk
	timers    *bulk
	transfers *bulk
	entries   *bulk
	batches   *bulk

	fresh   [kinds][]state.Row // the new rows of the batch being stored, by kind
	relined []state.Row        // orders whose lines it changes
	parts   []part             // their lines, or the entries of transfers
}

// part names a member of a list in a list.
type part struct{ outer, inner int }

const eventColumns = "position, event_id, tenant_id, aggregate_kind, aggregate_id, seq, type, at_us, trace_id, idempotency_key, " +
	"schema_version, payload"

// prepare makes the statements of a new connection.
func (w *writer) prepare() {
	for kind := range tables {
		table := &tables[kind]
		if table.name != "" {
			w.rows[kind] = newBulk(w.connection, table.name, table.columns, "")
		}
	}
	w.statements.lines = newBulk(w.connection, "order_lines", "tenant_id, order_id, line_no, sku, quantity, price_minor", "")
	w.answers = newBulk(w.connection, "idempotency_keys",
		"tenant_id, principal, key, hash, method, code, body, created_at_us", "")
	w.events = newBulk(w.connection, "events", eventColumns, "")
	w.timers = newBulk(w.connection, "timers", "tenant_id, kind, aggregate_id, due_at_us",
		" ON CONFLICT DO UPDATE SET due_at_us = excluded.due_at_us, leased_until_us = 0")
	w.transfers = newBulk(w.connection, "ledger_transfers", "tenant_id, transfer_id, kind, order_id, currency, at_us", "")
	w.entries = newBulk(w.connection, "ledger_entries", "tenant_id, transfer_id, entry_no, account, amount_minor, at_us, number, balance_minor", "")
	w.batches = newBulk(w.connection, "batches", "batch_id, first_position, events, committed_at_us, abandoned", "")
}

// store writes everything of a batch inside the transaction that is open; loaded are the rows as they were.
func (w *writer) store(changes *state.Changes, loaded map[state.Ref]state.Row) error {
	counters, err := w.counters()
	if err != nil {
		return fmt.Errorf("counters: %w", err)
	}
	if err := w.storeBatch(changes, counters); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	if err := w.storeAnswers(changes.Answers); err != nil {
		return fmt.Errorf("answers: %w", err)
	}
	if err := w.storeRows(changes.Rows, loaded); err != nil {
		return err
	}
	if err := w.storeEvents(changes.Events, counters.next); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := w.storeTimers(changes); err != nil {
		return fmt.Errorf("timers: %w", err)
	}
	return w.storeTransfers(changes.Transfers, counters.closed)
}

// storeBatch stores that the batch took place, and moves the counters on; a rollback takes both back.
func (w *writer) storeBatch(changes *state.Changes, at counters) error {
	now := max(changes.Now.UnixMicro(), at.clock)
	err := w.batches.insert(1, func(r *row, _ int) {
		r.blob(changes.Batch[:])
		r.integer(at.next)
		r.integer(int64(len(changes.Events)))
		r.integer(now)
		r.flag(false)
	})
	if err != nil {
		return err
	}
	return w.execute("UPDATE stream SET next_position = ?1, clock_us = ?2 WHERE id = 1", func(r *row) {
		r.integer(at.next + int64(len(changes.Events)))
		r.integer(now)
	})
}

func (w *writer) storeAnswers(answers []state.KeyedAnswer) error {
	return w.answers.insert(len(answers), func(r *row, i int) {
		key, answer := &answers[i].Key, &answers[i].Answer
		r.text(key.Tenant)
		r.text(key.Principal)
		r.text(key.Key)
		r.blob(answer.Hash[:])
		r.text(answer.Method)
		r.integer(int64(answer.Code))
		r.blob(answer.Body)
		r.instant(answer.At)
	})
}

// storeRows changes the rows that exist one by one and inserts the new ones by kind.
func (w *writer) storeRows(rows []state.Written, loaded map[state.Ref]state.Row) error {
	for i := range w.fresh {
		w.fresh[i] = w.fresh[i][:0]
	}
	w.relined = w.relined[:0]
	for _, written := range rows {
		ref := written.Row.Ref()
		if written.New {
			w.fresh[ref.Kind] = append(w.fresh[ref.Kind], written.Row)
			continue
		}
		if err := w.change(ref, written.Row); err != nil {
			return fmt.Errorf("change %s %s: %w", ref.Kind, ref.ID, err)
		}
		if order, isOrder := written.Row.(*state.Order); isOrder && order.NewLines(loaded[ref]) {
			if err := w.dropLines(order); err != nil {
				return fmt.Errorf("lines of %s: %w", ref.ID, err)
			}
			w.relined = append(w.relined, order)
		}
	}
	for kind, fresh := range &w.fresh {
		if len(fresh) == 0 {
			continue
		}
		err := w.rows[kind].insert(len(fresh), func(r *row, i int) { tables[kind].bind(r, fresh[i]) })
		if err != nil {
			return fmt.Errorf("new %ss: %w", state.Kind(kind), err)
		}
	}
	for _, orders := range [][]state.Row{w.fresh[state.KindOrder], w.relined} {
		if err := w.storeLines(orders); err != nil {
			return fmt.Errorf("lines: %w", err)
		}
	}
	return nil
}

// dropLines deletes the lines of an order that has others now.
func (w *writer) dropLines(order *state.Order) error {
	return w.execute("DELETE FROM order_lines WHERE order_id = ?2 AND tenant_id = ?1", func(r *row) {
		r.text(order.Tenant)
		r.text(order.ID)
	})
}

// change updates one row. That it is absent is a mistake of the caller's, and would be one again.
func (w *writer) change(ref state.Ref, changed state.Row) error {
	update := w.updates[ref.Kind]
	if update == nil {
		var err error
		if update, err = w.connection.Prepare(tables[ref.Kind].update()); err != nil {
			return err
		}
		w.updates[ref.Kind] = update
	}
	if err := run(update, func(r *row) { tables[ref.Kind].bind(r, changed) }); err != nil {
		return err
	}
	if w.connection.Changes() != 1 {
		return fmt.Errorf("%w: no such row", state.ErrData)
	}
	return nil
}

func (w *writer) storeLines(orders []state.Row) error {
	w.parts = w.parts[:0]
	for i := range orders {
		for line := range orders[i].(*state.Order).Lines { //nolint:errcheck,forcetypeassert // the new rows of this kind
			w.parts = append(w.parts, part{i, line})
		}
	}
	return w.statements.lines.insert(len(w.parts), func(r *row, i int) {
		order := orders[w.parts[i].outer].(*state.Order) //nolint:errcheck,forcetypeassert // the new rows of this kind
		line := &order.Lines[w.parts[i].inner]
		r.text(order.Tenant)
		r.text(order.ID)
		r.integer(int64(w.parts[i].inner + 1))
		r.text(line.SKU)
		r.integer(int64(line.Quantity))
		r.integer(line.PriceMinor)
	})
}

func (w *writer) storeEvents(events []state.Event, first int64) error {
	return w.events.insert(len(events), func(r *row, i int) {
		event := &events[i]
		r.integer(first + int64(i))
		r.blob(event.ID[:])
		r.text(event.Tenant)
		r.integer(int64(event.AggregateKind))
		r.text(event.AggregateID)
		r.integer(event.Seq)
		r.text(event.Type)
		r.instant(event.At)
		r.text(event.TraceID)
		r.text(event.IdempotencyKey)
		r.text(event.SchemaVersion)
		r.blob(event.Payload)
	})
}

func (w *writer) storeTimers(changes *state.Changes) error {
	for _, key := range changes.ClearTimers {
		err := w.execute("DELETE FROM timers WHERE tenant_id = ?1 AND kind = ?2 AND aggregate_id = ?3", func(r *row) {
			r.text(key.Tenant)
			r.text(key.Kind)
			r.text(key.AggregateID)
		})
		if err != nil {
			return err
		}
	}
	return w.timers.insert(len(changes.SetTimers), func(r *row, i int) {
		timer := &changes.SetTimers[i]
		r.text(timer.Tenant)
		r.text(timer.Kind)
		r.text(timer.AggregateID)
		r.instant(timer.DueAt)
	})
}

// storeTransfers refuses those of a time at which the books are closed already (CloseBooks).
func (w *writer) storeTransfers(transfers []ledger.Transfer, closed int64) error {
	for i := range transfers {
		if transfers[i].At.UnixMicro() <= closed {
			return fmt.Errorf("%w: transfer %s: the books are closed", state.ErrConflict, transfers[i].ID)
		}
	}
	err := w.transfers.insert(len(transfers), func(r *row, i int) {
		transfer := &transfers[i]
		r.text(transfer.Tenant)
		r.text(transfer.ID)
		r.text(transfer.Kind)
		r.text(transfer.OrderID)
		r.text(transfer.Currency)
		r.instant(transfer.At)
	})
	if err != nil {
		return fmt.Errorf("transfers: %w", err)
	}
	w.parts = w.parts[:0]
	for i := range transfers {
		for entry := range transfers[i].Entries {
			w.parts = append(w.parts, part{i, entry})
		}
	}
	err = w.entries.insert(len(w.parts), func(r *row, i int) {
		transfer := &transfers[w.parts[i].outer]
		entry := &transfer.Entries[w.parts[i].inner]
		r.text(transfer.Tenant)
		r.text(transfer.ID)
		r.integer(int64(w.parts[i].inner + 1))
		r.text(entry.Account)
		r.integer(entry.AmountMinor)
		r.instant(transfer.At)
		r.integer(entry.Number)
		r.integer(entry.BalanceMinor)
	})
	if err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	return nil
}
