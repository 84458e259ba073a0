package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

// columns reads the columns of an answered row, one after the other.
type columns struct {
	statement *sqlite.Stmt
	next      int
	err       error // of the first column that did not hold what it should
}

func (c *columns) text() string {
	c.next++
	return c.statement.ColumnText(c.next - 1)
}

func (c *columns) integer() int64 {
	c.next++
	return c.statement.ColumnInt64(c.next - 1)
}

// small reads a number that was stored from the same type.
func small[T ~int16 | ~int32 | ~uint8](c *columns) T {
	return T(c.integer())
}

func (c *columns) flag() bool { return c.integer() != 0 }

func (c *columns) blob() []byte {
	c.next++
	length := c.statement.ColumnLen(c.next - 1)
	if length == 0 {
		return nil
	}
	value := make([]byte, length)
	c.statement.ColumnBytes(c.next-1, value)
	return value
}

// card reads what is kept of a card.
func (c *columns) card() state.Card { return state.Card{Brand: c.text(), LastFour: c.text()} }

// moment reads a time; NULL is the zero time.
func (c *columns) moment() time.Time {
	if c.statement.ColumnIsNull(c.next) {
		c.next++
		return time.Time{}
	}
	return c.instant()
}

func (c *columns) instant() time.Time { return time.UnixMicro(c.integer()).UTC() }

// list reads a column of JSON; a list or map without members is nil.
func list[T any](c *columns) T {
	text := c.text()
	if text == "[]" || text == "{}" {
		text = ""
	}
	value, err := parse[T](text)
	if err != nil && c.err == nil {
		c.err = err
	}
	return value
}

// query runs a statement and calls each with every row until it answers false; the statement is ready again afterwards.
func query(statement *sqlite.Stmt, bind func(*row), each func(*columns) bool) error {
	if bind != nil {
		bind(&row{statement: statement})
	}
	for {
		found, err := statement.Step()
		if err != nil {
			return err
		}
		if !found {
			return statement.Reset()
		}
		c := columns{statement: statement}
		more := each(&c)
		if c.err != nil || !more {
			_ = statement.Reset()
			return c.err
		}
	}
}
