package effect

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Players pay in and out among the orders of the property test: the same workers, faults and deaths.

// players are few, so that their payments meet on an account.
var players = []string{"ann", "bob"}

// addPlayers makes them; one has a limit.
func (w *world) addPlayers() {
	for i, name := range players {
		player := &state.Player{Tenant: tenant, ID: state.PlayerRef(tenant, name).ID, Currency: "EUR", Version: 1}
		if i == 1 {
			player.Limits = []state.Limit{{Kind: state.LimitDeposit, Period: state.Day, Max: bobsLimit}}
		}
		w.rows[player.Ref()] = player
	}
}

// bobsLimit is what bob may pay in on a day.
const bobsLimit = 1000

// payPlayer asks for a deposit or a withdrawal; of a withdrawal more may be asked for than there is.
func (m *machine) payPlayer() {
	if len(all(m.world, func(*state.PlayerPayment) bool { return true })) == 6 {
		return
	}
	m.orders++
	request := cashier.Request{
		By: state.Origin{Tenant: tenant}, PlayerID: rapid.SampledFrom(players).Draw(m.t, "player"), Type: state.PlayerPaymentDeposit, Currency: "EUR",
		AmountMinor: rapid.SampledFrom([]int64{500, 700, 100}).Draw(m.t, "amount"), Provider: "sim",
		Token: rapid.SampledFrom(endingTokens).Draw(m.t, "token"), Random: id.Random{9: byte(m.orders)},
	}
	if rapid.IntRange(0, 1).Draw(m.t, "withdraw") == 1 {
		request.Type = state.PlayerPaymentWithdrawal
	}
	m.process().submit(flow.PlayerPayment(request))
}

// playerOf answers whose payment it is.
func (w *world) playerOf(paymentID string) []string {
	p, found := w.rows[state.PlayerPaymentRef(tenant, paymentID)].(*state.PlayerPayment)
	if !found {
		return nil
	}
	return []string{p.PlayerID}
}

// checkPlayers compares the payments of players with the books and with what the gateway did. The gateway may be ahead of a payment that is
// under way, never behind; nothing is done or booked twice.
func (w *world) checkPlayers(totals map[string]gateway.Total, wrong func(string, ...any)) {
	balances, held := map[string]int64{}, map[string]int64{}
	for _, p := range all(w, func(*state.PlayerPayment) bool { return true }) {
		account, total := ledger.ID(p.PlayerID, ledger.PlayerCash, p.Currency), totals[p.ID]
		var booked, moved int64
		for _, t := range w.transfers {
			if id.Derive("transfer", p.ID)+"/deposit" == t.ID || id.Derive("transfer", p.ID)+"/withdrawal" == t.ID {
				for _, e := range t.Entries {
					if e.Account == account {
						booked += e.AmountMinor
					}
				}
			}
		}
		if p.Status == state.PlayerPaymentSucceeded {
			moved = p.AmountMinor
			if p.Type == state.PlayerPaymentWithdrawal {
				moved = -moved
			}
		}
		ended := p.Status == state.PlayerPaymentSucceeded || p.Status == state.PlayerPaymentDeclined
		if !ended && p.Type == state.PlayerPaymentWithdrawal {
			held[account] += p.AmountMinor
		}
		balances[account] += moved
		switch atGateway := total.CapturedMinor - total.PaidOutMinor; {
		case booked != moved:
			wrong("%s is %s over %d, booked is %d", p.ID, p.Status, p.AmountMinor, booked)
		case ended && atGateway != moved:
			wrong("%s is %s, moved %d, and the gateway %d: %+v", p.ID, p.Status, moved, atGateway, total)
		case total.Captures+total.Payouts > 1 || total.Refused > 0 || total.Refunds > 0:
			wrong("%s: the gateway did too much: %+v", p.ID, total)
		}
	}
	w.checkCounted(wrong)
	for _, player := range players {
		name := ledger.ID(player, ledger.PlayerCash, "EUR")
		account := &state.Account{}
		if row, found := w.rows[state.AccountRef(tenant, name)].(*state.Account); found {
			account = row
		}
		if account.BalanceMinor != balances[name] || account.HeldMinor != held[name] || account.AvailableMinor() < 0 {
			wrong("%s has %d and holds %d, its payments say %d and %d", name, account.BalanceMinor, account.HeldMinor, balances[name], held[name])
		}
	}
}

// checkCounted: what counts against a limit is what was paid in on the day, or may still be.
func (w *world) checkCounted(wrong func(string, ...any)) {
	for _, name := range players {
		player, day := w.rows[state.PlayerRef(tenant, name)].(*state.Player), state.Played{}
		for _, done := range player.Played {
			if done.Period == state.Day {
				day = done
			}
		}
		counted := int64(0)
		for _, p := range all(w, func(p *state.PlayerPayment) bool { return p.PlayerID == name && p.Type == state.PlayerPaymentDeposit }) {
			if p.Status != state.PlayerPaymentDeclined && state.Day.Begin(p.CreatedAt).Equal(day.From) {
				counted += p.AmountMinor
			}
		}
		if day.DepositedMinor != counted || name == players[1] && counted > bobsLimit {
			wrong("%s has %d counted of the day, paid in are %d", name, day.DepositedMinor, counted)
		}
	}
}

