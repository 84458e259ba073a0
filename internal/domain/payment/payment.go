// Package payment decides on the money of an order at a gateway: hold, capture, void, refund (requirements O-2, O-5, S-5). One
// payment per order, with its attempts; its id derives from the order's. Every call to the gateway is an effect whose id
// derives from the payment and the step, and is its idempotency key at the gateway. Every outcome is decided by state, so a
// callback may come late, twice or out of order.
package payment

import (
	"strconv"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// EventStatusChanged is the type of a payment's events.
const EventStatusChanged = "payment.status_changed"

// Kinds of calls to a gateway.
const (
	KindHold    = "gateway.hold"
	KindCapture = "gateway.capture"
	KindVoid    = "gateway.void"
	KindRefund  = "gateway.refund"
)

// Kinds of transfers.
const (
	transferCapture = "payment.capture"
	transferRefund  = "payment.refund"
)

// Name says which order's payment a command is about.
type Name struct{ Tenant, OrderID string }

// Ref is the payment's row.
func (n Name) Ref() state.Ref {
	return state.Ref{Kind: state.KindPayment, Tenant: n.Tenant, ID: id.Derive("payment", n.OrderID)}
}

// Refs implements domain.Command for all commands about one payment.
func (n Name) Refs() []state.Ref { return []state.Ref{n.Ref()} }

func (n Name) find(states domain.States) (*state.Payment, *fault.Fault) {
	if p := domain.Find[state.Payment](states, n.Ref()); p != nil {
		return p, nil
	}
	return nil, fault.NotFoundf("payment of order", n.OrderID)
}

// next copies a payment for its next version.
func next(p *state.Payment, now time.Time) *state.Payment {
	after := *p
	after.Version++
	after.UpdatedAt = now
	return &after
}

// became is the decision of a change; every change of a payment is an event.
func became(before, after *state.Payment, reason string) domain.Decision {
	change := domain.Change{After: after, Event: EventStatusChanged, Reason: reason}
	if before != nil {
		change.Before = before
	}
	return domain.Decision{Changes: []domain.Change{change}, Answer: after.Ref()}
}

// call adds a call to the gateway to a decision. A payment from a wallet has no gateway: its own event has it carried on (FromWallet).
func call(decision *domain.Decision, p *state.Payment, now time.Time, kind, step string, amount int64) {
	if p.Provider == Wallet {
		return
	}
	expires := time.Time{}
	if kind == KindCapture {
		expires = p.CaptureBefore
	}
	decision.Changes = append(decision.Changes, domain.Change{After: &state.Effect{
		Tenant: p.Tenant, ID: id.Derive("effect", p.ID) + "/" + step, Kind: kind, AggregateID: p.ID, OrderID: p.OrderID,
		Provider: p.Provider, Token: p.Token, ExternalID: p.ExternalID, Currency: p.Currency, AmountMinor: amount,
		ExpiresAt: expires, State: state.EffectOpen, NextAt: now, CreatedAt: now, UpdatedAt: now,
	}})
}

// Open tells whether a payment waits for the outcome of its hold.
func Open(p *state.Payment) bool {
	return p != nil && (p.Status == state.PaymentProcessing || p.Status == state.PaymentUnknown)
}

// Start asks the gateway, or the customer's wallet, to hold the money: the first attempt, or the next one after a decline.
type Start struct {
	Name
	CustomerID  string
	Currency    string
	AmountMinor int64
	Provider    string // the gateway, unless the token is Wallet
	Token       string
	Card        state.Card
}

// Decide implements domain.Command.
func (c Start) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p := domain.Find[state.Payment](states, c.Ref())
	var after *state.Payment
	switch {
	case p == nil:
		after = &state.Payment{Tenant: c.Tenant, ID: c.Ref().ID, OrderID: c.OrderID, Version: 1, CreatedAt: now, UpdatedAt: now}
	case p.Status == state.PaymentDeclined:
		after = next(p, now)
	default:
		return domain.Decision{}, fault.New(fault.FailedPrecondition, "PAYMENT_IN_PROGRESS", "the payment is %s", p.Status).
			With("payment_status", p.Status.String())
	}
	after.Status, after.Currency, after.AmountMinor = state.PaymentProcessing, c.Currency, c.AmountMinor
	after.Provider, after.Token, after.ExternalID, after.DeclineReason = c.Provider, c.Token, "", ""
	after.Card, after.CaptureBefore = c.Card, time.Time{}
	if c.Token == Wallet {
		after.Provider, after.ExternalID = Wallet, walletOf(c.CustomerID, c.Currency)
	}
	after.Attempt++
	decision := became(p, after, "")
	call(&decision, after, now, KindHold, "hold/"+strconv.Itoa(int(after.Attempt)), after.AmountMinor)
	return decision, nil
}

