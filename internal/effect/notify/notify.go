// Package notify sends notifications: it reads the contact and fills the template at the moment of sending, and hands the message to
// a transport, e-mail by SMTP or short messages by HTTP.
//
// No transport here can be asked what became of a message, so this is what a lost answer means. Until the message is handed over (for
// SMTP: until the end of DATA) an error says that it was not, and it is sent again: once in all. Between the handing over and the
// answer nobody knows. Such a message is sent again, since a second one does less harm than none, with the same Message-ID, or the
// same idempotency key, by which whoever receives both can tell.
package notify

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/message"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Message is what a transport takes.
type Message struct {
	Key string // the notification's id; the same for each attempt
	To  string
	message.Text
}

// Transport hands a message over. Its errors have a class of package gateway, or are a Refusal. The answer is the other side's number
// of the message, if it has one.
type Transport interface {
	Deliver(ctx context.Context, m Message) (reference string, err error)
}

// Refusal says that the other side has refused the message for good.
type Refusal struct{ Reason string }

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Store is what sending needs of a database. Absent rows are state.ErrNotFound.
type Store interface {
	Contact(ctx context.Context, tenant, user string) (*state.Contact, error)
	Notification(ctx context.Context, tenant, id string) (*state.Notification, error)
}

// Sender is the gateway of one transport.
type Sender struct {
	gateway.NoMoney
	Store     Store
	Templates *message.Templates
	Transport Transport
}

// Send implements gateway.Sender.
func (s *Sender) Send(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	n, err := s.Store.Notification(ctx, request.Tenant, request.Payment)
	if err != nil {
		return gateway.Answer{}, gateway.NotReached(fmt.Errorf("read the notification: %w", err))
	}
	contact, err := s.Store.Contact(ctx, request.Tenant, n.UserID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return gateway.Answer{}, gateway.NotReached(fmt.Errorf("read the contact: %w", err))
	}
	m := Message{Key: n.ID}
	if contact != nil {
		if m.To = contact.Email; n.Channel == "sms" {
			m.To = contact.Phone
		}
	}
	if m.To == "" { // forgotten since the claim
		return gateway.Answer{Status: gateway.Declined, Reason: "NO_ADDRESS"}, nil
	}
	if m.Text, err = s.Templates.Render(n.Template, n.Parameters, n.Locale, contact.Locale); err != nil {
		return gateway.Answer{}, gateway.Permanent(err)
	}
	reference, err := s.Transport.Deliver(ctx, m)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		return gateway.Answer{Status: gateway.Declined, Reason: refused.Reason}, nil
	case err != nil:
		return gateway.Answer{}, err //nolint:wrapcheck // its class is the transport's
	}
	return gateway.Answer{Status: gateway.Succeeded, ExternalID: reference}, nil
}
