package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// viewTests are about single reads.
var viewTests = []test{
	{name: "one order, payment, item, dead letter", run: testViewOne},
	{name: "nothing is found of another tenant", run: testViewTenant},
	{name: "calls of a payment, oldest first", run: testViewEffects},
	{name: "attempts as rows", run: testAttemptsAsRows},
	{name: "notifications of a user and of an order, newest first, page by page", run: testViewNotifications},
	{name: "whether there are contacts", run: testAnyContacts},
	{name: "changes of an order, newest first, page by page", run: testViewChanges},
	{name: "lines are those of the version that is read", run: testLinesAreOfTheirVersion},
	{name: "items by SKU in byte order, page by page", run: testViewItems},
	{name: "dead letters of some aggregates, oldest first", run: testViewDeadLettersOf},
	{name: "dead letters newest first, without payloads, page by page", run: testViewDeadLetters},
}

func testViewOne(s *suite) {
	for _, rows := range [][]state.Row{oneOfEach(), bareOfEach()} {
		s.put(insert(newBatch(), rows...))
		for _, row := range rows {
			got, err := s.view(row.Ref())
			s.must(err)
			s.same(row.Ref().Kind.String(), got, row)
		}
	}
}

// view reads one row by the view's method for its kind.
func (s *suite) view(ref state.Ref) (state.Row, error) {
	switch ref.Kind {
	case state.KindOrder:
		return s.store.Order(s.context(), ref.Tenant, ref.ID)
	case state.KindPayment:
		return s.store.Payment(s.context(), ref.Tenant, ref.ID)
	case state.KindReservation:
		return s.store.Reservation(s.context(), ref.Tenant, ref.ID)
	case state.KindEffect:
		return s.store.Effect(s.context(), ref.Tenant, ref.ID)
	case state.KindDeadLetter:
		return s.store.DeadLetter(s.context(), ref.Tenant, ref.ID)
	case state.KindItem:
		return s.store.Item(s.context(), ref.Tenant, ref.ID)
	case state.KindContact:
		return s.store.Contact(s.context(), ref.Tenant, ref.ID)
	case state.KindOrderDetails:
		return s.store.OrderDetails(s.context(), ref.Tenant, ref.ID)
	case state.KindNotification:
		return s.store.Notification(s.context(), ref.Tenant, ref.ID)
	default: // no view reads one such row by its name
		row := s.get(ref)
		if row == nil {
			return nil, state.ErrNotFound
		}
		return row, nil
	}
}

func testViewTenant(s *suite) {
	rows := oneOfEach()
	s.put(insert(newBatch(), rows...))
	for _, row := range rows {
		ref := row.Ref()
		ref.Tenant = "other"
		_, err := s.view(ref)
		s.wantError(err, state.ErrNotFound)
		ref.Tenant, ref.ID = tenant, "missing"
		_, err = s.view(ref)
		s.wantError(err, state.ErrNotFound)
	}
	items, err := s.store.Items(s.context(), "other", "", 10)
	s.must(err)
	s.same("items", len(items), 0)
	page, err := s.store.Orders(s.context(), state.OrderQuery{Tenant: "other", Limit: 10, ScanLimit: 100})
	s.must(err)
	s.same("page", page, state.OrderPage{Orders: page.Orders})
	s.same("orders", len(page.Orders), 0)
}

func testViewEffects(s *suite) {
	order, other := sampleOrder(longAgo()), sampleOrder(longAgo())
	var want []*state.Effect
	for i, step := range []string{"refund/1", "capture/1", "hold/2", "hold/1"} { // names in another order than times
		effect := sampleEffect(order, step)
		effect.CreatedAt = longAgo().Add(time.Duration(i) * time.Second)
		want = append(want, effect)
		s.put(insert(newBatch(), effect, sampleEffect(other, step)))
	}
	got, err := s.store.Effects(s.context(), tenant, want[0].AggregateID)
	s.must(err)
	s.same("effects", got, want)
	got, err = s.store.Effects(s.context(), "other", want[0].AggregateID)
	s.must(err)
	s.same("effects of another tenant", len(got), 0)
}

