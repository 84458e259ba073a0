// Package notification decides on messages to users by e-mail and SMS (requirement S-6): whether one is due now, later or never,
// and what became of it. The sending is an effect, made by the same decision: it is claimed, retried and given up as calls to
// gateways are. Nothing here knows an address or a text; both are made when the message is sent.
package notification

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Channels.
const (
	ChannelEmail = "email"
	ChannelSMS   = "sms"
)

// Kinds of effects that send.
const (
	KindEmail = "notification.email"
	KindSMS   = "notification.sms"
)

// IsKind tells whether an effect's kind sends a notification.
func IsKind(kind string) bool { return kind == KindEmail || kind == KindSMS }

// Machine reasons of states.
const (
	ReasonOptedOut  = "OPTED_OUT"        // the user does not want the channel
	ReasonNoAddress = "NO_ADDRESS"       // the contact has none for the channel, or was forgotten
	ReasonNoSender  = "NO_TRANSPORT"     // none is configured for the channel
	ReasonOver      = "SUBJECT_IS_OVER"  // the order went on before the message was due
	ReasonWithdrawn = "WITHDRAWN"        // by a caller
	ReasonPaced     = "TOO_MANY_FOR_NOW" // scheduled, since the user got as many as the pace allows
)

// ReasonFailed stands for words that begin with no machine reason.
const ReasonFailed = "TRANSPORT_FAILED"

// machine finds the machine reason that words begin with.
var machine = regexp.MustCompile(`^[A-Z][A-Z0-9_]*[A-Z0-9](: |$)`)

// Reason is what clients are told of a transport's words: the machine reason that they begin with, and nothing of the rest, which is
// for operators (requirement V-5).
func Reason(words string) string {
	found := machine.FindString(words)
	if found == "" {
		return ReasonFailed
	}
	return strings.TrimSuffix(found, ": ")
}

// ContactRef is the row of a user's contact.
func ContactRef(tenant, user string) state.Ref {
	return state.Ref{Kind: state.KindContact, Tenant: tenant, ID: user}
}

// Ref is the row of a notification.
func Ref(tenant, name string) state.Ref {
	return state.Ref{Kind: state.KindNotification, Tenant: tenant, ID: name}
}

// EffectID names the effect that sends a notification; to the transport it is the idempotency key.
func EffectID(name string) string { return id.Derive("effect", name) + "/send" }

// ID names what is told of one event of an order by one channel: however often the event is delivered, it is told once. Its time is the
// order's and a millisecond for each version, so that the ids of an order's notifications are in the order of its events.
func ID(orderID string, version int64, template, channel string) string {
	of, _ := id.Parse("order", orderID)
	step := id.DeriveStep("notification", orderID, template+"/"+channel+"/"+strconv.FormatInt(version, 10))
	derived, _ := id.Parse("notification", step)
	return id.New("notification", of.Time().Add(time.Duration(version)*time.Millisecond), id.Random(derived[6:]))
}

// Send makes a notification. One that exists is answered as it is.
type Send struct {
	Tenant, ID, UserID string // without an ID it is made of the time and Random
	Random             id.Random
	Channel, Template  string
	Locale             string // empty for the contact's
	Parameters         map[string]string
	OrderID            string
	Provider           string    // transport of the channel; empty when none is configured
	DueAt              time.Time // zero for now; what is farther ahead than Farthest is due then
	Pace               Pace      // counts it when it is due now; what is due later is counted then (see Begin)
	// Follows says that an event asks for it, not a caller: a user without a contact is passed over, and so is one without an
	// address for the channel.
	Follows bool
}

// Refs implements domain.Command.
func (c Send) Refs() []state.Ref {
	if c.ID == "" {
		return []state.Ref{ContactRef(c.Tenant, c.UserID)}
	}
	return []state.Ref{ContactRef(c.Tenant, c.UserID), Ref(c.Tenant, c.ID)}
}

