package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Machine reasons that a timeline has words for, as the domains write them.
const (
	reasonStock        = "OUT_OF_STOCK"
	reasonExpired      = "EXPIRED"
	reasonClient       = "CANCELED_BY_CLIENT"
	reasonDeclined     = "PAYMENT_DECLINED"
	reasonFailed       = "PAYMENT_FAILED"
	reasonRefunded     = "REFUNDED"
	reasonCancel       = "CANCEL_REQUESTED"
	reasonRefund       = "REFUND_REQUESTED"
	reasonRefundFailed = "REFUND_FAILED"
	reasonLate         = "LATE_SUCCESS"
	reasonVoid         = "VOID_REQUESTED"
	reasonDeadLetter   = "GIVEN_UP"

	reasonDisputeOpened  = "DISPUTE_OPENED"
	reasonDisputeWon     = "DISPUTE_WON"
	reasonDisputeLost    = "DISPUTE_LOST"
	reasonDisputeUpdated = "DISPUTE_UPDATED"
)

// because says in a clause why an order is undone.
func because(reason string) string {
	switch reason {
	case reasonExpired:
		return "nobody paid in time"
	case reasonStock:
		return "the stock did not suffice"
	case reasonClient:
		return "the order was canceled"
	case reasonDeclined:
		return "the payment was declined"
	case reasonFailed:
		return "the held money could not be captured"
	case "":
		return "it is needed no more"
	default:
		return "of " + reason
	}
}

// orderWords tells that an order came into a status; free says that there was nothing to pay.
func orderWords(to state.OrderStatus, reason string, free bool) string {
	switch to {
	case state.OrderPending:
		return "The order was accepted."
	case state.OrderReserved:
		return "All of the order's stock is reserved."
	case state.OrderPaid:
		if free {
			return "There is nothing to pay."
		}
		return "The money is held, and it is captured next."
	case state.OrderConfirmed:
		return "The order is paid and its stock is sold."
	case state.OrderCanceled:
		if reason == reasonClient {
			return "The order was canceled by a caller."
		}
		return "The order ended, since " + because(reason) + "."
	case state.OrderRefunded:
		if reason == reasonClient {
			return "The order ended: it had been canceled, and nothing that was paid is left to give back."
		}
		return "The order ended: all that was paid has been given back."
	default:
		return "The order changed."
	}
}

// updateWords tells of a change within an order's status.
func updateWords(reason string) string {
	switch reason {
	case "PAYMENT_REQUESTED":
		return "A payment was accepted; it begins as soon as the stock is reserved."
	case "PAYMENT_PROCESSING":
		return "A payment was accepted."
	case "PAYMENT_UNKNOWN":
		return "It is not known what became of the payment; the gateway is asked."
	case reasonDeclined:
		return "The payment was declined; the order stays reserved, and may be paid again until it expires."
	case "PAYMENT_VOIDED":
		return "The money is held no more."
	case reasonCancel:
		return "The order is to be canceled; as it is being paid, the money is given back as soon as it is captured."
	case "COMPENSATING":
		return "The money was captured meanwhile and is given back."
	case reasonRefund:
		return "A refund was asked for."
	case "REFUND_SUCCEEDED":
		return "A refund was carried out."
	case reasonRefundFailed:
		return "The gateway refused a refund, or gave its money back to the shop."
	case reasonDisputeOpened:
		return "A part of the captured money is withdrawn: the payer disputes it."
	case reasonDisputeWon:
		return "Money that had been withdrawn for a dispute is back."
	case reasonDisputeLost:
		return "A dispute is lost; its money stays with the payer."
	case reasonDisputeUpdated:
		return "The amount that is disputed has changed."
	case order.ItemsChanged:
		return "The lines of the order were changed; stock that is named is what is reserved for it from now on."
	case order.DeliveryChanged:
		return "It was said where the goods go."
	case order.ClientChanged:
		return "It was said whose order it is."
	case order.DetailsGone:
		return "The delivery and client details were deleted."
	case order.FieldsChanged:
		return "Parts of the order were changed; the history of changes names them."
	case order.OperatorRetry:
		return "An operator has the step tried again that the order waits for."
	case order.OperatorCompensation:
		return "An operator ends the order: stock is released, money is given back."
	default:
		return "The order changed: " + reason + "."
	}
}

