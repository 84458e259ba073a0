package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// batchTests are about rows: what was committed is loaded again as it was, and what was not leaves nothing.
var batchTests = []test{
	{name: "every kind of row is loaded as it was written", run: testRoundTrip},
	{name: "every kind of row is updated in all its fields", run: testUpdate},
	{name: "absent rows are absent", run: testAbsent},
	{name: "tenants are apart", run: testTenants},
	{name: "many rows of all kinds in one batch", run: testManyRows},
	{name: "a batch without anything commits", run: testEmptyBatch},
	{name: "a new row that exists is a conflict and leaves nothing", run: testRowConflict},
	{name: "a value that is refused leaves nothing", run: testDataError},
	{name: "rollback leaves nothing", run: testRollback},
	{name: "a transfer done again is a conflict", run: testTransferConflict},
	{name: "an event's seq done again is a conflict", run: testEventConflict},
	{name: "an item and an order of the same id do not meet", run: testItemNamedAsOrder},
	{name: "the clock is the database's and never goes back", run: testClock},
	{name: "a batch that is given up by its context is over", run: testCanceled},
	{name: "a row is locked until the batch ends", concurrent: true, locks: true, run: testLock},
	{name: "lock, then read: the newest parent with the newest children", concurrent: true, locks: true, run: testLockThenRead},
	{name: "two batches that insert the same row: one conflict", concurrent: true, run: testInsertRace},
}

// oneOfEach makes a row of every kind with every field set.
func oneOfEach() []state.Row {
	at := longAgo()
	order := fullOrder(at)
	letter := sampleDeadLetter(order, at)
	letter.ReplayedAt = at.Add(time.Minute)
	return append([]state.Row{order, sampleReservation(order), samplePayment(order), sampleEffect(order, "hold/1"), letter, sampleItem("SKU 1:~.x"),
		sampleCatalogue(), samplePrice("SKU 1:~.x"), sampleContact("user 1:~.x"), sampleNotification("user 1:~.x", order),
		sampleAccount("player 1:~.x"), sampleHold(sampleAccount("player 1:~.x")), sampleDetails(order), sampleChanges(order, 1),
		samplePlayerPayment("player 1:~.x"), sampleSandbox("studio 1:~.x", 2), sampleJackpot("mega 1:~.x"), sampleJackpotFeed("studio:slot"),
		sampleJackpotTrigger("mega 1:~.x", "trigger 1:~.x"), sampleBonus("bonus 1:~.x")}, playRows()...)
}

// bareOfEach makes a row of every kind with every optional field empty.
func bareOfEach() []state.Row {
	at := longAgo()
	order := bareOrder(at)
	return append([]state.Row{
		order,
		&state.Reservation{Tenant: tenant, ID: id.Derive("reservation", order.ID), OrderID: order.ID, Status: state.ReservationReleased,
			Version: 1, UpdatedAt: at},
		&state.Payment{Tenant: tenant, ID: id.Derive("payment", order.ID), OrderID: order.ID, Status: state.PaymentRequested,
			Currency: "EUR", Version: 1, CreatedAt: at, UpdatedAt: at},
		&state.Effect{Tenant: tenant, ID: id.Derive("effect", order.ID) + "/hold/1", Kind: "gateway.hold", State: state.EffectDone,
			Currency: "EUR", CreatedAt: at, UpdatedAt: at},
		&state.DeadLetter{Tenant: tenant, ID: id.New("deadletter", at, entropy()), AggregateID: order.ID, Kind: "k", CreatedAt: at},
		&state.Item{Tenant: tenant, SKU: "bare", UpdatedAt: at, Version: 1, Seq: 1},
		&state.Catalogue{Tenant: "bare", ID: state.CatalogueID, OpenedAt: at.Add(time.Second)},
		&state.Price{Tenant: tenant, SKU: "bare", Currency: "JPY", UpdatedAt: at, Version: 1},
		&state.Contact{Tenant: tenant, UserID: "bare", Forgotten: true, Version: 1, CreatedAt: at, UpdatedAt: at},
		&state.Notification{Tenant: tenant, ID: id.New("notification", at, entropy()), UserID: "bare", Channel: "sms",
			State: state.NotificationScheduled, Version: 1, CreatedAt: at, UpdatedAt: at},
		&state.Account{Account: ledger.Account{
			Tenant: tenant, ID: ledger.ID("bare", ledger.JackpotPool, "JPY"), Version: 1, CreatedAt: at, UpdatedAt: at,
		}},
		&state.Hold{Hold: ledger.Hold{Tenant: tenant, ID: "hold:bare", Account: ledger.ID("bare", ledger.JackpotPool, "JPY"), AmountMinor: 1,
			Status: ledger.HoldVoided, Version: 1, CreatedAt: at, UpdatedAt: at}},
		bareDetails(order), bareChanges(order),
		barePlayerPayment(), sampleSandbox("bare", 3), bareJackpot(), bareJackpotFeed(), bareJackpotTrigger(),
		bareBonus(),
	}, barePlayRows()...)
}

