package ledger_test

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/money"
)

// kept is what a store keeps.
type kept struct {
	accounts  map[string]*ledger.Account
	holds     map[string]*ledger.Hold
	transfers []ledger.Transfer
}

func (k *kept) open(now time.Time) *ledger.Books {
	return ledger.Open("t", now, ledger.Source{
		Account: func(id string) *ledger.Account { return k.accounts[id] },
		Hold:    func(id string) *ledger.Hold { return k.holds[id] },
	})
}

func (k *kept) store(books *ledger.Books) {
	maps.Copy(k.accounts, books.Accounts())
	maps.Copy(k.holds, books.Holds())
	k.transfers = append(k.transfers, books.Transfers()...)
}

func newKept() *kept {
	return &kept{accounts: map[string]*ledger.Account{}, holds: map[string]*ledger.Hold{}}
}

// model is the ledger as a child would keep it.
type model struct {
	balance map[string]int64
	holds   map[string]*modelHold
}

type modelHold struct {
	account  string
	left     int64
	amount   int64
	several  bool
	open     bool
	status   string
	expires  int
	captures map[string]int64
}

func (m *model) available(account string) int64 {
	available := m.balance[account]
	for _, h := range m.holds {
		if h.account == account && h.open {
			available -= h.left
		}
	}
	return available
}

var (
	ann   = ledger.ID("ann", ledger.PlayerCash, "EUR")
	bob   = ledger.ID("bob", ledger.PlayerCash, "EUR")
	house = ledger.ID("", ledger.House, "EUR")
)

func guarded(account string) bool { return account != house }

// Against a model: whatever is moved, held, captured, voided and expired, in any order and again, one by one or several in one decision,
// the ledger does or refuses what the model does, for the reason that it gives (requirement P-3).
func TestBooksAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, m := newKept(), &model{balance: map[string]int64{}, holds: map[string]*modelHold{}}
		start, now := time.Unix(1_000_000, 0).UTC(), 0
		for range rapid.IntRange(1, 40).Draw(t, "decisions") {
			now += rapid.IntRange(0, 3).Draw(t, "later")
			books := k.open(start.Add(time.Duration(now) * time.Second))
			for range rapid.IntRange(1, 3).Draw(t, "steps") {
				got, want := step(t, books, m, start, now, len(k.transfers)+len(books.Transfers()))
				if reason(got) != want {
					t.Fatalf("refused %q (%v), the model says %q", reason(got), got, want)
				}
			}
			k.store(books)
			check(t, k, m)
		}
	})
}

// step does something to the books and to the model, and answers what each says.
func step(t *rapid.T, books *ledger.Books, m *model, start time.Time, now, number int) (*fault.Fault, string) {
	account := rapid.SampledFrom([]string{ann, bob, house}).Draw(t, "account")
	to := rapid.SampledFrom([]string{ann, bob, house}).Draw(t, "to")
	amount := rapid.SampledFrom([]int64{-1, 0, 1, 5, 10, 100}).Draw(t, "amount")
	name := "hold:" + strconv.Itoa(rapid.IntRange(1, 4).Draw(t, "hold"))
	transfer := ledger.Transfer{ID: fmt.Sprintf("transfer:%d", number), Kind: "test", Currency: "EUR"}
	switch rapid.SampledFrom([]string{"move", "move", "place", "place", "capture", "capture", "void", "expire"}).Draw(t, "what") {
	case "move":
		return books.Move(transfer, account, to, amount), m.move(account, to, amount)
	case "place":
		if !guarded(account) {
			account = ann
		}
		several, expires := rapid.Bool().Draw(t, "several"), rapid.SampledFrom([]int{0, 5}).Draw(t, "expires")
		hold := ledger.Hold{ID: name, Account: account, AmountMinor: amount, Several: several}
		if expires > 0 {
			hold.ExpiresAt = start.Add(time.Duration(expires) * time.Second)
		}
		_, refusal := books.Place(hold)
		return refusal, m.place(name, &modelHold{account: account, left: amount, amount: amount, several: several, expires: expires})
	case "capture":
		capture := ledger.Capture{Transfer: transfer, HoldID: name, To: to, AmountMinor: amount, Last: rapid.Bool().Draw(t, "last")}
		if again := rapid.IntRange(0, 4).Draw(t, "again"); again < number && again > 0 {
			capture.ID = fmt.Sprintf("transfer:%d", number-again)
			if h := m.holds[name]; h == nil || h.captures[capture.ID] == 0 { // of another hold the store would refuse it
				capture.ID = transfer.ID
			}
		}
		_, refusal := books.Capture(capture)
		return refusal, m.capture(name, capture)
	case "void":
		_, refusal := books.Void(name)
		return refusal, m.end(name, "VOIDED", 0)
	default:
		_, refusal := books.Expire(name)
		return refusal, m.end(name, "EXPIRED", now)
	}
}

