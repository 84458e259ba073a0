package app

import (
	"context"
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// table is what follows from what: from an event, a timer, a dead letter, to the commands of the flow.
type table struct {
	store    store
	provider string
	kyc      bool // payments from wallets are for players who are verified
	names    *nameCache
	wallets  *walletCache
	notices  *noticeTable
}

// react answers the commands that follow an event: what the order needs first, what its buyer is told last.
func (t *table) react(e state.Event) ([]command.Command, error) {
	commands, err := t.carryOn(e)
	if err != nil {
		return nil, err
	}
	if t.notices == nil {
		return commands, nil
	}
	told, err := t.notices.react(&e)
	return append(commands, told...), err
}

// carryOn answers the commands by which an order goes on after an event.
func (t *table) carryOn(e state.Event) ([]command.Command, error) {
	if e.Type == payment.EventStatusChanged {
		return t.fromWallet(e)
	}
	if leads, err := leadsOn(&e); err != nil || !leads {
		return nil, err
	}
	message, err := wire.OrderOf(&e)
	if err != nil {
		return nil, err
	}
	if message.Status == omsv1.OrderStatus_ORDER_STATUS_PENDING {
		demand := wire.Demand(message)
		return one(e, "reserve", flow.Reserve(t.subject(e.Tenant, message.Id, demand), t.provider), 6+2*len(demand)), nil
	}
	if message.Status != omsv1.OrderStatus_ORDER_STATUS_PAID || message.Amount.AmountMinor != 0 {
		return nil, nil
	}
	return t.later(e, "confirm-free", message.Id, 4, flow.ConfirmFree), nil
}

// fromWallet answers the command by which a payment from a wallet goes on after an event of it.
func (t *table) fromWallet(e state.Event) ([]command.Command, error) {
	orderID, account, err := wire.FromWallet(&e)
	if err != nil || orderID == "" {
		return nil, err
	}
	return t.later(e, "wallet", orderID, 8, func(s flow.Subject) []command.Step { return flow.FromWallet(s, account) }), nil
}

// leadsOn tells by the least of an event whether anything may follow from it: that an order is PENDING or PAID, or that lines were changed.
func leadsOn(e *state.Event) (bool, error) {
	switch e.Type {
	case order.EventStatusChanged:
		status, err := wire.NewStatus(e)
		return status == state.OrderPending || status == state.OrderPaid, err
	case order.EventUpdated:
		return wire.ItemsChanged(e)
	default:
		return false, nil
	}
}

func (t *table) subject(tenant, orderID string, demand []state.Demand) flow.Subject {
	subject := flow.Subject{Tenant: tenant, OrderID: orderID, Names: make([]string, len(demand))}
	for i := range demand {
		subject.Names[i] = demand[i].SKU
	}
	return subject
}

// one makes the single command of an event. It has no key: the flow's steps are idempotent by state.
func one(e state.Event, name string, steps []command.Step, size int) []command.Command {
	return []command.Command{{
		Tenant: e.Tenant, Principal: "flow", Method: "flow/" + name, TraceID: e.TraceID, Cause: e.ID, Steps: steps, Size: size,
	}}
}

// later makes the single command of an event whose steps name the SKUs of an order. They are read when it is carried out; size is its rows
// besides.
func (t *table) later(e state.Event, name, orderID string, size int, steps func(flow.Subject) []command.Step) []command.Command {
	commands := one(e, name, nil, 0)
	commands[0].Look = func(ctx context.Context) ([]command.Step, int, *fault.Fault) {
		skus, err := t.names.fresh(ctx, e.Tenant, orderID)
		if err != nil {
			return nil, 0, unreadable(err)
		}
		return steps(flow.Subject{Tenant: e.Tenant, OrderID: orderID, Names: skus, Checked: t.kyc}), size + len(skus), nil
	}
	return commands
}

// expire answers the command of an order's timer.
func (t *table) expire(ctx context.Context, timer state.Timer) (command.Command, error) {
	skus, err := t.names.find(ctx, timer.Tenant, timer.AggregateID)
	if err != nil {
		return command.Command{}, err
	}
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/" + timer.Kind,
		Steps: flow.Expire(flow.Subject{Tenant: timer.Tenant, OrderID: timer.AggregateID, Names: skus}),
	}, nil
}

