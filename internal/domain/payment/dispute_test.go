package payment

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// told is what a gateway says of its dispute dp_1 some minutes later.
func told(s state.DisputeState, amount int64, minutes int) Disputed {
	return Disputed{
		Name: name, Provider: "sim", ExternalID: "dp_1", State: s, Currency: "EUR", AmountMinor: amount, Reason: "fraudulent",
		AsOf: now.Add(time.Duration(minutes) * time.Minute),
	}
}

// paid are the steps to a captured payment of 1000.
func paid(steps ...any) []any {
	return append([]any{
		start, "PROCESSING, call hold/1 1000EUR", Held{Name: name, Attempt: 1}, "AUTHORIZED",
		Captured{Name: name, AmountMinor: 1000}, "CAPTURED, book capture 1000",
	}, steps...)
}

func TestDisputeWonOrLost(t *testing.T) {
	t.Parallel()
	opened := told(state.DisputeOpen, 400, 1)
	fee := opened
	fee.FeeMinor, fee.FeeTold, fee.DueBy = 15, true, now.Add(time.Hour)
	r := history(t, paid(
		told(state.DisputeInquiry, 400, 0), "CAPTURED",
		told(state.DisputeInquiry, 400, 0), "",
		opened, "CAPTURED, book dispute/1/1 400",
		opened, "",
		fee, "CAPTURED, book dispute/1/2 15",
		told(state.DisputeInquiryClosed, 400, 9), "", // older than an open one, whenever it says it is
		Refund{Name: name, AmountMinor: 601}, "REFUND_EXCEEDS_CAPTURED",
		Refund{Name: name, Rest: true}, "CAPTURED, call refund/1 600EUR",
		told(state.DisputeLost, 400, 2), "CAPTURED, book dispute/1/3 400",
		told(state.DisputeOpen, 400, 3), "",
		told(state.DisputeWon, 400, 1), "", // lost later than that
		RefundSettled{Name: name, Number: 1, Succeeded: true}, "PARTIALLY_REFUNDED, book refund/1 600",
		told(state.DisputeWon, 400, 4), "PARTIALLY_REFUNDED, book dispute/1/4 400",
		told(state.DisputeLost, 400, 5), "PARTIALLY_REFUNDED, book dispute/1/5 400", // a second chargeback
	)...)
	p := r[name.Ref()].(*state.Payment)
	if p.DisputedMinor != 0 || p.ChargedBackMinor != 400 || Left(p) != 0 || len(p.Disputes) != 1 || p.Disputes[0].FeeMinor != 15 {
		t.Errorf("in the end %+v", p)
	}
	won := history(t, paid(told(state.DisputeWon, 400, 2), "CAPTURED", told(state.DisputeOpen, 400, 1), "")...)
	if p := won[name.Ref()].(*state.Payment); Left(p) != 1000 || p.Disputes[0].State != state.DisputeWon {
		t.Errorf("won before it was opened: %+v", p)
	}
}

// A dispute that names the number of another payment is refused; one that names none, or comes before the number is known, is not.
func TestDisputeOfAnotherPayment(t *testing.T) {
	t.Parallel()
	other, own := told(state.DisputeOpen, 400, 1), told(state.DisputeOpen, 400, 1)
	other.Hold, own.Hold = "other", "ext"
	history(t,
		start, "PROCESSING, call hold/1 1000EUR",
		other, "PROCESSING", // nobody knows yet
	)
	history(t,
		start, "PROCESSING, call hold/1 1000EUR", Held{Name: name, Attempt: 1, ExternalID: "ext"}, "AUTHORIZED",
		Captured{Name: name, AmountMinor: 1000}, "CAPTURED, book capture 1000",
		other, "NOT_FOUND",
		own, "CAPTURED, book dispute/1/1 400",
		told(state.DisputeOpen, 400, 1), "",
	)
}

