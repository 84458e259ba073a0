package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
)

// twoProcesses opens a database twice. Each remembers what it has seen, and knows nothing of the other.
func twoProcesses(t *testing.T) (one, other *Store) {
	t.Helper()
	address := postgrestest.New(t)
	stores := [2]*Store{}
	for i := range stores {
		store, err := Open(context.Background(), address, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		stores[i] = store
	}
	return stores[0], stores[1]
}

func itemRef(sku string) state.Ref { return state.Ref{Kind: state.KindItem, Tenant: "acme", ID: sku} }

// sell runs one batch: it names the items, lets decide change some of them, and commits.
func sell(s *Store, skus []string, decide func(items map[string]*state.Item) []*state.Item) (assumed bool, err error) {
	need := state.Need{}
	for _, sku := range skus {
		need.Refs = append(need.Refs, itemRef(sku))
	}
	slices.SortFunc(need.Refs, state.Ref.Compare)
	transaction, err := s.Begin(context.Background(), need)
	if err != nil {
		return false, err
	}
	loaded := transaction.Loaded()
	items := map[string]*state.Item{}
	for _, sku := range skus {
		items[sku], _ = loaded.Rows[itemRef(sku)].(*state.Item)
	}
	entropy := id.Random{}
	for i := range entropy {
		entropy[i] = byte(rand.Uint32())
	}
	changes := &state.Changes{Batch: id.V7(loaded.Now, entropy), Now: loaded.Now}
	changes.Batch[14], changes.Batch[15] = 0, 0
	for _, item := range decide(items) {
		changes.Rows = append(changes.Rows, state.Written{Row: item, New: items[item.SKU] == nil})
	}
	slices.SortFunc(changes.Rows, func(a, b state.Written) int { return a.Row.Ref().Compare(b.Row.Ref()) })
	return loaded.Assumed, transaction.Commit(context.Background(), changes)
}

// stock answers a decision that sets one item to a number on hand.
func stock(sku string, onHand int64) func(items map[string]*state.Item) []*state.Item {
	return func(items map[string]*state.Item) []*state.Item {
		next := &state.Item{Tenant: "acme", SKU: sku, OnHand: onHand, Version: 1, UpdatedAt: time.Unix(1, 0)}
		if items[sku] != nil {
			next.Version = items[sku].Version + 1
		}
		return []*state.Item{next}
	}
}

func look(map[string]*state.Item) []*state.Item { return nil }

func TestWhatAnotherProcessChangedIsNoticed(t *testing.T) {
	for name, batch := range map[string]struct {
		skus   []string
		decide func(map[string]*state.Item) []*state.Item
	}{
		"a row that the batch writes":                  {[]string{"A"}, stock("A", 7)},
		"a row that it only looks at":                  {[]string{"A", "B"}, stock("B", 7)},
		"a row that it looks at and stores nothing":    {[]string{"A"}, look},
		"a row that was absent and which it makes":     {[]string{"N"}, stock("N", 7)},
		"a row that was absent and which it looks for": {[]string{"B", "N"}, stock("B", 7)},
	} {
		t.Run(name, func(t *testing.T) {
			one, other := twoProcesses(t)
			commit := func(s *Store, skus []string, decide func(map[string]*state.Item) []*state.Item) bool {
				t.Helper()
				assumed, err := sell(s, skus, decide)
				if err != nil {
					t.Fatal(err)
				}
				return assumed
			}
			commit(one, []string{"A"}, stock("A", 1))
			commit(one, []string{"B"}, stock("B", 1))
			commit(one, []string{"N"}, look)
			if assumed := commit(one, []string{"A", "B", "N"}, look); !assumed {
				t.Fatal("nothing was assumed: the test proves nothing")
			}
			commit(other, []string{"A"}, stock("A", 2))
			commit(other, []string{"N"}, stock("N", 2))
			if assumed, err := sell(one, batch.skus, batch.decide); !assumed || !errors.Is(err, state.ErrConflict) {
				t.Fatalf("assumed = %v, error = %v, want a conflict", assumed, err)
			}
			commit(one, batch.skus, batch.decide) // what was wrong is forgotten
		})
	}
}

// Of rows that a batch names and does not look at, nothing is proved; of the others of their kind all is.
func TestWhatIsNotLookedAtIsNotProved(t *testing.T) {
	one, other := twoProcesses(t)
	for _, sku := range []string{"A", "B", "C"} {
		if _, err := sell(one, []string{sku}, stock(sku, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sell(other, []string{"A"}, stock("A", 2)); err != nil {
		t.Fatal(err)
	}
	for _, unseen := range [][]state.Ref{{itemRef("A")}, {itemRef("A"), itemRef("C")}, {itemRef("C")}} {
		transaction, err := one.Begin(context.Background(), state.Need{Refs: []state.Ref{itemRef("A"), itemRef("B"), itemRef("C")}})
		if err != nil {
			t.Fatal(err)
		}
		loaded := transaction.Loaded()
		batch := id.V7(loaded.Now, id.Random{byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())})
		batch[14], batch[15] = 0, 0
		item := *loaded.Rows[itemRef("B")].(*state.Item)
		item.Version++
		err = transaction.Commit(context.Background(), &state.Changes{
			Batch: batch, Now: loaded.Now, Rows: []state.Written{{Row: &item}}, Unseen: unseen,
		})
		if wrong := unseen[0] != itemRef("A"); !loaded.Assumed || errors.Is(err, state.ErrConflict) != wrong || !wrong && err != nil {
			t.Errorf("unseen %v: assumed %v, %v", unseen, loaded.Assumed, err)
		}
	}
}

// TestProcessesTakeTurns lets two processes change the same rows as they like. Nothing is lost, though both remember.
func TestProcessesTakeTurns(t *testing.T) {
	one, other := twoProcesses(t)
	skus := []string{"A", "B", "C", "D"}
	for _, sku := range skus {
		if _, err := sell(one, []string{sku}, stock(sku, 0)); err != nil {
			t.Fatal(err)
		}
	}
	const rounds = 150
	var mutex sync.Mutex
	want, conflicts, assumptions := map[string]int64{}, 0, 0
	work := func(s *Store, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		for range rounds {
			named := slices.Clone(skus)
			random.Shuffle(len(named), func(i, j int) { named[i], named[j] = named[j], named[i] })
			named = named[:1+random.IntN(3)]
			target := named[0]
			for {
				assumed, err := sell(s, named, func(items map[string]*state.Item) []*state.Item {
					next := *items[target]
					next.OnHand, next.Version = next.OnHand+1, next.Version+1
					return []*state.Item{&next}
				})
				mutex.Lock()
				if assumed {
					assumptions++
				}
				if err == nil {
					want[target]++
				} else {
					conflicts++
				}
				mutex.Unlock()
				if err == nil {
					break
				}
				if !errors.Is(err, state.ErrConflict) {
					t.Error(err)
					return
				}
			}
			s.recent.proved(true) // or the memory is off most of the time, and this test is about when it is on
			s.recent.mutex.Lock()
			s.recent.off = 0
			s.recent.mutex.Unlock()
		}
	}
	var group sync.WaitGroup
	group.Go(func() { work(one, 1) })
	group.Go(func() { work(other, 2) })
	group.Wait()
	for _, sku := range skus {
		item, err := one.Item(context.Background(), "acme", sku)
		if err != nil || item.OnHand != want[sku] || item.Version != want[sku]+1 {
			t.Errorf("%s: %+v, %v, want %d changes", sku, item, err, want[sku])
		}
	}
	if conflicts == 0 || assumptions == 0 {
		t.Errorf("%d conflicts, %d assumptions: the test proves nothing", conflicts, assumptions)
	}
	t.Logf("%d conflicts, %d assumptions", conflicts, assumptions)
}

// TestNoWriteSkew is about two batches of which each looks at the row that the other writes: of two last units, each takes one when
// both are there, so one must stay.
func TestNoWriteSkew(t *testing.T) {
	one, other := twoProcesses(t)
	for round := range 40 {
		a, b := "A"+strconv.Itoa(round), "B"+strconv.Itoa(round)
		for _, s := range []*Store{one, other} { // both remember both
			_, err := sell(s, []string{a, b}, func(items map[string]*state.Item) []*state.Item {
				if items[a] != nil {
					return nil
				}
				return slices.Concat(stock(a, 1)(items), stock(b, 1)(items))
			})
			if err != nil {
				t.Fatal(err)
			}
			s.recent.mutex.Lock()
			s.recent.off = 0
			s.recent.mutex.Unlock()
		}
		take := func(s *Store, mine string) {
			for {
				_, err := sell(s, []string{a, b}, func(items map[string]*state.Item) []*state.Item {
					if items[a].OnHand+items[b].OnHand < 2 {
						return nil
					}
					next := *items[mine]
					next.OnHand, next.Version = 0, next.Version+1
					return []*state.Item{&next}
				})
				if err == nil {
					return
				}
				if !errors.Is(err, state.ErrConflict) {
					t.Error(err)
					return
				}
			}
		}
		var group sync.WaitGroup
		group.Go(func() { take(one, a) })
		group.Go(func() { take(other, b) })
		group.Wait()
		left := int64(0)
		for _, sku := range []string{a, b} {
			item, err := one.Item(context.Background(), "acme", sku)
			if err != nil {
				t.Fatal(err)
			}
			left += item.OnHand
		}
		if left != 1 {
			t.Fatalf("round %d: %d units are left of 2, want 1", round, left)
		}
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := newRecent(100)
	for i := range 10_000 {
		r.keep(&transaction{}, []state.Written{{Row: &state.Item{Tenant: "acme", SKU: strconv.Itoa(i)}}}, 1)
		if size := len(r.young) + len(r.old); size > 201 {
			t.Fatalf("%d rows are remembered", size)
		}
	}
	large := &state.Order{Tenant: "acme", Metadata: map[string]string{"text": strings.Repeat("x", 10<<10)}, Lines: make([]state.Line, 64)}
	if weight := (version{row: large}).weight(); weight != 15 {
		t.Errorf("an order with 14 KiB of text and lines weighs %d", weight)
	}
	for _, row := range []state.Row{
		&state.Bonus{BonusTerms: state.BonusTerms{Weights: make([]state.GameWeight, 50)}},
		&state.Jackpot{Terms: state.Terms{Games: make([]string, 50)}},
	} {
		if weight := (version{row: row}).weight(); weight != 8 {
			t.Errorf("%T with 50 games weighs %d", row, weight)
		}
	}
	assumed := map[state.Ref]version{}
	rest := r.recall([]state.Ref{itemRef("0"), itemRef("9999"), itemRef("9998"), itemRef("1")}, false, assumed)
	if len(assumed) != 2 || fmt.Sprint(rest) != fmt.Sprint([]state.Ref{itemRef("0"), itemRef("1")}) {
		t.Errorf("assumed %v, rest %v", assumed, rest)
	}
}

func TestFailedAssumptionsTurnTheMemoryOff(t *testing.T) {
	r := newRecent(100)
	off := func() (batches int) {
		for ; ; batches++ {
			if r.on() {
				return batches
			}
		}
	}
	for _, want := range []int{leastPenalty, 2 * leastPenalty, 4 * leastPenalty} {
		r.proved(false)
		if got := off(); got != want {
			t.Errorf("off for %d batches, want %d", got, want)
		}
	}
	for range 20 {
		r.proved(true)
	}
	r.proved(false)
	if got := off(); got != leastPenalty {
		t.Errorf("off for %d batches after it had been right for long, want %d", got, leastPenalty)
	}
}

// A standby that takes over without the last transactions, or a database that is restored, gives numbers of transactions out again. What was
// seen on another run of a server is therefore neither believed nor proved by them.
func TestAnotherServerMakesANewMemory(t *testing.T) {
	store, _ := twoProcesses(t)
	if _, err := sell(store, []string{"a"}, stock("a", 5)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	need := state.Need{Refs: []state.Ref{itemRef("a")}}
	before, err := store.Begin(ctx, need)
	if err != nil {
		t.Fatal(err)
	}
	if len(store.recent.young) == 0 || !before.Loaded().Assumed {
		t.Fatal("what was written is not remembered")
	}
	store.batches.Reset()
	store.recent.server = time.Unix(1, 0) // as if that had been another one
	if _, err := sell(store, []string{"b"}, stock("b", 1)); !errors.Is(err, state.ErrConflict) {
		t.Fatalf("the batch that was begun before the connection: %v", err)
	}
	if _, known := store.recent.young[itemRef("a")]; known {
		t.Error("what was seen on the server before is remembered")
	}
	now := before.Loaded().Now
	item := stock("a", 7)(map[string]*state.Item{"a": before.Loaded().Rows[itemRef("a")].(*state.Item)})[0]
	err = before.Commit(ctx, &state.Changes{Batch: id.V7(now, id.Random{1}), Now: now, Rows: []state.Written{{Row: item}}})
	if !errors.Is(err, state.ErrConflict) {
		t.Errorf("what was seen on the server before is proved: %v", err)
	}
	if assumed, err := sell(store, []string{"a"}, stock("a", 8)); err != nil || !assumed {
		t.Errorf("the batch decided again: assumed %v, %v", assumed, err)
	}
}
