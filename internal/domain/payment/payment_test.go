package payment

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	now  = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	name = Name{Tenant: "t", OrderID: "order:x"}
)

// rows is what decisions see and leave.
type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row {
	if row, found := r[ref]; found {
		return row
	}
	return nil
}

// do carries a command out and writes down what came of it: statuses, calls, bookings, or the refusal.
func (r rows) do(t *testing.T, c domain.Command) string {
	t.Helper()
	decision, refusal := c.Decide(r, now)
	if refusal != nil {
		return refusal.Reason
	}
	var told []string
	for _, change := range decision.Changes {
		switch after := change.After.(type) {
		case *state.Payment:
			before, _ := r[after.Ref()].(*state.Payment)
			if version := after.Version - 1; before == nil && version != 0 || before != nil && version != before.Version {
				t.Errorf("version %d follows on %v", after.Version, before)
			}
			if change.Event != EventStatusChanged && change.Event != EventDisputed {
				t.Errorf("a change without an event: %+v", change)
			}
			told = append(told, after.Status.String())
		case *state.Effect:
			if r[after.Ref()] != nil {
				t.Errorf("%s is asked for twice", after.ID)
			}
			told = append(told, fmt.Sprintf("call %s %d%s", strings.TrimPrefix(after.ID, "effect:x/"), after.AmountMinor, after.Currency))
		}
		r[change.After.Ref()] = change.After
	}
	for _, transfer := range decision.Transfers {
		if err := transfer.Check(); err != nil {
			t.Error(err)
		}
		told = append(told, fmt.Sprintf("book %s %d", strings.TrimPrefix(transfer.ID, "transfer:x/"), transfer.Entries[1].AmountMinor))
	}
	return strings.Join(told, ", ")
}

// history carries commands out and compares what comes of each.
func history(t *testing.T, steps ...any) rows {
	t.Helper()
	r := rows{}
	for i := 0; i < len(steps); i += 2 {
		if got := r.do(t, steps[i].(domain.Command)); got != steps[i+1] {
			t.Errorf("step %d, %T: %q, want %q", i/2, steps[i], got, steps[i+1])
		}
	}
	return r
}

var start = Start{Name: name, Currency: "EUR", AmountMinor: 1000, Provider: "sim", Token: "tok"}

func TestPaidAndGivenBack(t *testing.T) {
	t.Parallel()
	r := history(t,
		start, "PROCESSING, call hold/1 1000EUR",
		start, "PAYMENT_IN_PROGRESS",
		Held{Name: name, Attempt: 1, ExternalID: "ext"}, "AUTHORIZED",
		Held{Name: name, Attempt: 1, ExternalID: "other"}, "",
		Declined{Name: name, Attempt: 1, Reason: "late"}, "",
		Capture{Name: name, Attempt: 1}, "call capture/1 1000EUR",
		Capture{Name: name, Attempt: 1}, "",
		Captured{Name: name, AmountMinor: 1000}, "CAPTURED, book capture 1000",
		Captured{Name: name, AmountMinor: 1000}, "",
		CaptureFailed{Name: name, Reason: "late"}, "",
		Voided{Name: name}, "",
		Refund{Name: name, AmountMinor: 0}, "NOT_POSITIVE",
		Refund{Name: name, AmountMinor: -5}, "NOT_POSITIVE",
		Refund{Name: name, AmountMinor: 300}, "CAPTURED, call refund/1 300EUR",
		Refund{Name: name, AmountMinor: 701}, "REFUND_EXCEEDS_CAPTURED",
		Refund{Name: name, Rest: true}, "CAPTURED, call refund/2 700EUR",
		Refund{Name: name, Rest: true}, "REFUND_EXCEEDS_CAPTURED",
		RefundSettled{Name: name, Number: 2, Succeeded: true}, "PARTIALLY_REFUNDED, book refund/2 700",
		RefundSettled{Name: name, Number: 2, Succeeded: true}, "",
		RefundSettled{Name: name, Number: 3, Succeeded: true}, "",
		RefundSettled{Name: name, Number: 1, Reason: "no"}, "PARTIALLY_REFUNDED",
		Refund{Name: name, Rest: true}, "PARTIALLY_REFUNDED, call refund/3 300EUR",
		RefundSettled{Name: name, Number: 3, Succeeded: true}, "REFUNDED, book refund/3 300",
		Refund{Name: name, Rest: true}, "ILLEGAL_TRANSITION",
	)
	p := r[name.Ref()].(*state.Payment)
	if p.Token != "" || p.ExternalID != "ext" || p.RefundedMinor != 1000 || p.RefundPendingMinor != 0 {
		t.Errorf("in the end %+v", p)
	}
}

func TestPaidAgainAfterADecline(t *testing.T) {
	t.Parallel()
	r := history(t,
		start, "PROCESSING, call hold/1 1000EUR",
		Doubt{Name: name, Reason: "lost"}, "UNKNOWN",
		Doubt{Name: name, Reason: "lost"}, "",
		Declined{Name: name, Attempt: 1, Reason: "insufficient_funds"}, "DECLINED",
		Declined{Name: name, Attempt: 1, Reason: "insufficient_funds"}, "",
		start, "PROCESSING, call hold/2 1000EUR",
		Declined{Name: name, Attempt: 1, Reason: "again"}, "",
		Held{Name: name, Attempt: 1}, "",
		Held{Name: name, Attempt: 2}, "AUTHORIZED",
		CaptureFailed{Name: name, Reason: "expired"}, "DECLINED, call void/2 1000EUR",
	)
	if p := r[name.Ref()].(*state.Payment); p.Token != "" || p.DeclineReason != "expired" || p.Attempt != 2 {
		t.Errorf("in the end %+v", p)
	}
}

