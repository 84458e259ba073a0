package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// streamTests are about the log of events: what is written is read as it was, every committed event gets a position once, in
// an order in which no aggregate's later event comes before its earlier one.
var streamTests = []test{
	{name: "events are read as they were written", run: testEvents},
	{name: "batches are numbered in the order of writing, without gaps", run: testNumber},
	{name: "numbering goes on where it was, for whoever holds the lease", run: testNumberAgain},
	{name: "pages of batches and events end where they should", run: testNumberPages},
	{name: "numbering without the lease is refused and numbers nothing", run: testNumberFenced},
	{name: "events of an aggregate come by seq, after one, as many as asked for", run: testAggregateEvents},
	{name: "epochs", run: testEpochs},
	{name: "a batch that commits late is numbered late and not skipped", concurrent: true, run: testNumberLate},
	{name: "under concurrency every aggregate's events get positions in the order of seq", concurrent: true, run: testNumberRace},
}

// lease takes a lease for a test.
func (s *suite) lease(name, holder string, ttl time.Duration) state.Lease {
	s.Helper()
	lease, held, err := s.store.AcquireLease(s.context(), name, holder, ttl)
	s.must(err)
	if !held {
		s.Fatalf("%s did not get the lease %s", holder, name)
	}
	return lease
}

// number numbers everything there is, and answers the batches after a position.
func (s *suite) number(lease state.Lease, after int64, limit int) []state.NumberedBatch {
	s.Helper()
	batches, err := s.store.Number(s.context(), lease, after, limit)
	s.must(err)
	return batches
}

// log answers the numbered events from a position on.
func (s *suite) log(from int64, limit int) []state.Event {
	s.Helper()
	events, err := s.store.Events(s.context(), from, limit)
	s.must(err)
	return events
}

// putEvents commits a batch of n first events and answers it.
func (s *suite) putEvents(n int) *state.Changes {
	s.Helper()
	changes := newBatch()
	for range n {
		addEvent(changes, sampleOrder(longAgo()).Ref(), 1, "order.created")
	}
	s.put(changes)
	return changes
}

func testEvents(s *suite) {
	order := sampleOrder(longAgo())
	changes := newBatch()
	addEvent(changes, order.Ref(), 1, "order.created")
	addEvent(changes, order.Ref(), 2, "order.status_changed")
	bare := addEvent(changes, samplePayment(order).Ref(), 1, "payment.status_changed")
	bare.TraceID, bare.IdempotencyKey = "", ""
	addEvent(changes, state.Ref{Kind: state.KindItem, Tenant: "other", ID: "SKU-1"}, 1, "stock.set")
	s.put(changes)
	unnumbered, err := s.store.AggregateEvents(s.context(), tenant, order.ID, 0, 0)
	s.must(err)
	for i := range unnumbered {
		unnumbered[i].Position = 0 // a store with one writer may number at once
	}
	s.same("events of the order", unnumbered, changes.Events[:2])

	s.number(s.lease("relay", "a", time.Minute), 0, 100)
	for i := range changes.Events {
		changes.Events[i].Position = int64(i + 1)
	}
	s.same("events", s.log(1, 100), changes.Events)
	numbered, err := s.store.AggregateEvents(s.context(), tenant, order.ID, 0, 0)
	s.must(err)
	s.same("events of the order", numbered, changes.Events[:2])
}

func testNumber(s *suite) {
	sizes, want, next := []int{1, 3, 0, 300, 2, 0, 1}, []state.NumberedBatch(nil), int64(1)
	for _, size := range sizes {
		changes := s.putEvents(size)
		if size > 0 {
			want = append(want, state.NumberedBatch{Batch: changes.Batch, First: next, Count: size})
		}
		next += int64(size)
	}
	s.wantOutcome(newBatch().Batch, false) // a batch that never was takes no position
	lease := s.lease("relay", "a", time.Minute)
	s.same("batches", s.number(lease, 0, 100), want)
	s.same("batches", s.number(lease, 0, 100), want) // it changes nothing
	last, err := s.store.LastPosition(s.context())
	s.must(err)
	s.same("last position", last, next-1)
	s.contiguous(next - 1)
}

