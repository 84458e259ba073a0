package notification

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/state"
)

// paced is a user's life with notifications: they are asked for, withdrawn, found to be over, and begun when they are due.
type paced struct {
	*rapid.T
	states rows
	pace   Pace
	now    time.Time
	wished map[string]time.Time // when each was due at first
	over   map[string]bool
	gone   []time.Time // when those that were sent went
}

func (p *paced) contact() *state.Contact {
	return p.states[ContactRef("t", "u")].(*state.Contact) //nolint:forcetypeassert // put at the start
}

// scheduled answers those that wait for their time, the earliest first.
func (p *paced) scheduled() []*state.Notification {
	var found []*state.Notification
	for _, row := range p.states {
		if n, ok := row.(*state.Notification); ok && n.State == state.NotificationScheduled {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, compare)
	return found
}

func compare(a, b *state.Notification) int {
	if order := a.DueAt.Compare(b.DueAt); order != 0 {
		return order
	}
	if a.ID < b.ID {
		return -1
	}
	return 1
}

// went writes down what goes now.
func (p *paced) went(name string) {
	if p.now.Before(p.wished[name]) {
		p.Fatalf("%s went at %v, before it was due", name, p.now)
	}
	p.gone = append(p.gone, p.now)
}

// begin has everything begun that is due until a time.
func (p *paced) begin(until time.Time) {
	for {
		due := p.scheduled()
		if len(due) == 0 || due[0].DueAt.After(until) {
			break
		}
		n := due[0]
		if p.now.Before(n.DueAt) {
			p.now = n.DueAt
		}
		p.states.apply(p, Begin{Tenant: "t", ID: n.ID, UserID: "u", Over: p.over[n.ID], Pace: p.pace}, p.now)
		after := p.states[n.Ref()].(*state.Notification) //nolint:forcetypeassert // as before
		switch {
		case p.over[n.ID] != (after.State == state.NotificationDropped):
			p.Fatalf("over %t: %+v", p.over[n.ID], after)
		case after.State == state.NotificationSending:
			p.went(n.ID)
		case after.State == state.NotificationScheduled && !after.DueAt.After(p.now):
			p.Fatalf("put off to no later time: %+v", after)
		}
		p.check()
	}
	if p.now.Before(until) {
		p.now = until
	}
}

// send asks for one. What is due later changes nothing for others; where nobody waits and nothing went for long, it goes at once.
func (p *paced) send(number int64) {
	name := ID("order:0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f", number, "x", ChannelEmail)
	send := Send{Tenant: "t", ID: name, UserID: "u", Channel: ChannelEmail, Template: "x", Provider: "smtp", Pace: p.pace}
	if rapid.Bool().Draw(p.T, "later") {
		send.DueAt = p.now.Add(time.Duration(rapid.IntRange(1, 36000).Draw(p.T, "due")) * time.Second)
		p.over[name] = rapid.Bool().Draw(p.T, "over")
	}
	p.wished[name] = send.DueAt
	before := p.contact()
	p.states.apply(p, send, p.now)
	if again := p.states.apply(p, send, p.now); len(again.Changes) != 0 {
		p.Fatalf("the same notification was made twice")
	}
	n := p.states[Ref("t", name)].(*state.Notification) //nolint:forcetypeassert // just made
	e := p.states[state.Ref{Kind: state.KindEffect, Tenant: "t", ID: EffectID(name)}].(*state.Effect)
	free := before.Waiting == 0 && (len(p.gone) == 0 || !p.gone[len(p.gone)-1].Add(p.pace.Per).After(p.now))
	switch {
	case !e.NextAt.Equal(n.DueAt) || (n.State == state.NotificationScheduled) != n.DueAt.After(p.now):
		p.Fatalf("asked for at %v: %+v, effect at %v", p.now, n, e.NextAt)
	case !send.DueAt.IsZero() && (p.contact() != before || !n.DueAt.Equal(send.DueAt) || n.Reason != ""):
		p.Fatalf("due later, and used allowance: %+v %+v", n, p.contact())
	case send.DueAt.IsZero() && free && n.State != state.NotificationSending:
		p.Fatalf("held back though nothing went for long: %+v", n)
	case n.State == state.NotificationSending:
		p.went(name)
	}
	p.check()
}

// check looks whether the contact knows who waits.
func (p *paced) check() {
	waiting := int32(0)
	for _, n := range p.scheduled() {
		if waits(n) {
			waiting++
		}
	}
	if got := p.contact().Waiting; got != waiting {
		p.Fatalf("the contact says that %d wait, it is %d", got, waiting)
	}
}

// Whatever is asked for, withdrawn and found to be over, and when: nothing that is wanted is lost, nothing goes before it is due, no
// window of the pace holds more than twice the burst (once what was saved up, once what came meanwhile), and only what goes is counted.
func TestPaceDelaysAndNeverLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &paced{
			T: t, states: rows{}, now: noon, wished: map[string]time.Time{}, over: map[string]bool{},
			pace: Pace{Burst: rapid.IntRange(1, 12).Draw(t, "burst"), Per: time.Hour},
		}
		p.states.apply(t, PutContact{Tenant: "t", UserID: "u", Email: "u@example.org"}, noon)
		withdrawn := 0
		steps := rapid.IntRange(1, 80).Draw(t, "steps")
		for i := range steps {
			p.begin(p.now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "pause")) * time.Second))
			if left := p.scheduled(); len(left) > 0 && rapid.IntRange(0, 3).Draw(t, "withdraw") == 0 {
				n := rapid.SampledFrom(left).Draw(t, "which")
				p.states.apply(t, Withdraw{Tenant: "t", ID: n.ID, UserID: "u", Reason: ReasonWithdrawn, Refuse: true}, p.now)
				withdrawn++
				p.check()
				continue
			}
			p.send(int64(i))
		}
		last := p.now
		if left := p.scheduled(); len(left) > 0 {
			last = left[len(left)-1].DueAt
		}
		p.begin(last.Add(time.Duration(steps+1) * p.pace.Per)) // far more than what is left can take
		if left := p.scheduled(); len(left) > 0 {
			t.Fatalf("%d are held back still, the first is %+v", len(left), left[0])
		}
		dropped := 0
		for _, row := range p.states {
			if n, ok := row.(*state.Notification); ok && n.State == state.NotificationDropped {
				dropped++
			}
		}
		if len(p.gone)+dropped != len(p.wished) {
			t.Fatalf("%d of %d went, %d were dropped, %d of them withdrawn", len(p.gone), len(p.wished), dropped, withdrawn)
		}
		p.checkWindows()
	})
}

