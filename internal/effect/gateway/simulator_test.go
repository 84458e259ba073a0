package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// bench is a simulator under test with the callbacks it made.
type bench struct {
	testing.TB
	*Simulator
	mu     sync.Mutex
	called map[string][]Answer
}

func newBench(t testing.TB, options SimulatorOptions) *bench {
	t.Helper()
	b := &bench{TB: t, called: map[string][]Answer{}}
	if options.Journal == "" {
		options.Journal = filepath.Join(t.TempDir(), "journal")
	}
	options.Callback = func(_ context.Context, _, key string, answer Answer) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.called[key] = append(b.called[key], answer)
		return nil
	}
	var err error
	if b.Simulator, err = OpenSimulator(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (b *bench) callbacks(key string) []Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.called[key]
}

func hold(payment int, token string) Request {
	return Request{
		Tenant: "t", Key: fmt.Sprintf("effect:%d/hold/1", payment), Payment: fmt.Sprintf("payment:%d", payment),
		OrderID: fmt.Sprintf("order:%d", payment), Token: token, Currency: "EUR", AmountMinor: 1460,
	}
}

// on makes a later request of a payment.
func on(first Request, step string, amount int64) Request {
	r := first
	r.Key = strings.TrimSuffix(first.Key, "hold/1") + step
	r.ExternalID, r.Token, r.AmountMinor = digestOf(first.Tenant, first.Key).externalID(), "", amount
	return r
}

// want makes a call and checks its answer.
func (b *bench) want(call func(context.Context, Request) (Answer, error), r Request, want Status, reason string) {
	b.Helper()
	answer, err := call(b.Context(), r)
	if err != nil || answer.Status != want || answer.Reason != reason {
		b.Errorf("%s: %s %q, %v; want %s %q", r.Key, answer.Status, answer.Reason, err, want, reason)
	}
}

// wantError makes a call and checks the class of its error.
func (b *bench) wantError(call func(context.Context, Request) (Answer, error), r Request, want Class) {
	b.Helper()
	if answer, err := call(b.Context(), r); err == nil || ClassOf(err) != want {
		b.Errorf("%s: %v, %v; want an error of class %d", r.Key, answer, err, want)
	}
}

// wantCallbacks checks what has come back for a key.
func (b *bench) wantCallbacks(r Request, count int, status Status) {
	b.Helper()
	answers := b.callbacks(r.Key)
	if len(answers) != count {
		b.Errorf("%s: %d callbacks, want %d", r.Key, len(answers), count)
	}
	for _, answer := range answers {
		if answer.Status != status || (status == Succeeded && (answer.AmountMinor != r.AmountMinor || answer.Currency != r.Currency)) {
			b.Errorf("%s: callback %+v, want %s over %d %s", r.Key, answer, status, r.AmountMinor, r.Currency)
		}
	}
}

