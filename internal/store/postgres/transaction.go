package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// transaction is a batch under way. It is one of two kinds.
//
// As a rule it rests on assumptions: rows that the process remembers are not read, the others are read and not locked, and all of
// them are proved by the exchange that commits (recent). After an assumption was wrong, batches lock first and then read, so
// that what they have decided on holds.
type transaction struct {
	store      *Store
	connection *pgxpool.Conn // with an open transaction and its locks; nil without any
	loaded     state.Loaded
	refs       []state.Ref           // of the need
	assumed    map[state.Ref]version // what must be proved
	locked     map[state.Ref]version // what is locked
	memory     int                   // that it was begun in
}

// Begin implements pipeline.Store.
func (s *Store) Begin(ctx context.Context, need state.Need) (store.Transaction, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	t := &transaction{store: s, refs: need.Refs, memory: s.recent.current()}
	assume := len(need.Refs) > 0 && s.recent.on()
	if len(need.Refs) > 0 && s.recent.limit > 0 {
		t.assumed = make(map[state.Ref]version, len(need.Refs))
		need.Refs = s.recent.recall(need.Refs, !assume, t.assumed)
	}
	if len(t.refs) > 0 {
		t.loaded.Rows = make(map[state.Ref]state.Row, len(t.refs))
	}
	for ref, v := range t.assumed {
		if v.row != nil {
			t.loaded.Rows[ref] = v.row
		}
	}
	t.loaded.Assumed = assume || len(t.assumed) > 0
	now, age := s.clock.now()
	if len(need.Refs) == 0 && (!need.LookupKeys || len(need.Keys) == 0) && age < distrust {
		t.loaded.Now = now
		return t, nil
	}
	connection, err := s.batches.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	if err := t.load(ctx, connection, need, assume); err != nil {
		giveBack(ctx, connection)
		return nil, translate("load", err)
	}
	if assume || len(need.Refs) == 0 {
		connection.Release()
	} else {
		t.connection = connection
	}
	return t, nil
}

// load reads; unless the batch assumes, it opens the transaction and locks first.
func (t *transaction) load(ctx context.Context, connection *pgxpool.Conn, need state.Need, assume bool) error {
	e := t.store.exchange(ctx, connection)
	buffers := borrow()
	defer buffers.giveBack()
	if len(need.Refs) > 0 {
		seen := t.assumed
		if !assume {
			t.locked = make(map[state.Ref]version, len(need.Refs))
			seen = t.locked
			e.send(begin, nil, nil)
		}
		for _, ref := range need.Refs {
			seen[ref] = version{} // until it is seen
		}
		buffers.splitRefs(need.Refs)
		for _, kind := range kinds {
			statement := rowStatements[kind].lock
			if assume {
				statement = rowStatements[kind].read
			}
			e.sendRows(statement, buffers.keys[kind], t.sawRow(kind, seen))
		}
		e.sendRows(readLines, buffers.keys[state.KindOrder], t.sawLine)
	}
	if need.LookupKeys && len(need.Keys) > 0 {
		t.loaded.Answers = make(map[state.Key]*state.Answer, len(need.Keys))
		e.sendRows(readAnswers, buffers.answerKeys(need.Keys), t.sawAnswer)
	}
	// The clock is read after the locks: it is not behind that of a batch which this one waited for.
	e.send(readClock, nil, func(row *fields) error {
		t.loaded.Now = t.store.clock.saw(row.time())
		return nil
	})
	return e.run()
}

func (t *transaction) sawRow(kind state.Kind, seen map[state.Ref]version) func(row *fields) error {
	return func(f *fields) error {
		xmin := f.xid()
		row, err := decodeRow(kind, f)
		if err != nil {
			return err
		}
		ref := row.Ref()
		t.loaded.Rows[ref], seen[ref] = row, version{row: row, xmin: xmin}
		return nil
	}
}

func (t *transaction) sawLine(f *fields) error {
	return decodeLine(f, func(tenant, name []byte) *state.Order {
		order, _ := t.loaded.Rows[state.Ref{Kind: state.KindOrder, Tenant: string(tenant), ID: string(name)}].(*state.Order)
		return order
	})
}

func (t *transaction) sawAnswer(f *fields) error {
	key, answer := decodeAnswer(f)
	t.loaded.Answers[key] = answer
	return nil
}

// Loaded implements store.Transaction.
func (t *transaction) Loaded() state.Loaded { return t.loaded }

