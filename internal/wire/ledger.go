package wire

import (
	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Account writes how an account stands.
func Account(a *state.Account) *omsv1.Account {
	name := a.Name()
	money := func(amount int64) *omsv1.Money { return &omsv1.Money{Currency: name.Currency, AmountMinor: amount} }
	return &omsv1.Account{
		Id: a.ID, Owner: name.Owner, Kind: string(name.Kind), Guarded: name.Kind.Guarded(), Balance: money(a.BalanceMinor),
		Held: money(a.HeldMinor), Available: money(a.AvailableMinor()), Entries: a.Entries, Version: a.Version,
		CreatedAt: stamp(a.CreatedAt), UpdatedAt: stamp(a.UpdatedAt),
	}
}

// AccountEntry writes an entry of an account of a currency.
func AccountEntry(b *state.Booked, currency string) *omsv1.AccountEntry {
	entry := &omsv1.AccountEntry{
		TransferId: b.TransferID, Kind: b.Kind, OrderId: b.OrderID, BookedAt: stamp(b.At), Number: b.Number,
		Amount: &omsv1.Money{Currency: currency, AmountMinor: b.AmountMinor},
	}
	if b.Number > 0 {
		entry.Balance = &omsv1.Money{Currency: currency, AmountMinor: b.BalanceMinor}
	}
	return entry
}
