package gateway

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Dispute is what a gateway says of a dispute: where it stands, not what has changed. It is no outcome of a call of ours. Amounts are
// minor units.
type Dispute struct {
	Provider        string // the gateway that says so
	Tenant, OrderID string // empty where the gateway knows the payment by its own number only
	ExternalID      string // the gateway's number of the hold
	ID              string // the gateway's number of the dispute
	State           state.DisputeState
	Currency        string
	AmountMinor     int64
	FeeMinor        int64
	FeeTold         bool   // else nothing is said of fees
	Reason          string // the payer's, such as "fraudulent"
	DueBy           time.Time
	AsOf            time.Time // since when it is so
}

// DisputeTaker takes what a gateway says of a dispute, and answers when that is stored: nobody asks about disputes, so a sender that is
// answered with an error has to come again.
type DisputeTaker func(ctx context.Context, d Dispute) error

// Locator finds a payment of ours by the gateway's own number of it. Both are empty when it is none of ours.
type Locator interface {
	Locate(ctx context.Context, externalID string) (tenant, orderID string, err error)
}
