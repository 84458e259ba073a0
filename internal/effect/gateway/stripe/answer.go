package stripe

import (
	"cmp"
	"time"

	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// about begins an answer about a PaymentIntent.
func about(intent *sdk.PaymentIntent, status gateway.Status, amount int64) gateway.Answer {
	currency, minor := fromStripe(string(intent.Currency), amount)
	answer := gateway.Answer{Status: status, ExternalID: intent.ID, Currency: currency, AmountMinor: minor}
	if charge := intent.LatestCharge; charge != nil && charge.PaymentMethodDetails != nil && charge.PaymentMethodDetails.Card != nil {
		details := charge.PaymentMethodDetails.Card
		answer.Card = card.Told(string(details.Brand), details.Last4)
		if details.CaptureBefore != 0 {
			answer.CaptureBefore = time.Unix(details.CaptureBefore, 0).UTC()
		}
	}
	return answer
}

// heldAnswer is what a PaymentIntent says of its hold. What was captured since was held.
func heldAnswer(intent *sdk.PaymentIntent) gateway.Answer {
	switch intent.Status {
	case sdk.PaymentIntentStatusRequiresCapture:
		return about(intent, gateway.Succeeded, intent.AmountCapturable)
	case sdk.PaymentIntentStatusSucceeded:
		return about(intent, gateway.Succeeded, intent.Amount)
	case sdk.PaymentIntentStatusProcessing:
		return about(intent, gateway.Pending, intent.Amount)
	default:
		answer := about(intent, gateway.Declined, intent.Amount)
		answer.Reason = cmp.Or(reasonOf(intent.LastPaymentError), string(intent.CancellationReason), string(intent.Status))
		return answer
	}
}

// capturedAnswer is what a PaymentIntent says of the capture with a key.
func capturedAnswer(intent *sdk.PaymentIntent, key string) gateway.Answer {
	switch intent.Status {
	case sdk.PaymentIntentStatusSucceeded:
		answer := about(intent, gateway.Succeeded, intent.AmountReceived)
		if by := intent.Metadata[metaCapture]; by != "" && by != key {
			answer.Status, answer.Reason = gateway.Declined, "already_captured"
		}
		return answer
	case sdk.PaymentIntentStatusProcessing:
		return about(intent, gateway.Pending, intent.Amount)
	case sdk.PaymentIntentStatusRequiresCapture:
		return gateway.Answer{Status: gateway.NotFound}
	default:
		answer := about(intent, gateway.Declined, intent.Amount)
		answer.Reason = cmp.Or(string(intent.CancellationReason), string(intent.Status))
		return answer
	}
}

// voidedAnswer is what a PaymentIntent says of giving its hold up.
func voidedAnswer(intent *sdk.PaymentIntent) gateway.Answer {
	switch intent.Status {
	case sdk.PaymentIntentStatusCanceled:
		return about(intent, gateway.Succeeded, intent.Amount)
	case sdk.PaymentIntentStatusSucceeded:
		answer := about(intent, gateway.Declined, intent.Amount)
		answer.Reason = "already_captured"
		return answer
	default:
		return about(intent, gateway.Pending, intent.Amount)
	}
}

// refundAnswer is what a Refund says. One that succeeded may fail days later, when a bank sends the money back: refund.failed tells.
func refundAnswer(refund *sdk.Refund) gateway.Answer {
	answer := gateway.Answer{Status: gateway.Pending, ExternalID: refund.ID}
	answer.Currency, answer.AmountMinor = fromStripe(string(refund.Currency), refund.Amount)
	switch refund.Status {
	case sdk.RefundStatusSucceeded:
		answer.Status = gateway.Succeeded
	case sdk.RefundStatusFailed, sdk.RefundStatusCanceled:
		answer.Status, answer.Reason = gateway.Declined, cmp.Or(string(refund.FailureReason), string(refund.Status))
	case sdk.RefundStatusPending, sdk.RefundStatusRequiresAction:
	}
	return answer
}
