package sqlite

import (
	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

const findLines = "SELECT sku, quantity, price_minor FROM order_lines WHERE tenant_id = ?1 AND order_id = ?2 ORDER BY line_no"

// session is a connection with the statements that find rows. One goroutine uses it at a time.
type session struct {
	connection *sqlite.Conn
	finders    [kinds]*sqlite.Stmt
	lines      *sqlite.Stmt
}

// query runs a statement that is kept prepared under its text.
func (s *session) query(text string, bind func(*row), each func(*columns) bool) error {
	statement, err := s.connection.Prepare(text)
	if err != nil {
		return err
	}
	return query(statement, bind, each)
}

// execute runs a statement that answers no rows and is kept prepared under its text.
func (s *session) execute(text string, bind func(*row)) error {
	statement, err := s.connection.Prepare(text)
	if err != nil {
		return err
	}
	return run(statement, bind)
}

// find reads one row, an order with its lines; nil when it is absent.
func (s *session) find(ref state.Ref) (state.Row, error) {
	finder := s.finders[ref.Kind]
	if finder == nil {
		var err error
		if finder, err = s.connection.Prepare(tables[ref.Kind].find()); err != nil {
			return nil, err
		}
		s.finders[ref.Kind] = finder
	}
	var found state.Row
	err := query(finder, func(r *row) {
		r.text(ref.Tenant)
		r.text(ref.ID)
	}, func(c *columns) bool {
		found = tables[ref.Kind].scan(c)
		return false
	})
	if order, is := found.(*state.Order); is && err == nil {
		err = s.readLines(order)
	}
	return found, err
}

// readLines completes an order. Who reads the two outside of a batch needs a snapshot around them: the lines of an unpaid order change.
func (s *session) readLines(order *state.Order) error {
	if s.lines == nil {
		var err error
		if s.lines, err = s.connection.Prepare(findLines); err != nil {
			return err
		}
	}
	return query(s.lines, func(r *row) {
		r.text(order.Tenant)
		r.text(order.ID)
	}, func(c *columns) bool {
		order.Lines = append(order.Lines, state.Line{SKU: c.text(), Quantity: small[int32](c), PriceMinor: c.integer()})
		return true
	})
}

const findAnswer = "SELECT hash, method, code, body, created_at_us FROM idempotency_keys " +
	"WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3"

// answer reads what a key's command was answered; nil when the key is new.
func (s *session) answer(key state.Key) (*state.Answer, error) {
	var found *state.Answer
	err := s.query(findAnswer, func(r *row) {
		r.text(key.Tenant)
		r.text(key.Principal)
		r.text(key.Key)
	}, func(c *columns) bool {
		found = scanAnswer(c)
		return false
	})
	return found, err
}
