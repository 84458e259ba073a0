// Package cashier decides on the money that players pay in and out (requirements P-1, P-3). A deposit is a hold at the gateway, then its
// capture, and is booked to the player's account when the gateway has taken it. A withdrawal is set aside on the player's account first;
// then the gateway pays it out, and what was set aside is booked, or given free when the gateway refuses.
//
// Every call to the gateway is an effect whose id derives from the payment and the step, as those of orders are. Every outcome is decided
// by state, so a callback may come late, twice or out of order.
package cashier

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

// EventStatusChanged is the type of the events of players' payments.
const EventStatusChanged = "player_payment.status_changed"

// idKind begins the ids of players' payments.
const idKind = "player_payment"

// Kinds of transfers.
const (
	TransferDeposit    = "player.deposit"
	TransferWithdrawal = "player.withdrawal"
)

// Kinds of calls to a gateway.
const (
	KindHold    = "gateway.hold"
	KindCapture = "gateway.capture"
	KindVoid    = "gateway.void"
	KindPayout  = "gateway.payout"
)

// Is tells whether an aggregate is a player's payment.
func Is(aggregateID string) bool { return strings.HasPrefix(aggregateID, idKind+":") }

// Open tells whether a payment waits for the outcome of its first call.
func Open(p *state.PlayerPayment) bool {
	return p.Status == state.PlayerPaymentProcessing || p.Status == state.PlayerPaymentInDoubt
}

// account is what a payment moves money on.
func account(playerID, currency string) string {
	return ledger.ID(playerID, ledger.PlayerCash, currency)
}

// holdID names what a withdrawal has set aside.
func holdID(paymentID string) string { return id.Derive("hold", paymentID) }

// Request asks for a payment.
type Request struct {
	By              state.Origin
	PlayerID        string
	Type            state.PlayerPaymentType
	Currency        string
	AmountMinor     int64 // above zero
	Provider, Token string
	Random          id.Random
	Checked         bool // withdrawals are for players who are verified
}

// Refs implements domain.Command.
func (c Request) Refs() []state.Ref {
	refs := []state.Ref{state.PlayerRef(c.By.Tenant, c.PlayerID)}
	if c.Type == state.PlayerPaymentDeposit {
		return refs
	}
	return append(refs, domain.AccountRefs(c.By.Tenant, account(c.PlayerID, c.Currency))...)
}

// Decide implements domain.Command. It refuses with NOT_FOUND and CURRENCY_MISMATCH; a deposit of a player who may not play with RG_BLOCK,
// and one beyond a limit with LIMIT_EXCEEDED; a withdrawal of more than is available with INSUFFICIENT_FUNDS. Players may always have their
// own money back, unless they have to be verified first and are not: KYC_REQUIRED.
func (c Request) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	player, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if player.Currency != c.Currency {
		return domain.Decision{}, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the player's currency is %s", player.Currency)
	}
	created := now.Truncate(time.Millisecond)
	p := &state.PlayerPayment{
		Tenant: c.By.Tenant, ID: id.New(idKind, created, c.Random), PlayerID: c.PlayerID, Type: c.Type, Currency: c.Currency,
		AmountMinor: c.AmountMinor, Provider: c.Provider, Brand: c.By.Brand, Region: c.By.Region, CalledBy: c.By.Provider,
		Status: state.PlayerPaymentProcessing, Token: c.Token, Version: 1, CreatedAt: created, UpdatedAt: created,
	}
	if c.Type == state.PlayerPaymentDeposit {
		return deposit(player, p, now)
	}
	if refusal := domain.Verified(player, c.Checked); refusal != nil {
		return domain.Decision{}, refusal
	}
	return withdraw(states, p, now)
}

// deposit asks for the hold. What is under way counts against the limits; what is declined later is taken back.
func deposit(player *state.Player, p *state.PlayerPayment, now time.Time) (domain.Decision, *fault.Fault) {
	playing := domain.Play(player, now)
	if refusal := playing.Blocked(); refusal != nil {
		return domain.Decision{}, refusal
	}
	if refusal := playing.Within(state.LimitDeposit, p.AmountMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	playing.Count(now, func(done *state.Played) { done.DepositedMinor += p.AmountMinor })
	decision := became(nil, p, "")
	playing.Into(&decision)
	call(&decision, p, now, KindHold, "hold/1")
	return decision, nil
}

// withdraw sets the money aside and asks for the payout.
func withdraw(states domain.States, p *state.PlayerPayment, now time.Time) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(unheld{states, state.HoldRef(p.Tenant, holdID(p.ID))}, p.Tenant, now)
	_, refusal := books.Place(ledger.Hold{ID: holdID(p.ID), Account: account(p.PlayerID, p.Currency), AmountMinor: p.AmountMinor})
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	decision := became(nil, p, "")
	books.Into(&decision)
	call(&decision, p, now, KindPayout, "payout/1")
	return decision, nil
}

