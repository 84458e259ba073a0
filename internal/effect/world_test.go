package effect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

const tenant = "t"

// world is a database and a pipeline in memory: it carries commands out as the real one does, step by step on an overlay, and
// notes every rule that a decision breaks.
type world struct {
	mu         sync.Mutex
	clock      func() time.Time
	rows       map[state.Ref]state.Row
	timers     map[state.TimerKey]time.Time
	transfers  map[string]ledger.Transfer
	orders     int
	violations []string

	// refuse makes the next submissions fail: before the commit, or after it, so that it took place all the same.
	refuse []refusal
	// unreadable makes that many of the next reads fail.
	unreadable int
}

type refusal uint8

const (
	refuseBefore refusal = iota
	refuseAfter
	refuseForGood // before the commit, as a defect
)

func newWorld(clock func() time.Time) *world {
	w := &world{
		clock: clock, rows: map[state.Ref]state.Row{}, timers: map[state.TimerKey]time.Time{},
		transfers: map[string]ledger.Transfer{},
	}
	w.addPlayers()
	return w
}

func (w *world) violate(format string, arguments ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, arguments...))
}

// submitAs answers the way into the world for a process: new effects belong to its owner, and wake hears of them.
func (w *world) submitAs(owner string, wake func([]*state.Effect)) func(context.Context, command.Command) command.Result {
	return func(_ context.Context, c command.Command) command.Result {
		result, woken := w.submit(c, owner)
		if len(woken) > 0 {
			wake(woken)
		}
		return result
	}
}

// lease is the claim of new effects.
const lease = 30 * time.Second

var (
	errAway   = fault.New(fault.Unavailable, "UNAVAILABLE", "the store is away")
	errDefect = fault.New(fault.Internal, "INTERNAL", "a defect")
)

func (w *world) submit(c command.Command, owner string) (command.Result, []*state.Effect) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer := func(r command.Result) command.Result { return r }
	if len(w.refuse) > 0 {
		kind := w.refuse[0]
		w.refuse = w.refuse[1:]
		switch kind {
		case refuseBefore:
			return command.Result{Fault: errAway}, nil
		case refuseForGood:
			return command.Result{Fault: errDefect}, nil
		default:
		}
		answer = func(command.Result) command.Result { return command.Result{Fault: errAway} }
	}
	o := &overlay{world: w, now: w.clock().Truncate(time.Microsecond), rows: map[state.Ref]state.Row{}}
	refused, noted := o.run(c.Steps)
	if refused != nil && !noted {
		return answer(command.Result{Fault: refused}), nil
	}
	woken := o.commit(owner)
	if refused != nil {
		return answer(command.Result{Fault: refused}), woken
	}
	var row state.Row
	if o.answer != (state.Ref{}) {
		row = w.rows[o.answer]
	}
	return answer(command.Result{Row: row}), woken
}

// overlay is one command under way.
type overlay struct {
	world  *world
	now    time.Time
	rows   map[state.Ref]state.Row
	named  []state.Ref // of the step
	fresh  []state.Ref
	timers []domain.TimerChange
	moved  []ledger.Transfer
	answer state.Ref
}

// Get implements domain.States. Only rows that the step named are there: others would not have been loaded.
func (o *overlay) Get(ref state.Ref) state.Row {
	if !slices.Contains(o.named, ref) {
		o.world.violate("a step reads %v, which it does not name", ref)
		return nil
	}
	return o.current(ref)
}

func (o *overlay) current(ref state.Ref) state.Row {
	if row, found := o.rows[ref]; found {
		return row
	}
	if row, found := o.world.rows[ref]; found {
		return row
	}
	return nil
}

