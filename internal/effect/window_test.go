package effect

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// TestHoldThatHasGone: a hold whose time is over is not captured. The order ends as after a refused capture, and nothing stays held.
func TestHoldThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.pay(subject, gateway.TokenShortHold)
		time.Sleep(time.Minute)
		p := s.paymentOf(subject)
		if s.status(subject) != state.OrderCanceled || p.Status != state.PaymentDeclined || p.DeclineReason != gateway.ReasonExpired {
			t.Errorf("the order is %s, its payment %s for %q", s.status(subject), p.Status, p.DeclineReason)
		}
		if p.CaptureBefore.IsZero() || p.CaptureBefore.After(time.Now()) {
			t.Errorf("the hold was good until %v", p.CaptureBefore)
		}
		s.wantSound()
	})
}

// TestCaptureGivenUpBeforeItsTime: when a call that was given up may not be made any longer, the gateway is asked once more, and the order
// goes on without an operator. What the gateway has done meanwhile is booked; otherwise the hold is given up.
func TestCaptureGivenUpBeforeItsTime(t *testing.T) {
	for _, done := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			g := &unwilling{fails: map[string]int{gateway.KindCapture: 1}, keys: map[string]gateway.Answer{}}
			s := newShop(t, func(sim gateway.Gateway) map[string]gateway.Gateway {
				g.Gateway = sim
				return only(g)
			})
			subject := s.reserved()
			s.pay(subject, gateway.TokenOK)
			time.Sleep(time.Minute)
			e := s.effectOf(subject, "capture/1")
			if e.State != state.EffectFailed || !e.ExpiresAt.After(time.Now()) || len(s.open()) != 1 {
				t.Fatalf("given up: %+v", e)
			}
			want, money := state.OrderCanceled, state.PaymentDeclined
			if done { // somebody has it taken at the gateway
				want, money = state.OrderConfirmed, state.PaymentCaptured
				if _, err := g.Gateway.Capture(t.Context(), request(e)); err != nil {
					t.Fatal(err)
				}
				s.stop() // its callback is lost
				s.start(only, func(*Options) {})
			}
			time.Sleep(8 * 24 * time.Hour)
			s.fire(t, e)
			time.Sleep(time.Minute)
			if got := s.paymentOf(subject).Status; s.status(subject) != want || got != money || len(s.open()) != 0 {
				t.Errorf("done %v: the order is %s, its payment %s, %d letters are open", done, s.status(subject), got, len(s.open()))
			}
			s.wantSound()
		})
	}
}

// fire fires the timer of a call, which must be set; firing it again does nothing.
func (s *shop) fire(t *testing.T, e *state.Effect) {
	t.Helper()
	key := state.TimerKey{Tenant: tenant, Kind: flow.TimerCallExpires, AggregateID: e.ID}
	s.world.mu.Lock()
	due, set := s.timers[key]
	s.world.mu.Unlock()
	if !set || !due.Equal(e.ExpiresAt) {
		t.Fatalf("the timer of %s is set: %v, for %v", e.ID, set, due)
	}
	s.must(flow.ExpireCall(e))
	s.must(flow.ExpireCall(e))
	s.world.mu.Lock()
	_, set = s.timers[key]
	s.world.mu.Unlock()
	if set {
		t.Error("the timer is there still")
	}
}
