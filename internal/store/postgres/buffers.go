package postgres

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed-255eabaa/oms/internal/state"
)

// buffers are the rowsets of a batch, of which only some are used. They keep their memory from batch to batch.
type buffers struct {
	keys      [lastKind + 1]*rowset // of rows to lock and read, or that must be absent
	proofs    [lastKind + 1]*rowset
	inserts   [lastKind + 1]*rowset
	updates   [lastKind + 1]*rowset
	lines     *rowset
	dropped   *rowset // orders whose lines are written anew
	items     *rowset // of reservations that they changed
	lookups   *rowset
	answers   *rowset
	events    *rowset
	timers    *rowset
	newTimers *rowset
	cleared   *rowset
	transfers *rowset
	entries   *rowset
}

var bufferPool = sync.Pool{New: func() any {
	b := &buffers{
		lines:     newRowset(lineFields),
		dropped:   newRowset(lineFields[:2]),
		items:     newRowset(itemsFields),
		lookups:   newRowset(answerFields[:3]),
		answers:   newRowset(answerFields),
		events:    newRowset(eventFields),
		timers:    newRowset(timerFields),
		newTimers: newRowset(timerFields),
		cleared:   newRowset(timerFields[:3]),
		transfers: newRowset(transferFields),
		entries:   newRowset(entryFields),
	}
	for _, kind := range kinds {
		table := tables[kind]
		b.keys[kind] = newRowset(table.key())
		b.inserts[kind] = newRowset(table.fields)
		b.updates[kind] = newUpdates(table)
		b.proofs[kind] = newRowset(table.proof())
	}
	return b
}}

// borrow takes empty buffers.
func borrow() *buffers {
	b, _ := bufferPool.Get().(*buffers) // the pool holds nothing else
	return b
}

// giveBack empties the buffers for the next batch.
func (b *buffers) giveBack() {
	for _, kind := range kinds {
		b.keys[kind].reset()
		b.inserts[kind].reset()
		b.updates[kind].reset()
		b.proofs[kind].reset()
	}
	for _, set := range []*rowset{b.lines, b.dropped, b.items, b.lookups, b.answers, b.events, b.timers, b.newTimers, b.cleared,
		b.transfers, b.entries} {
		set.reset()
	}
	bufferPool.Put(b)
}

// splitRefs sorts references by kind.
func (b *buffers) splitRefs(refs []state.Ref) {
	for i := range refs {
		set := b.keys[refs[i].Kind].row()
		set.text(refs[i].Tenant)
		set.text(refs[i].ID)
	}
}

// answerKeys answers the rows for readAnswers.
func (b *buffers) answerKeys(keys []state.Key) *rowset {
	for i := range keys {
		set := b.lookups.row()
		set.text(keys[i].Tenant)
		set.text(keys[i].Principal)
		set.text(keys[i].Key)
	}
	return b.lookups
}

// encode writes everything that a batch changes, and what it must prove.
func (b *buffers) encode(t *transaction, changes *state.Changes) error {
	made := map[state.Ref]bool(nil)
	if len(t.assumed) > 0 {
		made = make(map[state.Ref]bool, len(changes.Rows))
	}
	for i := range changes.Rows {
		if err := b.encodeRow(t, &changes.Rows[i]); err != nil {
			return err
		}
		if made != nil {
			made[changes.Rows[i].Row.Ref()] = true
		}
	}
	b.encodeProofs(t, made, changes.Unseen)
	for i := range changes.Answers {
		encodeAnswer(b.answers, &changes.Answers[i])
	}
	for i := range changes.Events {
		if err := encodeEvent(b.events, &changes.Events[i]); err != nil {
			return err
		}
	}
	b.encodeTimers(changes)
	for i := range changes.ClearTimers {
		encodeTimerKey(b.cleared, &changes.ClearTimers[i])
	}
	for i := range changes.Transfers {
		encodeTransfer(b.transfers, b.entries, &changes.Transfers[i])
	}
	return nil
}

// encodeTimers tells the timers of orders that the batch makes from those that may replace another.
func (b *buffers) encodeTimers(changes *state.Changes) {
	made := make(map[string]bool, len(changes.SetTimers))
	for i := range changes.Rows {
		if order, isOrder := changes.Rows[i].Row.(*state.Order); isOrder && changes.Rows[i].New {
			made[order.ID] = true
		}
	}
	for i := range changes.SetTimers {
		timer, set := &changes.SetTimers[i], b.timers
		if made[timer.AggregateID] {
			set = b.newTimers
		}
		encodeTimerKey(set, &timer.TimerKey)
		set.time(timer.DueAt)
	}
}