// run decides the steps. A refusal that is noted leaves changes to commit.
func (o *overlay) run(steps []command.Step) (refused *fault.Fault, noted bool) {
	for _, step := range steps {
		o.named = step.Refs
		next := step.Next(o)
		if next == nil {
			continue
		}
		decision, refused := next.Decide(o, o.now)
		if refused != nil {
			return refused, false
		}
		for _, change := range decision.Changes {
			o.change(change)
		}
		o.timers = append(o.timers, decision.Timers...)
		o.moved = append(o.moved, decision.Transfers...)
		if decision.Refusal != nil {
			return decision.Refusal, true
		}
		if o.answer == (state.Ref{}) {
			o.answer = decision.Answer
		}
	}
	return nil, false
}

// change takes a change over after checking that it can follow on what was.
func (o *overlay) change(c domain.Change) {
	ref := c.After.Ref()
	before := o.current(ref)
	switch {
	case before == nil && c.Before != nil && !isNil(c.Before), before != nil && c.Before != before:
		o.world.violate("the change of %v does not start from the row as it is", ref)
	case before != nil && !slices.Contains(o.named, ref):
		o.world.violate("a step changes %v, which it does not name", ref)
	}
	seq := int64(0)
	if before == nil {
		o.fresh = append(o.fresh, ref)
	} else {
		seq = before.EventSeq()
	}
	if c.Event != "" {
		seq++
	}
	if c.After.EventSeq() != seq {
		o.world.violate("%v has event %d after %q, %d would follow", ref, c.After.EventSeq(), c.Event, seq)
	}
	if after, isOrder := c.After.(*state.Order); isOrder && before != nil {
		o.world.checkStep(before.(*state.Order), after)
	}
	o.rows[ref] = c.After
}

func isNil(row state.Row) bool {
	switch r := row.(type) {
	case *state.Order:
		return r == nil
	case *state.Payment:
		return r == nil
	case *state.Item:
		return r == nil
	case *state.OrderDetails:
		return r == nil
	default:
		return false
	}
}

// legal lists the status machine (requirement O-5).
var legal = map[state.OrderStatus][]state.OrderStatus{
	state.OrderPending:   {state.OrderReserved, state.OrderCanceled},
	state.OrderReserved:  {state.OrderPaid, state.OrderCanceled},
	state.OrderPaid:      {state.OrderConfirmed, state.OrderRefunded, state.OrderCanceled},
	state.OrderConfirmed: {state.OrderRefunded},
}

func (w *world) checkStep(before, after *state.Order) {
	if before.Status != after.Status && !slices.Contains(legal[before.Status], after.Status) {
		w.violate("%s went from %s to %s", after.ID, before.Status, after.Status)
	}
}

func (o *overlay) commit(owner string) []*state.Effect {
	w := o.world
	var woken []*state.Effect
	for _, ref := range o.fresh {
		if e, isEffect := o.rows[ref].(*state.Effect); isEffect && owner != "" && e.State == state.EffectOpen {
			claimed := *e
			claimed.Owner, claimed.NextAt, claimed.Attempts, claimed.Called = owner, o.now.Add(lease), 1, true
			o.rows[ref] = &claimed
			woken = append(woken, &claimed)
		}
	}
	for ref, row := range o.rows {
		w.rows[ref] = row
	}
	for _, row := range o.rows {
		if d, isLetter := row.(*state.DeadLetter); isLetter && d.ReplayedAt.IsZero() {
			w.checkLetter(d)
		}
	}
	for _, t := range o.timers {
		if t.DueAt.IsZero() {
			delete(w.timers, t.TimerKey)
		} else {
			w.timers[t.TimerKey] = t.DueAt
		}
	}
	for _, t := range o.moved {
		if _, booked := w.transfers[t.ID]; booked {
			w.violate("%s is booked twice", t.ID)
		}
		if err := t.Check(); err != nil {
			w.violate("%v", err)
		}
		w.transfers[t.ID] = t
	}
	return woken
}

// DueEffects implements Store.
func (w *world) DueEffects(_ context.Context, limit int) ([]*state.Effect, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreadable > 0 {
		w.unreadable--
		return nil, errors.New("store: away")
	}
	due := all(w, func(e *state.Effect) bool { return e.State == state.EffectOpen && !e.NextAt.After(w.clock()) })
	slices.SortStableFunc(due, func(a, b *state.Effect) int { return a.NextAt.Compare(b.NextAt) })
	return due[:min(limit, len(due))], nil
}

