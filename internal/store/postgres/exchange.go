package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// exchange is one round trip: any number of statements, sent together and answered together. Unless a transaction is open, its
// statements are one transaction, which commits at the end: PostgreSQL ends an implicit transaction at Sync.
type exchange struct {
	pipeline *pgconn.Pipeline
	types    map[rowType]uint32 // of the database
	sent     []sent
}

// sent is a statement on its way, and what reads its rows; nil when it has none that matter.
type sent struct {
	statement *statement
	read      func(row *fields) error
}

// exchange begins a round trip on a connection.
func (s *Store) exchange(ctx context.Context, connection *pgxpool.Conn) *exchange {
	e := &exchange{pipeline: connection.Conn().PgConn().StartPipeline(ctx), sent: make([]sent, 0, 16)}
	if types := s.types.Load(); types != nil {
		e.types = *types
	}
	return e
}

// binary is the format of all parameters and results.
var binaryFormat = []int16{1}

// send adds a statement. The parameters are copied.
func (e *exchange) send(statement *statement, parameters [][]byte, read func(row *fields) error) {
	e.pipeline.SendQueryPrepared(statement.name, parameters, binaryFormat, binaryFormat)
	e.sent = append(e.sent, sent{statement, read})
}

// sendRows adds a statement whose parameter is a rowset, unless it is empty.
func (e *exchange) sendRows(statement *statement, set *rowset, read func(row *fields) error) {
	if set.count > 0 {
		e.send(statement, [][]byte{set.array(e.types[set.rowType])}, read)
	}
}

// run sends everything and reads the answers. The first error ends the exchange; the server does nothing that was sent after it.
func (e *exchange) run() error {
	err := e.pipeline.Sync()
	for i := 0; i < len(e.sent) && err == nil; i++ {
		err = e.answer(&e.sent[i])
	}
	// Close reads up to the server's word that the exchange is over, which is also the word that an implicit transaction is
	// committed; before it nothing is.
	if closed := e.pipeline.Close(); err == nil {
		err = closed
	}
	return err
}

// answer reads the answer of one statement.
func (e *exchange) answer(sent *sent) error {
	results, err := e.pipeline.GetResults()
	if err != nil {
		return fmt.Errorf("%s: %w", sent.statement.name, err)
	}
	reader, isReader := results.(*pgconn.ResultReader)
	if !isReader {
		return fmt.Errorf("%s: the driver answered a %T", sent.statement.name, results)
	}
	var decoding error
	row := fields{}
	for reader.NextRow() {
		if sent.read != nil && decoding == nil {
			row = fields{values: reader.Values()}
			decoding = sent.read(&row)
		}
	}
	tag, err := reader.Close()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", sent.statement.name, err)
	case decoding != nil:
		return fmt.Errorf("%s: %w", sent.statement.name, decoding)
	case sent.statement == commit && tag.String() != "COMMIT":
		return errRolledBack
	}
	return nil
}

// errRolledBack says that the server answered COMMIT with a rollback, as it does when the transaction had failed before.
var errRolledBack = errors.New("the server rolled the transaction back")
