package payment

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	purse      = ledger.ID("ann", ledger.PlayerCash, "EUR")
	fromWallet = FromWallet{Name: name, Account: purse}
	startThere = Start{Name: name, CustomerID: "ann", Currency: "EUR", AmountMinor: 1000, Provider: "sim", Token: Wallet}
)

// purseOf is a world in which Ann has an amount.
func purseOf(amount int64) rows {
	a := &state.Account{Account: ledger.Account{Tenant: "t", ID: purse, BalanceMinor: amount, Entries: 1, Version: 1}}
	return rows{a.Ref(): a}
}

// steps carries commands out in a world and compares what comes of each.
func (r rows) steps(t *testing.T, steps ...any) {
	t.Helper()
	for i := 0; i < len(steps); i += 2 {
		if got := r.do(t, steps[i].(domain.Command)); got != steps[i+1] {
			t.Errorf("step %d, %T: %q, want %q", i/2, steps[i], got, steps[i+1])
		}
	}
}

func (r rows) balances() (balance, held int64) {
	a := r[state.AccountRef("t", purse)].(*state.Account)
	return a.BalanceMinor, a.HeldMinor
}

// No gateway is called for a payment from a wallet, and each step is done once however often it is asked for.
func TestFromWallet(t *testing.T) {
	t.Parallel()
	r := purseOf(1500)
	r.steps(t,
		fromWallet, "",
		startThere, "PROCESSING",
		startThere, "PAYMENT_IN_PROGRESS",
		fromWallet, "AUTHORIZED",
	)
	if balance, held := r.balances(); balance != 1500 || held != 1000 {
		t.Errorf("held: %d of %d", held, balance)
	}
	r.steps(t,
		Capture{Name: name, Attempt: 1}, "",
		fromWallet, "CAPTURED, book capture 1000",
		fromWallet, "",
		Refund{Name: name, AmountMinor: 300}, "CAPTURED",
		Refund{Name: name, AmountMinor: 200}, "CAPTURED",
		fromWallet, "PARTIALLY_REFUNDED, book refund/1 300",
		fromWallet, "PARTIALLY_REFUNDED, book refund/2 200",
		fromWallet, "",
		told(state.DisputeOpen, 400, 1), "NOT_FOUND",
		Refund{Name: name, Rest: true}, "PARTIALLY_REFUNDED",
		fromWallet, "REFUNDED, book refund/3 500",
		fromWallet, "",
	)
	if balance, held := r.balances(); balance != 1500 || held != 0 {
		t.Errorf("in the end %d, held %d", balance, held)
	}
	if p := r[name.Ref()].(*state.Payment); p.Provider != Wallet || p.ExternalID != purse || p.Token != "" {
		t.Errorf("in the end %+v", p)
	}
}

func TestFromWalletWithoutMoney(t *testing.T) {
	t.Parallel()
	r := purseOf(999)
	smaller := startThere
	smaller.AmountMinor = 999
	r.steps(t,
		startThere, "PROCESSING",
		fromWallet, "DECLINED",
		fromWallet, "",
		smaller, "PROCESSING",
		Abandon{name}, "PROCESSING",
		fromWallet, "DECLINED",
		smaller, "PROCESSING",
	)
	if p := r[name.Ref()].(*state.Payment); p.Attempt != 3 {
		t.Errorf("in the end %+v", p)
	}
	if balance, held := r.balances(); balance != 999 || held != 0 {
		t.Errorf("in the end %d, held %d", balance, held)
	}
	none := rows{}
	none.steps(t, startThere, "PROCESSING", fromWallet, "DECLINED")
	if p := none[name.Ref()].(*state.Payment); p.DeclineReason != "insufficient_funds" {
		t.Errorf("without an account: %+v", p)
	}
}