// expireCall answers the command of the timer of a call that was given up.
func (t *table) expireCall(ctx context.Context, timer state.Timer) (command.Command, error) {
	e, err := t.store.Effect(ctx, timer.Tenant, timer.AggregateID)
	if err != nil {
		return command.Command{}, fmt.Errorf("read %s: %w", timer.AggregateID, err)
	}
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/" + timer.Kind, TraceID: e.TraceID, Steps: flow.ExpireCall(e),
	}, nil
}

// endExpiry answers the command that follows an expiry which was refused for good.
func (t *table) endExpiry(timer state.Timer, refused *fault.Fault) command.Command {
	subject := flow.Subject{Tenant: timer.Tenant, OrderID: timer.AggregateID}
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/end", Steps: flow.EndExpiry(subject, storable(refused.Error())),
	}
}

// endUnknown answers the command that follows a timer of a kind that this version does not know.
func endUnknown(timer state.Timer) command.Command {
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/end", Steps: []command.Step{command.Do(deadletter.EndTimer{Timer: timer})},
	}
}

// causeLimit bounds the text of an error in a dead letter.
const causeLimit = 500

// storable makes the text of an error fit to be stored: it may hold a driver's words, or those of a panic.
func storable(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	return strings.ToValidUTF8(text[:min(len(text), causeLimit)], "")
}

// letterID names the dead letter of an event.
func letterID(e *state.Event) string { return "deadletter:" + e.ID.String() }

// park answers the command that writes an event down which cannot be carried out.
func park(e state.Event, cause error, attempts int) command.Command {
	return command.Command{
		Tenant: e.Tenant, Principal: "flow", Method: "flow/park", TraceID: e.TraceID, Cause: e.ID,
		Steps: []command.Step{command.Do(deadletter.Write{Letter: state.DeadLetter{
			Tenant: e.Tenant, ID: letterID(&e), AggregateID: e.AggregateID, Kind: e.Type,
			Payload: e.Payload, Position: e.Position, Error: cause.Error(), Attempts: int32(attempts), //nolint:gosec // few
		}})},
	}
}

// unreadable is the refusal of a command whose order cannot be read.
func unreadable(err error) *fault.Fault {
	return fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the order cannot be read at the moment; try again").Because(err)
}

// replay answers the steps that carry out again what a dead letter tells of, and close it.
func (t *table) replay(ctx context.Context, letter *state.DeadLetter) ([]command.Step, error) {
	end := command.Do(deadletter.Close{Tenant: letter.Tenant, ID: letter.ID})
	switch letter.Kind {
	case deadletter.KindEffect:
		return flow.Replay(letter), nil
	case deadletter.KindDispute:
		skus, err := t.names.find(ctx, letter.Tenant, string(letter.Payload))
		if err != nil {
			return nil, unreadable(err)
		}
		return flow.ReplayDispute(flow.Subject{Tenant: letter.Tenant, OrderID: string(letter.Payload), Names: skus}, letter), nil
	case deadletter.KindTimer:
		if string(letter.Payload) != order.TimerExpire { // it was not known, and this version may know it
			return []command.Step{end, command.Do(deadletter.SetTimer{Letter: letter})}, nil
		}
		c, err := t.expire(ctx, state.Timer{TimerKey: state.TimerKey{Tenant: letter.Tenant, AggregateID: letter.AggregateID}})
		if err != nil {
			return nil, unreadable(err)
		}
		return append([]command.Step{end}, c.Steps...), nil
	}
	events, err := t.store.Events(ctx, letter.Position, 1)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the log cannot be read at the moment; try again").Because(err)
	}
	if len(events) != 1 || letter.ID != letterID(&events[0]) || letter.Tenant != events[0].Tenant {
		return nil, fault.New(fault.FailedPrecondition, "EVENT_GONE", "the event of the dead letter is not in the log any more")
	}
	commands, err := t.react(events[0])
	if err != nil {
		return nil, fault.New(fault.FailedPrecondition, "EVENT_UNREADABLE", "the event cannot be carried out by this version").Because(err)
	}
	steps := []command.Step{end}
	for _, c := range commands {
		ready, refused := c.Ready(ctx)
		if refused != nil {
			return nil, refused
		}
		steps = append(steps, ready.Steps...)
	}
	return steps, nil
}

