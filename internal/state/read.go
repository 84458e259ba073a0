package state

import "time"

// OrderQuery selects a page of orders, newest first (requirement O-10).
type OrderQuery struct {
	Tenant      string
	CustomerID  string        // empty for all
	Statuses    []OrderStatus // empty for all
	CreatedFrom time.Time     // inclusive; zero for open
	CreatedTo   time.Time     // exclusive; zero for open
	BeforeID    string        // only orders with a smaller id; empty for the first page
	Limit       int           // rows to answer at most
	ScanLimit   int           // rows to look at, at most; when it ends the page early, Page.Next is set all the same
}

// OrderPage is a page of orders. Next is the id to go on before, empty on the last page.
type OrderPage struct {
	Orders []*Order
	Next   string
}

// NumberedBatch is a committed batch whose events have positions First … First+Count-1.
type NumberedBatch struct {
	Batch [16]byte
	First int64
	Count int
}

// Lease is the right of one process to do something alone. Fence grows with every new holder.
type Lease struct {
	Name   string
	Holder string
	Fence  int64
}

// Cursor is how far a consumer of the log has come: everything up to Position in Epoch has taken effect.
type Cursor struct {
	Epoch    string
	Position int64
}

// Levels are what waits in the database, whichever process is to see to it.
type Levels struct {
	DeadLetters int64         // that nobody has replayed
	Disputed    int64         // payments of which money is withdrawn by a dispute that is open
	Effects     []OpenEffects // by kind; a kind of which none is open is absent
}

// OpenEffects are the calls of a kind that have no outcome yet, but for notifications that are not due yet.
type OpenEffects struct {
	Kind   string
	Count  int64
	Oldest time.Duration // since the oldest was asked for or due, by the database's clock
}

// Finding is the result of one invariant's check.
type Finding struct {
	Invariant string // what holds, in a sentence
	Checked   int64  // rows looked at
	Violation string // the first violations; empty when it holds
}

// StepLimits are for how long an order may wait in a step before it counts as stuck (requirement X-9).
type StepLimits struct {
	Reservation, Payment, Capture, Compensation time.Duration
}

// StuckOrder is an order that waits in a step for longer than its limit, or has an open dead letter.
type StuckOrder struct {
	Tenant, OrderID string
	Step            string    // RESERVATION, PAYMENT, CAPTURE, COMPENSATION or DEAD_LETTER
	Since           time.Time // when the order last changed, or its newest letter was written
	Error           string    // of the letter
}

// StuckOrders are the stuck orders of all tenants.
type StuckOrders struct {
	UnderWay int64        // orders that were looked at
	Count    int64        // those that are stuck
	Orders   []StuckOrder // those that wait longest, at most as many as were asked for
}

// StuckPayment is a deposit or withdrawal of a player that waits in a step for longer than its limit, or has an open dead letter.
type StuckPayment struct {
	Tenant, PaymentID, PlayerID string
	Type                        PlayerPaymentType
	Status                      PlayerPaymentStatus
	Step                        string    // PAYMENT, CAPTURE, PAYOUT or DEAD_LETTER
	Since                       time.Time // when the payment last changed, or its newest letter was written
	Error                       string    // the last of its call, or of the letter; empty for none
	LetterID                    string    // of the letter; empty for none
}

// StuckPayments are the stuck payments of players.
type StuckPayments struct {
	Count    int64          // those that are stuck
	Payments []StuckPayment // those that wait longest, at most as many as were asked for
}

// DeadLetterQuery selects a page of dead letters, newest first.
type DeadLetterQuery struct {
	Tenant          string
	IncludeReplayed bool
	BeforeID        string
	Limit           int
}