// testAttemptsAsRows holds the view for analysts against the rows; a statement that finds nothing to delete fails.
func testAttemptsAsRows(s *suite) {
	effect, plain := sampleEffect(sampleOrder(longAgo()), "hold/1"), sampleEffect(sampleOrder(longAgo()), "hold/1")
	plain.History = nil
	s.put(insert(newBatch(), effect, plain))
	s.options.Execute(s.T, s.store, "an attempt as a row", `DELETE FROM effects WHERE (
		SELECT count(*) FROM effect_attempts a WHERE a.effect_id = effects.effect_id AND a.attempt = 2 AND a.number = 42
			AND a.result = 5 AND a.result_name = 'PENDING' AND a.asked AND a.by_name = 'RECONCILER' AND a.reason = ''
			AND a.started_at IS NOT NULL AND a.at IS NOT NULL) = 1`)
	_, err := s.store.Effect(s.context(), tenant, plain.ID)
	s.must(err)
	_, err = s.store.Effect(s.context(), tenant, effect.ID)
	s.wantError(err, state.ErrNotFound)
}

func testViewItems(s *suite) {
	names := []string{"B", "a", "A", "a b", "a-b", "ab", "a.b", "b", "Z", "0", "~"}
	changes := newBatch()
	for _, name := range names {
		insert(changes, sampleItem(name))
	}
	s.put(changes)
	slices.Sort(names)
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		items, err := s.store.Items(s.context(), tenant, after, 2)
		s.must(err)
		for _, item := range items {
			got = append(got, item.SKU)
		}
		if len(items) < 2 {
			break
		}
	}
	s.same("SKUs", got, names)
}

func testViewDeadLetters(s *suite) {
	var all []*state.DeadLetter
	for i := range 9 {
		letter := sampleDeadLetter(sampleOrder(longAgo()), longAgo().Add(time.Duration(i)*time.Second))
		foreign := sampleDeadLetter(sampleOrder(longAgo()), letter.CreatedAt)
		foreign.Tenant = "other"
		if i%3 == 0 {
			letter.ReplayedAt = longAgo()
		}
		s.put(insert(newBatch(), letter, foreign))
		without := *letter
		without.Payload = nil
		all = append([]*state.DeadLetter{&without}, all...)
	}
	for _, replayed := range []bool{true, false} {
		want := slices.Clone(all)
		if !replayed {
			want = slices.DeleteFunc(want, func(letter *state.DeadLetter) bool { return !letter.ReplayedAt.IsZero() })
		}
		var got []*state.DeadLetter
		for before := ""; ; before = got[len(got)-1].ID {
			query := state.DeadLetterQuery{Tenant: tenant, IncludeReplayed: replayed, BeforeID: before, Limit: 2}
			page, err := s.store.DeadLetters(s.context(), query)
			s.must(err)
			got = append(got, page...)
			if len(page) < 2 {
				break
			}
		}
		s.same("dead letters", got, want)
	}
}

func testViewDeadLettersOf(s *suite) {
	order, payment := sampleOrder(longAgo()), samplePayment(sampleOrder(longAgo()))
	var want []*state.DeadLetter
	for i, aggregate := range []string{payment.ID, order.ID, payment.ID, "order:other"} {
		letter := sampleDeadLetter(order, longAgo().Add(time.Duration(i)*time.Second))
		letter.AggregateID = aggregate
		if i == 1 {
			letter.ReplayedAt = longAgo()
		}
		foreign := *letter
		foreign.Tenant = "other"
		s.put(insert(newBatch(), letter, &foreign))
		without := *letter
		without.Payload = nil
		want = append(want, &without)
	}
	for limit := 1; limit <= 4; limit++ {
		got, err := s.store.DeadLettersOf(s.context(), tenant, []string{order.ID, payment.ID}, limit)
		s.must(err)
		s.same("dead letters", got, want[:min(limit, 3)])
	}
}

// pageTests are about lists of orders.
var pageTests = []test{
	{name: "newest first, complete, without duplicates, whatever the filters and limits", run: testPages},
	{name: "a list whose filter finds nothing ends by the scan limit, and says how to go on", run: testScanLimit},
	{name: "payments are listed by their ids, whoever they belong to is told apart", run: testPaymentsBetween},
	{name: "orders that come while a reader pages neither hide nor repeat what was there", run: testPagesConcurrently},
}

