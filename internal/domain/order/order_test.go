package order_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// world is the rows that a test gives.
type world map[state.Ref]state.Row

func (w world) Get(ref state.Ref) state.Row { return w[ref] }

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const orderID = "order:019b0000-0000-7000-8000-000000000001"

var name = order.Name{Tenant: "t", OrderID: orderID}

// given is an order of one line in a status.
func given(status state.OrderStatus, payment state.PaymentStatus, change ...func(*state.Order)) *state.Order {
	o := &state.Order{
		Tenant: "t", ID: orderID, CustomerID: "c", Status: status, PaymentStatus: payment, Currency: "EUR", AmountMinor: 1000,
		Lines: []state.Line{{SKU: "A", Quantity: 1, PriceMinor: 1000}}, ExpiresAt: now.Add(time.Minute), Version: 3,
	}
	if status == state.OrderConfirmed {
		o.CapturedMinor = o.AmountMinor
	}
	for _, c := range change {
		c(o)
	}
	return o
}

// when decides a command on an order and answers the order after it.
func when(o *state.Order, c domain.Command, at time.Time) (*state.Order, domain.Decision, *fault.Fault) {
	before := *o
	decision, refusal := c.Decide(world{o.Ref(): o}, at)
	if before.Version != o.Version || before.Status != o.Status {
		panic("a decision changed the loaded row")
	}
	for i, change := range decision.Changes {
		after, _ := change.After.(*state.Order)
		if after.Version != before.Version+int64(i)+1 || change.Event == "" {
			panic("every change of an order is one version and one event")
		}
		o = after
	}
	return o, decision, refusal
}

func TestTransitions(t *testing.T) {
	keep := func(o *state.Order) { o.KeepOnDecline = true }
	free := func(o *state.Order) { o.AmountMinor = 0 }
	asked := func(o *state.Order) { o.CancelRequested = true }
	compensating := func(o *state.Order) { o.CancelRequested, o.CapturedMinor, o.RefundPendingMinor = true, 1000, 1000 }
	for title, test := range map[string]struct {
		given   *state.Order
		when    domain.Command
		status  state.OrderStatus
		payment state.PaymentStatus
		reason  string // of the status, or of the refusal
		refused fault.Code
		same    bool // nothing changes
	}{
		"pending is reserved":                 {given: given(1, 0), when: order.MarkReserved{Name: name}, status: 2},
		"reserved with an intent pays":        {given: given(1, 1), when: order.MarkReserved{Name: name}, status: 2, payment: 2},
		"free with an intent is paid at once": {given: given(1, 1, free), when: order.MarkReserved{Name: name}, status: 3, payment: 4},
		"reserved twice":                      {given: given(2, 0), when: order.MarkReserved{Name: name}, status: 2, same: true},
		"out of stock":                        {given: given(1, 1), when: order.RejectStock{Name: name, SKU: "A"}, status: 5, reason: "OUT_OF_STOCK"},
		"pay pending is an intent":            {given: given(1, 0), when: order.Pay{Name: name}, status: 1, payment: 1},
		"pay reserved":                        {given: given(2, 0), when: order.Pay{Name: name}, status: 2, payment: 2},
		"pay again after a decline":           {given: given(2, 5), when: order.Pay{Name: name}, status: 2, payment: 2},
		"pay nothing":                         {given: given(2, 0, free), when: order.Pay{Name: name}, status: 3, payment: 4},
		"pay twice":                           {given: given(2, 2), when: order.Pay{Name: name}, refused: fault.FailedPrecondition, reason: "PAYMENT_IN_PROGRESS"},
		"pay in doubt":                        {given: given(2, 9), when: order.Pay{Name: name}, refused: fault.FailedPrecondition, reason: "PAYMENT_IN_PROGRESS"},
		"pay confirmed":                       {given: given(4, 4), when: order.Pay{Name: name}, refused: fault.FailedPrecondition, reason: "ILLEGAL_TRANSITION"},
		"pay an older version":                {given: given(2, 0), when: order.Pay{Name: name, ExpectedVersion: 2}, refused: fault.Aborted, reason: "VERSION_CONFLICT"},
		"illegal comes before stale":          {given: given(5, 0), when: order.Pay{Name: name, ExpectedVersion: 2}, refused: fault.FailedPrecondition, reason: "ILLEGAL_TRANSITION"},
		"held is paid":                        {given: given(2, 2), when: order.MarkPaid{Name: name}, status: 3, payment: 3},
		"held after the end":                  {given: given(5, 2), when: order.MarkPaid{Name: name}, status: 5, payment: 2, same: true},
		"declined":                            {given: given(2, 2), when: order.PaymentDeclined{Name: name, Reason: "x"}, status: 5, payment: 5, reason: "PAYMENT_DECLINED"},
		"declined and kept":                   {given: given(2, 2, keep), when: order.PaymentDeclined{Name: name, Reason: "x"}, status: 2, payment: 5},
		"captured is confirmed":               {given: given(3, 3), when: order.Confirm{Name: name, CapturedMinor: 1000}, status: 4, payment: 4},
		"capture failed":                      {given: given(3, 3), when: order.CaptureFailed{Name: name, Reason: "x"}, status: 5, payment: 5, reason: "PAYMENT_FAILED"},
		"cancel pending":                      {given: given(1, 1), when: order.Cancel{Name: name}, status: 5, reason: "CANCELED_BY_CLIENT"},
		"cancel reserved while paying":        {given: given(2, 2), when: order.Cancel{Name: name}, status: 5, payment: 2, reason: "CANCELED_BY_CLIENT"},
		"cancel paid is a request":            {given: given(3, 3), when: order.Cancel{Name: name}, status: 3, payment: 3},
		"cancel paid again":                   {given: given(3, 3, asked), when: order.Cancel{Name: name}, status: 3, payment: 3, same: true},
		"cancel confirmed":                    {given: given(4, 4), when: order.Cancel{Name: name}, refused: fault.FailedPrecondition, reason: "ILLEGAL_TRANSITION"},
		"compensated ends refunded":           {given: given(3, 4, compensating), when: order.RefundSettled{Name: name, AmountMinor: 1000, Succeeded: true}, status: 6, payment: 8, reason: "CANCELED_BY_CLIENT"},
		"refund the rest":                     {given: given(4, 4), when: order.Refund{Name: name}, status: 4, payment: 4},
		"refund too much":                     {given: given(4, 4), when: order.Refund{Name: name, Amount: &order.Priced{Currency: "EUR", AmountMinor: 1001}}, refused: fault.FailedPrecondition, reason: "REFUND_EXCEEDS_CAPTURED"},
		"refund in another currency":          {given: given(4, 4), when: order.Refund{Name: name, Amount: &order.Priced{Currency: "USD", AmountMinor: 1}}, refused: fault.InvalidArgument, reason: "CURRENCY_MISMATCH"},
		"refund reserved":                     {given: given(2, 0), when: order.Refund{Name: name}, refused: fault.FailedPrecondition, reason: "ILLEGAL_TRANSITION"},
		"expire too early":                    {given: given(2, 0), when: order.Expire{Name: name}, refused: fault.Aborted, reason: "TOO_EARLY"},
		"expire while paying":                 {given: given(2, 2), when: order.Expire{Name: name}, status: 2, payment: 2, same: true},
	} {
		t.Run(title, func(t *testing.T) {
			after, decision, refusal := when(test.given, test.when, now)
			if test.refused != 0 {
				if refusal == nil || refusal.Code != test.refused || refusal.Reason != test.reason {
					t.Fatalf("refused with %v, want %s", refusal, test.reason)
				}
				return
			}
			if refusal != nil {
				t.Fatal(refusal)
			}
			if after.Status != test.status || after.PaymentStatus != test.payment {
				t.Errorf("is %v with payment %v, want %v with %v", after.Status, after.PaymentStatus, test.status, test.payment)
			}
			if test.reason != "" && after.StatusReason != test.reason {
				t.Errorf("reason %q, want %q", after.StatusReason, test.reason)
			}
			if test.same != (len(decision.Changes) == 0) {
				t.Errorf("%d changes", len(decision.Changes))
			}
		})
	}
}

