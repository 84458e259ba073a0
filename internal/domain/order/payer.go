package order

import (
	"strconv"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Payable tells whether a payer may pay an order now: not while it has a payment, and not after its end. It refuses another customer
// (NOT_FOUND, requirement R-9) and an amount, a decimal number in the field, that is not the order's. Neither ever changes, so this
// may be asked before the command.
func Payable(o *state.Order, customer, field, amount string) (bool, *fault.Fault) {
	if o.CustomerID != customer {
		return false, fault.NotFoundf("order", o.ID)
	}
	minor, err := money.Parse(amount, o.Currency)
	if err != nil {
		return false, fault.Invalid(field, "AMOUNT_INVALID", "%v", err)
	}
	if minor != o.AmountMinor {
		return false, fault.Invalid(field, "AMOUNT_MISMATCH", "is %s %s, the order comes to %s", money.Format(minor, o.Currency), o.Currency,
			money.Format(o.AmountMinor, o.Currency)).
			With("currency", o.Currency).With("amount_minor", strconv.FormatInt(o.AmountMinor, 10))
	}
	return (o.Status == state.OrderPending || o.Status == state.OrderReserved) &&
		(o.PaymentStatus == state.PaymentNone || o.PaymentStatus == state.PaymentDeclined), nil
}