// drawOrder draws an order from few values, so that filters meet.
func drawOrder(t *rapid.T, base time.Time) *state.Order {
	at := base.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "created")) * time.Second)
	order := sampleOrder(at)
	order.CustomerID = rapid.SampledFrom([]string{"c1", "c2", "c1 "}).Draw(t, "customer")
	order.Status = rapid.SampledFrom([]state.OrderStatus{state.OrderPending, state.OrderConfirmed, state.OrderCanceled}).Draw(t, "status")
	order.Tenant = rapid.SampledFrom([]string{tenant, tenant, "other"}).Draw(t, "tenant")
	if rapid.IntRange(0, 3).Draw(t, "lines") == 0 {
		order.Lines = append(order.Lines, state.Line{SKU: "SKU-2", Quantity: 1})
	}
	return order
}

func drawQuery(t *rapid.T, base time.Time) state.OrderQuery {
	query := state.OrderQuery{
		Tenant:     tenant,
		CustomerID: rapid.SampledFrom([]string{"", "", "c1", "c2", "c3"}).Draw(t, "customer"),
		Limit:      rapid.IntRange(1, 7).Draw(t, "limit"),
		ScanLimit:  rapid.SampledFrom([]int{1, 2, 5, 1000}).Draw(t, "scan limit"),
	}
	if rapid.Bool().Draw(t, "by status") {
		query.Statuses = rapid.SliceOfN(rapid.SampledFrom([]state.OrderStatus{
			state.OrderPending, state.OrderConfirmed, state.OrderRefunded,
		}), 1, 2).Draw(t, "statuses")
	}
	offset := func(name string) time.Time {
		if rapid.Bool().Draw(t, name+" open") {
			return time.Time{}
		}
		return base.Truncate(time.Millisecond).Add(time.Duration(rapid.IntRange(0, 20).Draw(t, name)) * time.Second)
	}
	query.CreatedFrom, query.CreatedTo = offset("from"), offset("to")
	return query
}

// selects tells whether an order is among what the query asks for.
func selects(query state.OrderQuery, order *state.Order) bool {
	return order.Tenant == query.Tenant &&
		(query.CustomerID == "" || query.CustomerID == order.CustomerID) &&
		(len(query.Statuses) == 0 || slices.Contains(query.Statuses, order.Status)) &&
		(query.CreatedFrom.IsZero() || !order.CreatedAt.Before(query.CreatedFrom)) &&
		(query.CreatedTo.IsZero() || order.CreatedAt.Before(query.CreatedTo))
}

// pages reads all pages of a query, and fails when one is longer than asked for or does not go on.
func (s *suite) pages(query state.OrderQuery) []*state.Order {
	s.Helper()
	var all []*state.Order
	for range 10_000 {
		page, err := s.store.Orders(s.context(), query)
		s.must(err)
		if len(page.Orders) > query.Limit {
			s.Fatalf("%d orders on a page of %d", len(page.Orders), query.Limit)
		}
		all = append(all, page.Orders...)
		if page.Next == "" {
			return all
		}
		if query.BeforeID != "" && page.Next >= query.BeforeID {
			s.Fatalf("the page before %s goes on before %s", query.BeforeID, page.Next)
		}
		query.BeforeID = page.Next
	}
	s.Fatal("the pages do not end")
	return nil
}

func testPages(s *suite) {
	base := longAgo()
	var all []*state.Order
	rapid.Check(s.T, func(t *rapid.T) {
		changes := newBatch()
		for range rapid.IntRange(0, 8).Draw(t, "orders") {
			order := drawOrder(t, base)
			all = append(all, order)
			insert(changes, order)
		}
		s.put(changes)
		query := drawQuery(t, base)
		var want []*state.Order
		for _, order := range all {
			if selects(query, order) {
				want = append(want, order)
			}
		}
		slices.SortFunc(want, func(a, b *state.Order) int { return strings.Compare(b.ID, a.ID) })
		s.same(fmt.Sprintf("orders by %+v", query), s.pages(query), want)
	})
}