func TestHoldBehavesAsItsTokenSays(t *testing.T) {
	for _, test := range []struct {
		token     string
		fails     bool // the call errs, its outcome is unknown
		at        time.Duration
		before    Status // what Lookup says right before
		after     Status // and after
		callbacks int
		reason    string
	}{
		{token: "", at: 2 * time.Millisecond, before: Pending, after: Succeeded, callbacks: 1},
		{token: TokenOK, at: 2 * time.Millisecond, before: Pending, after: Succeeded, callbacks: 1},
		{token: TokenDeclined, at: 2 * time.Millisecond, before: Pending, after: Declined, callbacks: 1, reason: "insufficient_funds"},
		{token: "4111111111111111", at: 2 * time.Millisecond, before: Pending, after: Declined, callbacks: 1, reason: "invalid_token"},
		{token: TokenTimeout, fails: true, at: 2 * time.Millisecond, before: Pending, after: Succeeded},
		{token: TokenUnknown, fails: true, at: 2 * time.Second, before: Pending, after: NotFound},
		{token: TokenLate, at: 20 * time.Second, before: Pending, after: Succeeded, callbacks: 1},
		{token: TokenDuplicate, at: 5 * time.Millisecond, before: Pending, after: Succeeded, callbacks: 2},
		{token: TokenRefused, at: 2 * time.Millisecond, before: Pending, after: Declined, callbacks: 1, reason: "do_not_honor"},
		{token: TokenBusy, fails: true, before: NotFound, after: NotFound},
		{token: TokenBroken, fails: true, before: NotFound, after: NotFound},
		{token: TokenEarly, before: Succeeded, after: Succeeded, callbacks: 2},
	} {
		t.Run(test.token, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, SimulatorOptions{})
				r := hold(1, test.token)
				b.want(b.Lookup, r, NotFound, "")
				if test.fails {
					class := ClassUnknown
					if test.token == TokenBusy {
						class = ClassNotReached
					}
					b.wantError(b.Hold, r, class)
				} else {
					b.want(b.Hold, r, Accepted, "")
				}
				b.want(b.Lookup, r, test.before, "")
				time.Sleep(test.at)
				synctest.Wait()
				b.want(b.Lookup, r, test.after, test.reason)
				time.Sleep(time.Hour)
				b.wantCallbacks(r, test.callbacks, test.after)
			})
		})
	}
}

func TestJournalNeverHoldsAnUnknownToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, SimulatorOptions{})
	b.want(b.Hold, hold(1, "4111111111111111"), Accepted, "")
	text, err := os.ReadFile(b.options.Journal)
	if err != nil || strings.Contains(string(text), "4111") {
		t.Errorf("the journal is %q, %v: an unknown token may be a card number", text, err)
	}
}

func TestLostHoldSucceedsWhenCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, SimulatorOptions{})
		r := hold(1, TokenUnknown)
		b.wantError(b.Hold, r, ClassUnknown)
		time.Sleep(3 * time.Second)
		b.want(b.Lookup, r, NotFound, "")
		b.want(b.Hold, r, Accepted, "")
		time.Sleep(time.Second)
		b.want(b.Lookup, r, Succeeded, "")
		b.wantCallbacks(r, 1, Succeeded)
	})
}

func TestKeyIsCarriedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, SimulatorOptions{})
		r := hold(1, TokenOK)
		for range 3 {
			b.want(b.Hold, r, Accepted, "")
		}
		time.Sleep(time.Second)
		b.want(b.Hold, r, Succeeded, "")
		b.wantCallbacks(r, 1, Succeeded)
		other := r
		other.AmountMinor++
		b.wantError(b.Hold, other, ClassPermanent)
		b.wantError(b.Void, r, ClassPermanent)
		foreign := r
		foreign.Tenant = "u"
		b.want(b.Lookup, foreign, NotFound, "")
	})
}

func TestRulesOfTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, SimulatorOptions{Latency: -1})
		kept, given, declined := hold(1, TokenOK), hold(2, TokenOK), hold(3, TokenDeclined)
		for _, step := range []struct {
			call   func(context.Context, Request) (Answer, error)
			r      Request
			reason string
		}{
			{call: b.Capture, r: on(kept, "capture/0", 1460), reason: "no_such_hold"},
			{call: b.Hold, r: kept},
			{call: b.Refund, r: on(kept, "refund/0", 1), reason: "not_captured"},
			{call: b.Capture, r: on(kept, "capture/1", 1461), reason: "exceeds_hold"},
			{call: b.Capture, r: on(kept, "capture/2", 1460)},
			{call: b.Capture, r: on(kept, "capture/3", 1460), reason: "already_captured"},
			{call: b.Void, r: on(kept, "void/1", 1460), reason: "already_captured"},
			{call: b.Refund, r: on(kept, "refund/1", 1000)},
			{call: b.Refund, r: on(kept, "refund/2", 461), reason: "exceeds_captured"},
			{call: b.Refund, r: on(kept, "refund/3", 460)},
			{call: b.Hold, r: given},
			{call: b.Void, r: on(given, "void/1", 1460)},
			{call: b.Capture, r: on(given, "capture/1", 1460), reason: "hold_voided"},
			{call: b.Hold, r: declined, reason: "insufficient_funds"},
			{call: b.Capture, r: on(declined, "capture/1", 1460), reason: "no_such_hold"},
		} {
			b.want(step.call, step.r, Accepted, "")
			if step.reason == "" {
				b.want(b.Lookup, step.r, Succeeded, "")
			} else {
				b.want(b.Lookup, step.r, Declined, step.reason)
			}
		}
		foreign := on(kept, "refund/4", 1)
		foreign.Currency = "USD"
		b.want(b.Refund, foreign, Accepted, "")
		b.want(b.Lookup, foreign, Declined, "wrong_currency")
		totals, err := b.Totals()
		if err != nil || len(totals) != 3 {
			t.Fatalf("%d totals, %v", len(totals), err)
		}
		want := Total{
			Tenant: "t", Payment: "payment:1", OrderID: "order:1", Currency: "EUR", Holds: 1, HeldMinor: 1460,
			Captures: 1, CapturedMinor: 1460, Refunds: 2, RefundedMinor: 1460, Refused: 7,
		}
		if totals[0] != want || totals[0].LeftMinor() != 0 {
			t.Errorf("total %+v, want %+v", totals[0], want)
		}
		if given := totals[1]; given.Voids != 1 || given.Refused != 1 || given.LeftMinor() != 0 {
			t.Errorf("total of the voided hold %+v", given)
		}
		if declined := totals[2]; declined.Declined != 1 || declined.Holds != 0 || declined.Refused != 1 {
			t.Errorf("total of the declined hold %+v", declined)
		}
	})
}

func TestLaterCallsBehaveAsTheHoldsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, SimulatorOptions{})
		lossy, double := hold(1, TokenTimeout), hold(2, TokenDuplicate)
		b.wantError(b.Hold, lossy, ClassUnknown)
		b.wantError(b.Capture, on(lossy, "capture/1", 1460), ClassUnknown)
		b.wantError(b.Refund, on(lossy, "refund/1", 1460), ClassUnknown)
		b.want(b.Hold, double, Accepted, "")
		b.want(b.Capture, on(double, "capture/1", 1460), Accepted, "")
		time.Sleep(time.Second)
		b.wantCallbacks(on(lossy, "capture/1", 1460), 0, Succeeded)
		b.want(b.Lookup, on(lossy, "refund/1", 1460), Succeeded, "")
		b.wantCallbacks(on(double, "capture/1", 1460), 2, Succeeded)
	})
}

// Calls that were turned away, failed or stalled were not carried out; the next one is, once.
func TestFaultsBeforeAnythingIsDone(t *testing.T) {
	for token, class := range map[string]Class{TokenBusy: ClassNotReached, TokenBroken: ClassUnknown, TokenStall: ClassUnknown} {
		t.Run(token, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, SimulatorOptions{})
				first := hold(1, token)
				for _, step := range []struct {
					call func(context.Context, Request) (Answer, error)
					r    Request
				}{
					{b.Hold, first},
					{b.Capture, on(first, "capture/1", 1460)},
					{b.Refund, on(first, "refund/1", 1460)},
				} {
					impatient, cancel := context.WithTimeout(t.Context(), time.Second)
					if _, err := step.call(impatient, step.r); err == nil || ClassOf(err) != class {
						t.Errorf("%s: %v", step.r.Key, err)
					}
					cancel()
					b.want(b.Lookup, step.r, NotFound, "")
					b.want(step.call, step.r, Accepted, "")
					b.want(step.call, step.r, Accepted, "")
					time.Sleep(time.Second)
					b.wantCallbacks(step.r, 1, Succeeded)
				}
				totals, err := b.Totals()
				if err != nil || len(totals) != 1 || totals[0].Captures != 1 || totals[0].Refunds != 1 || totals[0].Holds != 1 {
					t.Errorf("%+v, %v", totals, err)
				}
			})
		})
	}
}