func (m *model) move(from, to string, amount int64) string {
	switch {
	case amount <= 0:
		return "NOT_POSITIVE"
	case guarded(from) && m.available(from) < amount:
		return "INSUFFICIENT_FUNDS"
	}
	m.balance[from] -= amount
	m.balance[to] += amount
	return ""
}

func (m *model) place(name string, hold *modelHold) string {
	before := m.holds[name]
	switch {
	case hold.amount <= 0:
		return "NOT_POSITIVE"
	case before != nil && (before.account != hold.account || before.amount != hold.amount || before.several != hold.several ||
		before.expires != hold.expires):
		return "DUPLICATE"
	case before != nil:
		return ""
	case m.available(hold.account) < hold.amount:
		return "INSUFFICIENT_FUNDS"
	}
	hold.open, hold.status, hold.captures = true, "OPEN", map[string]int64{}
	m.holds[name] = hold
	return ""
}

func (m *model) capture(name string, c ledger.Capture) string {
	hold := m.holds[name]
	if hold == nil {
		return "NOT_FOUND"
	}
	if before := hold.captures[c.ID]; before != 0 {
		if c.AmountMinor != 0 && c.AmountMinor != before {
			return "DUPLICATE"
		}
		return ""
	}
	amount := c.AmountMinor
	if amount == 0 {
		amount = hold.left
	}
	switch {
	case !hold.open:
		return "INVALID_STATE"
	case amount < 0:
		return "NOT_POSITIVE"
	case amount > hold.left:
		return "INVALID_STATE"
	}
	m.balance[hold.account] -= amount
	m.balance[c.To] += amount
	hold.left -= amount
	hold.captures[c.ID] = amount
	if !hold.several || c.Last || hold.left == 0 {
		hold.open, hold.status = false, "CAPTURED"
	}
	return ""
}

func (m *model) end(name, status string, now int) string {
	hold := m.holds[name]
	switch {
	case hold == nil:
		return "NOT_FOUND"
	case hold.status == "CAPTURED" && status == "VOIDED":
		return "INVALID_STATE"
	case !hold.open:
		return ""
	case status == "EXPIRED" && (hold.expires == 0 || now < hold.expires):
		return "TOO_EARLY"
	}
	hold.open, hold.status = false, status
	return ""
}

// check compares what is kept with the model, and with itself.
func check(t *rapid.T, k *kept, m *model) {
	sums, numbers := map[string]int64{}, map[string]int64{}
	for _, transfer := range k.transfers {
		if err := transfer.Check(); err != nil {
			t.Fatal(err)
		}
		for _, entry := range transfer.Entries {
			sums[entry.Account] += entry.AmountMinor
			if !guarded(entry.Account) {
				continue
			}
			numbers[entry.Account]++
			if entry.Number != numbers[entry.Account] || entry.BalanceMinor != sums[entry.Account] || entry.BalanceMinor < 0 {
				t.Fatalf("entry %+v follows %d entries of %d", entry, numbers[entry.Account]-1, sums[entry.Account]-entry.AmountMinor)
			}
		}
	}
	for _, account := range []string{ann, bob, house} {
		if sums[account] != m.balance[account] {
			t.Fatalf("%s has %d, the model says %d", account, sums[account], m.balance[account])
		}
		if a := k.accounts[account]; a != nil && (a.BalanceMinor != sums[account] || a.Entries != numbers[account] ||
			a.AvailableMinor() != m.available(account) || a.AvailableMinor() < 0 || a.HeldMinor < 0) {
			t.Fatalf("%+v, the model says %d available of %d", *a, m.available(account), sums[account])
		}
	}
	for name, want := range m.holds {
		if got := k.holds[name]; got == nil || got.Status.String() != want.status || got.AmountMinor-got.CapturedMinor != want.left {
			t.Fatalf("%s is %+v, the model says %+v", name, got, *want)
		}
	}
}