// contiguous fails unless the log is positions 1 … last, with seqs of each aggregate in order.
func (s *suite) contiguous(last int64) []state.Event {
	s.Helper()
	var all []state.Event
	for {
		page := s.log(int64(len(all))+1, 1000)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	s.same("number of events", int64(len(all)), last)
	seqs := map[state.Ref]int64{}
	for i, event := range all {
		s.same("position", event.Position, int64(i+1))
		ref := state.Ref{Kind: event.AggregateKind, Tenant: event.Tenant, ID: event.AggregateID}
		if event.Seq != seqs[ref]+1 {
			s.Fatalf("at position %d the event %d of %v follows its event %d", event.Position, event.Seq, ref, seqs[ref])
		}
		seqs[ref] = event.Seq
	}
	return all
}

func testNumberAgain(s *suite) {
	first := s.putEvents(2)
	old := s.lease("relay", "a", time.Minute)
	s.number(old, 0, 100)
	s.must(s.store.ReleaseLease(s.context(), old))
	second := s.putEvents(3)
	batches := s.number(s.lease("relay", "b", time.Minute), 0, 100)
	s.same("batches", batches, []state.NumberedBatch{{Batch: first.Batch, First: 1, Count: 2}, {Batch: second.Batch, First: 3, Count: 3}})
}

func testNumberPages(s *suite) {
	batches := []state.NumberedBatch{}
	for i := range 5 {
		batches = append(batches, state.NumberedBatch{Batch: s.putEvents(2).Batch, First: int64(2*i + 1), Count: 2})
	}
	lease := s.lease("relay", "a", time.Minute)
	s.same("first page", s.number(lease, 0, 2), batches[:2])
	s.same("after a batch", s.number(lease, 4, 2), batches[2:4])
	s.same("after the last", len(s.number(lease, 10, 2)), 0)
	for from := range int64(12) {
		for _, limit := range []int{1, 3, 100} {
			events := s.log(from, limit)
			first := max(from, 1)
			s.same(fmt.Sprintf("number of events from %d, at most %d", from, limit), len(events), max(0, min(limit, int(11-first))))
			for i, event := range events {
				s.same("position", event.Position, first+int64(i))
			}
		}
	}
}

func testNumberFenced(s *suite) {
	s.putEvents(1)
	old := s.lease("relay", "a", 50*time.Millisecond)
	time.Sleep(150 * time.Millisecond)
	young := s.lease("relay", "b", time.Minute)
	other := s.lease("another", "a", time.Minute)
	for _, lease := range []state.Lease{old, {}, {Name: "relay", Holder: "c", Fence: young.Fence}, {Name: "relay", Holder: "b"}} {
		_, err := s.store.Number(s.context(), lease, 0, 100)
		s.wantError(err, state.ErrFenced)
	}
	if s.options.Concurrent { // a store with one writer may number at once
		last, err := s.store.LastPosition(s.context())
		s.must(err)
		s.same("last position", last, int64(0))
	}
	s.same("fences", old.Fence < young.Fence && other.Fence > 0, true)
	s.same("batches", len(s.number(young, 0, 100)), 1)
}

func testAggregateEvents(s *suite) {
	order, other := sampleOrder(longAgo()), sampleOrder(longAgo())
	payment := samplePayment(order)
	want := map[string][]state.Event{}
	for i := range 5 {
		changes := newBatch()
		changes.Now = longAgo() // all at one time, which the order must not depend on
		addEvent(changes, order.Ref(), int64(i+1), "order.status_changed")
		addEvent(changes, payment.Ref(), int64(i+1), "payment.status_changed")
		addEvent(changes, other.Ref(), int64(i+1), "order.status_changed")
		s.put(changes)
		want[order.ID] = append(want[order.ID], changes.Events[0])
		want[payment.ID] = append(want[payment.ID], changes.Events[1])
	}
	for name, all := range want {
		for after := range 6 {
			for limit := range 7 {
				expected := all[after:]
				if limit > 0 {
					expected = expected[:min(limit, len(expected))]
				}
				events, err := s.store.AggregateEvents(s.context(), tenant, name, int64(after), limit)
				s.must(err)
				s.same("number of events", len(events), len(expected))
				for i, event := range events {
					event.Position = 0
					s.same("event", event, expected[i])
				}
			}
		}
	}
	events, err := s.store.AggregateEvents(s.context(), "stranger", order.ID, 0, 0)
	s.must(err)
	s.same("events for another tenant", len(events), 0)
}

func testEpochs(s *suite) {
	first, err := s.store.Epoch(s.context())
	s.must(err)
	again, err := s.store.Epoch(s.context())
	s.must(err)
	if first == "" || first != again {
		s.Fatalf("epoch %q, then %q", first, again)
	}
	lease := s.lease("relay", "a", time.Minute)
	s.must(s.store.StartEpoch(s.context(), lease, "epoch-2"))
	second, err := s.store.Epoch(s.context())
	s.must(err)
	s.same("epoch", second, "epoch-2")
	s.wantError(s.store.StartEpoch(s.context(), state.Lease{Name: "relay", Holder: "b", Fence: lease.Fence}, "epoch-3"), state.ErrFenced)
	third, err := s.store.Epoch(s.context())
	s.must(err)
	s.same("epoch", third, "epoch-2")
}

func testNumberLate(s *suite) {
	item := sampleItem("SKU-1")
	changes := insert(newBatch(), item)
	addEvent(changes, item.Ref(), 1, "stock.set")
	s.put(changes)
	slow := s.begin(state.Need{Refs: []state.Ref{item.Ref()}})
	later := s.putEvents(1)
	lease := s.lease("relay", "a", time.Minute)
	s.same("while the slow batch is open", s.number(lease, 0, 100),
		[]state.NumberedBatch{{Batch: changes.Batch, First: 1, Count: 1}, {Batch: later.Batch, First: 2, Count: 1}})
	changed := *item
	changed.Seq = 2
	late := update(newBatch(), &changed)
	addEvent(late, item.Ref(), 2, "stock.set")
	s.must(slow.commit(late))
	s.same("after it", s.number(lease, 2, 100), []state.NumberedBatch{{Batch: late.Batch, First: 3, Count: 1}})
	s.contiguous(3)
}

// testNumberRace lets writers touch a few aggregates, two at a time, while a relay numbers as fast as it can.
func testNumberRace(s *suite) {
	const writers, rounds, aggregates = 6, 60, 4
	refs := make([]state.Ref, aggregates)
	changes := newBatch()
	for i := range refs {
		item := sampleItem(fmt.Sprint("SKU-", i))
		item.Seq = 1
		refs[i] = item.Ref()
		insert(changes, item)
		addEvent(changes, item.Ref(), 1, "stock.set")
	}
	s.put(changes)

	lease, done, relayed := s.lease("relay", "a", time.Minute), make(chan struct{}), make(chan int64, 1)
	go func() {
		position, running := int64(0), true
		for running {
			select {
			case <-done:
				running = false // once more, for what was committed last
			default:
			}
			batches, err := s.store.Number(s.context(), lease, position, 1000)
			if err != nil {
				s.Errorf("number: %v", err)
			}
			for _, batch := range batches {
				if batch.First != position+1 {
					s.Errorf("position %d is followed by %d", position, batch.First)
				}
				position = batch.First + int64(batch.Count) - 1
			}
		}
		relayed <- position
	}()

	var group sync.WaitGroup
	var committed sync.Map
	for writer := range writers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(writer), 1))
			for range rounds {
				if n := s.touch(refs, random); n > 0 {
					count, _ := committed.LoadOrStore(writer, new(int64))
					*count.(*int64) += int64(n) //nolint:errcheck,forcetypeassert // stored above
				}
			}
		})
	}
	group.Wait()
	close(done)
	total := int64(aggregates)
	committed.Range(func(_, count any) bool {
		total += *count.(*int64) //nolint:errcheck,forcetypeassert // stored above
		return true
	})
	s.same("position of the relay", <-relayed, total)
	s.contiguous(total)
}

