package effect

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// effectOf reads an effect of an order.
func (s *shop) effectOf(subject flow.Subject, step string) *state.Effect {
	s.Helper()
	e, err := s.Effect(s.Context(), tenant, id.Derive("effect", subject.OrderID)+"/"+step)
	if err != nil {
		s.Fatal(err)
	}
	return e
}

// paymentOf reads the payment of an order.
func (s *shop) paymentOf(subject flow.Subject) *state.Payment {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return s.payment(subject.OrderID)
}

func TestPendingIsAskedAboutAndNotCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pendingFor{until: time.Now().Add(20 * time.Minute)}
		b.do = func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{Status: gateway.Accepted}, nil
		}
		s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
			b.Gateway = sim
			return only(b)
		})
		subject := s.reserved()
		s.pay(subject, gateway.TokenOK)
		time.Sleep(19 * time.Minute)
		if b.calls.Load() != 1 || b.asked.Load() < 5 || len(s.letters()) > 0 {
			t.Errorf("%d calls, %d inquiries, dead letters %q; pending is no failure", b.calls.Load(), b.asked.Load(), s.letters())
		}
		time.Sleep(2 * time.Minute)
		if p := s.paymentOf(subject); p.Status != state.PaymentDeclined {
			t.Errorf("the payment is %s", p.Status)
		}
	})
}

// pendingFor is a gateway that does not know for long, and then declines.
type pendingFor struct {
	broken
	until time.Time
}

func (p *pendingFor) Lookup(context.Context, gateway.Request) (gateway.Answer, error) {
	p.asked.Add(1)
	if time.Now().Before(p.until) {
		return gateway.Answer{Status: gateway.Pending}, nil
	}
	return gateway.Answer{Status: gateway.Declined, Reason: "insufficient_funds"}, nil
}

func TestGivesUpWhatIsPendingForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pendingFor{until: time.Now().Add(365 * 24 * time.Hour)}
		b.do = func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{Status: gateway.Accepted}, nil
		}
		s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
			b.Gateway = sim
			return only(b)
		})
		s.pay(s.reserved(), gateway.TokenOK)
		time.Sleep(12 * time.Hour)
		if letters := s.letters(); len(letters) != 1 || !strings.Contains(letters[0], "pending") {
			t.Errorf("dead letters %q", letters)
		}
	})
}

func TestLateOutcomeHealsWhatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{do: func(context.Context, gateway.Request) (gateway.Answer, error) {
			return gateway.Answer{}, gateway.Permanent(errors.New("unknown merchant"))
		}}
		s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
			b.Gateway = sim
			return only(b)
		})
		subject := s.reserved()
		s.pay(subject, gateway.TokenOK)
		time.Sleep(time.Minute)
		if len(s.letters()) != 1 {
			t.Fatalf("dead letters %q", s.letters())
		}
		e := s.effectOf(subject, "hold/1")
		if _, err := s.sim.Hold(t.Context(), request(e)); err != nil { // the gateway did it after all, and calls back
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s.status(subject) != state.OrderConfirmed {
			t.Errorf("the order is %s", s.status(subject))
		}
		s.wantSound()
	})
}

func TestStaleDoubtLeavesTheNextAttemptAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.must(flow.Pay(subject, order.Pay{Name: name(subject), Token: gateway.TokenDeclined, KeepOnDecline: true}, "sim"))
		time.Sleep(time.Second)
		s.pay(subject, gateway.TokenLate)
		stale, lost := *s.effectOf(subject, "hold/1"), state.EffectAttempt{Result: state.ResultUnknown, By: state.PartyWorker}
		s.must(flow.Doubt(subject, &stale, time.Second, lost))
		if p := s.paymentOf(subject); p.Status != state.PaymentProcessing || p.Attempt != 2 {
			t.Errorf("attempt %d is %s", p.Attempt, p.Status)
		}
		second := *s.effectOf(subject, "hold/2")
		second.NextAt = second.NextAt.Add(-lease) // as an earlier owner had it
		s.must(flow.Doubt(subject, &second, time.Second, lost))
		if p := s.paymentOf(subject); p.Status != state.PaymentProcessing {
			t.Errorf("a doubt of an earlier claim made attempt 2 %s", p.Status)
		}
	})
}

// TestLateCallerIsAskedAbout: a process sleeps through its claim and calls when the next one has asked already, and has reached nobody
// itself. The third must ask, or it would call what was done.
func TestLateCallerIsAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &overtaken{}
		s := newShop(t, only)
		s.stop()
		subject := s.reserved()
		s.pay(subject, gateway.TokenTimeout) // claimed by a process that is asleep; there is no callback
		s.start(func(sim gateway.Gateway) map[string]gateway.Gateway {
			l.Gateway = sim
			return only(l)
		}, func(*Options) {})
		time.Sleep(3 * lease)
		if l.calls.Load() != 1 || s.status(subject) != state.OrderConfirmed {
			t.Errorf("called %d times, the order is %s; the gateway knew of the call", l.calls.Load(), s.status(subject))
		}
		s.wantSound()
	})
}