// Effect implements Store.
func (w *world) Effect(_ context.Context, tenant, effectID string) (*state.Effect, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreadable > 0 {
		w.unreadable--
		return nil, errors.New("store: away")
	}
	if e, found := w.rows[state.Ref{Kind: state.KindEffect, Tenant: tenant, ID: effectID}]; found {
		return e.(*state.Effect), nil
	}
	return nil, state.ErrNotFound
}

// names implements Options.Names.
func (w *world) names(_ context.Context, tenant, orderID string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreadable > 0 {
		w.unreadable--
		return nil, errors.New("store: away")
	}
	if cashier.Is(orderID) {
		return w.playerOf(orderID), nil
	}
	return w.subject(tenant, orderID).Names, nil
}

// subject names an order with its SKUs.
func (w *world) subject(tenant, orderID string) flow.Subject {
	s := flow.Subject{Tenant: tenant, OrderID: orderID}
	if o, found := w.rows[state.Ref{Kind: state.KindOrder, Tenant: tenant, ID: orderID}].(*state.Order); found {
		for _, line := range o.Lines {
			if !slices.Contains(s.Names, line.SKU) {
				s.Names = append(s.Names, line.SKU)
			}
		}
	}
	return s
}

// all answers the rows of a type that pass, in order of their ids.
func all[R state.Row](w *world, passes func(R) bool) []R {
	var found []R
	for _, row := range w.rows {
		if typed, ok := row.(R); ok && passes(typed) {
			found = append(found, typed)
		}
	}
	slices.SortFunc(found, func(a, b R) int { return strings.Compare(a.Ref().ID, b.Ref().ID) })
	return found
}

func (w *world) order(orderID string) *state.Order {
	o, _ := w.rows[state.Ref{Kind: state.KindOrder, Tenant: tenant, ID: orderID}].(*state.Order)
	return o
}

func (w *world) payment(orderID string) *state.Payment {
	p, _ := w.rows[state.Ref{Kind: state.KindPayment, Tenant: tenant, ID: id.Derive("payment", orderID)}].(*state.Payment)
	return p
}

func (w *world) reservation(orderID string) *state.Reservation {
	r, _ := w.rows[state.Ref{Kind: state.KindReservation, Tenant: tenant, ID: id.Derive("reservation", orderID)}].(*state.Reservation)
	return r
}

// testFlow is the flow as the app wires it.
func testFlow() Flow {
	subject := func(e *state.Effect, names []string) flow.Subject {
		return flow.Subject{Tenant: e.Tenant, OrderID: e.OrderID, Names: names}
	}
	return Flow{
		Claim: flow.Notices{}.Claim, Retry: flow.Retry, Note: flow.Note, GiveUp: flow.GiveUp,
		Doubt: func(e *state.Effect, after time.Duration, did state.EffectAttempt) []command.Step {
			return flow.Doubt(subject(e, nil), e, after, did)
		},
		NeedsNames: func(e *state.Effect, outcome Outcome) bool { return flow.NeedsNames(e, flow.Outcome(outcome)) },
		Settle: func(e *state.Effect, names []string, outcome Outcome) []command.Step {
			return flow.Settle(subject(e, names), e, flow.Outcome(outcome))
		},
		Dispute: func(d gateway.Dispute, names []string) []command.Step {
			return flow.Disputed(flow.Subject{Tenant: d.Tenant, OrderID: d.OrderID, Names: names}, flow.Dispute{
				Provider: d.Provider, ExternalID: d.ID, Hold: d.ExternalID, State: d.State, Currency: d.Currency,
				AmountMinor: d.AmountMinor, FeeMinor: d.FeeMinor, FeeTold: d.FeeTold, Reason: d.Reason, DueBy: d.DueBy, AsOf: d.AsOf,
			})
		},
	}
}
