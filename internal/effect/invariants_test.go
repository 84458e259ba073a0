package effect

import (
	"fmt"
	"slices"

	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// problems lists everything that is wrong with the world at this moment, whatever is under way. Totals are the gateway's.
func (w *world) problems(totals []gateway.Total) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.violations
	wrong := func(format string, arguments ...any) { found = append(found, fmt.Sprintf(format, arguments...)) }
	reserved, sold := map[string]int64{}, map[string]int64{}
	for _, r := range all(w, func(*state.Reservation) bool { return true }) {
		for _, demand := range r.Items {
			switch r.Status {
			case state.ReservationHeld:
				reserved[demand.SKU] += demand.Quantity
			case state.ReservationSold:
				sold[demand.SKU] += demand.Quantity
			default:
			}
		}
	}
	for _, item := range all(w, func(*state.Item) bool { return true }) {
		if item.Reserved != reserved[item.SKU] || item.Sold != sold[item.SKU] || item.OnHand < item.Reserved {
			wrong("stock %+v, but orders hold %d and have bought %d", *item, reserved[item.SKU], sold[item.SKU])
		}
	}
	atGateway := map[string]gateway.Total{}
	for _, total := range totals {
		atGateway[total.Payment] = total
	}
	for _, o := range all(w, func(*state.Order) bool { return true }) {
		w.checkStock(o, wrong)
		w.checkTimer(o, wrong)
		w.checkMoney(o, wrong)
		if p := w.payment(o.ID); p != nil {
			checkGateway(p, atGateway[p.ID], wrong)
		}
	}
	w.checkPlayers(atGateway, wrong)
	for _, e := range all(w, func(e *state.Effect) bool { return e.State == state.EffectFailed }) {
		if !w.hasLetter(e) {
			wrong("%s is given up and no dead letter tells: %+v", e.ID, *e)
		}
		key := state.TimerKey{Tenant: e.Tenant, Kind: flow.TimerCallExpires, AggregateID: e.ID}
		if due, set := w.timers[key]; e.ExpiresAt.After(e.UpdatedAt) && (!set || !due.Equal(e.ExpiresAt)) {
			wrong("%s is given up before its time, and nothing asks about it then: %v %v", e.ID, set, due)
		}
	}
	for _, e := range all(w, func(e *state.Effect) bool { return e.State == state.EffectDone && e.LastError == "" }) {
		if w.hasLetter(e) {
			wrong("%s has succeeded and its dead letter is open: %+v", e.ID, *e)
		}
	}
	return found
}

// checkLetter: a dead letter is written about a call that was given up or refused, never about one that is well.
func (w *world) checkLetter(d *state.DeadLetter) {
	if d.Kind != deadletter.KindEffect { // that of disputes comes and goes with them
		return
	}
	e := w.rows[state.Ref{Kind: state.KindEffect, Tenant: d.Tenant, ID: string(d.Payload)}].(*state.Effect)
	if refused := e.State == state.EffectDone && e.LastError != ""; e.State != state.EffectFailed && !refused {
		w.violate("a dead letter is written about %s, which is well: %+v", e.ID, *e)
	}
}

func (w *world) hasLetter(e *state.Effect) bool {
	return len(all(w, func(d *state.DeadLetter) bool { return d.ReplayedAt.IsZero() && string(d.Payload) == e.ID })) > 0
}

