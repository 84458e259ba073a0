package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The statements that read whole rows.
var (
	selectOrders       = "SELECT " + list("", orderFields) + " FROM orders "
	selectReservations = "SELECT " + list("", reservationFields) + " FROM reservations "
	selectPayments     = "SELECT " + list("", paymentFields) + " FROM payments "
	selectEffects      = "SELECT " + list("", effectFields) + " FROM effects "
	selectItems        = "SELECT " + list("", itemFields) + " FROM items "
	selectDeadLetters  = "SELECT " + list("", deadLetterFields) + " FROM dead_letters "
	// selectLines looks order by order (OFFSET keeps the planner from turning that around): planned on an empty table, a join or
	// ANY reads all lines of the tenant.
	selectLines = "SELECT lines.* FROM unnest($2::text[]) AS k(order_id) CROSS JOIN LATERAL (SELECT " + list("", lineFields) +
		", (" + versionOf + `WHERE tenant_id = $1 AND order_id = k.order_id COLLATE "C")` +
		` FROM order_lines t WHERE t.tenant_id = $1 AND t.order_id = k.order_id COLLATE "C" OFFSET 0) AS lines`
	selectAnswers = "SELECT " + list("", answerFields) + " FROM idempotency_keys "
)

// only answers the one row of a query, or ErrNotFound.
func only[T any](all []T, err error) (one T, _ error) {
	switch {
	case err != nil:
		return one, err
	case len(all) == 0:
		return one, state.ErrNotFound
	}
	return all[0], nil
}

// plain makes a decoder of one that cannot fail.
func plain[T any](decode func(*fields) T) func(*fields) (T, error) {
	return func(f *fields) (T, error) { return decode(f), nil }
}

// Order implements view.Store. The lines of an unpaid order may be changed between the two statements; then both are sent again.
func (s *Store) Order(ctx context.Context, tenant, name string) (order *state.Order, err error) {
	key := [][]byte{[]byte(tenant), []byte(name)}
	for torn := true; torn && err == nil; {
		torn = false
		err = s.ask(ctx, "order", func(e *exchange) {
			order = nil
			e.send(viewOrder, key, func(row *fields) (err error) {
				order, err = decodeOrder(row)
				return err
			})
			e.send(viewLines, key, func(row *fields) error {
				if order == nil { // it was made between the two
					return nil
				}
				err := decodeLine(row, func(_, _ []byte) *state.Order { return order })
				torn = mayBeTorn(order) && row.int64() != order.Version
				return err
			})
		})
	}
	if err == nil && order == nil {
		err = state.ErrNotFound
	}
	return order, err
}

// addLines reads the lines of orders. An order that has changed meanwhile is read anew, since its lines may have.
func (s *Store) addLines(ctx context.Context, tenant string, orders []*state.Order) error {
	byID, names := make(map[string]*state.Order, len(orders)), make([]string, len(orders))
	for i, order := range orders {
		byID[order.ID], names[i] = order, order.ID
	}
	changed := map[string]bool{}
	_, err := read(ctx, s, "lines of orders", func(f *fields) (struct{}, error) {
		var order *state.Order
		err := decodeLine(f, func(_, name []byte) *state.Order {
			order = byID[string(name)]
			return order
		})
		if err == nil && mayBeTorn(order) && f.int64() != order.Version {
			changed[order.ID] = true
		}
		return struct{}{}, err
	}, selectLines, tenant, names)
	for i, order := range orders {
		if err == nil && changed[order.ID] {
			orders[i], err = s.Order(ctx, tenant, order.ID)
		}
	}
	return err
}

// mayBeTorn tells whether the lines of an order could be changed since it was read.
func mayBeTorn(o *state.Order) bool {
	return o.Status == state.OrderPending || o.Status == state.OrderReserved
}

// scanned is a row that a page looked at: an order, and how many were looked at before it.
type scanned struct {
	order  *state.Order
	number int64
}

func decodeScanned(f *fields) (row scanned, err error) {
	row.order, err = decodeOrder(f)
	row.number = f.int64()
	return row, err
}

