package wire

import (
	"fmt"
	"strings"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// call tells of a call to the gateway: that it was asked for and why, and what came of each attempt.
func (l *Life) call(e *state.Effect) []unit {
	units := []unit{alone(e.CreatedAt, rankConsequence, e.ID, 0, l.requested(e))}
	for i := range e.History {
		units = append(units, attempted(e, i))
	}
	last := state.EffectAttempt{StartedAt: e.CreatedAt}
	if len(e.History) > 0 {
		last = e.History[len(e.History)-1]
	}
	switch {
	case e.State == state.EffectDone && last.Result != state.ResultSucceeded && last.Result != state.ResultRefused:
		// The way of nearly all calls: the first attempt succeeded, and the row alone tells.
		did := state.EffectAttempt{
			Attempt: e.Attempts, Result: state.ResultSucceeded, By: e.SettledBy, StartedAt: last.StartedAt, At: e.UpdatedAt,
		}
		units = append(units, alone(did.At, rankCause, e.ID, last.Number+1, attempt(e, did, "")))
	case e.State == state.EffectOpen && e.Owner != "" && e.Attempts > 1:
		units = append(units, alone(e.UpdatedAt, rankConsequence, e.ID, last.Number+1, underWay(e)))
	}
	return units
}

// entryOf is what all entries of a call have.
func entryOf(e *state.Effect) *omsv1.TimelineEntry {
	return &omsv1.TimelineEntry{
		Kind: e.Kind, SubjectId: e.ID, TraceId: e.TraceID, Amount: &omsv1.Money{Currency: e.Currency, AmountMinor: e.AmountMinor},
	}
}

// requested tells that a call was asked for. Giving up a hold undoes an order always; giving money back does when the order was
// canceled, and else is what a caller asked for.
func (l *Life) requested(e *state.Effect) *omsv1.TimelineEntry {
	entry := entryOf(e)
	entry.Type, entry.To, entry.By = omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_STEP, "REQUESTED", omsv1.TimelineParty_TIMELINE_PARTY_FLOW
	entry.Message = "The gateway is asked to " + callWords(e) + "."
	switch {
	case e.Kind == payment.KindVoid || (e.Kind == payment.KindRefund && l.compensated()):
		entry.Type = omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_COMPENSATION
		entry.Reason, entry.Detail = l.cause()
		entry.Message = "The gateway is asked to " + callWords(e) + ", since " + because(entry.Reason) + "."
	case e.Kind == payment.KindRefund:
		entry.Reason, entry.Detail = reasonRefund, l.refundReason(e)
	}
	return entry
}

// refundReason answers a person's words given with a client's refund.
func (l *Life) refundReason(e *state.Effect) string {
	if l.Payment == nil {
		return ""
	}
	for _, refund := range l.Payment.Refunds {
		if strings.HasSuffix(e.ID, fmt.Sprintf("/refund/%d", refund.Number)) {
			return refund.Reason
		}
	}
	return ""
}

// attempted writes one entry of a call's history. Giving up and opening again are about its dead letter.
func attempted(e *state.Effect, i int) unit {
	did := e.History[i]
	switch did.Result {
	case state.ResultGivenUp:
		letterID := id.DeriveStep("deadletter", e.AggregateID, e.ID)
		return alone(did.At, rankConsequence, letterID, did.Number, written(letterID, givenUpWords(e)))
	case state.ResultReopened:
		letterID := id.DeriveStep("deadletter", e.AggregateID, e.ID)
		return alone(did.At, rankCause, letterID, did.Number, closed(letterID, false))
	default:
		more := ""
		if i == 0 && did.Number > 1 {
			more = fmt.Sprintf(" Of %d earlier attempts and inquiries nothing is kept.", did.Number-1)
		}
		if e.State == state.EffectOpen && e.Owner == "" && i == len(e.History)-1 {
			more += " The next attempt is due at " + e.NextAt.UTC().Format(time.RFC3339) + "."
		}
		return alone(did.At, rankCause, e.ID, did.Number, attempt(e, did, more))
	}
}

// attempt writes what came of one attempt at a call.
func attempt(e *state.Effect, did state.EffectAttempt, more string) *omsv1.TimelineEntry {
	entry := entryOf(e)
	entry.Type, entry.To, entry.Attempts = omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_ATTEMPT, did.Result.String(), did.Attempt
	entry.By, entry.StartedAt = party(did.By), stamp(did.StartedAt)
	entry.Reason = attemptReason(did)
	if did.Result == state.ResultUnusable || did.Result == state.ResultPending {
		entry.Detail = did.Reason // our own words; errors of connections are for operators (requirement V-5)
	}
	entry.Message = attemptWords(e, did) + more
	return entry
}

// attemptReason is the gateway's reason of a refusal, or what a failure is called.
func attemptReason(did state.EffectAttempt) string {
	switch did.Result {
	case state.ResultRefused:
		return did.Reason
	case state.ResultNotReached:
		return "GATEWAY_NOT_REACHED"
	case state.ResultUnknown:
		if did.Asked {
			return "INQUIRY_FAILED"
		}
		return "ANSWER_LOST"
	case state.ResultUnanswered:
		return "NO_ANSWER_IN_TIME"
	case state.ResultUnusable:
		return "ANSWER_NOT_BOOKED"
	default:
		return ""
	}
}

// underWay tells of a later attempt that has not ended; that the first one is under way is told by the call.
func underWay(e *state.Effect) *omsv1.TimelineEntry {
	entry := entryOf(e)
	entry.Type, entry.To, entry.Attempts = omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_ATTEMPT, "UNDER_WAY", e.Attempts
	entry.By, entry.StartedAt = omsv1.TimelineParty_TIMELINE_PARTY_RECONCILER, stamp(e.UpdatedAt)
	entry.Message = fmt.Sprintf("Attempt %d to %s is under way.", e.Attempts, callWords(e))
	return entry
}