func reason(f *fault.Fault) string {
	if f == nil {
		return ""
	}
	return f.Reason
}

// A refusal says how much is available, and leaves the books as they were.
func TestRefusalsLeaveTheBooks(t *testing.T) {
	books := newKept().open(time.Unix(1, 0))
	transfer := ledger.Transfer{ID: "transfer:1", Kind: "test", Currency: "EUR"}
	if refusal := books.Move(transfer, house, ann, 30); refusal != nil {
		t.Fatal(refusal)
	}
	if _, refusal := books.Place(ledger.Hold{ID: "hold:1", Account: ann, AmountMinor: 20}); refusal != nil {
		t.Fatal(refusal)
	}
	before := books.Account(ann)
	for name, refusal := range map[string]*fault.Fault{
		"INSUFFICIENT_FUNDS": books.Move(transfer, ann, house, 11),
		"AMOUNT_OVERFLOW":    books.Move(transfer, house, ann, money.Limit),
		"INTERNAL":           books.Move(transfer, house, ledger.ID("ann", ledger.PlayerCash, "USD"), 1),
	} {
		if reason(refusal) != name {
			t.Errorf("%v, want %s", refusal, name)
		}
		if name == "INSUFFICIENT_FUNDS" && refusal.Metadata["available_minor"] != "10" {
			t.Errorf("available: %v", refusal.Metadata)
		}
	}
	if _, refusal := books.Capture(ledger.Capture{Transfer: transfer, HoldID: "hold:1", To: "nobody"}); reason(refusal) != "INTERNAL" {
		t.Errorf("a capture to nobody: %v", refusal)
	}
	if after := books.Account(ann); after != before || len(books.Transfers()) != 1 || books.Hold("hold:1").Status != ledger.HoldOpen {
		t.Errorf("the books are %+v, they were %+v", after, before)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []ledger.Name{
		{"", ledger.House, "EUR"}, {"ann", ledger.PlayerCash, "JPY"}, {"a:b ~c", ledger.PlayerBonus, "BHD"},
	} {
		if got, known := ledger.Parse(name.ID()); !known || got != name {
			t.Errorf("%+v became %q and that %+v", name, name.ID(), got)
		}
	}
	for _, text := range []string{
		"", "account:", "account:house", "account:house:EU", "account:house:EUR:", "account:other:EUR", "order:house:EUR", "account:house:EURO",
	} {
		if name, known := ledger.Parse(text); known {
			t.Errorf("%q is taken for %+v", text, name)
		}
	}
}

// Move is for accounts that nobody loads.
func TestMove(t *testing.T) {
	head := ledger.Transfer{Tenant: "t", ID: "transfer:1", Currency: "EUR"}
	moved, err := ledger.Move(head, ledger.GatewayClearing, ledger.OrderRevenue, 5)
	if err != nil || moved.Entries[0] != (ledger.Entry{Account: "account:gateway_clearing:EUR", AmountMinor: -5}) {
		t.Errorf("%+v, %v", moved, err)
	}
	for name, to := range map[string]string{"guarded": ann, "unknown": "else", "of another currency": ledger.ID("", ledger.House, "USD")} {
		if _, err := ledger.Move(head, ledger.GatewayClearing, to, 5); err == nil {
			t.Errorf("money moved to an account that is %s", name)
		}
	}
	for _, amount := range []int64{0, -1, money.Limit + 1} {
		if _, err := ledger.Move(head, ledger.GatewayClearing, ledger.OrderRevenue, amount); err == nil {
			t.Errorf("%d was moved", amount)
		}
	}
}
