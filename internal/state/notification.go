package state

import "time"

// Contact is how a user of a tenant is reached. It is the one row that holds such personal data: events and notifications name the
// user only, so that forgetting the user is one change (requirement P-12).
type Contact struct {
	Tenant, UserID string
	Email          string   // an address of RFC 5322, without a name; empty for none
	Phone          string   // E.164, such as +4915112345678; empty for none
	Locale         string   // BCP 47; empty for the default
	OptedOut       []string // channels that must not be used, in byte order
	Forgotten      bool     // nothing is left but that there was somebody

	// PacedUntil is until when the notifications that went to transports use up what the user may get (see
	// notification.Pace). It is in the past for a user who got few.
	PacedUntil time.Time
	// Waiting is how many notifications the pace has put off that are SCHEDULED still.
	Waiting int32

	Version   int64 // grows with every change by a client
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Ref implements Row.
func (c *Contact) Ref() Ref { return Ref{KindContact, c.Tenant, c.UserID} }

// EventSeq implements Row; contacts have no events, since events are for ever.
func (c *Contact) EventSeq() int64 { return 0 }

// NotificationState has the numbers of oms.v1.NotificationState.
type NotificationState int16

// The states of a notification. The first two are open.
const (
	NotificationNone         NotificationState = iota
	NotificationScheduled                      // due later, at DueAt
	NotificationSending                        // handed to the transport until that says yes or no
	NotificationSent                           // the transport has taken it
	NotificationFailed                         // refused for good, or given up
	NotificationSuppressed                     // the user does not want it, or cannot be reached by this channel
	NotificationDropped                        // withdrawn before it was sent: what it was about is over
	NotificationUnconfigured                   // no transport of the channel is configured
)

// String writes the state without the enum's prefix.
func (s NotificationState) String() string {
	return [...]string{"NONE", "SCHEDULED", "SENDING", "SENT", "FAILED", "SUPPRESSED", "DROPPED", "UNCONFIGURED"}[s]
}

// Notification is one message to one user. It holds neither address nor text: both are made when it is sent, by the contact and the
// template of that moment. Everything from UserID to Provider, TraceID and CreatedAt never changes.
type Notification struct {
	Tenant, ID string
	UserID     string
	Channel    string // "email" or "sms"
	Template   string
	Locale     string            // wanted; empty for the contact's
	Parameters map[string]string // of the template
	OrderID    string            // that it is about; empty for none
	Provider   string            // the transport; empty when none is configured

	State     NotificationState
	Reason    string // of the state, such as OPTED_OUT; while it is SENDING, of the latest attempt
	Attempts  int32  // whose end is known; the effect counts the one under way as well
	DueAt     time.Time
	SentAt    time.Time
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Ref implements Row.
func (n *Notification) Ref() Ref { return Ref{KindNotification, n.Tenant, n.ID} }

// EventSeq implements Row; notifications have no events.
func (n *Notification) EventSeq() int64 { return 0 }

// NotificationQuery selects a page of notifications, newest first. One of UserID and OrderID is set.
type NotificationQuery struct {
	Tenant, UserID, OrderID string
	BeforeID                string // only those with a smaller id; empty for the first page
	Limit                   int
}
