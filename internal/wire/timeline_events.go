package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/state"
)

// teller writes the events of a life as entries.
type teller struct {
	*Life
	parties map[int64]omsv1.TimelineParty
	items   []*omsv1.OrderItem // the order's lines as of the last event that was told
}

// event writes an event with the stock or the timer that led to it.
func (t *teller) event(e *state.Event) ([]*omsv1.TimelineEntry, error) {
	entry := &omsv1.TimelineEntry{
		OccurredAt: stamp(e.At), Kind: e.Type, SubjectId: e.AggregateID, Seq: e.Seq, TraceId: e.TraceID,
		Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_STEP, By: t.by(e),
	}
	entries := []*omsv1.TimelineEntry{entry}
	var err error
	switch e.Type {
	case order.EventStatusChanged:
		var message omsv1.OrderStatusChanged
		if err = proto.Unmarshal(e.Payload, &message); err == nil {
			t.note(message.Order)
			entries = append(t.before(e, &message), entry)
			t.becameOrder(entry, &message)
		}
	case order.EventUpdated:
		var message omsv1.OrderUpdated
		if err = proto.Unmarshal(e.Payload, &message); err == nil {
			t.note(message.Order)
			updatedOrder(entry, &message)
		}
	case payment.EventStatusChanged:
		var message omsv1.PaymentStatusChanged
		if err = proto.Unmarshal(e.Payload, &message); err == nil {
			t.becamePayment(entry, &message)
		}
	case payment.EventDisputed:
		var message omsv1.PaymentDisputed
		if err = proto.Unmarshal(e.Payload, &message); err == nil {
			disputed(entry, &message)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	return entries, nil
}

// note keeps the lines of an event that has them.
func (t *teller) note(o *omsv1.Order) {
	if len(o.GetItems()) > 0 {
		t.items = o.Items
	}
}

// by tells through whom an event came: a caller's commands have a key, and an outcome or a replay has the time of its event.
func (t *teller) by(e *state.Event) omsv1.TimelineParty {
	if found, known := t.parties[e.At.UnixMicro()]; known {
		return found
	}
	if e.IdempotencyKey != "" {
		return omsv1.TimelineParty_TIMELINE_PARTY_CLIENT
	}
	return omsv1.TimelineParty_TIMELINE_PARTY_FLOW
}

// before answers what led to an order's status in the same transaction.
func (t *teller) before(e *state.Event, message *omsv1.OrderStatusChanged) []*omsv1.TimelineEntry {
	switch {
	case message.NewStatus == omsv1.OrderStatus_ORDER_STATUS_RESERVED && t.Reservation != nil:
		items := t.Reservation.Items
		if t.items != nil {
			items = Demand(&omsv1.Order{Items: t.items})
		}
		entry := reserved(t.Reservation, items)
		entry.OccurredAt, entry.TraceId = stamp(e.At), e.TraceID
		return []*omsv1.TimelineEntry{entry}
	case message.Reason == reasonExpired:
		return []*omsv1.TimelineEntry{t.expired(e)}
	default:
		return nil
	}
}

func (t *teller) becameOrder(entry *omsv1.TimelineEntry, message *omsv1.OrderStatusChanged) {
	to := state.OrderStatus(message.NewStatus)                                   //nolint:gosec // few
	entry.From, entry.To = name(state.OrderStatus(message.PrevStatus)), name(to) //nolint:gosec // few
	entry.Reason = message.Reason
	if message.Reason != "" && message.Reason != reasonRefunded { // the order's detail is then of an earlier refund that failed
		entry.Detail = message.Order.GetStatusDetail()
	}
	if message.Reason == reasonExpired {
		entry.By = omsv1.TimelineParty_TIMELINE_PARTY_TIMER
	}
	entry.Message = orderWords(to, message.Reason, t.Order.AmountMinor == 0)
}

func updatedOrder(entry *omsv1.TimelineEntry, message *omsv1.OrderUpdated) {
	entry.Reason = message.Reason
	switch message.Reason {
	case reasonCancel, reasonRefundFailed:
		entry.Detail = message.Order.GetStatusDetail()
	case reasonDeclined:
		entry.Detail = message.Order.GetPayment().GetDeclineReason()
	case reasonDisputeOpened, reasonDisputeWon, reasonDisputeLost, reasonDisputeUpdated:
		entry.By = omsv1.TimelineParty_TIMELINE_PARTY_CALLBACK
	case order.OperatorRetry, order.OperatorCompensation:
		entry.Detail, entry.By = message.Order.GetStatusDetail(), omsv1.TimelineParty_TIMELINE_PARTY_OPERATOR
	case order.ItemsChanged:
		if message.Order.GetStatus() == omsv1.OrderStatus_ORDER_STATUS_RESERVED {
			entry.Stock = moved(Demand(message.Order))
		}
	}
	entry.Message = updateWords(message.Reason)
}

// disputed tells of a dispute. It comes by the gateway's callback always: nobody asks about disputes.
func disputed(entry *omsv1.TimelineEntry, message *omsv1.PaymentDisputed) {
	d := message.Dispute
	entry.To, entry.Reason, entry.Detail, entry.Amount = disputeName(d.GetState()), message.Reason, d.GetReason(), d.GetAmount()
	entry.By = omsv1.TimelineParty_TIMELINE_PARTY_CALLBACK
	entry.Message = disputeWords(message.Reason, d)
}

func (t *teller) becamePayment(entry *omsv1.TimelineEntry, message *omsv1.PaymentStatusChanged) {
	from, to := state.PaymentStatus(message.PrevStatus), state.PaymentStatus(message.NewStatus) //nolint:gosec // few
	if from != state.PaymentNone {
		entry.From = from.String()
	}
	entry.To, entry.Reason = to.String(), message.Reason
	if to == state.PaymentVoided || (t.compensated() && to == state.PaymentRefunded) {
		entry.Type = omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_COMPENSATION
		entry.Reason, entry.Detail = t.cause()
	}
	if refunds := message.Payment.GetRefunds(); message.Reason == reasonRefund && len(refunds) > 0 {
		entry.Detail = refunds[len(refunds)-1].Reason
	}
	entry.Message = paymentWords(from, to, message.Reason)
}
