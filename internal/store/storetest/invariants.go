package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// invariantTests are about verification: a sound database has no findings, and every planted violation is found.
var invariantTests = append([]test{
	{name: "an empty database is sound", run: func(s *suite) { s.wantSound(false) }},
	{name: "a small world is sound, and every check looked at something", run: func(s *suite) {
		s.makeWorld()
		s.wantSound(true)
	}},
	{name: "a store checks what every store checks, and a violation of each is planted", run: testSameInvariants},
	{name: "what a flow has still to do is no finding until it had its time", run: testSettling},
}, plantTests()...)

// testSameInvariants holds the store to the one list of invariants.
func testSameInvariants(s *suite) {
	findings, err := s.store.Invariants(s.context())
	s.must(err)
	planted := make(map[string]bool)
	for _, plant := range allPlants() {
		planted[plant.breaks] = true
	}
	known := make(map[string]bool)
	for _, invariant := range store.Invariants {
		known[invariant] = true
		if !planted[invariant] {
			s.Errorf("no violation is planted of: %s", invariant)
		}
		if !slices.ContainsFunc(findings, func(f state.Finding) bool { return f.Invariant == invariant }) {
			s.Errorf("the store does not check: %s", invariant)
		}
	}
	for _, finding := range findings {
		if !known[finding.Invariant] {
			s.Errorf("no other store checks (see store.Invariants): %s", finding.Invariant)
		}
	}
	s.same("invariants", len(findings), len(store.Invariants))
}

// testSettling has an order that does not know yet of a refund that its payment knows of.
func testSettling(s *suite) {
	changes := newBatch()
	order := addOrder(changes, state.OrderRefunded)
	order.UpdatedAt = recently().Add(-store.Settling / 2)
	addReservation(changes, order, state.ReservationSold)
	addPayment(changes, order, worldAmount)
	order.RefundedMinor--
	item := &state.Item{Tenant: tenant, SKU: worldSKU, OnHand: 100, Version: 9, Seq: 1, Sold: worldQuantity, UpdatedAt: longAgo()}
	addEvent(changes, item.Ref(), 1, "stock.set")
	s.put(insert(changes, item))
	s.number(s.lease("relay", "world", time.Minute), 0, 10)
	s.wantSound(false)
	payment, ok := s.get(state.Ref{Kind: state.KindPayment, Tenant: tenant, ID: id.Derive("payment", order.ID)}).(*state.Payment)
	if !ok {
		s.Fatal("no payment")
	}
	settled, later := *order, *payment
	settled.UpdatedAt = recently().Add(-store.Settling - time.Minute)
	later.UpdatedAt = settled.UpdatedAt
	s.put(update(newBatch(), &settled, &later))
	findings, err := s.store.Invariants(s.context())
	s.must(err)
	if !slices.ContainsFunc(findings, func(f state.Finding) bool {
		return f.Invariant == store.OrdersFollowPayments && strings.Contains(f.Violation, order.ID)
	}) {
		s.Fatalf("nobody misses the refund: %+v", findings)
	}
	s.put(insert(newBatch(), sampleDeadLetter(order, longAgo()))) // it tells, and an operator does something about it
	s.wantSound(false)
}

func allPlants() []plant {
	return slices.Concat(plants, playerPlants, sandboxPlants, jackpotPlants, bonusPlants, walletPlants)
}

func plantTests() []test {
	all := allPlants()
	tests := make([]test, len(all))
	for i, plant := range all {
		tests[i] = test{name: "found: " + plant.name, run: func(s *suite) { s.testPlant(plant) }}
	}
	return tests
}

// wantSound fails the test when a check finds something, or looked at nothing although it should have.
func (s *suite) wantSound(populated bool) {
	s.Helper()
	findings, err := s.store.Invariants(s.context())
	s.must(err)
	if len(findings) < 5 {
		s.Fatalf("only %d invariants", len(findings))
	}
	for _, finding := range findings {
		switch {
		case finding.Invariant == "":
			s.Error("a finding without a sentence")
		case finding.Violation != "":
			s.Errorf("%s: %s", finding.Invariant, finding.Violation)
		case populated && finding.Checked == 0:
			s.Errorf("%s: nothing was checked", finding.Invariant)
		}
	}
}

// world is a sound database with an order in each situation.
type world struct {
	pending, stuck, reserved, confirmed, canceled, compensated, refunded, disputed, setAside, fromWallet *state.Order
	payments
	playground
}

