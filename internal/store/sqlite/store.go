package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
)

// Options tune a store; the zero value is right for most.
type Options struct {
	Readers         int          // connections for reads; 0 is 4
	CacheMiB        int          // page cache of the writer; 0 is 64
	CheckpointPages int          // length of the write-ahead log at which it is copied back; 0 is 16,000 (64 MB)
	Log             *slog.Logger // told when the log does not shrink; nil is slog.Default
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.CacheMiB <= 0 {
		o.CacheMiB = 64
	}
	if o.CheckpointPages <= 0 {
		o.CheckpointPages = 16_000
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// applicationID marks a file as ours, so that another program's database is not taken for one: "oms1".
const applicationID = 0x6f6d7331

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a database in one file. All its methods may be called at once.
type Store struct {
	path    string
	options Options
	clock   clock

	locked  *os.File     // nil when opened for reading only
	turn    chan *writer // holds the writer while nobody has it: see take
	readers chan *session
	opened  int // connections that readers holds or has lent

	written      chan struct{} // wakes the checkpointer
	checkpointer sync.WaitGroup
	closing      chan struct{} // closed by Close
	closeOnce    sync.Once
	closeErr     error

	purging sync.Mutex
	purge   purgePlace // held by purging

	failCommit func(*writer) error // for tests: called before COMMIT, which its error replaces; or nil
}

// Open opens the database at path for reading and writing, and makes it when it is absent. It refuses when another process has
// it open for writing.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	locked, err := lock(path)
	if err != nil {
		return nil, err
	}
	s := newStore(path, options)
	s.locked = locked
	if err = s.start(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// OpenReadOnly opens an existing database for reading, beside whichever process writes to it.
func OpenReadOnly(path string) (*Store, error) {
	s := newStore(path, Options{Readers: 1})
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: no database: %w", err)
	}
	if err := s.openReaders(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func newStore(path string, options Options) *Store {
	options = options.withDefaults()
	return &Store{
		path:    path,
		options: options,
		turn:    make(chan *writer, 1),
		readers: make(chan *session, options.Readers),
		written: make(chan struct{}, 1),
		closing: make(chan struct{}),
	}
}

// start opens the writer, brings the tables up to date, and opens what stands beside the writer.
func (s *Store) start(ctx context.Context) error {
	w, err := s.openWriter()
	if err != nil {
		return err
	}
	s.turn <- w
	schema, err := schema()
	if err != nil {
		return err
	}
	if err = sqlitemigration.Migrate(ctx, w.connection, schema); err != nil {
		return fmt.Errorf("sqlite: bring %s up to date: %w", s.path, err)
	}
	counters, err := w.counters()
	if err != nil {
		return translate("read the clock", err)
	}
	s.clock.advance(counters.clock)
	if err := s.openReaders(); err != nil {
		return err
	}
	return s.startCheckpointer() //nolint:contextcheck // it outlives the opening
}

func schema() (sqlitemigration.Schema, error) {
	schema := sqlitemigration.Schema{AppID: applicationID}
	names, err := fs.Glob(migrations, "migrations/*.sql") // in order of their numbers
	if err != nil {
		return schema, err
	}
	for _, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return schema, err
		}
		schema.Migrations = append(schema.Migrations, string(text))
	}
	return schema, nil
}

// Close waits for the batch and the reads under way, and closes the database. Later calls answer what the first did.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.checkpointer.Wait()
		s.closeErr = errors.Join(s.closeReaders(), s.closeWriter())
		if s.locked != nil {
			s.closeErr = errors.Join(s.closeErr, s.locked.Close())
		}
	})
	return s.closeErr
}

func (s *Store) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// connect opens a connection and sets it up. Foreign keys are off, as SQLite has them: rows are never deleted that others name.
func connect(path string, flags sqlite.OpenFlags, settings ...string) (*sqlite.Conn, error) {
	connection, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	connection.SetBusyTimeout(busyTimeout)
	for _, setting := range settings {
		if err := execute(connection, "PRAGMA "+setting); err != nil {
			_ = connection.Close()
			return nil, fmt.Errorf("sqlite: open %s: PRAGMA %s: %w", path, setting, err)
		}
	}
	return connection, nil
}

// execute runs one statement once and forgets it.
func execute(connection *sqlite.Conn, text string) error {
	statement, _, err := connection.PrepareTransient(text)
	if err != nil {
		return err
	}
	for found := true; found && err == nil; {
		found, err = statement.Step()
	}
	return errors.Join(err, statement.Finalize())
}
