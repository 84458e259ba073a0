package effect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// shop is a world with workers that really run. Tests with it are in a bubble whose time is virtual.
type shop struct {
	testing.TB
	*world
	journal    string
	sim        *gateway.Simulator
	workers    *Workers
	submit     func(ctx context.Context, c command.Command) command.Result
	stop       func() // ends the workers with what they have in memory, as a kill does
	runs       int
	orders     []string
	refuseNext func(kind string) // of an unwilling gateway
	logged     syncBuffer
}

// newShop makes a world with stock and starts workers. Gateways beside the simulator, or around it, come from wrap.
func newShop(t testing.TB, wrap func(gateway.Gateway) map[string]gateway.Gateway) *shop {
	s := &shop{TB: t, world: newWorld(time.Now), journal: filepath.Join(t.TempDir(), "journal")}
	s.start(wrap, func(*Options) {})
	s.must([]command.Step{command.Do(inventory.SetStock{Tenant: tenant, SKU: "A", OnHand: 100_000})})
	t.Cleanup(func() { s.stop() })
	return s
}

// only has the simulator as it is.
func only(sim gateway.Gateway) map[string]gateway.Gateway {
	return map[string]gateway.Gateway{"sim": sim}
}

// start runs workers, in place of those that were stopped.
func (s *shop) start(wrap func(gateway.Gateway) map[string]gateway.Gateway, adjust func(*Options)) {
	s.Helper()
	s.runs++
	var workers *Workers
	sim, err := gateway.OpenSimulator(gateway.SimulatorOptions{
		Journal: s.journal, Deliveries: 4,
		Callback: func(ctx context.Context, tenant, key string, answer gateway.Answer) error {
			return workers.Callback(ctx, tenant, key, answer)
		},
		Dispute: func(ctx context.Context, d gateway.Dispute) error { return workers.Dispute(ctx, d) },
	})
	if err != nil {
		s.Fatal(err)
	}
	owner := fmt.Sprintf("process-%d", s.runs)
	s.world.mu.Lock()
	s.submit = s.submitAs(owner, func(rows []*state.Effect) { workers.Wake(rows) })
	s.world.mu.Unlock()
	options := Options{
		Store: s.world, Gateways: wrap(sim), Submit: s.submit, Names: s.names, Flow: testFlow(), Owner: owner, Lease: lease,
		Calls: 8, Grace: time.Nanosecond, Logger: slog.New(slog.NewJSONHandler(&s.logged, nil)),
	}
	adjust(&options)
	if workers, err = New(options); err != nil {
		s.Fatal(err)
	}
	s.sim, s.workers = sim, workers
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- workers.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, sim.Close()); err != nil {
			s.Error(err)
		}
	})
}

func (s *shop) must(steps []command.Step) command.Result {
	s.Helper()
	result := s.submit(s.Context(), command.Command{Tenant: tenant, Steps: steps})
	if result.Fault != nil {
		s.Fatal(result.Fault)
	}
	return result
}

// reserved makes an order over 1460 EUR that has its stock.
func (s *shop) reserved() flow.Subject {
	s.Helper()
	create, refusal := order.NewCreate(order.Draft{
		Tenant: tenant, CustomerID: "c", Currency: "EUR", SKUs: []string{"A"}, Quantities: []int32{2},
		Prices: []order.Priced{{Currency: "EUR", AmountMinor: 730}},
	}, 15*time.Minute, id.Random{8: byte(len(s.orders) >> 8), 9: byte(len(s.orders))})
	if refusal != nil {
		s.Fatal(refusal)
	}
	created := s.must(flow.Create(create)).Row.(*state.Order)
	subject := flow.Subject{Tenant: tenant, OrderID: created.ID, Names: []string{"A"}}
	s.must(flow.Reserve(subject, "sim"))
	s.orders = append(s.orders, created.ID)
	return subject
}

func (s *shop) pay(subject flow.Subject, token string) {
	s.Helper()
	s.must(flow.Pay(subject, order.Pay{Name: name(subject), Token: token}, "sim"))
}

func name(subject flow.Subject) order.Name {
	return order.Name{Tenant: tenant, OrderID: subject.OrderID}
}

// cancel cancels when that is still possible.
func (s *shop) cancel(subject flow.Subject) {
	s.submit(s.Context(), command.Command{Tenant: tenant, Steps: flow.Cancel(subject, order.Cancel{Name: name(subject)})})
}