// paymentWords tells of a change of a payment.
func paymentWords(from, to state.PaymentStatus, reason string) string {
	switch {
	case reason == payment.ReasonReturned:
		return "A refund that had succeeded came back: the shop has the money again."
	case reason == reasonDisputeUpdated:
		return "A dispute that was told of before is booked now."
	case reason == reasonRefund:
		return "Captured money is to be given back."
	case reason == reasonCancel:
		return "The payment is given up as soon as its outcome is known."
	case reason == reasonVoid:
		return "The held money is to be set free."
	case reason == reasonLate:
		return "The money is held, but the order has ended; the hold is given up."
	case from == to && (to == state.PaymentCaptured || to == state.PaymentPartiallyRefunded) && reason != "":
		return "A refund was refused."
	}
	switch to {
	case state.PaymentProcessing:
		return "The payment began."
	case state.PaymentAuthorized:
		return "The money is held."
	case state.PaymentCaptured:
		return "The money was captured."
	case state.PaymentDeclined:
		if from == state.PaymentAuthorized {
			return "The held money could not be captured."
		}
		return "The payment was declined."
	case state.PaymentVoided:
		return "The hold was given up; no money was taken."
	case state.PaymentPartiallyRefunded:
		return "A part of the captured money was given back."
	case state.PaymentRefunded:
		return "All captured money was given back."
	case state.PaymentUnknown:
		return "The gateway's answer was lost; the gateway is asked before anything else happens."
	default:
		return "The payment changed."
	}
}

// callWords says what the gateway is asked to do.
func callWords(e *state.Effect) string {
	sum := amount(e.AmountMinor, e.Currency)
	switch e.Kind {
	case payment.KindHold:
		return "hold " + sum
	case payment.KindCapture:
		return "capture " + sum
	case payment.KindVoid:
		return "give up the hold of " + sum
	case payment.KindRefund:
		return "give back " + sum
	default:
		return e.Kind
	}
}

// attemptWords tells what came of an attempt.
func attemptWords(e *state.Effect, did state.EffectAttempt) string {
	what := "The gateway was asked to " + callWords(e)
	if did.Asked {
		what = "The gateway was asked what became of the call to " + callWords(e)
	}
	switch did.Result {
	case state.ResultSucceeded:
		return what + ": it was done."
	case state.ResultRefused:
		return what + ": it was refused (" + did.Reason + ")."
	case state.ResultNotReached:
		return what + ", but the call did not reach it."
	case state.ResultUnknown:
		if did.Asked {
			return what + ", and could not tell."
		}
		return what + ", but its answer was lost; whether it was done is not known."
	case state.ResultPending:
		return what + ": it has not decided yet."
	case state.ResultNotFound:
		return what + ": it knows of no such call, so it is called again."
	case state.ResultUnanswered:
		return what + ", and nothing was heard of it in time; the gateway is asked what became of it."
	case state.ResultUnusable:
		return what + ", and its answer cannot be booked."
	default:
		return what + "."
	}
}

// givenUpWords tells of the dead letter of a call.
func givenUpWords(e *state.Effect) string {
	return "The call to " + callWords(e) + " is given up and waits for an operator."
}

// letterWords tells of a dead letter without its error, which is for operators. e is nil when it is about a step of the flow.
func letterWords(letter *state.DeadLetter, e *state.Effect) string {
	switch {
	case e != nil && e.State == state.EffectDone:
		return "The gateway refused to " + callWords(e) + ", which cannot be left so; it waits for an operator."
	case e != nil:
		return givenUpWords(e)
	case letter.Kind == deadletter.KindEffect:
		return "A call to the gateway is given up and waits for an operator."
	default:
		return "What follows from " + letter.Kind + " could not be carried out and waits for an operator."
	}
}

// shown is how many SKUs a message names.
const shown = 3

// pieces writes demands for people.
func pieces(items []state.Demand) string {
	texts := make([]string, 0, shown)
	for _, item := range items[:min(len(items), shown)] {
		texts = append(texts, fmt.Sprintf("%d × %s", item.Quantity, item.SKU))
	}
	text := strings.Join(texts, ", ")
	if more := len(items) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// amount writes minor units for people: 1460 EUR are "14.60 EUR".
func amount(minor int64, currency string) string {
	exponent, known := money.Exponent(currency)
	if !known || minor < 0 {
		return strconv.FormatInt(minor, 10) + " minor units of " + currency
	}
	digits := strconv.FormatInt(minor, 10)
	if exponent > 0 {
		if missing := exponent + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-exponent] + "." + digits[len(digits)-exponent:]
	}
	return digits + " " + currency
}
