package ledger

import (
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
)

// Source answers what is kept, or nil. What it answers is never changed.
type Source struct {
	Account func(id string) *Account
	Hold    func(id string) *Hold
}

// Books are the books as one decision leaves them: it opens them on what it has loaded, moves and holds money, and stores what they
// hold in the end. Each method does all of what it says or refuses and does nothing, so that a decision may go on after a refusal.
// Guarded accounts that are not kept yet have a balance of zero and come to be with their first entry.
type Books struct {
	tenant string
	now    time.Time
	source Source

	accounts  map[string]*Account
	holds     map[string]*Hold
	transfers []Transfer
}

// Open opens the books of a tenant at a time.
func Open(tenant string, now time.Time, source Source) *Books {
	return &Books{tenant: tenant, now: now, source: source, accounts: map[string]*Account{}, holds: map[string]*Hold{}}
}

// Accounts answers the guarded accounts that have changed, by id.
func (b *Books) Accounts() map[string]*Account { return b.accounts }

// Holds answers the holds that have changed, by id.
func (b *Books) Holds() map[string]*Hold { return b.holds }

// Transfers answers what was booked, in order.
func (b *Books) Transfers() []Transfer { return b.transfers }

// Account answers a guarded account as it stands, of zero when it is not kept yet.
func (b *Books) Account(id string) Account {
	if changed := b.accounts[id]; changed != nil {
		return *changed
	}
	if kept := b.source.Account(id); kept != nil {
		return *kept
	}
	return Account{Tenant: b.tenant, ID: id, CreatedAt: b.now}
}

// Hold answers a hold as it stands, or nil.
func (b *Books) Hold(id string) *Hold {
	if changed := b.holds[id]; changed != nil {
		return changed
	}
	return b.source.Hold(id)
}

// Leg is what a transfer does to one account: above zero a credit, below zero a debit.
type Leg struct {
	Account     string // its id
	AmountMinor int64
}

// Move books an amount above zero from one account to another, whatever their classes. It refuses with NOT_POSITIVE and as Post does.
func (b *Books) Move(transfer Transfer, from, to string, amount int64) *fault.Fault {
	if refusal := positive(amount); refusal != nil {
		return refusal
	}
	return b.Post(transfer, Leg{from, -amount}, Leg{to, amount})
}

// Post books a transfer; of transfer it takes id, kind, order and currency. The legs are booked in their order. It refuses with
// INSUFFICIENT_FUNDS when a guarded account has less available than is debited, and with AMOUNT_OVERFLOW when a balance would be
// more than an amount can be.
func (b *Books) Post(transfer Transfer, legs ...Leg) *fault.Fault { return b.post(transfer, nil, legs) }

// post is Post, on top of changes of accounts that it is a part of.
func (b *Books) post(transfer Transfer, changed map[string]*Account, legs []Leg) *fault.Fault {
	if changed == nil {
		changed = map[string]*Account{}
	}
	transfer.Tenant, transfer.At, transfer.Entries = b.tenant, b.now, make([]Entry, len(legs))
	for i, leg := range legs {
		entry := &transfer.Entries[i]
		entry.Account, entry.AmountMinor = leg.Account, leg.AmountMinor
		if name, _ := Parse(leg.Account); !name.Kind.Guarded() {
			continue
		}
		after := changed[leg.Account]
		if after == nil {
			after = b.next(leg.Account)
			changed[leg.Account] = after
		}
		if refusal := after.book(leg.AmountMinor); refusal != nil {
			return refusal
		}
		entry.Number, entry.BalanceMinor = after.Entries, after.BalanceMinor
	}
	if err := transfer.Check(); err != nil {
		return defect("the transfer is none").Because(err)
	}
	for id, after := range changed {
		b.accounts[id] = after
	}
	b.transfers = append(b.transfers, transfer)
	return nil
}

