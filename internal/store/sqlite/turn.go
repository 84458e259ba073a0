package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

// busyTimeout is how long a connection waits for another process, such as a person's sqlite3 shell, that holds a lock. Within
// the process nobody waits for a lock of SQLite's.
const busyTimeout = 5 * time.Second

// pageSize is that of new files. Larger ones cost more where rows are written at random (8 KiB the same, 16 KiB an eighth more).
const pageSize = 4096

// writer is the one connection that writes, with its prepared statements. Whoever has taken it from Store.turn owns it.
type writer struct {
	session
	begin, commit, rollback *sqlite.Stmt
	statements
}

// take waits for the turn to write. An earlier failure may have left no connection: it is opened anew then.
func (s *Store) take(ctx context.Context) (*writer, error) {
	if s.locked == nil {
		return nil, errReadOnly
	}
	if ctx.Err() != nil { // even while the turn is free
		return nil, fmt.Errorf("sqlite: wait for the writer: %w", ctx.Err())
	}
	if s.closed() {
		return nil, errClosed
	}
	select {
	case w := <-s.turn:
		if w != nil {
			return w, nil
		}
		w, err := s.openWriter()
		if err != nil {
			s.turn <- nil
		}
		return w, err
	case <-ctx.Done():
		return nil, fmt.Errorf("sqlite: wait for the writer: %w", ctx.Err())
	case <-s.closing:
		return nil, errClosed
	}
}

// give ends the turn. A connection that is still inside a transaction, or cannot tell, is closed and not used again.
func (s *Store) give(w *writer) {
	if !w.connection.AutocommitEnabled() {
		_ = run(w.rollback, nil)
	}
	if !w.connection.AutocommitEnabled() {
		s.discard(w)
		return
	}
	s.turn <- w
}

// discard ends the turn and closes the connection; the next turn opens another.
func (s *Store) discard(w *writer) {
	_ = w.connection.Close()
	s.turn <- nil
}

// write runs one small transaction of its own: leases, cursors, timers. What it does can be done again, so when its COMMIT fails
// nobody asks what became of it.
func (s *Store) write(ctx context.Context, step string, do func(*writer) error) error {
	w, err := s.take(ctx)
	if err != nil {
		return err
	}
	if err = run(w.begin, nil); err == nil {
		err = do(w)
	}
	if err != nil {
		s.give(w)
		return translate(step, err)
	}
	if err = run(w.commit, nil); err != nil && !harmless(err) {
		s.discard(w)
		return translate(step, err)
	}
	s.give(w)
	return translate(step, err)
}

// openWriter opens the connection that writes. The log is copied back by the checkpointer, not by commits.
func (s *Store) openWriter() (*writer, error) {
	connection, err := connect(s.path, sqlite.OpenReadWrite|sqlite.OpenCreate,
		fmt.Sprintf("page_size = %d", pageSize),
		"journal_mode = wal",
		"synchronous = full",
		"wal_autocheckpoint = 0",
		fmt.Sprintf("journal_size_limit = %d", 2*s.options.CheckpointPages*pageSize),
		fmt.Sprintf("cache_size = -%d", s.options.CacheMiB<<10),
		"temp_store = memory",
	)
	if err != nil {
		return nil, err
	}
	w := &writer{session: session{connection: connection}}
	for text, statement := range map[string]**sqlite.Stmt{
		"BEGIN IMMEDIATE": &w.begin, "COMMIT": &w.commit, "ROLLBACK": &w.rollback,
	} {
		if *statement, err = connection.Prepare(text); err != nil {
			return nil, errors.Join(translate("prepare "+text, err), connection.Close())
		}
	}
	w.prepare()
	return w, nil
}

// closeWriter waits for the batch under way and closes its connection.
func (s *Store) closeWriter() error {
	if s.locked == nil {
		return nil
	}
	select {
	case w := <-s.turn:
		if w == nil {
			return nil
		}
		return w.connection.Close()
	case <-time.After(closeTimeout):
		return errors.New("sqlite: a batch is still under way")
	}
}

// closeTimeout is how long Close waits for a batch that somebody began.
const closeTimeout = 10 * time.Second

// counters are the store's own counters.
type counters struct {
	next   int64 // position of the next event
	clock  int64 // latest time ever given out, in microseconds
	closed int64 // time up to which nothing is booked any more
}

func (w *writer) counters() (counters, error) {
	var found counters
	rows := 0
	err := w.query("SELECT next_position, clock_us, books_closed_us FROM stream WHERE id = 1", nil, func(c *columns) bool {
		found = counters{next: c.integer(), clock: c.integer(), closed: c.integer()}
		rows++
		return true
	})
	if err == nil && rows != 1 {
		err = fmt.Errorf("%w: table stream has %d rows, needs one", state.ErrNotFound, rows)
	}
	return found, err
}
