package state

import "time"

// PlayerPaymentType has the numbers of provider.v1.PaymentType.
type PlayerPaymentType int16

// The ways in which a player's money goes.
const (
	PlayerPaymentNone       PlayerPaymentType = iota
	PlayerPaymentDeposit                      // from the player's means to the player's account
	PlayerPaymentWithdrawal                   // and back
)

// String writes the type without the enum's prefix.
func (t PlayerPaymentType) String() string { return [...]string{"NONE", "DEPOSIT", "WITHDRAWAL"}[t] }

// PlayerPaymentStatus has the numbers of provider.v1.PaymentStatus.
type PlayerPaymentStatus int16

// The statuses of a player's payment.
const (
	PlayerPaymentUnset      PlayerPaymentStatus = iota
	PlayerPaymentProcessing                     // the gateway has been asked
	PlayerPaymentInDoubt                        // its answer was lost, and it is asked what became of it
	PlayerPaymentAuthorized                     // of a deposit: the gateway holds the money, and is asked to take it
	PlayerPaymentSucceeded                      // the money has moved, and is booked
	PlayerPaymentDeclined                       // the gateway refused, and nothing has moved
)

// String writes the status without the enum's prefix.
func (s PlayerPaymentStatus) String() string {
	return [...]string{"UNSET", "PROCESSING", "IN_DOUBT", "AUTHORIZED", "SUCCEEDED", "DECLINED"}[s]
}

// PlayerPayment is a deposit or a withdrawal of a player. What was asked for, that is PlayerID to Region and CreatedAt, never changes;
// CreatedAt is the time inside ID, in whole milliseconds, so the order of ids is the order of creation.
type PlayerPayment struct {
	Tenant, ID, PlayerID    string
	Type                    PlayerPaymentType
	Currency                string
	AmountMinor             int64
	Provider                string // the gateway
	Brand, Region, CalledBy string // for whom it was asked for, where, and by which provider

	Status     PlayerPaymentStatus
	Reason     string // of a decline, as the gateway names it
	ExternalID string // the gateway's number
	Token      string // the player's means; cleared when the payment ends
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// PlayerPaymentRef names the row of a player's payment.
func PlayerPaymentRef(tenant, id string) Ref { return Ref{KindPlayerPayment, tenant, id} }

// Ref implements Row.
func (p *PlayerPayment) Ref() Ref { return PlayerPaymentRef(p.Tenant, p.ID) }

// EventSeq implements Row; every change of a player's payment is an event.
func (p *PlayerPayment) EventSeq() int64 { return p.Version }

// Seen tells whether a call of an origin may know of the payment.
func (p *PlayerPayment) Seen(by Origin) bool {
	return p.Tenant == by.Tenant && p.Brand == by.Brand && p.Region == by.Region
}