// Whoever stops owning an order clears its timer, and whoever starts sets it.
func TestTimerOwnsUnpaidOrders(t *testing.T) {
	for title, test := range map[string]struct {
		given *state.Order
		when  domain.Command
		due   time.Time
	}{
		"an accepted payment suspends": {given(2, 0), order.Pay{Name: name}, time.Time{}},
		"a kept decline resumes": {
			given(2, 2, func(o *state.Order) { o.KeepOnDecline = true }), order.PaymentDeclined{Name: name}, now.Add(time.Minute),
		},
		"the end clears": {given(2, 0), order.Cancel{Name: name}, time.Time{}},
	} {
		t.Run(title, func(t *testing.T) {
			_, decision, _ := when(test.given, test.when, now)
			if len(decision.Timers) != 1 || !decision.Timers[0].DueAt.Equal(test.due) || decision.Timers[0].Kind != order.TimerExpire {
				t.Errorf("timers %v, want one due at %v", decision.Timers, test.due)
			}
		})
	}
}

func TestExpireEndsWhenDue(t *testing.T) {
	after, _, refusal := when(given(2, 5), order.Expire{Name: name}, now.Add(time.Minute))
	if refusal != nil || after.Status != state.OrderCanceled || after.StatusReason != "EXPIRED" {
		t.Errorf("%v %s %v", after.Status, after.StatusReason, refusal)
	}
}

func TestAnotherTenantsOrderIsNotFound(t *testing.T) {
	o := given(2, 0)
	stranger := order.Cancel{Name: order.Name{Tenant: "other", OrderID: orderID}}
	if _, refusal := stranger.Decide(world{o.Ref(): o}, now); refusal == nil || refusal.Code != fault.NotFound {
		t.Errorf("answered %v", refusal)
	}
}