// Orders implements view.Store. Pages go down the ids, whose order is that of creation: the times of the query are ids, too.
//
// The scan is a subquery by an index that stops by itself; what the filter keeps comes out of it at once. The last row that may be
// looked at comes out whether the filter keeps it or not, and tells where to go on.
func (s *Store) Orders(ctx context.Context, query state.OrderQuery) (state.OrderPage, error) {
	from, before := orderRange(query)
	scanLimit := max(query.ScanLimit, 1)
	conditions := "tenant_id = $1 AND order_id >= $2 AND order_id < $3"
	statuses := make([]int16, len(query.Statuses))
	for i, status := range query.Statuses {
		statuses[i] = int16(status)
	}
	arguments := []any{query.Tenant, from, before, scanLimit, query.Limit + 1, statuses}
	if query.CustomerID != "" {
		conditions += " AND customer_id = $7"
		arguments = append(arguments, query.CustomerID)
	}
	rows, err := read(ctx, s, "orders", decodeScanned, fmt.Sprintf(`
		SELECT %[1]s, number FROM (
			SELECT *, row_number() OVER (ORDER BY order_id DESC) AS number FROM (
				SELECT %[1]s FROM orders WHERE %[2]s ORDER BY order_id DESC LIMIT $4
			) AS looked
		) AS numbered
		WHERE cardinality($6::int2[]) = 0 OR status = ANY ($6) OR number = $4
		ORDER BY order_id DESC LIMIT $5`, list("", orderFields), conditions), arguments...)
	if err != nil {
		return state.OrderPage{}, err
	}
	page := state.OrderPage{}
	for _, row := range rows {
		if len(page.Orders) == query.Limit { // there is another: the page is full, and it is not the last
			page.Next = page.Orders[query.Limit-1].ID
			break
		}
		if len(query.Statuses) == 0 || slices.Contains(query.Statuses, row.order.Status) {
			page.Orders = append(page.Orders, row.order)
		}
		if row.number == int64(scanLimit) {
			page.Next = row.order.ID
		}
	}
	if len(page.Orders) == 0 {
		return page, nil
	}
	return page, s.addLines(ctx, query.Tenant, page.Orders)
}

// orderRange answers the ids that a query's times and its page stand for: from the one, before the other.
func orderRange(query state.OrderQuery) (from, before string) {
	from, before = "order:", "order;" // ';' follows ':'
	if !query.CreatedFrom.IsZero() {
		from = id.First("order", query.CreatedFrom)
	}
	if !query.CreatedTo.IsZero() {
		before = id.First("order", query.CreatedTo)
	}
	if query.BeforeID != "" {
		before = min(before, query.BeforeID)
	}
	return from, before
}

// Item implements view.Store.
func (s *Store) Item(ctx context.Context, tenant, sku string) (*state.Item, error) {
	return only(read(ctx, s, "item", plain(decodeItem), selectItems+"WHERE tenant_id = $1 AND sku = $2", tenant, sku))
}

// Items implements view.Store.
func (s *Store) Items(ctx context.Context, tenant, after string, limit int) ([]*state.Item, error) {
	return read(ctx, s, "items", plain(decodeItem), selectItems+"WHERE tenant_id = $1 AND sku > $2 ORDER BY sku LIMIT $3",
		tenant, after, limit)
}

// Payment implements view.Store.
func (s *Store) Payment(ctx context.Context, tenant, name string) (*state.Payment, error) {
	return only(read(ctx, s, "payment", decodePayment, selectPayments+"WHERE tenant_id = $1 AND payment_id = $2", tenant, name))
}

// PaymentsBetween implements view.Store.
func (s *Store) PaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.Payment, error) {
	return read(ctx, s, "payments", decodePayment,
		selectPayments+"WHERE tenant_id = $1 AND payment_id > $2 AND payment_id < $3 ORDER BY payment_id LIMIT $4",
		tenant, after, before, limit)
}

// PlayerPaymentsBetween implements view.Store.
func (s *Store) PlayerPaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.PlayerPayment, error) {
	decode := func(f *fields) (*state.PlayerPayment, error) { return decodePlayerPayment(f), nil }
	return read(ctx, s, "payments of players", decode, "SELECT "+list("", playerPaymentFields)+
		" FROM player_payments WHERE tenant_id = $1 AND payment_id > $2 AND payment_id < $3 ORDER BY payment_id LIMIT $4",
		tenant, after, before, limit)
}

// Reservation implements view.Store.
func (s *Store) Reservation(ctx context.Context, tenant, name string) (*state.Reservation, error) {
	return only(read(ctx, s, "reservation", decodeReservation, selectReservations+"WHERE tenant_id = $1 AND reservation_id = $2",
		tenant, name))
}

// Effects implements view.Store.
func (s *Store) Effects(ctx context.Context, tenant, aggregate string) ([]*state.Effect, error) {
	first, end := state.EffectsOf(aggregate)
	return read(ctx, s, "effects", decodeEffect,
		selectEffects+"WHERE tenant_id = $1 AND effect_id > $2 AND effect_id < $3 ORDER BY created_at, effect_id", tenant, first, end)
}

