package wire

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/state"
)

// SchemaVersion is the SemVer of the events' messages (requirement P-8).
const SchemaVersion = "1.0.0"

// Event encodes the payload of a change's event.
func Event(change domain.Change, at time.Time) (payload []byte, schemaVersion string) {
	switch after := change.After.(type) {
	case *state.Order:
		return orderEvent(change, after, at), SchemaVersion
	case *state.Payment:
		return paymentEvent(change, after, at), SchemaVersion
	case *state.Item:
		return stockEvent(change, after, at), SchemaVersion
	case *state.PlayerPayment:
		return playerPaymentEvent(change, after, at), SchemaVersion
	case *state.Bonus:
		return bonusEvent(change, after, at), SchemaVersion
	default:
		message := playEvent(change, at)
		if message == nil {
			panic(fmt.Sprintf("wire: no event of a %T", change.After))
		}
		return marshal(message), SchemaVersion
	}
}

func orderEvent(change domain.Change, after *state.Order, at time.Time) []byte {
	if change.Event == order.EventUpdated {
		message := &omsv1.OrderUpdated{
			OrderId: after.ID, Reason: change.Reason, Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
			CustomerId: after.CustomerID,
		}
		if message.Order = OrderHead(after); change.Reason == order.ItemsChanged {
			message.Order = Order(after)
		}
		return marshal(message)
	}
	message := &omsv1.OrderStatusChanged{
		OrderId: after.ID, NewStatus: omsv1.OrderStatus(after.Status), Reason: change.Reason, Seq: after.Version,
		OccurredAt: stamp(at), SchemaVersion: SchemaVersion, CustomerId: after.CustomerID,
	}
	if before, found := change.Before.(*state.Order); found && before != nil {
		message.PrevStatus, message.Order = omsv1.OrderStatus(before.Status), OrderHead(after)
	} else {
		message.Order = Order(after)
	}
	return marshal(message)
}

func paymentEvent(change domain.Change, after *state.Payment, at time.Time) []byte {
	if change.Event == payment.EventDisputed {
		return disputeEvent(change, after, at)
	}
	message := &omsv1.PaymentStatusChanged{
		OrderId: after.OrderID, PaymentId: after.ID, NewStatus: omsv1.PaymentStatus(after.Status), Provider: after.Provider,
		ExternalId: after.ExternalID, Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
		Reason: change.Reason, Payment: Payment(after),
	}
	if before, found := change.Before.(*state.Payment); found && before != nil {
		message.PrevStatus = omsv1.PaymentStatus(before.Status)
	}
	return marshal(message)
}