// status reads an order's status.
func (s *shop) status(subject flow.Subject) state.OrderStatus {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return s.order(subject.OrderID).Status
}

// wantSound checks everything when all should have come to its end.
func (s *shop) wantSound() {
	s.Helper()
	synctest.Wait()
	totals, err := gateway.ReadTotals(s.journal)
	if err != nil {
		s.Fatal(err)
	}
	for _, problem := range append(s.problems(totals), s.unfinished(totals)...) {
		s.Error(problem)
	}
}

// open answers the dead letters that are open.
func (s *shop) open() []*state.DeadLetter {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return all(s.world, func(d *state.DeadLetter) bool { return d.ReplayedAt.IsZero() })
}

// replay carries the dead letters out again.
func (s *shop) replay() {
	s.Helper()
	for _, letter := range s.open() {
		s.must(flow.Replay(letter))
	}
}

// letters answers the errors of the dead letters that are open.
func (s *shop) letters() []string {
	var errs []string
	for _, d := range s.open() {
		errs = append(errs, d.Error)
	}
	return errs
}

type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestEveryTokenComesToItsEnd(t *testing.T) {
	for token, want := range map[string]state.OrderStatus{
		gateway.TokenOK: state.OrderConfirmed, gateway.TokenDeclined: state.OrderCanceled, gateway.TokenTimeout: state.OrderConfirmed,
		gateway.TokenUnknown: state.OrderConfirmed, gateway.TokenLate: state.OrderConfirmed, gateway.TokenDuplicate: state.OrderConfirmed,
	} {
		t.Run(token, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, only)
				subject := s.reserved()
				s.pay(subject, token)
				time.Sleep(time.Minute)
				if got := s.status(subject); got != want {
					t.Errorf("the order is %s after a minute, want %s", got, want)
				}
				s.wantSound()
			})
		})
	}
}

// TestCancelAtAnyMoment cancels at moments from before the hold until after the refund: whatever the token and the moment, no
// money stays at the gateway, and the order ends.
func TestCancelAtAnyMoment(t *testing.T) {
	moments := []time.Duration{0, time.Second, 2500 * time.Millisecond, 5 * time.Second, 19 * time.Second, 21 * time.Second, 40 * time.Second}
	for d := 100 * time.Microsecond; d < 5*time.Millisecond; d += 200 * time.Microsecond {
		moments = append(moments, d)
	}
	for _, token := range endingTokens {
		t.Run(token, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, only)
				var group sync.WaitGroup
				for _, moment := range moments {
					subject := s.reserved()
					s.pay(subject, token)
					group.Go(func() {
						time.Sleep(moment)
						s.cancel(subject)
					})
				}
				group.Wait()
				time.Sleep(2 * time.Minute)
				s.replayReturned()
				s.wantSound()
			})
		})
	}
}

// TestKilledAtAnyMoment kills the process in the middle of a hundred payments and starts another.
func TestKilledAtAnyMoment(t *testing.T) {
	for _, moment := range []time.Duration{0, 300 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
		t.Run(moment.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, only)
				var subjects []flow.Subject
				for i := range 100 {
					subject := s.reserved()
					s.pay(subject, endingTokens[i%len(endingTokens)])
					subjects = append(subjects, subject)
				}
				time.Sleep(moment)
				s.stop()
				s.start(only, func(*Options) {})
				for i, subject := range subjects {
					if i%5 == 0 {
						s.cancel(subject)
					}
				}
				time.Sleep(3 * time.Minute)
				s.replayReturned()
				s.wantSound()
			})
		})
	}
}

// replayReturned has an operator see to the refunds that came back.
func (s *shop) replayReturned() {
	for _, letter := range s.open() {
		if strings.Contains(letter.Error, "came back") {
			s.must(flow.Replay(letter))
		}
	}
	time.Sleep(time.Minute)
}

