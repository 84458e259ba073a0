package state

import (
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
)

// OrderDetails is what is known of the persons of an order: where its goods go, and whose order it is. It is the one row of an order
// that holds such personal data: events and the history of changes tell that it changed, and not to what (requirement P-12). An order has
// none before its first change.
type OrderDetails struct {
	Tenant, OrderID  string
	Delivery, Client map[string]string // by the names of the contract's fields; what is empty is left out
	Batches          int64             // of changes that the history tells of, each a ChangeBatch
	Version          int64             // grows with every change
	UpdatedAt        time.Time
}

// Ref implements Row.
func (d *OrderDetails) Ref() Ref { return Ref{KindOrderDetails, d.Tenant, d.OrderID} }

// EventSeq implements Row; the order's events tell of it.
func (d *OrderDetails) EventSeq() int64 { return 0 }

// ChangeStatus has the numbers of oms.v1.ChangeStatus.
type ChangeStatus int16

// What became of a change.
const (
	ChangeNone       ChangeStatus = iota
	ChangeApplied                 // carried out
	ChangeRefused                 // something was wrong with it
	ChangeNotApplied              // something was wrong with another of its batch
)

// Changed is one entry of the history: one change of a part of an order. It never holds the value.
type Changed struct {
	ChangeID string       `json:"change_id,omitempty"` // the client's name for it
	Path     string       `json:"path"`
	Unset    bool         `json:"unset,omitempty"`
	Status   ChangeStatus `json:"status"`
	Reason   string       `json:"reason,omitempty"` // of a refusal
	Message  string       `json:"message,omitempty"`
}

// ChangeBatch is what one request changed of an order or was refused to. It never changes.
type ChangeBatch struct {
	Tenant, ID   string // as ChangeBatchID names it
	OrderVersion int64  // that it made; 0 when it was refused
	At           time.Time
	Changes      []Changed // in the order of the request
}

// Ref implements Row.
func (b *ChangeBatch) Ref() Ref { return Ref{KindChangeBatch, b.Tenant, b.ID} }

// EventSeq implements Row; batches have no events.
func (b *ChangeBatch) EventSeq() int64 { return 0 }

// ChangeBatchID names an order's batch by its number, from 1. The order of the names is that of the numbers.
func ChangeBatchID(orderID string, number int64) string {
	return fmt.Sprintf("%s/%012d", id.Derive("changes", orderID), number)
}

// ChangeBatchNumber reads the number in a name.
func ChangeBatchNumber(batchID string) int64 {
	number := int64(0)
	for _, digit := range batchID[len(batchID)-12:] {
		number = 10*number + int64(digit-'0')
	}
	return number
}

// ChangeBatchesOf bounds the names of an order's batches, both exclusive, so that the primary key finds them.
func ChangeBatchesOf(orderID string) (first, end string) {
	prefix := id.Derive("changes", orderID)
	return prefix + "/", prefix + "0" // the character that follows "/"
}