// What the gateway has withdrawn before the books have it waits for the capture's or the refund's outcome.
func TestDisputeWaitsForItsMoney(t *testing.T) {
	t.Parallel()
	history(t,
		told(state.DisputeOpen, 1000, 1), "NOT_FOUND",
		start, "PROCESSING, call hold/1 1000EUR",
		Held{Name: name, Attempt: 1}, "AUTHORIZED",
		told(state.DisputeOpen, 1000, 1), "AUTHORIZED",
		Captured{Name: name, AmountMinor: 1000}, "CAPTURED, book capture 1000, book dispute/1/1 1000",
	)
	r := history(t, paid(
		Refund{Name: name, AmountMinor: 300}, "CAPTURED, call refund/1 300EUR",
		told(state.DisputeOpen, 1000, 1), "CAPTURED",
		Refund{Name: name, Rest: true}, "REFUND_EXCEEDS_CAPTURED",
		BookDisputes{Name: name}, "",
		RefundSettled{Name: name, Number: 1, Reason: "charge_disputed"}, "CAPTURED, book dispute/1/1 1000",
	)...)
	if p := r[name.Ref()].(*state.Payment); Stuck(p) != "" || Left(p) != 0 {
		t.Errorf("in the end %+v", p)
	}
	stuck := history(t, paid(
		Refund{Name: name, AmountMinor: 300}, "CAPTURED, call refund/1 300EUR",
		RefundSettled{Name: name, Number: 1, Succeeded: true}, "PARTIALLY_REFUNDED, book refund/1 300",
		told(state.DisputeOpen, 1000, 1), "PARTIALLY_REFUNDED",
	)...)
	if p := stuck[name.Ref()].(*state.Payment); Stuck(p) != "dp_1" || Left(p) != 700 {
		t.Errorf("disputed beyond what is left: %+v", p)
	}
	if got := stuck.do(t, RefundReturned{Name: name, Number: 1}); got != "CAPTURED, book refund/1/returned 300, book dispute/1/1 1000" {
		t.Errorf("the refund came back: %q", got)
	}
}

func TestDisputeOfAnotherSum(t *testing.T) {
	t.Parallel()
	foreign := told(state.DisputeOpen, 400, 1)
	foreign.Currency, foreign.FeeMinor, foreign.FeeTold = "USD", 15, true
	elsewhere, nothing := told(state.DisputeOpen, 400, 1), told(state.DisputeOpen, 0, 1)
	elsewhere.Provider = "other"
	r := history(t, paid(
		elsewhere, "NOT_FOUND",
		nothing, "NOT_POSITIVE",
		foreign, "CAPTURED",
		told(state.DisputeOpen, 400, 2), "CAPTURED, book dispute/1/1 400",
		told(state.DisputeOpen, 300, 3), "CAPTURED, book dispute/1/2 100",
		told(state.DisputeLost, 350, 4), "CAPTURED, book dispute/1/3 300, book dispute/1/4 50",
		told(state.DisputeWon, 350, 5), "CAPTURED, book dispute/1/5 350",
	)...)
	if p := r[name.Ref()].(*state.Payment); Left(p) != 1000 || Stuck(p) != "" {
		t.Errorf("in the end %+v", p)
	}
	other := history(t, paid(foreign, "CAPTURED")...)
	if p := other[name.Ref()].(*state.Payment); Stuck(p) != "dp_1" || p.Disputes[0].FeeMinor != 0 {
		t.Errorf("in another currency: %+v", p)
	}
}

func TestDisputesHaveALimit(t *testing.T) {
	t.Parallel()
	p := &state.Payment{
		Tenant: "t", ID: name.Ref().ID, Provider: "sim", Status: state.PaymentCaptured, CapturedMinor: 10, Disputes: make([]state.Dispute, DisputeLimit),
	}
	if _, refusal := told(state.DisputeOpen, 1, 0).Decide(rows{p.Ref(): p}, now); refusal == nil || refusal.Reason != "TOO_MANY_DISPUTES" {
		t.Errorf("dispute %d: %v", DisputeLimit+1, refusal)
	}
}

func TestRefundThatComesBack(t *testing.T) {
	t.Parallel()
	history(t, paid(
		RefundReturned{Name: name, Number: 1}, "",
		Refund{Name: name, AmountMinor: 300}, "CAPTURED, call refund/1 300EUR",
		RefundReturned{Name: name, Number: 1}, "", // it is under way
		RefundSettled{Name: name, Number: 1, Succeeded: true}, "PARTIALLY_REFUNDED, book refund/1 300",
		Refund{Name: name, Rest: true}, "PARTIALLY_REFUNDED, call refund/2 700EUR",
		RefundSettled{Name: name, Number: 2, Succeeded: true}, "REFUNDED, book refund/2 700",
		RefundReturned{Name: name, Number: 2}, "PARTIALLY_REFUNDED, book refund/2/returned 700",
		RefundReturned{Name: name, Number: 2}, "",
		RefundReturned{Name: name, Number: 1}, "CAPTURED, book refund/1/returned 300",
		Refund{Name: name, Rest: true}, "CAPTURED, call refund/3 1000EUR",
	)...)
	if _, refusal := (RefundReturned{Name: name}).Decide(rows{}, now); refusal == nil || refusal.Code != fault.NotFound {
		t.Errorf("without a payment: %v", refusal)
	}
}