// TestManyAtOnce has real goroutines and the real clock: it is for the race detector.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, only)
	done := make(chan struct{})
	const payments = 300
	for i := range payments {
		s.pay(s.reserved(), []string{gateway.TokenOK, gateway.TokenDuplicate, gateway.TokenDeclined}[i%3])
	}
	go func() {
		defer close(done)
		for {
			s.world.mu.Lock()
			open := len(all(s.world, func(e *state.Effect) bool { return e.State == state.EffectOpen }))
			s.world.mu.Unlock()
			if open == 0 || t.Context().Err() != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	<-done
	totals, err := s.sim.Totals()
	if err != nil || len(totals) != payments {
		t.Fatalf("%d payments at the gateway, %v", len(totals), err)
	}
	for _, problem := range append(s.problems(totals), s.unfinished(totals)...) {
		t.Error(problem)
	}
}

// broken is a gateway of which every call ends the same way.
type broken struct {
	gateway.Gateway
	do    func(ctx context.Context, r gateway.Request) (gateway.Answer, error)
	calls atomic.Int64
	asked atomic.Int64
}

func (b *broken) Hold(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	b.calls.Add(1)
	return b.do(ctx, r)
}

func (b *broken) Lookup(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	b.asked.Add(1)
	return b.do(ctx, r)
}

func TestGivesUpWithinFiveMinutes(t *testing.T) {
	for what, test := range map[string]struct {
		do    func(ctx context.Context, r gateway.Request) (gateway.Answer, error)
		calls int64 // of the hold itself
		early bool  // without a second attempt
	}{
		"the gateway cannot be reached": {calls: 11, do: func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{}, gateway.NotReached(errors.New("no route to host"))
		}},
		"it stalls": {calls: 1, do: func(ctx context.Context, _ gateway.Request) (gateway.Answer, error) {
			<-ctx.Done()
			return gateway.Answer{}, ctx.Err()
		}},
		"it answers nonsense": {calls: 1, do: func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{}, errors.New("500 <html>\x00\xff")
		}},
		"it refuses us for good": {calls: 1, early: true, do: func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{}, gateway.Permanent(errors.New("unknown merchant"))
		}},
		"another amount": {calls: 1, early: true, do: func(_ context.Context, r gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{Status: gateway.Succeeded, Currency: r.Currency, AmountMinor: r.AmountMinor - 1}, nil
		}},
		"another currency": {calls: 1, early: true, do: func(_ context.Context, r gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{Status: gateway.Succeeded, Currency: "JPY", AmountMinor: r.AmountMinor}, nil
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &broken{do: test.do}
				s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
					b.Gateway = sim
					return only(b)
				})
				subject := s.reserved()
				s.pay(subject, gateway.TokenOK)
				time.Sleep(time.Minute)
				if given := len(s.letters()) > 0; given != test.early {
					t.Errorf("given up within a minute: %v, want %v; a short outage must not do that", given, test.early)
				}
				time.Sleep(4 * time.Minute)
				letters := s.letters()
				if len(letters) != 1 || s.status(subject) != state.OrderReserved {
					t.Fatalf("dead letters %q, the order is %s", letters, s.status(subject))
				}
				if b.calls.Load() != test.calls {
					t.Errorf("the hold was called %d times, want %d: after a doubt it is asked about", b.calls.Load(), test.calls)
				}
				if !utf8.ValidString(letters[0]) || strings.Contains(letters[0], "\x00") {
					t.Errorf("%q cannot be stored", letters[0])
				}
				s.world.mu.Lock()
				defer s.world.mu.Unlock()
				if len(s.transfers) > 0 || s.payment(subject.OrderID).CapturedMinor > 0 {
					t.Error("something was booked")
				}
			})
		})
	}
}

func TestReplayAfterTheGatewayIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &broken{do: func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{}, gateway.Unknown(errors.New("reset"))
		}}
		s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
			away.Gateway = sim
			return only(away)
		})
		subject := s.reserved()
		s.pay(subject, gateway.TokenOK)
		time.Sleep(10 * time.Minute)
		s.stop()
		s.start(only, func(*Options) {})
		time.Sleep(10 * time.Minute)
		if s.status(subject) != state.OrderReserved || len(s.letters()) != 1 {
			t.Fatalf("the order is %s with %d dead letters: given up means that nobody tries", s.status(subject), len(s.letters()))
		}
		s.replay()
		time.Sleep(5 * time.Second)
		if s.status(subject) != state.OrderConfirmed {
			t.Errorf("the order is %s after the replay", s.status(subject))
		}
		s.wantSound()
	})
}

func TestStalledGatewayHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := &broken{do: func(ctx context.Context, _ gateway.Request) (gateway.Answer, error) {
			<-ctx.Done()
			return gateway.Answer{}, ctx.Err()
		}}
		s := newShop(t, only)
		s.stop()
		wrap := func(sim gateway.Gateway) map[string]gateway.Gateway {
			stalled.Gateway = sim
			return map[string]gateway.Gateway{"sim": sim, "stalled": stalled}
		}
		s.start(wrap, func(o *Options) { o.Queue, o.PollLimit = 4, 8 })
		for range 200 {
			subject := s.reserved()
			s.must(flow.Pay(subject, order.Pay{Name: name(subject), Token: gateway.TokenOK}, "stalled"))
		}
		time.Sleep(lease + time.Second) // those that found no room are due now, before what follows
		subject := s.reserved()
		s.pay(subject, gateway.TokenTimeout) // needs the poll
		time.Sleep(20 * time.Second)
		if s.status(subject) != state.OrderConfirmed {
			t.Errorf("the order at the gateway that is well is %s", s.status(subject))
		}
	})
}

func TestUnknownProviderIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.must(flow.Pay(subject, order.Pay{Name: name(subject), Token: gateway.TokenOK}, "nobody"))
		time.Sleep(10 * time.Minute)
		if letters := s.letters(); len(letters) != 1 || !strings.Contains(letters[0], "no gateway") {
			t.Errorf("dead letters %q", letters)
		}
	})
}

func TestOverflowFallsDueLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		s.stop()
		s.start(only, func(o *Options) { o.Queue, o.Calls = 2, 1 })
		for range 50 {
			s.pay(s.reserved(), gateway.TokenOK)
		}
		time.Sleep(3 * time.Minute)
		s.wantSound()
	})
}

// TestOutcomeOutlivesTheStoresAbsence: a callback that cannot be stored stays with the process until it can.
func TestOutcomeOutlivesTheStoresAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.pay(subject, gateway.TokenOK)
		s.world.mu.Lock()
		for range 4 { // of the callback; retries come within two seconds
			s.world.refuse = append(s.world.refuse, refuseBefore)
		}
		s.world.refuse = append(s.world.refuse, refuseAfter)
		s.world.mu.Unlock()
		time.Sleep(5 * time.Second)
		if s.status(subject) != state.OrderConfirmed {
			t.Errorf("the order is %s", s.status(subject))
		}
		s.wantSound()
	})
}

// TestOutcomeIsTakenOnce delivers every outcome again, and its opposite: nothing changes.
func TestOutcomeIsTakenOnce(t *testing.T) {
	for _, token := range endingTokens { // the others have no outcome
		t.Run(token, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, only)
				subject := s.reserved()
				s.must(flow.Pay(subject, order.Pay{Name: name(subject), Token: token, KeepOnDecline: true}, "sim"))
				time.Sleep(time.Minute)
				s.submit(t.Context(), command.Command{Tenant: tenant, Steps: flow.Refund(subject, order.Refund{Name: name(subject)}, "")})
				time.Sleep(time.Minute)
				s.world.mu.Lock()
				before := versions(s.world)
				effects := all(s.world, func(*state.Effect) bool { return true })
				s.world.mu.Unlock()
				for _, e := range effects {
					stale := *e
					stale.State = state.EffectOpen
					lost := state.EffectAttempt{Result: state.ResultUnknown, By: state.PartyWorker, Reason: "lost"}
					for _, outcome := range []flow.Outcome{{Succeeded: true, ExternalID: "x"}, {Reason: "insufficient_funds"}} {
						if refund := e.Kind == gateway.KindRefund; refund && !outcome.Succeeded && e.LastError == "" {
							continue // a refund may fail after it has succeeded
						}
						s.must(flow.Settle(subject, &stale, outcome))
					}
					s.must(flow.Doubt(subject, &stale, time.Second, lost))
					s.must(flow.GiveUp(&stale, lost))
					s.must(flow.Retry(&stale, time.Second, lost, false))
					answer := gateway.Answer{Status: gateway.Succeeded, Currency: e.Currency, AmountMinor: e.AmountMinor}
					if err := s.workers.Callback(t.Context(), tenant, e.ID, answer); err != nil {
						t.Error(err)
					}
				}
				synctest.Wait()
				s.world.mu.Lock()
				defer s.world.mu.Unlock()
				if after := versions(s.world); after != before {
					t.Errorf("outcomes that came again changed\n%s\nto\n%s", before, after)
				}
			})
		})
	}
}