// What is told is not what was done; the workers do not book it.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t, SimulatorOptions{Latency: -1})
	for i, token := range []string{TokenWrongAmount, TokenWrongCurrency} {
		r := hold(i, token)
		b.want(b.Hold, r, Accepted, "")
		answer, err := b.Lookup(t.Context(), r)
		wrongAmount, wrongCurrency := answer.AmountMinor != r.AmountMinor, answer.Currency != r.Currency
		if err != nil || answer.Status != Succeeded || wrongAmount != (i == 0) || wrongCurrency != (i == 1) {
			t.Errorf("%s: %+v, %v", token, answer, err)
		}
	}
	good := hold(3, TokenOK)
	b.want(b.Hold, good, Accepted, "")
	capture := on(good, "capture/1", 1460)
	if answer, err := b.Simulate(t.Context(), KindCapture, capture, TokenRefused); err != nil || answer.Status != Accepted {
		t.Errorf("%+v, %v", answer, err)
	}
	b.want(b.Lookup, capture, Declined, "do_not_honor")
}

func TestSurvivesTheDeathOfTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newBench(t, SimulatorOptions{})
		r := hold(1, TokenLate)
		first.want(first.Hold, r, Accepted, "")
		if err := first.Close(); err != nil { // the callback is lost with the process
			t.Fatal(err)
		}
		first.wantError(first.Hold, hold(2, TokenOK), ClassNotReached)
		// The process was killed while it wrote.
		file, err := os.OpenFile(first.options.Journal, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(`{"at":1,"op":"gateway.ho`); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		second := newBench(t, SimulatorOptions{Journal: first.options.Journal})
		second.want(second.Lookup, r, Pending, "")
		time.Sleep(time.Minute)
		second.want(second.Lookup, r, Succeeded, "")
		second.want(second.Capture, on(r, "capture/1", 1460), Accepted, "")
		first.wantCallbacks(r, 0, Succeeded)
		totals, err := second.Totals()
		if err != nil || len(totals) != 1 || totals[0].Captures != 1 || totals[0].Holds != 1 {
			t.Errorf("totals %+v, %v", totals, err)
		}
	})
}

func TestForgetsAndFindsInTheJournal(t *testing.T) {
	t.Parallel()
	b := newBench(t, SimulatorOptions{Latency: -1, Remember: 10})
	for i := range 100 {
		b.want(b.Hold, hold(i, TokenOK), Accepted, "")
	}
	for i := range 100 {
		b.want(b.Capture, on(hold(i, ""), "capture/1", 1460), Accepted, "")
	}
	for i := range 100 {
		b.want(b.Refund, on(hold(i, ""), "refund/1", 1460), Accepted, "")
		b.want(b.Lookup, on(hold(i, ""), "refund/1", 1460), Succeeded, "")
	}
	b.want(b.Lookup, hold(3, ""), Succeeded, "")
	b.want(b.Refund, on(hold(5, ""), "refund/2", 1), Accepted, "")
	b.want(b.Lookup, on(hold(5, ""), "refund/2", 1), Declined, "exceeds_captured")
	b.want(b.Lookup, hold(1000, ""), NotFound, "")
	if size := len(b.book.young) + len(b.book.old); size > 20 {
		t.Errorf("%d operations are remembered, 10 were asked for", size)
	}
	tail := newBench(t, SimulatorOptions{Latency: -1, Journal: b.options.Journal, ReadBack: 1000})
	tail.want(tail.Lookup, hold(3, ""), Succeeded, "")
	tail.want(tail.Refund, on(hold(7, ""), "refund/2", 1), Accepted, "")
	tail.want(tail.Lookup, on(hold(7, ""), "refund/2", 1), Declined, "exceeds_captured")
}