// next answers a copy of a guarded account for a change.
func (b *Books) next(id string) *Account {
	after := b.Account(id)
	after.Version++
	after.UpdatedAt = b.now
	return &after
}

// book adds an entry to an account.
func (a *Account) book(amount int64) *fault.Fault {
	if amount < 0 && a.AvailableMinor() < -amount {
		return insufficient(a, -amount)
	}
	balance, err := money.Add(a.BalanceMinor, amount)
	if err != nil {
		return fault.New(fault.InvalidArgument, "AMOUNT_OVERFLOW", "the balance of %s would exceed %d minor units", a.ID, int64(money.Limit))
	}
	a.BalanceMinor = balance
	a.Entries++
	return nil
}

// Place sets money aside on a guarded account; of hold it takes the id and the terms. A hold that is there already with these terms
// is answered as it stands, whatever became of it. It refuses with NOT_POSITIVE, INSUFFICIENT_FUNDS and, when the id was used with
// other terms, DUPLICATE.
func (b *Books) Place(hold Hold) (*Hold, *fault.Fault) {
	if refusal := positive(hold.AmountMinor); refusal != nil {
		return nil, refusal
	}
	if name, known := Parse(hold.Account); !known || !name.Kind.Guarded() {
		return nil, defect("%s cannot be held on", hold.Account)
	}
	if kept := b.Hold(hold.ID); kept != nil {
		if !kept.same(&hold) {
			return nil, duplicate(hold.ID)
		}
		return kept, nil
	}
	account := b.next(hold.Account)
	if account.AvailableMinor() < hold.AmountMinor {
		return nil, insufficient(account, hold.AmountMinor)
	}
	account.HeldMinor += hold.AmountMinor
	placed := Hold{
		Tenant: b.tenant, ID: hold.ID, Account: hold.Account, AmountMinor: hold.AmountMinor, Several: hold.Several,
		ExpiresAt: hold.ExpiresAt, CreatedAt: b.now, Status: HoldOpen, Version: 1, UpdatedAt: b.now,
	}
	b.accounts[account.ID], b.holds[hold.ID] = account, &placed
	return &placed, nil
}

// Capture is the second phase of a transfer: what becomes of held money.
type Capture struct {
	Transfer           // id, kind and order; the id says which capture it is
	HoldID      string // what is captured
	To          string // the account that gets it
	AmountMinor int64  // 0 for all that is held
	Last        bool   // of several captures: what is not captured then is free again
}

// CaptureLimit is the greatest number of captures of one hold.
const CaptureLimit = 100

// Capture takes held money. A hold for one capture ends with it, and one for several when all of it is captured or with the last
// one. A capture whose transfer was booked for the hold before is answered as it stands. It refuses with NOT_FOUND; INVALID_STATE when
// the hold has ended, holds less or was captured CaptureLimit times; DUPLICATE when the transfer was booked with another amount.
func (b *Books) Capture(c Capture) (*Hold, *fault.Fault) {
	hold := b.Hold(c.HoldID)
	if hold == nil {
		return nil, fault.NotFoundf("hold", c.HoldID)
	}
	for _, before := range hold.Captures {
		if before.TransferID != c.ID {
			continue
		}
		if c.AmountMinor != 0 && c.AmountMinor != before.AmountMinor {
			return nil, duplicate(c.ID)
		}
		return hold, nil
	}
	amount := c.AmountMinor
	if amount == 0 {
		amount = hold.HeldMinor()
	}
	switch {
	case hold.Status != HoldOpen:
		return nil, invalid(hold, "it is "+hold.Status.String())
	case amount < 0:
		return nil, positive(amount)
	case amount > hold.HeldMinor():
		return nil, invalid(hold, "it holds "+strconv.FormatInt(hold.HeldMinor(), 10)+" minor units")
	case len(hold.Captures) >= CaptureLimit:
		return nil, invalid(hold, "it was captured "+strconv.Itoa(CaptureLimit)+" times")
	}
	after := *hold
	after.CapturedMinor += amount
	after.Captures = append(slices.Clip(hold.Captures), Captured{TransferID: c.ID, AmountMinor: amount})
	if !hold.Several || c.Last || after.CapturedMinor == after.AmountMinor {
		after.Status = HoldCaptured
	}
	account := b.next(hold.Account)
	account.HeldMinor -= hold.HeldMinor() - after.HeldMinor()
	c.Currency = account.Name().Currency
	refusal := b.post(c.Transfer, map[string]*Account{account.ID: account}, []Leg{{account.ID, -amount}, {c.To, amount}})
	if refusal != nil {
		return nil, refusal
	}
	return b.keep(after), nil
}

