package payment

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// EventDisputed is the type of the events that tell of a dispute; they count on in the payment's own sequence.
const EventDisputed = "payment.disputed"

// DisputeLimit is the greatest number of disputes of one payment.
const DisputeLimit = 100

// Disputed takes what a gateway says of a dispute (requirement S-5). It may come twice, late and out of order: what is older than
// what is known changes nothing. A dispute that is won or lost is newer than an open one, and that is newer than an inquiry; within one
// of these, and between won and lost, the time counts that the gateway gives. So a second chargeback after a dispute that was won is
// booked, and one that is told in the wrong order is not.
type Disputed struct {
	Name
	Provider    string // the gateway that says so; only the payment's own counts
	ExternalID  string // the gateway's number of the dispute
	Hold        string // the gateway's number of the payment; empty when it is not told
	State       state.DisputeState
	Currency    string
	AmountMinor int64
	FeeMinor    int64
	FeeTold     bool // else the fee that is known stays
	Reason      string
	DueBy       time.Time
	AsOf        time.Time
}

// Decide implements domain.Command.
func (c Disputed) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if c.Provider != p.Provider {
		return domain.Decision{}, fault.NotFoundf("payment at "+c.Provider+" of order", c.OrderID)
	}
	if c.OfAnother(p) {
		return domain.Decision{}, fault.NotFoundf("payment of "+c.OrderID+" at "+c.Provider, c.Hold)
	}
	if c.AmountMinor <= 0 {
		return domain.Decision{}, fault.Invalid("amount.amount_minor", "NOT_POSITIVE", "must be above 0, is %d", c.AmountMinor)
	}
	at := slices.IndexFunc(p.Disputes, func(d state.Dispute) bool { return d.ExternalID == c.ExternalID })
	after := next(p, now)
	after.Disputes = slices.Clone(p.Disputes)
	if at < 0 {
		if at = len(p.Disputes); at >= DisputeLimit {
			return domain.Decision{}, fault.New(fault.FailedPrecondition, "TOO_MANY_DISPUTES", "a payment has %d disputes at most", DisputeLimit)
		}
		after.Disputes = append(after.Disputes, state.Dispute{Number: at + 1, ExternalID: c.ExternalID, CreatedAt: now})
	}
	d := &after.Disputes[at]
	before := *d
	if c.older(before) {
		return domain.Decision{Answer: p.Ref()}, nil
	}
	c.tell(d, p.Currency)
	if before == *d {
		return domain.Decision{Answer: p.Ref()}, nil
	}
	d.UpdatedAt = now
	decision := became(p, after, disputeReason(before, *d))
	decision.Changes[0].Event = EventDisputed
	if fee := d.FeeMinor - before.FeeMinor; fee != 0 {
		if decision, refusal = bookFee(decision, after, d, now, fee); refusal != nil {
			return decision, refusal
		}
	}
	return withdraw(decision, after, now)
}

// OfAnother tells whether the gateway names the order of a payment, but the number of another. A payment whose number is not known yet may be
// any.
func (c Disputed) OfAnother(p *state.Payment) bool {
	return p != nil && c.Provider == p.Provider && c.Hold != "" && p.ExternalID != "" && c.Hold != p.ExternalID
}

// tell writes what is new into a dispute.
func (c Disputed) tell(d *state.Dispute, currency string) {
	d.State, d.AmountMinor, d.Reason, d.DueBy, d.AsOf, d.Currency = c.State, c.AmountMinor, c.Reason, c.DueBy, c.AsOf, ""
	if c.Currency != currency {
		d.Currency = c.Currency
	}
	if c.FeeTold && d.Currency == "" {
		d.FeeMinor = c.FeeMinor
	}
}

// older tells whether something newer is known.
func (c Disputed) older(known state.Dispute) bool {
	told, have := rank(c.State), rank(known.State)
	return told < have || told == have && c.AsOf.Before(known.AsOf)
}

// rank orders the states of a dispute as they come one after the other.
func rank(s state.DisputeState) int {
	switch s {
	case state.DisputeInquiry:
		return 1
	case state.DisputeInquiryClosed:
		return 2
	case state.DisputeOpen:
		return 3
	case state.DisputeWon, state.DisputeLost:
		return 4
	default:
		return 0
	}
}

// disputeReason says what came of a dispute, for its event.
func disputeReason(before, after state.Dispute) string {
	if before.State == after.State {
		return "DISPUTE_UPDATED"
	}
	return [...]string{
		state.DisputeInquiry: "DISPUTE_INQUIRY", state.DisputeInquiryClosed: "DISPUTE_INQUIRY_CLOSED", state.DisputeOpen: "DISPUTE_OPENED",
		state.DisputeWon: "DISPUTE_WON", state.DisputeLost: "DISPUTE_LOST",
	}[after.State]
}

// Left is what the shop has of a payment: neither given back nor being given back nor withdrawn by a dispute. It is never below zero.
func Left(p *state.Payment) int64 {
	return p.CapturedMinor - p.RefundedMinor - p.RefundPendingMinor - p.DisputedMinor - p.ChargedBackMinor
}

// Refundable is what may still be given back. Disputes that wait for their booking count too: what the payer gets by the bank is not
// given back a second time.
func Refundable(p *state.Payment) int64 {
	left := Left(p)
	for _, d := range p.Disputes {
		if waits(d) {
			left -= d.AmountMinor - d.BookedMinor
		}
	}
	return max(left, 0)
}