// Held tells that the gateway holds the money. Of a payment whose order has ended the hold is voided at once.
type Held struct {
	Name
	Attempt       int32
	ExternalID    string
	Card          state.Card // as the gateway knows it; what the payer sent goes before
	CaptureBefore time.Time
}

// Decide implements domain.Command. Only the open attempt takes the outcome; any other has it already.
func (c Held) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || !Open(p) || p.Attempt != c.Attempt {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status, after.ExternalID, after.CaptureBefore = state.PaymentAuthorized, c.ExternalID, c.CaptureBefore
	if after.Card == (state.Card{}) {
		after.Card = c.Card
	}
	if !p.CancelRequested {
		return became(p, after, ""), nil
	}
	decision := became(p, after, "LATE_SUCCESS")
	call(&decision, after, now, KindVoid, "void/"+strconv.Itoa(int(after.Attempt)), after.AmountMinor)
	return decision, nil
}

// Declined tells that the gateway refused to hold the money.
type Declined struct {
	Name
	Attempt int32
	Reason  string
}

// Decide implements domain.Command.
func (c Declined) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || !Open(p) || p.Attempt != c.Attempt {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status, after.DeclineReason, after.Token = state.PaymentDeclined, c.Reason, ""
	return became(p, after, c.Reason), nil
}

// Doubt records that the gateway's answer was lost: the outcome is unknown until the gateway has been asked.
type Doubt struct {
	Name
	Reason string
}

// Decide implements domain.Command.
func (c Doubt) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || p.Status != state.PaymentProcessing {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status = state.PaymentUnknown
	return became(p, after, c.Reason), nil
}

// Abandon asks for the payment of an order that has ended to be undone as soon as its outcome is known.
type Abandon struct{ Name }

// Decide implements domain.Command.
func (c Abandon) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p := domain.Find[state.Payment](states, c.Ref())
	if p == nil || p.CancelRequested || !Open(p) {
		return domain.Decision{}, nil
	}
	after := next(p, now)
	after.CancelRequested = true
	return became(p, after, "CANCEL_REQUESTED"), nil
}

// Capture takes the money that an attempt holds.
type Capture struct {
	Name
	Attempt int32
}

// EffectRef is the row of the call that captures.
func (c Capture) EffectRef() state.Ref {
	return state.Ref{
		Kind: state.KindEffect, Tenant: c.Tenant,
		ID: id.Derive("effect", c.OrderID) + "/capture/" + strconv.Itoa(int(c.Attempt)),
	}
}

// Refs implements domain.Command.
func (c Capture) Refs() []state.Ref { return []state.Ref{c.Ref(), c.EffectRef()} }

// Decide implements domain.Command. A capture that was asked for before is under way; the payment changes when its outcome is
// known.
func (c Capture) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if states.Get(c.EffectRef()) != nil {
		return domain.Decision{Answer: p.Ref()}, nil
	}
	if p.Status != state.PaymentAuthorized || p.CancelRequested {
		return domain.Decision{}, illegal(p, "captured", "AUTHORIZED")
	}
	decision := domain.Decision{Answer: p.Ref()}
	call(&decision, p, now, KindCapture, "capture/"+strconv.Itoa(int(p.Attempt)), p.AmountMinor)
	return decision, nil
}

// Captured tells that the gateway took the money: it is booked.
type Captured struct {
	Name
	AmountMinor int64
}

// Decide implements domain.Command.
func (c Captured) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || p.Status != state.PaymentAuthorized {
		return domain.Decision{}, refusal
	}
	after := taken(p, now, c.AmountMinor)
	decision, refusal := book(became(p, after, ""), p, now, transferCapture, "capture",
		ledger.GatewayClearing, ledger.OrderRevenue, c.AmountMinor)
	if refusal != nil {
		return decision, refusal
	}
	return withdraw(decision, after, now)
}

// taken is a payment of which an amount was captured.
func taken(p *state.Payment, now time.Time, amount int64) *state.Payment {
	after := next(p, now)
	after.Status, after.CapturedMinor, after.Token = state.PaymentCaptured, amount, ""
	return after
}

// CaptureFailed tells that the held money cannot be taken, for instance since the hold has expired. Whatever is still held is
// given up.
type CaptureFailed struct {
	Name
	Reason string
}

