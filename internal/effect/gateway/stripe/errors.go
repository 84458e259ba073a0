package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// refusals are requests that Stripe refuses for the state of the money, not for their form: outcomes, not errors.
var refusals = map[sdk.ErrorCode]bool{
	sdk.ErrorCodeAmountTooLarge: true, sdk.ErrorCodeAmountTooSmall: true,
	sdk.ErrorCodeChargeAlreadyCaptured: true, sdk.ErrorCodeChargeAlreadyRefunded: true, sdk.ErrorCodeChargeExpiredForCapture: true,
	sdk.ErrorCodePaymentIntentUnexpectedState: true, sdk.ErrorCodePaymentMethodUnexpectedState: true,
	sdk.ErrorCodeCardDeclineRateLimitExceeded: true, sdk.ErrorCodeInsufficientFunds: true, "charge_disputed": true,
}

// judge sorts an error of Stripe (docs.stripe.com/error-low-level): an answer when it is a refusal, else an error with its class.
// Words for the log never hold what Stripe was sent: its message may repeat a parameter, which may be a card number by mistake
// (requirement S-5), so only its type, code and request id are told.
func judge(err error) (gateway.Answer, error) {
	var told *sdk.Error
	if !errors.As(err, &told) {
		return gateway.Answer{}, unreached(err)
	}
	refused := gateway.Answer{Status: gateway.Declined, Reason: reasonOf(told)}
	if told.PaymentIntent != nil {
		refused.ExternalID = told.PaymentIntent.ID
	}
	words := fmt.Errorf("stripe answered %d %s %s, request %s", //nolint:err113 // for the log and the letter
		told.HTTPStatusCode, told.Type, told.Code, told.RequestID)
	switch {
	case told.HTTPStatusCode == http.StatusTooManyRequests, told.HTTPStatusCode == http.StatusUnauthorized:
		return gateway.Answer{}, gateway.NotReached(words) // before it began; a wrong key is the operator's to set right
	case told.HTTPStatusCode == http.StatusConflict, told.HTTPStatusCode >= http.StatusInternalServerError:
		return gateway.Answer{}, gateway.Unknown(words) // the key is in use by a call under way, or something broke midway
	case told.Type == sdk.ErrorTypeCard, refusals[told.Code]:
		return refused, nil
	case told.Code == sdk.ErrorCodeResourceMissing && told.Param == "payment_method":
		refused.Reason = "invalid_token"
		return refused, nil
	default: // idempotency_error among them: the key was used for another call
		return gateway.Answer{}, gateway.Permanent(words)
	}
}

// unreached sorts errors that are not Stripe's words. A connection that was never made carried nothing.
func unreached(err error) error {
	var network *net.OpError
	var name *net.DNSError
	if errors.As(err, &name) || errors.As(err, &network) && network.Op == "dial" {
		return gateway.NotReached(errors.New("stripe cannot be reached"))
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return gateway.Unknown(errors.New("stripe did not answer in time"))
	}
	return gateway.Unknown(errors.New("stripe's answer was lost or cannot be read"))
}

func reasonOf(told *sdk.Error) string {
	switch {
	case told == nil:
		return ""
	case told.DeclineCode != "":
		return string(told.DeclineCode)
	default:
		return string(told.Code)
	}
}