// shipment is the demand of every order of the world.
const (
	worldSKU      = "SKU-1"
	worldQuantity = 2
	worldAmount   = 1460
	worldReturned = 160 // refunded, and came back
	worldOpen     = 700 // disputed
	worldLost     = 300 // disputed and lost
)

// makeWorld stores a world, numbered.
func (s *suite) makeWorld() *world {
	s.Helper()
	w := &world{}
	changes := newBatch()
	item := &state.Item{Tenant: tenant, SKU: worldSKU, OnHand: 100, Version: 9, Seq: 1, UpdatedAt: longAgo()}
	addEvent(changes, item.Ref(), 1, "stock.set")
	w.pending = addOrder(changes, state.OrderPending)
	w.stuck = addOrder(changes, state.OrderPending)
	changes.SetTimers = changes.SetTimers[:len(changes.SetTimers)-1] // its timer was refused for good
	letter := sampleDeadLetter(w.stuck, longAgo())
	letter.Kind = "timer"
	insert(changes, letter)
	w.reserved = addOrder(changes, state.OrderReserved)
	addReservation(changes, w.reserved, state.ReservationHeld)
	w.confirmed = addOrder(changes, state.OrderConfirmed)
	addReservation(changes, w.confirmed, state.ReservationSold)
	addPayment(changes, w.confirmed, 0)
	w.canceled = addOrder(changes, state.OrderCanceled)
	addReservation(changes, w.canceled, state.ReservationReleased)
	w.compensated = addOrder(changes, state.OrderCanceled)
	addReservation(changes, w.compensated, state.ReservationReleased)
	addPayment(changes, w.compensated, worldAmount)
	addRefusedCapture(changes, addOrder(changes, state.OrderCanceled))
	w.refunded = addOrder(changes, state.OrderRefunded)
	addReservation(changes, w.refunded, state.ReservationSold)
	addPayment(changes, w.refunded, worldAmount)
	w.disputed = addOrder(changes, state.OrderConfirmed)
	addReservation(changes, w.disputed, state.ReservationSold)
	addPayment(changes, w.disputed, worldReturned)
	addDisputes(changes, w.disputed)
	s.addFromWallet(changes, w)
	item.Reserved, item.Sold = 2*worldQuantity, 4*worldQuantity
	s.addPlayer(changes)
	s.addBets(changes)
	w.payments = s.addPlayerPayments(changes)
	w.playground = s.addSandbox(changes)
	s.addJackpots(changes)
	s.addBonuses(changes)
	slices.SortFunc(changes.SetTimers, func(a, b state.Timer) int { return strings.Compare(a.AggregateID, b.AggregateID) })
	s.put(insert(changes, item))
	s.put(newBatch())
	// A second batch, so that there is an order between batches.
	second := newBatch()
	other := *item
	other.SKU, other.Reserved, other.Sold = "SKU-2", 0, 0
	addEvent(second, other.Ref(), 1, "stock.set")
	s.put(insert(second, &other, sampleCatalogue(), listedPrice(worldSKU)))
	s.closeBooks(7) // clearing, house, revenue, disputes, chargebacks, fees and what bets gave to the jackpot
	s.number(s.lease("relay", "world", time.Minute), 0, 10)
	return w
}

// addOrder adds an order with events and, where it must have one, its timer.
func addOrder(changes *state.Changes, status state.OrderStatus) *state.Order {
	order := sampleOrder(longAgo())
	order.Status, order.Version = status, 3
	order.Lines = []state.Line{{SKU: worldSKU, Quantity: 1, PriceMinor: 730}, {SKU: worldSKU, Quantity: 1, PriceMinor: 700}}
	order.Adjustments = []state.Adjustment{{Name: "shipping", AmountMinor: 50}, {Name: "discount", AmountMinor: -20}}
	insert(changes, order)
	for seq := range order.Version {
		addEvent(changes, order.Ref(), seq+1, "order.status_changed")
	}
	if order.Expires() {
		changes.SetTimers = append(changes.SetTimers, state.Timer{
			TimerKey: state.TimerKey{Tenant: tenant, Kind: "order.expire", AggregateID: order.ID}, DueAt: order.ExpiresAt,
		})
	}
	return order
}

