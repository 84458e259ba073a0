package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-255eabaa/oms/internal/state"
)

// statement is one that batches send. All are prepared when a connection opens, and from then on are named only.
type statement struct {
	name, sql string
}

// prepared lists the statements of batches, preparedReads those of the views that are asked most.
var prepared, preparedReads []*statement

func define(name, sql string) *statement {
	s := &statement{name: "oms_" + name, sql: sql}
	prepared = append(prepared, s)
	return s
}

func defineRead(name, sql string) *statement {
	s := &statement{name: "oms_" + name, sql: sql}
	preparedReads = append(preparedReads, s)
	return s
}

// versionOf reads the version of an order under the snapshot of its lines: they are a statement of their own, and may be of another version
// than the order that was read before.
const versionOf = "SELECT version FROM orders "

// The statements that read one order: with its lines they are one round trip.
var (
	viewOrder = defineRead("view_order", selectOrders+"WHERE tenant_id = $1 AND order_id = $2")
	viewLines = defineRead("view_lines", "SELECT "+list("", lineFields)+", ("+versionOf+"WHERE tenant_id = $1 AND order_id = $2)"+
		" FROM order_lines WHERE tenant_id = $1 AND order_id = $2")
)

// The statements of a batch. Rows come as one parameter, an array (types.go).
var (
	begin     = define("begin", "BEGIN")
	commit    = define("commit", "COMMIT")
	rollback  = define("rollback", "ROLLBACK")
	readClock = define("clock", "SELECT "+clockNow)

	// insertBatch takes the id, the time and the number of events, draws the batch's number, and answers the xmin of the rows
	// that the transaction writes.
	insertBatch = define("batch", `INSERT INTO batches (batch_id, committed_at, events) VALUES ($1, $2, $3)
		RETURNING pg_current_xact_id()::xid`)

	insertAnswers = define("answers", insert("idempotency_keys", answerFields))
	readAnswers   = define("read_answers", fmt.Sprintf("SELECT %s FROM %s JOIN idempotency_keys t ON %s",
		list("t.", answerFields), unnest(answerFields[:3]), match(answerFields[:3])))

	insertLines = define("lines", insert("order_lines", lineFields))
	dropLines   = define("drop_lines", fmt.Sprintf("DELETE FROM order_lines t USING %s WHERE %s",
		unnest(lineFields[:2]), match(lineFields[:2])))
	// changeItems writes the items of reservations, which the update of those rows leaves out: they change with the lines of an unpaid order
	// only, and every order updates its reservation.
	changeItems = define("change_items", fmt.Sprintf(`WITH written AS (UPDATE reservations t SET items = k.items FROM %s WHERE %s RETURNING 1)
		SELECT expect(count(*), cardinality($1)) FROM written`, unnest(itemsFields), match(itemsFields[:2])))
	readLines = define("read_lines", fmt.Sprintf("SELECT %s FROM %s JOIN order_lines t ON %s",
		list("t.", lineFields), unnest(lineFields[:2]), match(lineFields[:2])))

	// insertEvents takes the batch's id first.
	insertEvents = define("events", fmt.Sprintf(
		"INSERT INTO events (batch_id, ordinal, %[1]s) SELECT $1::uuid, ordinal - 1, %[1]s FROM unnest(%s) WITH ORDINALITY AS k(%[1]s, ordinal)",
		list("", eventFields), rowsParameter(2, eventFields)))

	// insertTimers is setTimers for rows that the batch makes: they have none yet. It takes half of what the other takes.
	insertTimers = define("insert_timers", insert("timers", timerFields))
	setTimers    = define("set_timers", insert("timers", timerFields)+
		" ON CONFLICT (tenant_id, kind, aggregate_id) DO UPDATE SET due_at = excluded.due_at, leased_until = NULL")
	clearTimers = define("clear_timers", fmt.Sprintf("DELETE FROM timers t USING %s WHERE %s",
		unnest(timerFields[:3]), match(timerFields[:3])))

	// insertTransfers demands that the books are not closed yet at the transfers' time (CloseBooks).
	insertTransfers = define("transfers", insert("ledger_transfers", transferFields)+
		" WHERE CASE WHEN k.booked_at > (SELECT closed_at FROM ledger_books) THEN true ELSE expect(0, 1) END")
	insertEntries = define("entries", insert("ledger_entries", entryFields))

	rowStatements = defineRows()
)

// ofRows are the statements of one kind of rows.
type ofRows struct {
	lock, read, prove, proveAbsent, insert, update *statement
}

// kinds are all kinds of rows, in locking order.
var kinds = []state.Kind{
	state.KindOrder, state.KindReservation, state.KindPayment, state.KindEffect, state.KindDeadLetter, state.KindItem,
	state.KindCatalogue, state.KindPrice, state.KindContact, state.KindNotification, state.KindAccount, state.KindHold,
	state.KindOrderDetails, state.KindChangeBatch,
	state.KindPlayer, state.KindSession, state.KindRound, state.KindBet, state.KindSettlement,
	state.KindPlayerPayment, state.KindSandbox, state.KindJackpot, state.KindJackpotFeed, state.KindJackpotTrigger,
	state.KindBonus,
}

// lastKind is the greatest number of a kind: arrays are indexed by kinds.
const lastKind = state.KindBonus

func defineRows() [lastKind + 1]ofRows {
	var all [lastKind + 1]ofRows
	for _, kind := range kinds {
		table := tables[kind]
		all[kind] = ofRows{
			lock:        define("lock_"+table.name, table.lock()),
			read:        define("read_"+table.name, table.read()),
			prove:       define("prove_"+table.name, table.prove()),
			proveAbsent: define("prove_absent_"+table.name, table.proveAbsent()),
			insert:      define("insert_"+table.name, table.insert()),
			update:      define("update_"+table.name, table.update()),
		}
	}
	return all
}

// prepareReads lets a database without tables pass: check tells it better.
func prepareReads(ctx context.Context, connection *pgx.Conn) error {
	err := prepare(ctx, connection, preparedReads)
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Code == undefinedTable {
		return nil
	}
	return err
}

// prepare prepares statements on a new connection, in one round trip.
func prepare(ctx context.Context, connection *pgx.Conn, statements []*statement) error {
	pipeline := connection.PgConn().StartPipeline(ctx)
	for _, statement := range statements {
		pipeline.SendPrepare(statement.name, statement.sql, nil)
	}
	err := pipeline.Sync()
	for _, statement := range statements {
		if err == nil {
			if _, err = pipeline.GetResults(); err != nil {
				err = fmt.Errorf("prepare %s: %w", statement.name, err)
			}
		}
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	return err
}