// Decide implements domain.Command.
func (c Send) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	if c.ID == "" {
		c.ID = id.New("notification", now, c.Random)
	} else if ref := Ref(c.Tenant, c.ID); states.Get(ref) != nil {
		return domain.Decision{Answer: ref}, nil
	}
	contact := domain.Find[state.Contact](states, ContactRef(c.Tenant, c.UserID))
	if contact == nil || contact.Forgotten {
		if c.Follows {
			return domain.Decision{}, nil
		}
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "CONTACT_MISSING", "the user %q has no contact; put one first", c.UserID).
			Needing("CONTACT", c.UserID, "a contact of the user")
	}
	n := &state.Notification{
		Tenant: c.Tenant, ID: c.ID, UserID: c.UserID, Channel: c.Channel, Template: c.Template, Locale: c.Locale,
		Parameters: c.Parameters, OrderID: c.OrderID, Provider: c.Provider, DueAt: c.DueAt, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if n.DueAt.Before(now) {
		n.DueAt = now
	}
	reason := unwanted(contact, c.Channel)
	switch {
	case reason == ReasonNoAddress && c.Follows:
		return domain.Decision{}, nil
	case reason != "":
		n.State, n.Reason = state.NotificationSuppressed, reason
	case c.Provider == "":
		n.State, n.Reason = state.NotificationUnconfigured, ReasonNoSender
	default:
		return c.start(contact, n, now), nil
	}
	return domain.Decision{Changes: []domain.Change{{After: n}}, Answer: n.Ref()}, nil
}

// start makes the effect that sends. A notification that is due now uses the user's allowance; one that is due later does so then, so that
// it takes nothing from others until then, and nothing at all when it is never sent.
func (c Send) start(contact *state.Contact, n *state.Notification, now time.Time) domain.Decision {
	var changes []domain.Change
	if n.DueAt.After(now) {
		n.State, n.DueAt = state.NotificationScheduled, earlier(n.DueAt, now.Add(Farthest))
	} else {
		changes = c.Pace.admit(contact, n, now)
	}
	kind := KindEmail
	if n.Channel == ChannelSMS {
		kind = KindSMS
	}
	changes = append(changes, domain.Change{After: n}, domain.Change{After: &state.Effect{
		Tenant: n.Tenant, ID: EffectID(n.ID), Kind: kind, AggregateID: n.ID, OrderID: n.OrderID, Provider: n.Provider, Token: n.UserID,
		State: state.EffectOpen, NextAt: n.DueAt, CreatedAt: now, UpdatedAt: now,
	}})
	return domain.Decision{Changes: changes, Answer: n.Ref()}
}

// unwanted tells why a contact must not, or cannot, be reached by a channel; empty when it can.
func unwanted(c *state.Contact, channel string) string {
	switch {
	case c == nil || c.Forgotten:
		return ReasonNoAddress
	case slices.Contains(c.OptedOut, channel):
		return ReasonOptedOut
	case Address(c, channel) == "":
		return ReasonNoAddress
	default:
		return ""
	}
}

// Address is where a contact is reached by a channel; empty for nowhere.
func Address(c *state.Contact, channel string) string {
	if channel == ChannelSMS {
		return c.Phone
	}
	return c.Email
}

// Settle tells what became of a notification. One that is settled stays as it is.
type Settle struct {
	Tenant, ID string
	State      state.NotificationState
	Reason     string
	Attempts   int32
}

// Refs implements domain.Command.
func (c Settle) Refs() []state.Ref { return []state.Ref{Ref(c.Tenant, c.ID)} }

// Decide implements domain.Command. One that was given up may still turn out to have been sent.
func (c Settle) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	n := domain.Find[state.Notification](states, Ref(c.Tenant, c.ID))
	if n == nil {
		return domain.Decision{}, fault.NotFoundf("notification", c.ID)
	}
	late := n.State == state.NotificationFailed && c.State != state.NotificationFailed
	if !Open(n) && !late {
		return domain.Decision{Answer: n.Ref()}, nil
	}
	after := next(n, now)
	after.State, after.Reason, after.Attempts = c.State, c.Reason, c.Attempts
	if c.State == state.NotificationSent {
		after.SentAt = now
	}
	return changed(n, after), nil
}

// Tried tells of an attempt that failed and is made again.
type Tried struct {
	Tenant, ID string
	Reason     string
	Attempts   int32
}

// Refs implements domain.Command.
func (c Tried) Refs() []state.Ref { return []state.Ref{Ref(c.Tenant, c.ID)} }

// Decide implements domain.Command.
func (c Tried) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	n := domain.Find[state.Notification](states, Ref(c.Tenant, c.ID))
	if n == nil || n.State != state.NotificationSending {
		return domain.Decision{}, nil
	}
	after := next(n, now)
	after.Reason, after.Attempts = c.Reason, c.Attempts
	return domain.Decision{Changes: []domain.Change{{Before: n, After: after}}}, nil
}

