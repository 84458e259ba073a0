// Package wallet moves and holds money of guarded accounts: the single steps that a wallet's commands are made of, each a command of
// its own too. What money is moved for is for whoever moves it; these know accounts only (requirement P-3).
package wallet

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Move books a transfer between two accounts. It refuses as ledger.Books.Move does.
type Move struct {
	Tenant      string
	Transfer    ledger.Transfer // id, kind, order and currency
	From, To    string          // ids of accounts
	AmountMinor int64           // above zero
}

// Refs implements domain.Command.
func (c Move) Refs() []state.Ref { return domain.AccountRefs(c.Tenant, c.From, c.To) }

// Decide implements domain.Command. It is not idempotent: whoever does it twice is refused by the store, which knows the transfer.
func (c Move) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(states, c.Tenant, now)
	if refusal := books.Move(c.Transfer, c.From, c.To, c.AmountMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	var decision domain.Decision
	books.Into(&decision)
	return decision, nil
}

// Place sets money aside. It refuses as ledger.Books.Place does.
type Place struct {
	Tenant string
	Hold   ledger.Hold // id and terms
}

// Refs implements domain.Command.
func (c Place) Refs() []state.Ref {
	return append(domain.AccountRefs(c.Tenant, c.Hold.Account), state.HoldRef(c.Tenant, c.Hold.ID))
}

// Decide implements domain.Command. It answers the hold.
func (c Place) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(states, c.Tenant, now)
	hold, refusal := books.Place(c.Hold)
	return held(books, hold, refusal)
}

// Held names a hold and the account that it is on: both rows are needed to end it.
type Held struct{ Tenant, HoldID, Account string }

// Refs implements domain.Command.
func (h Held) Refs() []state.Ref {
	return append(domain.AccountRefs(h.Tenant, h.Account), state.HoldRef(h.Tenant, h.HoldID))
}

// Capture takes held money. It refuses as ledger.Books.Capture does.
type Capture struct {
	Held
	Capture ledger.Capture // all but the hold's id
}

// Refs implements domain.Command.
func (c Capture) Refs() []state.Ref {
	return append(c.Held.Refs(), domain.AccountRefs(c.Tenant, c.Capture.To)...)
}

// Decide implements domain.Command. It answers the hold.
func (c Capture) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(states, c.Tenant, now)
	c.Capture.HoldID = c.HoldID
	hold, refusal := books.Capture(c.Capture)
	return held(books, hold, refusal)
}

// Void gives up what is held. It refuses as ledger.Books.Void does.
type Void struct{ Held }

// Decide implements domain.Command. It answers the hold.
func (c Void) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(states, c.Tenant, now)
	hold, refusal := books.Void(c.HoldID)
	return held(books, hold, refusal)
}

// Expire gives up what is held when the hold's time is over. It refuses as ledger.Books.Expire does.
type Expire struct{ Held }

// Decide implements domain.Command. It answers the hold.
func (c Expire) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(states, c.Tenant, now)
	hold, refusal := books.Expire(c.HoldID)
	return held(books, hold, refusal)
}

func held(books domain.Books, hold *ledger.Hold, refusal *fault.Fault) (domain.Decision, *fault.Fault) {
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	decision := domain.Decision{Answer: state.HoldRef(hold.Tenant, hold.ID)}
	books.Into(&decision)
	return decision, nil
}