// unheld knows that there is no such hold: its id is made by the decision, so nobody could have named it.
type unheld struct {
	domain.States
	ref state.Ref
}

// Get implements domain.States.
func (u unheld) Get(ref state.Ref) state.Row {
	if ref == u.ref {
		return nil
	}
	return u.States.Get(ref)
}

// Name says which payment a command is about.
type Name struct{ Tenant, ID string }

// Ref is the payment's row.
func (n Name) Ref() state.Ref { return state.PlayerPaymentRef(n.Tenant, n.ID) }

// Refs implements domain.Command for commands that touch no account.
func (n Name) Refs() []state.Ref { return []state.Ref{n.Ref()} }

func (n Name) find(states domain.States) (*state.PlayerPayment, *fault.Fault) {
	if p := domain.Find[state.PlayerPayment](states, n.Ref()); p != nil {
		return p, nil
	}
	return nil, fault.NotFoundf("payment", n.ID)
}

// next copies a payment for its next version.
func next(p *state.PlayerPayment, now time.Time) *state.PlayerPayment {
	after := *p
	after.Version++
	after.UpdatedAt = now
	return &after
}

// became is the decision of a change; every change is an event.
func became(before, after *state.PlayerPayment, reason string) domain.Decision {
	change := domain.Change{After: after, Event: EventStatusChanged, Reason: reason}
	if before != nil {
		change.Before = before
	}
	return domain.Decision{Changes: []domain.Change{change}, Answer: after.Ref()}
}

// call adds a call to the gateway to a decision.
func call(decision *domain.Decision, p *state.PlayerPayment, now time.Time, kind, step string) {
	decision.Changes = append(decision.Changes, domain.Change{After: &state.Effect{
		Tenant: p.Tenant, ID: effectID(p.ID, step), Kind: kind, AggregateID: p.ID, Provider: p.Provider, Token: p.Token,
		ExternalID: p.ExternalID, Currency: p.Currency, AmountMinor: p.AmountMinor,
		State: state.EffectOpen, NextAt: now, CreatedAt: now, UpdatedAt: now,
	}})
}

func effectID(paymentID, step string) string { return id.Derive("effect", paymentID) + "/" + step }

// Doubt records that the gateway's answer was lost: the outcome is unknown until the gateway has been asked.
type Doubt struct{ Name }

// Decide implements domain.Command.
func (c Doubt) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || p.Status != state.PlayerPaymentProcessing {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status = state.PlayerPaymentInDoubt
	return became(p, after, "OUTCOME_UNKNOWN"), nil
}

// Held tells that the gateway holds a deposit: it is asked to take it.
type Held struct {
	Name
	ExternalID string
}

// Decide implements domain.Command.
func (c Held) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || !Open(p) || p.Type != state.PlayerPaymentDeposit {
		return domain.Decision{}, refusal
	}
	after := next(p, now)
	after.Status, after.ExternalID = state.PlayerPaymentAuthorized, c.ExternalID
	decision := became(p, after, "")
	call(&decision, after, now, KindCapture, "capture/1")
	return decision, nil
}

// Moved says which rows a command needs beside the payment's: the player's, and those of the player's money. Rows are named before they
// are read, so whoever submits it has read the payment; what is named here of it never changes.
type Moved struct {
	Name
	PlayerID, Currency string
}

// Refs implements domain.Command.
func (c Moved) Refs() []state.Ref {
	refs := append(c.Name.Refs(), domain.AccountRefs(c.Tenant, account(c.PlayerID, c.Currency))...)
	return append(refs, state.PlayerRef(c.Tenant, c.PlayerID), state.HoldRef(c.Tenant, holdID(c.ID)))
}

// Captured tells that the gateway has taken a deposit: it is booked.
type Captured struct{ Moved }

// Decide implements domain.Command.
func (c Captured) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || p.Status != state.PlayerPaymentAuthorized {
		return domain.Decision{}, refusal
	}
	books := domain.OpenBooks(states, c.Tenant, now)
	transfer := ledger.Transfer{ID: id.Derive("transfer", p.ID) + "/deposit", Kind: TransferDeposit, Currency: p.Currency}
	from := ledger.ID("", ledger.GatewayClearing, p.Currency)
	if refusal := books.Move(transfer, from, account(p.PlayerID, p.Currency), p.AmountMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	return ended(p, now, state.PlayerPaymentSucceeded, "", books), nil
}

