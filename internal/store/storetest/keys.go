package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// keyTests are about idempotency keys: an answer is stored once and found again as it was.
var keyTests = []test{
	{name: "an answer is found as it was stored", run: testAnswer},
	{name: "keys are looked up only when the batch asks", run: testLookup},
	{name: "a key that exists is a conflict and leaves nothing", run: testKeyConflict},
	{name: "keys are scoped by tenant and principal", run: testKeyScope},
	{name: "answers older than the age are purged, in portions", run: testPurge},
	{name: "two batches with the same key: one conflict", concurrent: true, run: testKeyRace},
}

func testAnswer(s *suite) {
	success, refusal := sampleAnswer("a", longAgo()), sampleAnswer("B", longAgo())
	refusal.Answer.Code, refusal.Answer.Body = fault.FailedPrecondition, []byte(`{"code":9}`)
	changes := newBatch()
	changes.Answers = []state.KeyedAnswer{refusal, success}
	s.put(changes)
	missing := success.Key
	missing.Key = "missing"
	b := s.begin(state.Need{Keys: []state.Key{refusal.Key, success.Key, missing}, LookupKeys: true})
	s.same("answers", b.loaded().Answers, map[state.Key]*state.Answer{success.Key: &success.Answer, refusal.Key: &refusal.Answer})
	b.rollback()
	for _, want := range changes.Answers {
		got, err := s.store.Answer(s.context(), want.Key)
		s.must(err)
		s.same("answer", got, &want.Answer)
	}
	_, err := s.store.Answer(s.context(), missing)
	s.wantError(err, state.ErrNotFound)
}

func testLookup(s *suite) {
	item, answer := sampleItem("SKU-1"), sampleAnswer("a", longAgo())
	changes := insert(newBatch(), item)
	changes.Answers = []state.KeyedAnswer{answer}
	s.put(changes)
	b := s.begin(state.Need{Refs: []state.Ref{item.Ref()}, Keys: []state.Key{answer.Key}})
	s.same("answers without lookup", len(b.loaded().Answers), 0)
	b.rollback()
	b = s.begin(state.Need{Refs: []state.Ref{item.Ref()}, Keys: []state.Key{answer.Key}, LookupKeys: true})
	s.same("answers", b.loaded().Answers, map[state.Key]*state.Answer{answer.Key: &answer.Answer})
	s.same("row", b.loaded().Rows[item.Ref()], state.Row(item))
}

func testKeyConflict(s *suite) {
	answer := sampleAnswer("a", longAgo())
	changes := newBatch()
	changes.Answers = []state.KeyedAnswer{answer}
	s.put(changes)
	// Both as most batches come, with nothing read, and with rows locked before.
	item := sampleItem("locked")
	s.put(insert(newBatch(), item))
	for _, need := range []state.Need{{Keys: []state.Key{answer.Key}}, {Keys: []state.Key{answer.Key}, Refs: []state.Ref{item.Ref()}}} {
		again := everything(sampleOrder(longAgo()))
		own := *again
		own.Rows = slices.Clone(again.Rows)
		again.Answers = append([]state.KeyedAnswer{answer}, again.Answers...)
		again.Answers[0].Answer.Body = []byte("another")
		s.wantError(s.begin(need).commit(again), state.ErrConflict)
		s.nothingOf(&own)
	}
	got, err := s.store.Answer(s.context(), answer.Key)
	s.must(err)
	s.same("the first answer", got, &answer.Answer)
}

func testKeyScope(s *suite) {
	changes := newBatch()
	keys := []state.Key{
		{Tenant: "t1", Principal: "p1", Key: "k"}, {Tenant: "t1", Principal: "p2", Key: "k"}, {Tenant: "t2", Principal: "p1", Key: "k"},
		{Tenant: "t2", Principal: "p1", Key: "k "}, {Tenant: "t2", Principal: "p1", Key: "ñ"},
	}
	for _, key := range keys {
		answer := sampleAnswer("", longAgo())
		answer.Key = key
		answer.Answer.Body = fmt.Append(nil, key)
		changes.Answers = append(changes.Answers, answer)
	}
	s.put(changes)
	for _, want := range changes.Answers {
		got, err := s.store.Answer(s.context(), want.Key)
		s.must(err)
		s.same("answer", got, &want.Answer)
	}
}

