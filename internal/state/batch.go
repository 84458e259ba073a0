package state

import (
	"errors"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
)

// Errors that a store answers; everything else means that the store is unavailable and nothing was committed.
var (
	// ErrConflict says that another transaction was first: a unique row exists, a deadlock or serialization failure was
	// resolved against the batch. Nothing was committed; loading again and deciding again is right.
	ErrConflict = errors.New("store: conflict with another transaction")
	// ErrData says that a value could not be stored (SQLSTATE 22 or 23, but for unique rows). Nothing was committed, and trying
	// the same again fails again.
	ErrData = errors.New("store: a value was refused")
	// ErrOutcomeUnknown says that the connection broke during the commit: Outcome tells whether it took place.
	ErrOutcomeUnknown = errors.New("store: outcome of the commit is unknown")
	// ErrNotFound says that a read found nothing.
	ErrNotFound = errors.New("store: not found")
	// ErrFenced says that a lease has passed to another holder.
	ErrFenced = errors.New("store: lease lost")
)

// Key scopes an idempotency key (requirement R-6).
type Key struct {
	Tenant, Principal, Key string
}

// Compare orders keys as they are inserted, so that two batches never wait for each other in a circle.
func (k Key) Compare(other Key) int {
	if c := strings.Compare(k.Tenant, other.Tenant); c != 0 {
		return c
	}
	if c := strings.Compare(k.Principal, other.Principal); c != 0 {
		return c
	}
	return strings.Compare(k.Key, other.Key)
}

// Answer is what a key's first command was answered.
type Answer struct {
	Hash   [32]byte   // of method, canonical command and hash version
	Method string     // full gRPC method name, such as "/oms.v1.OrderService/CreateOrder"
	Code   fault.Code // 0 after a success
	Body   []byte     // after a success the answered resource as protobuf, else the fault as JSON
	At     time.Time
}

// Need is what a batch wants to read and lock. Refs and Keys are sorted and without duplicates.
type Need struct {
	Refs []Ref
	Keys []Key
	// LookupKeys asks for the stored answers. Without it keys are taken to be new, and Commit answers ErrConflict when one
	// was not: most keys are new, and so most batches save the lookup.
	LookupKeys bool
}

// Loaded is what a batch has read. Rows that do not exist are absent.
type Loaded struct {
	Now     time.Time // of the database, never going backwards
	Rows    map[Ref]Row
	Answers map[Key]*Answer
	// Assumed says that some rows are as the store remembers them, not as they were read just now. Commit proves them, and so
	// must be called even when there is nothing to store; ErrConflict says that one was different.
	Assumed bool
}

// Written is a row after the batch.
type Written struct {
	Row Row
	New bool // insert; ErrConflict when it exists
}

// KeyedAnswer is an answer to be kept under its key.
type KeyedAnswer struct {
	Key    Key
	Answer Answer
}

// Event is one fact, immutable once committed (requirements O-7, P-8).
type Event struct {
	ID             id.UUID // batch id with the ordinal as its member
	Tenant         string
	AggregateKind  Kind
	AggregateID    string
	Seq            int64
	Type           string // "order.status_changed"
	At             time.Time
	TraceID        string
	IdempotencyKey string // of the command that caused it; empty for internal ones
	SchemaVersion  string
	Payload        []byte // the protobuf message of Type
	Position       int64  // in the log of all events; 0 until the relay has numbered it
}

// TimerKey names a timer; setting one that exists replaces it.
type TimerKey struct {
	Tenant      string
	Kind        string // "order.expire"
	AggregateID string
}

// Timer fires a command at DueAt; the command clears it in its own batch.
type Timer struct {
	TimerKey
	DueAt time.Time
}

// Changes is everything that a batch stores, in one transaction.
type Changes struct {
	Batch       id.UUID // version 7, last two bytes zero; inserted with the batch, so that its outcome can be found out
	Now         time.Time
	Answers     []KeyedAnswer // sorted by key
	Rows        []Written     // sorted by Ref
	Events      []Event       // in order of decision; their ordinal is their index
	SetTimers   []Timer       // sorted, one a key
	ClearTimers []TimerKey    // sorted, none of them in SetTimers
	Transfers   []ledger.Transfer
	// Unseen are references of the batch's Need that no decision has looked at, sorted: what was assumed of them need not be proved.
	Unseen []Ref
}

// Empty tells whether there is nothing to store.
func (c *Changes) Empty() bool {
	return len(c.Answers)+len(c.Rows)+len(c.Events)+len(c.SetTimers)+len(c.ClearTimers)+len(c.Transfers) == 0
}
