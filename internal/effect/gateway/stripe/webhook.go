package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

const (
	// tolerance is how far the time of a signature may be from ours, to either side (docs.stripe.com/webhooks: five minutes).
	tolerance = webhook.DefaultTolerance
	// seenLimit bounds the deliveries that are remembered.
	seenLimit = 65536
	// signatureHeader carries time and signatures.
	signatureHeader = "Stripe-Signature"
)

// Errors of Receive. None of them repeats what the message held.
var (
	ErrNotConfigured = errors.New("stripe webhook: no signing secret is set")
	ErrNotSigned     = fmt.Errorf("stripe webhook: the signature is missing or wrong: %w", gateway.ErrForged)
	ErrTooOld        = fmt.Errorf("stripe webhook: the signature's time is too far from ours: %w", gateway.ErrForged)
	ErrReplayed      = errors.New("stripe webhook: this delivery was seen before")
)

// Receive implements gateway.Receiver.
//
// A delivery that is seen twice is refused. Stripe signs each delivery anew, with its time, so an event that it sends again since it
// was not taken the first time is another delivery of the same event and is read again; a copy of the first is not. Outcomes are
// decided by state in any case, so a replay after a restart does nothing either.
func (g *Gateway) Receive(header http.Header, body []byte, now time.Time) ([]gateway.Outcome, error) {
	event, err := g.open(header.Get(signatureHeader), body, now)
	if err != nil {
		return nil, err
	}
	outcome, about, err := read(event)
	if err != nil || !about {
		return nil, err
	}
	return []gateway.Outcome{outcome}, nil
}

// open checks a message and answers the event that it holds.
func (g *Gateway) open(signature string, body []byte, now time.Time) (sdk.Event, error) {
	if len(g.secrets) == 0 {
		return sdk.Event{}, ErrNotConfigured
	}
	if err := g.signed(signature, body); err != nil {
		return sdk.Event{}, err
	}
	if apart := now.Sub(signedAt(signature)); apart > tolerance || apart < -tolerance {
		return sdk.Event{}, ErrTooOld
	}
	var event sdk.Event
	if err := json.Unmarshal(body, &event); err != nil || event.ID == "" || event.Data == nil {
		return sdk.Event{}, errors.New("stripe webhook: the event cannot be read")
	}
	// The delivery is named by what Stripe signed, not by the header: whoever copies it could dress that up.
	if !g.first(event.ID + "@" + strconv.FormatInt(signedAt(signature).Unix(), 10)) {
		return sdk.Event{}, ErrReplayed
	}
	return event, nil
}

// first remembers a delivery, and tells whether it was unknown.
func (g *Gateway) first(delivery string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen.Contains(delivery) {
		return false
	}
	g.seen.Add(delivery, struct{}{})
	return true
}

// signed checks the signature by any of the secrets. The time is compared by open, with the caller's clock.
func (g *Gateway) signed(signature string, body []byte) error {
	for _, secret := range g.secrets {
		if webhook.ValidatePayloadIgnoringTolerance(body, signature, secret) == nil {
			return nil
		}
	}
	return ErrNotSigned
}

// signedAt is the time of a signature that was checked; the last one counts, as for the check.
func signedAt(signature string) (at time.Time) {
	for part := range strings.SplitSeq(signature, ",") {
		if digits, found := strings.CutPrefix(part, "t="); found {
			seconds, _ := strconv.ParseInt(digits, 10, 64)
			at = time.Unix(seconds, 0)
		}
	}
	return at
}

// read answers the outcome or the dispute that an event tells of; false when it is about none of our calls.
func read(event sdk.Event) (gateway.Outcome, bool, error) {
	switch event.Type {
	case sdk.EventTypePaymentIntentAmountCapturableUpdated, sdk.EventTypePaymentIntentPaymentFailed, sdk.EventTypePaymentIntentCanceled:
		return intentOutcome(event, metaHold, func(intent *sdk.PaymentIntent, _ string) gateway.Answer { return heldAnswer(intent) })
	case sdk.EventTypePaymentIntentSucceeded:
		return intentOutcome(event, metaCapture, capturedAnswer)
	case sdk.EventTypeRefundCreated, sdk.EventTypeRefundUpdated, sdk.EventTypeRefundFailed, sdk.EventTypeChargeRefundUpdated:
		refund := &sdk.Refund{}
		if err := json.Unmarshal(event.Data.Raw, refund); err != nil {
			return gateway.Outcome{}, false, unreadable(event)
		}
		return outcomeOf(refund.Metadata, metaRefund, refundAnswer(refund))
	case sdk.EventTypeChargeDisputeCreated, sdk.EventTypeChargeDisputeUpdated, sdk.EventTypeChargeDisputeClosed,
		sdk.EventTypeChargeDisputeFundsWithdrawn, sdk.EventTypeChargeDisputeFundsReinstated:
		return disputeOutcome(event)
	default: // charge.refunded among them: the refund's own events say it with our key
		return gateway.Outcome{}, false, nil
	}
}

// intentOutcome reads a PaymentIntent. Its key's call is known by now.
func intentOutcome(event sdk.Event, key string, answer func(*sdk.PaymentIntent, string) gateway.Answer,
) (gateway.Outcome, bool, error) {
	intent := &sdk.PaymentIntent{}
	if err := json.Unmarshal(event.Data.Raw, intent); err != nil {
		return gateway.Outcome{}, false, unreadable(event)
	}
	return outcomeOf(intent.Metadata, key, answer(intent, intent.Metadata[key]))
}

func unreadable(event sdk.Event) error {
	return fmt.Errorf("stripe webhook: the %s of event %s cannot be read", event.Type, event.ID) //nolint:err113 // for the log
}

func outcomeOf(metadata map[string]string, key string, answer gateway.Answer) (gateway.Outcome, bool, error) {
	outcome := gateway.Outcome{Tenant: metadata[metaTenant], Key: metadata[key], Answer: answer}
	return outcome, outcome.Tenant != "" && outcome.Key != "" && answer.Final(), nil
}
