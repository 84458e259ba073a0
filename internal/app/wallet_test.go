package app_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store/postgres"
	"github.com/seed-255eabaa/oms/internal/store/sqlite"
	"github.com/seed-255eabaa/oms/internal/verify"
	"github.com/seed-255eabaa/oms/internal/view"
	encoding "github.com/seed-255eabaa/oms/internal/wire"
)

// walletStore is what the tests of wallets need of a database.
type walletStore interface {
	pipeline.Store
	view.Ledger
	verify.Store
}

// submitter starts a pipeline on a store and answers the way into it.
func submitter(t *testing.T, store pipeline.Store, lanes int) func(domain.Command) command.Result {
	t.Helper()
	submit := submitterOfSteps(t, store, lanes)
	return func(c domain.Command) command.Result { return submit(c) }
}

// submitterOfSteps is submitter for commands of several steps.
func submitterOfSteps(t *testing.T, store pipeline.Store, lanes int) func(...domain.Command) command.Result {
	t.Helper()
	submit := submitterOfGroups(t, store, lanes)
	return func(steps ...domain.Command) command.Result {
		group := make([]command.Step, len(steps))
		for i, step := range steps {
			group[i] = command.Do(step)
		}
		return submit(group...)
	}
}

// submitterOfGroups is submitter for groups of steps as flows make them.
func submitterOfGroups(t *testing.T, store pipeline.Store, lanes int) func(...command.Step) command.Result {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := pipeline.New(pipeline.Options{Lanes: lanes, SecondLaneAt: 8, Environment: pipeline.Environment{
		Store: store, EncodeAnswer: encoding.Answer, EncodeAnswers: encoding.Answers, EncodeEvent: encoding.Event,
	}})
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return func(steps ...command.Step) command.Result {
		return p.Submit(ctx, command.Command{Tenant: "t", Principal: "test", Method: "test", Steps: steps})
	}
}

// onWallets runs a test on each kind of store. On PostgreSQL there are two stores on one database, as two processes have them.
func onWallets(t *testing.T, test func(t *testing.T, kind string, stores ...playStore)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		store, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "oms.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		test(t, "sqlite", store)
	})
	t.Run("postgres", func(t *testing.T) {
		url := postgrestest.New(t)
		open := func() *postgres.Store {
			store, err := postgres.Open(context.Background(), url, postgres.Options{TestClock: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.Close)
			return store
		}
		test(t, "postgres", open(), open())
	})
}

// However many holds meet on one balance, in whatever processes, no more is held than there is, and what is held is captured or given
// back once (requirements P-3, X-3).
func TestHoldsNeverOverdraw(t *testing.T) {
	onWallets(t, func(t *testing.T, _ string, stores ...playStore) {
		var submit []func(domain.Command) command.Result
		for _, store := range stores {
			submit = append(submit, submitter(t, store, len(stores)))
		}
		holdsNeverOverdraw(t, stores[0], submit...)
	})
}

func holdsNeverOverdraw(t *testing.T, store walletStore, submit ...func(domain.Command) command.Result) {
	t.Helper()
	const balance, amount, holds = 1000, 10, 200 // a hundred of them fit
	player, house := ledger.ID("ann", ledger.PlayerCash, "EUR"), ledger.ID("", ledger.House, "EUR")
	head := func(id string) ledger.Transfer { return ledger.Transfer{ID: id, Kind: "test", Currency: "EUR"} }
	deposit := wallet.Move{Tenant: "t", Transfer: head("transfer:deposit"), From: house, To: player, AmountMinor: balance}
	if refused := submit[0](deposit).Fault; refused != nil {
		t.Fatal(refused)
	}
	each := func(do func(i int) *fault.Fault) (reasons map[string]int) {
		t.Helper()
		var group sync.WaitGroup
		var mutex sync.Mutex
		reasons = map[string]int{}
		for i := range holds {
			group.Go(func() {
				refused := do(i)
				mutex.Lock()
				defer mutex.Unlock()
				if refused == nil {
					reasons[""]++
				} else {
					reasons[refused.Reason]++
				}
			})
		}
		group.Wait()
		return reasons
	}
	held := func(i int) wallet.Held {
		return wallet.Held{Tenant: "t", HoldID: fmt.Sprintf("hold:%d", i), Account: player}
	}
	account := func() ledger.Account {
		t.Helper()
		found, err := store.Account(context.Background(), "t", player)
		if err != nil {
			t.Fatal(err)
		}
		return found.Account
	}
	got := each(func(i int) *fault.Fault {
		place := wallet.Place{Tenant: "t", Hold: ledger.Hold{ID: held(i).HoldID, Account: player, AmountMinor: amount}}
		refused := submit[i%len(submit)](place).Fault
		if refused == nil { // again, by another process: nothing more is held
			refused = submit[(i+1)%len(submit)](place).Fault
		}
		return refused
	})
	if a := account(); got[""] != 100 || got["INSUFFICIENT_FUNDS"] != 100 || a.HeldMinor != balance || a.AvailableMinor() != 0 {
		t.Errorf("placed: %v, %+v", got, a)
	}
	got = each(func(i int) *fault.Fault {
		if i%2 == 0 {
			return submit[i%len(submit)](wallet.Void{Held: held(i)}).Fault
		}
		capture := wallet.Capture{Held: held(i), Capture: ledger.Capture{Transfer: head(fmt.Sprintf("transfer:%d", i)), To: house}}
		refused := submit[(i/2)%len(submit)](capture).Fault
		if refused == nil {
			refused = submit[(i/2+1)%len(submit)](capture).Fault
		}
		return refused
	})
	a := account()
	if got[""] != 100 || got["NOT_FOUND"] != 100 || a.HeldMinor != 0 || (balance-a.BalanceMinor)/amount != a.Entries-1 {
		t.Errorf("ended: %v, %+v", got, a)
	}
	won, err := store.Balance(context.Background(), "t", house, time.Time{})
	if err != nil || won != -a.BalanceMinor {
		t.Errorf("the house has %d, the player %d: %v", won, a.BalanceMinor, err)
	}
	sound(t, store)
}