// Whatever refunds are asked for and however they settle, what is given back and pending never exceeds what was captured.
func TestRefundsNeverExceedCaptured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := given(state.OrderConfirmed, state.PaymentCaptured)
		var pending []int64
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if len(pending) > 0 && rapid.Bool().Draw(t, "settle") {
				settled, _, refusal := when(o, order.RefundSettled{Name: name, AmountMinor: pending[0], Succeeded: rapid.Bool().Draw(t, "ok")}, now)
				if refusal != nil {
					t.Fatal(refusal)
				}
				o, pending = settled, pending[1:]
			} else {
				amount := rapid.Int64Range(1, 700).Draw(t, "amount")
				asked, _, refusal := when(o, order.Refund{Name: name, Amount: &order.Priced{Currency: "EUR", AmountMinor: amount}}, now)
				if refusal == nil {
					o, pending = asked, append(pending, amount)
				}
			}
			if o.RefundedMinor+o.RefundPendingMinor > o.CapturedMinor || o.RefundedMinor < 0 || o.RefundPendingMinor < 0 {
				t.Fatalf("refunded %d, pending %d of %d", o.RefundedMinor, o.RefundPendingMinor, o.CapturedMinor)
			}
			if (o.Status == state.OrderRefunded) != (o.RefundedMinor == o.CapturedMinor) {
				t.Fatalf("is %v with %d of %d back", o.Status, o.RefundedMinor, o.CapturedMinor)
			}
		}
	})
}

func TestCreateAddsUp(t *testing.T) {
	draft := order.Draft{
		Tenant: "t", CustomerID: "c", Currency: "EUR", SKUs: []string{"A", "A"}, Quantities: []int32{2, 1},
		Prices:          []order.Priced{{"EUR", 250}, {"EUR", 100}},
		AdjustmentNames: []string{"discount"}, AdjustmentAmounts: []order.Priced{{"EUR", -50}},
	}
	create, refusal := order.NewCreate(draft, time.Minute, id.Random{1})
	if refusal != nil || create.AmountMinor != 550 {
		t.Fatalf("amount %d, refusal %v", create.AmountMinor, refusal)
	}
	decision, _ := create.Decide(world{}, now)
	created, _ := decision.Changes[0].After.(*state.Order)
	uuid, ok := id.Parse("order", created.ID)
	if !ok || !uuid.Time().Equal(created.CreatedAt) || created.Version != 1 {
		t.Errorf("id %q made at %v, created at %v", created.ID, uuid.Time(), created.CreatedAt)
	}
}

// Every violation of a draft is told at once, with its field.
func TestCreateTellsEveryViolation(t *testing.T) {
	draft := order.Draft{
		Currency: "XXQ", SKUs: []string{"A", "B", "C"}, Quantities: []int32{1, 1, 2},
		Prices: []order.Priced{{"EUR", 1}, {"XXQ", -1}, {"XXQ", money.Limit}},
	}
	_, refusal := order.NewCreate(draft, time.Minute, id.Random{})
	if refusal == nil || refusal.Code != fault.InvalidArgument {
		t.Fatal(refusal)
	}
	want := []string{"currency", "items[0].price.currency", "items[1].price.amount_minor", "items[2]"}
	if len(refusal.Violations) != len(want) {
		t.Fatalf("%v", refusal.Violations)
	}
	for i, violation := range refusal.Violations {
		if violation.Field != want[i] {
			t.Errorf("violation %d is of %q, want %q", i, violation.Field, want[i])
		}
	}
}

// Why a refund failed is told until another one is asked for; a refunded order does not say that it could not be.
func TestFailedRefundIsToldUntilTheNext(t *testing.T) {
	o := given(state.OrderConfirmed, state.PaymentCaptured)
	for _, step := range []struct {
		when   domain.Command
		detail string
	}{
		{order.Refund{Name: name}, ""},
		{order.RefundSettled{Name: name, AmountMinor: 1000, Reason: "no funds"}, "no funds"},
		{order.Refund{Name: name}, ""},
		{order.RefundSettled{Name: name, AmountMinor: 1000, Reason: "no funds"}, "no funds"},
		{order.Operate{Name: name, Action: order.OperatorCompensation, Operator: "ann", Words: "they called"}, "ann: they called"},
		{order.Refund{Name: name, Words: "ann: they called"}, "ann: they called"},
		{order.RefundSettled{Name: name, AmountMinor: 1000, Succeeded: true}, "ann: they called"},
	} {
		after, _, refusal := when(o, step.when, now)
		if refusal != nil || after.StatusDetail != step.detail {
			t.Fatalf("after %+v the order says %q, want %q (%v)", step.when, after.StatusDetail, step.detail, refusal)
		}
		o = after
	}
	if o.Status != state.OrderRefunded {
		t.Errorf("the order is %v", o.Status)
	}
}
