package wire

import (
	"strings"
	"testing"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// pending is a call that waits for its third attempt. It was given up and replayed twice, and of its history a part is gone.
func pending() *state.Effect {
	did := func(number int32, result state.EffectResult, at int) state.EffectAttempt {
		return state.EffectAttempt{Number: number, Attempt: 2, Result: result, By: state.PartyWorker, StartedAt: after(at - 1), At: after(at)}
	}
	return &state.Effect{
		ID: "effect:x/void/1", Kind: payment.KindVoid, AggregateID: "payment:x", Currency: "EUR", AmountMinor: 5,
		State: state.EffectOpen, Attempts: 3, CreatedAt: noon, UpdatedAt: after(20), NextAt: after(30),
		History: []state.EffectAttempt{
			did(7, state.ResultNotReached, 10), did(8, state.ResultGivenUp, 10), did(9, state.ResultReopened, 12),
			did(10, state.ResultUnknown, 14), did(11, state.ResultGivenUp, 14), did(12, state.ResultReopened, 16),
			did(13, state.ResultNotReached, 20),
		},
	}
}

// tell writes the life of a canceled order with a call and its dead letter.
func tell(t *testing.T, e *state.Effect, letter *state.DeadLetter) []*omsv1.TimelineEntry {
	t.Helper()
	life := Life{
		Order:   &state.Order{ID: "order:x", Status: state.OrderCanceled, StatusReason: "EXPIRED"},
		Effects: []*state.Effect{e}, Letters: []*state.DeadLetter{letter},
	}
	entries, _, more, err := life.Timeline(TimelineCursor{}, 100)
	if err != nil || more {
		t.Fatal(more, err)
	}
	return entries
}

func TestTimelineOfACallInTrouble(t *testing.T) {
	t.Parallel()
	e := pending()
	letter := &state.DeadLetter{ID: id.DeriveStep("deadletter", e.AggregateID, e.ID), CreatedAt: after(5), ReplayedAt: after(16)}
	entries := tell(t, e, letter)
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Kind+" "+entry.To)
	}
	want := "gateway.void REQUESTED, deadletter.written OPEN, gateway.void NOT_REACHED, deadletter.written OPEN, deadletter.closed REPLAYED, " +
		"gateway.void UNKNOWN, deadletter.written OPEN, deadletter.closed REPLAYED, gateway.void NOT_REACHED"
	if strings.Join(got, ", ") != want {
		t.Errorf("told\n%s, want\n%s", strings.Join(got, ", "), want)
	}
	first, last := entries[2], entries[len(entries)-1]
	if !strings.Contains(first.Message, "Of 6 earlier attempts and inquiries nothing is kept.") {
		t.Errorf("that earlier attempts are not kept is not said: %s", first.Message)
	}
	if !strings.Contains(last.Message, "due at 2026-10-01T12:00:30Z") {
		t.Errorf("when the next attempt is due is not said: %s", last.Message)
	}
	if entries[0].Type != omsv1.TimelineEntryType_TIMELINE_ENTRY_TYPE_COMPENSATION || entries[0].Reason != "EXPIRED" {
		t.Errorf("a void is no compensation: %v", entries[0])
	}
}

func TestTimelineOfAnAttemptUnderWay(t *testing.T) {
	t.Parallel()
	e := pending()
	e.Owner = "a process"
	entries := tell(t, e, &state.DeadLetter{ID: "deadletter:other", Kind: "order.status_changed", Error: "secret", CreatedAt: after(40)})
	under, letter := entries[len(entries)-2], entries[len(entries)-1]
	if under.To != "UNDER_WAY" || under.Attempts != 3 || !under.StartedAt.AsTime().Equal(after(20)) {
		t.Errorf("under way is %v", under)
	}
	if letter.Kind != "deadletter.written" || strings.Contains(letter.String(), "secret") {
		t.Errorf("the letter is told as %v; its error is for operators", letter)
	}
}

func TestTimelineOfALateOutcome(t *testing.T) {
	t.Parallel()
	e := pending()
	e.State, e.UpdatedAt = state.EffectDone, after(50)
	entries := tell(t, e, &state.DeadLetter{ID: id.DeriveStep("deadletter", e.AggregateID, e.ID), CreatedAt: after(14), ReplayedAt: after(50)})
	closed := entries[len(entries)-2]
	if closed.Kind != "deadletter.closed" || closed.To != "SETTLED" || closed.By != omsv1.TimelineParty_TIMELINE_PARTY_FLOW {
		t.Errorf("closed by the outcome is told as %v", closed)
	}
}

func TestTimelineCursorIsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []TimelineCursor{
		{}, {OrderSeq: 1, PaymentSeq: 2, place: place{At: 3, Rank: rankConsequence, Name: "effect:x/hold/1 with blanks", Number: 4}},
	} {
		if got, err := ParseTimelineCursor(want.String()); err != nil || got != want {
			t.Errorf("%v was read as %v, %v", want, got, err)
		}
	}
	for _, text := range []string{"", "1 2 3", "a b c d e f"} {
		if _, err := ParseTimelineCursor(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestAmountsForPeople(t *testing.T) {
	t.Parallel()
	for want, given := range map[string]*omsv1.Money{
		"14.60 EUR": {Currency: "EUR", AmountMinor: 1460}, "0.05 EUR": {Currency: "EUR", AmountMinor: 5},
		"1460 JPY": {Currency: "JPY", AmountMinor: 1460}, "1.460 BHD": {Currency: "BHD", AmountMinor: 1460},
		"7 minor units of XXX": {Currency: "XXX", AmountMinor: 7}, "0.00 EUR": {Currency: "EUR"},
	} {
		if got := amount(given.AmountMinor, given.Currency); got != want {
			t.Errorf("%d %s is %q, want %q", given.AmountMinor, given.Currency, got, want)
		}
	}
}
