package app_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

var updateDocs = flag.Bool("update-docs", false, "write the table and the answers of docs/provider-api.md")

// The amounts of the model, in minor units.
const (
	modelFunds, modelAmount, modelOther, modelWin, modelPart = 1000, 200, 300, 500, 100
)

// operation is one thing that a provider does with a bet or its round.
type operation struct {
	words string // in the documents
	make  func(by state.Origin, name string, w wager.Wallet) domain.Command
	model func(m *betModel) string
}

// operations are those that the model knows.
var operations = []operation{
	{"authorize 2.00", authorizes(modelAmount), func(m *betModel) string { return m.authorize(modelAmount) }},
	{"authorize 3.00", authorizes(modelOther), func(m *betModel) string { return m.authorize(modelOther) }},
	{"settle, win 5.00", settles("", modelWin, false), func(m *betModel) string { return m.settle("", modelWin, false) }},
	{"settle, win 0", settles("", 0, false), func(m *betModel) string { return m.settle("", 0, false) }},
	{"settle in part, win 1.00", settles("part", modelPart, true), func(m *betModel) string { return m.settle("part", modelPart, true) }},
	{"roll back", func(by state.Origin, name string, w wager.Wallet) domain.Command {
		return wager.Rollback{By: by, BetID: name, RoundID: name, Wallet: w}
	}, (*betModel).rollback},
	{"close the round", func(by state.Origin, name string, _ wager.Wallet) domain.Command {
		return wager.CloseRound{By: by, RoundID: name}
	}, (*betModel).closeRound},
}

func authorizes(amount int64) func(state.Origin, string, wager.Wallet) domain.Command {
	return func(by state.Origin, name string, w wager.Wallet) domain.Command {
		return wager.Authorize{By: by, SessionID: name, BetID: name, RoundID: name, AmountMinor: amount, Currency: "EUR", Wallet: w}
	}
}

func settles(result string, win int64, partial bool) func(state.Origin, string, wager.Wallet) domain.Command {
	return func(by state.Origin, name string, w wager.Wallet) domain.Command {
		return wager.Settle{
			By: by, BetID: name, RoundID: name, ResultID: result, WinMinor: win, Currency: "EUR", Partial: partial, Wallet: w,
			Random: [10]byte([]byte(fmt.Sprintf("%10s", name+result))[:10]),
		}
	}
}

// betModel says in few words what becomes of one bet in one round (requirement P-4). It is what docs/provider-api.md tells.
type betModel struct {
	bet           string // "" before it came
	amount        int64  // 0 of one that was rolled back before it came
	wins          map[string]int64
	round         string // "" before its first bet
	balance, held int64
	house         int64
}

func newBetModel() *betModel { return &betModel{wins: map[string]int64{}, balance: modelFunds} }

func (m *betModel) authorize(amount int64) string {
	switch {
	case m.bet == "rolled_back":
		return "INVALID_STATE"
	case m.bet != "" && amount != m.amount:
		return "DUPLICATE"
	case m.bet != "": // again, whatever became of it
		return "authorized"
	case m.round == "closed":
		return "INVALID_STATE"
	}
	m.bet, m.amount, m.round = "authorized", amount, "open"
	m.held += amount
	return "authorized"
}

func (m *betModel) settle(result string, win int64, partial bool) string {
	if m.bet == "" || m.bet == "rolled_back" {
		return "INVALID_STATE"
	}
	if before, told := m.wins[result]; told {
		if before != win {
			return "DUPLICATE"
		}
		return outcome(win)
	}
	if m.bet != "authorized" {
		return "INVALID_STATE"
	}
	m.wins[result] = win
	m.balance, m.house = m.balance+win, m.house-win
	if !partial {
		m.bet = "settled"
		m.held -= m.amount
		m.balance, m.house = m.balance-m.amount, m.house+m.amount
	}
	return outcome(win)
}

func outcome(win int64) string {
	if win > 0 {
		return "credited"
	}
	return "forfeited"
}

func (m *betModel) rollback() string {
	switch {
	case m.bet == "":
		m.bet = "rolled_back"
		return "applied: false"
	case m.bet == "rolled_back" && m.amount == 0:
		return "applied: false"
	case m.bet == "rolled_back":
		return "applied: true"
	case len(m.wins) > 0:
		return "INVALID_STATE"
	}
	m.bet = "rolled_back"
	m.held -= m.amount
	return "applied: true"
}