// A hold that expires sets a timer, and its end clears it.
func TestTimersOfHolds(t *testing.T) {
	player, now := ledger.ID("ann", ledger.PlayerCash, "EUR"), time.Unix(1000, 0)
	rows := rowsOf{state.AccountRef("t", player): &state.Account{Account: ledger.Account{Tenant: "t", ID: player, BalanceMinor: 100, Version: 1}}}
	held := wallet.Held{Tenant: "t", HoldID: "hold:1", Account: player}
	key := state.TimerKey{Tenant: "t", Kind: domain.TimerHoldExpire, AggregateID: "hold:1"}
	for _, step := range []struct {
		name    string
		command domain.Command
		at      time.Time
		reason  string
		due     []time.Time // of the timers that are set, zero for cleared ones
		held    int64
	}{
		{"place", wallet.Place{Tenant: "t", Hold: ledger.Hold{ID: "hold:1", Account: player, AmountMinor: 60, ExpiresAt: now.Add(time.Minute)}},
			now, "", []time.Time{now.Add(time.Minute)}, 60},
		{"too early", wallet.Expire{Held: held}, now.Add(time.Second), "TOO_EARLY", nil, 60},
		{"expire", wallet.Expire{Held: held}, now.Add(time.Minute), "", []time.Time{{}}, 0},
		{"expire again", wallet.Expire{Held: held}, now.Add(time.Hour), "", nil, 0},
		{"void", wallet.Void{Held: held}, now.Add(time.Hour), "", nil, 0},
		{"capture", wallet.Capture{Held: held, Capture: ledger.Capture{Transfer: ledger.Transfer{ID: "transfer:1"}, To: player}},
			now.Add(time.Hour), "INVALID_STATE", nil, 0},
		{"other terms", wallet.Place{Tenant: "t", Hold: ledger.Hold{ID: "hold:1", Account: player, AmountMinor: 61}}, now, "DUPLICATE", nil, 0},
	} {
		decision, refused := step.command.Decide(rows, step.at)
		if refused != nil != (step.reason != "") || refused != nil && refused.Reason != step.reason {
			t.Fatalf("%s: %v", step.name, refused)
		}
		for _, change := range decision.Changes {
			rows[change.After.Ref()] = change.After
		}
		var due []time.Time
		for _, timer := range decision.Timers {
			if timer.TimerKey != key {
				t.Errorf("%s: timer %+v", step.name, timer)
			}
			due = append(due, timer.DueAt)
		}
		if fmt.Sprint(due) != fmt.Sprint(step.due) {
			t.Errorf("%s: timers due at %v, want %v", step.name, due, step.due)
		}
		if got := rows[state.AccountRef("t", player)].(*state.Account).HeldMinor; got != step.held {
			t.Errorf("%s: %d held, want %d", step.name, got, step.held)
		}
	}
}

// rowsOf are the states of a decision.
type rowsOf map[state.Ref]state.Row

func (r rowsOf) Get(ref state.Ref) state.Row { return r[ref] }