func testRoundTrip(s *suite) {
	rows := append(oneOfEach(), bareOfEach()...)
	s.put(insert(newBatch(), rows...))
	for _, row := range rows {
		s.same(row.Ref().Kind.String(), s.get(row.Ref()), row)
	}
}

func testUpdate(s *suite) {
	// From full to bare and back again: every column is written both ways. What names a row stays.
	full, bare := oneOfEach(), bareOfEach()
	s.put(insert(newBatch(), full...))
	for round, next := range [][]state.Row{bare, full} {
		for i := range next {
			next[i] = renamed(next[i], full[i])
		}
		s.put(update(newBatch(), next...))
		for _, row := range next {
			if got := s.get(row.Ref()); got == nil {
				s.Fatalf("round %d: %v is gone", round, row.Ref())
			} else {
				s.same(row.Ref().Kind.String(), got, row)
			}
		}
	}
}

// renamed answers a copy of row under the name of another, with what never changes taken from it too.
func renamed(row, as state.Row) state.Row {
	switch row := row.(type) {
	case *state.Order:
		renamed, as := *row, as.(*state.Order) //nolint:errcheck,forcetypeassert // rows come in pairs of a kind
		renamed.Tenant, renamed.ID, renamed.CreatedAt = as.Tenant, as.ID, as.CreatedAt
		renamed.CustomerID, renamed.Currency = as.CustomerID, as.Currency
		return &renamed
	case *state.Reservation:
		renamed, as := *row, as.(*state.Reservation) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.OrderID = as.ID, as.OrderID
		return &renamed
	case *state.Payment:
		renamed, as := *row, as.(*state.Payment) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.OrderID, renamed.CreatedAt, renamed.Currency = as.ID, as.OrderID, as.CreatedAt, as.Currency
		return &renamed
	case *state.Effect:
		renamed, as := *row, as.(*state.Effect) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.AggregateID, renamed.OrderID, renamed.CreatedAt = as.ID, as.AggregateID, as.OrderID, as.CreatedAt
		renamed.Kind, renamed.Provider, renamed.Token, renamed.TraceID = as.Kind, as.Provider, as.Token, as.TraceID
		renamed.Currency, renamed.AmountMinor, renamed.ExpiresAt = as.Currency, as.AmountMinor, as.ExpiresAt
		return &renamed
	case *state.DeadLetter:
		renamed, as := *row, as.(*state.DeadLetter) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.AggregateID, renamed.CreatedAt = as.ID, as.AggregateID, as.CreatedAt
		return &renamed
	case *state.Item:
		renamed := *row
		renamed.SKU = as.Ref().ID
		return &renamed
	case *state.Catalogue:
		renamed := *row
		renamed.Tenant = as.Ref().Tenant
		return &renamed
	case *state.Price:
		renamed := *row
		renamed.SKU = as.Ref().ID
		return &renamed
	case *state.Contact:
		renamed, as := *row, as.(*state.Contact) //nolint:errcheck,forcetypeassert // as above
		renamed.UserID, renamed.CreatedAt = as.UserID, as.CreatedAt
		return &renamed
	case *state.Notification:
		renamed, as := *row, as.(*state.Notification) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.UserID, renamed.Channel, renamed.Template, renamed.Locale = as.ID, as.UserID, as.Channel, as.Template, as.Locale
		renamed.Parameters, renamed.OrderID, renamed.Provider, renamed.CreatedAt = as.Parameters, as.OrderID, as.Provider, as.CreatedAt
		return &renamed
	case *state.Account:
		renamed, as := *row, as.(*state.Account) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.CreatedAt = as.ID, as.CreatedAt
		return &renamed
	case *state.Hold:
		renamed, as := *row, as.(*state.Hold) //nolint:errcheck,forcetypeassert // as above
		renamed.ID, renamed.Account, renamed.AmountMinor, renamed.Several = as.ID, as.Account, as.AmountMinor, as.Several
		renamed.ExpiresAt, renamed.CreatedAt = as.ExpiresAt, as.CreatedAt
		return &renamed
	case *state.OrderDetails:
		renamed := *row
		renamed.OrderID = as.Ref().ID
		return &renamed
	case *state.ChangeBatch:
		renamed := *row
		renamed.ID = as.Ref().ID
		return &renamed
	}
	return renamedPlay(row, as)
}

