package sqlite

import (
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

// row binds the values of one row, column after column.
type row struct {
	statement *sqlite.Stmt
	parameter int
}

func (r *row) text(value string) {
	r.parameter++
	r.statement.BindText(r.parameter, value)
}

func (r *row) integer(value int64) {
	r.parameter++
	r.statement.BindInt64(r.parameter, value)
}

func (r *row) flag(value bool) {
	r.parameter++
	r.statement.BindBool(r.parameter, value)
}

func (r *row) blob(value []byte) {
	r.parameter++
	r.statement.BindBytes(r.parameter, value)
}

// optional binds text that is NULL when it is empty.
func (r *row) optional(value []byte) {
	r.parameter++
	if len(value) == 0 {
		r.statement.BindNull(r.parameter)
		return
	}
	r.statement.BindText(r.parameter, string(value))
}

// card binds what is kept of a card: two columns, NULL where nothing is.
func (r *row) card(value state.Card) {
	r.optional([]byte(value.Brand))
	r.optional([]byte(value.LastFour))
}

// moment binds a time; the zero time is NULL.
func (r *row) moment(value time.Time) {
	r.parameter++
	if value.IsZero() {
		r.statement.BindNull(r.parameter)
		return
	}
	r.statement.BindInt64(r.parameter, value.UnixMicro())
}

// instant binds a time of a column that is never NULL; the zero time is the year 1 then.
func (r *row) instant(value time.Time) {
	r.parameter++
	r.statement.BindInt64(r.parameter, value.UnixMicro())
}

// run executes a statement that answers no rows. It binds first: a statement keeps its bindings, so all are bound each time.
func run(statement *sqlite.Stmt, bind func(*row)) error {
	if bind != nil {
		bind(&row{statement: statement})
	}
	_, err := statement.Step()
	if failed := statement.Reset(); err == nil {
		err = failed
	}
	return err
}

// bulkRows are the numbers of rows that one INSERT takes, largest first. Starting a statement opens a cursor on every b-tree of
// its table; with many rows to a statement that is done once, and a row that follows the one before in a b-tree is appended
// without a search from the root.
var bulkRows = [...]int{32, 8, 1}

// bulk inserts rows into one table.
type bulk struct {
	connection *sqlite.Conn
	head, tail string // what stands before and after the values
	columns    int
	statements [len(bulkRows)]*sqlite.Stmt // prepared when first needed
}

// newBulk prepares for a table and its columns, a list with commas, and what stands behind the values, or nothing.
func newBulk(connection *sqlite.Conn, table, columns, tail string) *bulk {
	return &bulk{
		connection: connection,
		head:       "INSERT INTO " + table + " (" + columns + ") VALUES ",
		tail:       tail,
		columns:    strings.Count(columns, ",") + 1,
	}
}

// insert inserts count rows; bind binds the columns of the i-th.
func (b *bulk) insert(count int, bind func(r *row, i int)) error {
	done := 0
	for size, rows := range bulkRows {
		for count-done >= rows {
			statement, err := b.statement(size)
			if err != nil {
				return err
			}
			first := done
			err = run(statement, func(r *row) {
				for i := range rows {
					bind(r, first+i)
				}
			})
			if err != nil {
				return err
			}
			done += rows
		}
	}
	return nil
}

func (b *bulk) statement(size int) (*sqlite.Stmt, error) {
	if b.statements[size] == nil {
		values := "(?" + strings.Repeat(",?", b.columns-1) + ")"
		text := b.head + values + strings.Repeat(","+values, bulkRows[size]-1) + b.tail
		statement, err := b.connection.Prepare(text)
		if err != nil {
			return nil, err
		}
		b.statements[size] = statement
	}
	return b.statements[size], nil
}
