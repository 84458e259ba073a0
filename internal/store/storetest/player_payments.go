package storetest

import (
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// playerPaymentTests are about deposits and withdrawals.
var playerPaymentTests = []test{
	{name: "payments of players are listed both ways, by player, brand and time, a page at a time", run: testPlayerPayments},
}

// samplePlayerPayment is a payment with every field set.
func samplePlayerPayment(player string) *state.PlayerPayment {
	at := longAgo().Truncate(time.Millisecond)
	return &state.PlayerPayment{
		Tenant: tenant, ID: id.New("player_payment", at, entropy()), PlayerID: player, Type: state.PlayerPaymentWithdrawal, Currency: "EUR",
		AmountMinor: 1 << 40, Provider: "simulator", Brand: "brand 7", Region: "EU", CalledBy: "studio",
		Status: state.PlayerPaymentDeclined, Reason: "a \"reason\"", ExternalID: "ext-1", Token: "token-1", Version: 3, CreatedAt: at,
		UpdatedAt: at.Add(time.Second + time.Microsecond),
	}
}

// barePlayerPayment is one whose every optional field is empty.
func barePlayerPayment() *state.PlayerPayment {
	p := samplePlayerPayment("bare")
	p.Type, p.Status, p.Brand, p.Region, p.CalledBy = state.PlayerPaymentDeposit, state.PlayerPaymentProcessing, "", "", ""
	p.Reason, p.ExternalID, p.Token, p.Version, p.AmountMinor = "", "", "", 1, 1
	return p
}

// renamedPlayerPayment answers a copy under the name of another, with what never changes taken from it too.
func renamedPlayerPayment(p, as *state.PlayerPayment) *state.PlayerPayment {
	renamed := *as
	renamed.Status, renamed.Reason, renamed.ExternalID, renamed.Token = p.Status, p.Reason, p.ExternalID, p.Token
	renamed.Version, renamed.UpdatedAt = p.Version, p.UpdatedAt
	return &renamed
}

func testPlayerPayments(s *suite) {
	begin, changes := longAgo(), newBatch()
	var all []string
	for i := range 6 {
		p := samplePlayerPayment([]string{"ann", "bob"}[i%2])
		p.CreatedAt = begin.Add(time.Duration(i) * time.Second)
		p.ID = id.New("player_payment", p.CreatedAt, entropy())
		if i == 0 {
			p.Status = state.PlayerPaymentInDoubt
		}
		all = append(all, p.ID)
		insert(changes, p)
	}
	elsewhere, theirs := samplePlayerPayment("ann"), samplePlayerPayment("ann")
	elsewhere.Region, theirs.Tenant = "US", "other"
	s.put(insert(changes, elsewhere, theirs))
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	for name, c := range map[string]struct {
		query state.PlayQuery
		want  []string
	}{
		"all":          {state.PlayQuery{}, all},
		"newest first": {state.PlayQuery{Newest: true}, backwards},
		"of a player":  {state.PlayQuery{PlayerID: "bob"}, []string{all[1], all[3], all[5]}},
		"of a status":  {state.PlayQuery{Statuses: []int16{int16(state.PlayerPaymentInDoubt)}}, all[:1]},
		"of a time":    {state.PlayQuery{From: begin.Add(time.Second), Before: begin.Add(3 * time.Second)}, all[1:3]},
		"of nobody":    {state.PlayQuery{PlayerID: "else"}, nil},
	} {
		c.query.Origin, c.query.Limit = state.Origin{Tenant: tenant, Brand: "brand 7", Region: "EU", Provider: "another"}, 2
		var got []string
		for _, row := range s.rows(state.KindPlayerPayment, c.query) {
			got = append(got, row.Ref().ID)
		}
		s.same(name, got, c.want)
	}
}

// payments are the players' payments of a world: a deposit and a withdrawal that have succeeded, and a withdrawal under way.
type payments struct{ deposit, paidOut, waiting *state.PlayerPayment }

// addPlayerPayments adds to a world a player who has paid in, withdrawn, and withdraws again.
func (s *suite) addPlayerPayments(changes *state.Changes) payments {
	s.Helper()
	w := payments{samplePlayerPayment("player-2"), samplePlayerPayment("player-2"), samplePlayerPayment("player-2")}
	w.deposit.Type, w.waiting.Status, w.waiting.Reason = state.PlayerPaymentDeposit, state.PlayerPaymentInDoubt, ""
	w.deposit.Status, w.paidOut.Status = state.PlayerPaymentSucceeded, state.PlayerPaymentSucceeded
	account, clearing := ledger.ID("player-2", ledger.PlayerCash, "EUR"), ledger.ID("", ledger.GatewayClearing, "EUR")
	s.teller().book(changes, longAgo(), func(books *ledger.Books) {
		refusal := books.Move(ledger.Transfer{ID: id.Derive("transfer", w.deposit.ID) + "/deposit", Kind: "player.deposit", Currency: "EUR"},
			clearing, account, 500)
		for _, p := range []*state.PlayerPayment{w.paidOut, w.waiting} {
			if refusal == nil {
				_, refusal = books.Place(ledger.Hold{ID: id.Derive("hold", p.ID), Account: account, AmountMinor: 200})
			}
		}
		if refusal == nil {
			_, refusal = books.Capture(ledger.Capture{
				Transfer: ledger.Transfer{ID: id.Derive("transfer", w.paidOut.ID) + "/withdrawal", Kind: "player.withdrawal"},
				HoldID:   id.Derive("hold", w.paidOut.ID), To: clearing,
			})
		}
		if refusal != nil {
			s.Fatal(refusal)
		}
	})
	for _, p := range []*state.PlayerPayment{w.deposit, w.paidOut, w.waiting} {
		p.AmountMinor = 200
		effect := sampleEffect(&state.Order{Tenant: tenant, ID: p.ID, UpdatedAt: p.UpdatedAt}, "payout/1")
		effect.Kind, effect.AggregateID, effect.OrderID, effect.State = "gateway.payout", p.ID, "", state.EffectDone
		effect.ExpiresAt = time.Time{}
		if p == w.waiting {
			effect.State = state.EffectFailed
		}
		insert(changes, p, effect)
		for seq := range p.Version {
			addEvent(changes, p.Ref(), seq+1, "player_payment.status_changed")
		}
	}
	w.deposit.AmountMinor = 500
	return w
}

// playerPlants are violations of the invariants of players' payments.
var playerPlants = []plant{
	{name: "a deposit of another amount than is booked", breaks: store.PlayerPaymentsBooked, about: deposit,
		sql: `UPDATE player_payments SET amount_minor = amount_minor + 1 WHERE payment_id = '$id'`},
	{name: "booked for a deposit that was declined", breaks: store.PlayerPaymentsBooked, about: deposit,
		sql: `UPDATE player_payments SET status = 5 WHERE payment_id = '$id'`},
	{name: "a deposit of somebody else than it is booked for", breaks: store.PlayerPaymentsBooked, about: deposit,
		sql: `UPDATE player_payments SET player_id = 'player-1' WHERE payment_id = '$id'`},
	{name: "a deposit in the ledger, without a payment", breaks: store.PlayerPaymentsBooked, about: depositTransfer,
		sql: `DELETE FROM player_payments WHERE type = 1`},
	{name: "a withdrawal that has succeeded, and is not booked", breaks: store.PlayerPaymentsBooked, about: underWay,
		sql: `UPDATE player_payments SET status = 4 WHERE payment_id = '$id'`},
	{name: "a withdrawal that was declined, and is still set aside", breaks: store.WithdrawalsAreHeld, about: underWay,
		sql: `UPDATE player_payments SET status = 5 WHERE payment_id = '$id'`},
	{name: "a withdrawal under way that nothing is set aside for", breaks: store.WithdrawalsAreHeld, about: underWay,
		sql: `UPDATE account_holds SET hold_id = 'hold:else' WHERE status = 1 AND account_id = 'account:player_cash:EUR:player-2'`},
	{name: "a withdrawal under way, and nobody calls", breaks: store.PlayerPaymentsCall, about: underWay,
		sql: `UPDATE effects SET state = 2 WHERE aggregate_id = '$id'`},
	{name: "a deposit that has ended, and somebody calls", breaks: store.PlayerPaymentsCall, about: deposit,
		sql: `UPDATE effects SET state = 1 WHERE aggregate_id = '$id'`},
	{name: "an event of a deposit is missing", breaks: store.EventsAreNumbered, about: deposit,
		sql: `DELETE FROM events WHERE aggregate_id = '$id' AND seq = 2`},
}

func deposit(w *world) string         { return w.deposit.ID }
func underWay(w *world) string        { return w.waiting.ID }
func depositTransfer(w *world) string { return id.Derive("transfer", w.deposit.ID) }