func testAbsent(s *suite) {
	order := sampleOrder(longAgo())
	s.put(insert(newBatch(), order))
	refs := []state.Ref{order.Ref()}
	for kind := state.KindReservation; kind <= state.KindBonus; kind++ {
		refs = append(refs, state.Ref{Kind: kind, Tenant: tenant, ID: order.ID})
	}
	b := s.begin(state.Need{Refs: refs})
	s.same("rows", b.loaded().Rows, map[state.Ref]state.Row{order.Ref(): order})
}

func testTenants(s *suite) {
	ours := sampleItem("SKU-1")
	theirs := *ours
	theirs.Tenant, theirs.OnHand = "other", 99
	s.put(insert(newBatch(), ours, &theirs))
	s.same("ours", s.get(ours.Ref()), state.Row(ours))
	s.same("theirs", s.get(theirs.Ref()), state.Row(&theirs))
	changed := theirs
	changed.OnHand = 100
	s.put(update(newBatch(), &changed))
	s.same("ours", s.get(ours.Ref()), state.Row(ours))
	s.same("theirs", s.get(theirs.Ref()), state.Row(&changed))
}

func testManyRows(s *suite) {
	at := longAgo()
	changes, want := newBatch(), map[state.Ref]state.Row{}
	for range 300 {
		order := sampleOrder(at)
		for range 5 {
			order.Lines = append(order.Lines, state.Line{SKU: "SKU-2", Quantity: 1, PriceMinor: 5})
		}
		insert(changes, order, sampleReservation(order), samplePayment(order), sampleEffect(order, "hold/1"))
	}
	need := state.Need{}
	for _, written := range changes.Rows {
		want[written.Row.Ref()] = written.Row
		need.Refs = append(need.Refs, written.Row.Ref())
	}
	s.put(changes)
	b := s.begin(need)
	s.same("number of rows", len(b.loaded().Rows), len(want))
	for ref, row := range want {
		s.same(ref.ID, b.loaded().Rows[ref], row)
	}
}

func testEmptyBatch(s *suite) {
	changes := newBatch()
	s.put(changes)
	committed, err := s.store.Outcome(s.context(), changes.Batch)
	s.must(err)
	s.same("committed", committed, true)
}

