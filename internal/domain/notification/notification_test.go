package notification

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/state"
)

// rows are the states of a test.
type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row { return r[ref] }

// apply decides a command and stores what it changes.
func (r rows) apply(t rapidT, c domain.Command, now time.Time) domain.Decision {
	t.Helper()
	decision, refused := c.Decide(r, now)
	if refused != nil {
		t.Fatalf("%T: %v", c, refused)
	}
	for _, change := range decision.Changes {
		if change.Event != "" {
			t.Fatalf("an event tells of %v, and would be for ever", change.After.Ref())
		}
		r[change.After.Ref()] = change.After
	}
	return decision
}

type rapidT interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Whatever is asked for and when: nothing is lost, nothing goes before it is due, and no window of the pace holds more than twice the
// burst (once what was saved up, once what came meanwhile).
func TestPaceDelaysAndNeverLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pace := Pace{Burst: rapid.IntRange(1, 12).Draw(t, "burst"), Per: time.Hour}
		states := rows{}
		states.apply(t, PutContact{Tenant: "t", UserID: "u", Email: "u@example.org"}, noon)
		now := noon
		var due []time.Time
		for i := range rapid.IntRange(1, 60).Draw(t, "messages") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "pause")) * time.Second)
			name := ID("order:0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f", int64(i), "x", ChannelEmail)
			send := Send{Tenant: "t", ID: name, UserID: "u", Channel: ChannelEmail, Template: "x", Provider: "smtp", Pace: pace}
			states.apply(t, send, now)
			if again := states.apply(t, send, now); len(again.Changes) != 0 {
				t.Fatalf("the same notification was made twice")
			}
			n := states[Ref("t", name)].(*state.Notification) //nolint:forcetypeassert // just made
			e := states[state.Ref{Kind: state.KindEffect, Tenant: "t", ID: EffectID(name)}].(*state.Effect)
			if n.DueAt.Before(now) || !e.NextAt.Equal(n.DueAt) || (n.State == state.NotificationScheduled) != n.DueAt.After(now) {
				t.Fatalf("asked for at %v: %+v, effect at %v", now, n, e.NextAt)
			}
			due = append(due, n.DueAt)
		}
		for i := range due {
			within := 0
			for _, other := range due {
				if !other.Before(due[i]) && other.Before(due[i].Add(pace.Per)) {
					within++
				}
			}
			if within > 2*pace.Burst {
				t.Fatalf("%d messages within %v from %v, the burst is %d", within, pace.Per, due[i], pace.Burst)
			}
		}
	})
}

// The first messages up to the burst go at once; the next waits for its share of the time.
func TestPaceLetsTheBurstThrough(t *testing.T) {
	pace, until := Pace{Burst: 10, Per: time.Hour}, time.Time{}
	for i := range 10 {
		var at time.Time
		if at, until = pace.next(until, noon); !at.Equal(noon) {
			t.Fatalf("message %d waits until %v", i+1, at)
		}
	}
	if at, _ := pace.next(until, noon); !at.Equal(noon.Add(6 * time.Minute)) {
		t.Errorf("the eleventh goes at %v", at)
	}
}

// Forgetting leaves nothing personal, and what is due later is suppressed.
func TestForgetAndBegin(t *testing.T) {
	states := rows{}
	states.apply(t, PutContact{Tenant: "t", UserID: "u", Email: "u@example.org", Phone: "+4915112345678", Locale: "de", OptedOut: []string{"sms"}}, noon)
	states.apply(t, Send{Tenant: "t", ID: "notification:1", UserID: "u", Channel: ChannelEmail, Provider: "smtp", DueAt: noon.Add(time.Hour)}, noon)
	states.apply(t, Forget{Tenant: "t", UserID: "u"}, noon)
	left := states[ContactRef("t", "u")].(*state.Contact) //nolint:forcetypeassert // just changed
	if left.Email+left.Phone+left.Locale != "" || left.OptedOut != nil || !left.Forgotten {
		t.Errorf("left is %+v", left)
	}
	states.apply(t, Begin{Tenant: "t", ID: "notification:1", UserID: "u"}, noon.Add(time.Hour))
	n := states[Ref("t", "notification:1")].(*state.Notification) //nolint:forcetypeassert // as above
	if n.State != state.NotificationSuppressed || n.Reason != ReasonNoAddress {
		t.Errorf("a notification of a forgotten user is %+v", n)
	}
	states.apply(t, Settle{Tenant: "t", ID: n.ID, State: state.NotificationSent}, noon.Add(time.Hour))
	if got := states[n.Ref()]; got != state.Row(n) {
		t.Errorf("what is over was changed: %+v", got)
	}
}
