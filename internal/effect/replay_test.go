package effect

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// unwilling is a gateway that does not do some kinds of calls, a number of times each: it refuses them, or knows of no such thing.
type unwilling struct {
	gateway.Gateway
	mu      sync.Mutex
	refuses map[string]int // by kind, how often
	fails   map[string]int
	keys    map[string]gateway.Answer // what was refused stays refused
}

func (g *unwilling) call(ctx context.Context, kind string, r gateway.Request) (gateway.Answer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch answer, known := g.keys[r.Key]; {
	case known:
		return answer, nil
	case g.refuses[kind] > 0:
		g.refuses[kind]--
		g.keys[r.Key] = gateway.Answer{Status: gateway.Declined, Reason: "not_now"}
		return g.keys[r.Key], nil
	case g.fails[kind] > 0:
		g.fails[kind]--
		return gateway.Answer{}, gateway.Permanent(errors.New("unknown merchant"))
	default:
		return gateway.Call(ctx, g.Gateway, kind, r)
	}
}

func (g *unwilling) Hold(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return g.call(ctx, gateway.KindHold, r)
}

func (g *unwilling) Capture(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return g.call(ctx, gateway.KindCapture, r)
}

func (g *unwilling) Void(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return g.call(ctx, gateway.KindVoid, r)
}

func (g *unwilling) Refund(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return g.call(ctx, gateway.KindRefund, r)
}

func (g *unwilling) Lookup(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	g.mu.Lock()
	answer, known := g.keys[r.Key]
	g.mu.Unlock()
	if known {
		return answer, nil
	}
	return g.Gateway.Lookup(ctx, r)
}

// TestEveryLetterHasAnEnd: whatever call the gateway refuses or fails, an operator who replays the letter brings the order and its
// money to their end, and replaying it once more does nothing. It is the table of docs/architecture.md.
func TestEveryLetterHasAnEnd(t *testing.T) {
	type scenario struct {
		refuses, fails map[string]int
		act            func(s *shop, subject flow.Subject) // until a letter is there
		letters        int                                 // letters one after the other
		end            state.OrderStatus
		payment        state.PaymentStatus
	}
	buy := func(s *shop, subject flow.Subject) { s.pay(subject, gateway.TokenOK) }
	abandon := func(s *shop, subject flow.Subject) {
		s.pay(subject, gateway.TokenLate)
		s.cancel(subject)
	}
	compensate := func(s *shop, subject flow.Subject) {
		s.pay(subject, gateway.TokenTimeout)
		for s.status(subject) != state.OrderPaid {
			time.Sleep(time.Millisecond)
		}
		s.cancel(subject)
	}
	giveBack := func(s *shop, subject flow.Subject) {
		buy(s, subject)
		time.Sleep(time.Second)
		s.must(flow.Refund(subject, order.Refund{Name: name(subject)}, "sent back"))
	}
	returned := func(s *shop, subject flow.Subject) {
		s.pay(subject, gateway.TokenRefundReturned)
		time.Sleep(time.Second)
		s.must(flow.Refund(subject, order.Refund{Name: name(subject)}, "sent back"))
	}
	for what, test := range map[string]scenario{
		"a refund comes back to an order that is refunded": {
			refuses: map[string]int{}, act: returned, letters: 1, end: state.OrderRefunded, payment: state.PaymentRefunded,
		},
		"and the gateway refuses the next one": {
			refuses: map[string]int{}, letters: 2, end: state.OrderRefunded, payment: state.PaymentRefunded,
			act: func(s *shop, subject flow.Subject) {
				returned(s, subject)
				time.Sleep(time.Second)
				s.refuseNext(gateway.KindRefund)
			},
		},
		"hold given up":    {fails: map[string]int{gateway.KindHold: 1}, act: buy, letters: 1, end: state.OrderConfirmed, payment: state.PaymentCaptured},
		"capture given up": {fails: map[string]int{gateway.KindCapture: 1}, act: buy, letters: 1, end: state.OrderConfirmed, payment: state.PaymentCaptured},
		"capture refused":  {refuses: map[string]int{gateway.KindCapture: 1}, act: buy, end: state.OrderCanceled, payment: state.PaymentDeclined},
		"capture refused, and its void": {
			refuses: map[string]int{gateway.KindCapture: 1, gateway.KindVoid: 1}, act: buy, letters: 1,
			end: state.OrderCanceled, payment: state.PaymentDeclined,
		},
		"void given up": {fails: map[string]int{gateway.KindVoid: 1}, act: abandon, letters: 1, end: state.OrderCanceled, payment: state.PaymentVoided},
		"void refused":  {refuses: map[string]int{gateway.KindVoid: 1}, act: abandon, letters: 1, end: state.OrderCanceled, payment: state.PaymentVoided},
		"void refused again and again": {
			refuses: map[string]int{gateway.KindVoid: 3}, act: abandon, letters: 3, end: state.OrderCanceled, payment: state.PaymentVoided,
		},
		"void given up, then refused": {
			fails: map[string]int{gateway.KindVoid: 1}, refuses: map[string]int{}, letters: 2,
			act: func(s *shop, subject flow.Subject) {
				abandon(s, subject)
				time.Sleep(time.Minute)
				s.refuseNext(gateway.KindVoid)
			},
			end: state.OrderCanceled, payment: state.PaymentVoided,
		},
		"refund given up": {fails: map[string]int{gateway.KindRefund: 1}, act: giveBack, letters: 1, end: state.OrderRefunded, payment: state.PaymentRefunded},
		"refund refused":  {refuses: map[string]int{gateway.KindRefund: 1}, act: giveBack, end: state.OrderConfirmed, payment: state.PaymentCaptured},
		"refund of a canceled order given up": {
			fails: map[string]int{gateway.KindRefund: 1}, act: compensate, letters: 1, end: state.OrderRefunded, payment: state.PaymentRefunded,
		},
		"refund of a canceled order refused": {
			refuses: map[string]int{gateway.KindRefund: 2}, act: compensate, letters: 2, end: state.OrderRefunded, payment: state.PaymentRefunded,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &unwilling{refuses: test.refuses, fails: test.fails, keys: map[string]gateway.Answer{}}
				s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
					g.Gateway = sim
					return only(g)
				})
				s.refuseNext = func(kind string) {
					g.mu.Lock()
					defer g.mu.Unlock()
					g.refuses[kind]++
				}
				subject := s.reserved()
				test.act(s, subject)
				for range test.letters {
					time.Sleep(time.Minute)
					letters := s.open()
					if len(letters) != 1 {
						t.Fatalf("%d dead letters, want 1", len(letters))
					}
					s.must(flow.Replay(letters[0]))
					s.must(flow.Replay(letters[0])) // impatient, or by two operators
				}
				time.Sleep(time.Minute)
				if got, money := s.status(subject), s.paymentOf(subject).Status; got != test.end || money != test.payment {
					t.Errorf("the order is %s and its payment %s, want %s and %s", got, money, test.end, test.payment)
				}
				s.wantSound()
			})
		})
	}
}