// everything makes a batch that stores something of every sort, around the order.
func everything(order *state.Order) *state.Changes {
	changes := insert(newBatch(), order, sampleReservation(order), sampleItem("SKU of "+order.ID))
	addEvent(changes, order.Ref(), 1, "order.created")
	changes.Answers = []state.KeyedAnswer{sampleAnswer("key of "+order.ID, order.CreatedAt)}
	changes.SetTimers = []state.Timer{{TimerKey: state.TimerKey{Tenant: tenant, Kind: "order.expire", AggregateID: order.ID}, DueAt: longAgo()}}
	changes.Transfers = []ledger.Transfer{sampleTransfer(order, "capture", 5)}
	return changes
}

// nothingOf fails the test when anything of the batch that everything made is there.
func (s *suite) nothingOf(changes *state.Changes) {
	s.Helper()
	need := state.Need{LookupKeys: true}
	for _, written := range changes.Rows {
		need.Refs = append(need.Refs, written.Row.Ref())
	}
	for _, answer := range changes.Answers {
		need.Keys = append(need.Keys, answer.Key)
	}
	b := s.begin(need)
	defer b.rollback()
	if loaded := b.loaded(); len(loaded.Rows) != 0 || len(loaded.Answers) != 0 {
		s.Fatalf("the batch left rows %v and answers %v", loaded.Rows, loaded.Answers)
	}
	b.rollback()
	for _, event := range changes.Events {
		events, err := s.store.AggregateEvents(s.context(), event.Tenant, event.AggregateID, 0, 0)
		s.must(err)
		s.same("events", len(events), 0)
	}
	timers, err := s.store.DueTimers(s.context(), 100, time.Millisecond)
	s.must(err)
	for _, timer := range timers {
		for _, own := range changes.SetTimers {
			if timer.TimerKey == own.TimerKey {
				s.Fatalf("the batch left the timer %v", timer)
			}
		}
	}
	again := newBatch() // a transfer that had stayed would be a conflict
	again.Transfers = changes.Transfers
	s.put(again)
}

func testRowConflict(s *suite) {
	for _, row := range oneOfEach() {
		s.put(insert(newBatch(), row))
		changes := everything(sampleOrder(longAgo()))
		own := *changes
		own.Rows = slices.Clone(changes.Rows)
		s.wantError(s.try(insert(changes, row)), state.ErrConflict)
		s.nothingOf(&own)
	}
}

// refusals are batches with a value that no store may take, beside ones that it would.
func refusals() map[string]*state.Changes {
	changes := map[string]*state.Changes{}
	add := func(name string, row state.Row) {
		changes[name] = insert(everything(sampleOrder(longAgo())), row)
	}
	item := sampleItem("negative reserved")
	item.Reserved = -1
	add("reserved below zero", item)
	item = sampleItem("too much reserved")
	item.Reserved = item.OnHand + 1
	add("reserved above on hand", item)
	item = sampleItem("negative sold")
	item.Sold = -1
	add("sold below zero", item)
	order := sampleOrder(longAgo())
	order.Status = 99
	add("status unknown", order)
	order = sampleOrder(longAgo())
	order.Lines = []state.Line{{SKU: "SKU", PriceMinor: 1}}
	add("line without pieces", order)
	order = sampleOrder(longAgo())
	changes["entry without amount"] = everything(order)
	changes["entry without amount"].Transfers = []ledger.Transfer{{
		Tenant: tenant, ID: "transfer:zero", Kind: "k", OrderID: order.ID, Currency: "EUR", At: longAgo(),
		Entries: []ledger.Entry{{Account: "a", AmountMinor: 0}, {Account: "b", AmountMinor: 0}},
	}}
	return changes
}

func testDataError(s *suite) {
	for name, changes := range refusals() {
		s.Run(name, func(t *testing.T) {
			sub := &suite{T: t, store: s.store, options: s.options}
			sub.wantError(sub.try(changes), state.ErrData)
			for _, written := range changes.Rows {
				if row := sub.get(written.Row.Ref()); row != nil {
					t.Fatalf("the batch left %v", row.Ref())
				}
			}
			changes.Rows, changes.Transfers = everything(sampleOrder(longAgo())).Rows, nil
			sub.put(changes) // nothing of it stayed: keys, timers and events are free, and so is the batch id
		})
	}
}

