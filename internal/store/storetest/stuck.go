package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

var stuckTests = []test{
	{name: "none in an empty database", run: func(s *suite) {
		found, err := s.store.Stuck(s.context(), state.StepLimits{}, 10)
		s.must(err)
		s.same("stuck orders", found, state.StuckOrders{})
	}},
	{name: "those that wait for longer than their step may, of all tenants", run: testStuckSteps},
	{name: "those with open dead letters, once each", run: testStuckLetters},
	{name: "payments of players that wait, of one tenant or all but sandboxes, once each", run: testStuckPayments},
	{name: "the store's time", run: func(s *suite) {
		changes := newBatch()
		changes.Now = changes.Now.Add(time.Hour)
		s.put(insert(changes, sampleOrder(changes.Now)))
		now, err := s.store.Now(s.context())
		s.must(err)
		if now.Before(changes.Now) {
			s.Errorf("%v is before %v, which is in the database", now, changes.Now)
		}
	}},
}

// waiting makes an order that has waited for a time.
func waiting(status state.OrderStatus, payment state.PaymentStatus, since time.Duration) *state.Order {
	order := sampleOrder(recently().Add(-since))
	order.Status, order.PaymentStatus = status, payment
	return order
}

// stuckSteps answers tenant, order and step of those that are stuck.
func (s *suite) stuckSteps(limits state.StepLimits, most int) (steps []string, count int64) {
	s.Helper()
	found, err := s.store.Stuck(s.context(), limits, most)
	s.must(err)
	if !slices.IsSortedFunc(found.Orders, func(a, b state.StuckOrder) int { return a.Since.Compare(b.Since) }) {
		s.Errorf("not by time: %+v", found.Orders)
	}
	for _, o := range found.Orders {
		steps = append(steps, strings.Join([]string{o.Tenant, o.OrderID, o.Step}, " "))
	}
	return steps, found.Count
}

func testStuckSteps(s *suite) {
	limits := state.StepLimits{Reservation: time.Minute, Payment: 10 * time.Minute, Capture: 20 * time.Minute, Compensation: 30 * time.Minute}
	var want []string
	changes := newBatch()
	for _, test := range []struct {
		status   state.OrderStatus
		payment  state.PaymentStatus
		canceled bool
		since    time.Duration
		step     string // empty for one that is not stuck
	}{
		{state.OrderPaid, state.PaymentAuthorized, true, 31 * time.Minute, "COMPENSATION"},
		{state.OrderPaid, state.PaymentAuthorized, true, 29 * time.Minute, ""},
		{state.OrderPaid, state.PaymentAuthorized, false, 21 * time.Minute, "CAPTURE"},
		{state.OrderPaid, state.PaymentAuthorized, false, 19 * time.Minute, ""},
		{state.OrderReserved, state.PaymentProcessing, false, 12 * time.Minute, "PAYMENT"},
		{state.OrderReserved, state.PaymentUnknown, false, 11 * time.Minute, "PAYMENT"},
		{state.OrderReserved, state.PaymentProcessing, false, 9 * time.Minute, ""},
		{state.OrderReserved, state.PaymentNone, false, time.Hour, ""}, // it waits for its client
		{state.OrderPending, state.PaymentNone, false, 2 * time.Minute, "RESERVATION"},
		{state.OrderPending, state.PaymentNone, false, 30 * time.Second, ""},
		{state.OrderConfirmed, state.PaymentCaptured, false, time.Hour, ""},
		{state.OrderCanceled, state.PaymentDeclined, true, time.Hour, ""},
	} {
		order := waiting(test.status, test.payment, test.since)
		order.CancelRequested = test.canceled
		if order.Tenant = tenant; len(want)%2 == 0 {
			order.Tenant = "another"
		}
		if test.step != "" {
			want = append(want, strings.Join([]string{order.Tenant, order.ID, test.step}, " "))
		}
		insert(changes, order)
	}
	s.put(changes)
	got, count := s.stuckSteps(limits, 10)
	s.same("stuck orders", got, want)
	s.same("their number", count, int64(len(want)))
	first, count := s.stuckSteps(limits, 2)
	s.same("those that wait longest", first, want[:2])
	s.same("the number of all", count, int64(len(want)))
}

