package service

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/view"
)

const visa = "4111111111111111"

func paying(number string) *omsv1.PayOrderRequest {
	return &omsv1.PayOrderRequest{
		OrderId: "order:1", KeepOnDecline: true, ExpectedVersion: 7,
		Card: &omsv1.Card{Number: number, ExpMonth: 12, ExpYear: 2040, Cvv: "730"},
	}
}

// What is hashed with a key holds nothing of a card but its last four digits, and everything else of the request; the request stays.
func TestCanonicalHasNoCard(t *testing.T) {
	t.Parallel()
	request := paying(visa)
	hashed := Canonical(request)
	if want := (&omsv1.Card{Number: "1111"}); !proto.Equal(hashed.(*omsv1.PayOrderRequest).Card, want) { //nolint:forcetypeassert // it panics
		t.Errorf("hashed is %v", hashed)
	}
	if !proto.Equal(request, paying(visa)) {
		t.Errorf("the request became %v", request)
	}
	if proto.Equal(hashed, Canonical(paying("378282246310005"))) {
		t.Error("cards with other last digits are the same")
	}
	fields := request.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); request.ProtoReflect().Has(field) != hashed.ProtoReflect().Has(field) {
			t.Errorf("%s is not hashed", field.Name())
		}
	}
	if plain := (&omsv1.PayOrderRequest{OrderId: "order:1", PaymentToken: "sim:ok"}); Canonical(plain) != proto.Message(plain) {
		t.Error("a request without a card is hashed as another")
	}
}

// A panic while a card is at hand is logged without it.
func TestPanicsHideCards(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	chain, err := edge.NewChain(edge.Options{
		Authenticate: func(*edge.Call) (edge.Caller, *fault.Fault) { return edge.Caller{Tenant: "default"}, nil },
		Logger:       slog.New(slog.NewTextHandler(&log, nil)), DefaultDeadline: time.Minute, MaxDeadline: time.Minute, MaxInFlight: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &Environment{Now: time.Now, TokenizeCard: func(_ context.Context, c card.Card) (string, *fault.Fault) {
		panic(fmt.Sprintf("no gateway for %+v %#v", c, &c))
	}}
	call := &edge.Call{
		Method: contract.NewTable(omsv1.Methods)["/oms.v1.OrderService/ListOrders"], Request: &omsv1.ListOrdersRequest{},
		Header: func(string) []string { return nil }, SetHeader: func(string, string) {},
	}
	_, err = chain.Unary(t.Context(), call, func(ctx context.Context) (proto.Message, error) {
		_, _, err := e.Tokenize(ctx, paying(visa).Card)
		return nil, err
	})
	told := log.String() + fmt.Sprint(err)
	if !strings.Contains(told, "panicked") || !strings.Contains(told, "visa ending in 1111") {
		t.Errorf("nothing panicked: %s", told)
	}
	if strings.Contains(told, visa) || strings.Contains(told, "730") && strings.Contains(told, "cvv") {
		t.Errorf("the card is shown: %s", told)
	}
}

// answers is a view that knows one key.
type answers struct {
	view.Store
	key    string
	answer *state.Answer
}

func (a answers) Answer(_ context.Context, key state.Key) (*state.Answer, error) {
	if key.Key != a.key {
		return nil, state.ErrNotFound
	}
	return a.answer, nil
}

// A card goes to the gateway once: not for a repeat, whose answer is stored, nor for another request under a used key, nor when the
// payment is decided only.
func TestRepeatsAreNotTokenized(t *testing.T) {
	t.Parallel()
	refusal := `{"code":9,"reason":"ILLEGAL_TRANSITION","message":"no"}`
	for name, c := range map[string]struct {
		key, number  string
		hash         [32]byte
		dry          bool
		asked, given int // of the gateway, of the pipeline
		reason       string
	}{
		"new":                       {key: "new", number: visa, asked: 1, reason: "GATEWAY_UNAVAILABLE"},
		"a repeat":                  {key: "used", number: visa, reason: "ILLEGAL_TRANSITION"},
		"another request":           {key: "used", number: visa, hash: [32]byte{1}, reason: "IDEMPOTENCY_MISMATCH"},
		"another with a bad number": {key: "used", number: "4111111111111112", hash: [32]byte{1}, reason: "CARD_NUMBER_INVALID"},
		"decided only":              {key: "used", number: visa, dry: true, given: 1, reason: "ASKED"},
		"decided only, bad number":  {key: "new", number: "4111111111111112", dry: true, reason: "CARD_NUMBER_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, given := 0, 0
			e := &Environment{
				Now: time.Now, View: answers{key: "used", answer: &state.Answer{Code: fault.FailedPrecondition, Body: []byte(refusal)}},
				TokenizeCard: func(context.Context, card.Card) (string, *fault.Fault) {
					asked++
					return "", fault.New(fault.Unavailable, "GATEWAY_UNAVAILABLE", "it is down")
				},
				Submit: func(context.Context, command.Command) command.Result {
					given++
					return command.Result{Fault: fault.New(fault.Internal, "ASKED", "")}
				},
			}
			request := paying(c.number)
			request.DryRun = c.dry
			ctx := edge.WithScope(t.Context(), &edge.Scope{
				Key: c.key, Hash: c.hash, DryRun: c.dry,
				Call: &edge.Call{Method: omsv1.MethodOrderServicePayOrder, SetHeader: func(string, string) {}},
			})
			_, err := (&Orders{Environment: e}).PayOrder(ctx, request)
			if fault.From(err).Reason != c.reason || asked != c.asked || given != c.given {
				t.Errorf("%v; the gateway was asked %d times, the pipeline %d", err, asked, given)
			}
		})
	}
}
