package batch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/state"
)

// entry is a numbered command.
type entry struct {
	number  int
	command command.Command
	stale   bool
	overdue bool
}

func (e *entry) Command() *command.Command { return &e.command }
func (e *entry) Stale(time.Time) bool      { return e.stale }
func (e *entry) Overdue(time.Time) bool    { return e.overdue }

// want makes an entry that claims rows, and a key unless it is empty.
func want(number int, key string, rows ...string) *entry {
	e := &entry{number: number, command: command.Command{Key: key}}
	for _, row := range rows { // a step each, as a group has
		e.command.Steps = append(e.command.Steps, command.Step{Refs: []state.Ref{{Kind: state.KindItem, ID: row}}})
	}
	return e
}

func queue(t *testing.T, limits Limits, entries ...*entry) *Queue[*entry] {
	t.Helper()
	q := New[*entry](limits)
	for _, e := range entries {
		if err := q.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func numbers(entries []*entry) string {
	text := ""
	for _, e := range entries {
		text += fmt.Sprint(e.number, " ")
	}
	return text
}

func expect(t *testing.T, what string, entries []*entry, want string) {
	t.Helper()
	if got := numbers(entries); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

var small = Limits{Lanes: 2, Commands: 4, Rows: 10, Bytes: 10_000, Waiting: 20, FurtherLaneAt: 2}

func TestBatchesAreLimited(t *testing.T) {
	large := want(6, "", "a")
	large.command.Size = 11
	q := queue(t, small, want(1, "", "a"), want(2, "", "a"), want(3, "", "b"), want(4, "", "c"), want(5, "", "d"), large, want(7, "", "d"))
	var batch Batch[*entry]
	for _, members := range []string{"1 2 3 4 ", "5 ", "6 ", "7 "} {
		if !q.Next(&batch) {
			t.Fatal("closed")
		}
		expect(t, "batch", batch.Members, members)
	}
}

func TestBatchesAreLimitedInBytes(t *testing.T) {
	sized := func(number, bytes int) *entry {
		e := want(number, "", fmt.Sprint(number))
		e.command.Bytes = bytes
		return e
	}
	limits := small
	limits.Bytes = 1000
	// The fifth fills a batch exactly; the sixth is larger than any; the last are internal and count by their rows.
	q := queue(t, limits, sized(1, 400), sized(2, 400), sized(3, 400), sized(4, 999), sized(5, 1), sized(6, 5000), sized(7, 1000),
		sized(8, 0), sized(9, 0), sized(10, 0), sized(11, 0))
	q.Close()
	var batch Batch[*entry]
	for _, members := range []string{"1 2 ", "3 ", "4 5 ", "6 ", "7 ", "8 9 10 ", "11 "} {
		if !q.Next(&batch) {
			t.Fatal("closed")
		}
		expect(t, "batch", batch.Members, members)
	}
}

func TestQueueRefuses(t *testing.T) {
	limits := small
	limits.Waiting = 2
	q := queue(t, limits, want(1, "", "a"), want(2, "", "a"))
	if err := q.Put(want(3, "", "a")); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	q.Close()
	if err := q.Put(want(3, "", "a")); !errors.Is(err, ErrClosed) || !q.Closed() || q.Len() != 2 {
		t.Error(err)
	}
	var batch Batch[*entry]
	if !q.Next(&batch) || len(batch.Members) != 2 || q.Next(&batch) {
		t.Error("a closed queue is to be emptied")
	}
}

func TestOverdueEntriesAreDroppedFromABacklog(t *testing.T) {
	entries := make([]*entry, 9)
	for i := range entries {
		entries[i] = want(i+1, "", "a")
		entries[i].overdue = i < 3 || i > 6
	}
	q := queue(t, small, entries...)
	var batch Batch[*entry]
	for _, expected := range []struct{ members, stale string }{
		{"4 5 6 7 ", "1 2 3 "}, // nine wait, where a batch takes four
		{"8 9 ", ""},           // two wait: late as they are, doing them ends the backlog
	} {
		if !q.Next(&batch) {
			t.Fatal("closed")
		}
		expect(t, "batch", batch.Members, expected.members)
		expect(t, "dropped", batch.Stale, expected.stale)
	}
}

func TestStaleEntriesAreDropped(t *testing.T) {
	stale := want(2, "", "a")
	stale.stale = true
	q := queue(t, small, want(1, "", "a"), stale, want(3, "", "a"))
	var batch Batch[*entry]
	q.Next(&batch)
	expect(t, "members", batch.Members, "1 3 ")
	expect(t, "stale", batch.Stale, "2 ")
	if batch.Left != 0 {
		t.Errorf("%d left", batch.Left)
	}
}

func TestFurtherLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, small, want(1, "k", "a"))
		var first, second Batch[*entry]
		q.Next(&first)
		done := false
		go func() { q.Next(&second); done = true }()
		put := func(e *entry) {
			if err := q.Put(e); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		put(want(2, "", "a"))      // in flight
		put(want(3, "k", "x"))     // its key is in flight
		put(want(4, "", "y", "x")) // behind 3
		put(want(5, "l", "a"))
		put(want(6, "l", "z")) // behind 5 for its key
		put(want(7, "", "b"))
		if done {
			t.Error("a further lane started for one entry that can go")
		}
		put(want(8, "", "b", "c"))
		put(want(9, "", "c"))
		if !done {
			t.Fatal("no further lane started")
		}
		expect(t, "second lane", second.Members, "7 8 9 ")
		q.Next(&first)
		expect(t, "first lane", first.Members, "2 3 4 5 ")
		go func() { q.Next(&second) }()
		synctest.Wait()
		expect(t, "second lane", second.Members, "") // 6 waits for its key, held with 5
		q.Next(&first)
		expect(t, "first lane", first.Members, "6 ")
		q.Close()
	})
}

