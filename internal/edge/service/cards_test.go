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
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
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