// unfinishedPlayers lists players' payments that are not at their end.
func (w *world) unfinishedPlayers(totals []gateway.Total, wrong func(string, ...any)) {
	for _, p := range all(w, func(p *state.PlayerPayment) bool {
		return p.Status != state.PlayerPaymentSucceeded && p.Status != state.PlayerPaymentDeclined
	}) {
		wrong("%s is %s", p.ID, p.Status)
	}
	for _, total := range totals {
		if cashier.Is(total.Payment) && total.LeftMinor() != 0 {
			wrong("%s: %d are still held: %+v", total.Payment, total.LeftMinor(), total)
		}
	}
}

// till is a world with one process, for tests of single payments.
type till struct {
	*world
	t       *testing.T
	workers *Workers
	submit  func(steps []command.Step) state.Row
}

func newTill(t *testing.T, g gateway.Gateway) *till {
	t.Helper()
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	c := &till{world: newWorld(func() time.Time { return now }), t: t}
	submit := c.submitAs("me", func(rows []*state.Effect) { c.workers.Wake(rows) })
	var err error
	c.workers, err = New(Options{
		Store: c, Gateways: map[string]gateway.Gateway{"sim": g}, Submit: submit, Names: c.names, Flow: testFlow(), Owner: "me", Lease: lease,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.submit = func(steps []command.Step) state.Row {
		result := submit(t.Context(), command.Command{Tenant: tenant, Steps: steps})
		if result.Fault != nil {
			t.Fatal(result.Fault)
		}
		return result.Row
	}
	return c
}

// pay asks for a payment and lets the gateway answer.
func (c *till) pay(kind state.PlayerPaymentType, amount int64) *state.PlayerPayment {
	c.orders++
	row := c.submit(flow.PlayerPayment(cashier.Request{
		By: state.Origin{Tenant: tenant}, PlayerID: "ann", Type: kind, Currency: "EUR", AmountMinor: amount, Provider: "sim", Token: "sim:ok",
		Random: id.Random{9: byte(c.orders)},
	}))
	c.work()
	return c.rows[row.Ref()].(*state.PlayerPayment)
}

func (c *till) work() {
	for d := c.workers.desks["sim"]; len(d.queue) > 0; {
		c.workers.attempt(c.t.Context(), d, <-d.queue)
	}
}

func (c *till) letters() []*state.DeadLetter {
	return all(c.world, func(d *state.DeadLetter) bool { return d.ReplayedAt.IsZero() })
}

// prompt is a gateway that does at once what it is asked for, and pays nothing out.
type prompt struct {
	gateway.Gateway
	refuses []string // kinds of calls
	asked   []string
}

func (p *prompt) answer(kind string, r gateway.Request) (gateway.Answer, error) {
	p.asked = append(p.asked, kind)
	if slices.Contains(p.refuses, kind) {
		return gateway.Answer{Status: gateway.Declined, Reason: "no_" + kind}, nil
	}
	return gateway.Answer{Status: gateway.Succeeded, ExternalID: "x", Currency: r.Currency, AmountMinor: r.AmountMinor}, nil
}

func (p *prompt) Hold(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return p.answer("hold", r)
}
func (p *prompt) Capture(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return p.answer("capture", r)
}
func (p *prompt) Void(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return p.answer("void", r)
}

// A gateway that pays nothing out declines withdrawals, and what was set aside is free again.
func TestGatewayWithoutPayouts(t *testing.T) {
	c := newTill(t, &prompt{})
	c.pay(state.PlayerPaymentDeposit, 500)
	withdrawal := c.pay(state.PlayerPaymentWithdrawal, 500)
	account := c.rows[state.AccountRef(tenant, ledger.ID("ann", ledger.PlayerCash, "EUR"))].(*state.Account)
	if withdrawal.Status != state.PlayerPaymentDeclined || withdrawal.Reason != gateway.ReasonNoPayouts || account.AvailableMinor() != 500 {
		t.Errorf("%+v, the account %+v", *withdrawal, *account)
	}
	if len(c.violations) > 0 {
		t.Error(c.violations)
	}
}

// A deposit whose capture is refused gives its hold up. That the gateway refuses this too is told by a dead letter, and the replay asks
// anew, with a key of its own.
func TestDepositWhoseCaptureIsRefused(t *testing.T) {
	g := &prompt{refuses: []string{"capture", "void"}}
	c := newTill(t, g)
	if deposit := c.pay(state.PlayerPaymentDeposit, 500); deposit.Status != state.PlayerPaymentDeclined || deposit.Reason != "no_capture" {
		t.Fatalf("%+v", *deposit)
	}
	for _, want := range []string{"[hold capture void]", "[hold capture void void]"} {
		if got, letters := fmt.Sprint(g.asked), c.letters(); got != want || len(letters) != 1 {
			t.Fatalf("asked for %s with %d dead letters, want %s", got, len(letters), want)
		}
		if want == "[hold capture void void]" {
			g.refuses = nil
		}
		c.submit(flow.Replay(c.letters()[0]))
		c.work()
	}
	if got := fmt.Sprint(g.asked); got != "[hold capture void void void]" || len(c.letters()) > 0 {
		t.Errorf("asked for %s, dead letters %d", got, len(c.letters()))
	}
	if len(c.violations) > 0 {
		t.Error(c.violations)
	}
}