// disputeEvent tells of the dispute that the change is about: the one that it touched last.
func disputeEvent(change domain.Change, after *state.Payment, at time.Time) []byte {
	last := slices.MaxFunc(after.Disputes, func(a, b state.Dispute) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	return marshal(&omsv1.PaymentDisputed{
		OrderId: after.OrderID, PaymentId: after.ID, Reason: change.Reason, Dispute: dispute(after, last), Provider: after.Provider,
		Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion, Payment: Payment(after),
	})
}

func stockEvent(change domain.Change, after *state.Item, at time.Time) []byte {
	message := &omsv1.StockChanged{
		Sku: after.SKU, NewOnHand: after.OnHand, Seq: after.Seq, OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
	}
	if before, found := change.Before.(*state.Item); found && before != nil {
		message.PrevOnHand = before.OnHand
	}
	return marshal(message)
}

// NewStatus reads the status that an order came into, and nothing else, from an order.status_changed event.
func NewStatus(e *state.Event) (state.OrderStatus, error) {
	field, err := peek(e, newStatusField, protowire.VarintType)
	if err != nil || field == nil {
		return state.OrderUnspecified, err
	}
	status, length := protowire.ConsumeVarint(field)
	if length < 0 {
		return 0, fmt.Errorf("decode %s: %w", e.Type, protowire.ParseError(length))
	}
	return state.OrderStatus(status), nil //nolint:gosec // an enum of seven
}

// ItemsChanged tells whether an order.updated event tells of other lines, and reads nothing else of it.
func ItemsChanged(e *state.Event) (bool, error) {
	field, err := peek(e, updateReasonField, protowire.BytesType)
	if err != nil || field == nil {
		return false, err
	}
	reason, length := protowire.ConsumeBytes(field)
	if length < 0 {
		return false, fmt.Errorf("decode %s: %w", e.Type, protowire.ParseError(length))
	}
	return string(reason) == order.ItemsChanged, nil
}

// FromWallet reads of a payment.status_changed event which order's payment waits for a step of a wallet, and which account pays. No
// order when it does not, or is made at a gateway; nothing more is read of those.
func FromWallet(e *state.Event) (orderID, account string, err error) {
	field, err := peek(e, providerField, protowire.BytesType)
	if err != nil || field == nil {
		return "", "", err
	}
	if provider, _ := protowire.ConsumeBytes(field); string(provider) != payment.Wallet {
		return "", "", nil
	}
	var message omsv1.PaymentStatusChanged
	if err := proto.Unmarshal(e.Payload, &message); err != nil {
		return "", "", fmt.Errorf("decode %s: %w", e.Type, err)
	}
	switch p := message.Payment; {
	case p.GetStatus() == omsv1.PaymentStatus_PAYMENT_STATUS_PROCESSING, p.GetStatus() == omsv1.PaymentStatus_PAYMENT_STATUS_AUTHORIZED,
		p.GetRefundPendingMinor() > 0:
		return message.OrderId, message.ExternalId, nil
	default:
		return "", "", nil
	}
}

// The numbers of OrderStatusChanged.new_status, OrderUpdated.reason and PaymentStatusChanged.provider.
const (
	newStatusField    = 3
	updateReasonField = 2
	providerField     = 5
)

// peek answers a payload from the value of a field on; nil when it is not there.
func peek(e *state.Event, wanted protowire.Number, as protowire.Type) ([]byte, error) {
	for payload := e.Payload; len(payload) > 0; {
		number, kind, length := protowire.ConsumeTag(payload)
		if length < 0 {
			return nil, fmt.Errorf("decode %s: %w", e.Type, protowire.ParseError(length))
		}
		payload = payload[length:]
		if number == wanted && kind == as {
			return payload, nil
		}
		if length = protowire.ConsumeFieldValue(number, kind, payload); length < 0 {
			return nil, fmt.Errorf("decode %s: %w", e.Type, protowire.ParseError(length))
		}
		payload = payload[length:]
	}
	return nil, nil
}

// OrderOf answers the order inside the payload of an order's event, at the version of the event; nil for other events. Its
// lines are there in the first event, and in those that tell that they were changed.
func OrderOf(e *state.Event) (*omsv1.Order, error) {
	switch e.Type {
	case order.EventStatusChanged:
		var message omsv1.OrderStatusChanged
		if err := proto.Unmarshal(e.Payload, &message); err != nil {
			return nil, fmt.Errorf("decode %s: %w", e.Type, err)
		}
		return message.Order, nil
	case order.EventUpdated:
		var message omsv1.OrderUpdated
		if err := proto.Unmarshal(e.Payload, &message); err != nil {
			return nil, fmt.Errorf("decode %s: %w", e.Type, err)
		}
		return message.Order, nil
	default:
		return nil, nil //nolint:nilnil // another kind of event has no order
	}
}

// LastItems answers the lines that an order had after events of it; nil when none of them has any.
func LastItems(events []state.Event) ([]*omsv1.OrderItem, error) {
	for i := range slices.Backward(events) {
		message, err := OrderOf(&events[i])
		if err != nil || len(message.GetItems()) > 0 {
			return message.GetItems(), err
		}
	}
	return nil, nil
}

// Demand sums the lines of a message by SKU.
func Demand(message *omsv1.Order) []state.Demand {
	demands := make([]state.Demand, len(message.Items))
	for i, item := range message.Items {
		demands[i] = state.Demand{SKU: item.Sku, Quantity: int64(item.Qty)}
	}
	return inventory.SumDemands(demands)
}

// Change writes what a follower of many orders is told of an order's event.
func Change(e *state.Event) (*omsv1.OrderChange, error) {
	message, err := OrderOf(e)
	if err != nil || message == nil {
		return nil, err
	}
	return &omsv1.OrderChange{
		OrderId: message.Id, CustomerId: message.CustomerId, Version: message.Version, Status: message.Status,
		StatusReason: message.StatusReason, PaymentStatus: message.GetPayment().GetStatus(), OccurredAt: stamp(e.At),
		RefundedMinor: message.GetRefunded().GetAmountMinor(),
	}, nil
}

// name writes a status, and nothing for none.
func name(status state.OrderStatus) string {
	if status == state.OrderUnspecified {
		return ""
	}
	return status.String()
}