// encodeProofs writes which rows that the batch has looked at and not written must be as it has assumed them.
//
// An update proves what it writes. Where rows of its kind are only looked at too, it finds all of them locked, in one order:
// otherwise two batches, of which each looks at what the other writes, would wait for each other.
func (b *buffers) encodeProofs(t *transaction, written map[state.Ref]bool, unseen []state.Ref) {
	if len(t.assumed) == 0 {
		return
	}
	rests := make([]bool, len(t.refs)) // on it, and it is not written
	lookedAt := [lastKind + 1]bool{}
	for i, ref := range t.refs { // as sorted as the unseen are
		if len(unseen) > 0 && unseen[0] == ref {
			unseen = unseen[1:]
			continue
		}
		v, assumed := t.assumed[ref]
		rests[i] = assumed && !written[ref]
		lookedAt[ref.Kind] = lookedAt[ref.Kind] || rests[i] && v.row != nil
	}
	for i, ref := range t.refs {
		v, assumed := t.assumed[ref]
		switch {
		case !assumed: // it is locked
		case v.row == nil && rests[i]:
			set := b.keys[ref.Kind].row()
			set.text(ref.Tenant)
			set.text(ref.ID)
		case v.row != nil && lookedAt[ref.Kind] && (rests[i] || written[ref]):
			set := b.proofs[ref.Kind].row()
			set.text(ref.Tenant)
			set.text(ref.ID)
			set.xid(v.xmin)
		}
	}
}

func (b *buffers) encodeRow(t *transaction, written *state.Written) error {
	ref := written.Row.Ref()
	if written.New {
		if err := encodeRow(b.inserts[ref.Kind], written.Row); err != nil {
			return err
		}
		if order, isOrder := written.Row.(*state.Order); isOrder {
			encodeLines(b.lines, order)
		}
		return nil
	}
	replaced, known := t.assumed[ref]
	if !known {
		replaced, known = t.locked[ref]
	}
	if !known || replaced.row == nil {
		return fmt.Errorf("%w: an update of %v, which the batch has not read", state.ErrData, ref)
	}
	if err := encodeRow(b.updates[ref.Kind], written.Row); err != nil {
		return err
	}
	b.updates[ref.Kind].xid(replaced.xmin)
	switch row := written.Row.(type) {
	case *state.Order:
		if row.NewLines(replaced.row) {
			b.dropped.row().text(row.Tenant)
			b.dropped.text(row.ID)
			encodeLines(b.lines, row)
		}
	case *state.Reservation:
		if before, is := replaced.row.(*state.Reservation); !is || !slices.Equal(before.Items, row.Items) {
			return b.encodeItems(row)
		}
	}
	return nil
}

// encodeItems writes what a reservation holds now.
func (b *buffers) encodeItems(r *state.Reservation) error {
	b.items.row().text(r.Tenant)
	b.items.text(r.ID)
	return encodeJSON(b.items, len(r.Items), r.Items)
}

// send sends what encode wrote. Rows come before keys, as they do when they are locked for reading, and both in an order that is the
// same in every batch, so that batches which write the same wait for each other in one direction only.
func (b *buffers) send(e *exchange, changes *state.Changes) {
	add := func(statement *statement, set *rowset) { e.sendRows(statement, set, nil) }
	for _, kind := range kinds {
		add(rowStatements[kind].prove, b.proofs[kind])
		add(rowStatements[kind].update, b.updates[kind])
	}
	add(changeItems, b.items)
	for _, kind := range kinds {
		add(rowStatements[kind].proveAbsent, b.keys[kind])
	}
	add(insertAnswers, b.answers)
	for _, kind := range kinds {
		add(rowStatements[kind].insert, b.inserts[kind])
	}
	add(dropLines, b.dropped)
	add(insertLines, b.lines)
	if b.events.count > 0 {
		e.send(insertEvents, [][]byte{changes.Batch[:], b.events.array(e.types[b.events.rowType])}, nil)
	}
	add(insertTimers, b.newTimers)
	add(setTimers, b.timers)
	add(clearTimers, b.cleared)
	add(insertTransfers, b.transfers)
	add(insertEntries, b.entries)
}

// itemPrefix stands before the SKU in the log. Other aggregates are named with their kind already; an item's SKU is the partner's
// choice, and without a prefix it could be another aggregate's name.
const itemPrefix = "item:"

// encodeEvent appends an event. Its id is not stored: it is the batch's with the ordinal.
func encodeEvent(set *rowset, event *state.Event) error {
	name := event.AggregateID
	if event.AggregateKind == state.KindItem {
		name = itemPrefix + name
	} else if kind, _ := aggregate(name); kind != event.AggregateKind {
		return fmt.Errorf("%w: the event %s of %s %q", state.ErrData, event.Type, event.AggregateKind, name)
	}
	set.row()
	set.text(event.Tenant)
	set.text(name)
	set.int64(event.Seq)
	set.text(event.Type)
	set.time(event.At)
	set.text(event.TraceID)
	set.text(event.IdempotencyKey)
	set.text(event.SchemaVersion)
	set.bytes(event.Payload)
	return nil
}

// aggregate reads the name of an aggregate in the log: its kind, and its name elsewhere. What has no kind's prefix is an item.
func aggregate(name string) (kind state.Kind, id string) {
	if sku, isItem := strings.CutPrefix(name, itemPrefix); isItem {
		return state.KindItem, sku
	}
	for _, kind := range kinds {
		prefix := kind.Prefix()
		if prefix != "" && len(name) > len(prefix) && name[len(prefix)] == ':' && name[:len(prefix)] == prefix {
			return kind, name
		}
	}
	return state.KindItem, name
}
