package pipeline

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/batch"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// overlay holds the rows of one attempt at a batch, as loaded and as its commands have left them so far, and everything else
// that they have brought about. Rows are never changed in place: a cell points to another row after a change, and back again
// when the command is undone. A lane uses one overlay for all its batches.
type overlay struct {
	now time.Time

	index map[state.Ref]int32
	cells []cell  // in order of first mention
	named []int32 // the cells of all references of all commands, one after the other

	keyIndex map[state.Key]int
	keys     []keyed

	need state.Need // its slices are sorted copies of what index and keyIndex hold

	events    []state.Event
	timers    []domain.TimerChange // in order of decision
	transfers []ledger.Transfer
	answers   []state.KeyedAnswer

	undo []undo // of the command under way, in order

	step      int64 // counts the steps begun, see view.open
	givenAway int   // length of the last events slice that was given away, to allocate the next one in one go
}

// cell is a row of the batch. Both rows are nil while it does not exist.
type cell struct {
	loaded  state.Row
	current state.Row
	step    int64 // the last step with many references that named it
	seen    bool  // a decision has looked at it
}

// keyed is an idempotency key of the batch. Once it has an answer, that is what commands with the key are answered.
type keyed struct {
	answer *state.Answer
}

// undo is what a cell held before a change.
type undo struct {
	cell   int32
	before state.Row
}

// mark is a moment that the overlay can return to.
type mark struct {
	events, timers, transfers int
}

// keptCells is the size up to which maps and slices are used again. Clearing a map costs its capacity, so one batch with
// thousands of rows must not slow down all that follow.
const keptCells = 4096

func newOverlay() *overlay {
	return &overlay{index: map[state.Ref]int32{}, keyIndex: map[state.Key]int{}}
}

// prepare starts an attempt: it collects what the commands name. The need is valid until the next call.
func (o *overlay) prepare(members []*call, lookup bool) state.Need {
	o.reset()
	for _, member := range members {
		member.firstRef = len(o.named)
		for i := range member.command.Steps {
			for _, ref := range member.command.Steps[i].Refs {
				at, found := o.index[ref]
				if !found {
					at = int32(len(o.cells)) //nolint:gosec // far fewer
					o.index[ref] = at
					o.cells = append(o.cells, cell{})
					o.need.Refs = append(o.need.Refs, ref)
				}
				o.named = append(o.named, at)
			}
		}
		member.key = -1
		if member.command.Key == "" || member.command.DryRun {
			continue
		}
		key := batch.Key(&member.command)
		at, found := o.keyIndex[key]
		if !found {
			at = len(o.keys)
			o.keyIndex[key] = at
			o.keys = append(o.keys, keyed{})
			o.need.Keys = append(o.need.Keys, key)
		}
		member.key = at
	}
	slices.SortFunc(o.need.Refs, state.Ref.Compare)
	slices.SortFunc(o.need.Keys, state.Key.Compare)
	o.need.LookupKeys = lookup && len(o.need.Keys) > 0
	return o.need
}

// fill takes over what the store has read, and answers how many keys had an answer.
func (o *overlay) fill(loaded state.Loaded) (replays int) {
	o.now = loaded.Now
	for ref, row := range loaded.Rows {
		if at, found := o.index[ref]; found {
			o.cells[at] = cell{loaded: row, current: row}
		}
	}
	for key, answer := range loaded.Answers {
		if at, found := o.keyIndex[key]; found && answer != nil {
			o.keys[at].answer = answer
			replays++
		}
	}
	return replays
}

// reset forgets the attempt before.
func (o *overlay) reset() {
	if len(o.cells) > keptCells {
		*o = *newOverlay()
		return
	}
	clear(o.index)
	clear(o.keyIndex)
	clear(o.cells)
	clear(o.keys)
	clear(o.undo)
	clear(o.need.Refs)
	clear(o.need.Keys)
	clear(o.timers)
	clear(o.transfers)
	clear(o.answers)
	o.cells, o.named, o.keys, o.undo = o.cells[:0], o.named[:0], o.keys[:0], o.undo[:0]
	o.need = state.Need{Refs: o.need.Refs[:0], Keys: o.need.Keys[:0]}
	o.timers, o.transfers, o.answers = o.timers[:0], o.transfers[:0], o.answers[:0]
	clear(o.events)
	o.events = o.events[:0]
}

