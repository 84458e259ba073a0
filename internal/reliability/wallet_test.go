package reliability

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/seed-255eabaa/oms/internal/load"
)

// The customer of a crowd pays from a wallet while processes are killed. Money is neither lost nor made: what the player had is what the
// player has and the shop has, nothing stays set aside, and no gateway knows of any order (requirements X-3, P-3).
func TestKillWithWallets(t *testing.T) {
	t.Parallel()
	kills := map[string]int{onSQLite: 5, onTwo: 5}
	if testing.Short() {
		kills = map[string]int{onSQLite: 2, onTwo: 1}
	}
	for kind, count := range kills {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, "--unpaid-for", "24h")
			w.startAll()
			for sku := range 40 {
				w.stock(fmt.Sprintf("sku-%d", sku), 1_000_000)
			}
			const fund = 100 * price // fifty orders: some are declined
			w.pays(t, "c", fund)
			c, h := newCrowd(w), &harm{}
			c.tokens = []string{"wallet"}
			ctx, enough := context.WithCancel(t.Context())
			var members sync.WaitGroup
			for range 48 {
				members.Go(func() { c.member(ctx, t) })
			}
			for i := range count {
				victim := w.any(i)
				c.killed(t, victim, h)
				victim.start()
				answered := c.answers.Load()
				w.eventually("the next kill has something to meet", func() bool { return c.answers.Load() > answered+unanswered })
			}
			c.slow.Store(true)
			w.eventually("an order is paid", func() bool { return w.count("SELECT count(*) FROM payments WHERE captured_minor > 0") > 1 }) // besides the deposit
			enough()
			members.Wait()
			orders := w.rest()
			c.check(t, orders)
			if letters := w.count("SELECT count(*) FROM dead_letters WHERE replayed_at" + w.micro() + " IS NULL"); letters != 0 {
				t.Errorf("%d dead letters", letters)
			}
			w.verify()
			kept := int64(0)
			for _, o := range orders {
				kept += o.GetPayment().GetCapturedMinor() - o.GetPayment().GetRefundedMinor()
			}
			account := " FROM accounts WHERE account_id = 'account:player_cash:EUR:c'"
			if has, held := w.count("SELECT balance_minor"+account), w.count("SELECT held_minor"+account); has != fund-kept || held != 0 {
				t.Errorf("the player had %d, has %d and %d held, orders kept %d", fund, has, held, kept)
			}
			if calls := w.count("SELECT count(*) FROM effects WHERE kind IN ('gateway.hold', 'gateway.capture')"); calls != 2 {
				t.Errorf("%d calls to the gateway, besides those of the deposit", calls-2)
			}
			t.Logf("%d kills; %d commands answered, %d orders: %v", h.kills, c.answers.Load(), len(orders), statuses(orders))
		})
	}
}

// pays makes a player and pays an amount in euros into the wallet.
func (w *world) pays(t *testing.T, player string, amount int64) {
	t.Helper()
	w.provides(t, "players", fmt.Sprintf(`{"player_id":%q,"currency":"EUR","locale":"de-DE"}`, player))
	w.provides(t, "payments", fmt.Sprintf(
		`{"player_id":%q,"type":"deposit","amount":{"amount":%d.%02d,"currency":"EUR"},"payment_token":"sim:ok"}`, player, amount/100, amount%100))
	w.eventually("the money is there", func() bool {
		return w.count(fmt.Sprintf("SELECT count(*) FROM accounts WHERE account_id = 'account:player_cash:EUR:%s'", player)) == 1
	})
}

// provides sends a provider's request.
func (w *world) provides(t *testing.T, path, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), http.MethodPost, "http://"+w.any(0).api+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Trace-Id": "t", "X-Brand-Id": "b", "X-Region": "EU", "X-Provider-Id": "studio",
		"X-Idempotency-Key": load.Key(),
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %d %s", path, response.StatusCode, text)
	}
}
