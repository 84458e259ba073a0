package sqlite

import (
	"context"
	"errors"

	"zombiezen.com/go/sqlite"
)

// readerCache keeps a reader small: what it reads again is in the file's mapping.
const readerCache = "PRAGMA cache_size = -8192"

// openReaders opens the read-only connections. Each sees the last commit as of the start of its statement, and none waits for the
// writer or makes it wait.
func (s *Store) openReaders() error {
	for range s.options.Readers {
		connection, err := connect(s.path, sqlite.OpenReadOnly, "temp_store = memory", "mmap_size = 2147418112")
		if err != nil {
			return err
		}
		if err := execute(connection, readerCache); err != nil {
			return errors.Join(translate("open", err), connection.Close())
		}
		s.readers <- &session{connection: connection}
		s.opened++
	}
	return nil
}

// read lends a read-only connection to a short read.
func (s *Store) read(ctx context.Context, step string, do func(*session) error) error {
	if s.closed() { // even while a connection is free
		return errClosed
	}
	select {
	case reader := <-s.readers:
		defer func() { s.readers <- reader }()
		return translate(step, do(reader))
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
}

// readLong is read for what may take long: it stops when the context ends.
func (s *Store) readLong(ctx context.Context, step string, do func(*session) error) error {
	return s.read(ctx, step, func(reader *session) error {
		defer reader.connection.SetInterrupt(reader.connection.SetInterrupt(ctx.Done()))
		err := do(reader)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

// snapshot runs several statements of a reader under one snapshot.
func (s *session) snapshot(do func() error) (err error) {
	if err := s.query("BEGIN", nil, ignore); err != nil {
		return err
	}
	defer func() {
		s.connection.SetInterrupt(nil) // a read that was interrupted must end its transaction all the same
		err = errors.Join(err, s.query("ROLLBACK", nil, ignore))
	}()
	return do()
}

// closeReaders waits for the reads under way.
func (s *Store) closeReaders() error {
	var err error
	for range s.opened {
		err = errors.Join(err, (<-s.readers).connection.Close())
	}
	return err
}

func ignore(*columns) bool { return true }
