package remote

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Headers of a request.
const (
	HeaderKey   = "Idempotency-Key"
	HeaderTrace = "X-Trace-Id"
)

// Paths of the gateway. A call is asked about by GET PathCalls?tenant=…&key=…: keys hold slashes.
const (
	PathCalls    = "/v1/calls"
	PathTotals   = "/v1/totals"
	PathPayments = "/v1/payments"
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

	CaptureBefore time.Time `json:"capture_before,omitzero"` // of a hold: when it goes by itself
	CardBrand     string    `json:"card_brand,omitempty"`    // of a hold
	CardLastFour  string    `json:"card_last_four,omitempty"`
}

// Event is the body of a callback, as Standard Webhooks 1.0.0 recommends it.
type Event struct {
	Type      string `json:"type"` // EventSettled
	Timestamp string `json:"timestamp"`
	Data      Told   `json:"data"`
}

// EventSettled is the type of callbacks that bring the outcome of a call; a refund that was told as succeeded may be told as declined later.
const EventSettled = "call.settled"

// EventDispute is the type of callbacks that tell where a dispute stands.
const EventDispute = "payment.dispute"

// DisputeEvent is the body of a callback about a dispute.
type DisputeEvent struct {
	Type      string  `json:"type"` // EventDispute
	Timestamp string  `json:"timestamp"`
	Data      Dispute `json:"data"`
}

// Dispute is what the gateway says of a dispute. A fee that is absent is not known.
type Dispute struct {
	Tenant      string    `json:"tenant"`
	OrderID     string    `json:"order_id"`
	ExternalID  string    `json:"external_id"`
	ID          string    `json:"dispute_id"`
	State       string    `json:"state"` // "inquiry", "inquiry_closed", "open", "won" or "lost"
	Currency    string    `json:"currency"`
	AmountMinor int64     `json:"amount_minor"`
	FeeMinor    *int64    `json:"fee_minor,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	DueBy       time.Time `json:"due_by,omitzero"`
	AsOf        time.Time `json:"as_of"`
}

// disputeStates are the names of the states, each in its place.
var disputeStates = []string{
	state.DisputeInquiry: "inquiry", state.DisputeInquiryClosed: "inquiry_closed", state.DisputeOpen: "open", state.DisputeWon: "won",
	state.DisputeLost: "lost",
}

// TellDispute writes what is said of a dispute.
func TellDispute(d gateway.Dispute) Dispute {
	told := Dispute{
		Tenant: d.Tenant, OrderID: d.OrderID, ExternalID: d.ExternalID, ID: d.ID, State: disputeStates[d.State], Currency: d.Currency,
		AmountMinor: d.AmountMinor, Reason: d.Reason, DueBy: d.DueBy, AsOf: d.AsOf,
	}
	if d.FeeTold {
		told.FeeMinor = &d.FeeMinor
	}
	return told
}

// dispute reads what is said of a dispute.
func (d *Dispute) dispute() (gateway.Dispute, error) {
	at := slices.Index(disputeStates, d.State)
	if at <= int(state.DisputeNone) || d.Tenant == "" || d.OrderID == "" || d.ID == "" || d.AmountMinor <= 0 || d.AsOf.IsZero() {
		return gateway.Dispute{}, errors.New("the callback names no dispute, no payment, no state, no amount above zero, or no time")
	}
	read := gateway.Dispute{
		Tenant: d.Tenant, OrderID: d.OrderID, ExternalID: d.ExternalID, ID: d.ID, Currency: d.Currency,
		State:       state.DisputeState(at), //nolint:gosec // few
		AmountMinor: d.AmountMinor, Reason: d.Reason, DueBy: d.DueBy.UTC().Truncate(time.Microsecond),
		AsOf: d.AsOf.UTC().Truncate(time.Microsecond),
	}
	if d.FeeMinor != nil {
		read.FeeMinor, read.FeeTold = *d.FeeMinor, true
	}
	return read, nil
}

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
		AmountMinor: answer.AmountMinor, CaptureBefore: answer.CaptureBefore, CardBrand: string(answer.Card.Brand),
		CardLastFour: answer.Card.LastFour,
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
		CaptureBefore: t.CaptureBefore, Card: card.Told(t.CardBrand, t.CardLastFour),
	}, nil
}