// nameCache knows what groups must name beside their own aggregate: of recent orders the SKUs, so that a command which releases or sells
// stock can name the items before anything is read.
// Lines of unpaid orders may be changed, by another process too; a command that was made of what is not true any more is refused with
// STALE_DEMAND, and the order forgotten here, so that the command is made anew of the truth.
type nameCache struct {
	recent *lru.Cache[state.Ref, []string]
	store  store
}

// of answers what a group about an aggregate must name: the SKUs of an order, the player of a player's payment.
func (c *nameCache) of(ctx context.Context, tenant, aggregate string) ([]string, error) {
	if !cashier.Is(aggregate) {
		return c.find(ctx, tenant, aggregate)
	}
	row, err := c.store.PlayRow(ctx, state.PlayerPaymentRef(tenant, aggregate))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the player of %s: %w", aggregate, err)
	}
	return []string{row.(*state.PlayerPayment).PlayerID}, nil //nolint:errcheck,forcetypeassert // of the kind
}

// nameCacheSize is the number of orders remembered.
const nameCacheSize = 1 << 15

func newNameCache(s store) *nameCache {
	recent, err := lru.New[state.Ref, []string](nameCacheSize)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &nameCache{recent: recent, store: s}
}

// forget drops what is known of an order.
func (c *nameCache) forget(tenant, orderID string) {
	c.recent.Remove(state.Ref{Kind: state.KindOrder, Tenant: tenant, ID: orderID})
}

// committed remembers the reservations of a batch.
func (c *nameCache) committed(rows []state.Written) {
	for i := range rows {
		reservation, found := rows[i].Row.(*state.Reservation)
		if !found || reservation.Status != state.ReservationHeld {
			continue
		}
		skus := make([]string, len(reservation.Items))
		for j := range reservation.Items {
			skus[j] = reservation.Items[j].SKU
		}
		c.recent.Add(state.Ref{Kind: state.KindOrder, Tenant: reservation.Tenant, ID: reservation.OrderID}, skus)
	}
}

// fresh is find for an order that has a payment: its lines may have been changed by another process before, and cannot be any more.
func (c *nameCache) fresh(ctx context.Context, tenant, orderID string) ([]string, error) {
	c.forget(tenant, orderID)
	return c.find(ctx, tenant, orderID)
}

// find answers the SKUs that an order's reservation holds or will hold; nothing for an order that does not exist.
func (c *nameCache) find(ctx context.Context, tenant, orderID string) ([]string, error) {
	ref := state.Ref{Kind: state.KindOrder, Tenant: tenant, ID: orderID}
	if skus, found := c.recent.Get(ref); found {
		return skus, nil
	}
	o, err := c.store.Order(ctx, tenant, orderID)
	if err != nil {
		if isNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read the lines of %s: %w", orderID, err)
	}
	demand := wire.Demand(&omsv1.Order{Items: wire.Order(o).Items})
	skus := make([]string, len(demand))
	for i := range demand {
		skus[i] = demand[i].SKU
	}
	c.recent.Add(ref, skus)
	return skus, nil
}