// versions writes down the versions of all rows.
func versions(w *world) string {
	var text strings.Builder
	for _, row := range all(w, func(state.Row) bool { return true }) {
		version := row.EventSeq()
		switch r := row.(type) {
		case *state.Item:
			version = r.Version
		case *state.Effect:
			version = r.UpdatedAt.UnixMicro()
		}
		fmt.Fprintf(&text, "%v %d\n", row.Ref(), version)
	}
	return text.String()
}

// TestRefusedRefundOfACanceledOrder: the order owes the money until it is back (requirement O-9).
func TestRefusedRefundOfACanceledOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := &refusingRefunds{left: 1}
		s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
			refusing.Gateway = sim
			return only(refusing)
		})
		subject := s.reserved()
		s.pay(subject, gateway.TokenTimeout) // PAID for a second or two
		for s.status(subject) != state.OrderPaid {
			time.Sleep(10 * time.Millisecond)
		}
		s.cancel(subject)
		time.Sleep(time.Minute)
		if letters := s.letters(); len(letters) != 1 || !strings.Contains(letters[0], "insufficient_balance") {
			t.Fatalf("dead letters %q", letters)
		}
		if s.status(subject) != state.OrderPaid {
			t.Fatalf("the order is %s and its money is not back", s.status(subject))
		}
		s.replay()
		time.Sleep(time.Minute)
		if s.status(subject) != state.OrderRefunded {
			t.Errorf("the order is %s after the replay", s.status(subject))
		}
		s.wantSound()
	})
}

type refusingRefunds struct {
	gateway.Gateway
	left int
}

func (g *refusingRefunds) Refund(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	if g.left > 0 {
		g.left--
		return gateway.Answer{Status: gateway.Declined, Reason: "insufficient_balance"}, nil
	}
	return g.Gateway.Refund(ctx, r)
}

func TestCallbacksThatBringNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		if err := s.workers.Callback(t.Context(), tenant, "effect:x/hold/1", gateway.Answer{Status: gateway.Pending}); err == nil {
			t.Error("pending was taken for an outcome")
		}
		if err := s.workers.Callback(t.Context(), tenant, "effect:x/hold/1", gateway.Answer{Status: gateway.Declined}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !strings.Contains(s.logged.String(), "does not exist") {
			t.Error("a callback about an effect that does not exist is not in the log")
		}
		s.stop()
		if err := s.workers.Callback(t.Context(), tenant, "effect:x/hold/1", gateway.Answer{Status: gateway.Declined}); err == nil {
			t.Error("stopped workers took a callback")
		}
	})
}

func TestTokensAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
			return only(&broken{Gateway: sim, do: func(context.Context, gateway.Request) (gateway.Answer, error) {
				return gateway.Answer{}, gateway.NotReached(errors.New("no route"))
			}})
		})
		const token = "4111111111111111"
		s.pay(s.reserved(), token)
		time.Sleep(10 * time.Minute)
		if log := s.logged.String(); log == "" || strings.Contains(log, token[:8]) {
			t.Errorf("the log is %q", log)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("workers without anything")
	}
	w := newWorld(time.Now)
	options := Options{Store: w, Submit: w.submitAs("", nil), Names: w.names, Flow: testFlow(), Owner: "o", Lease: time.Second, Timeout: time.Second}
	if _, err := New(options); err == nil {
		t.Error("an attempt may outlast its claim")
	}
}

func TestKindsAreThoseOfTheDomain(t *testing.T) {
	t.Parallel()
	for ours, theirs := range map[string]string{
		gateway.KindHold: payment.KindHold, gateway.KindCapture: payment.KindCapture,
		gateway.KindVoid: payment.KindVoid, gateway.KindRefund: payment.KindRefund, gateway.KindPayout: cashier.KindPayout,
	} {
		if ours != theirs {
			t.Errorf("%q is %q in the domain", ours, theirs)
		}
	}
}

func TestJitterStaysInBounds(t *testing.T) {
	t.Parallel()
	for attempt := range int32(100) {
		full := min(time.Second<<min(max(attempt-1, 0), 20), 30*time.Second)
		if d := jittered(attempt, time.Second, 30*time.Second); d < full/2 || d > full {
			t.Errorf("attempt %d waits %v, between %v and %v is right", attempt, d, full/2, full)
		}
	}
}
