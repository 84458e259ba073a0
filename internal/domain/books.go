package domain

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// TimerHoldExpire is the kind of the timer that ends a hold.
const TimerHoldExpire = "hold.expire"

// AccountRefs names the rows of accounts, for Refs of a command: those of the guarded ones. Summed accounts have none.
func AccountRefs(tenant string, accounts ...string) []state.Ref {
	var refs []state.Ref
	for _, id := range accounts {
		if name, _ := ledger.Parse(id); name.Kind.Guarded() {
			refs = append(refs, state.AccountRef(tenant, id))
		}
	}
	return refs
}

// Books are the ledger's books, opened on the rows that a decision has named.
type Books struct {
	*ledger.Books
	states States
	tenant string
}

// OpenBooks opens the books of a tenant for a decision.
func OpenBooks(states States, tenant string, now time.Time) Books {
	return Books{states: states, tenant: tenant, Books: ledger.Open(tenant, now, ledger.Source{
		Account: func(id string) *ledger.Account {
			if row := Find[state.Account](states, state.AccountRef(tenant, id)); row != nil {
				return &row.Account
			}
			return nil
		},
		Hold: func(id string) *ledger.Hold {
			if row := Find[state.Hold](states, state.HoldRef(tenant, id)); row != nil {
				return &row.Hold
			}
			return nil
		},
	})}
}

// Into adds to a decision what the books have changed: rows, transfers, and the timers of holds.
func (b Books) Into(decision *Decision) {
	accounts, holds := b.Accounts(), b.Holds()
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		after := &state.Account{Account: *accounts[id]}
		decision.Changes = append(decision.Changes, Change{Before: b.states.Get(after.Ref()), After: after})
	}
	for _, id := range slices.Sorted(maps.Keys(holds)) {
		after := &state.Hold{Hold: *holds[id]}
		before := b.states.Get(after.Ref())
		decision.Changes = append(decision.Changes, Change{Before: before, After: after})
		if after.ExpiresAt.IsZero() {
			continue
		}
		timer := TimerChange{state.Timer{TimerKey: state.TimerKey{Tenant: b.tenant, Kind: TimerHoldExpire, AggregateID: id}}}
		switch {
		case after.Status == ledger.HoldOpen && before == nil:
			timer.DueAt = after.ExpiresAt
			decision.Timers = append(decision.Timers, timer)
		case after.Status != ledger.HoldOpen && before != nil:
			decision.Timers = append(decision.Timers, timer)
		}
	}
	decision.Transfers = append(decision.Transfers, b.Transfers()...)
}
