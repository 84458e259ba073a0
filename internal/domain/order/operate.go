package order

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Reasons of the events that tell of an operator.
const (
	OperatorRetry        = "OPERATOR_RETRY"
	OperatorCompensation = "OPERATOR_COMPENSATION"
)

// Operate notes who acts on an order by hand, and why, as an event of the order in the same transaction (requirements X-9, P-13). It is
// the first step of the group, so that a refusal later undoes it too.
type Operate struct {
	Name
	Action          string // OperatorRetry or OperatorCompensation
	Operator, Words string
}

// Said is what the order keeps of it.
func (c Operate) Said() string { return c.Operator + ": " + c.Words }

// Decide implements domain.Command. An order that has ended is refused, and so is a retry of one that waits for nobody but its client.
func (c Operate) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	o, refusal := c.find(states)
	switch {
	case refusal != nil:
		return domain.Decision{}, refusal
	case o.Status.Terminal():
		return domain.Decision{}, illegal(o, "acted on by an operator", "PENDING, RESERVED, PAID or CONFIRMED")
	case c.Action == OperatorRetry && !Waits(o):
		return domain.Decision{}, illegal(o, "retried", "PENDING, PAID, or waiting for its payment or refund")
	}
	after := next(o, now)
	after.StatusDetail = c.Said()
	return updated(o, after, c.Action), nil
}

// Waits tells whether an order waits for a step that is not its client's: its stock, the gateway or its compensation.
func Waits(o *state.Order) bool {
	underWay := o.PaymentStatus == state.PaymentProcessing || o.PaymentStatus == state.PaymentUnknown
	return o.Status == state.OrderPending || o.Status == state.OrderPaid || o.RefundPendingMinor > 0 ||
		o.Status == state.OrderReserved && underWay
}
