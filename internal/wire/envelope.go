package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/state"
)

// document is a message that writes itself as REST does.
type document interface {
	proto.Message
	AppendJSON(b []byte) []byte
}

// Envelope writes an event as outside consumers get it: the JSON form of the envelope of its type (requirement P-8).
func Envelope(e *state.Event, eventID, region string) ([]byte, error) {
	payload, err := payloadOf(e.Type)
	if err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(e.Payload, payload); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	head := omsv1.EventEnvelope{
		EventId: eventID, EventType: e.Type, OccurredAt: stamp(e.At), TenantId: e.Tenant, Region: region, TraceId: e.TraceID,
		IdempotencyKey: e.IdempotencyKey, SchemaVersion: e.SchemaVersion, AggregateId: e.AggregateID, Seq: e.Seq,
	}
	if of, is := payload.(interface{ GetPlayerId() string }); is {
		head.PlayerId = of.GetPlayerId()
	}
	b := head.AppendJSON(make([]byte, 0, 512+4*len(e.Payload)))
	b = append(b[:len(b)-1], `,"payload":`...) // what the envelopes of all types share goes before what they do not
	return append(payload.AppendJSON(b), '}'), nil
}

// payloadOf answers an empty payload of an event type.
func payloadOf(eventType string) (document, error) {
	switch eventType {
	case order.EventStatusChanged:
		return &omsv1.OrderStatusChanged{}, nil
	case order.EventUpdated:
		return &omsv1.OrderUpdated{}, nil
	case payment.EventStatusChanged:
		return &omsv1.PaymentStatusChanged{}, nil
	case payment.EventDisputed:
		return &omsv1.PaymentDisputed{}, nil
	case inventory.EventStockChanged:
		return &omsv1.StockChanged{}, nil
	case player.EventCreated, player.EventLimitsSet, player.EventFlagsSet, player.EventKYC:
		return &providerv1.PlayerChanged{}, nil
	case wager.EventSessionCreated, wager.EventSessionClosed:
		return &providerv1.SessionChanged{}, nil
	case wager.EventAuthorized, wager.EventSettled, wager.EventRolledBack:
		return &providerv1.BetChanged{}, nil
	case wager.EventRoundClosed:
		return &providerv1.RoundChanged{}, nil
	case jackpot.EventCreated, jackpot.EventUpdated, jackpot.EventTriggered, jackpot.EventReset, jackpot.EventPaid, jackpot.EventVoided,
		jackpot.EventClosed, jackpot.EventCollected:
		return &providerv1.JackpotChanged{}, nil
	case cashier.EventStatusChanged:
		return &providerv1.PlayerPaymentStatusChanged{}, nil
	case bonus.EventGranted, bonus.EventActivated, wager.EventBonusConverted, bonus.EventForfeited, bonus.EventExpired:
		return &providerv1.BonusChanged{}, nil
	default:
		return nil, fmt.Errorf("event type %q is unknown to this version", eventType)
	}
}
