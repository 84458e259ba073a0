package postgres

import (
	"fmt"
	"strings"
	"sync"

	"github.com/seed-255eabaa/oms/internal/state"
)

// buffers are the rowsets of a batch, of which only some are used. They keep their memory from batch to batch.
type buffers struct {
	keys      [lastKind + 1]*rowset // of rows to lock and read
	inserts   [lastKind + 1]*rowset
	updates   [lastKind + 1]*rowset
	lines     *rowset
	lookups   *rowset
	answers   *rowset
	events    *rowset
	timers    *rowset
	cleared   *rowset
	transfers *rowset
	entries   *rowset
}

var bufferPool = sync.Pool{New: func() any {
	b := &buffers{
		lines:     newRowset(kindsOf(lineFields)),
		lookups:   newRowset(kindsOf(answerFields[:3])),
		answers:   newRowset(kindsOf(answerFields)),
		events:    newRowset(kindsOf(eventFields)),
		timers:    newRowset(kindsOf(timerFields)),
		cleared:   newRowset(kindsOf(timerFields[:3])),
		transfers: newRowset(kindsOf(transferFields)),
		entries:   newRowset(kindsOf(entryFields)),
	}
	for _, kind := range kinds {
		table := tables[kind]
		b.keys[kind] = newRowset(kindsOf(table.key()))
		b.inserts[kind] = newRowset(kindsOf(table.fields))
		b.updates[kind] = newRowset(kindsOf(table.fields))
		b.updates[kind].leaveOut(table)
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
	}
	for _, set := range []*rowset{b.lines, b.lookups, b.answers, b.events, b.timers, b.cleared, b.transfers, b.entries} {
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

// answerKeys answers the parameters of readAnswers.
func (b *buffers) answerKeys(keys []state.Key) [][]byte {
	for i := range keys {
		set := b.lookups.row()
		set.text(keys[i].Tenant)
		set.text(keys[i].Principal)
		set.text(keys[i].Key)
	}
	return b.lookups.parameters()
}

// encode writes everything that a batch changes.
func (b *buffers) encode(changes *state.Changes) error {
	for i := range changes.Rows {
		if err := b.encodeRow(&changes.Rows[i]); err != nil {
			return err
		}
	}
	for i := range changes.Answers {
		encodeAnswer(b.answers, &changes.Answers[i])
	}
	for i := range changes.Events {
		if err := encodeEvent(b.events, &changes.Events[i]); err != nil {
			return err
		}
	}
	for i := range changes.SetTimers {
		encodeTimerKey(b.timers, &changes.SetTimers[i].TimerKey)
		b.timers.time(changes.SetTimers[i].DueAt)
	}
	for i := range changes.ClearTimers {
		encodeTimerKey(b.cleared, &changes.ClearTimers[i])
	}
	for i := range changes.Transfers {
		encodeTransfer(b.transfers, b.entries, &changes.Transfers[i])
	}
	return nil
}

func (b *buffers) encodeRow(written *state.Written) error {
	sets := &b.updates
	if written.New {
		sets = &b.inserts
	}
	kind := written.Row.Ref().Kind
	if err := encodeRow(sets[kind], written.Row); err != nil {
		return err
	}
	if order, isOrder := written.Row.(*state.Order); isOrder && written.New {
		encodeLines(b.lines, order)
	}
	return nil
}

// send sends what encode wrote. All inserts come in an order that is the same in every batch, so that batches which insert the
// same rows wait for each other in one direction only.
func (b *buffers) send(e *exchange, changes *state.Changes) {
	e.send(insertBatch, batchParameters(changes), nil)
	add := func(statement *statement, set *rowset) {
		if set.count > 0 {
			e.send(statement, set.parameters(), nil)
		}
	}
	add(insertAnswers, b.answers)
	for _, kind := range kinds {
		add(rowStatements[kind].insert, b.inserts[kind])
	}
	add(insertLines, b.lines)
	for _, kind := range kinds {
		add(rowStatements[kind].update, b.updates[kind])
	}
	if b.events.count > 0 {
		e.send(insertEvents, append([][]byte{changes.Batch[:]}, b.events.parameters()...), nil)
	}
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
	for _, kind := range kinds[:len(kinds)-1] {
		prefix := kind.Prefix()
		if len(name) > len(prefix) && name[len(prefix)] == ':' && name[:len(prefix)] == prefix {
			return kind, name
		}
	}
	return state.KindItem, name
}