// checkStock compares an order with its reservation.
func (w *world) checkStock(o *state.Order, wrong func(string, ...any)) {
	status := state.ReservationNone
	if r := w.reservation(o.ID); r != nil {
		status = r.Status
	}
	right := false
	switch o.Status {
	case state.OrderPending:
		right = status == state.ReservationNone
	case state.OrderReserved, state.OrderPaid:
		right = status == state.ReservationHeld
	case state.OrderConfirmed:
		right = status == state.ReservationSold
	case state.OrderCanceled:
		right = status != state.ReservationHeld && status != state.ReservationSold
	case state.OrderRefunded:
		right = status == state.ReservationSold && !o.CancelRequested || status == state.ReservationReleased && o.CancelRequested
	default:
	}
	if !right {
		wrong("%s is %s and its reservation is %d", o.ID, o.Status, status)
	}
	if status == state.ReservationHeld || status == state.ReservationSold {
		if items := w.reservation(o.ID).Items; !slices.Equal(items, inventory.Sum(o.Lines)) {
			wrong("%s has the lines %v and holds %v", o.ID, o.Lines, items)
		}
	}
	if amount, err := order.Sum(o.Lines, o.Adjustments); err != nil || amount != o.AmountMinor || len(o.Lines) == 0 {
		wrong("%s comes to %d, its lines to %d: %v", o.ID, o.AmountMinor, amount, err)
	}
}

// checkTimer: the timer runs when, and only when, the order may expire.
func (w *world) checkTimer(o *state.Order, wrong func(string, ...any)) {
	due, set := w.timers[state.TimerKey{Tenant: o.Tenant, Kind: order.TimerExpire, AggregateID: o.ID}]
	if set != o.Expires() || set && !due.Equal(o.ExpiresAt) {
		wrong("%s is %s with payment %s, and its timer is set: %v", o.ID, o.Status, o.PaymentStatus, set)
	}
}

// checkMoney compares order, payment and ledger.
func (w *world) checkMoney(o *state.Order, wrong func(string, ...any)) {
	p := w.payment(o.ID)
	if p == nil {
		p = &state.Payment{}
	}
	settled := o.Status == state.OrderConfirmed || o.Status == state.OrderRefunded
	if settled && (o.CapturedMinor != p.CapturedMinor || o.RefundedMinor != p.RefundedMinor) ||
		o.Status == state.OrderConfirmed && o.RefundPendingMinor != p.RefundPendingMinor {
		wrong("%s has %d-%d-%d, its payment %d-%d-%d", o.ID, o.CapturedMinor, o.RefundedMinor, o.RefundPendingMinor,
			p.CapturedMinor, p.RefundedMinor, p.RefundPendingMinor)
	}
	if p.RefundedMinor+p.RefundPendingMinor+p.DisputedMinor+p.ChargedBackMinor > p.CapturedMinor || p.CapturedMinor > p.AmountMinor ||
		p.RefundPendingMinor < 0 || p.RefundedMinor < 0 || p.DisputedMinor < 0 || p.ChargedBackMinor < 0 {
		wrong("payment %+v gives back more than it took", *p)
	}
	if o.DisputedMinor != p.DisputedMinor || o.ChargedBackMinor != p.ChargedBackMinor {
		wrong("%s: disputed %d, lost %d, its payment %d and %d", o.ID, o.DisputedMinor, o.ChargedBackMinor, p.DisputedMinor, p.ChargedBackMinor)
	}
	if order.OwesAll(o) && o.RefundPendingMinor != o.CapturedMinor-o.RefundedMinor-o.ChargedBackMinor {
		wrong("%s owes %d of %d captured, %d refunded, %d lost", o.ID, o.RefundPendingMinor, o.CapturedMinor, o.RefundedMinor, o.ChargedBackMinor)
	}
	books, fees := w.books(o.ID), int64(0)
	for _, d := range p.Disputes {
		fees += d.FeeMinor
	}
	want := map[string]int64{
		ledger.OrderRevenue: p.CapturedMinor - p.RefundedMinor, ledger.Disputes: -p.DisputedMinor, ledger.Chargebacks: -p.ChargedBackMinor,
		ledger.GatewayFees: -fees, ledger.GatewayClearing: p.RefundedMinor + p.DisputedMinor + p.ChargedBackMinor + fees - p.CapturedMinor,
	}
	for account, balance := range want {
		if books[account] != balance {
			wrong("%s: %s has %d, by the payment %d: %+v", o.ID, account, books[account], balance, *p)
		}
	}
}