func testStuckLetters(s *suite) {
	confirmed, both := waiting(state.OrderConfirmed, state.PaymentCaptured, time.Hour), waiting(state.OrderPaid, state.PaymentAuthorized, time.Hour)
	replayed := waiting(state.OrderConfirmed, state.PaymentCaptured, time.Hour)
	message := waiting(state.OrderConfirmed, state.PaymentCaptured, time.Hour)
	letter := func(order *state.Order, aggregate string, ago time.Duration, text string) *state.DeadLetter {
		made := sampleDeadLetter(order, recently().Add(-ago))
		made.AggregateID, made.Error = aggregate, text
		return made
	}
	done := letter(replayed, replayed.ID, time.Hour, "done")
	done.ReplayedAt = recently()
	s.put(insert(newBatch(), confirmed, both, replayed, message, done,
		letter(confirmed, id.Derive("payment", confirmed.ID), 5*time.Minute, "of the payment"),
		letter(both, both.ID, 4*time.Minute, "older"), letter(both, id.Derive("payment", both.ID), 3*time.Minute, "newest"),
		letter(message, id.Derive("notification", message.ID), time.Minute, "of a message")))
	found, err := s.store.Stuck(s.context(), state.StepLimits{}, 10)
	s.must(err)
	s.same("stuck orders", found, state.StuckOrders{UnderWay: 1, Count: 2, Orders: []state.StuckOrder{
		{Tenant: tenant, OrderID: confirmed.ID, Step: "DEAD_LETTER", Since: found.Orders[0].Since, Error: "of the payment"},
		{Tenant: tenant, OrderID: both.ID, Step: "DEAD_LETTER", Since: found.Orders[1].Since, Error: "newest"},
	}})
}

func testStuckPayments(s *suite) {
	limits := state.StepLimits{Payment: 10 * time.Minute, Capture: 20 * time.Minute}
	changes := newBatch()
	var all []string
	add := func(owner string, kind state.PlayerPaymentType, status state.PlayerPaymentStatus, since time.Duration, call state.EffectState) {
		p := samplePlayerPayment("player-2")
		p.Tenant, p.Type, p.Status, p.UpdatedAt = owner, kind, status, recently().Add(-since)
		e := sampleEffect(sampleOrder(longAgo()), "hold/1")
		e.Tenant, e.AggregateID, e.State, e.LastError = owner, p.ID, call, "unreachable"
		insert(changes, p, e)
		all = append(all, p.ID)
	}
	const deposit, withdrawal = state.PlayerPaymentDeposit, state.PlayerPaymentWithdrawal
	add(tenant, deposit, state.PlayerPaymentAuthorized, 21*time.Minute, state.EffectOpen)
	add(tenant, deposit, state.PlayerPaymentAuthorized, 19*time.Minute, state.EffectOpen) // has time
	add("another", withdrawal, state.PlayerPaymentInDoubt, 12*time.Minute, state.EffectOpen)
	add(tenant, deposit, state.PlayerPaymentProcessing, 11*time.Minute, state.EffectOpen)
	add(tenant, deposit, state.PlayerPaymentProcessing, 9*time.Minute, state.EffectOpen)        // has time
	add(tenant, deposit, state.PlayerPaymentDeclined, time.Hour, state.EffectOpen)              // has ended, its void has not
	add(tenant, withdrawal, state.PlayerPaymentSucceeded, time.Hour, state.EffectDone)          // has ended
	add(tenant, withdrawal, state.PlayerPaymentInDoubt, time.Minute, state.EffectFailed)        // given up, a letter tells
	add(within(1), withdrawal, state.PlayerPaymentProcessing, 30*time.Minute, state.EffectOpen) // play money
	older := sampleDeadLetter(sampleOrder(longAgo()), recently().Add(-50*time.Second))
	newest := sampleDeadLetter(sampleOrder(longAgo()), recently().Add(-40*time.Second))
	done := sampleDeadLetter(sampleOrder(longAgo()), recently().Add(-time.Hour))
	older.AggregateID, newest.AggregateID, done.AggregateID = all[7], all[7], all[6]
	newest.Error, done.ReplayedAt = "refused", recently()
	s.put(insert(changes, older, newest, done))

	steps := func(tenant string, most int) (steps []string, count int64) {
		found, err := s.store.StuckPayments(s.context(), tenant, limits, most)
		s.must(err)
		for _, p := range found.Payments {
			steps = append(steps, strings.Join([]string{
				p.Tenant, p.PaymentID, p.PlayerID, p.Type.String(), p.Status.String(), p.Step, p.Error, p.LetterID,
			}, " "))
		}
		return steps, found.Count
	}
	captured := strings.Join([]string{tenant, all[0], "player-2 DEPOSIT AUTHORIZED CAPTURE unreachable "}, " ")
	paidOut := strings.Join([]string{"another", all[2], "player-2 WITHDRAWAL IN_DOUBT PAYOUT unreachable "}, " ")
	held := strings.Join([]string{tenant, all[3], "player-2 DEPOSIT PROCESSING PAYMENT unreachable "}, " ")
	told := strings.Join([]string{tenant, all[7], "player-2 WITHDRAWAL IN_DOUBT DEAD_LETTER refused", newest.ID}, " ")
	got, count := steps("", 10)
	s.same("stuck payments", got, []string{captured, paidOut, held, told})
	s.same("their number", count, int64(4))
	got, count = steps(tenant, 2)
	s.same("those of a tenant that wait longest", got, []string{captured, held})
	s.same("the number of all of the tenant", count, int64(3))
	got, _ = steps(within(1), 10)
	s.same("those of a sandbox that is asked for", len(got), 1)
}
