// Package state holds the rows of the system: what a batch loads, what decisions work on and what it stores. They are plain
// values without behaviour, the common language of domains, pipeline and stores. A row that has been loaded or written is
// never changed in place: a decision answers a changed copy.
package state

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
)

// Kind says what a row is. The numbers are the one global order in which rows are locked, and SQLite stores them with events: a new kind
// comes at the end.
type Kind uint8

// The kinds of rows, in locking order.
const (
	KindOrder Kind = 1 + iota
	KindReservation
	KindPayment
	KindEffect
	KindDeadLetter
	KindItem
	KindCatalogue
	KindPrice
	KindContact
	KindNotification
	KindAccount
	KindHold
	KindOrderDetails
	KindChangeBatch
	KindPlayer
	KindSession
	KindRound
	KindBet
	KindSettlement
	KindPlayerPayment
	KindSandbox
	KindJackpot
	KindJackpotFeed
	KindJackpotTrigger
	KindBonus
)

// Shared tells that rows of a kind are read by many commands and rarely changed. Whoever only looks at one takes no lock: what it saw was
// so while the command was under way, and a change that is committed later comes after the command. Whoever changes one proves the
// version that it changes, as for every row (docs/decisions/0013).
func (k Kind) Shared() bool {
	return k == KindCatalogue || k == KindPrice || k == KindSession || k == KindRound || k == KindJackpotFeed
}

// Prefix is the kind's part of an identifier such as "order:<uuid>"; items are named by their SKU and have none.
func (k Kind) Prefix() string {
	return [...]string{"", "order", "reservation", "payment", "effect", "deadletter", "", "", "", "contact", "notification",
		"account", "hold", "", "", "player", "session", "round", "bet", "settlement", "player_payment",
		"sandbox", "jackpot", "jackpot_feed", "jackpot_trigger", "bonus"}[k]
}

// String names the kind.
func (k Kind) String() string {
	return [...]string{
		"unknown", "order", "reservation", "payment", "effect", "deadletter", "item", "catalogue", "price", "contact", "notification",
		"account", "hold",
		"order details", "change batch", "player", "session", "round", "bet", "settlement",
		"player_payment", "sandbox", "jackpot", "jackpot feed", "jackpot trigger", "bonus",
	}[k]
}

// Ref names one row.
type Ref struct {
	Kind   Kind
	Tenant string
	ID     string
}

// Compare orders references as rows are locked: by kind, tenant and id in byte order.
func (r Ref) Compare(other Ref) int {
	if r.Kind != other.Kind {
		return cmp.Compare(r.Kind, other.Kind)
	}
	if c := strings.Compare(r.Tenant, other.Tenant); c != 0 {
		return c
	}
	return strings.Compare(r.ID, other.ID)
}

// Row is anything that a decision can load and change: *Order, *Reservation, *Payment, *Effect, *DeadLetter, *Item,
// *Catalogue, *Price, *Contact, *Notification, *Account, *Hold, *OrderDetails, *ChangeBatch, *Player, *Session, *Round, *Bet,
// *Settlement, *PlayerPayment, *Sandbox, *Jackpot, *JackpotFeed, *JackpotTrigger or *Bonus.
type Row interface {
	// Ref names the row.
	Ref() Ref
	// EventSeq is the number of the row's latest event; its events are numbered 1, 2, 3 … without gaps.
	EventSeq() int64
}

// OrderStatus has the numbers of oms.v1.OrderStatus.
type OrderStatus int16

// The statuses of an order (requirement O-5).
const (
	OrderUnspecified OrderStatus = iota
	OrderPending
	OrderReserved
	OrderPaid
	OrderConfirmed
	OrderCanceled
	OrderRefunded
)

// String writes the status as clients see it, without the enum's prefix.
func (s OrderStatus) String() string {
	return [...]string{"UNSPECIFIED", "PENDING", "RESERVED", "PAID", "CONFIRMED", "CANCELED", "REFUNDED"}[s]
}

// Terminal tells whether the status never changes again.
func (s OrderStatus) Terminal() bool { return s == OrderCanceled || s == OrderRefunded }

// PaymentStatus has the numbers of oms.v1.PaymentStatus.
type PaymentStatus int16

// The statuses of a payment.
const (
	PaymentNone PaymentStatus = iota
	PaymentRequested
	PaymentProcessing
	PaymentAuthorized
	PaymentCaptured
	PaymentDeclined
	PaymentVoided
	PaymentPartiallyRefunded
	PaymentRefunded
	PaymentUnknown
)