// books are the balances of an order's transfers.
func (w *world) books(orderID string) map[string]int64 {
	balances := map[string]int64{}
	for _, t := range w.transfers {
		for _, entry := range t.Entries {
			if t.OrderID == orderID {
				account, _ := ledger.Parse(entry.Account)
				balances[string(account.Kind)] += entry.AmountMinor
			}
		}
	}
	return balances
}

// checkGateway compares a payment with what the gateway did. The gateway may be ahead, never behind; it may never have been asked
// for anything that breaks its rules.
func checkGateway(p *state.Payment, total gateway.Total, wrong func(string, ...any)) {
	switch {
	case total.Refused > 0:
		wrong("%s: the gateway was asked %d times for what it may not do", p.ID, total.Refused)
	case total.Captures > 1 || total.CapturedMinor > p.AmountMinor:
		wrong("%s: captured %d times, %d of %d", p.ID, total.Captures, total.CapturedMinor, p.AmountMinor)
	case total.CapturedMinor < p.CapturedMinor || total.RefundedMinor+total.ReturnedMinor < p.RefundedMinor:
		wrong("%s: booked %d-%d, the gateway did %d-%d", p.ID, p.CapturedMinor, p.RefundedMinor, total.CapturedMinor, total.RefundedMinor)
	case total.RefundedMinor > p.RefundedMinor+p.RefundPendingMinor:
		wrong("%s: the gateway gave %d back, asked was %d", p.ID, total.RefundedMinor, p.RefundedMinor+p.RefundPendingMinor)
	}
}

// unfinished lists what is not at its end when everything had the time to come there.
func (w *world) unfinished(totals []gateway.Total) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	wrong := func(format string, arguments ...any) { found = append(found, fmt.Sprintf(format, arguments...)) }
	for _, e := range all(w, func(e *state.Effect) bool { return e.State != state.EffectDone }) {
		wrong("%s is not done: %+v", e.ID, *e)
	}
	for _, d := range all(w, func(d *state.DeadLetter) bool { return d.ReplayedAt.IsZero() }) {
		wrong("dead letter about %s: %s", d.Payload, d.Error)
	}
	for _, o := range all(w, func(o *state.Order) bool { return !o.Status.Terminal() && o.Status != state.OrderConfirmed }) {
		wrong("%s is %s with payment %s, cancel requested: %v", o.ID, o.Status, o.PaymentStatus, o.CancelRequested)
	}
	w.unfinishedPlayers(totals, wrong)
	for _, total := range totals {
		if total.OrderID == "" {
			continue
		}
		o, p := w.order(total.OrderID), w.payment(total.OrderID)
		if total.CapturedMinor != p.CapturedMinor || total.RefundedMinor != p.RefundedMinor || total.DisputedMinor != p.DisputedMinor ||
			total.LostMinor != p.ChargedBackMinor {
			wrong("%s: booked %d-%d-%d-%d, the gateway did %d-%d-%d-%d", p.ID, p.CapturedMinor, p.RefundedMinor, p.DisputedMinor,
				p.ChargedBackMinor, total.CapturedMinor, total.RefundedMinor, total.DisputedMinor, total.LostMinor)
		}
		if fees := -w.books(total.OrderID)[ledger.GatewayFees]; fees != total.FeesMinor {
			wrong("%s: fees of %d are booked, the gateway took %d", p.ID, fees, total.FeesMinor)
		}
		if o.Status.Terminal() && total.CapturedMinor != total.RefundedMinor+total.LostMinor {
			wrong("%s is %s and %d are left at the gateway", o.ID, o.Status, total.CapturedMinor-total.RefundedMinor)
		}
		if total.LeftMinor() != 0 {
			wrong("%s is %s and %d are still held: %+v", o.ID, o.Status, total.LeftMinor(), total)
		}
	}
	return found
}