func testRollback(s *suite) {
	changes := everything(sampleOrder(longAgo()))
	item := sampleItem("loaded")
	s.put(insert(newBatch(), item))
	b := s.begin(state.Need{Refs: []state.Ref{item.Ref()}})
	b.rollback()
	s.nothingOf(changes)
	s.same("item", s.get(item.Ref()), state.Row(item)) // and the lock is gone
	changed := *item
	changed.OnHand++
	s.put(update(newBatch(), &changed))
}

func testTransferConflict(s *suite) {
	order := sampleOrder(longAgo())
	s.put(everything(order))
	again := everything(sampleOrder(longAgo()))
	own := *again
	own.Rows = slices.Clone(again.Rows)
	own.Transfers = nil
	again.Transfers = []ledger.Transfer{sampleTransfer(order, "capture", 5)}
	s.wantError(s.try(again), state.ErrConflict)
	s.nothingOf(&own)
}

func testEventConflict(s *suite) {
	order := sampleOrder(longAgo())
	s.put(everything(order))
	again := everything(sampleOrder(longAgo()))
	own := *again
	own.Rows = slices.Clone(again.Rows)
	own.Events = nil
	addEvent(again, order.Ref(), 1, "order.created")
	s.wantError(s.try(again), state.ErrConflict)
	s.nothingOf(&own)
}

func testItemNamedAsOrder(s *suite) {
	order := sampleOrder(longAgo())
	item := sampleItem(order.ID)
	changes := insert(newBatch(), order, item)
	addEvent(changes, order.Ref(), 1, "order.created")
	addEvent(changes, item.Ref(), 1, "stock.set")
	s.put(changes)
	events, err := s.store.AggregateEvents(s.context(), tenant, order.ID, 0, 0)
	s.must(err)
	for _, event := range events {
		if event.AggregateKind != state.KindOrder {
			s.Fatalf("the order's events hold one of the %v that is named as the order is", event.AggregateKind)
		}
	}
	s.same("number of events", len(events), 1)
}

func testClock(s *suite) {
	item := sampleItem("SKU-1")
	s.put(insert(newBatch(), item))
	last, before := time.Time{}, time.Now()
	for i := range 60 {
		need := state.Need{}
		if i%2 == 0 { // with and without something to read: the two may learn the time in different ways
			need.Refs = []state.Ref{item.Ref()}
		}
		b := s.begin(need)
		now := b.loaded().Now
		switch {
		case now.Before(last):
			s.Fatalf("the clock went back from %v to %v", last, now)
		case now.Sub(before) < -time.Minute || now.Sub(before) > time.Minute:
			s.Fatalf("the clock says %v at %v", now, before)
		case now.Location() != time.UTC:
			s.Fatalf("%v is not UTC", now)
		}
		last = now
		stamped := sampleItem(fmt.Sprint("stamped-", i))
		stamped.UpdatedAt = now
		changes := insert(newBatch(), stamped)
		changes.Now = now
		s.must(b.commit(changes))
		s.same("what the clock said, stored", s.get(stamped.Ref()), state.Row(stamped))
	}
	// A batch of another process may have had a clock that was ahead; nobody falls behind it.
	ahead := newBatch()
	ahead.Now = last.Add(30 * time.Second)
	s.put(ahead)
	b := s.begin(state.Need{Refs: []state.Ref{item.Ref()}})
	if now := b.loaded().Now; now.Before(ahead.Now) {
		s.Fatalf("the clock says %v after a batch at %v was committed", now, ahead.Now)
	}
}