func testScanLimit(s *suite) {
	base, changes := longAgo(), newBatch()
	oldest := sampleOrder(base)
	oldest.Status = state.OrderRefunded
	insert(changes, oldest)
	for i := range 50 {
		insert(changes, sampleOrder(base.Add(time.Duration(i+1)*time.Second)))
	}
	s.put(changes)
	query := state.OrderQuery{Tenant: tenant, Statuses: []state.OrderStatus{state.OrderRefunded}, Limit: 5, ScanLimit: 20}
	var pages int
	for ; ; pages++ {
		page, err := s.store.Orders(s.context(), query)
		s.must(err)
		if len(page.Orders) > 0 {
			s.same("orders", page.Orders, []*state.Order{oldest})
			break
		}
		if page.Next == "" {
			s.Fatal("the list ended before the order that it should find")
		}
		query.BeforeID = page.Next
	}
	if pages < 2 {
		s.Fatalf("%d pages before the order was found: the scan limit was not honoured", pages)
	}
	_, ok := id.Parse("order", query.BeforeID)
	s.same("the id to go on before is an order's", ok, true)
}

func testPagesConcurrently(s *suite) {
	base := longAgo()
	stop, writing := make(chan struct{}), sync.WaitGroup{}
	defer writing.Wait()
	defer close(stop)
	present, created := newBatch(), []*state.Order(nil)
	for i := range 100 {
		order := sampleOrder(base.Add(time.Duration(i*100) * time.Millisecond))
		created = append(created, order)
		insert(present, order)
	}
	s.put(present)
	writing.Go(func() { // older and newer ones, and ones among those that are there
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			transaction, err := s.store.Begin(s.context(), state.Need{})
			if err == nil {
				err = transaction.Commit(s.context(), insert(newBatch(), sampleOrder(base.Add(time.Duration(i*7919%12_000-1000)*time.Millisecond))))
			}
			if err != nil {
				s.Errorf("insert: %v", err)
				return
			}
		}
	})
	for round := range 10 {
		query := state.OrderQuery{Tenant: tenant, Limit: 1 + round, ScanLimit: 1000}
		if round%2 == 0 {
			query.CustomerID = "customer-1"
		}
		seen := map[string]bool{}
		last := ""
		for _, order := range s.pages(query) {
			if last != "" && order.ID >= last {
				s.Fatalf("%s comes after %s", order.ID, last)
			}
			last, seen[order.ID] = order.ID, true
		}
		for _, order := range created {
			if !seen[order.ID] {
				s.Fatalf("%s was there before, and was missed", order.ID)
			}
		}
	}
}

func testPaymentsBetween(s *suite) {
	var payments []*state.Payment
	changes := newBatch()
	for range 4 {
		order := fullOrder(longAgo())
		payment := samplePayment(order)
		payments = append(payments, payment)
		insert(changes, order, payment)
	}
	s.put(changes)
	slices.SortFunc(payments, func(a, b *state.Payment) int { return strings.Compare(a.ID, b.ID) })
	between := func(of, after, before string, limit int) []*state.Payment {
		found, err := s.store.PaymentsBetween(s.context(), of, after, before, limit)
		s.must(err)
		return found
	}
	s.same("those between two", between(tenant, payments[0].ID, payments[3].ID, 10), payments[1:3])
	s.same("the first two", between(tenant, "payment:", "payment;", 2), payments[:2])
	s.same("another tenant's", len(between("other", "payment:", "payment;", 10)), 0)
	one, other := samplePlayerPayment("ann"), samplePlayerPayment("bob")
	other.Brand, other.Region = "another", "US"
	s.put(insert(newBatch(), one, other))
	theirs := []*state.PlayerPayment{one, other}
	slices.SortFunc(theirs, func(a, b *state.PlayerPayment) int { return strings.Compare(a.ID, b.ID) })
	players := func(of, after, before string, limit int) []*state.PlayerPayment {
		found, err := s.store.PlayerPaymentsBetween(s.context(), of, after, before, limit)
		s.must(err)
		return found
	}
	s.same("those of players", players(tenant, "player_payment:", "player_payment;", 10), theirs)
	s.same("those of players behind one", players(tenant, theirs[0].ID, "player_payment;", 10), theirs[1:])
	s.same("the first of players", players(tenant, "player_payment:", theirs[1].ID, 1), theirs[:1])
	s.same("those of another tenant's players", len(players("other", "player_payment:", "player_payment;", 10)), 0)
}