func (m *betModel) closeRound() string {
	if m.round == "" {
		return "NOT_FOUND"
	}
	m.round = "closed"
	return "closed"
}

// toldBy writes a result as the model does.
func toldBy(result command.Result) string {
	if result.Fault != nil {
		return result.Fault.Reason
	}
	switch row := result.Row.(type) {
	case *state.Settlement:
		return outcome(row.WinMinor)
	case *state.Round:
		return row.Status.String()
	case *state.Bet:
		if row.Status == state.BetRolledBack {
			return fmt.Sprintf("applied: %v", row.HoldID() != "")
		}
		return "authorized"
	default:
		return fmt.Sprintf("%T", row)
	}
}

// sequences answers every order of up to so many operations, each any number of times.
func sequences(length int) [][]int {
	all, last := [][]int{}, [][]int{{}}
	for range length {
		var next [][]int
		for _, before := range last {
			for i := range operations {
				next = append(next, append(append([]int{}, before...), i))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// Every order of operations on one bet is answered as the model says and leaves the balances that it says (requirement P-4).
func TestEveryOrderOfOperations(t *testing.T) {
	lengths := map[string]int{"sqlite": 5, "postgres": 4}
	onWallets(t, func(t *testing.T, kind string, stores ...playStore) {
		everyOrder(t, stores[0], submitterOfSteps(t, stores[0], len(stores)), sequences(lengths[kind]))
	})
}

var modelOrigin = state.Origin{Tenant: "t", Brand: "brand", Region: "EU", Provider: "studio"}

// opened are the steps that make a player with money, in a session; player, session, bet and round have one name.
func opened(name string, funds int64) []domain.Command {
	account := ledger.ID(name, ledger.PlayerCash, "EUR")
	return []domain.Command{
		player.Create{By: modelOrigin, PlayerID: name, Currency: "EUR", Locale: "de-DE"},
		wallet.Move{
			Tenant: "t", Transfer: ledger.Transfer{ID: "transfer:" + name, Kind: "test", Currency: "EUR"},
			From: ledger.ID("", ledger.GatewayClearing, "EUR"), To: account, AmountMinor: funds,
		},
		wager.CreateSession{
			By: modelOrigin, SessionID: name, PlayerID: name, GameID: "game", Currency: "EUR", Locale: "de-DE", MaxBetMinor: state.NoLimit,
			TTL: time.Hour,
		},
	}
}

func everyOrder(t *testing.T, store walletStore, submit func(...domain.Command) command.Result, all [][]int) {
	t.Helper()
	work, group, failures := make(chan []int), sync.WaitGroup{}, make(chan string, 20)
	houses := make(chan int64, 256)
	for range 256 {
		group.Go(func() {
			house := int64(0)
			for sequence := range work {
				told, won := oneOrder(store, submit, sequence)
				house += won
				if told != "" {
					select {
					case failures <- told:
					default:
					}
				}
			}
			houses <- house
		})
	}
	for _, sequence := range all {
		work <- sequence
	}
	close(work)
	group.Wait()
	close(failures)
	close(houses)
	for told := range failures {
		t.Error(told)
	}
	want := int64(0)
	for won := range houses {
		want += won
	}
	house, err := store.Balance(context.Background(), "t", ledger.ID("", ledger.House, "EUR"), time.Time{})
	if err != nil || house != want {
		t.Errorf("the house has %d, the model says %d: %v", house, want, err)
	}
	sound(t, store)
	t.Logf("%d orders of %d operations", len(all), len(operations))
}

// oneOrder carries operations out on a bet of its own and answers what differs from the model, and what the house has won.
func oneOrder(store walletStore, submit func(...domain.Command) command.Result, sequence []int) (told string, house int64) {
	name := "p"
	for _, i := range sequence {
		name += fmt.Sprint(i)
	}
	if refused := submit(opened(name, modelFunds)...).Fault; refused != nil {
		return name + ": " + refused.Error(), 0
	}
	m := newBetModel()
	for at, i := range sequence {
		got, want := toldBy(submit(operations[i].make(modelOrigin, name, wager.Wallet{PlayerID: name, Currency: "EUR", GameID: "game"}))), operations[i].model(m)
		if got != want {
			return fmt.Sprintf("%v: %s as number %d is answered %s, the model says %s", sequence, operations[i].words, at+1, got, want), 0
		}
	}
	account, err := store.Account(context.Background(), "t", ledger.ID(name, ledger.PlayerCash, "EUR"))
	if err != nil || account.BalanceMinor != m.balance || account.HeldMinor != m.held {
		return fmt.Sprintf("%v: %+v, the model says balance %d, held %d: %v", sequence, account, m.balance, m.held, err), 0
	}
	return "", m.house
}

// sound fails the test when the store breaks an invariant.
func sound(t *testing.T, store walletStore) {
	t.Helper()
	findings, err := store.Invariants(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		if finding.Violation != "" {
			t.Errorf("%s: %s", finding.Invariant, finding.Violation)
		}
	}
}

const tablePage, tableBegin, tableEnd = "../../docs/provider-api.md", "<!-- The table is written by go test ./internal/app -run TableOfOperations -update-docs -->\n", "<!-- end of the table -->"

// The table of the documents is what the model says.
func TestTableOfOperations(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| first | then | answer | available | held | house |\n|---|---|---|---|---|---|\n")
	row := func(first, then string, m *betModel, answer string) {
		if strings.ToUpper(answer) == answer {
			answer = "`" + answer + "`"
		}
		amount := func(minor int64) string { return money.Format(minor, "EUR") }
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s |\n", first, then, answer, amount(m.balance-m.held), amount(m.held), amount(m.house))
	}
	for _, only := range operations {
		m := newBetModel()
		answer := only.model(m)
		row("–", only.words, m, answer)
	}
	for _, first := range operations {
		for _, then := range operations {
			m := newBetModel()
			first.model(m)
			answer := then.model(m)
			row(first.words, then.words, m, answer)
		}
	}
	table.WriteString("\n")
	page, err := os.ReadFile(tablePage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), tableBegin)
	written, after, ends := strings.Cut(rest, tableEnd)
	if !found || !ends {
		t.Fatal("the page has no place for the table")
	}
	if *updateDocs {
		if err := os.WriteFile(tablePage, []byte(before+tableBegin+table.String()+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if written != table.String() {
		t.Error("the table is not what the model says; run the test with -update-docs")
	}
}

// However many bets meet on one balance, in whatever processes, no more is held than there is (requirement P-4).
func TestBetsNeverOverdraw(t *testing.T) {
	onWallets(t, func(t *testing.T, _ string, stores ...playStore) {
		var submit []func(...domain.Command) command.Result
		for _, store := range stores {
			submit = append(submit, submitterOfSteps(t, store, len(stores)))
		}
		betsNeverOverdraw(t, stores[0], submit...)
	})
}

func betsNeverOverdraw(t *testing.T, store walletStore, submit ...func(...domain.Command) command.Result) {
	t.Helper()
	const bets, amount, funds = 200, 10, 1000 // a hundred of them fit
	if refused := submit[0](opened("ann", funds)...).Fault; refused != nil {
		t.Fatal(refused)
	}
	w := wager.Wallet{PlayerID: "ann", Currency: "EUR", GameID: "game"}
	var group sync.WaitGroup
	var mutex sync.Mutex
	reasons := map[string]int{}
	for i := range bets {
		group.Go(func() {
			bet := wager.Authorize{
				By: modelOrigin, SessionID: "ann", BetID: fmt.Sprint(i), RoundID: fmt.Sprint(i % 3), AmountMinor: amount, Currency: "EUR", Wallet: w,
			}
			var refused *fault.Fault
			for try := range 2 { // again, by another process: nothing more is held
				if refused = submit[(i+try)%len(submit)](bet).Fault; refused != nil {
					break
				}
			}
			if refused == nil && i%2 == 0 {
				settle := wager.Settle{
					By: modelOrigin, BetID: bet.BetID, RoundID: bet.RoundID, Currency: "EUR", Wallet: w,
					Random: id.Random{byte(i)}, // two of one moment and the same entropy would have one id
				}
				refused = submit[i%len(submit)](settle).Fault
			}
			mutex.Lock()
			defer mutex.Unlock()
			if refused != nil {
				reasons[refused.Reason]++
				return
			}
			reasons[""]++
		})
	}
	group.Wait()
	account, err := store.Account(context.Background(), "t", ledger.ID("ann", ledger.PlayerCash, "EUR"))
	if err != nil {
		t.Fatal(err)
	}
	if reasons[""] != 100 || reasons["INSUFFICIENT_FUNDS"] != 100 || account.AvailableMinor() != 0 {
		t.Errorf("%v, %+v", reasons, account.Account)
	}
	sound(t, store)
}