func testCanceled(s *suite) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	item := sampleItem("SKU-1")
	s.put(insert(newBatch(), item))
	if transaction, err := s.store.Begin(ctx, state.Need{Refs: []state.Ref{item.Ref()}}); err == nil {
		transaction.Rollback()
		s.Fatal("a batch began although its context was over")
	}
	changes := insert(newBatch(), sampleItem("SKU-2"))
	transaction, err := s.store.Begin(s.context(), state.Need{})
	s.must(err)
	if err := transaction.Commit(ctx, changes); err == nil {
		s.Fatal("a batch was committed although its context was over")
	}
	committed, err := s.store.Outcome(s.context(), changes.Batch)
	s.must(err)
	s.same("committed", committed, s.get(state.Ref{Kind: state.KindItem, Tenant: tenant, ID: "SKU-2"}) != nil)
	s.same("row", s.get(item.Ref()), state.Row(item)) // the store still works
}

func testLock(s *suite) {
	for _, row := range oneOfEach() {
		if row.Ref().Kind.Shared() {
			continue
		}
		s.put(insert(newBatch(), row))
		first := s.begin(state.Need{Refs: []state.Ref{row.Ref()}})
		entered := make(chan error, 1)
		go func() {
			second, err := s.store.Begin(s.context(), state.Need{Refs: []state.Ref{row.Ref()}})
			entered <- err
			if err == nil {
				second.Rollback()
			}
		}()
		select {
		case err := <-entered:
			s.Fatalf("%v: a second batch got the locked row (error %v)", row.Ref().Kind, err)
		case <-time.After(100 * time.Millisecond):
		}
		first.rollback()
		if err := <-entered; err != nil && !errors.Is(err, state.ErrConflict) {
			s.Fatalf("%v: the second batch: %v", row.Ref().Kind, err)
		}
	}
}

func testLockThenRead(s *suite) {
	// The second batch waits for the first, which changes the parent and the children. A store that reads under the
	// snapshot from before it waited sees the old ones.
	order := sampleOrder(longAgo())
	s.put(insert(newBatch(), order))
	payment := samplePayment(order)
	first := s.begin(state.Need{Refs: []state.Ref{order.Ref(), payment.Ref()}})
	found := make(chan state.Loaded, 1)
	answer := sampleAnswer("key-1", longAgo())
	go func() {
		defer close(found)
		second, err := s.store.Begin(s.context(), state.Need{
			Refs: []state.Ref{order.Ref(), payment.Ref()}, Keys: []state.Key{answer.Key}, LookupKeys: true,
		})
		if err == nil {
			found <- second.Loaded()
			second.Rollback()
		}
	}()
	time.Sleep(100 * time.Millisecond)
	changed := *order
	changed.Version, changed.Status = 2, state.OrderReserved
	changes := update(newBatch(), &changed)
	changes.Rows = append(changes.Rows, state.Written{Row: payment, New: true})
	changes.Answers = []state.KeyedAnswer{answer}
	s.must(first.commit(changes))
	loaded, ok := <-found
	if !ok {
		s.Fatal("the second batch failed")
	}
	s.same("order", loaded.Rows[order.Ref()], state.Row(&changed))
	s.same("payment, which is newer than the lock", loaded.Rows[payment.Ref()], state.Row(payment))
	s.same("answer, which is newer than the lock", loaded.Answers[answer.Key], &answer.Answer)
}

func testInsertRace(s *suite) {
	row := sampleItem("SKU-1")
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			transaction, err := s.store.Begin(s.context(), state.Need{Refs: []state.Ref{row.Ref()}})
			if err != nil {
				results <- err
				return
			}
			if transaction.Loaded().Rows[row.Ref()] != nil {
				transaction.Rollback()
				results <- state.ErrConflict
				return
			}
			results <- transaction.Commit(s.context(), insert(newBatch(), row))
		}()
	}
	won := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, state.ErrConflict):
			s.Fatal(err)
		}
	}
	s.same("number of winners", won, 1)
}