// Void gives up what is still held. That of a hold which was voided or has expired is free already. It refuses with NOT_FOUND, and
// with INVALID_STATE when the hold was captured.
func (b *Books) Void(id string) (*Hold, *fault.Fault) {
	hold := b.Hold(id)
	switch {
	case hold == nil:
		return nil, fault.NotFoundf("hold", id)
	case hold.Status == HoldCaptured:
		return nil, invalid(hold, "it is "+hold.Status.String())
	case hold.Status != HoldOpen:
		return hold, nil
	}
	return b.release(hold, HoldVoided), nil
}

// Expire gives up what is still held when the hold's time is over; until then a hold can be captured. One that has ended is
// answered as it stands. It refuses with NOT_FOUND, and with TOO_EARLY.
func (b *Books) Expire(id string) (*Hold, *fault.Fault) {
	hold := b.Hold(id)
	switch {
	case hold == nil:
		return nil, fault.NotFoundf("hold", id)
	case hold.Status != HoldOpen:
		return hold, nil
	case hold.ExpiresAt.IsZero() || b.now.Before(hold.ExpiresAt):
		return nil, fault.New(fault.Aborted, "TOO_EARLY", "the hold expires at %s", hold.ExpiresAt.Format(time.RFC3339Nano))
	}
	return b.release(hold, HoldExpired), nil
}

func (b *Books) release(hold *Hold, status HoldStatus) *Hold {
	account := b.next(hold.Account)
	account.HeldMinor -= hold.HeldMinor()
	b.accounts[account.ID] = account
	after := *hold
	after.Status = status
	return b.keep(after)
}

// keep puts a changed hold into the books.
func (b *Books) keep(after Hold) *Hold {
	after.Version++
	after.UpdatedAt = b.now
	b.holds[after.ID] = &after
	return &after
}

func positive(amount int64) *fault.Fault {
	if amount <= 0 {
		return fault.Invalid("amount.amount_minor", "NOT_POSITIVE", "must be above 0, is %d", amount)
	}
	return nil
}

func insufficient(a *Account, wanted int64) *fault.Fault {
	currency := a.Name().Currency
	available := money.Format(a.AvailableMinor(), currency)
	return fault.New(fault.FailedPrecondition, "INSUFFICIENT_FUNDS", "%s %s are asked for, %s are available",
		money.Format(wanted, currency), currency, available).
		With("available", available).With("currency", currency).
		With("available_minor", strconv.FormatInt(a.AvailableMinor(), 10)).With("account_id", a.ID).
		Needing("BALANCE", a.ID, "available "+available+" "+currency)
}

func invalid(hold *Hold, why string) *fault.Fault {
	return fault.New(fault.FailedPrecondition, "INVALID_STATE", "the hold %s cannot do that: %s", hold.ID, why).
		With("hold_status", hold.Status.String()).Needing("HOLD_STATUS", hold.ID, "current status "+hold.Status.String())
}

func duplicate(id string) *fault.Fault {
	return fault.New(fault.AlreadyExists, "DUPLICATE", "%s exists with other terms", id).With("id", id)
}

// defect is a refusal that no state of the books can bring about.
func defect(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Internal, "INTERNAL", format, arguments...)
}