// TestRefusedWithoutAReason: a refusal that says nothing is one all the same, also of a void that was given up before: its letter
// stays open, and tells of the refusal.
func TestRefusedWithoutAReason(t *testing.T) {
	for _, givenUp := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t, only)
			subject := s.reserved()
			s.pay(subject, gateway.TokenLate)
			s.cancel(subject)
			s.stop() // nobody calls the gateway any more
			s.must(flow.Settle(subject, s.effectOf(subject, "hold/1"), flow.Outcome{Succeeded: true, ExternalID: "x"}))
			if givenUp {
				s.must(flow.GiveUp(s.effectOf(subject, "void/1"), state.EffectAttempt{Result: state.ResultUnanswered, Reason: "nobody answers"}))
			}
			s.must(flow.Settle(subject, s.effectOf(subject, "void/1"), flow.Outcome{}))
			letters := s.open()
			if len(letters) != 1 || !strings.Contains(letters[0].Error, "refused") {
				t.Fatalf("given up %v: dead letters %v", givenUp, letters)
			}
			s.must(flow.Replay(letters[0]))
			if e := s.effectOf(subject, "void/1/2"); e.State != state.EffectOpen {
				t.Errorf("the next void is %+v", e)
			}
		})
	}
}

// TestGivenUpWhileTheAnswerWasOnItsWay: an outcome that was made into steps before the call was given up does not leave the letter
// open; it is refused, and its bearer reads the row and comes again.
func TestGivenUpWhileTheAnswerWasOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.pay(subject, gateway.TokenLate)
		before := s.effectOf(subject, "hold/1")
		s.must(flow.GiveUp(before, state.EffectAttempt{Result: state.ResultUnanswered, Reason: "nobody answers"}))
		outcome := flow.Outcome{Succeeded: true, ExternalID: "x"}
		result := s.submit(t.Context(), command.Command{Tenant: tenant, Steps: flow.Settle(subject, before, outcome)})
		if result.Fault == nil || result.Fault.Code != fault.Aborted || !result.Fault.Retryable() {
			t.Fatalf("answered %v", result.Fault)
		}
		if len(s.letters()) != 1 || s.paymentOf(subject).Status != state.PaymentProcessing {
			t.Fatalf("the refused group changed something: letters %q, payment %s", s.letters(), s.paymentOf(subject).Status)
		}
		s.workers.open.put(before) // as the process that called has it
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if s.status(subject) != state.OrderConfirmed {
			t.Errorf("the order is %s", s.status(subject))
		}
		s.wantSound()
	})
}

// TestExpiryThatIsRefusedForGood: the timer goes, and a letter tells when the order waits for it; of an order that does not, or is not
// there, nothing is left to tell.
func TestExpiryThatIsRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		stuck, bought := s.reserved(), s.reserved()
		s.pay(bought, gateway.TokenOK)
		time.Sleep(time.Second)
		gone := flow.Subject{Tenant: tenant, OrderID: "order:gone"}
		key := func(subject flow.Subject) state.TimerKey {
			return state.TimerKey{Tenant: tenant, Kind: order.TimerExpire, AggregateID: subject.OrderID}
		}
		s.world.mu.Lock()
		for _, subject := range []flow.Subject{bought, gone} {
			s.timers[key(subject)] = time.Now()
		}
		s.world.mu.Unlock()
		for _, subject := range []flow.Subject{stuck, bought, gone} {
			s.must(flow.EndExpiry(subject, "BROKEN: the stock is not as it must be"))
			s.must(flow.EndExpiry(subject, "BROKEN: again"))
		}
		letters := all(s.world, func(*state.DeadLetter) bool { return true })
		if len(letters) != 1 || letters[0].AggregateID != stuck.OrderID || letters[0].Attempts != 2 {
			t.Fatalf("letters %+v", letters)
		}
		if len(s.timers) != 0 {
			t.Errorf("timers are left: %v", s.timers)
		}
	})
}