// TestTwoSimulatorsOnOneJournal has two processes, in one, call with the same keys: each key is carried out once, and no hold is
// captured twice.
func TestTwoSimulatorsOnOneJournal(t *testing.T) {
	t.Parallel()
	const payments, callers = 200, 8
	first := newBench(t, SimulatorOptions{})
	second := newBench(t, SimulatorOptions{Journal: first.options.Journal})
	var group sync.WaitGroup
	var failed atomic.Int64
	for caller := range callers {
		b := []*bench{first, second}[caller%2]
		group.Go(func() {
			for i := range payments {
				steps := []struct {
					call func(context.Context, Request) (Answer, error)
					r    Request
				}{
					{b.Hold, hold(i, TokenOK)},
					{b.Capture, on(hold(i, ""), "capture/1", 1460)},
					{b.Capture, on(hold(i, ""), fmt.Sprintf("capture/by-%d", caller), 1460)},
					{b.Refund, on(hold(i, ""), fmt.Sprintf("refund/by-%d", caller), 400)},
				}
				for _, step := range steps {
					if _, err := step.call(t.Context(), step.r); err != nil {
						failed.Add(1)
					}
				}
			}
		})
	}
	group.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d calls failed", failed.Load())
	}
	totals, err := first.Totals()
	if err != nil || len(totals) != payments {
		t.Fatalf("%d totals, %v", len(totals), err)
	}
	for _, total := range totals {
		if total.Holds != 1 || total.Captures != 1 || total.Refunds != 3 || total.Refused != callers+callers-3 {
			t.Fatalf("one hold, one capture and three refunds of 400 of 1460 are right, not %+v", total)
		}
	}
	for _, b := range []*bench{first, second} {
		if err := b.locked(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for key, e := range first.book.young {
		if other, found := second.book.find(key); !found || other != e {
			t.Fatalf("the two remember differently: %+v and %+v", e, other)
		}
	}
}

func TestRefusesToOpenWithoutJournal(t *testing.T) {
	t.Parallel()
	if _, err := OpenSimulator(SimulatorOptions{}); err == nil {
		t.Error("opened without journal and callback")
	}
	broken := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(broken, []byte("this is no journal\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	callback := func(context.Context, string, string, Answer) error { return nil }
	if _, err := OpenSimulator(SimulatorOptions{Journal: broken, Callback: callback}); err == nil {
		t.Error("opened on a file that is no journal")
	}
}

func TestClassOfErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for err, want := range map[error]Class{
		cause: ClassUnknown, Unknown(cause): ClassUnknown, NotReached(cause): ClassNotReached, Permanent(cause): ClassPermanent,
		fmt.Errorf("call: %w", NotReached(cause)): ClassNotReached, context.DeadlineExceeded: ClassUnknown,
	} {
		if got := ClassOf(err); got != want {
			t.Errorf("%v is of class %d, want %d", err, got, want)
		}
	}
	if !errors.Is(Permanent(cause), cause) {
		t.Error("the cause is hidden")
	}
}

func TestValidToken(t *testing.T) {
	t.Parallel()
	for _, token := range Tokens() {
		if refusal := ValidToken(token, false); refusal != nil {
			t.Errorf("%s: %v", token, refusal)
		}
	}
	if refusal := ValidToken("", true); refusal != nil {
		t.Errorf("dev takes no empty token: %v", refusal)
	}
	for _, token := range []string{"", "4111111111111111", "sim:OK"} {
		refusal := ValidToken(token, false)
		if refusal == nil || refusal.Reason != "PAYMENT_TOKEN_INVALID" || refusal.Violations[0].Field != "payment_token" {
			t.Fatalf("%q: %v", token, refusal)
		}
		if text := refusal.Error(); !strings.Contains(text, TokenDuplicate) || strings.Contains(text, "4111") {
			t.Errorf("the refusal names the valid tokens and not the refused one: %s", text)
		}
	}
	if ValidToken("x", true) == nil {
		t.Error("dev takes any token")
	}
}

// BenchmarkOperation measures what a call costs: lock, read, decide, write, unlock.
func BenchmarkOperation(b *testing.B) {
	s := newBench(b, SimulatorOptions{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Hold(b.Context(), hold(int(count.Add(1)), TokenOK)); err != nil {
				b.Error(err)
			}
		}
	})
}

var count atomic.Int64
