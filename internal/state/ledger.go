package state

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/ledger"
)

// Account is the row of a guarded account (docs/decisions/0014). Views answer summed accounts in this form too, which have no row.
type Account struct{ ledger.Account }

// AccountRef names the row of an account.
func AccountRef(tenant, id string) Ref { return Ref{KindAccount, tenant, id} }

// Ref implements Row.
func (a *Account) Ref() Ref { return AccountRef(a.Tenant, a.ID) }

// EventSeq implements Row; accounts have no events of their own, their entries tell.
func (a *Account) EventSeq() int64 { return 0 }

// Hold is the row of a hold.
type Hold struct{ ledger.Hold }

// HoldRef names the row of a hold.
func HoldRef(tenant, id string) Ref { return Ref{KindHold, tenant, id} }

// Ref implements Row.
func (h *Hold) Ref() Ref { return HoldRef(h.Tenant, h.ID) }

// EventSeq implements Row; holds have no events of their own.
func (h *Hold) EventSeq() int64 { return 0 }

// AccountQuery selects a page of an owner's accounts, by id.
type AccountQuery struct {
	Tenant string
	Owner  string // empty for the tenant's own
	After  string // only accounts with a greater id; empty for the first page
	Limit  int
}

// EntryPlace is where an entry stands among those of its account: by time, then by number, then by transfer.
type EntryPlace struct {
	At         time.Time
	Number     int64
	TransferID string
	No         int32 // of the entry in its transfer
}

// Booked is an entry of an account and what it belongs to.
type Booked struct {
	EntryPlace
	Kind         string // of the transfer
	OrderID      string
	AmountMinor  int64
	BalanceMinor int64 // after it; 0 for summed accounts
}

// StatementQuery selects a page of an account's entries, oldest first.
type StatementQuery struct {
	Tenant, Account string
	From            time.Time  // inclusive; zero for the beginning
	Before          time.Time  // exclusive; zero for the present
	After           EntryPlace // only entries behind it; zero for the first page
	Limit           int
}

// Statement is a page of entries, and what the balance was at both ends of the query's time, all of one moment.
type Statement struct {
	OpeningMinor, ClosingMinor int64
	Entries                    []Booked
}