// TestLongQueueBehindAHotRow counts how often waiting entries are looked at while their row is in flight.
func TestLongQueueBehindAHotRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue(t, Limits{Lanes: 2, Commands: 256, Rows: 1000, Bytes: 1 << 20, Waiting: 10000, FurtherLaneAt: 64}, want(0, "", "hot"))
		var first, second Batch[*entry]
		q.Next(&first)
		go q.Next(&second)
		for i := range 5000 {
			_ = q.Put(want(i, "", "hot"))
			synctest.Wait()
		}
		if q.lookAt < 5000-64 {
			t.Errorf("looks again at %d", q.lookAt)
		}
		q.Next(&first)
		if len(first.Members) != 256 {
			t.Errorf("%d members", len(first.Members))
		}
		q.Close()
		for len(first.Members)+len(second.Members) > 0 {
			q.Next(&first)
			synctest.Wait()
		}
	})
}

// TestModel has lanes take random entries out while others come in, and checks the three invariants of the package.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Lanes: rapid.IntRange(1, 4).Draw(t, "lanes"), Commands: rapid.IntRange(1, 8).Draw(t, "commands"),
			Rows: rapid.IntRange(1, 12).Draw(t, "rows"), Bytes: rapid.IntRange(1, 12*rowBytes).Draw(t, "bytes"), Waiting: 1000, FurtherLaneAt: rapid.IntRange(1, 6).Draw(t, "further"),
		}
		names := rapid.IntRange(1, 12).Draw(t, "names")
		seed := rapid.Uint64().Draw(t, "seed")
		q := New[*entry](limits)
		var mutex sync.Mutex
		inFlight, last, seen := map[string]int{}, map[string]int{}, 0
		enter := func(lane int, members []*entry) {
			mutex.Lock()
			defer mutex.Unlock()
			seen += len(members)
			for _, member := range members {
				for _, claim := range claims(member) {
					if other, found := inFlight[claim]; found && other != lane {
						t.Errorf("%s is in flight in lanes %d and %d", claim, other, lane)
					}
					inFlight[claim] = lane
					if member.number < last[claim] {
						t.Errorf("%s: %d after %d", claim, member.number, last[claim])
					}
					last[claim] = member.number
				}
			}
		}
		leave := func(members []*entry) {
			mutex.Lock()
			defer mutex.Unlock()
			for _, member := range members {
				for _, claim := range claims(member) {
					delete(inFlight, claim)
				}
			}
		}
		var lanes sync.WaitGroup
		for lane := range limits.Lanes {
			lanes.Go(func() {
				var batch Batch[*entry]
				for q.Next(&batch) {
					enter(lane, batch.Members)
					time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
					leave(batch.Members)
				}
			})
		}
		const count = 300
		putRandom(t, q, rand.New(rand.NewPCG(seed, 0)), names, count)
		q.Close()
		lanes.Wait()
		if seen != count {
			t.Errorf("%d entries came out, want %d", seen, count)
		}
	})
}

func putRandom(t *rapid.T, q *Queue[*entry], random *rand.Rand, names, count int) {
	for number := range count {
		key, rows := "", []string{fmt.Sprint(random.IntN(names))}
		if random.IntN(3) == 0 {
			rows = append(rows, fmt.Sprint(random.IntN(names)))
		}
		if random.IntN(3) == 0 {
			key = fmt.Sprint(random.IntN(names))
		}
		if err := q.Put(want(number, key, rows...)); err != nil {
			t.Fatal(err)
		}
		if random.IntN(10) == 0 {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

func claims(e *entry) []string {
	all := []string{}
	for _, step := range e.command.Steps {
		all = append(all, "row "+step.Refs[0].ID)
	}
	if e.command.Key != "" {
		all = append(all, "key "+e.command.Key)
	}
	return all
}
