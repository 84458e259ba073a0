package effect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// comesBack is how it goes with a refund that succeeds and comes back. Times are from when it is asked for.
type comesBack struct {
	lost    bool          // the answer to the call
	success time.Duration // when the callback of its success arrives; never when below zero
	happens time.Duration // when the refund comes back at the gateway
	told    time.Duration // from then on the gateway can tell it, and does every second until it is taken
	kills   []time.Duration
	trouble []refusal // of the store, from told on
}

// inquiryTakes is how long the answer to an inquiry is on its way; it is about the time before.
const inquiryTakes = 6 * time.Second

// bank is a gateway on the other side of a network. It outlives the processes that call it.
type bank struct {
	gateway.Gateway
	comesBack
	workers atomic.Pointer[Workers] // that take its callbacks
	start   time.Time
	meets   func() // comes before the first word of the return
}

var errNobody = errors.New("nobody takes callbacks")

func (b *bank) Refund(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	answer, err := b.Gateway.Refund(ctx, r)
	if b.lost {
		return gateway.Answer{}, gateway.Unknown(errors.New("reset"))
	}
	return answer, err
}

func (b *bank) Lookup(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	answer, err := b.Gateway.Lookup(ctx, r)
	time.Sleep(inquiryTakes)
	return answer, err
}

// callback brings what the simulator tells to the process that is there.
func (b *bank) callback(ctx context.Context, tenant, key string, answer gateway.Answer) error {
	switch {
	case !strings.Contains(key, "/refund/"):
	case answer.Status == gateway.Declined && time.Since(b.start) < b.told:
		return errNobody
	case answer.Status == gateway.Declined:
		b.meets()
	case b.success < 0:
		return errNobody
	default:
		time.Sleep(b.success)
	}
	return b.workers.Load().Callback(ctx, tenant, key, answer)
}

// TestReturnIsNeverLost: in whatever order a refund's answer, its success, its return, inquiries and deaths of the process come, the
// return is in the books in the end, once. The gateway does not tell again what was taken, and nobody asks about it.
func TestReturnIsNeverLost(t *testing.T) {
	for _, happens := range []time.Duration{2 * time.Second, 33 * time.Second} { // the claim ends after 30 s, then it is asked about
		after := func(d time.Duration) time.Duration { return happens + d }
		for _, told := range []time.Duration{happens, after(35 * time.Second)} {
			for _, c := range []comesBack{
				{success: 0}, {success: after(-time.Second)}, {success: after(10 * time.Second)}, {success: after(time.Minute)}, {success: -1},
				{success: 0, lost: true}, {success: after(10 * time.Second), lost: true}, {success: -1, lost: true},
			} {
				c.happens, c.told = happens, told
				c.interrupted(t)
			}
		}
	}
}

// interrupted tries it with deaths of the process and with each trouble of the store.
func (c comesBack) interrupted(t *testing.T) {
	for _, kills := range [][]time.Duration{
		nil, {0}, {time.Second}, {c.told}, {c.told + time.Millisecond}, {time.Second, c.happens - time.Second, c.happens + time.Second, c.told + time.Second},
	} {
		for _, trouble := range [][]refusal{nil, {refuseBefore, refuseAfter}, {refuseForGood, refuseForGood, refuseForGood}} {
			c.kills, c.trouble = kills, trouble
			run := c.run
			t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, run)
			})
		}
	}
}

func (c comesBack) run(t *testing.T) {
	b := &bank{comesBack: c, start: time.Now()}
	journal := filepath.Join(t.TempDir(), "journal")
	sim, err := gateway.OpenSimulator(gateway.SimulatorOptions{Journal: journal, Callback: b.callback, DisputeAfter: c.happens})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sim.Close() }()
	b.Gateway = sim
	there := func(gateway.Gateway) map[string]gateway.Gateway { return only(b) }
	s := newShop(t, there)
	b.workers.Store(s.workers)
	b.meets = sync.OnceFunc(func() {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		s.world.refuse = c.trouble
	})
	subject := s.reserved()
	s.pay(subject, gateway.TokenRefundReturned)
	time.Sleep(time.Second)
	b.start = time.Now()
	s.must(flow.Refund(subject, order.Refund{Name: name(subject), Amount: &order.Priced{Currency: "EUR", AmountMinor: 300}}, "one is broken"))
	for _, kill := range c.kills {
		time.Sleep(kill - time.Since(b.start))
		s.stop()
		s.start(there, func(*Options) {})
		b.workers.Store(s.workers)
	}
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	p := s.paymentOf(subject)
	if p.Status != state.PaymentCaptured || p.RefundedMinor != 0 || p.RefundPendingMinor != 0 || p.Refunds[0].State != state.RefundFailed {
		t.Errorf("the payment is %+v", *p)
	}
	totals, err := gateway.ReadTotals(journal)
	if err != nil || len(totals) != 1 || totals[0].ReturnedMinor != 300 {
		t.Fatalf("the gateway did %+v, %v", totals, err)
	}
	for _, problem := range append(s.problems(totals), s.unfinished(totals)...) {
		t.Error(problem)
	}
}
