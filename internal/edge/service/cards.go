package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Tokenize checks a card and has the gateway turn it into a token. Token and summary are all that may go further: whoever makes a
// command calls this first, so that no number and no security code is ever part of one (requirement S-5).
func (e *Environment) Tokenize(ctx context.Context, c *omsv1.Card) (token string, summary card.Summary, err error) {
	checked, refusal := e.checked(c)
	if refusal != nil {
		return "", card.Summary{}, refusal
	}
	if token, refusal = e.TokenizeCard(ctx, checked); refusal != nil {
		return "", card.Summary{}, refusal
	}
	return token, checked.Summary(), nil
}

// triedToken stands for a card's where a payment is decided only: the gateway is not asked, and nothing of the decision is kept.
const triedToken = "dry-run"

// repeated answers a payment by card whose key has an answer already: a repeat needs no token, so the gateway is not asked for one
// (ruling R-6). A key of another request is told by the pipeline, or by this, once the card has been looked at, as docs/errors.md orders it.
func (e *Environment) repeated(ctx context.Context, c *command.Command, request *omsv1.PayOrderRequest) (*command.Result, error) {
	if request.Card == nil || request.PaymentToken != "" || c.DryRun {
		return nil, nil
	}
	answer, err := e.View.Answer(ctx, state.Key{Tenant: c.Tenant, Principal: c.Principal, Key: c.Key})
	if err != nil {
		if isNotFound(err) {
			return nil, nil
		}
		return nil, unavailable(err)
	}
	result, err := command.Repeat(c, answer)
	if err != nil {
		return nil, fault.From(err)
	}
	if answer.Hash != c.Hash {
		if _, refusal := e.checked(request.Card); refusal != nil {
			return nil, refusal
		}
	}
	return &result, nil
}

func (e *Environment) checked(c *omsv1.Card) (card.Card, *fault.Fault) {
	return card.New(c.GetNumber(), int(c.GetExpMonth()), int(c.GetExpYear()), c.GetCvv(), e.Now())
}

// means answers the token of a request to pay, its own or its card's, and what is kept of the card.
func (e *Environment) means(ctx context.Context, request *omsv1.PayOrderRequest) (token string, kept state.Card, err error) {
	switch {
	case request.Card == nil:
		if refusal := e.tokenTaken(ctx, request.PaymentToken); refusal != nil {
			return "", kept, refusal
		}
		return request.PaymentToken, kept, nil
	case request.PaymentToken != "":
		return "", kept, fault.Invalid("card", "PAYMENT_MEANS_AMBIGUOUS", "is set beside payment_token; send one of them")
	case request.DryRun:
		if _, refusal := e.checked(request.Card); refusal != nil {
			return "", kept, refusal
		}
		return triedToken, kept, nil
	default:
		token, summary, err := e.Tokenize(ctx, request.Card)
		return token, state.Card{Brand: string(summary.Brand), LastFour: summary.LastFour}, err
	}
}

// Canonical answers what of a request is hashed with its key. Of a card that is its last four digits: there are few enough numbers to
// try them all against a hash.
func Canonical(request proto.Message) proto.Message {
	pay, is := request.(*omsv1.PayOrderRequest)
	if !is || pay.Card == nil {
		return request
	}
	return &omsv1.PayOrderRequest{
		OrderId: pay.OrderId, PaymentToken: pay.PaymentToken, KeepOnDecline: pay.KeepOnDecline, ExpectedVersion: pay.ExpectedVersion,
		Card: &omsv1.Card{Number: card.LastFour(pay.Card.Number)},
	}
}
