package notification

import (
	"testing"
	"time"

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
