package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// ledgerTests are about accounts: what was booked is found again, now and at past moments.
var ledgerTests = []test{
	{name: "accounts of both classes are found by owner, a page at a time", run: testAccounts},
	{name: "balances at past moments, with and without checkpoints", run: testBalances},
	{name: "a statement leads from one balance to the other", run: testStatement},
	{name: "the books are closed: nothing is booked there any more", run: testClosedBooks},
	{name: "nothing to sum up, nothing is closed", run: testNothingToSumUp},
	{name: "checkpoints hold everything of their time while others write", run: testCheckpointsWhileWriting},
}

func sampleAccount(owner string) *state.Account {
	at := longAgo()
	return &state.Account{Account: ledger.Account{
		Tenant: tenant, ID: ledger.ID(owner, ledger.PlayerCash, "EUR"), BalanceMinor: 1 << 40, HeldMinor: 60, Entries: 7, Version: 9,
		CreatedAt: at, UpdatedAt: at.Add(time.Minute),
	}}
}

func sampleHold(account *state.Account) *state.Hold {
	at := longAgo()
	return &state.Hold{Hold: ledger.Hold{
		Tenant: tenant, ID: id.New("hold", at, entropy()), Account: account.ID, AmountMinor: 100, Several: true, ExpiresAt: at.Add(time.Hour),
		CreatedAt: at, CapturedMinor: 40, Status: ledger.HoldOpen, Version: 2, UpdatedAt: at.Add(time.Minute),
		Captures: []ledger.Captured{{TransferID: "transfer:\"1\"", AmountMinor: 30}, {TransferID: "transfer:2", AmountMinor: 10}},
	}}
}

// teller keeps books in memory and stores what they hold.
type teller struct {
	*suite
	accounts map[string]*ledger.Account
	holds    map[string]*ledger.Hold
	next     int
}

func (s *suite) teller() *teller {
	return &teller{suite: s, accounts: map[string]*ledger.Account{}, holds: map[string]*ledger.Hold{}}
}

// book adds to changes what is done to the books at a time.
func (t *teller) book(changes *state.Changes, at time.Time, do func(*ledger.Books)) {
	t.Helper()
	books := ledger.Open(tenant, at, ledger.Source{
		Account: func(id string) *ledger.Account { return t.accounts[id] }, Hold: func(id string) *ledger.Hold { return t.holds[id] },
	})
	do(books)
	for name, account := range books.Accounts() {
		if t.accounts[name] == nil {
			insert(changes, &state.Account{Account: *account})
		} else {
			update(changes, &state.Account{Account: *account})
		}
		t.accounts[name] = account
	}
	for name, hold := range books.Holds() {
		if t.holds[name] == nil {
			insert(changes, &state.Hold{Hold: *hold})
		} else {
			update(changes, &state.Hold{Hold: *hold})
		}
		t.holds[name] = hold
	}
	changes.Transfers = append(changes.Transfers, books.Transfers()...)
}

// move books an amount at a time, in a batch of its own.
func (t *teller) move(at time.Time, from, to string, amount int64) {
	t.Helper()
	changes := newBatch()
	t.next++
	t.book(changes, at, func(books *ledger.Books) {
		transfer := ledger.Transfer{ID: fmt.Sprintf("transfer:%d", t.next), Kind: "test", Currency: "EUR"}
		if refusal := books.Move(transfer, from, to, amount); refusal != nil {
			t.Fatal(refusal)
		}
	})
	t.put(changes)
}

var (
	worldPlayer = ledger.ID("player-1", ledger.PlayerCash, "EUR")
	worldHouse  = ledger.ID("", ledger.House, "EUR")
	worldHold   = "hold:world"
)

// addPlayer adds to a world a player who has paid in, bet once, and has a bet open; the house's balance is checkpointed.
func (s *suite) addPlayer(changes *state.Changes) {
	s.Helper()
	at := longAgo()
	s.teller().book(changes, at, func(books *ledger.Books) {
		refusal := books.Move(ledger.Transfer{ID: "transfer:deposit", Kind: "wallet.deposit", Currency: "EUR"}, worldHouse, worldPlayer, 500)
		if refusal == nil {
			_, refusal = books.Place(ledger.Hold{ID: worldHold, Account: worldPlayer, AmountMinor: 100, Several: true, ExpiresAt: at.Add(time.Hour)})
		}
		if refusal == nil {
			_, refusal = books.Capture(ledger.Capture{
				Transfer: ledger.Transfer{ID: "transfer:bet", Kind: "wallet.bet"}, HoldID: worldHold, To: worldHouse, AmountMinor: 30,
			})
		}
		if refusal != nil {
			s.Fatal(refusal)
		}
	})
	changes.SetTimers = append(changes.SetTimers, state.Timer{
		TimerKey: state.TimerKey{Tenant: tenant, Kind: "hold.expire", AggregateID: worldHold}, DueAt: at.Add(time.Hour),
	})
}

