package sqlite

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// row reads one row with its type; ErrNotFound when it is absent.
func readRow[P state.Row](ctx context.Context, s *Store, ref state.Ref) (P, error) {
	var typed P
	err := s.read(ctx, ref.Kind.String(), func(reader *session) error {
		found, err := reader.find(ref)
		if err != nil {
			return err
		}
		if found == nil {
			return state.ErrNotFound
		}
		typed = found.(P) //nolint:errcheck,forcetypeassert // the kind of the reference says so
		return nil
	})
	return typed, err
}

// Order implements view.Store.
func (s *Store) Order(ctx context.Context, tenant, name string) (*state.Order, error) {
	var order *state.Order
	err := s.read(ctx, "order", func(reader *session) error {
		return reader.snapshot(func() error {
			found, err := reader.find(state.Ref{Kind: state.KindOrder, Tenant: tenant, ID: name})
			if err == nil && found == nil {
				err = state.ErrNotFound
			}
			order, _ = found.(*state.Order)
			return err
		})
	})
	return order, err
}

// Payment implements view.Store.
func (s *Store) Payment(ctx context.Context, tenant, name string) (*state.Payment, error) {
	return readRow[*state.Payment](ctx, s, state.Ref{Kind: state.KindPayment, Tenant: tenant, ID: name})
}

// Reservation implements view.Store.
func (s *Store) Reservation(ctx context.Context, tenant, name string) (*state.Reservation, error) {
	return readRow[*state.Reservation](ctx, s, state.Ref{Kind: state.KindReservation, Tenant: tenant, ID: name})
}

// Item implements view.Store.
func (s *Store) Item(ctx context.Context, tenant, sku string) (*state.Item, error) {
	return readRow[*state.Item](ctx, s, state.Ref{Kind: state.KindItem, Tenant: tenant, ID: sku})
}

// Effect implements effect.Store.
func (s *Store) Effect(ctx context.Context, tenant, name string) (*state.Effect, error) {
	return readRow[*state.Effect](ctx, s, state.Ref{Kind: state.KindEffect, Tenant: tenant, ID: name})
}

// beyond is greater than every text that is valid UTF-8.
const beyond = "\U0010ffff\U0010ffff"