// Effect implements effect.Store.
func (s *Store) Effect(ctx context.Context, tenant, name string) (*state.Effect, error) {
	return only(read(ctx, s, "effect", decodeEffect, selectEffects+"WHERE tenant_id = $1 AND effect_id = $2", tenant, name))
}

// DueEffects implements effect.Store.
func (s *Store) DueEffects(ctx context.Context, limit int) ([]*state.Effect, error) {
	return read(ctx, s, "due effects", decodeEffect,
		selectEffects+"WHERE state = 1 AND next_at <= (SELECT "+clockNow+") ORDER BY next_at LIMIT $1", limit)
}

// Answer implements view.Store.
func (s *Store) Answer(ctx context.Context, key state.Key) (*state.Answer, error) {
	return only(read(ctx, s, "answer", func(f *fields) (*state.Answer, error) {
		_, answer := decodeAnswer(f)
		return answer, nil
	}, selectAnswers+"WHERE tenant_id = $1 AND principal = $2 AND key = $3", key.Tenant, key.Principal, key.Key))
}

// DeadLetter implements view.Store.
func (s *Store) DeadLetter(ctx context.Context, tenant, name string) (*state.DeadLetter, error) {
	return only(read(ctx, s, "dead letter", plain(decodeDeadLetter), selectDeadLetters+"WHERE tenant_id = $1 AND dead_letter_id = $2",
		tenant, name))
}

// DeadLettersOf implements view.Store.
func (s *Store) DeadLettersOf(ctx context.Context, tenant string, aggregates []string, limit int) ([]*state.DeadLetter, error) {
	return read(ctx, s, "dead letters of aggregates", plain(decodeDeadLetter), lettersWithoutPayload+
		"WHERE tenant_id = $1 AND aggregate_id = ANY ($2) ORDER BY created_at, dead_letter_id LIMIT $3", tenant, aggregates, limit)
}

// lettersWithoutPayload selects dead letters for lists.
var lettersWithoutPayload = fmt.Sprintf("SELECT %s, ''::bytea AS payload, %s FROM dead_letters ",
	list("", deadLetterFields[:4]), list("", deadLetterFields[5:]))

// DeadLetters implements view.Store.
func (s *Store) DeadLetters(ctx context.Context, query state.DeadLetterQuery) ([]*state.DeadLetter, error) {
	before := query.BeforeID
	if before == "" {
		before = "deadletter;" // ';' follows ':'
	}
	return read(ctx, s, "dead letters", plain(decodeDeadLetter), lettersWithoutPayload+
		"WHERE tenant_id = $1 AND dead_letter_id < $2 AND ($3 OR replayed_at IS NULL) ORDER BY dead_letter_id DESC LIMIT $4",
		query.Tenant, before, query.IncludeReplayed, query.Limit)
}

// openEffects counts calls that are due or were made. A notification is asked for when it is due, which may be long after it was made.
const openEffects = `SELECT kind, count(*), (extract(epoch FROM max(age)) * 1000000)::bigint FROM (
	SELECT kind, (SELECT ` + clockNow + `) - coalesce((SELECT due_at FROM notifications n
		WHERE n.tenant_id = e.tenant_id AND n.notification_id = e.aggregate_id), created_at) AS age
	FROM effects e WHERE state = 1) AS open WHERE age >= interval '0' GROUP BY kind ORDER BY kind`

// Levels implements view.Store. Both counts go by indexes that hold what is open only.
func (s *Store) Levels(ctx context.Context) (state.Levels, error) {
	effects, err := read(ctx, s, "open effects", func(f *fields) (state.OpenEffects, error) {
		return state.OpenEffects{Kind: f.text(), Count: f.int64(), Oldest: time.Duration(f.int64()) * time.Microsecond}, nil
	}, openEffects)
	if err != nil {
		return state.Levels{}, err
	}
	letters, err := only(read(ctx, s, "open dead letters", func(f *fields) (int64, error) { return f.int64(), nil },
		"SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL"))
	if err != nil {
		return state.Levels{}, err
	}
	disputed, err := only(read(ctx, s, "disputed payments", func(f *fields) (int64, error) { return f.int64(), nil },
		"SELECT count(*) FROM payments WHERE disputed_minor > 0"))
	return state.Levels{DeadLetters: letters, Disputed: disputed, Effects: effects}, err
}
