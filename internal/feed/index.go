package feed

import (
	"slices"

	"github.com/seed-255eabaa/oms/internal/state"
)

// aggregate names one.
type aggregate struct{ tenant, id string }

// index finds the followers of an event. The feed's mu guards it.
type index struct {
	aggregates map[aggregate]map[*Subscription]struct{}
	tenants    map[string]map[*Subscription]struct{} // without aggregates; "" follows all tenants
	found      []*Subscription                       // scratch
}

func newIndex() index {
	return index{
		aggregates: map[aggregate]map[*Subscription]struct{}{},
		tenants:    map[string]map[*Subscription]struct{}{},
	}
}

// find answers who may want an event, each once. The answer is good until the next call.
func (x *index) find(e *state.Event) []*Subscription {
	x.found = x.found[:0]
	for s := range x.aggregates[aggregate{e.Tenant, e.AggregateID}] {
		x.found = append(x.found, s)
	}
	if e.Tenant != "" {
		for s := range x.tenants[e.Tenant] {
			x.found = append(x.found, s)
		}
	}
	for s := range x.tenants[""] {
		x.found = append(x.found, s)
	}
	return x.found
}

func (x *index) add(s *Subscription) {
	if len(s.request.Aggregates) == 0 {
		put(x.tenants, s.request.Tenant, s)
	}
	for _, id := range s.request.Aggregates {
		put(x.aggregates, aggregate{s.request.Tenant, id}, s)
	}
}

func (x *index) remove(s *Subscription) {
	if len(s.request.Aggregates) == 0 {
		drop(x.tenants, s.request.Tenant, s)
	}
	for _, id := range s.request.Aggregates {
		drop(x.aggregates, aggregate{s.request.Tenant, id}, s)
	}
}

// all answers every live subscription.
func (x *index) all() []*Subscription {
	seen := map[*Subscription]struct{}{}
	for _, set := range x.tenants {
		for s := range set {
			seen[s] = struct{}{}
		}
	}
	for _, set := range x.aggregates {
		for s := range set {
			seen[s] = struct{}{}
		}
	}
	list := make([]*Subscription, 0, len(seen))
	for s := range seen {
		list = append(list, s)
	}
	return list
}

func put[K comparable](sets map[K]map[*Subscription]struct{}, key K, s *Subscription) {
	set := sets[key]
	if set == nil {
		set = map[*Subscription]struct{}{}
		sets[key] = set
	}
	set[s] = struct{}{}
}

func drop[K comparable](sets map[K]map[*Subscription]struct{}, key K, s *Subscription) {
	delete(sets[key], s)
	if len(sets[key]) == 0 {
		delete(sets, key)
	}
}

// ring keeps the latest events, so that followers who come back soon need no database. It holds whole frames and drops the
// oldest; their events are never changed.
type ring struct {
	limit  int
	count  int
	frames [][]state.Event
}

func (r *ring) add(events []state.Event) {
	r.frames = append(r.frames, events)
	r.count += len(events)
	for len(r.frames) > 1 && r.count-len(r.frames[0]) >= r.limit {
		r.count -= len(r.frames[0])
		r.frames[0] = nil
		r.frames = r.frames[1:]
	}
}

func (r *ring) clear() { r.frames, r.count = nil, 0 }

// after answers the next events behind a position, of one frame; false when they are not kept any more.
func (r *ring) after(position int64) ([]state.Event, bool) {
	at, _ := slices.BinarySearchFunc(r.frames, position, func(frame []state.Event, position int64) int {
		if frame[len(frame)-1].Position <= position {
			return -1
		}
		return 1
	})
	if at == len(r.frames) || r.frames[at][0].Position > position+1 {
		return nil, false
	}
	return after(r.frames[at], position), true
}
