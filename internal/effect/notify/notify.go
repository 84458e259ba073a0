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
	"log/slog"

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

// Machine reasons. The words of an error begin with one: clients are told that, operators all of it (requirement V-5).
const (
	ReasonUnreachable   = "TRANSPORT_UNREACHABLE"   // no connection, no TLS, no login, or it broke before the message was handed over
	ReasonTimeout       = "TRANSPORT_TIMEOUT"       // no answer in time
	ReasonDeferred      = "TRANSPORT_DEFERRED"      // refused for now
	ReasonRefused       = "TRANSPORT_REFUSED"       // refused for good
	ReasonMisconfigured = "TRANSPORT_MISCONFIGURED" // refused because of this server's settings
	ReasonAnswerLost    = "TRANSPORT_ANSWER_LOST"   // it may have been sent, and is sent again
	ReasonTemplate      = "TEMPLATE_FAILED"         // the template cannot be filled with the message's parameters
	ReasonAddress       = "ADDRESS_UNSUPPORTED"     // mail servers would not take it
	ReasonStore         = "STORE_UNREACHABLE"       // the message could not be read
	ReasonNoAddress     = "NO_ADDRESS"              // the user was forgotten meanwhile
)

// failing makes an error whose words begin with a machine reason.
func failing(reason, format string, arguments ...any) error {
	return fmt.Errorf(reason+": "+format, arguments...) //nolint:err113 // a sentence for operators
}

// Refusal says that the other side has refused the message for good. Its reason begins with a machine reason.
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
	Logger    *slog.Logger
}

// Send implements gateway.Sender.
func (s *Sender) Send(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	n, err := s.Store.Notification(ctx, request.Tenant, request.Payment)
	if err != nil {
		return gateway.Answer{}, gateway.NotReached(failing(ReasonStore, "read the notification: %w", err))
	}
	contact, err := s.Store.Contact(ctx, request.Tenant, n.UserID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return gateway.Answer{}, gateway.NotReached(failing(ReasonStore, "read the contact: %w", err))
	}
	m := Message{Key: n.ID}
	if contact != nil {
		if m.To = contact.Email; n.Channel == "sms" {
			m.To = contact.Phone
		}
	}
	if m.To == "" { // forgotten since the claim
		return gateway.Answer{Status: gateway.Declined, Reason: ReasonNoAddress}, nil
	}
	if m.Text, err = s.Templates.Render(n.Template, n.Channel, n.Parameters, n.Locale, contact.Locale); err != nil {
		return gateway.Answer{}, gateway.Permanent(failing(ReasonTemplate, "%w", err))
	}
	reference, err := s.Transport.Deliver(ctx, m)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		s.Logger.Warn("a message was refused for good", "trace_id", request.TraceID, "tenant", request.Tenant, "notification", n.ID,
			"cause", refused.Reason)
		return gateway.Answer{Status: gateway.Declined, Reason: refused.Reason}, nil
	case err != nil:
		return gateway.Answer{}, err //nolint:wrapcheck // its class is the transport's
	}
	return gateway.Answer{Status: gateway.Succeeded, ExternalID: reference}, nil
}