// overtaken reaches nobody with a hold, and another process does at the same moment.
type overtaken struct {
	gateway.Gateway
	calls atomic.Int64
}

func (l *overtaken) Hold(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	l.calls.Add(1)
	_, _ = l.Gateway.Hold(ctx, r)
	return gateway.Answer{}, gateway.NotReached(errors.New("refused"))
}

func TestWakeTakesItsOwnOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.stop()
		s.pay(subject, gateway.TokenOK) // claimed by a process that is no more
		s.start(only, func(*Options) {})
		s.workers.Wake([]*state.Effect{s.effectOf(subject, "hold/1")})
		synctest.Wait()
		if totals, err := s.sim.Totals(); err != nil || len(totals) > 0 {
			t.Errorf("another's effect was called: %+v, %v", totals, err)
		}
		time.Sleep(time.Minute)
		s.wantSound()
	})
}

// TestNoRoomNoClaim: what cannot be called for lack of room is put off as it is. A claim would spend an attempt on nothing.
func TestNoRoomNoClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		s.stop()
		subjects := []flow.Subject{s.reserved(), s.reserved()}
		for _, subject := range subjects {
			s.pay(subject, gateway.TokenOK)
		}
		workers, err := New(Options{
			Store: s.world, Gateways: only(s.sim), Submit: s.submit, Names: s.names, Flow: testFlow(), Owner: "new", Lease: lease, Queue: 1, Claims: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(lease)
		if found, err := workers.poll(t.Context()); found != 2 || err != nil {
			t.Fatalf("%d are due, %v", found, err)
		}
		claimed, left := s.effectOf(subjects[0], "hold/1"), s.effectOf(subjects[1], "hold/1")
		if left.Owner != "" {
			claimed, left = left, claimed
		}
		if claimed.Owner != "new" || claimed.Attempts != 2 || !claimed.Called {
			t.Errorf("claimed %+v", claimed)
		}
		if left.Owner != "" || left.Attempts != 1 || !left.Called || !left.NextAt.Equal(time.Now().Add(deskFull)) {
			t.Errorf("left %+v; who had it before may have called", left)
		}
	})
}

// TestLostAnswersAreAskedAboutSoon: who has lost an answer knows that its attempt is over and does not wait for the end of the claim,
// which is for those who died; nor when giving the claim back needs a second try.
func TestLostAnswersAreAskedAboutSoon(t *testing.T) {
	for _, away := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t, only)
			s.stop()
			s.start(only, func(o *Options) {
				doubt := o.Flow.Doubt
				o.Flow.Doubt = func(e *state.Effect, after time.Duration, did state.EffectAttempt) []command.Step {
					s.world.mu.Lock()
					defer s.world.mu.Unlock()
					for ; away > 0; away-- {
						s.world.refuse = append(s.world.refuse, refuseBefore)
					}
					return doubt(e, after, did)
				}
			})
			time.Sleep(time.Minute) // the poll is at its slowest
			subject := s.reserved()
			s.pay(subject, gateway.TokenTimeout) // the answers to hold and capture are lost
			time.Sleep(2*s.workers.o.BackoffMin + 50*time.Millisecond)
			synctest.Wait()
			if s.status(subject) != state.OrderConfirmed {
				t.Errorf("the order is %s; the hold %+v", s.status(subject), s.effectOf(subject, "hold/1"))
			}
			s.wantSound()
		})
	}
}

// TestAlarm: the earliest time counts, it rings once, and without one the poll comes when it would.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, start := newAlarm(), time.Now()
		wait := func(d, want time.Duration) {
			t.Helper()
			if begun := time.Now(); !a.wait(t.Context(), d) || time.Since(begun) != want {
				t.Errorf("%v after the start: waited %v, want %v", begun.Sub(start), time.Since(begun), want)
			}
		}
		wait(time.Second, time.Second)
		a.set(500 * time.Millisecond)
		a.set(900 * time.Millisecond)
		wait(time.Second, 500*time.Millisecond)
		wait(time.Second, time.Second)
		a.set(5 * time.Second)
		wait(time.Second, time.Second)
		time.AfterFunc(100*time.Millisecond, func() { a.set(200 * time.Millisecond) })
		wait(time.Second, 300*time.Millisecond)
		wait(0, 0)
		ended, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if a.wait(ended, time.Minute) || time.Since(start) > 10*time.Second {
			t.Error("the end of the process was not noticed")
		}
	})
}

// TestPollOfAnOverloadedPipeline: what cannot be claimed is not looked for again and again without a pause.
func TestPollOfAnOverloadedPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		s.stop()
		s.pay(s.reserved(), gateway.TokenOK)
		workers, err := New(Options{
			Store: s.world, Gateways: only(s.sim), Names: s.names, Flow: testFlow(), Owner: "new", Lease: lease,
			Submit: func(context.Context, command.Command) command.Result {
				return command.Result{Fault: fault.New(fault.ResourceExhausted, "QUEUE_FULL", "too much waits")}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(lease)
		if moved, err := workers.poll(t.Context()); moved != 0 || err != nil {
			t.Errorf("%d effects are in somebody's hands, %v", moved, err)
		}
	})
}