// waits tells whether the gateway has withdrawn money that the ledger does not have so.
func waits(d state.Dispute) bool {
	return d.State.Withdrawn() && (d.Booked != d.State || d.BookedMinor != d.AmountMinor)
}

// Stuck names the disputes that cannot be booked, whatever comes of the calls under way: they are over more than is left of what was
// captured, or in another currency. Empty when there are none.
func Stuck(p *state.Payment) string {
	if p == nil {
		return ""
	}
	left := Left(p) + p.RefundPendingMinor // a refund under way may fail
	if Open(p) || p.Status == state.PaymentAuthorized {
		left = p.AmountMinor // a capture may succeed
	}
	var stuck []string
	for _, d := range p.Disputes {
		if !waits(d) {
			continue
		}
		if left -= d.AmountMinor - d.BookedMinor; left < 0 || d.Currency != "" {
			stuck = append(stuck, d.ExternalID)
		}
	}
	return strings.Join(stuck, ", ")
}

// withdraw books the disputes whose money the payment has: what was captured and neither given back nor disputed. Disputes are told
// whenever the gateway likes, also before the outcome of the capture is known or while a refund is under way; so every change that
// may leave more ends with this. after is the payment of the decision, which is changed in place.
func withdraw(decision domain.Decision, after *state.Payment, now time.Time) (domain.Decision, *fault.Fault) {
	after.Disputes = slices.Clone(after.Disputes)
	for range 2 { // what one gives back another may take
		for i := range after.Disputes {
			d := &after.Disputes[i]
			booked, amount := state.DisputeNone, int64(0)
			if d.State.Withdrawn() {
				booked, amount = d.State, d.AmountMinor
			}
			foreign := d.Currency != "" && booked != state.DisputeNone
			if d.Booked == booked && d.BookedMinor == amount || foreign || amount-d.BookedMinor > Left(after) {
				continue
			}
			var refusal *fault.Fault
			if decision, refusal = bookDispute(decision, after, d, now, booked, amount); refusal != nil {
				return decision, refusal
			}
		}
	}
	return decision, nil
}

// bookDispute has the ledger say of a dispute that an amount is withdrawn since it is open, since it was lost, or not at all. What both
// the old and the new booking hold goes from account to account, the difference from or to the gateway.
func bookDispute(decision domain.Decision, after *state.Payment, d *state.Dispute, now time.Time, booked state.DisputeState, amount int64,
) (domain.Decision, *fault.Fault) {
	was, is := account(d.Booked), account(booked)
	both := min(d.BookedMinor, amount)
	moves := []struct {
		from, to string // debited, credited
		amount   int64
	}{{is, was, both}, {ledger.GatewayClearing, was, d.BookedMinor - both}, {is, ledger.GatewayClearing, amount - both}}
	for _, move := range moves {
		if move.amount == 0 || move.from == move.to {
			continue
		}
		var refusal *fault.Fault
		if decision, refusal = bookNext(decision, after, d, now, "payment.dispute", move.from, move.to, move.amount); refusal != nil {
			return decision, refusal
		}
	}
	*sum(after, d.Booked) -= d.BookedMinor
	*sum(after, booked) += amount
	d.Booked, d.BookedMinor = booked, amount
	return decision, nil
}

// account is where the ledger has the money of a dispute.
func account(booked state.DisputeState) string {
	switch booked {
	case state.DisputeOpen:
		return ledger.Disputes
	case state.DisputeLost:
		return ledger.Chargebacks
	default:
		return ledger.GatewayClearing
	}
}

// sum is the payment's sum of what is booked so.
func sum(p *state.Payment, booked state.DisputeState) *int64 {
	switch booked {
	case state.DisputeOpen:
		return &p.DisputedMinor
	case state.DisputeLost:
		return &p.ChargedBackMinor
	default:
		return new(int64)
	}
}

// bookFee books what the gateway charges for a dispute, or gives back of it.
func bookFee(decision domain.Decision, after *state.Payment, d *state.Dispute, now time.Time, fee int64) (domain.Decision, *fault.Fault) {
	if fee < 0 {
		return bookNext(decision, after, d, now, "payment.dispute_fee", ledger.GatewayClearing, ledger.GatewayFees, -fee)
	}
	return bookNext(decision, after, d, now, "payment.dispute_fee", ledger.GatewayFees, ledger.GatewayClearing, fee)
}

// bookNext adds the next transfer of a dispute.
func bookNext(decision domain.Decision, after *state.Payment, d *state.Dispute, now time.Time, kind, from, to string, amount int64,
) (domain.Decision, *fault.Fault) {
	d.Bookings++
	return book(decision, after, now, kind, "dispute/"+strconv.Itoa(d.Number)+"/"+strconv.Itoa(d.Bookings), from, to, amount)
}

// BookDisputes tries to book again what could not be booked.
type BookDisputes struct{ Name }

// Decide implements domain.Command.
func (c BookDisputes) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	decision, refusal := withdraw(became(p, after, "DISPUTE_UPDATED"), after, now)
	if len(decision.Transfers) == 0 {
		return domain.Decision{Answer: p.Ref()}, refusal
	}
	return decision, refusal
}
