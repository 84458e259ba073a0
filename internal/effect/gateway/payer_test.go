package gateway

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A payout stands by itself: it has a number of its own, behaves by its token, and is carried out once.
func TestPayouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, SimulatorOptions{})
		done, declined := hold(1, TokenDuplicate), hold(2, TokenDeclined)
		for _, r := range []Request{done, declined, done} {
			if answer, err := b.Payout(t.Context(), r); err != nil || r != done && answer.Status != Accepted {
				t.Fatalf("%+v, %v", answer, err)
			}
			time.Sleep(time.Second)
		}
		answer, err := Lookup(t.Context(), b, KindPayout, done)
		if err != nil || answer.Status != Succeeded || answer.AmountMinor != done.AmountMinor || len(b.callbacks(done.Key)) != 2 {
			t.Errorf("%+v, %v, called back %d times", answer, err, len(b.callbacks(done.Key)))
		}
		later := on(done, "capture/1", 1460)
		if answer, err := b.Capture(t.Context(), later); err != nil || answer.Status != Accepted {
			t.Fatalf("%+v, %v", answer, err)
		}
		time.Sleep(time.Second)
		if answer, err = b.Lookup(t.Context(), later); err != nil || answer.Reason != reasonNoHold {
			t.Errorf("a payout was captured: %+v, %v", answer, err)
		}
		totals, err := b.Totals()
		if err != nil || len(totals) != 2 || totals[0].Payouts != 1 || totals[0].PaidOutMinor != 1460 || totals[1].Declined != 1 ||
			totals[1].Payouts+totals[1].Refused > 0 {
			t.Errorf("%+v, %v", totals, err)
		}
	})
}

// A gateway without payouts declines them, and need not be asked about any.
func TestGatewayThatPaysNothingOut(t *testing.T) {
	answer, err := Call(context.Background(), NoMoney{}, KindPayout, hold(1, TokenOK))
	if err != nil || answer.Status != Declined || answer.Reason != ReasonNoPayouts {
		t.Errorf("%+v, %v", answer, err)
	}
	type simulated struct{ Gateway } // hides that the simulator pays out
	b := newBench(t, SimulatorOptions{})
	if answer, err = Lookup(context.Background(), simulated{b}, KindPayout, hold(1, TokenOK)); err != nil || answer.Status != NotFound {
		t.Errorf("%+v, %v", answer, err)
	}
}