// Whatever is told, in any order, the ledger has what the sums say, nothing leaves the payment beyond what was captured, and the order
// in which the same words come makes no difference where the money suffices.
func TestAnyWordsOfDisputes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Disputed {
			c := told(state.DisputeState(rapid.IntRange(1, 5).Draw(t, "state")), rapid.Int64Range(1, 600).Draw(t, "amount"), 0)
			c.ExternalID = rapid.SampledFrom([]string{"dp_1", "dp_2", "dp_3"}).Draw(t, "dispute")
			c.FeeMinor, c.FeeTold = rapid.Int64Range(0, 20).Draw(t, "fee"), rapid.Bool().Draw(t, "fee told")
			return c
		}), 1, 20).Draw(t, "words")
		for i := range words {
			words[i].AsOf = now.Add(time.Duration(i) * time.Minute) // no two at once
			words[i].FeeTold = words[i].FeeTold && words[i].State.Withdrawn()
		}
		captured := &state.Payment{
			Tenant: "t", ID: name.Ref().ID, OrderID: name.OrderID, Provider: "sim", Currency: "EUR", Status: state.PaymentCaptured,
			AmountMinor: 1000, CapturedMinor: 1000, Version: 1,
		}
		r := rows{captured.Ref(): captured}
		books := map[string]int64{}
		for _, i := range rapid.Permutation(indexes(len(words))).Draw(t, "order") {
			decision, refusal := words[i].Decide(r, now)
			if refusal != nil {
				t.Fatal(refusal)
			}
			follow(r, decision, books)
			p := r[captured.Ref()].(*state.Payment)
			checkBooks(t, p, books)
		}
		p := r[captured.Ref()].(*state.Payment)
		for _, d := range p.Disputes {
			if newest := newestOf(words, d.ExternalID); d.State != newest.State || d.AmountMinor != newest.AmountMinor {
				t.Fatalf("%+v, the newest word is %+v", d, newest)
			}
			if waits(d) && !strings.Contains(Stuck(p), d.ExternalID) {
				t.Fatalf("%+v waits, and nobody is told: %+v", d, p)
			}
		}
	})
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// newestOf is what counts of a dispute in the end.
func newestOf(words []Disputed, externalID string) (newest Disputed) {
	for _, word := range words {
		if word.ExternalID == externalID && rank(word.State) >= rank(newest.State) {
			newest = word
		}
	}
	return newest
}

// follow takes a decision over and adds its transfers up.
func follow(r rows, decision domain.Decision, books map[string]int64) {
	for _, change := range decision.Changes {
		r[change.After.Ref()] = change.After
	}
	for _, transfer := range decision.Transfers {
		for _, entry := range transfer.Entries {
			account, _ := ledger.Parse(entry.Account)
			books[string(account.Kind)] += entry.AmountMinor
		}
	}
}

func checkBooks(t *rapid.T, p *state.Payment, books map[string]int64) {
	fees, disputed, lost := int64(0), int64(0), int64(0)
	for _, d := range p.Disputes {
		fees += d.FeeMinor
		switch d.Booked {
		case state.DisputeOpen:
			disputed += d.BookedMinor
		case state.DisputeLost:
			lost += d.BookedMinor
		default:
		}
	}
	switch {
	case Left(p) < 0 || p.DisputedMinor != disputed || p.ChargedBackMinor != lost:
		t.Fatalf("the sums are wrong: %+v", p)
	case books[ledger.Disputes] != -disputed || books[ledger.Chargebacks] != -lost || books[ledger.GatewayFees] != -fees,
		books[ledger.GatewayClearing] != disputed+lost+fees:
		t.Fatalf("the ledger has %v of %+v", books, p)
	}
}
