package wire

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// envelopes are those of all event types.
var envelopes = map[string]proto.Message{
	order.EventStatusChanged: &omsv1.OrderStatusChangedEvent{}, order.EventUpdated: &omsv1.OrderUpdatedEvent{},
	payment.EventStatusChanged: &omsv1.PaymentStatusChangedEvent{}, inventory.EventStockChanged: &omsv1.StockChangedEvent{},
	player.EventCreated: &providerv1.PlayerEvent{}, player.EventLimitsSet: &providerv1.PlayerEvent{}, player.EventFlagsSet: &providerv1.PlayerEvent{},
	wager.EventSessionCreated: &providerv1.SessionEvent{}, wager.EventSessionClosed: &providerv1.SessionEvent{},
	wager.EventAuthorized: &providerv1.BetEvent{}, wager.EventSettled: &providerv1.BetEvent{}, wager.EventRolledBack: &providerv1.BetEvent{},
	wager.EventRoundClosed: &providerv1.RoundEvent{},
	bonus.EventGranted:     &providerv1.BonusEvent{}, bonus.EventActivated: &providerv1.BonusEvent{}, bonus.EventForfeited: &providerv1.BonusEvent{},
	bonus.EventExpired: &providerv1.BonusEvent{}, wager.EventBonusConverted: &providerv1.BonusEvent{},
}

var at = time.Date(2026, 1, 31, 12, 0, 0, 5000, time.UTC)

// sample is an event whose payload has something in every field of the first level.
func sample(t *testing.T, eventType string) (state.Event, proto.Message) {
	t.Helper()
	payload, err := payloadOf(eventType)
	if err != nil {
		t.Fatal(err)
	}
	fields := payload.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		value := payload.ProtoReflect().NewField(field)
		switch field.Kind() {
		case protoreflect.StringKind:
			value = protoreflect.ValueOfString("<" + string(field.Name()) + `> "ü"`)
		case protoreflect.Int64Kind:
			value = protoreflect.ValueOfInt64(1<<53 - 1)
		case protoreflect.Int32Kind:
			value = protoreflect.ValueOfInt32(7)
		case protoreflect.EnumKind:
			value = protoreflect.ValueOfEnum(2)
		case protoreflect.MessageKind:
		default:
			t.Fatalf("%s: a field of kind %v", eventType, field.Kind())
		}
		payload.ProtoReflect().Set(field, value)
	}
	e := state.Event{
		ID: id.UUID{1, 2}, Tenant: "acme", AggregateID: "order:1", Seq: 7, Type: eventType, At: at, TraceID: "t", IdempotencyKey: "k",
		SchemaVersion: SchemaVersion,
	}
	if e.Payload, err = proto.Marshal(payload); err != nil {
		t.Fatal(err)
	}
	return e, payload
}

// What is published is protobuf's own JSON of the type's envelope, and of the envelope that all share.
func TestEnvelope(t *testing.T) {
	for eventType, into := range envelopes {
		e, payload := sample(t, eventType)
		text, err := Envelope(&e, "event:x", "eu")
		if err != nil {
			t.Fatal(err)
		}
		readEnvelope(t, eventType, text, into)
		got, known := into.(interface {
			GetEventId() string
			GetEventType() string
			GetTenantId() string
			GetRegion() string
			GetPlayerId() string
			GetTraceId() string
			GetIdempotencyKey() string
			GetSchemaVersion() string
			GetAggregateId() string
			GetSeq() int64
		})
		if !known || got.GetEventId() != "event:x" || got.GetEventType() != eventType || got.GetTenantId() != "acme" || got.GetRegion() != "eu" ||
			got.GetPlayerId() != playerIn(payload) || got.GetTraceId() != "t" || got.GetIdempotencyKey() != "k" || got.GetSchemaVersion() != SchemaVersion ||
			got.GetAggregateId() != "order:1" || got.GetSeq() != 7 {
			t.Errorf("%s: %v", eventType, into)
		}
		field := into.ProtoReflect().Descriptor().Fields().ByName("payload")
		if !proto.Equal(into.ProtoReflect().Get(field).Message().Interface(), payload) {
			t.Errorf("%s: %s", eventType, text)
		}
		var head omsv1.EventEnvelope
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, &head); err != nil || head.EventType != eventType || !head.OccurredAt.AsTime().Equal(at) {
			t.Errorf("%s: %v, %v", eventType, &head, err)
		}
	}
}

// readEnvelope reads what was written. The dialect of providers has a JSON of its own, with decimals and short names.
func readEnvelope(t *testing.T, eventType string, text []byte, into proto.Message) {
	t.Helper()
	if own, is := into.(codec.Message); is && into.ProtoReflect().Descriptor().FullName().Parent() == "provider.v1" {
		if violations := codec.Unmarshal(text, own); len(violations) > 0 {
			t.Fatalf("%s: %v: %s", eventType, violations, text)
		}
		return
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v: %s", eventType, err, text)
	}
}

// playerIn is the player of a payload, if it has one.
func playerIn(payload proto.Message) string {
	if of, is := payload.(interface{ GetPlayerId() string }); is {
		return of.GetPlayerId()
	}
	return ""
}

// All envelopes have the fields of the common one, with their numbers, and the payload beside them.
func TestEnvelopesAreOne(t *testing.T) {
	common := (&omsv1.EventEnvelope{}).ProtoReflect().Descriptor().Fields()
	for eventType, envelope := range envelopes {
		fields := envelope.ProtoReflect().Descriptor().Fields()
		if fields.Len() != common.Len()+1 || fields.ByName("payload").Number() != 8 {
			t.Errorf("%s: %d fields", eventType, fields.Len())
		}
		payload, err := payloadOf(eventType)
		if err != nil || fields.ByName("payload").Message().FullName() != payload.ProtoReflect().Descriptor().FullName() {
			t.Errorf("%s: its payload is a %v: %v", eventType, fields.ByName("payload").Message(), err)
		}
		for i := range common.Len() {
			want := common.Get(i)
			got := fields.ByName(want.Name())
			if got == nil || got.Number() != want.Number() || got.Kind() != want.Kind() {
				t.Errorf("%s: %v instead of %v", eventType, got, want)
			}
		}
	}
}

func TestEnvelopeOfWhatIsUnknown(t *testing.T) {
	e, _ := sample(t, order.EventStatusChanged)
	e.Type = "order.teleported"
	if _, err := Envelope(&e, "", ""); err == nil || !strings.Contains(err.Error(), "order.teleported") {
		t.Errorf("%v", err)
	}
	e.Type, e.Payload = order.EventStatusChanged, []byte{0xff}
	if _, err := Envelope(&e, "", ""); err == nil {
		t.Error("broken bytes have an envelope")
	}
}
