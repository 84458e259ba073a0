package gateway

import (
	"context"
	"errors"
)

// Kinds of effects that send a message to a user.
const (
	KindEmail = "notification.email"
	KindSMS   = "notification.sms"
)

// Sender takes messages to users. The request's Payment is the notification, its Token the user. Declined says that the message was
// refused for good.
type Sender interface {
	Send(ctx context.Context, request Request) (Answer, error)
}

// NoMoney is the part of a Gateway that moves money, for those that send messages only. Nobody can be asked what became of a message
// whose answer was lost, so Lookup answers that it is unknown: it is sent again.
type NoMoney struct{}

var errNoMoney = Permanent(errors.New("it sends messages, and moves no money"))

// Hold implements Gateway.
func (NoMoney) Hold(context.Context, Request) (Answer, error) { return Answer{}, errNoMoney }

// Capture implements Gateway.
func (NoMoney) Capture(context.Context, Request) (Answer, error) { return Answer{}, errNoMoney }

// Void implements Gateway.
func (NoMoney) Void(context.Context, Request) (Answer, error) { return Answer{}, errNoMoney }

// Refund implements Gateway.
func (NoMoney) Refund(context.Context, Request) (Answer, error) { return Answer{}, errNoMoney }

// Lookup implements Gateway.
func (NoMoney) Lookup(context.Context, Request) (Answer, error) { return Answer{Status: NotFound}, nil }