// touch changes two aggregates in a batch with an event each, and sometimes dawdles before the commit. It answers the number
// of events committed.
func (s *suite) touch(refs []state.Ref, random *rand.Rand) int {
	first, second := random.IntN(len(refs)), random.IntN(len(refs))
	first, second = min(first, second), max(first, second)
	need := state.Need{Refs: []state.Ref{refs[first]}}
	if second != first {
		need.Refs = append(need.Refs, refs[second])
	}
	transaction, err := s.store.Begin(s.context(), need)
	if err != nil {
		s.Errorf("begin: %v", err)
		return 0
	}
	changes := newBatch()
	for _, ref := range need.Refs {
		item := *transaction.Loaded().Rows[ref].(*state.Item) //nolint:errcheck,forcetypeassert // inserted above
		item.Seq++
		update(changes, &item)
		addEvent(changes, ref, item.Seq, "stock.set")
	}
	if random.IntN(2) == 0 {
		time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
	}
	if random.IntN(8) == 0 {
		transaction.Rollback()
		return 0
	}
	switch err := transaction.Commit(s.context(), changes); {
	case err == nil:
		return len(changes.Events)
	case s.options.Proves && errors.Is(err, state.ErrConflict):
		return 0
	default:
		s.Errorf("commit: %v", err)
		return 0
	}
}