func testPurge(s *suite) {
	changes := newBatch()
	for i := range 10 { // five old ones, five young ones
		at := recently().Add(-time.Hour)
		if i%2 == 0 {
			at = at.Add(-2 * time.Hour)
		}
		changes.Answers = append(changes.Answers, sampleAnswer(fmt.Sprint(i), at))
	}
	s.put(changes)
	for _, want := range []int{3, 2, 0} {
		purged, err := s.store.PurgeKeys(s.context(), 2*time.Hour, 3)
		s.must(err)
		s.same("number of purged keys", purged, want)
	}
	for i, answer := range changes.Answers {
		_, err := s.store.Answer(s.context(), answer.Key)
		if i%2 == 0 {
			s.wantError(err, state.ErrNotFound)
		} else {
			s.must(err)
		}
	}
	again := newBatch() // a purged key can be used again
	again.Answers = changes.Answers[:1]
	s.put(again)
}

func testKeyRace(s *suite) {
	answer := sampleAnswer("a", longAgo())
	results := make(chan error, 8)
	for i := range cap(results) {
		go func() {
			transaction, err := s.store.Begin(s.context(), state.Need{Keys: []state.Key{answer.Key}})
			if err != nil {
				results <- err
				return
			}
			changes := insert(newBatch(), sampleItem(fmt.Sprint("SKU-", i)))
			changes.Answers = []state.KeyedAnswer{answer}
			results <- transaction.Commit(s.context(), changes)
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else {
			s.wantError(err, state.ErrConflict)
		}
	}
	s.same("number of winners", won, 1)
	items, err := s.store.Items(s.context(), tenant, "", 100)
	s.must(err)
	s.same("number of effects", len(items), 1)
}

// outcomeTests are about batches whose commit got no answer.
var outcomeTests = []test{
	{name: "a committed batch was committed, however often one asks", run: testOutcomeCommitted},
	{name: "a batch that was never seen was not committed, however often one asks", run: testOutcomeUnseen},
	{name: "a batch that was asked about can no longer commit", run: testOutcomeForbids},
	{name: "the answer waits for a batch under way", concurrent: true, run: testOutcomeOpen},
	{name: "many askers and one batch agree", concurrent: true, run: testOutcomeRace},
}

func (s *suite) wantOutcome(batch id.UUID, want bool) {
	s.Helper()
	for range 3 {
		got, err := s.store.Outcome(s.context(), batch)
		s.must(err)
		s.same("committed", got, want)
	}
}

func testOutcomeCommitted(s *suite) {
	changes := everything(sampleOrder(longAgo()))
	s.put(changes)
	s.wantOutcome(changes.Batch, true)
	if s.get(changes.Rows[0].Row.Ref()) == nil {
		s.Fatal("asking for the outcome took the batch back")
	}
}

func testOutcomeUnseen(s *suite) {
	s.wantOutcome(newBatch().Batch, false)
}

func testOutcomeForbids(s *suite) {
	changes := everything(sampleOrder(longAgo()))
	s.wantOutcome(changes.Batch, false)
	s.wantError(s.try(changes), state.ErrConflict)
	s.nothingOf(changes)
	s.wantOutcome(changes.Batch, false)
}

func testOutcomeOpen(s *suite) {
	// Open and with locks held, but not in its commit yet: nothing in doubt, so the answer is no and the batch must fail.
	item := sampleItem("SKU-1")
	s.put(insert(newBatch(), item))
	b := s.begin(state.Need{Refs: []state.Ref{item.Ref()}})
	changed := *item
	changed.OnHand++
	changes := update(newBatch(), &changed)
	s.wantOutcome(changes.Batch, false)
	s.wantError(b.commit(changes), state.ErrConflict)
	s.same("item", s.get(item.Ref()), state.Row(item))
}

func testOutcomeRace(s *suite) {
	for range 20 {
		changes := insert(newBatch(), sampleItem("SKU of "+newBatch().Batch.String()))
		committed := make(chan error, 1)
		transaction, err := s.store.Begin(s.context(), state.Need{})
		s.must(err)
		go func() { committed <- transaction.Commit(s.context(), changes) }()
		answers := make(chan bool, 4)
		for range cap(answers) {
			go func() {
				answer, err := s.store.Outcome(s.context(), changes.Batch)
				if err != nil {
					s.Errorf("outcome: %v", err)
				}
				answers <- answer
			}()
		}
		err = <-committed
		if err != nil {
			s.wantError(err, state.ErrConflict)
		}
		for range cap(answers) {
			s.same("outcome", <-answers, err == nil)
		}
		s.same("row exists", s.get(changes.Rows[0].Row.Ref()) != nil, err == nil)
	}
}
