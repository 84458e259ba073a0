package pipeline

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// newBatchID makes the id of one attempt at a batch. Every attempt has its own: the store makes sure that an id of unknown
// outcome can never be used again. Its last two bytes are zero, the events' places go there.
func newBatchID(at time.Time, entropy id.Random) id.UUID {
	entropy[8], entropy[9] = 0, 0
	return id.V7(at, entropy)
}

// changes gathers what the batch stores. Events and rows are in slices of their own, which the receiver of Committed may keep;
// the others are the overlay's and are used again.
func (l *lane) changes(batch id.UUID) *state.Changes {
	o := l.overlay
	c := &state.Changes{Batch: batch, Now: o.now, Answers: o.answers, Events: o.events, Transfers: o.transfers}
	slices.SortFunc(c.Answers, func(a, b state.KeyedAnswer) int { return a.Key.Compare(b.Key) })
	for i := range c.Events {
		c.Events[i].ID = batch.Member(i)
	}
	c.Rows, c.Unseen = l.written()
	c.SetTimers, c.ClearTimers = mergeTimers(o.timers)
	if len(o.events) > 0 {
		o.givenAway = min(len(o.events), keptCells)
	}
	o.events = nil
	return c
}

// written answers the rows that differ from what was loaded, and those that were named and no decision has looked at, nor changed; both in
// order of their references.
func (l *lane) written() (rows []state.Written, unseen []state.Ref) {
	o, count, ignored := l.overlay, 0, 0
	for i := range o.cells {
		switch cell := &o.cells[i]; {
		case cell.current != cell.loaded:
			count++
		case !cell.seen:
			ignored++
		}
	}
	if count+ignored == 0 {
		return nil, nil
	}
	rows, unseen = make([]state.Written, 0, count), make([]state.Ref, 0, ignored)
	for _, ref := range o.need.Refs {
		switch cell := &o.cells[o.index[ref]]; {
		case cell.current != cell.loaded:
			rows = append(rows, l.write(cell))
		case !cell.seen:
			unseen = append(unseen, ref)
		}
	}
	if len(rows) == count {
		return rows, unseen
	}
	for i := len(o.need.Refs); i < len(o.cells); i++ { // rows that no step named
		if cell := &o.cells[i]; cell.current != nil {
			rows = append(rows, l.write(cell))
		}
	}
	slices.SortFunc(rows, func(a, b state.Written) int { return a.Row.Ref().Compare(b.Row.Ref()) })
	return rows, unseen
}

func (l *lane) write(c *cell) state.Written {
	if c.loaded == nil {
		return state.Written{Row: l.own(c.current), New: true}
	}
	return state.Written{Row: c.current}
}

// own gives a new effect that is due and nobody's to this process: the workers here learn of it from Committed, and the commit
// is the claim that must come before the first call. An effect that a later command of the batch has closed stays as it is.
func (l *lane) own(row state.Row) state.Row {
	effect, ok := row.(*state.Effect)
	if !ok || l.environment.EffectOwner == "" || effect.Owner != "" || effect.State != state.EffectOpen ||
		effect.NextAt.After(l.overlay.now) {
		return row
	}
	owned := *effect
	owned.Owner, owned.NextAt = l.environment.EffectOwner, l.overlay.now.Add(l.environment.EffectLease)
	owned.Attempts, owned.Called = 1, true
	return &owned
}

// mergeTimers answers what is left of the changes of timers in order: the last one of each key, sorted.
func mergeTimers(changes []domain.TimerChange) (set []state.Timer, cleared []state.TimerKey) {
	slices.SortStableFunc(changes, func(a, b domain.TimerChange) int { return compareTimers(a.TimerKey, b.TimerKey) })
	for i := range changes {
		switch {
		case i+1 < len(changes) && changes[i+1].TimerKey == changes[i].TimerKey:
		case changes[i].DueAt.IsZero():
			cleared = append(cleared, changes[i].TimerKey)
		default:
			set = append(set, changes[i].Timer)
		}
	}
	return set, cleared
}

func compareTimers(a, b state.TimerKey) int {
	return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Kind, b.Kind),
		strings.Compare(a.AggregateID, b.AggregateID))
}
