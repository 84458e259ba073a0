// Package ledger is pure double entry: money moves by transfers between accounts, every transfer sums to zero, and nothing is
// ever changed, only added (requirement P-3). It computes; the store keeps.
//
// Accounts come in two classes (docs/decisions/0014). Guarded ones must not go below zero: they are rows, which a decision loads and
// changes with Books. Summed ones may: they have no row, so that nobody waits for a hot one, and their balance is the sum of their
// entries.
package ledger

import (
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/money"
)

// Entry moves an amount on one account: above zero is a credit, below zero a debit.
type Entry struct {
	Account      string // its id
	AmountMinor  int64
	Number       int64 // of the account's entries, which count from 1 without gaps; 0 for summed accounts
	BalanceMinor int64 // of the account after it; 0 for summed accounts
}

// Transfer is a set of entries of one currency that sums to zero. Its ID derives from the step that caused it, so that a step
// done again would be refused by the store rather than booked twice.
type Transfer struct {
	Tenant   string
	ID       string // "transfer:<uuid of the payment>/capture", ".../refund/1", ".../refund/1/returned" or ".../dispute/1/2"
	Kind     string // "payment.capture", "payment.refund", "payment.refund_returned", "payment.dispute", "payment.dispute_fee"
	OrderID  string
	Currency string
	At       time.Time
	Entries  []Entry
}

// Move makes a transfer of an amount above zero between two summed accounts, which nobody has to load. Each is named by its id, or
// by its kind when it is the tenant's own.
func Move(transfer Transfer, from, to string, amount int64) (Transfer, error) {
	if amount <= 0 {
		return Transfer{}, fmt.Errorf("transfer %s: amount %d is not above zero", transfer.ID, amount)
	}
	transfer.Entries = []Entry{
		{Account: named(from, transfer.Currency), AmountMinor: -amount}, {Account: named(to, transfer.Currency), AmountMinor: amount},
	}
	return transfer, transfer.Check()
}

// Check tells what is wrong with a transfer: too few entries, an amount of zero, a sum that is not zero, an overflow, an account of
// another currency, an entry of a guarded account that was not made by Books.
func (t Transfer) Check() error {
	if len(t.Entries) < 2 {
		return fmt.Errorf("transfer %s: %d entries, needs two at least", t.ID, len(t.Entries))
	}
	sum := int64(0)
	for i := range t.Entries {
		if err := t.Entries[i].check(t.Currency); err != nil {
			return fmt.Errorf("transfer %s: %w", t.ID, err)
		}
		var err error
		if sum, err = money.Add(sum, t.Entries[i].AmountMinor); err != nil {
			return fmt.Errorf("transfer %s: %w", t.ID, err)
		}
	}
	if sum != 0 {
		return fmt.Errorf("transfer %s: sums to %d, not to zero", t.ID, sum)
	}
	return nil
}

func (e *Entry) check(currency string) error {
	name, known := Parse(e.Account)
	switch {
	case e.AmountMinor == 0 || e.Account == "":
		return fmt.Errorf("an entry without amount or account")
	case !known:
		return fmt.Errorf("%q is no account", e.Account)
	case name.Currency != currency:
		return fmt.Errorf("%s has another currency than %s", e.Account, currency)
	case name.Kind.Guarded() != (e.Number > 0):
		return fmt.Errorf("the entry of %s has number %d", e.Account, e.Number)
	}
	return nil
}