func (p *paced) checkWindows() {
	for i := range p.gone {
		within := 0
		for _, other := range p.gone {
			if !other.Before(p.gone[i]) && other.Before(p.gone[i].Add(p.pace.Per)) {
				within++
			}
		}
		if within > 2*p.pace.Burst {
			p.Fatalf("%d messages within %v from %v, the burst is %d", within, p.pace.Per, p.gone[i], p.pace.Burst)
		}
	}
}

// The first messages up to the burst go at once; the next waits for its share of the time, behind those who wait already.
func TestPaceLetsTheBurstThrough(t *testing.T) {
	pace, until := Pace{Burst: 10, Per: time.Hour}, time.Time{}
	for i := range 10 {
		var at time.Time
		if at, until = pace.next(until, noon, 0); !at.Equal(noon) {
			t.Fatalf("message %d waits until %v", i+1, at)
		}
	}
	for ahead, want := range map[int32]time.Duration{0: 6 * time.Minute, 4: 30 * time.Minute, math.MaxInt32: Farthest} {
		if at, _ := pace.next(until, noon, ahead); !at.Equal(noon.Add(want)) {
			t.Errorf("behind %d others the eleventh goes at %v", ahead, at)
		}
	}
}

// A message that is due in a week leaves the allowance of today alone, also when an event asks for it in ten thousand years.
func TestDueLaterTakesNothing(t *testing.T) {
	states, pace := rows{}, Pace{Burst: 1, Per: time.Hour}
	states.apply(t, PutContact{Tenant: "t", UserID: "u", Email: "u@example.org"}, noon)
	send := Send{Tenant: "t", ID: "notification:1", UserID: "u", Channel: ChannelEmail, Provider: "smtp", Pace: pace, DueAt: noon.Add(7 * 24 * time.Hour)}
	states.apply(t, send, noon)
	send.ID, send.DueAt = "notification:2", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	states.apply(t, send, noon)
	if n := states[Ref("t", send.ID)].(*state.Notification); !n.DueAt.Equal(noon.Add(Farthest)) { //nolint:forcetypeassert // just made
		t.Errorf("due at %v", n.DueAt)
	}
	send.ID, send.DueAt = "notification:3", time.Time{}
	states.apply(t, send, noon)
	if n := states[Ref("t", send.ID)].(*state.Notification); n.State != state.NotificationSending { //nolint:forcetypeassert // as above
		t.Errorf("the message of today is %+v", n)
	}
}
