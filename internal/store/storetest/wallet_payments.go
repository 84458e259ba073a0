package storetest

import (
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// worldPurse is the account that pays for orders of the world.
var worldPurse = ledger.ID("customer-1", ledger.PlayerCash, "EUR")

// addFromWallet adds to a world an order whose payment is set aside in its customer's wallet, and one that was taken from it and partly
// given back.
func (s *suite) addFromWallet(changes *state.Changes, w *world) {
	s.Helper()
	w.setAside, w.fromWallet = addOrder(changes, state.OrderPaid), addOrder(changes, state.OrderConfirmed)
	addReservation(changes, w.setAside, state.ReservationHeld)
	addReservation(changes, w.fromWallet, state.ReservationSold)
	revenue := ledger.ID("", ledger.OrderRevenue, "EUR")
	transfer := ledger.Transfer{
		OrderID: w.fromWallet.ID, Currency: "EUR", Kind: "payment.capture", ID: id.Derive("transfer", w.fromWallet.ID) + "/capture",
	}
	refund := transfer
	refund.Kind, refund.ID = "payment.refund", id.Derive("transfer", w.fromWallet.ID)+"/refund/1"
	s.teller().book(changes, longAgo(), func(books *ledger.Books) {
		refusal := books.Move(ledger.Transfer{ID: "transfer:purse", Kind: "test", Currency: "EUR"}, worldHouse, worldPurse, 5000)
		for _, order := range []*state.Order{w.setAside, w.fromWallet} {
			if refusal == nil {
				_, refusal = books.Place(ledger.Hold{ID: id.Derive("hold", order.ID), Account: worldPurse, AmountMinor: worldAmount})
			}
		}
		if refusal == nil {
			_, refusal = books.Capture(ledger.Capture{Transfer: transfer, HoldID: id.Derive("hold", w.fromWallet.ID), To: revenue})
		}
		if refusal == nil {
			refusal = books.Move(refund, revenue, worldPurse, worldReturned)
		}
		if refusal != nil {
			s.Fatal(refusal)
		}
	})
	authorized, captured := walletPayment(w.setAside), walletPayment(w.fromWallet)
	authorized.Status = state.PaymentAuthorized
	captured.Status, captured.CapturedMinor, captured.RefundedMinor = state.PaymentPartiallyRefunded, worldAmount, worldReturned
	captured.Refunds = []state.Refund{{Number: 1, AmountMinor: worldReturned, State: state.RefundSucceeded, CreatedAt: captured.UpdatedAt}}
	for i, payment := range []*state.Payment{authorized, captured} {
		order := []*state.Order{w.setAside, w.fromWallet}[i]
		order.PaymentStatus, order.CapturedMinor, order.RefundedMinor = payment.Status, payment.CapturedMinor, payment.RefundedMinor
		insert(changes, payment)
		addEvent(changes, payment.Ref(), 1, "payment.status_changed")
	}
}

func walletPayment(order *state.Order) *state.Payment {
	return &state.Payment{
		Tenant: tenant, ID: id.Derive("payment", order.ID), OrderID: order.ID, Currency: order.Currency, AmountMinor: worldAmount,
		Provider: "wallet", ExternalID: worldPurse, Attempt: 1, Version: 1, CreatedAt: order.CreatedAt, UpdatedAt: order.UpdatedAt,
	}
}

// walletPlants are violations of the invariants of payments from wallets.
var walletPlants = []plant{
	{name: "paid from a wallet, and nothing is set aside", breaks: store.WalletPaymentsAdd, about: derived("payment", setAside),
		sql: `UPDATE account_holds SET hold_id = 'hold:else' WHERE hold_id = 'hold' || substr('$id', 8)`},
	{name: "set aside in a wallet for a payment that was declined", breaks: store.WalletPaymentsAdd, about: derived("payment", setAside),
		sql: `UPDATE payments SET status = 5 WHERE payment_id = '$id'`},
	{name: "set aside in a wallet for a payment that is captured", breaks: store.WalletPaymentsAdd, about: derived("payment", setAside),
		sql: `UPDATE payments SET status = 4, captured_minor = amount_minor WHERE payment_id = '$id'`},
	{name: "another amount set aside than is paid", breaks: store.WalletPaymentsAdd, about: derived("payment", setAside),
		sql: `UPDATE payments SET amount_minor = amount_minor + 1 WHERE payment_id = '$id'`},
	{name: "refunded by the payment, and not in the wallet", breaks: store.WalletPaymentsAdd, about: derived("payment", fromWallet),
		sql: `UPDATE payments SET refunded_minor = refunded_minor + 1 WHERE payment_id = '$id'`},
	{name: "taken from another wallet than the customer's", breaks: store.WalletPaymentsAdd, about: derived("payment", fromWallet),
		sql: `UPDATE orders SET customer_id = 'else' WHERE 'payment' || substr(order_id, 6) = '$id'`},
	{name: "a payment at a gateway that a wallet has paid", breaks: store.GatewaysTouchNoWallet, about: derived("transfer", fromWallet),
		sql: `UPDATE payments SET provider = 'simulator' WHERE payment_id = 'payment' || substr('$id', 9)`},
	{name: "a payment at a gateway, and set aside in a wallet", breaks: store.GatewaysTouchNoWallet, about: derived("hold", setAside),
		sql: `UPDATE payments SET provider = 'simulator' WHERE payment_id = 'payment' || substr('$id', 5)`},
	{name: "a call to a gateway for a payment from a wallet", breaks: store.WalletPaymentsAdd, about: derived("payment", fromWallet),
		sql: `UPDATE effects SET provider = 'wallet', effect_id = 'effect' || substr('$id', 8) || '/hold/1' WHERE kind = 'gateway.void'`},
}

func setAside(w *world) *state.Order   { return w.setAside }
func fromWallet(w *world) *state.Order { return w.fromWallet }