// Begin tells that a notification is due and wanted still, or why it is not sent. One that is due uses the user's allowance now; where
// there is none left it is put off, and stays SCHEDULED.
type Begin struct {
	Tenant, ID, UserID string
	Over               bool // what it is about is over
	Pace               Pace
}

// Refs implements domain.Command.
func (c Begin) Refs() []state.Ref {
	return []state.Ref{Ref(c.Tenant, c.ID), ContactRef(c.Tenant, c.UserID)}
}

// Decide implements domain.Command. One that is being sent has been counted, and may have been tried.
func (c Begin) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	n := domain.Find[state.Notification](states, Ref(c.Tenant, c.ID))
	if n == nil || !Open(n) {
		return domain.Decision{}, nil
	}
	contact := domain.Find[state.Contact](states, ContactRef(c.Tenant, c.UserID))
	after := next(n, now)
	reason := unwanted(contact, n.Channel)
	var changes []domain.Change
	switch {
	case c.Over:
		after.State, after.Reason = state.NotificationDropped, ReasonOver
		changes = leave(contact, n)
	case reason != "":
		after.State, after.Reason = state.NotificationSuppressed, reason
		changes = leave(contact, n)
	case n.State == state.NotificationSending:
		return domain.Decision{}, nil
	default:
		changes = c.Pace.admit(contact, after, now)
	}
	return domain.Decision{Changes: append(changes, domain.Change{Before: n, After: after}), Answer: after.Ref()}, nil
}

// Withdraw takes back a notification that is not due yet. With Refuse it says so of one that cannot be.
type Withdraw struct {
	Tenant, ID, UserID string
	Reason             string
	Refuse             bool
}

// Refs implements domain.Command.
func (c Withdraw) Refs() []state.Ref {
	return []state.Ref{Ref(c.Tenant, c.ID), ContactRef(c.Tenant, c.UserID)}
}

// Decide implements domain.Command.
func (c Withdraw) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	n := domain.Find[state.Notification](states, Ref(c.Tenant, c.ID))
	switch {
	case n == nil && c.Refuse:
		return domain.Decision{}, fault.NotFoundf("notification", c.ID)
	case n == nil:
		return domain.Decision{}, nil
	case n.State == state.NotificationDropped:
		return domain.Decision{Answer: n.Ref()}, nil
	case n.State == state.NotificationScheduled:
	case c.Refuse:
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION",
			"a notification that is %s cannot be withdrawn; it must be SCHEDULED", n.State).With("state", n.State.String()).
			Needing("NOTIFICATION_STATE", n.ID, "current state "+n.State.String()+", needed SCHEDULED")
	default:
		return domain.Decision{Answer: n.Ref()}, nil
	}
	after := next(n, now)
	after.State, after.Reason = state.NotificationDropped, c.Reason
	changes := leave(domain.Find[state.Contact](states, ContactRef(c.Tenant, c.UserID)), n)
	return domain.Decision{Changes: append(changes, domain.Change{Before: n, After: after}), Answer: after.Ref()}, nil
}

// Reopen has a notification that was given up sent again.
type Reopen struct{ Tenant, ID string }

// Refs implements domain.Command.
func (c Reopen) Refs() []state.Ref { return []state.Ref{Ref(c.Tenant, c.ID)} }

// Decide implements domain.Command.
func (c Reopen) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	n := domain.Find[state.Notification](states, Ref(c.Tenant, c.ID))
	if n == nil || n.State != state.NotificationFailed {
		return domain.Decision{}, nil
	}
	after := next(n, now)
	after.State, after.Reason, after.Attempts = state.NotificationSending, "", 0
	return changed(n, after), nil
}

// Open tells whether a notification may still be sent.
func Open(n *state.Notification) bool {
	return n.State == state.NotificationScheduled || n.State == state.NotificationSending
}

func next(n *state.Notification, now time.Time) *state.Notification {
	after := *n
	after.Version++
	after.UpdatedAt = now
	return &after
}

func changed(before, after *state.Notification) domain.Decision {
	return domain.Decision{Changes: []domain.Change{{Before: before, After: after}}, Answer: after.Ref()}
}

// DeduplicatedID names a notification that a caller asks for with words that make two requests the same.
func DeduplicatedID(user, channel, template, words string) string {
	return id.DeriveStep("notification", "user:"+user, channel+"\x00"+template+"\x00"+words)
}
