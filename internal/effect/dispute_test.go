package effect

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// A dispute that names the order, but the number of another payment, is not booked: a letter tells, once, and a replay closes it.
func TestDisputeOfAnotherPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, only)
		subject := s.reserved()
		s.pay(subject, gateway.TokenOK)
		time.Sleep(time.Minute)
		own := s.paymentOf(subject).ExternalID
		tell := func(hold string) {
			t.Helper()
			if err := s.workers.Dispute(t.Context(), gateway.Dispute{
				Provider: "sim", Tenant: tenant, OrderID: subject.OrderID, ExternalID: hold, ID: "dp_1", State: state.DisputeOpen,
				Currency: s.paymentOf(subject).Currency, AmountMinor: 1, AsOf: time.Now(),
			}); err != nil {
				t.Errorf("%q: %v, and coming again would not help", hold, err)
			}
		}
		tell("another\x00")
		tell("another")
		letters := s.letters()
		if len(letters) != 1 || !strings.Contains(letters[0], "dp_1") || !strings.Contains(letters[0], "another") || !strings.Contains(letters[0], own) {
			t.Errorf("letters %q, want one that names the dispute and both payments", letters)
		}
		if p := s.paymentOf(subject); own == "" || len(p.Disputes) > 0 || p.DisputedMinor != 0 {
			t.Errorf("it was booked: %+v", p)
		}
		for _, letter := range s.open() {
			s.must(flow.ReplayDispute(subject, letter))
		}
		if letters := s.letters(); len(letters) > 0 {
			t.Errorf("a replay leaves %q", letters)
		}
		tell(own)
		if p := s.paymentOf(subject); p.DisputedMinor != 1 || len(s.letters()) > 0 {
			t.Errorf("the payment's own is not booked: %+v, letters %q", p, s.letters())
		}
	})
}
