package remote

import (
	"fmt"
	"slices"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Headers of a request.
const (
	HeaderKey   = "Idempotency-Key"
	HeaderTrace = "X-Trace-Id"
)

// Paths of the gateway. A call is asked about by GET PathCalls?tenant=…&key=…: keys hold slashes.
const (
	PathCalls  = "/v1/calls"
	PathTotals = "/v1/totals"
)

// paths are where calls are posted to.
var paths = map[string]string{
	gateway.KindHold: "/v1/holds", gateway.KindCapture: "/v1/captures", gateway.KindVoid: "/v1/voids", gateway.KindRefund: "/v1/refunds",
	gateway.KindPayout: "/v1/payouts",
}

// Path answers where calls of a kind are posted to; empty when there is no such kind.
func Path(kind string) string { return paths[kind] }

// Call is the body of a request; its key is in HeaderKey. Amounts are minor units.
type Call struct {
	Tenant      string `json:"tenant"`
	Payment     string `json:"payment"`
	OrderID     string `json:"order_id"`
	Token       string `json:"token,omitempty"`       // holds and payouts only
	ExternalID  string `json:"external_id,omitempty"` // of the hold; not of holds and payouts
	Currency    string `json:"currency"`
	AmountMinor int64  `json:"amount_minor"`
}

// Told is what the gateway says of a call: the body of an answer, and the data of a callback, which names the call too.
type Told struct {
	Tenant      string `json:"tenant,omitempty"`
	Key         string `json:"key,omitempty"`
	Status      string `json:"status"`
	Reason      string `json:"reason,omitempty"`
	ExternalID  string `json:"external_id,omitempty"`
	Currency    string `json:"currency,omitempty"`
	AmountMinor int64  `json:"amount_minor,omitempty"`
}

// Event is the body of a callback, as Standard Webhooks 1.0.0 recommends it.
type Event struct {
	Type      string `json:"type"` // EventSettled
	Timestamp string `json:"timestamp"`
	Data      Told   `json:"data"`
}

// EventSettled is the type of callbacks that bring the outcome of a call.
const EventSettled = "call.settled"

// Refused is the body of an answer that is none: the request was refused, and nothing was done.
type Refused struct {
	Error string `json:"error"`
}

// statuses are those that are told.
var statuses = []gateway.Status{gateway.Accepted, gateway.Succeeded, gateway.Declined, gateway.Pending, gateway.NotFound}

// Tell writes an answer.
func Tell(answer gateway.Answer) Told {
	return Told{
		Status: answer.Status.String(), Reason: answer.Reason, ExternalID: answer.ExternalID, Currency: answer.Currency,
		AmountMinor: answer.AmountMinor,
	}
}

// answer reads what is told.
func (t *Told) answer() (gateway.Answer, error) {
	at := slices.IndexFunc(statuses, func(s gateway.Status) bool { return s.String() == t.Status })
	if at < 0 {
		return gateway.Answer{}, fmt.Errorf("the gateway tells an unknown status %q", t.Status)
	}
	return gateway.Answer{
		Status: statuses[at], Reason: t.Reason, ExternalID: t.ExternalID, Currency: t.Currency, AmountMinor: t.AmountMinor,
	}, nil
}