// closeBooks sums up everything that is older than an hour.
func (s *suite) closeBooks(want int) {
	s.Helper()
	closed, err := s.store.CloseBooks(s.context(), time.Hour, 1, 100)
	s.must(err)
	s.same("accounts summed up", closed, want)
}

func testAccounts(s *suite) {
	t, at := s.teller(), longAgo()
	cash, bonus := ledger.ID("ann", ledger.PlayerCash, "EUR"), ledger.ID("ann", ledger.PlayerBonus, "EUR")
	annsHouse := ledger.ID("ann", ledger.House, "EUR")
	t.move(at, ledger.ID("", ledger.GatewayClearing, "EUR"), cash, 100)
	t.move(at, worldHouse, bonus, 50)
	t.move(at.Add(time.Second), cash, annsHouse, 30)
	t.move(at, worldHouse, ledger.ID("ann:x", ledger.PlayerCash, "EUR"), 1)
	query, ids := state.AccountQuery{Tenant: tenant, Owner: "ann", Limit: 2}, []string(nil)
	for {
		page, err := s.store.Accounts(s.context(), query)
		s.must(err)
		for _, account := range page {
			ids = append(ids, account.ID)
		}
		if len(page) < query.Limit {
			break
		}
		query.After = page[len(page)-1].ID
	}
	s.same("accounts of an owner", ids, []string{annsHouse, bonus, cash})
	own, err := s.store.Accounts(s.context(), state.AccountQuery{Tenant: tenant, Limit: 10})
	s.must(err)
	s.same("the tenant's own", own, []*state.Account{
		{Account: ledger.Account{
			Tenant: tenant, ID: ledger.ID("", ledger.GatewayClearing, "EUR"), BalanceMinor: -100, Entries: 1, CreatedAt: at, UpdatedAt: at,
		}},
		{Account: ledger.Account{Tenant: tenant, ID: worldHouse, BalanceMinor: -51, Entries: 2, CreatedAt: at, UpdatedAt: at}},
	})
	found, err := s.store.Account(s.context(), tenant, cash)
	s.must(err)
	s.same("guarded account", found.Account, *t.accounts[cash])
	none, err := s.store.Accounts(s.context(), state.AccountQuery{Tenant: "other", Limit: 10})
	s.must(err)
	s.same("accounts of another tenant", len(none), 0)
	for _, absent := range []string{ledger.ID("bob", ledger.PlayerCash, "EUR"), ledger.ID("", ledger.House, "USD")} {
		_, err = s.store.Account(s.context(), tenant, absent)
		s.wantError(err, state.ErrNotFound)
	}
}

func testBalances(s *suite) {
	t, at := s.teller(), longAgo()
	check := func(upTo int64) {
		s.Helper()
		for i := range upTo {
			for account, sign := range map[string]int64{worldPlayer: 1, worldHouse: -1} {
				balance, err := s.store.Balance(s.context(), tenant, account, at.Add(time.Duration(i)*time.Second))
				s.must(err) // before the i-th booking
				s.same(fmt.Sprintf("%s before %d", account, i), balance, sign*i*(i+1)/2)
			}
		}
	}
	for i := range int64(10) {
		t.move(at.Add(time.Duration(i)*time.Second), worldHouse, worldPlayer, i+1)
	}
	check(10)
	s.closeBooks(1)
	check(10)
	for i := int64(10); i < 20; i++ { // within the closed time nothing can be booked, so this is later
		t.move(recently().Add(time.Duration(i)*time.Second), worldHouse, worldPlayer, i+1)
	}
	check(10)
	balance, err := s.store.Balance(s.context(), tenant, worldHouse, time.Time{})
	s.must(err)
	s.same("present balance", balance, int64(-210))
	balance, err = s.store.Balance(s.context(), tenant, worldHouse, recently().Add(-time.Minute))
	s.must(err)
	s.same("balance behind the checkpoint", balance, int64(-55))
	balance, err = s.store.Balance(s.context(), tenant, worldPlayer, at)
	s.must(err)
	s.same("the first moment", balance, int64(0))
	findings, err := s.store.Invariants(s.context())
	s.must(err)
	for _, finding := range findings {
		s.same(finding.Invariant, finding.Violation, "")
	}
}

