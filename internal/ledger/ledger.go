// Package ledger is pure double entry: money moves by transfers between accounts, every transfer sums to zero, and nothing is
// ever changed, only added (requirement P-3). It computes; the store keeps.
package ledger

import (
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/money"
)

// The accounts of a shop. Balances are credits minus debits.
const (
	// GatewayClearing is what the gateway owes the shop: captured, not yet paid out. It is debited by captures.
	GatewayClearing = "gateway:clearing"
	// OrderRevenue is what orders have brought in. It is credited by captures and debited by refunds.
	OrderRevenue = "orders:revenue"
	// Disputes is money that the gateway has withdrawn for as long as a dispute is open. It is debited when one opens.
	Disputes = "disputes"
	// Chargebacks is what lost disputes have cost. It is debited when one is lost.
	Chargebacks = "orders:chargebacks"
	// GatewayFees is what the gateway charges for disputes.
	GatewayFees = "gateway:fees"
)

// Entry moves an amount on one account: above zero is a credit, below zero a debit.
type Entry struct {
	Account     string
	AmountMinor int64
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

// Move makes a transfer of an amount above zero from one account to another.
func Move(transfer Transfer, from, to string, amount int64) (Transfer, error) {
	if amount <= 0 {
		return Transfer{}, fmt.Errorf("transfer %s: amount %d is not above zero", transfer.ID, amount)
	}
	transfer.Entries = []Entry{{from, -amount}, {to, amount}}
	return transfer, transfer.Check()
}

// Check tells what is wrong with a transfer: too few entries, an amount of zero, a sum that is not zero, an overflow.
func (t Transfer) Check() error {
	if len(t.Entries) < 2 {
		return fmt.Errorf("transfer %s: %d entries, needs two at least", t.ID, len(t.Entries))
	}
	sum := int64(0)
	for _, entry := range t.Entries {
		if entry.AmountMinor == 0 || entry.Account == "" {
			return fmt.Errorf("transfer %s: an entry without amount or account", t.ID)
		}
		var err error
		if sum, err = money.Add(sum, entry.AmountMinor); err != nil {
			return fmt.Errorf("transfer %s: %w", t.ID, err)
		}
	}
	if sum != 0 {
		return fmt.Errorf("transfer %s: sums to %d, not to zero", t.ID, sum)
	}
	return nil
}
