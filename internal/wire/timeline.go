package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Life is what an order's timeline is made of. Items are the lines that the order had before the events; nil before all of them.
// Events are those after the cursor, in order of their seq, one more than the page holds if there are so many; all else is complete.
// Payment and Reservation are nil when there is none.
type Life struct {
	Order         *state.Order
	Items         []*omsv1.OrderItem
	Payment       *state.Payment
	Reservation   *state.Reservation
	OrderEvents   []state.Event
	PaymentEvents []state.Event
	Effects       []*state.Effect
	Letters       []*state.DeadLetter
}

// TimelineCursor is a place in a timeline: behind the events up to the seqs, and behind all else up to the place. Places do not
// change when an order lives on, so a page begins where the page before ended.
type TimelineCursor struct {
	OrderSeq, PaymentSeq int64
	place
}

// place is where an entry stands: by time, then causes before the events that they lead to before what follows from these.
type place struct {
	At     int64 // microseconds since 1970
	Rank   rank
	Name   string // of what it is about, for entries that are no events
	Number int32  // in the history of an effect
}

type rank int8

const (
	rankCause rank = iota
	rankEvent
	rankConsequence
)

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.At, other.At), cmp.Compare(p.Rank, other.Rank), strings.Compare(p.Name, other.Name),
		cmp.Compare(p.Number, other.Number))
}

// String writes a cursor for a token.
func (c TimelineCursor) String() string {
	return fmt.Sprintf("%d %d %d %d %d %s", c.OrderSeq, c.PaymentSeq, c.At, c.Rank, c.Number, c.Name)
}

// ParseTimelineCursor reads what String has written.
func ParseTimelineCursor(text string) (TimelineCursor, error) {
	var c TimelineCursor
	fixed := 6
	parts := strings.SplitN(text, " ", fixed)
	if len(parts) != fixed {
		return c, fmt.Errorf("a timeline's cursor has %d parts, not %d", fixed, len(parts))
	}
	_, err := fmt.Sscanf(strings.Join(parts[:fixed-1], " "), "%d %d %d %d %d", &c.OrderSeq, &c.PaymentSeq, &c.At, &c.Rank, &c.Number)
	c.Name = parts[fixed-1]
	return c, err
}

// unit is an entry that is no event, with its place.
type unit struct {
	place
	entry *omsv1.TimelineEntry
}

// Timeline writes the entries behind a cursor, oldest first, limit of them when there are so many, or one more, since an event is
// not torn from what led to it. It answers the cursor behind them, and whether there is more.
func (l *Life) Timeline(after TimelineCursor, limit int) (entries []*omsv1.TimelineEntry, next TimelineCursor, more bool, err error) {
	others := slices.DeleteFunc(l.others(), func(u unit) bool { return after.At > 0 && u.compare(after.place) <= 0 })
	slices.SortStableFunc(others, func(a, b unit) int { return a.compare(b.place) })
	told := &teller{Life: l, parties: l.parties(), items: l.Items}
	events := l.events()
	next = after
	for len(events) > 0 || len(others) > 0 {
		if len(entries) >= limit {
			return entries, next, true, nil
		}
		if len(others) > 0 && (len(events) == 0 || others[0].compare(placeOf(events[0])) < 0) {
			entries, next.place = append(entries, others[0].entry), others[0].place
			others = others[1:]
			continue
		}
		written, err := told.event(events[0])
		if err != nil {
			return nil, next, false, err
		}
		entries, next.place = append(entries, written...), placeOf(events[0])
		if events[0].AggregateKind == state.KindOrder {
			next.OrderSeq = events[0].Seq
		} else {
			next.PaymentSeq = events[0].Seq
		}
		events = events[1:]
	}
	return entries, next, false, nil
}

func placeOf(e *state.Event) place { return place{At: e.At.UnixMicro(), Rank: rankEvent} }

// events merges the events of the order and of its payment as they were committed; each keep their own order, whatever the clock.
func (l *Life) events() []*state.Event {
	merged := make([]*state.Event, 0, len(l.OrderEvents)+len(l.PaymentEvents))
	a, b := l.OrderEvents, l.PaymentEvents
	for len(a) > 0 && len(b) > 0 {
		if committedBefore(&b[0], &a[0]) {
			merged, b = append(merged, &b[0]), b[1:]
		} else {
			merged, a = append(merged, &a[0]), a[1:]
		}
	}
	for i := range a {
		merged = append(merged, &a[i])
	}
	for i := range b {
		merged = append(merged, &b[i])
	}
	return merged
}

