package notification

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Farthest is how far ahead a notification may be due.
const Farthest = 365 * 24 * time.Hour

// Pace limits what one user gets: Burst at once, and in the long run Burst in each Per. The zero value sets no limit. What is counted
// is what is handed to a transport, at that moment: a message that is due later, is withdrawn or is not wanted takes nothing from others.
type Pace struct {
	Burst int
	Per   time.Duration
}

// next answers when a message that is due may go, and until when the pace is used up when it goes then (the generic cell rate
// algorithm). The places of those who wait already are before it.
func (p Pace) next(until, due time.Time, ahead int32) (at, after time.Time) {
	if p.Burst <= 0 || p.Per <= 0 {
		return due, until
	}
	each := max(p.Per/time.Duration(p.Burst), 1)
	if until.Before(due) {
		until = due
	}
	places := min(int64(ahead), int64(Farthest/each)) // beyond them it is Farthest all the same
	until = until.Add(time.Duration(places * int64(each)))
	at = due
	if allowed := until.Add(each - p.Per); allowed.After(at) {
		at = earlier(allowed, due.Add(Farthest))
	}
	return at, until.Add(each)
}

// admit puts a notification that is due on its way, or off until its user may get it, and answers what that changes of the contact. It
// delays and never loses. Each that waits has a place of its own, so that they do not all come back for the same one; a new message
// goes behind them. One whose place was taken by another meanwhile goes behind those who wait now.
func (p Pace) admit(contact *state.Contact, n *state.Notification, now time.Time) []domain.Change {
	after, ahead := *contact, contact.Waiting
	if waits(n) {
		after.Waiting, ahead = max(after.Waiting-1, 0), 0
	}
	at, until := p.next(contact.PacedUntil, now, ahead)
	if at.After(now) {
		n.DueAt, _ = p.next(contact.PacedUntil, now, after.Waiting)
		n.State, n.Reason = state.NotificationScheduled, ReasonPaced
		after.Waiting++
	} else {
		n.State, n.Reason = state.NotificationSending, ""
		after.PacedUntil = until
	}
	return moved(contact, &after)
}

// leave answers what changes of the contact when a notification will not be sent: its place is free.
func leave(contact *state.Contact, n *state.Notification) []domain.Change {
	if contact == nil || !waits(n) {
		return nil
	}
	after := *contact
	after.Waiting = max(after.Waiting-1, 0)
	return moved(contact, &after)
}

// waits tells whether the pace has put a notification off.
func waits(n *state.Notification) bool {
	return n.State == state.NotificationScheduled && n.Reason == ReasonPaced
}

// moved is the change of a contact's place in the pace, if there is any. It is no change by a client, so the version stays.
func moved(before, after *state.Contact) []domain.Change {
	if before.Waiting == after.Waiting && before.PacedUntil.Equal(after.PacedUntil) {
		return nil
	}
	return []domain.Change{{Before: before, After: after}}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
