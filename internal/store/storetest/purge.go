package storetest

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// purgeTests are about the ids of batches, which are kept for a time only.
var purgeTests = []test{
	{name: "old batches without events are purged a few at a time", run: testPurgeBatches},
	{name: "purging batches changes nothing that anybody can ask for", run: testPurgeKeepsTheLog},
}

// emptyBatches commits batches without events that are as old as that, and answers them.
func (s *suite) emptyBatches(count int, age time.Duration) []*state.Changes {
	s.Helper()
	batches := make([]*state.Changes, count)
	for i := range batches {
		batches[i] = newBatch()
		batches[i].Now = batches[i].Now.Add(-age)
		s.put(batches[i])
	}
	return batches
}

func (s *suite) purgeBatches(age time.Duration, limit int) int {
	s.Helper()
	purged, err := s.store.PurgeBatches(s.context(), age, limit)
	s.must(err)
	return purged
}

func testPurgeBatches(s *suite) {
	s.same("purged of nothing", s.purgeBatches(time.Hour, 3), 0)
	old := s.emptyBatches(5, 3*time.Hour)
	young := s.emptyBatches(4, time.Hour)
	lost := newBatch()
	s.wantOutcome(lost.Batch, false) // which takes its id
	for _, want := range []int{3, 2, 0} {
		s.same("purged", s.purgeBatches(2*time.Hour, 3), want)
	}
	for _, batch := range young {
		s.wantOutcome(batch.Batch, true)
	}
	s.wantError(s.try(lost), state.ErrConflict) // young, and still forbidden
	s.wantOutcome(old[0].Batch, false)          // nobody may ask so late
	s.wantSound(false)
}

func testPurgeKeepsTheLog(s *suite) {
	w := s.makeWorld()
	lease, reactor := s.lease("relay", "world", time.Minute), s.lease("reactor/flow", "world", time.Minute)
	last, err := s.store.LastPosition(s.context())
	s.must(err)
	before, end := s.log(1, 1000), s.number(lease, last-1, 10)
	if int64(len(before)) != last || len(end) != 1 {
		s.Fatalf("%d events, position %d, %d batches at the end", len(before), last, len(end))
	}
	const age = 10 * time.Millisecond
	time.Sleep(2 * age)
	for _, position := range []int64{0, 1, last - 1, last} { // the reader goes on
		s.must(s.store.SaveCursor(s.context(), reactor, state.Cursor{Epoch: "e", Position: position}))
		for s.purgeBatches(age, 1) > 0 { // one at a time
			s.wantSound(true)
		}
		s.same("end of the log", s.number(lease, last-1, 10), end)
		s.wantSound(true)
	}
	s.same("log", s.log(1, 1000), before)
	s.same("middle of the log", s.log(4, 3), before[3:6])
	events, err := s.store.AggregateEvents(s.context(), tenant, w.confirmed.ID, 0, 100)
	s.must(err)
	s.same("events of an order", int64(len(events)), w.confirmed.Version)
	s.same("batches behind the end", len(s.number(lease, last, 10)), 0)
	more := s.putEvents(3)
	s.same("numbered", s.number(lease, last, 10), []state.NumberedBatch{{Batch: more.Batch, First: last + 1, Count: 3}})
	s.same("log", len(s.log(1, 1000)), len(before)+3)
}
