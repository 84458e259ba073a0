package reliability

import (
	"fmt"
	"testing"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/state"
)

// disputedOrders is how many orders of each behaviour are disputed.
const disputedOrders = 6

// The gateway tells of disputes over HTTP while the server is killed again and again, and is killed once itself: each dispute is booked as
// it ended, once, each refund that came back is owed again, and the books are those of the gateway.
func TestDisputesThroughKills(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w, g := newGatewayWorld(t, kind)
			g.kill()
			g.arguments = append(g.arguments, "--dispute", "1s")
			g.start()
			w.startAll()
			w.throughDisputes(t, g)
		})
	}
}

func (w *world) throughDisputes(t *testing.T, g *gatewayProgram) {
	w.stock("mug", 1000)
	tokens := []string{gateway.TokenDispute, gateway.TokenDisputeWon, gateway.TokenRefundReturned}
	byToken := map[string][]string{}
	for _, token := range tokens {
		for range disputedOrders {
			order := w.reserve(draft(token, 1, "mug"))
			w.pay(order.Id, token)
			byToken[token] = append(byToken[token], order.Id)
		}
	}
	for _, id := range byToken[gateway.TokenRefundReturned] {
		w.await(id, confirmed)
		if got := w.tryRefund(t, 0, id, price-100); got != "" {
			t.Errorf("the refund of %s is refused: %s", id, got)
		}
	}
	for round := range 4 { // the disputes open and end meanwhile
		w.servers[0].kill()
		w.servers[0].start()
		w.eventually("some dispute is told", func() bool { return w.disputes("dispute") > int64(round) })
	}
	// What has happened at the gateway it tells after a restart; what it has not thought of yet it would forget.
	w.eventually("everything has happened", func() bool { return w.happened(t) })
	g.kill()
	w.servers[0].kill()
	g.start()
	w.servers[0].start()
	lost := func(id string) bool {
		p := w.get(id).GetPayment()
		return p.ChargedBackMinor == price && p.DisputedMinor == 0
	}
	for _, id := range byToken[gateway.TokenDispute] {
		w.eventually("a dispute is lost", func() bool { return lost(id) })
	}
	w.eventually("the others are won", func() bool { return w.ended(state.DisputeWon) == disputedOrders })
	if n := w.ended(state.DisputeLost); n != disputedOrders {
		t.Errorf("%d disputes are lost", n)
	}
	for _, id := range byToken[gateway.TokenRefundReturned] {
		w.eventually("the refund came back", func() bool {
			p := w.get(id).GetPayment()
			return p.RefundedMinor == 0 && p.RefundPendingMinor == 0
		})
	}
	for _, o := range w.orders() {
		if o.Status != confirmed || o.GetPayment().GetDisputedMinor() != 0 {
			t.Errorf("after everything: %v", o)
		}
	}
	w.checkDisputed(t, byToken)
	w.verify()
	if text, err := w.oms("payments", "reconcile", "--internal-addr", w.servers[0].inner, "--settled", "1s"); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// disputes counts what was booked of a kind.
func (w *world) disputes(kind string) int64 {
	return w.count("SELECT count(*) FROM ledger_transfers WHERE kind = 'payment." + kind + "'")
}

// happened tells whether every payment was disputed, or its refund has come back, at the gateway.
func (w *world) happened(t *testing.T) bool {
	t.Helper()
	totals, err := gateway.ReadTotals(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	for _, total := range totals {
		if total.FeesMinor == 0 && total.ReturnedMinor == 0 {
			return false
		}
	}
	return true
}

// ended counts the payments that tell of a dispute in a state.
func (w *world) ended(as state.DisputeState) int64 {
	return w.count(fmt.Sprintf(`SELECT count(*) FROM payments WHERE replace(CAST(disputes AS text), ' ', '') LIKE '%%"state":%d,%%'`, as))
}

// checkDisputed compares each payment with what the gateway did.
func (w *world) checkDisputed(t *testing.T, byToken map[string][]string) {
	t.Helper()
	totals, err := gateway.ReadTotals(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	seen, fees := 0, int64(0)
	for _, total := range totals {
		p := w.get(total.OrderID).GetPayment()
		seen++
		fees += total.FeesMinor
		if total.CapturedMinor != p.CapturedMinor || total.LostMinor != p.ChargedBackMinor || total.DisputedMinor != p.DisputedMinor {
			t.Errorf("payment %v, the gateway did %+v", p, total)
		}
	}
	if seen != len(byToken)*disputedOrders {
		t.Errorf("the gateway knows of %d payments", seen)
	}
	booked := w.count("SELECT COALESCE(SUM(amount_minor), 0) FROM ledger_entries WHERE account LIKE 'account:gateway_fees:%'")
	if fees == 0 || booked != -fees {
		t.Errorf("fees of %d are booked, the gateway took %d", -booked, fees)
	}
}