// begin starts a command. What it does from here on is taken back by rollback.
func (o *overlay) begin() mark {
	clear(o.undo)
	o.undo = o.undo[:0]
	return mark{events: len(o.events), timers: len(o.timers), transfers: len(o.transfers)}
}

// rollback takes back everything that the command under way has done.
func (o *overlay) rollback(m mark) {
	for _, u := range slices.Backward(o.undo) {
		o.cells[u.cell].current = u.before
	}
	clear(o.events[m.events:])
	o.events, o.timers, o.transfers = o.events[:m.events], o.timers[:m.timers], o.transfers[:m.transfers]
}

// view is the window of one step on the overlay: it shows the rows that the step named.
type view struct {
	overlay *overlay
	refs    []state.Ref
	cells   []int32 // of refs
}

// fewRefs is how many references are found quicker by comparing than by hashing.
const fewRefs = 8

// open moves the window to a step.
func (v *view) open(refs []state.Ref, cells []int32) {
	v.refs, v.cells = refs, cells
	if len(refs) <= fewRefs {
		return
	}
	v.overlay.step++
	for _, at := range cells {
		v.overlay.cells[at].step = v.overlay.step
	}
}

// find answers the cell of a row that the step named.
func (v *view) find(ref state.Ref) (*cell, int32) {
	if len(v.refs) > fewRefs {
		if at, found := v.overlay.index[ref]; found && v.overlay.cells[at].step == v.overlay.step {
			return &v.overlay.cells[at], at
		}
		return nil, 0
	}
	for i := range v.refs {
		if v.refs[i] == ref {
			return &v.overlay.cells[v.cells[i]], v.cells[i]
		}
	}
	return nil, 0
}

// Get implements domain.States. It panics when the row was not named: it was not loaded or locked, and so "it does not exist"
// would be a lie.
func (v *view) Get(ref state.Ref) state.Row {
	found, _ := v.find(ref)
	if found == nil {
		panic(fmt.Sprintf("the decision reads %v, which its step does not name", ref))
	}
	found.seen = true
	return found.current
}

// unnamed answers a cell for a row that a decision makes and its step does not name, because the decision made the row's name
// too. The row is not locked and another process may make the same one: the insert finds that out, and the batch is run again.
func (o *overlay) unnamed(change *domain.Change) (*cell, int32, error) {
	ref := change.After.Ref()
	if change.Before != nil {
		return nil, 0, fmt.Errorf("the decision changes %v, which its step does not name", ref)
	}
	if at, found := o.index[ref]; found { // another command of the batch names or has made it; then change refuses
		return &o.cells[at], at, nil
	}
	at := int32(len(o.cells)) //nolint:gosec // far fewer
	o.index[ref] = at
	o.cells = append(o.cells, cell{})
	return &o.cells[at], at, nil
}

// change makes the change's row the current one, after checking that it is one that can follow.
func (v *view) change(change *domain.Change) error {
	ref := change.After.Ref()
	found, at := v.find(ref)
	if found == nil {
		var err error
		if found, at, err = v.overlay.unnamed(change); err != nil {
			return err
		}
	}
	if found.current == nil && change.Before != nil && reflect.ValueOf(change.Before).IsNil() {
		change.Before = nil // a nil pointer, put into the interface by a decision that found no row
	}
	if change.Before != found.current {
		return fmt.Errorf("the change of %v does not start from the row as the decision got it", ref)
	}
	if change.After == found.current {
		return fmt.Errorf("the decision changes %v in place", ref)
	}
	seq := int64(0)
	if found.current != nil {
		seq = found.current.EventSeq()
	}
	if change.Event != "" {
		seq++
	}
	if change.After.EventSeq() != seq {
		return fmt.Errorf("%v would have event %d after the change %q, not %d", ref, change.After.EventSeq(), change.Event, seq)
	}
	v.overlay.undo = append(v.overlay.undo, undo{cell: at, before: found.current})
	found.current = change.After
	return nil
}