// String writes the status without the enum's prefix.
func (s PaymentStatus) String() string {
	return [...]string{"NONE", "REQUESTED", "PROCESSING", "AUTHORIZED", "CAPTURED", "DECLINED", "VOIDED",
		"PARTIALLY_REFUNDED", "REFUNDED", "UNKNOWN"}[s]
}

// Line is one line of an order; the price is in minor units of the order's currency.
type Line struct {
	SKU        string
	Quantity   int32
	PriceMinor int64
}

// Adjustment is an amount beside the lines.
type Adjustment struct {
	Name        string `json:"name"`
	AmountMinor int64  `json:"amount_minor"`
}

// Card is what is kept of a payer's card (requirement S-5); the zero value when nothing is known of one.
type Card struct {
	Brand    string // such as "visa"
	LastFour string // digits
}

// Order is an order. Version counts its changes, of which each is an event, so it is the seq of the latest event too.
// CreatedAt is the time inside ID, in whole milliseconds, so the order of ids is the order of creation. CustomerID, Currency and
// CreatedAt never change: stores do not write them again. Lines change while the order is unpaid only: stores write them again when
// they differ from those of the row that is replaced, and then all of them.
type Order struct {
	Tenant, ID, CustomerID string
	Status                 OrderStatus
	StatusReason           string // machine reason, such as OUT_OF_STOCK
	StatusDetail           string // a person's words or the SKU that ran out
	Currency               string
	AmountMinor            int64
	Lines                  []Line
	Adjustments            []Adjustment
	ClientReference        string
	Metadata               map[string]string

	PaymentStatus      PaymentStatus
	PaymentToken       string // the accepted intent; cleared when the payment ends
	PaymentCard        Card
	KeepOnDecline      bool
	DeclineReason      string
	CapturedMinor      int64
	RefundedMinor      int64
	RefundPendingMinor int64
	DisputedMinor      int64 // as the payment's
	ChargedBackMinor   int64 // as the payment's
	CancelRequested    bool

	ExpiresAt time.Time // when it ends unpaid; an accepted payment suspends that (see Expires)
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// Ref implements Row.
func (o *Order) Ref() Ref { return Ref{KindOrder, o.Tenant, o.ID} }

// EventSeq implements Row.
func (o *Order) EventSeq() int64 { return o.Version }

// NewLines tells whether the order has other lines than the row that it replaces, or than are known.
func (o *Order) NewLines(replaced Row) bool {
	before, known := replaced.(*Order)
	return !known || !slices.Equal(before.Lines, o.Lines)
}

// Expires tells whether the order's timer is running: it is unpaid and no payment is under way (requirement O-12).
func (o *Order) Expires() bool {
	return (o.Status == OrderPending || o.Status == OrderReserved) &&
		(o.PaymentStatus == PaymentNone || o.PaymentStatus == PaymentDeclined)
}

// ReservationStatus has the numbers of oms.v1.ReservationStatus.
type ReservationStatus int16

// The statuses of a reservation.
const (
	ReservationNone ReservationStatus = iota
	ReservationHeld
	ReservationRejected
	ReservationReleased
	ReservationSold
)

// Demand is a number of pieces of one SKU.
type Demand struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"qty"`
}

// Reservation is what is set aside for one order; its id derives from the order's. OrderID never changes, and Items
// only while it is held, with the lines of an unpaid order.
type Reservation struct {
	Tenant, ID, OrderID string
	Status              ReservationStatus
	Items               []Demand // summed by SKU, in byte order of the SKU
	RejectedSKU         string
	Version             int64
	UpdatedAt           time.Time
}

// Ref implements Row.
func (r *Reservation) Ref() Ref { return Ref{KindReservation, r.Tenant, r.ID} }

// EventSeq implements Row; reservations have no events of their own, the order's tell of them.
func (r *Reservation) EventSeq() int64 { return 0 }

// Item is the stock of one SKU: available = OnHand - Reserved, stocked = OnHand + Sold (requirement O-12).
type Item struct {
	Tenant, SKU            string
	OnHand, Reserved, Sold int64
	Version                int64 // grows with every change
	Seq                    int64 // grows with every event, that is when stock is set or adjusted
	UpdatedAt              time.Time
}

// Ref implements Row.
func (i *Item) Ref() Ref { return Ref{KindItem, i.Tenant, i.SKU} }

// EventSeq implements Row.
func (i *Item) EventSeq() int64 { return i.Seq }

// RefundState has the numbers of oms.v1.RefundState.
type RefundState int16

// The states of a refund.
const (
	RefundNone RefundState = iota
	RefundPending
	RefundSucceeded
	RefundFailed
)

// Refund is one refund of a payment; Number counts from 1 in its payment.
type Refund struct {
	Number      int         `json:"number"`
	AmountMinor int64       `json:"amount_minor"`
	State       RefundState `json:"state"`
	Reason      string      `json:"reason,omitempty"`
	CreatedAt   time.Time   `json:"created_at"`
}

// DisputeState has the numbers of oms.v1.DisputeState.
type DisputeState int16

// The states of a dispute. Money is withdrawn while it is open and when it was lost.
const (
	DisputeNone          DisputeState = iota
	DisputeInquiry                    // a warning: no money moves
	DisputeInquiryClosed              // the warning came to nothing
	DisputeOpen                       // the gateway has withdrawn the money
	DisputeWon                        // it has given it back
	DisputeLost                       // it keeps it
)

// Withdrawn tells whether the gateway has the money of a dispute in the state.
func (s DisputeState) Withdrawn() bool { return s == DisputeOpen || s == DisputeLost }

// Dispute is a payer's complaint at the bank about a payment; Number counts from 1 in its payment.
type Dispute struct {
	Number      int          `json:"number"`
	ExternalID  string       `json:"external_id"` // the gateway's
	State       DisputeState `json:"state"`
	AmountMinor int64        `json:"amount_minor"`
	Currency    string       `json:"currency,omitempty"` // when it is not the payment's, so that it cannot be booked
	FeeMinor    int64        `json:"fee_minor,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	DueBy       time.Time    `json:"due_by,omitzero"` // evidence is to be there by then
	AsOf        time.Time    `json:"as_of"`           // when the gateway says that it came to be so
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	// What the ledger has of it: Booked is DisputeOpen, DisputeLost or none. It follows State as soon as the payment has the money.
	Booked      DisputeState `json:"booked,omitempty"`
	BookedMinor int64        `json:"booked_minor,omitempty"`
	Bookings    int          `json:"bookings,omitempty"` // transfers so far; the next one's name has the next number
}

