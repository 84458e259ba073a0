package effect

import (
	"fmt"
	"strings"

	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
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
	if d.Kind != deadletter.KindEffect {
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
	if p.RefundedMinor+p.RefundPendingMinor > p.CapturedMinor || p.CapturedMinor > p.AmountMinor || p.RefundPendingMinor < 0 {
		wrong("payment %+v gives back more than it took", *p)
	}
	captured, refunded := int64(0), int64(0)
	for _, t := range w.transfers {
		switch amount := t.Entries[1].AmountMinor; {
		case t.OrderID != o.ID:
		case strings.HasSuffix(t.ID, "/capture"):
			captured += amount
		default:
			refunded += amount
		}
	}
	if captured != p.CapturedMinor || refunded != p.RefundedMinor {
		wrong("%s: the ledger has %d-%d, the payment %d-%d", o.ID, captured, refunded, p.CapturedMinor, p.RefundedMinor)
	}
}

// checkGateway compares a payment with what the gateway did. The gateway may be ahead, never behind; it may never have been asked
// for anything that breaks its rules.
func checkGateway(p *state.Payment, total gateway.Total, wrong func(string, ...any)) {
	switch {
	case total.Refused > 0:
		wrong("%s: the gateway was asked %d times for what it may not do", p.ID, total.Refused)
	case total.Captures > 1 || total.CapturedMinor > p.AmountMinor:
		wrong("%s: captured %d times, %d of %d", p.ID, total.Captures, total.CapturedMinor, p.AmountMinor)
	case total.CapturedMinor < p.CapturedMinor || total.RefundedMinor < p.RefundedMinor:
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
		if total.CapturedMinor != p.CapturedMinor || total.RefundedMinor != p.RefundedMinor {
			wrong("%s: booked %d-%d, the gateway did %d-%d", p.ID, p.CapturedMinor, p.RefundedMinor, total.CapturedMinor, total.RefundedMinor)
		}
		if o.Status.Terminal() && total.CapturedMinor != total.RefundedMinor {
			wrong("%s is %s and %d are left at the gateway", o.ID, o.Status, total.CapturedMinor-total.RefundedMinor)
		}
		if total.LeftMinor() != 0 {
			wrong("%s is %s and %d are still held: %+v", o.ID, o.Status, total.LeftMinor(), total)
		}
	}
	return found
}
