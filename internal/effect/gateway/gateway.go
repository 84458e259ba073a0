// Package gateway is how the effect workers talk to payment gateways, and a gateway of our own, the Simulator.
//
// A gateway is asked to hold, capture, void or refund under an idempotency key, which is the id of the effect: the same key is
// never carried out twice. It is asynchronous as a rule: it accepts a call and tells the outcome later by a callback, which may
// come late, twice, out of order or never. Lookup is what makes that safe. It tells what became of a key, so that a caller who
// lost an answer asks before it calls again.
//
// Errors say one thing that matters: whether the call may have taken place (see Class).
package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
)

// Kinds of calls, as effects name them.
const (
	KindHold    = "gateway.hold"
	KindCapture = "gateway.capture"
	KindVoid    = "gateway.void"
	KindRefund  = "gateway.refund"
	KindPayout  = "gateway.payout"
)

// Request is one call. Amounts are minor units of the currency.
type Request struct {
	Tenant      string
	Key         string // idempotency key: the id of the effect
	Payment     string // "payment:<uuid>", or "player_payment:<uuid>"
	OrderID     string // "order:<uuid>"; empty where it is no order's
	Token       string // the payer's means; holds and payouts only, and never logged
	ExternalID  string // the gateway's number of the hold; empty for holds and payouts
	Currency    string
	AmountMinor int64
	TraceID     string
}

// Status is what became of a call.
type Status uint8

// The statuses of an answer.
const (
	_         Status = iota
	Accepted         // the outcome follows by callback
	Succeeded        // done
	Declined         // refused for Reason; nothing was done
	Pending          // known and not decided yet
	NotFound         // unknown to the gateway, so it was not done and never will be without another call
)

// String names the status.
func (s Status) String() string {
	names := [...]string{"unset", "accepted", "succeeded", "declined", "pending", "not_found"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unset"
}

// Answer is what a gateway says of a call. Currency and amount are the gateway's own words: they are compared with what was
// asked for, and a success over another amount is never booked.
type Answer struct {
	Status      Status
	Reason      string // of a refusal, such as "insufficient_funds"
	ExternalID  string // the gateway's number, where it has one
	Currency    string
	AmountMinor int64
	// CaptureBefore is when the gateway lets a hold go by itself; zero where it does not say.
	CaptureBefore time.Time
	// Card is the card of a hold; zero where the gateway does not say, or it was no card.
	Card card.Summary
}

// Final tells whether the answer is an outcome.
func (a Answer) Final() bool { return a.Status == Succeeded || a.Status == Declined }

// Gateway moves money. Its methods are called by many goroutines at once, answer within ctx, and are idempotent by key.
type Gateway interface {
	// Hold sets money aside.
	Hold(ctx context.Context, request Request) (Answer, error)
	// Capture takes money that is held.
	Capture(ctx context.Context, request Request) (Answer, error)
	// Void gives a hold up that was not captured. One that has gone by itself, as holds expire, is given up: Succeeded. Declined means
	// that money may be held still, and somebody has to see to it.
	Void(ctx context.Context, request Request) (Answer, error)
	// Refund gives captured money back.
	Refund(ctx context.Context, request Request) (Answer, error)
	// Lookup tells what became of the call with the request's key: Succeeded, Declined, Pending or NotFound.
	Lookup(ctx context.Context, request Request) (Answer, error)
}

// Callback takes the outcome of an accepted call. The error says that it was not taken, so that the sender comes again.
type Callback func(ctx context.Context, tenant, key string, answer Answer) error

// Call makes the call that an effect's kind names.
func Call(ctx context.Context, g Gateway, kind string, request Request) (Answer, error) {
	switch kind {
	case KindHold:
		return g.Hold(ctx, request)
	case KindCapture:
		return g.Capture(ctx, request)
	case KindVoid:
		return g.Void(ctx, request)
	case KindRefund:
		return g.Refund(ctx, request)
	case KindPayout:
		return payOut(ctx, g, request)
	case KindEmail, KindSMS:
		if sender, can := g.(Sender); can {
			return sender.Send(ctx, request)
		}
	}
	return Answer{}, Permanent(fmt.Errorf("this gateway knows no call %q", kind))
}

// Class tells what an error means for the next step.
type Class uint8

// The classes of errors. Unknown is the zero value, since whoever says nothing else may have done anything.
const (
	ClassUnknown    Class = iota // the call may have taken place: ask before calling again
	ClassNotReached              // refused before it reached the gateway: calling again is safe
	ClassPermanent               // refused for good; trying again is futile
)

// Error is an error with its class.
type Error struct {
	Class Class
	Cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Cause.Error() }

// Unwrap answers the cause.
func (e *Error) Unwrap() error { return e.Cause }

// NotReached marks an error of a call that never reached the gateway.
func NotReached(cause error) error { return &Error{Class: ClassNotReached, Cause: cause} }

// Unknown marks an error of a call that may have taken place.
func Unknown(cause error) error { return &Error{Class: ClassUnknown, Cause: cause} }

// Permanent marks an error that trying again will not cure.
func Permanent(cause error) error { return &Error{Class: ClassPermanent, Cause: cause} }

// ClassOf answers the class of an error; one that has none is of an unknown outcome.
func ClassOf(err error) Class {
	var classed *Error
	if errors.As(err, &classed) {
		return classed.Class
	}
	return ClassUnknown
}
