package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-255eabaa/oms/internal/state"
)

func sampleDetails(order *state.Order) *state.OrderDetails {
	return &state.OrderDetails{
		Tenant: tenant, OrderID: order.ID, Delivery: map[string]string{"city": "Zürich", "line1": "\"Am\" Bach\n1"},
		Client: map[string]string{"email": "jörg@bücher.example"}, Batches: 7, Version: 3, UpdatedAt: longAgo(),
	}
}

func sampleChanges(order *state.Order, number int64) *state.ChangeBatch {
	return &state.ChangeBatch{
		Tenant: tenant, ID: state.ChangeBatchID(order.ID, number), OrderVersion: number, At: longAgo(),
		Changes: []state.Changed{
			{ChangeID: "a \"name\"", Path: "metadata.ключ", Unset: true, Status: state.ChangeRefused, Reason: "ILLEGAL_TRANSITION", Message: "wörds"},
			{Path: "items", Status: state.ChangeNotApplied},
		},
	}
}

// bareDetails and bareChanges have every optional field empty.
func bareDetails(order *state.Order) *state.OrderDetails {
	return &state.OrderDetails{Tenant: tenant, OrderID: order.ID, Version: 1, UpdatedAt: longAgo()}
}

func bareChanges(order *state.Order) *state.ChangeBatch {
	return &state.ChangeBatch{
		Tenant: tenant, ID: state.ChangeBatchID(order.ID, 1), At: longAgo(), Changes: []state.Changed{{Path: "items", Status: state.ChangeApplied}},
	}
}

func testViewChanges(s *suite) {
	order, other := sampleOrder(longAgo()), sampleOrder(longAgo())
	rows := []state.Row{sampleChanges(other, 1)}
	newest := make([]*state.ChangeBatch, 12)
	for i := range newest { // 10 comes after 9
		newest[len(newest)-1-i] = sampleChanges(order, int64(i+1))
		rows = append(rows, newest[len(newest)-1-i])
	}
	s.put(insert(newBatch(), rows...))
	got, err := s.store.ChangeBatches(s.context(), tenant, order.ID, "", 5)
	s.must(err)
	s.same("first page", got, newest[:5])
	got, err = s.store.ChangeBatches(s.context(), tenant, order.ID, got[4].ID, 20)
	s.must(err)
	s.same("from the fifth on", got, newest[4:])
	got, err = s.store.ChangeBatches(s.context(), "other", order.ID, "", 5)
	s.must(err)
	s.same("those of another tenant", len(got), 0)
}

// testLinesAreOfTheirVersion reads an order while its lines change: whoever sees a version sees the lines of that version.
func testLinesAreOfTheirVersion(s *suite) {
	order := sampleOrder(longAgo())
	s.put(insert(newBatch(), order))
	done, torn := make(chan struct{}), make(chan string, 2)
	var readers sync.WaitGroup
	read := func(get func(ctx context.Context) (*state.Order, error)) {
		for ctx := s.context(); ; {
			select {
			case <-done:
				return
			default:
			}
			found, err := get(ctx)
			if err != nil {
				torn <- err.Error()
				return
			}
			if len(found.Lines) != 1 || int64(found.Lines[0].Quantity) != found.Version || found.AmountMinor != found.Version*730 {
				torn <- fmt.Sprintf("version %d over %d has the lines %+v", found.Version, found.AmountMinor, found.Lines)
				return
			}
		}
	}
	order.Lines[0].Quantity, order.AmountMinor = 1, 730
	s.put(update(newBatch(), order))
	readers.Go(func() {
		read(func(ctx context.Context) (*state.Order, error) { return s.store.Order(ctx, tenant, order.ID) })
	})
	readers.Go(func() {
		read(func(ctx context.Context) (*state.Order, error) {
			page, err := s.store.Orders(ctx, state.OrderQuery{Tenant: tenant, Limit: 1, ScanLimit: 10})
			if err != nil {
				return nil, err
			}
			return page.Orders[0], nil
		})
	})
	for version := int64(2); version <= 150 && len(torn) == 0; version++ {
		after := *order
		after.Version, after.AmountMinor = version, version*730
		after.Lines = []state.Line{{SKU: "SKU-1", Quantity: int32(version), PriceMinor: 730}}
		s.put(update(newBatch(), &after))
		order = &after
	}
	close(done)
	readers.Wait()
	if len(torn) > 0 {
		s.Fatal(<-torn)
	}
}