func testStatement(s *suite) {
	t, at := s.teller(), longAgo()
	for i := range 30 { // three at each second
		t.move(at.Add(time.Duration(i/3)*time.Second), worldHouse, worldPlayer, int64(i+1))
	}
	for account, sign := range map[string]int64{worldPlayer: 1, worldHouse: -1} {
		query := state.StatementQuery{
			Tenant: tenant, Account: account, From: at.Add(2 * time.Second), Before: at.Add(8 * time.Second), Limit: 4,
		}
		var entries []state.Booked
		for {
			page, err := s.store.Statement(s.context(), query)
			s.must(err)
			s.same("opening", page.OpeningMinor, sign*21)
			s.same("closing", page.ClosingMinor, sign*300)
			entries = append(entries, page.Entries...)
			if len(page.Entries) < query.Limit {
				break
			}
			query.After = page.Entries[query.Limit-1].EntryPlace
		}
		s.same("entries", len(entries), 18)
		sum, seen := sign*21, map[string]bool{}
		for i := range entries {
			sum += entries[i].AmountMinor
			seen[entries[i].TransferID] = true
			if account == worldPlayer {
				s.same("number", entries[i].Number, int64(i+7))
				s.same("balance after", entries[i].BalanceMinor, sum)
			}
		}
		s.same("entries lead to the closing balance", sum, sign*300)
		s.same("transfers", len(seen), 18)
		all, err := s.store.Statement(s.context(), state.StatementQuery{Tenant: tenant, Account: account, Limit: 100})
		s.must(err)
		s.same("all", []int64{all.OpeningMinor, all.ClosingMinor, int64(len(all.Entries))}, []int64{0, sign * 465, 30})
	}
}

func testClosedBooks(s *suite) {
	t, at := s.teller(), longAgo()
	t.move(at, worldHouse, worldPlayer, 5)
	s.closeBooks(1)
	late := everything(sampleOrder(longAgo()))
	s.wantError(s.try(late), state.ErrConflict)
	late.Transfers[0].At = recently()
	s.put(late)
	s.closeBooks(0) // what is there to sum up is younger
}

func testNothingToSumUp(s *suite) {
	s.closeBooks(0)
	t := s.teller()
	t.move(longAgo(), worldHouse, worldPlayer, 5)
	closed, err := s.store.CloseBooks(s.context(), time.Hour, 2, 100) // one entry is too few
	s.must(err)
	s.same("accounts summed up", closed, 0)
	t.move(longAgo(), worldHouse, worldPlayer, 5) // so the books are open still
}

// testCheckpointsWhileWriting has writers whose time is behind the closing time now and then: each is in the sum, or is refused.
func testCheckpointsWhileWriting(s *suite) {
	const writers, each = 4, 40
	stop, writing, closing := make(chan struct{}), sync.WaitGroup{}, sync.WaitGroup{}
	closing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.store.CloseBooks(s.context(), time.Millisecond, 1, 100); err != nil {
				s.Errorf("close: %v", err)
				return
			}
		}
	})
	for writer := range writers {
		writing.Go(func() {
			for i := 0; i < each; {
				order := sampleOrder(longAgo())
				transaction, err := s.store.Begin(s.context(), state.Need{})
				if err != nil {
					s.Errorf("begin: %v", err)
					return
				}
				changes := newBatch()
				changes.Now = transaction.Loaded().Now
				transfer := sampleTransfer(order, fmt.Sprint(writer), int64(i+1))
				transfer.At = changes.Now
				changes.Transfers = []ledger.Transfer{transfer}
				time.Sleep(time.Duration(i%3) * time.Millisecond)
				switch err := transaction.Commit(context.Background(), changes); {
				case err == nil:
					i++
				case !errors.Is(err, state.ErrConflict):
					s.Errorf("commit: %v", err)
					return
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	closing.Wait()
	account := ledger.ID("", ledger.OrderRevenue, "EUR")
	balance, err := s.store.Balance(s.context(), tenant, account, time.Time{})
	s.must(err)
	s.same("balance", balance, int64(writers*each*(each+1)/2))
	findings, err := s.store.Invariants(s.context())
	s.must(err)
	checked := slices.ContainsFunc(findings, func(f state.Finding) bool {
		if f.Violation != "" && strings.Contains(f.Invariant, "checkpoint") {
			s.Errorf("%s: %s", f.Invariant, f.Violation)
		}
		return strings.Contains(f.Invariant, "checkpoint") && f.Checked > 0
	})
	s.same("checkpoints were made", checked, true)
}
