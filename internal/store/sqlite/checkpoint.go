package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
)

// The write-ahead log grows with every commit and has to be copied back into the database file, which takes reads, writes and
// an fsync. SQLite does that inside the commit that finds the log long enough: that batch then waits for all of it. Here another
// connection copies while batches go on. It can never quite catch up with them, and the log starts anew only when all of it
// has been copied, so for the last pages it takes the writer's turn. Readers that hold an old snapshot keep the log as it is:
// then it only grows, and a warning says so.

const (
	checkpointEvery = 50 * time.Millisecond // at most, however many commits there are
	warnEvery       = time.Minute
	warnFactor      = 8 // length of the log, in units of Options.CheckpointPages, that is worth a warning
)

// checkpointer is the connection that copies the log back.
type checkpointer struct {
	store  *Store
	log    *session
	warned time.Time
}

func (s *Store) startCheckpointer() error {
	connection, err := connect(s.path, sqlite.OpenReadWrite, "synchronous = full", "wal_autocheckpoint = 0")
	if err != nil {
		return err
	}
	s.checkpointer.Go(func() {
		c := checkpointer{store: s, log: &session{connection: connection}}
		c.run()
		_ = connection.Close()
	})
	return nil
}

// wakeCheckpointer tells that the log has grown.
func (s *Store) wakeCheckpointer() {
	select {
	case s.written <- struct{}{}:
	default:
	}
}

func (c *checkpointer) run() {
	for {
		select {
		case <-c.store.closing:
			return
		case <-c.store.written:
		}
		if err := c.check(); err != nil && !errors.Is(err, errClosed) {
			c.warn("the write-ahead log could not be copied back", "error", err)
		}
		select {
		case <-c.store.closing:
			return
		case <-time.After(checkpointEvery):
		}
	}
}

// check copies the log back when it is long enough.
func (c *checkpointer) check() error {
	limit := int64(c.store.options.CheckpointPages)
	length, copied, err := c.checkpoint("NOOP")
	if err != nil || length-copied < limit {
		return err
	}
	if _, _, err = c.checkpoint("PASSIVE"); err != nil {
		return err
	}
	length, copied, err = c.last()
	if err == nil && copied < length && length > warnFactor*limit {
		c.warn("a long read keeps the write-ahead log from being reused", "pages", length, "bytes", length*pageSize)
	}
	return err
}

// last copies the rest while nobody writes; the next batch then starts the log anew.
func (c *checkpointer) last() (length, copied int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	w, err := c.store.take(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer c.store.give(w)
	return c.checkpoint("PASSIVE")
}

// checkpoint answers the length of the log and how much of it has been copied, in pages.
func (c *checkpointer) checkpoint(mode string) (length, copied int64, err error) {
	err = c.log.query("PRAGMA wal_checkpoint("+mode+")", nil, func(row *columns) bool {
		_ = row.integer() // busy: another checkpoint is under way, which does as well
		length, copied = row.integer(), row.integer()
		return true
	})
	return length, copied, translate(fmt.Sprintf("checkpoint %s", mode), err)
}

func (c *checkpointer) warn(message string, arguments ...any) {
	if time.Since(c.warned) >= warnEvery {
		c.warned = time.Now()
		c.store.options.Log.Warn("sqlite: "+message, append(arguments, "database", c.store.path)...)
	}
}