// ended is the decision of a payment that has come to its end, with what was booked of it.
func ended(p *state.PlayerPayment, now time.Time, status state.PlayerPaymentStatus, reason string, books domain.Books) domain.Decision {
	after := next(p, now)
	after.Status, after.Reason, after.Token = status, reason, ""
	decision := became(p, after, reason)
	books.Into(&decision)
	return decision
}

// PaidOut tells that the gateway has paid a withdrawal out: what was set aside is booked.
type PaidOut struct {
	Moved
	ExternalID string
}

// Decide implements domain.Command.
func (c PaidOut) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || !Open(p) || p.Type != state.PlayerPaymentWithdrawal {
		return domain.Decision{}, refusal
	}
	books := domain.OpenBooks(states, c.Tenant, now)
	_, refusal = books.Capture(ledger.Capture{
		Transfer: ledger.Transfer{ID: id.Derive("transfer", p.ID) + "/withdrawal", Kind: TransferWithdrawal},
		HoldID:   holdID(p.ID), To: ledger.ID("", ledger.GatewayClearing, p.Currency),
	})
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	told := *p
	told.ExternalID = c.ExternalID
	decision := ended(&told, now, state.PlayerPaymentSucceeded, "", books)
	decision.Changes[0].Before = p
	return decision, nil
}

// Declined tells that the gateway refused the payment's call. Of a withdrawal what was set aside is free again; of a deposit whose capture
// was refused, the hold is given up.
type Declined struct {
	Moved
	Kind   string // of the call
	Reason string
}

// Decide implements domain.Command.
func (c Declined) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	waits := Open(p)
	if c.Kind == KindCapture {
		waits = p.Status == state.PlayerPaymentAuthorized
	}
	if !waits {
		return domain.Decision{}, nil
	}
	books := domain.OpenBooks(states, c.Tenant, now)
	if p.Type == state.PlayerPaymentWithdrawal {
		if _, refusal = books.Void(holdID(p.ID)); refusal != nil {
			return domain.Decision{}, refusal
		}
	}
	decision := ended(p, now, state.PlayerPaymentDeclined, c.Reason, books)
	if player := domain.Find[state.Player](states, state.PlayerRef(c.Tenant, c.PlayerID)); player != nil && p.Type == state.PlayerPaymentDeposit {
		playing := domain.Play(player, now)
		playing.Count(p.CreatedAt, func(done *state.Played) { done.DepositedMinor -= p.AmountMinor })
		playing.Into(&decision)
	}
	if c.Kind == KindCapture {
		call(&decision, p, now, KindVoid, "void/1")
	}
	return decision, nil
}

// VoidAgain asks once more to give up the hold of a deposit, after the gateway has refused to. It is another call with a key of its own.
// Its id follows from the refused one's, so a refusal is followed by one void at most.
type VoidAgain struct {
	Name
	Refused string // id of the refused effect
}

func (c VoidAgain) effect(effectID string) state.Ref {
	return state.Ref{Kind: state.KindEffect, Tenant: c.Tenant, ID: effectID}
}

// step is that of the void that follows; empty when what was refused is no void of this payment.
func (c VoidAgain) step() string {
	number, is := strings.CutPrefix(c.Refused, effectID(c.ID, "void/"))
	n, err := strconv.Atoi(number)
	if !is || err != nil {
		return ""
	}
	return "void/" + strconv.Itoa(n+1)
}

// Refs implements domain.Command.
func (c VoidAgain) Refs() []state.Ref {
	return []state.Ref{c.Ref(), c.effect(c.Refused), c.effect(effectID(c.ID, c.step()))}
}

// Decide implements domain.Command. It does nothing unless the void was refused and none has followed it.
func (c VoidAgain) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p, refusal := c.find(states)
	if refusal != nil || c.step() == "" || states.Get(c.effect(effectID(c.ID, c.step()))) != nil {
		return domain.Decision{}, refusal
	}
	e := domain.Find[state.Effect](states, c.effect(c.Refused))
	if e == nil || e.State != state.EffectDone || e.LastError == "" {
		return domain.Decision{}, nil
	}
	var decision domain.Decision
	call(&decision, p, now, KindVoid, c.step())
	return decision, nil
}