// Commit implements store.Transaction.
func (t *transaction) Commit(ctx context.Context, changes *state.Changes) error {
	buffers := borrow()
	defer buffers.giveBack()
	if err := buffers.encode(t, changes); err != nil {
		t.end(ctx)
		return fmt.Errorf("commit: %w", err)
	}
	connection := t.connection
	if connection == nil {
		var err error
		if connection, err = t.store.batches.Acquire(ctx); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	if len(t.assumed) > 0 && t.store.recent.current() != t.memory {
		t.connection = nil
		giveBack(ctx, connection)
		return fmt.Errorf("commit: %w: the server is another one, of which what was seen before is no proof", state.ErrConflict)
	}
	e := t.store.exchange(ctx, connection)
	written := uint32(0) // xmin of the rows
	if !changes.Empty() || len(t.assumed) == 0 {
		e.send(insertBatch, batchParameters(changes), func(row *fields) error {
			written = row.xid()
			return nil
		})
	}
	buffers.send(e, changes)
	if t.store.clock.age() > refreshAfter {
		e.send(readClock, nil, t.store.sawClock)
	}
	if t.connection != nil {
		e.send(commit, nil, nil)
	}
	t.connection = nil
	if err := e.run(); err != nil {
		giveBack(ctx, connection)
		t.store.recent.forget(t, changes)
		if t.guessed() && isContention(err) {
			t.store.recent.proved(false)
		}
		return translateCommit(err)
	}
	connection.Release()
	t.store.clock.committed(changes.Now)
	t.store.recent.keep(t, changes.Rows, written)
	if t.guessed() {
		t.store.recent.proved(true)
	}
	return nil
}

// guessed tells whether anything but shared rows was assumed: those say nothing of how often guesses are wrong.
func (t *transaction) guessed() bool {
	for ref := range t.assumed {
		if !ref.Kind.Shared() {
			return true
		}
	}
	return false
}

// Rollback implements store.Transaction.
func (t *transaction) Rollback() { t.end(context.Background()) }

// end gives the connection back, where there is one.
func (t *transaction) end(ctx context.Context) {
	if t.connection != nil {
		giveBack(ctx, t.connection)
		t.connection = nil
	}
}

// rollbackTimeout bounds a rollback; a connection that takes longer is closed, which rolls back too.
const rollbackTimeout = time.Second

// giveBack ends a connection's transaction, where one is open, and returns it to its pool. It does so when the context has ended,
// too: that may be why.
func giveBack(ctx context.Context, connection *pgxpool.Conn) {
	if inner := connection.Conn().PgConn(); !inner.IsClosed() && inner.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		_, _ = inner.ExecPrepared(ctx, rollback.name, nil, nil, nil).Close() // when it fails the pool closes the connection
	}
	connection.Release()
}

// Outcome implements pipeline.Store. It inserts the batch's id itself: while the batch is in doubt that waits for it, and once it
// has succeeded the batch's own insert must fail. The row is marked, as the next one to ask must not take it for the batch.
func (s *Store) Outcome(ctx context.Context, batch id.UUID) (committed bool, err error) {
	config := s.batches.Config().ConnConfig
	config.RuntimeParams["lock_timeout"] = "0" // the context is the limit
	config.RuntimeParams["statement_timeout"] = "0"
	connection, err := pgx.ConnectConfig(ctx, config) // its own, as the pool's may all be in doubt
	if err != nil {
		return false, fmt.Errorf("outcome: %w", err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // it has served
	_, err = connection.Exec(ctx, `INSERT INTO batches (batch_id, committed_at, events, abandoned)
		VALUES ($1, clock_timestamp(), 0, true)`, [16]byte(batch))
	var server *pgconn.PgError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &server) || server.Code != uniqueViolation:
		return false, translate("outcome", err)
	}
	err = connection.QueryRow(ctx, "SELECT NOT abandoned FROM batches WHERE batch_id = $1", [16]byte(batch)).Scan(&committed)
	if err != nil {
		return false, fmt.Errorf("outcome: %w", err)
	}
	return committed, nil
}

// batchParameters are those of insertBatch.
func batchParameters(changes *state.Changes) [][]byte {
	events := binary.BigEndian.AppendUint32(nil, uint32(len(changes.Events))) //nolint:gosec // fewer than 65,536
	return [][]byte{changes.Batch[:], appendTime(nil, changes.Now), events}
}