// Decide implements domain.Command.
func (c CaptureFailed) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || p.Status != state.PaymentAuthorized {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status, after.DeclineReason, after.Token = state.PaymentDeclined, c.Reason, ""
	decision := became(p, after, c.Reason)
	call(&decision, after, now, KindVoid, "void/"+strconv.Itoa(int(p.Attempt)), p.AmountMinor)
	return decision, nil
}

// Void asks the gateway to give a hold up.
type Void struct{ Name }

// Decide implements domain.Command.
func (c Void) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if p.Status != state.PaymentAuthorized || p.CancelRequested {
		return domain.Decision{}, illegal(p, "voided", "AUTHORIZED")
	}
	after := next(p, now)
	after.CancelRequested = true
	decision := became(p, after, "VOID_REQUESTED")
	call(&decision, after, now, KindVoid, "void/"+strconv.Itoa(int(p.Attempt)), p.AmountMinor)
	return decision, nil
}

// VoidAgain asks for a void once more that the gateway has refused. It is another call with a key of its own, since the gateway has
// answered the first for good. Its id follows from the refused one's, so a refusal is followed by one void at most, however often
// this is asked for.
type VoidAgain struct {
	Name
	Refused string // id of the refused effect
}

// next is the step of the void that follows the refused one: void/1, void/1/2, void/1/3 … Empty when what was refused is no void of
// this payment.
func (c VoidAgain) next() string {
	attempt, is := strings.CutPrefix(c.Refused, id.Derive("effect", c.OrderID)+"/void/")
	attempt, number, again := strings.Cut(attempt, "/")
	switch n, err := strconv.Atoi(number); {
	case !is:
		return ""
	case !again:
		return "void/" + attempt + "/2"
	case err != nil:
		return ""
	default:
		return "void/" + attempt + "/" + strconv.Itoa(n+1)
	}
}

func (c VoidAgain) effectRef(effectID string) state.Ref {
	return state.Ref{Kind: state.KindEffect, Tenant: c.Tenant, ID: effectID}
}

// nextRef is the row of the void that follows.
func (c VoidAgain) nextRef() state.Ref {
	return c.effectRef(id.Derive("effect", c.OrderID) + "/" + c.next())
}

// Refs implements domain.Command.
func (c VoidAgain) Refs() []state.Ref {
	if c.next() == "" {
		return c.Name.Refs()
	}
	return []state.Ref{c.Ref(), c.effectRef(c.Refused), c.nextRef()}
}

// Decide implements domain.Command. It does nothing unless the void was refused and its money may be held still: also after a refused
// capture, whose payment is DECLINED by then.
func (c VoidAgain) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || c.next() == "" || states.Get(c.nextRef()) != nil {
		return domain.Decision{}, refusal
	}
	e := domain.Find[state.Effect](states, c.effectRef(c.Refused))
	refused := e != nil && e.State == state.EffectDone && e.LastError != ""
	if !refused || p.Status != state.PaymentDeclined && (p.Status != state.PaymentAuthorized || !p.CancelRequested) {
		return domain.Decision{}, nil
	}
	var decision domain.Decision
	call(&decision, p, now, KindVoid, c.next(), e.AmountMinor)
	return decision, nil
}

// Voided tells that the gateway gave the hold up.
type Voided struct{ Name }

// Decide implements domain.Command.
func (c Voided) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || p.Status != state.PaymentAuthorized {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status, after.Token = state.PaymentVoided, ""
	return became(p, after, ""), nil
}

func illegal(p *state.Payment, verb, allowed string) *fault.Fault {
	return fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION",
		"a payment that is %s cannot be %s; it must be %s", p.Status, verb, allowed).
		With("payment_status", p.Status.String()).Needing("PAYMENT_STATUS", p.ID, "current status "+p.Status.String())
}

// book adds a transfer to a decision.
func book(decision domain.Decision, p *state.Payment, now time.Time, kind, step, from, to string, amount int64,
) (domain.Decision, *fault.Fault) {
	transfer, err := ledger.Move(ledger.Transfer{
		Tenant: p.Tenant, ID: id.Derive("transfer", p.ID) + "/" + step, Kind: kind, OrderID: p.OrderID,
		Currency: p.Currency, At: now,
	}, from, to, amount)
	if err != nil {
		return domain.Decision{}, fault.New(fault.Internal, "INTERNAL", "the amount cannot be booked").Because(err)
	}
	decision.Transfers = append(decision.Transfers, transfer)
	return decision, nil
}