func addReservation(changes *state.Changes, order *state.Order, status state.ReservationStatus) {
	insert(changes, &state.Reservation{
		Tenant: tenant, ID: id.Derive("reservation", order.ID), OrderID: order.ID, Status: status,
		Items: []state.Demand{{SKU: worldSKU, Quantity: worldQuantity}}, Version: 1, UpdatedAt: order.UpdatedAt,
	})
}

// addPayment adds a captured payment of which some has been paid back, its call, its transfers and its events.
func addPayment(changes *state.Changes, order *state.Order, refunded int64) {
	payment := &state.Payment{
		Tenant: tenant, ID: id.Derive("payment", order.ID), OrderID: order.ID, Status: state.PaymentCaptured, Currency: order.Currency,
		AmountMinor: worldAmount, Provider: "simulator", CapturedMinor: worldAmount, RefundedMinor: refunded, Version: 2,
		CreatedAt: order.CreatedAt, UpdatedAt: order.UpdatedAt,
	}
	transfer := ledger.Transfer{
		Tenant: tenant, ID: id.Derive("transfer", order.ID) + "/capture", Kind: "payment.capture", OrderID: order.ID,
		Currency: order.Currency, At: order.UpdatedAt,
	}
	transfer, _ = ledger.Move(transfer, ledger.GatewayClearing, ledger.OrderRevenue, worldAmount) // a constant above zero
	changes.Transfers = append(changes.Transfers, transfer)
	if refunded > 0 {
		payment.Status = state.PaymentRefunded
		payment.Refunds = []state.Refund{{Number: 1, AmountMinor: refunded, State: state.RefundSucceeded, CreatedAt: order.UpdatedAt}}
		transfer.ID, transfer.Kind = id.Derive("transfer", order.ID)+"/refund/1", "payment.refund"
		transfer, _ = ledger.Move(transfer, ledger.OrderRevenue, ledger.GatewayClearing, refunded) // above zero
		changes.Transfers = append(changes.Transfers, transfer)
	}
	order.PaymentStatus, order.CapturedMinor, order.RefundedMinor = payment.Status, payment.CapturedMinor, payment.RefundedMinor
	effect := sampleEffect(order, "capture")
	effect.State = state.EffectDone
	insert(changes, payment, effect)
	for seq := range payment.Version {
		addEvent(changes, payment.Ref(), seq+1, "payment.status_changed")
	}
}

// addDisputes has an order's refund come back, and adds two disputes of its payment: one is open, the other was lost and has cost a fee.
func addDisputes(changes *state.Changes, order *state.Order) {
	ref := state.Ref{Kind: state.KindPayment, Tenant: tenant, ID: id.Derive("payment", order.ID)}
	at := slices.IndexFunc(changes.Rows, func(written state.Written) bool { return written.Row.Ref() == ref })
	payment, isPayment := changes.Rows[at].Row.(*state.Payment)
	if !isPayment {
		panic("not a payment")
	}
	payment.Status, payment.RefundedMinor, payment.Refunds[0].State = state.PaymentCaptured, 0, state.RefundFailed
	payment.DisputedMinor, payment.ChargedBackMinor = worldOpen, worldLost
	payment.Disputes = []state.Dispute{
		{
			Number: 1, ExternalID: "dp_1", State: state.DisputeOpen, AmountMinor: worldOpen, AsOf: order.UpdatedAt, CreatedAt: order.UpdatedAt,
			UpdatedAt: order.UpdatedAt, Booked: state.DisputeOpen, BookedMinor: worldOpen, Bookings: 1,
		},
		{
			Number: 2, ExternalID: "dp_2", State: state.DisputeLost, AmountMinor: worldLost, FeeMinor: 15, AsOf: order.UpdatedAt,
			CreatedAt: order.UpdatedAt, UpdatedAt: order.UpdatedAt, Booked: state.DisputeLost, BookedMinor: worldLost, Bookings: 3,
		},
	}
	order.PaymentStatus, order.RefundedMinor = payment.Status, 0
	order.DisputedMinor, order.ChargedBackMinor = worldOpen, worldLost
	move := func(step, kind, from, to string, amount int64) {
		transfer, _ := ledger.Move(ledger.Transfer{ // a constant above zero
			Tenant: tenant, ID: id.Derive("transfer", order.ID) + step, Kind: kind, OrderID: order.ID, Currency: order.Currency, At: order.UpdatedAt,
		}, from, to, amount)
		changes.Transfers = append(changes.Transfers, transfer)
	}
	move("/refund/1/returned", "payment.refund_returned", ledger.GatewayClearing, ledger.OrderRevenue, worldReturned)
	move("/dispute/1/1", "payment.dispute", ledger.Disputes, ledger.GatewayClearing, worldOpen)
	move("/dispute/2/1", "payment.dispute", ledger.Disputes, ledger.GatewayClearing, worldLost)
	move("/dispute/2/2", "payment.dispute_fee", ledger.GatewayFees, ledger.GatewayClearing, payment.Disputes[1].FeeMinor)
	move("/dispute/2/3", "payment.dispute", ledger.Chargebacks, ledger.Disputes, worldLost)
}