// Payment is the payment of one order with all its attempts; its id derives from the order's, so that
// (order_id, event_type, seq) stays unique however often the client pays again. OrderID, Currency and CreatedAt never change.
type Payment struct {
	Tenant, ID, OrderID string
	Status              PaymentStatus
	Currency            string
	AmountMinor         int64
	Provider            string
	ExternalID          string
	Token               string
	Card                Card
	CaptureBefore       time.Time // when the gateway lets the hold go by itself; zero where it does not say
	Attempt             int32
	CancelRequested     bool // void or refund as soon as the outcome is known
	CapturedMinor       int64
	RefundedMinor       int64
	RefundPendingMinor  int64
	DeclineReason       string
	Refunds             []Refund
	DisputedMinor       int64 // withdrawn by disputes that are open, as the ledger has it
	ChargedBackMinor    int64 // withdrawn by disputes that were lost, as the ledger has it
	Disputes            []Dispute
	Version             int64
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

// Ref implements Row.
func (p *Payment) Ref() Ref { return Ref{KindPayment, p.Tenant, p.ID} }

// EventSeq implements Row; every change of a payment is an event.
func (p *Payment) EventSeq() int64 { return p.Version }

// EffectState is where a call to the outside stands.
type EffectState int16

// The states of an effect. An open effect is due at NextAt and belongs to Owner until then.
const (
	EffectOpen EffectState = 1 + iota
	EffectDone
	EffectFailed // given up: a dead letter tells
)

// Effect is one call to the outside, such as a gateway's hold. It is stored by the decision that wants it, claimed by a
// committed command before each call, and closed by the command that brings the result. Its ID is the idempotency key of the
// call: "effect:<uuid of the payment>/<step>", for instance "effect:0198…/hold/1". What is to be called for, that is Kind to
// ExpiresAt but for ExternalID, TraceID and CreatedAt never change.
type Effect struct {
	Tenant, ID  string
	Kind        string // "gateway.hold", "gateway.capture", "gateway.void", "gateway.refund", "gateway.payout", "notification.email" or ".sms"
	AggregateID string // the payment, the player's payment, or the notification
	OrderID     string // empty for what is no order's
	Provider    string
	Token       string // the payer's means; of a notification the user
	ExternalID  string // the gateway's number of the payment, where it is known
	Currency    string
	AmountMinor int64
	ExpiresAt   time.Time // from then on it is not called any more, only asked about; zero for calls that are never too late

	State     EffectState
	Owner     string    // the process that may call
	NextAt    time.Time // until then the owner has it; after that whoever claims it
	Attempts  int32     // claims so far
	Called    bool      // a call may have reached the gateway: ask it before calling again
	LastError string
	TraceID   string
	CreatedAt time.Time
	UpdatedAt time.Time

	SettledBy EffectParty     // who brought the outcome; 0 while there is none
	History   []EffectAttempt // what did not simply succeed at the first attempt, the last HistoryLimit of it; oldest first
}

// Ref implements Row.
func (e *Effect) Ref() Ref { return Ref{KindEffect, e.Tenant, e.ID} }

// EventSeq implements Row; effects have no events.
func (e *Effect) EventSeq() int64 { return 0 }

// HistoryLimit is how many entries of its history an effect keeps, the latest ones.
const HistoryLimit = 32

// EffectResult is what came of one attempt at an effect.
type EffectResult int16

// What comes of attempts. The last two are about the effect as a whole.
const (
	ResultNone       EffectResult = iota
	ResultSucceeded               // done
	ResultRefused                 // the gateway refused it, for the reason told
	ResultNotReached              // the call did not get to the gateway
	ResultUnknown                 // the answer was lost: the call may have taken place
	ResultPending                 // asked, the gateway said that it has not decided yet
	ResultNotFound                // asked, the gateway said that it knows of no such call
	ResultUnanswered              // the claim ended without a word: no callback came, or the process died
	ResultUnusable                // the gateway answered what cannot be booked
	ResultGivenUp                 // no further attempt is made; a dead letter tells
	ResultReopened                // an operator, or the end of its time, has it tried again
)

// String writes the result as clients see it.
func (r EffectResult) String() string {
	return [...]string{"", "SUCCEEDED", "REFUSED", "NOT_REACHED", "UNKNOWN", "PENDING", "NOT_FOUND", "UNANSWERED", "UNUSABLE",
		"GIVEN_UP", "REOPENED"}[r]
}

// EffectParty says through whom something became known about an effect.
type EffectParty int16

// The parties.
const (
	PartyNone       EffectParty = iota
	PartyWorker                 // the answer to the call itself
	PartyReconciler             // whoever looks after calls without an answer
	PartyCallback               // the gateway called back
	PartyOperator
)

// EffectAttempt is one entry of an effect's history.
type EffectAttempt struct {
	Number    int32        `json:"number"`  // counts the entries of the effect from 1, those no longer kept too
	Attempt   int32        `json:"attempt"` // the claim it belongs to; claims count from 1 again after a replay
	Result    EffectResult `json:"result"`
	Asked     bool         `json:"asked,omitempty"` // the gateway was asked what became of the call; otherwise it was called
	By        EffectParty  `json:"by"`
	Reason    string       `json:"reason,omitempty"` // of a refusal as the gateway names it; of a failure the error
	StartedAt time.Time    `json:"started_at"`       // of the claim
	At        time.Time    `json:"at"`               // when the result was stored
}

// EffectsOf bounds the ids of a payment's effects, both exclusive: they are "effect:", the payment's UUID, "/" and the step, so
// the primary key finds them.
func EffectsOf(payment string) (first, end string) {
	prefix := id.Derive("effect", payment)
	return prefix + "/", prefix + "0" // the character that follows "/"
}

// DeadLetter is a step that kept failing. While ReplayedAt is zero the aggregate of a letter about an event is parked.
type DeadLetter struct {
	Tenant, ID  string
	AggregateID string
	Kind        string
	Payload     []byte
	Position    int64
	Error       string
	Attempts    int32
	CreatedAt   time.Time
	ReplayedAt  time.Time
}

// Ref implements Row.
func (d *DeadLetter) Ref() Ref { return Ref{KindDeadLetter, d.Tenant, d.ID} }

// EventSeq implements Row; dead letters have no events.
func (d *DeadLetter) EventSeq() int64 { return 0 }