func TestAbandonedHoldIsVoided(t *testing.T) {
	t.Parallel()
	history(t,
		Abandon{name}, "",
		start, "PROCESSING, call hold/1 1000EUR",
		Abandon{name}, "PROCESSING",
		Abandon{name}, "",
		Doubt{Name: name, Reason: "lost"}, "UNKNOWN",
		Held{Name: name, Attempt: 1}, "AUTHORIZED, call void/1 1000EUR",
		Capture{Name: name, Attempt: 1}, "ILLEGAL_TRANSITION",
		Void{name}, "ILLEGAL_TRANSITION",
		Voided{name}, "VOIDED",
		Voided{name}, "",
		Captured{Name: name, AmountMinor: 1000}, "",
		start, "PAYMENT_IN_PROGRESS",
	)
}

func TestVoidByHand(t *testing.T) {
	t.Parallel()
	history(t,
		start, "PROCESSING, call hold/1 1000EUR",
		Void{name}, "ILLEGAL_TRANSITION",
		Held{Name: name, Attempt: 1}, "AUTHORIZED",
		Void{name}, "AUTHORIZED, call void/1 1000EUR",
		Void{name}, "ILLEGAL_TRANSITION",
	)
}

// A refused void is asked for again under the next key, once, for as long as money may be held.
func TestVoidAgain(t *testing.T) {
	t.Parallel()
	again := func(step string) VoidAgain { return VoidAgain{Name: name, Refused: "effect:x/" + step} }
	r := history(t,
		again("void/1"), "NOT_FOUND",
		start, "PROCESSING, call hold/1 1000EUR",
		Abandon{name}, "PROCESSING",
		Held{Name: name, Attempt: 1, ExternalID: "ext"}, "AUTHORIZED, call void/1 1000EUR",
		again("void/1"), "", // it is under way
	)
	finish := func(step, refusal string) {
		e := *r[state.Ref{Kind: state.KindEffect, Tenant: "t", ID: "effect:x/" + step}].(*state.Effect)
		e.State, e.LastError = state.EffectDone, refusal
		r[e.Ref()] = &e
	}
	want := func(what string, c domain.Command) {
		t.Helper()
		if got := r.do(t, c); got != what {
			t.Errorf("%+v: %q, want %q", c, got, what)
		}
	}
	finish("hold/1", "declined")
	for _, step := range []string{"hold/1", "void/2", "void/1/x", "void", "refund/1"} {
		want("", again(step))
	}
	finish("void/1", "")
	want("", again("void/1"))
	finish("void/1", "try_later")
	want("call void/1/2 1000EUR", again("void/1"))
	want("", again("void/1"))
	want("", again("void/1/2"))
	finish("void/1/2", "try_later")
	want("call void/1/3 1000EUR", again("void/1/2"))
	if e := r[again("void/1/2").nextRef()].(*state.Effect); e.Kind != KindVoid || e.ExternalID != "ext" || e.State != state.EffectOpen {
		t.Errorf("the next void is %+v", e)
	}
	finish("void/1/3", "try_later")
	want("VOIDED", Voided{name})
	want("", again("void/1/3")) // nothing is held any more
	history(t,
		again("void/2"), "NOT_FOUND",
		start, "PROCESSING, call hold/1 1000EUR",
		Held{Name: name, Attempt: 1}, "AUTHORIZED",
		again("void/1"), "", // nobody wants it voided
	)
}

func TestNothingToDecideOn(t *testing.T) {
	t.Parallel()
	for _, c := range []domain.Command{
		Held{Name: name}, Declined{Name: name}, Doubt{Name: name}, Capture{Name: name}, Captured{Name: name}, CaptureFailed{Name: name},
		Void{name}, Voided{name}, Refund{Name: name}, RefundSettled{Name: name},
	} {
		if _, refusal := c.Decide(rows{}, now); refusal == nil || refusal.Code != fault.NotFound {
			t.Errorf("%T without a payment: %v", c, refusal)
		}
		if refs := c.Refs(); len(refs) == 0 || refs[0] != name.Ref() {
			t.Errorf("%T names %v", c, refs)
		}
	}
}

func TestRefundsHaveALimit(t *testing.T) {
	t.Parallel()
	p := &state.Payment{Tenant: "t", ID: name.Ref().ID, Status: state.PaymentCaptured, CapturedMinor: 10_000, Refunds: make([]state.Refund, RefundLimit)}
	if _, refusal := (Refund{Name: name, AmountMinor: 1}).Decide(rows{p.Ref(): p}, now); refusal == nil || refusal.Reason != "TOO_MANY_REFUNDS" {
		t.Errorf("refund %d: %v", RefundLimit+1, refusal)
	}
}
