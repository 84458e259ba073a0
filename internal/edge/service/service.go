// Package service implements the services of the contract: it translates a request into a command for the pipeline or a read of
// a view, and the answer back. It holds no rule of the business; those are the domains' and the flow's.
package service

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/clock"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/pagetoken"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/reconcile"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/view"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Environment is what the services stand on.
type Environment struct {
	Submit  func(ctx context.Context, c command.Command) command.Result
	View    view.Store
	Feed    Feed
	Sealer  *pagetoken.Sealer
	Methods contract.Table
	// SKUs answers the SKUs of an order's lines, nothing for an order that does not exist.
	SKUs func(ctx context.Context, tenant, orderID string) ([]string, error)
	// CheckToken refuses payment tokens that the gateway does not know.
	CheckToken func(token string) *fault.Fault
	// TokenizeCard has the gateway of new payments turn a card into a token; no transaction is open meanwhile.
	TokenizeCard func(ctx context.Context, c card.Card) (token string, refusal *fault.Fault)
	// Listing answers how the payments of a gateway are listed; nil for one that is not known, with the names of those that are.
	Listing func(gateway string) (list reconcile.List, valid []string)
	// Now is the process's clock, for what is checked before there is a command.
	Now clock.Clock
	// Random draws the entropy of a new identifier.
	Random func() id.Random
	// Replay answers the steps that carry out again what a dead letter tells of and close the letter.
	Replay func(ctx context.Context, letter *state.DeadLetter) ([]command.Step, error)

	Catalogues Catalogues // remembers which tenants have a catalogue

	// JackpotOf answers a jackpot and what a command about it must know; nil and nothing for one that does not exist.
	JackpotOf func(ctx context.Context, ref state.Ref) (*state.Jackpot, jackpot.Seen, error)
	// CauseOf answers what a trigger rests on, of a jackpot that was seen before.
	CauseOf func(ctx context.Context, asked jackpot.Trigger) (jackpot.Cause, error)
	// WalletOf answers whose money a session, bet or bonus is about; nothing for one that does not exist. What it remembers of the bonus that
	// is active may be old, unless it is asked to look again.
	WalletOf func(ctx context.Context, ref state.Ref, again bool) (wager.Wallet, error)

	Provider string // name of the gateway for payments
	// PlayGateway is the name of the gateway for payments in the sandbox, which moves no money, and CheckPlayToken refuses tokens that it does
	// not know.
	PlayGateway    string
	CheckPlayToken func(token string) *fault.Fault
	UnpaidFor      time.Duration // until an unpaid order ends
	// LimitDelay is the time until a player is protected less than before.
	LimitDelay time.Duration
	RequireKYC bool          // withdrawals and payments from wallets are for players who are verified
	Heartbeat  time.Duration // of feeds
	Followers  *Followers    // bounds the feeds that are open

	StepLimits state.StepLimits // for orders that count as stuck
}

// prepare makes the command of a call; the caller adds the steps.
func prepare(ctx context.Context) command.Command {
	scope := edge.ScopeOf(ctx)
	c := command.Command{
		Tenant: scope.Caller.Tenant, Principal: scope.Caller.Principal, Key: scope.Key, Hash: scope.Hash,
		Method: scope.Call.Method.FullName, TraceID: scope.TraceID, Bytes: scope.Bytes,
		DryRun: scope.DryRun,
	}
	if deadline, found := ctx.Deadline(); found {
		c.Deadline = deadline
	}
	return c
}

// submit carries a command out and answers its row as message M, from the row or, for a repeated key, from the stored bytes.
func submit[M proto.Message](ctx context.Context, e *Environment, c command.Command, empty M) (M, error) {
	return answered(ctx, e.Submit(ctx, c), empty)
}

// answered translates the result of a command.
func answered[M proto.Message](ctx context.Context, result command.Result, empty M) (M, error) {
	var none M
	if result.Replayed {
		edge.ScopeOf(ctx).Call.SetHeader("Idempotent-Replayed", "true")
	}
	if result.Fault != nil {
		return none, result.Fault
	}
	return answerOf(result, empty)
}

// answerOf reads the answer of a success.
func answerOf[M proto.Message](result command.Result, empty M) (M, error) {
	var none M
	if result.Row != nil {
		if message, found := wire.Message(result.Row).(M); found {
			return tokened(message), nil
		}
	}
	if err := proto.Unmarshal(result.Body, empty); err != nil {
		return none, fault.From(err)
	}
	return tokened(empty), nil
}

// tokened adds the change token to an answer that is an order.
func tokened[M proto.Message](message M) M {
	if o, isOrder := any(message).(*omsv1.Order); isOrder {
		wire.WithToken(o)
	}
	return message
}

// submitAnew submits a command whose steps name the lines of an order, and makes it anew when the lines were changed meanwhile.
func (e *Environment) submitAnew(ctx context.Context, c command.Command, steps func() ([]command.Step, error)) (result command.Result, err error) {
	for range remade {
		if c.Steps, err = steps(); err != nil {
			return result, err
		}
		if result = e.Submit(ctx, c); result.Fault == nil || result.Fault.Reason != inventory.StaleDemand {
			break
		}
	}
	return result, nil
}

// remade is how often a command is made: its lines would have to change as often within the call.
const remade = 4

// read translates the error of a view: absent rows are NOT_FOUND, anything else means that the store cannot be read now.
func read(err error, kind, name string) error {
	if err == nil {
		return nil
	}
	if isNotFound(err) {
		return fault.NotFoundf(kind, name)
	}
	return unavailable(err)
}

// unavailable is the fault of a store that cannot be read; the cause is logged and never answered (requirement V-5).
func unavailable(err error) *fault.Fault {
	return fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the store cannot be read at the moment; try again").
		Because(err).After(time.Second)
}

// storedFault reads a refusal that was kept under its key.
func storedFault(body []byte) *fault.Fault {
	stored := &fault.Fault{}
	if err := json.Unmarshal(body, stored); err != nil {
		return fault.From(err)
	}
	return stored
}

// protoMessage is proto.Message under a name that a constraint may hold beside a pointer type.
type protoMessage = proto.Message

// Followers bounds the feeds that are open at once.
type Followers struct {
	limit   int64
	open    atomic.Int64
	changed func(difference int)
}

// NewFollowers makes a bound; changed is told of each feed that opens (1) and closes (-1).
func NewFollowers(limit int, changed func(difference int)) *Followers {
	return &Followers{limit: int64(limit), changed: changed}
}

// enter counts a feed in until leave is called, or refuses it.
func (f *Followers) enter() (leave func(), refusal error) {
	if f.open.Add(1) > f.limit {
		f.open.Add(-1)
		return nil, fault.New(fault.ResourceExhausted, "TOO_MANY_FOLLOWERS",
			"%d feeds are open; follow many orders with one WatchOrders", f.limit).After(time.Second)
	}
	f.changed(1)
	return func() {
		f.open.Add(-1)
		f.changed(-1)
	}, nil
}