// addRefusedCapture adds the payment of a canceled order whose capture was refused: what was held is being given up.
func addRefusedCapture(changes *state.Changes, order *state.Order) {
	payment := &state.Payment{
		Tenant: tenant, ID: id.Derive("payment", order.ID), OrderID: order.ID, Status: state.PaymentDeclined, Currency: order.Currency,
		AmountMinor: worldAmount, Provider: "simulator", Version: 1, CreatedAt: order.CreatedAt, UpdatedAt: order.UpdatedAt,
	}
	order.PaymentStatus = payment.Status
	void := sampleEffect(order, "void/1")
	void.Kind = "gateway.void"
	addReservation(changes, order, state.ReservationReleased)
	insert(changes, payment, void)
	addEvent(changes, payment.Ref(), 1, "payment.status_changed")
}

// plant is a violation: a statement that breaks the world, and what the finding must mention.
type plant struct {
	name string
	// breaks is the invariant that finds it in every store, one of store.Invariants; others may find it too.
	breaks string
	sql    string // $id is the id that target answers
	about  func(w *world) string
	// mention is what the finding must name; empty for the id. It may use $id.
	mention string
	// elsewhere says that the finding may name another row than the one that was broken.
	elsewhere bool
}

func orderOf(pick func(w *world) *state.Order) func(w *world) string {
	return func(w *world) string { return pick(w).ID }
}

func derived(kind string, pick func(w *world) *state.Order) func(w *world) string {
	return func(w *world) string { return id.Derive(kind, pick(w).ID) }
}

func pending(w *world) *state.Order     { return w.pending }
func stuck(w *world) *state.Order       { return w.stuck }
func reserved(w *world) *state.Order    { return w.reserved }
func confirmed(w *world) *state.Order   { return w.confirmed }
func canceled(w *world) *state.Order    { return w.canceled }
func compensated(w *world) *state.Order { return w.compensated }
func refunded(w *world) *state.Order    { return w.refunded }
func disputed(w *world) *state.Order    { return w.disputed }
func sku(*world) string                 { return worldSKU }
func player(*world) string              { return worldPlayer }
func house(*world) string               { return worldHouse }
func hold(*world) string                { return worldHold }

