package sqlite

import (
	"cmp"
	"slices"

	"github.com/seed-255eabaa/oms/internal/state"
)

// sortChanges brings changes into the order that state.Changes asks for.
func sortChanges(changes *state.Changes) {
	slices.SortFunc(changes.Rows, func(a, b state.Written) int { return a.Row.Ref().Compare(b.Row.Ref()) })
	slices.SortFunc(changes.Answers, func(a, b state.KeyedAnswer) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(changes.SetTimers, func(a, b state.Timer) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.AggregateID, b.AggregateID))
	})
}