// committedBefore compares events of two aggregates. Events of one time are those of one transaction as a rule, and their ids count
// up in it.
func committedBefore(a, b *state.Event) bool {
	if c := a.At.Compare(b.At); c != 0 {
		return c < 0
	}
	if a.Position > 0 && b.Position > 0 {
		return a.Position < b.Position
	}
	return slices.Compare(a.ID[:], b.ID[:]) < 0
}

// alone makes a unit of one entry.
func alone(at time.Time, rank rank, name string, number int32, entry *omsv1.TimelineEntry) unit {
	entry.OccurredAt = stamp(at)
	return unit{place: place{At: at.UnixMicro(), Rank: rank, Name: name, Number: number}, entry: entry}
}

// others are the units that are no events, in no order.
func (l *Life) others() []unit {
	var units []unit
	for _, e := range l.Effects {
		units = append(units, l.call(e)...)
	}
	if r := l.Reservation; r != nil {
		switch r.Status {
		case state.ReservationRejected:
			units = append(units, alone(r.UpdatedAt, rankCause, r.ID, 0, rejected(r)))
		case state.ReservationReleased:
			units = append(units, alone(r.UpdatedAt, rankConsequence, r.ID, 0, l.released(r)))
		case state.ReservationSold:
			units = append(units, alone(r.UpdatedAt, rankConsequence, r.ID, 0, sold(r)))
		default: // held: the order's event tells of it
		}
	}
	return append(units, l.letters()...)
}

// cause says why an order is undone: its status tells, or its cancellation that is being carried out.
func (l *Life) cause() (reason, words string) {
	if l.Order.CancelRequested {
		return reasonClient, l.Order.StatusDetail
	}
	return l.Order.StatusReason, l.Order.StatusDetail
}

// compensated tells whether what happens to the captured money undoes the order, rather than being a refund of a sale.
func (l *Life) compensated() bool { return l.Order.CancelRequested }

func moved(items []state.Demand) []*omsv1.TimelineStock {
	stock := make([]*omsv1.TimelineStock, len(items))
	for i, item := range items {
		stock[i] = &omsv1.TimelineStock{Sku: item.SKU, Qty: item.Quantity}
	}
	return stock
}

// reserved tells of what was set aside at first: items is that demand, which may have been changed since.
func reserved(r *state.Reservation, items []state.Demand) *omsv1.TimelineEntry {
	return &omsv1.TimelineEntry{
		Kind: "stock.reserved", Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_STEP, SubjectId: r.ID, To: "HELD",
		Stock: moved(items), By: omsv1.TimelineParty_TIMELINE_PARTY_FLOW, Message: "Stock was reserved: " + pieces(items) + ".",
	}
}

// rejected tells which SKU ran out: all of an order's stock is reserved or none of it.
func rejected(r *state.Reservation) *omsv1.TimelineEntry {
	wanted := slices.DeleteFunc(slices.Clone(r.Items), func(item state.Demand) bool { return item.SKU != r.RejectedSKU })
	return &omsv1.TimelineEntry{
		Kind: "stock.rejected", Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_STEP, SubjectId: r.ID, To: "REJECTED",
		Reason: reasonStock, Stock: moved(wanted), By: omsv1.TimelineParty_TIMELINE_PARTY_FLOW,
		Message: "Nothing was reserved: " + pieces(wanted) + " are wanted, and not as many are available.",
	}
}

func (l *Life) released(r *state.Reservation) *omsv1.TimelineEntry {
	reason, words := l.cause()
	return &omsv1.TimelineEntry{
		Kind: "stock.released", Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_COMPENSATION, SubjectId: r.ID, From: "HELD",
		To: "RELEASED", Reason: reason, Detail: words, Stock: moved(r.Items), By: omsv1.TimelineParty_TIMELINE_PARTY_FLOW,
		Message: "The reserved stock was given back, since " + because(reason) + ": " + pieces(r.Items) + ".",
	}
}

func sold(r *state.Reservation) *omsv1.TimelineEntry {
	return &omsv1.TimelineEntry{
		Kind: "stock.sold", Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_STEP, SubjectId: r.ID, From: "HELD", To: "SOLD",
		Stock: moved(r.Items), By: omsv1.TimelineParty_TIMELINE_PARTY_FLOW,
		Message: "The reserved stock was sold: " + pieces(r.Items) + ".",
	}
}