// Money is set aside of a verified player only, where that is asked for; what was set aside is taken, whatever becomes of the check.
func TestVerifiedWhenHeld(t *testing.T) {
	t.Parallel()
	checked := fromWallet
	checked.Checked = true
	r := purseOf(1000)
	declined := func(who string) {
		t.Helper()
		r.steps(t, startThere, "PROCESSING", checked, "DECLINED")
		if p := r[name.Ref()].(*state.Payment); p.DeclineReason != "kyc_required" {
			t.Errorf("%s: %+v", who, p)
		}
	}
	declined("nobody")
	ann := &state.Player{Tenant: "t", ID: "player:ann", Currency: "EUR", KYC: state.KYCRejected}
	r[ann.Ref()] = ann
	declined("rejected")
	ann.KYC = state.KYCVerified
	r.steps(t, startThere, "PROCESSING", checked, "AUTHORIZED")
	ann.KYC = state.KYCRejected
	r.steps(t, checked, "CAPTURED, book capture 1000")
	if !slices.Contains(checked.Refs(), ann.Ref()) || slices.Contains(fromWallet.Refs(), ann.Ref()) {
		t.Error("the player is named where it is looked at, and only there")
	}
}

func TestVoidedInWallet(t *testing.T) {
	t.Parallel()
	r := purseOf(1000)
	r.steps(t,
		startThere, "PROCESSING",
		fromWallet, "AUTHORIZED",
		Void{name}, "AUTHORIZED",
		fromWallet, "VOIDED",
		fromWallet, "",
	)
	if balance, held := r.balances(); balance != 1000 || held != 0 {
		t.Errorf("in the end %d, held %d", balance, held)
	}
}

func TestPayers(t *testing.T) {
	t.Parallel()
	ann := &state.Player{Tenant: "t", ID: "player:ann", Currency: "EUR", Flags: state.Flags{Excluded: true}}
	r := rows{ann.Ref(): ann}
	r.steps(t,
		Payer{"t", "ann", "EUR", false}, "", // who may not play may buy
		Payer{"t", "ann", "EUR", true}, "KYC_REQUIRED",
		Payer{"t", "ann", "USD", false}, "CURRENCY_MISMATCH",
		Payer{"t", "bob", "EUR", false}, "PLAYER_UNKNOWN",
		Payer{"u", "ann", "EUR", false}, "PLAYER_UNKNOWN",
	)
	_, refusal := Payer{"t", "bob", "EUR", true}.Decide(r, now)
	if len(refusal.Violations) != 1 || refusal.Violations[0].Field != "payment_token" || !strings.Contains(refusal.Message, `"bob"`) {
		t.Errorf("told: %v", refusal)
	}
}

// Whatever happens to a payment in any order, the account has what it had less what was captured and not refunded, and holds what is
// authorized.
func TestAnyOrderInWallet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := purseOf(rapid.SampledFrom([]int64{0, 999, 1000, 5000}).Draw(t, "balance"))
		before, _ := r.balances()
		books := map[string]int64{}
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			decision, refusal := rapid.SampledFrom([]domain.Command{
				startThere, fromWallet, fromWallet, fromWallet, Abandon{name}, Void{name}, Capture{Name: name, Attempt: 1},
				Refund{Name: name, AmountMinor: rapid.Int64Range(1, 1000).Draw(t, "amount")}, Refund{Name: name, Rest: true},
				CallAgain{Name: name, Step: "hold/1"}, CallAgain{Name: name, Step: "capture/1"}, CallAgain{Name: name, Step: "refund/1"},
			}).Draw(t, "command").Decide(r, now)
			if refusal != nil {
				continue
			}
			for _, change := range decision.Changes {
				if _, called := change.After.(*state.Effect); called {
					t.Fatalf("a gateway is called: %+v", change.After)
				}
			}
			follow(r, decision, books)
			checkPurse(t, r, before, books)
		}
	})
}

func checkPurse(t *rapid.T, r rows, before int64, books map[string]int64) {
	p, _ := r[name.Ref()].(*state.Payment)
	if p == nil {
		return
	}
	balance, held := r.balances()
	wanted := int64(0)
	if p.Status == state.PaymentAuthorized {
		wanted = p.AmountMinor
	}
	kept := p.CapturedMinor - p.RefundedMinor
	if balance != before-kept || held != wanted || balance < held {
		t.Fatalf("%d of %d, held %d: %+v", balance, before, held, p)
	}
	if books[string(ledger.OrderRevenue)] != kept || books[string(ledger.PlayerCash)] != -kept || books[ledger.GatewayClearing] != 0 {
		t.Fatalf("the ledger has %v of %+v", books, p)
	}
}