// plants are violations of every invariant. They use only names that an honest schema has in any SQL.
var plants = []plant{
	{name: "more reserved than held", breaks: store.ItemsAddUp, about: sku,
		sql: `UPDATE items SET reserved = reserved + 1 WHERE sku = '$id'`},
	{name: "a price of a tenant that has no catalogue", breaks: store.PricesHaveCatalogue, about: sku,
		sql: `DELETE FROM catalogues`},
	{name: "fewer reserved than held", breaks: store.ItemsAddUp, about: sku,
		sql: `UPDATE items SET reserved = 0 WHERE sku = '$id'`},
	{name: "more sold than sold", breaks: store.ItemsAddUp, about: sku,
		sql: `UPDATE items SET sold = sold + 1 WHERE sku = '$id'`},
	{name: "a reservation released without the stock", breaks: store.ItemsAddUp, about: derived("reservation", reserved), mention: worldSKU,
		sql: `UPDATE reservations SET status = 3 WHERE reservation_id = '$id'`},
	{name: "a reservation of an item that does not exist", breaks: store.ItemsAddUp, about: sku,
		sql: `DELETE FROM items WHERE sku = '$id'`},
	{name: "a transfer that does not sum to zero", breaks: store.TransfersSumToZero, about: derived("transfer", confirmed),
		sql: `UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE transfer_id = '$id/capture' AND amount_minor > 0`},
	{name: "a transfer that does not sum to zero is missing in its currency", breaks: store.CurrenciesSumToZero,
		about: derived("transfer", confirmed), mention: "EUR",
		sql: `UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE transfer_id = '$id/capture' AND amount_minor > 0`},
	{name: "an entry without its transfer", breaks: store.TransfersSumToZero, about: derived("transfer", confirmed),
		sql: `DELETE FROM ledger_transfers WHERE transfer_id = '$id/capture'`},
	{name: "a transfer without entries", breaks: store.TransfersSumToZero, about: derived("transfer", confirmed),
		sql: `DELETE FROM ledger_entries WHERE transfer_id = '$id/capture'`},
	{name: "a balance that is not the sum", breaks: store.BalancesFollow, about: player,
		sql: `UPDATE accounts SET balance_minor = balance_minor + 1 WHERE account_id = '$id'`},
	{name: "an account without a row", breaks: store.BalancesFollow, about: player,
		sql: `DELETE FROM accounts WHERE account_id = '$id'`},
	{name: "an entry number that is missing", breaks: store.BalancesFollow, about: player,
		sql: `UPDATE ledger_entries SET number = 3 WHERE account = '$id' AND number = 2`},
	{name: "an entry that says another balance", breaks: store.BalancesFollow, about: player,
		sql: `UPDATE ledger_entries SET balance_minor = balance_minor + 1 WHERE account = '$id' AND number = 1`},
	{name: "a guarded account below zero", breaks: store.BalancesFollow, about: player,
		sql: `UPDATE ledger_entries SET balance_minor = -1 WHERE account = '$id' AND number = 2`},
	{name: "a guarded account's entry without number", breaks: store.EntriesAreNumbered, about: player,
		sql: `UPDATE ledger_entries SET number = 0, balance_minor = 0 WHERE account = '$id' AND number = 2`},
	{name: "a summed account's entry with a number", breaks: store.EntriesAreNumbered, about: house,
		sql: `UPDATE ledger_entries SET number = 5 WHERE account = '$id' AND transfer_id = 'transfer:bet'`},
	{name: "held without a hold", breaks: store.HoldsAddUp, about: player,
		sql: `UPDATE accounts SET held_minor = held_minor + 1 WHERE account_id = '$id'`},
	{name: "a hold that holds nothing", breaks: store.HoldsAddUp, about: player,
		sql: `UPDATE accounts SET held_minor = 0 WHERE account_id = '$id'`},
	{name: "an ended hold that is still held", breaks: store.HoldsAddUp, about: player,
		sql: `UPDATE account_holds SET status = 3 WHERE account_id = '$id'`},
	{name: "a hold of an account that there is not", breaks: store.HoldsAddUp, about: hold, mention: "account:player_cash:EUR:else",
		sql: `UPDATE account_holds SET account_id = 'account:player_cash:EUR:else' WHERE hold_id = '$id'`},
	{name: "captured of a hold, but not booked", breaks: store.CapturesAreBooked, about: hold,
		sql: `UPDATE account_holds SET captured_minor = captured_minor + 1 WHERE hold_id = '$id'`},
	{name: "an open hold that expires, without its timer", breaks: store.CapturesAreBooked, about: hold,
		sql: `DELETE FROM timers WHERE aggregate_id = '$id'`},
	{name: "a checkpoint that is not the sum", breaks: store.CheckpointsAddUp, about: house,
		sql: `UPDATE account_checkpoints SET balance_minor = balance_minor + 1 WHERE account_id = '$id'`},
	{name: "a checkpoint of other entries", breaks: store.CheckpointsAddUp, about: house,
		sql: `UPDATE account_checkpoints SET entries = entries + 1 WHERE account_id = '$id'`},
	{name: "a checkpoint of an account with a row", breaks: store.CheckpointsAddUp, about: player,
		sql: `UPDATE account_checkpoints SET account_id = '$id' WHERE account_id = 'account:house:EUR'`},
	{name: "a bet that says settled while its amount is held", breaks: store.BetsAreHeld, about: bet("open"),
		sql: `UPDATE bets SET status = 3 WHERE bet_id = '$id'`},
	{name: "a bet that says open and was taken", breaks: store.BetsAreHeld, about: bet("lost"),
		sql: `UPDATE bets SET status = 1 WHERE bet_id = '$id'`},
	{name: "a bet that holds another amount", breaks: store.BetsAreHeld, about: bet("open"),
		sql: `UPDATE bets SET amount_minor = amount_minor + 1 WHERE bet_id = '$id'`},
	{name: "a bet of another player's money", breaks: store.BetsAreHeld, about: bet("open"),
		sql: `UPDATE bets SET player_id = 'else' WHERE bet_id = '$id'`},
	{name: "a bet without a hold", breaks: store.BetsAreHeld, about: bet("back"),
		sql: `DELETE FROM account_holds WHERE hold_id = 'hold:studio 1:~.x/back'`},
	{name: "a bet that was rolled back and holds", breaks: store.BetsAreHeld, about: bet("back"), elsewhere: true,
		sql: `UPDATE account_holds SET status = 1 WHERE hold_id = 'hold:studio 1:~.x/back'`},
	{name: "a tombstone with a hold", breaks: store.BetsAreHeld, about: bet("tomb"),
		sql: `UPDATE account_holds SET hold_id = 'hold:studio 1:~.x/tomb' WHERE hold_id = 'hold:studio 1:~.x/back'`},
	{name: "a tombstone that is something else", breaks: store.BetsAreHeld, about: bet("tomb"),
		sql: `UPDATE bets SET status = 1 WHERE bet_id = '$id'`},
	{name: "won without a result", breaks: store.BetsWinTheirResults, about: bet("won"),
		sql: `UPDATE bets SET won_minor = won_minor + 1 WHERE bet_id = '$id'`},
	{name: "a result of no bet", breaks: store.BetsWinTheirResults, about: bet("won"), mention: "settlement:studio 1:~.x/won/",
		sql: `DELETE FROM bets WHERE bet_id = '$id'`},
	{name: "a settled bet without its last result", breaks: store.BetsWinTheirResults, about: bet("lost"),
		sql: `DELETE FROM settlements WHERE bet_id = 'lost'`},
	{name: "a win that was not credited", breaks: store.TransfersSumToZero, about: wonSettlement,
		sql: `DELETE FROM ledger_transfers WHERE kind = 'bet.win'`, elsewhere: true},
	{name: "a result with another win than was credited", breaks: store.WinsAreBooked, about: wonSettlement,
		sql: `UPDATE settlements SET win_minor = win_minor + 1 WHERE bet_id = 'won' AND win_minor > 0`, mention: "settlement:"},
	{name: "a win of no result", breaks: store.WinsAreBooked, about: wonSettlement, mention: "a win of no result",
		sql: `UPDATE settlements SET settlement_id = 'settlement:else' WHERE bet_id = 'won' AND win_minor > 0`},
	{name: "a transfer of a bet that there is not", breaks: store.WinsAreBooked, about: bet("lost"), mention: "an amount of no bet",
		sql: `UPDATE ledger_transfers SET transfer_id = 'transfer:studio 1:~.x/else/capture'
			WHERE transfer_id = 'transfer:studio 1:~.x/lost/capture'`},
	{name: "a bet of no session", breaks: store.BetsHaveSession, about: bet("open"),
		sql: `UPDATE bets SET session_id = 'else' WHERE bet_id = '$id'`},
	{name: "a bet in another game than its round", breaks: store.BetsHaveSession, about: bet("open"),
		sql: `UPDATE rounds SET game_id = 'else' WHERE round_id = 'round:studio 1:~.x/round 1:~.x'`},
	{name: "a bet without its event", breaks: store.EventsAreNumbered, about: bet("open"),
		sql: `UPDATE bets SET version = version + 1 WHERE bet_id = '$id'`},
	{name: "a session without its event", breaks: store.EventsAreNumbered, about: session,
		sql: `UPDATE sessions SET version = version + 1 WHERE session_id = '$id'`},
	{name: "a round that was closed without an event", breaks: store.EventsAreNumbered, about: round,
		sql: `UPDATE rounds SET version = version + 1 WHERE round_id = '$id'`},
	{name: "a player without their event", breaks: store.EventsAreNumbered, about: bettor,
		sql: `UPDATE players SET version = version + 1 WHERE player_id = '$id'`},
	{name: "captured, but not in the ledger", breaks: store.PaymentsAreBooked, about: derived("payment", confirmed),
		sql: `UPDATE payments SET captured_minor = captured_minor + 1, amount_minor = amount_minor + 1 WHERE payment_id = '$id'`},
	{name: "refunded, but not in the ledger", breaks: store.PaymentsAreBooked, about: derived("payment", confirmed),
		sql: `UPDATE payments SET refunded_minor = 1 WHERE payment_id = '$id'`},
	{name: "in the ledger, but not captured", breaks: store.PaymentsAreBooked, about: derived("payment", confirmed),
		sql: `UPDATE payments SET captured_minor = 0 WHERE payment_id = '$id'`},
	{name: "in the ledger, without a payment", breaks: store.PaymentsAreBooked, about: orderOf(confirmed),
		sql: `DELETE FROM payments WHERE order_id = '$id'`},
	{name: "a payment that is not of its order", breaks: store.NamedByTheirOrder, about: derived("payment", confirmed), elsewhere: true,
		sql: `UPDATE payments SET order_id = 'order:else' WHERE payment_id = '$id'`},
	{name: "more refunds than captured", breaks: store.NoMoreThanCaptured, about: derived("payment", confirmed),
		sql: `UPDATE payments SET refund_pending_minor = captured_minor + 1 WHERE payment_id = '$id'`},
	{name: "disputed, but not in the ledger", breaks: store.PaymentsAreBooked, about: derived("payment", disputed),
		sql: `UPDATE payments SET disputed_minor = disputed_minor + 1 WHERE payment_id = '$id'`},
	{name: "charged back, but not in the ledger", breaks: store.PaymentsAreBooked, about: derived("payment", disputed),
		sql: `UPDATE payments SET charged_back_minor = 0 WHERE payment_id = '$id'`},
	{name: "a dispute in the ledger that no payment tells of", breaks: store.PaymentsAreBooked, about: derived("payment", disputed),
		sql: `UPDATE payments SET disputed_minor = 0, charged_back_minor = 0, disputes = NULL WHERE payment_id = '$id'`},
	{name: "disputed without a dispute", breaks: store.DisputesAddUp, about: derived("payment", disputed),
		sql: `UPDATE payments SET disputes = NULL WHERE payment_id = '$id'`},
	{name: "disputed beyond what was captured", breaks: store.NoMoreThanCaptured, about: derived("payment", disputed),
		sql: `UPDATE payments SET refund_pending_minor = 461 WHERE payment_id = '$id'`},
	{name: "an order that says less disputed than its payment", breaks: store.DisputesAddUp, about: orderOf(disputed),
		sql: `UPDATE orders SET disputed_minor = 0 WHERE order_id = '$id'`},
	{name: "a returned refund that is missing in the ledger", breaks: store.PaymentsAreBooked,
		about: derived("transfer", disputed), mention: "payment:", elsewhere: true,
		sql: `DELETE FROM ledger_entries WHERE transfer_id = '$id/refund/1/returned'`},
	{name: "an amount that is not the sum", breaks: store.AmountsAreSums, about: orderOf(pending),
		sql: `UPDATE orders SET amount_minor = amount_minor + 1 WHERE order_id = '$id'`},
	{name: "a line that is not in the sum", breaks: store.AmountsAreSums, about: orderOf(pending),
		sql: `UPDATE order_lines SET quantity = quantity + 1 WHERE order_id = '$id' AND line_no = 2`},
	{name: "an order without lines", breaks: store.AmountsAreSums, about: orderOf(pending),
		sql: `DELETE FROM order_lines WHERE order_id = '$id'`},
	{name: "an order that says more captured than its payment", breaks: store.OrdersFollowPayments, about: orderOf(refunded),
		sql: `UPDATE orders SET captured_minor = captured_minor + 1 WHERE order_id = '$id'`},
	{name: "an order that says less refunded than its settled payment", breaks: store.OrdersFollowPayments, about: orderOf(refunded),
		sql: `UPDATE orders SET refunded_minor = refunded_minor - 1 WHERE order_id = '$id'`},
	{name: "confirmed, but not sold", breaks: store.ConfirmedIsPaid, about: orderOf(confirmed),
		sql: `UPDATE reservations SET status = 1 WHERE order_id = '$id'`},
	{name: "confirmed, but not paid", breaks: store.ConfirmedIsPaid, about: orderOf(confirmed),
		sql: `UPDATE orders SET captured_minor = 0 WHERE order_id = '$id'`},
	{name: "a line that is not reserved", breaks: store.ReservationsAreLines, about: orderOf(reserved),
		sql: `UPDATE order_lines SET quantity = 2, price_minor = 365 WHERE order_id = '$id' AND line_no = 1`},
	{name: "reserved, and in no line", breaks: store.ReservationsAreLines, about: orderOf(reserved),
		sql: `UPDATE order_lines SET sku = 'SKU-2' WHERE order_id = '$id'`},
	{name: "canceled, but held", breaks: store.CanceledGivesBack, about: orderOf(canceled),
		sql: `UPDATE reservations SET status = 1 WHERE order_id = '$id'`},
	{name: "canceled, but the money stayed", breaks: store.CanceledGivesBack, about: orderOf(compensated),
		sql: `UPDATE payments SET refunded_minor = 0 WHERE order_id = '$id'`},
	{name: "an event is missing", breaks: store.EventsAreNumbered, about: orderOf(confirmed),
		sql: `DELETE FROM events WHERE aggregate_id = '$id' AND seq = 2`},
	{name: "the first event is missing", breaks: store.EventsAreNumbered, about: orderOf(confirmed),
		sql: `DELETE FROM events WHERE aggregate_id = '$id' AND seq = 1`},
	{name: "the last event is missing", breaks: store.EventsAreNumbered, about: orderOf(confirmed),
		sql: `DELETE FROM events WHERE aggregate_id = '$id' AND seq = 3`},
	{name: "a payment's last event is missing", breaks: store.EventsAreNumbered, about: derived("payment", confirmed),
		sql: `DELETE FROM events WHERE aggregate_id = '$id' AND seq = 2`},
	{name: "an order's events are missing", breaks: store.EventsAreNumbered, about: orderOf(pending),
		sql: `DELETE FROM events WHERE aggregate_id = '$id'`},
	{name: "events of nothing", breaks: store.EventsAreNumbered, about: orderOf(pending), mention: "order:else",
		sql: `UPDATE events SET aggregate_id = 'order:else' WHERE aggregate_id = '$id'`},
	{name: "a position is missing", breaks: store.PositionsFollow, elsewhere: true, about: sku,
		sql: `UPDATE batches SET first_position = first_position + 1 WHERE first_position > 1`},
	{name: "the first batch is missing", breaks: store.PositionsFollow, elsewhere: true, about: sku,
		sql: `DELETE FROM batches WHERE first_position = 1`},
	{name: "the last batch with events is missing", breaks: store.PositionsFollow, elsewhere: true, about: sku,
		sql: `DELETE FROM batches WHERE first_position = (SELECT max(first_position) FROM batches WHERE events > 0)`},
	{name: "an unpaid order without its timer", breaks: store.UnpaidHasTimer, about: orderOf(pending),
		sql: `DELETE FROM timers WHERE aggregate_id = '$id'`},
	{name: "an unpaid order whose timer was taken away, and nothing tells", breaks: store.UnpaidHasTimer, about: orderOf(stuck),
		sql: `DELETE FROM dead_letters WHERE aggregate_id = '$id'`},
	{name: "an unpaid order without its timer, and a letter of something else", breaks: store.UnpaidHasTimer, about: orderOf(stuck),
		sql: `UPDATE dead_letters SET kind = 'effect' WHERE aggregate_id = '$id'`},
	{name: "a call given up in time, and nothing asks about it", breaks: store.GivenUpHasTimer, about: derived("effect", confirmed),
		sql: `UPDATE effects SET state = 3 WHERE order_id = (SELECT order_id FROM orders WHERE 'effect' || substr(order_id, 6) = '$id')`},
	{name: "a call that nobody closed", breaks: store.NoCallAfterTheEnd, about: derived("payment", refunded), mention: "effect:",
		sql: `UPDATE effects SET state = 1 WHERE aggregate_id = '$id'`},
}

func (s *suite) testPlant(plant plant) {
	w := s.makeWorld()
	about := plant.about(w)
	s.options.Execute(s.T, s.store, plant.name, strings.ReplaceAll(plant.sql, "$id", about))
	findings, err := s.store.Invariants(s.context())
	s.must(err)
	mention := about
	if plant.mention != "" {
		mention = plant.mention
	}
	var told []string
	for _, finding := range findings {
		if finding.Violation == "" {
			continue
		}
		told = append(told, fmt.Sprintf("%s: %s", finding.Invariant, finding.Violation))
		if finding.Invariant == plant.breaks && (plant.elsewhere || strings.Contains(finding.Violation, mention)) {
			return
		}
	}
	s.Fatalf("no finding of %q names %q; the findings: %q", plant.breaks, mention, told)
}