// letters are the dead letters, from their rows and, where a call was given up more than once, from its history.
func (l *Life) letters() []unit {
	effects := make(map[string]*state.Effect, len(l.Effects))
	for _, e := range l.Effects {
		effects[id.DeriveStep("deadletter", e.AggregateID, e.ID)] = e
	}
	var units []unit
	for _, letter := range l.Letters {
		e := effects[letter.ID]
		if !inHistory(e, state.ResultGivenUp, letter.CreatedAt) {
			units = append(units, alone(letter.CreatedAt, rankConsequence, letter.ID, 0, written(letter.ID, letterWords(letter, e))))
		}
		if !letter.ReplayedAt.IsZero() && !inHistory(e, state.ResultReopened, letter.ReplayedAt) {
			late := e != nil && e.State == state.EffectDone && e.UpdatedAt.Equal(letter.ReplayedAt)
			units = append(units, alone(letter.ReplayedAt, rankCause, letter.ID, 0, closed(letter.ID, late)))
		}
	}
	return units
}

func inHistory(e *state.Effect, result state.EffectResult, at time.Time) bool {
	return e != nil && slices.ContainsFunc(e.History, func(did state.EffectAttempt) bool { return did.Result == result && did.At.Equal(at) })
}

func written(letterID, message string) *omsv1.TimelineEntry {
	return &omsv1.TimelineEntry{
		Kind: "deadletter.written", Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_DEAD_LETTER, SubjectId: letterID,
		To: "OPEN", Reason: reasonDeadLetter, By: omsv1.TimelineParty_TIMELINE_PARTY_FLOW, Message: message,
	}
}

// closed tells how a dead letter came to its end; late says that the outcome arrived after all.
func closed(letterID string, late bool) *omsv1.TimelineEntry {
	entry := &omsv1.TimelineEntry{
		Kind: "deadletter.closed", Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_REPLAY, SubjectId: letterID,
		From: "OPEN", To: "REPLAYED", By: omsv1.TimelineParty_TIMELINE_PARTY_OPERATOR,
		Message: "An operator had the step carried out again.",
	}
	if late {
		entry.To, entry.By = "SETTLED", omsv1.TimelineParty_TIMELINE_PARTY_FLOW
		entry.Message = "The outcome arrived after all; nothing is left to be done by an operator."
	}
	return entry
}

// parties tells through whom outcomes and replays came, by their times: the events of the same time are theirs.
func (l *Life) parties() map[int64]omsv1.TimelineParty {
	parties := map[int64]omsv1.TimelineParty{}
	for _, letter := range l.Letters {
		if !letter.ReplayedAt.IsZero() {
			parties[letter.ReplayedAt.UnixMicro()] = omsv1.TimelineParty_TIMELINE_PARTY_OPERATOR
		}
	}
	for _, e := range l.Effects {
		for _, did := range e.History {
			parties[did.At.UnixMicro()] = party(did.By)
		}
		if e.State == state.EffectDone {
			parties[e.UpdatedAt.UnixMicro()] = party(e.SettledBy)
		}
	}
	return parties
}

// party writes a party; it has other numbers in the contract, where there are more.
func party(by state.EffectParty) omsv1.TimelineParty {
	return [...]omsv1.TimelineParty{
		state.PartyNone:       omsv1.TimelineParty_TIMELINE_PARTY_FLOW,
		state.PartyWorker:     omsv1.TimelineParty_TIMELINE_PARTY_WORKER,
		state.PartyReconciler: omsv1.TimelineParty_TIMELINE_PARTY_RECONCILER,
		state.PartyCallback:   omsv1.TimelineParty_TIMELINE_PARTY_CALLBACK,
		state.PartyOperator:   omsv1.TimelineParty_TIMELINE_PARTY_OPERATOR,
	}[by]
}

// expired is the entry of the timer that ended an order.
func (l *Life) expired(e *state.Event) *omsv1.TimelineEntry {
	return &omsv1.TimelineEntry{
		OccurredAt: stamp(e.At), Kind: "timer." + order.TimerExpire, SubjectId: e.AggregateID, TraceId: e.TraceID,
		Type: omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_TIMER, By: omsv1.TimelineParty_TIMELINE_PARTY_TIMER, To: "FIRED",
		Reason: reasonExpired, Message: "The time to pay ended at " + l.Order.ExpiresAt.UTC().Format(time.RFC3339) + ".",
	}
}