// Orders implements view.Store. The time of creation is inside the id, so the page is a range of ids, read backwards.
func (s *Store) Orders(ctx context.Context, query state.OrderQuery) (state.OrderPage, error) {
	var page state.OrderPage
	err := s.readLong(ctx, "orders", func(reader *session) error {
		return reader.snapshot(func() (err error) {
			if page, err = reader.orders(query); err != nil {
				return err
			}
			for _, order := range page.Orders {
				if err := reader.readLines(order); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return page, err
}

func (s *session) orders(query state.OrderQuery) (state.OrderPage, error) {
	var page state.OrderPage
	text := "SELECT " + tables[state.KindOrder].columns + " FROM orders WHERE tenant_id = ?1 AND order_id >= ?2 AND order_id < ?3 "
	if query.CustomerID != "" {
		text += "AND customer_id = ?4 "
	}
	scanned, last := 0, ""
	err := s.query(text+"ORDER BY order_id DESC", func(r *row) {
		r.text(query.Tenant)
		r.text(firstOrderID(query.CreatedFrom, ""))
		r.text(min(firstOrderID(query.CreatedTo, beyond), cmp.Or(query.BeforeID, beyond)))
		if query.CustomerID != "" {
			r.text(query.CustomerID)
		}
	}, func(c *columns) bool {
		if query.ScanLimit > 0 && scanned == query.ScanLimit {
			page.Next = last
			return false
		}
		scanned++
		status := state.OrderStatus(c.statement.ColumnInt64(orderStatusColumn)) //nolint:gosec // checked by the table
		if len(query.Statuses) > 0 && !slices.Contains(query.Statuses, status) {
			last = c.statement.ColumnText(orderIDColumn)
			return true
		}
		if len(page.Orders) == query.Limit {
			page.Next = page.Orders[len(page.Orders)-1].ID
			return false
		}
		order := scanOrder(c)
		page.Orders, last = append(page.Orders, order), order.ID
		return true
	})
	return page, err
}

// Columns of orders that are looked at before the row is read.
const (
	orderIDColumn     = 1
	orderStatusColumn = 3
)

// firstOrderID is the smallest id of an order that was created at a time or later; otherwise for no time.
func firstOrderID(at time.Time, otherwise string) string {
	if at.IsZero() {
		return otherwise
	}
	return id.First(state.KindOrder.Prefix(), at)
}

// kindOf tells by its prefix what an aggregate's id names; items have none.
func kindOf(aggregate string) state.Kind {
	prefix, _, found := strings.Cut(aggregate, ":")
	for kind := state.KindOrder; found && kind < kinds; kind++ {
		if kind.Prefix() == prefix {
			return kind
		}
	}
	return state.KindItem
}

// AggregateEvents implements view.Store.
func (s *Store) AggregateEvents(ctx context.Context, tenant, aggregate string, after int64, limit int) ([]state.Event, error) {
	if limit == 0 {
		limit = -1
	}
	return collect(ctx, s, "aggregate events", "SELECT "+eventColumns+" FROM events WHERE tenant_id = ?1 AND aggregate_id = ?2 "+
		"AND aggregate_kind = ?3 AND seq > ?4 ORDER BY seq LIMIT ?5", func(r *row) {
		r.text(tenant)
		r.text(aggregate)
		r.integer(int64(kindOf(aggregate)))
		r.integer(after)
		r.integer(int64(limit))
	}, scanEvent)
}

func scanEvent(c *columns) state.Event {
	event := state.Event{Position: c.integer()}
	copy(event.ID[:], c.blob())
	event.Tenant, event.AggregateKind, event.AggregateID = c.text(), small[state.Kind](c), c.text()
	event.Seq, event.Type, event.At = c.integer(), c.text(), c.instant()
	event.TraceID, event.IdempotencyKey, event.SchemaVersion, event.Payload = c.text(), c.text(), c.text(), c.blob()
	return event
}

// collect reads every row that a statement answers.
func collect[T any](ctx context.Context, s *Store, step, text string, bind func(*row), scan func(*columns) T) ([]T, error) {
	var found []T
	err := s.read(ctx, step, func(reader *session) error {
		return reader.query(text, bind, func(c *columns) bool {
			found = append(found, scan(c))
			return true
		})
	})
	return found, err
}

// Effects implements view.Store.
func (s *Store) Effects(ctx context.Context, tenant, aggregate string) ([]*state.Effect, error) {
	first, end := state.EffectsOf(aggregate)
	return collect(ctx, s, "effects", "SELECT "+tables[state.KindEffect].columns+
		" FROM effects WHERE tenant_id = ?1 AND effect_id > ?2 AND effect_id < ?3 ORDER BY created_at_us, effect_id", func(r *row) {
		r.text(tenant)
		r.text(first)
		r.text(end)
	}, scanEffect)
}

// Items implements view.Store.
func (s *Store) Items(ctx context.Context, tenant, after string, limit int) ([]*state.Item, error) {
	return collect(ctx, s, "items", "SELECT "+tables[state.KindItem].columns+
		" FROM items WHERE tenant_id = ?1 AND sku > ?2 ORDER BY sku LIMIT ?3", func(r *row) {
		r.text(tenant)
		r.text(after)
		r.integer(int64(limit))
	}, scanItem)
}

// PaymentsBetween implements view.Store.
func (s *Store) PaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.Payment, error) {
	return collect(ctx, s, "payments", "SELECT "+tables[state.KindPayment].columns+
		" FROM payments WHERE tenant_id = ?1 AND payment_id > ?2 AND payment_id < ?3 ORDER BY payment_id LIMIT ?4", func(r *row) {
		r.text(tenant)
		r.text(after)
		r.text(before)
		r.integer(int64(limit))
	}, scanPayment)
}

// PlayerPaymentsBetween implements view.Store.
func (s *Store) PlayerPaymentsBetween(ctx context.Context, tenant, after, before string, limit int) ([]*state.PlayerPayment, error) {
	return collect(ctx, s, "payments of players", "SELECT "+tables[state.KindPlayerPayment].columns+
		" FROM player_payments WHERE tenant_id = ?1 AND payment_id > ?2 AND payment_id < ?3 ORDER BY payment_id LIMIT ?4", func(r *row) {
		r.text(tenant)
		r.text(after)
		r.text(before)
		r.integer(int64(limit))
	}, scanPlayerPayment)
}

// Answer implements view.Store.
func (s *Store) Answer(ctx context.Context, key state.Key) (*state.Answer, error) {
	var found *state.Answer
	err := s.read(ctx, "answer", func(reader *session) (err error) {
		if found, err = reader.answer(key); err == nil && found == nil {
			err = state.ErrNotFound
		}
		return err
	})
	return found, err
}

func scanAnswer(c *columns) *state.Answer {
	var answer state.Answer
	copy(answer.Hash[:], c.blob())
	answer.Method, answer.Code, answer.Body, answer.At = c.text(), small[fault.Code](c), c.blob(), c.instant()
	return &answer
}

// DeadLetter implements view.Store.
func (s *Store) DeadLetter(ctx context.Context, tenant, name string) (*state.DeadLetter, error) {
	return readRow[*state.DeadLetter](ctx, s, state.Ref{Kind: state.KindDeadLetter, Tenant: tenant, ID: name})
}

// lettersWithoutPayload selects dead letters for lists.
var lettersWithoutPayload = "SELECT " + strings.Replace(tables[state.KindDeadLetter].columns, "payload", "NULL", 1) + " FROM dead_letters "

// DeadLettersOf implements view.Store.
func (s *Store) DeadLettersOf(ctx context.Context, tenant string, aggregates []string, limit int) ([]*state.DeadLetter, error) {
	return collect(ctx, s, "dead letters of aggregates", lettersWithoutPayload+"WHERE tenant_id = ?1 "+
		"AND aggregate_id IN (SELECT value FROM json_each(?2)) ORDER BY created_at_us, dead_letter_id LIMIT ?3", func(r *row) {
		r.text(tenant)
		r.text(string(listJSON(aggregates)))
		r.integer(int64(limit))
	}, scanDeadLetter)
}

// DeadLetters implements view.Store.
func (s *Store) DeadLetters(ctx context.Context, query state.DeadLetterQuery) ([]*state.DeadLetter, error) {
	text := lettersWithoutPayload + "WHERE tenant_id = ?1 AND dead_letter_id < ?2 "
	if !query.IncludeReplayed {
		text += "AND replayed_at_us IS NULL "
	}
	return collect(ctx, s, "dead letters", text+"ORDER BY dead_letter_id DESC LIMIT ?3", func(r *row) {
		r.text(query.Tenant)
		r.text(cmp.Or(query.BeforeID, beyond))
		r.integer(int64(query.Limit))
	}, scanDeadLetter)
}

// openEffects counts calls that are due or were made. A notification is asked for when it is due, which may be long after it was made.
const openEffects = `SELECT kind, count(*), max(age) FROM (
	SELECT kind, ?1 - coalesce((SELECT due_at_us FROM notifications n
		WHERE n.notification_id = e.aggregate_id AND n.tenant_id = e.tenant_id), created_at_us) AS age
	FROM effects e WHERE state = 1) WHERE age >= 0 GROUP BY kind`

// Levels implements view.Store. Both counts go by indexes that hold what is open only.
func (s *Store) Levels(ctx context.Context) (state.Levels, error) {
	var levels state.Levels
	err := s.readLong(ctx, "levels", func(reader *session) error {
		err := reader.query("SELECT count(*) FROM dead_letters WHERE replayed_at_us IS NULL", nil, func(c *columns) bool {
			levels.DeadLetters = c.integer()
			return false
		})
		if err != nil {
			return err
		}
		err = reader.query("SELECT count(*) FROM payments WHERE disputed_minor > 0", nil, func(c *columns) bool {
			levels.Disputed = c.integer()
			return false
		})
		if err != nil {
			return err
		}
		return reader.query(openEffects, func(r *row) { r.integer(s.clock.microseconds()) }, func(c *columns) bool {
			open := state.OpenEffects{Kind: c.text(), Count: c.integer()}
			open.Oldest = time.Duration(c.integer()) * time.Microsecond
			levels.Effects = append(levels.Effects, open)
			return true
		})
	})
	if err != nil {
		return state.Levels{}, err
	}
	return levels, nil
}
