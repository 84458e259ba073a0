package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options of a store; zero values stand for the defaults.
type Options struct {
	// MaxBatchConnections bounds batches, relay, timers and leases; 8 by default.
	MaxBatchConnections int
	// MaxReadConnections bounds views; 8 by default.
	MaxReadConnections int
	// LockTimeout bounds the wait for a row of another batch, 5 s by default; then the batch is tried again.
	LockTimeout time.Duration
	// StatementTimeout bounds every statement but those of verification; 30 s by default.
	StatementTimeout time.Duration
	// RecentRows bounds the rows that the process remembers, so that it need not read what it wrote a moment ago; 32,768 by
	// default, none below zero. A row with long texts or lists counts for several, one for each KiB.
	RecentRows int
	// AllowLosingCommits accepts a server that may lose what it has committed (see ErrLosesCommits). For experiments.
	AllowLosingCommits bool
	// TestClock makes and uses a clock that can be put ahead (see TurnClock). For development.
	TestClock bool
}

func (o Options) withDefaults() Options {
	if o.MaxBatchConnections == 0 {
		o.MaxBatchConnections = 8
	}
	if o.MaxReadConnections == 0 {
		o.MaxReadConnections = 8
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 5 * time.Second
	}
	if o.RecentRows == 0 {
		o.RecentRows = 32_768
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 30 * time.Second
	}
	return o
}

// idleTransaction ends a transaction whose process hangs, and so frees its locks. Batches decide in milliseconds.
const idleTransaction = 30 * time.Second

// Store is a database. Its methods may be called concurrently.
type Store struct {
	options Options
	batches *pgxpool.Pool // writes; its connections have every statement of a batch prepared
	reads   *pgxpool.Pool
	clock   clock
	recent  *recent
	types   atomic.Pointer[map[rowType]uint32] // numbers of the row types in the database that was connected to last
}

// Open brings the database's tables up to date and opens it for everything.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	if err := migrate(ctx, url, options.TestClock); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	s, err := open(ctx, url, options.withDefaults(), false)
	if err != nil {
		return nil, err
	}
	if err := s.readClock(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	return s, nil
}

// OpenReadOnly opens a database for reading, beside whoever writes it, and changes nothing: not the tables either.
func OpenReadOnly(ctx context.Context, url string, options Options) (*Store, error) {
	return open(ctx, url, options.withDefaults(), true)
}

func open(ctx context.Context, url string, options Options, readOnly bool) (*Store, error) {
	s := &Store{options: options, recent: newRecent(options.RecentRows / 2)} // twice: the young and the old
	reading := map[string]string{}
	if readOnly {
		reading["default_transaction_read_only"] = "on"
	}
	var err error
	if s.reads, err = s.pool(ctx, url, options.MaxReadConnections, reading, prepareReads); err != nil {
		return nil, err
	}
	if err := s.check(ctx, readOnly); err != nil {
		s.Close()
		return nil, err
	}
	if readOnly {
		return s, nil
	}
	ready := func(ctx context.Context, connection *pgx.Conn) error {
		var server time.Time
		if err := connection.QueryRow(ctx, "SELECT pg_postmaster_start_time()").Scan(&server); err != nil {
			return fmt.Errorf("ask when the server was started: %w", err)
		}
		s.recent.connected(server)
		if !options.AllowLosingCommits {
			if err := durable(ctx, connection); err != nil {
				return err
			}
		}
		types, err := typeNumbers(ctx, connection)
		if err != nil {
			return err
		}
		s.types.Store(&types)
		return prepare(ctx, connection, prepared)
	}
	if s.batches, err = s.pool(ctx, url, options.MaxBatchConnections, nil, ready); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends all connections, after what they are doing.
func (s *Store) Close() {
	if s.batches != nil {
		s.batches.Close()
	}
	s.reads.Close()
}

// settings hold for all connections. PostgreSQL plans a prepared statement for the tables as they are when it is first used, and
// keeps the plan: a plan made on empty tables scans them, and orders ran at a third of the speed until statistics came. To plan
// each time, instead, takes longer than to read an order. All these statements go by key, so plans that scan or hash whole
// tables are forbidden and the plan is made once. The invariants, which do look at everything, allow them again.
var settings = map[string]string{
	"plan_cache_mode":  "force_generic_plan",
	"enable_seqscan":   "off",
	"enable_hashjoin":  "off",
	"enable_mergejoin": "off",
}

// wholeTables undoes settings for a transaction.
const wholeTables = `SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = on;
	SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;`

// pool opens connections with settings that make them safe and predictable. What the address itself sets goes first.
func (s *Store) pool(
	ctx context.Context, url string, size int, own map[string]string, prepare func(context.Context, *pgx.Conn) error,
) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	all := map[string]string{
		"application_name":                    "oms",
		"timezone":                            "UTC",
		"jit":                                 "off",
		"default_transaction_isolation":       "read committed",
		"lock_timeout":                        milliseconds(s.options.LockTimeout),
		"statement_timeout":                   milliseconds(s.options.StatementTimeout),
		"idle_in_transaction_session_timeout": milliseconds(idleTransaction),
	}
	maps.Copy(all, settings)
	maps.Copy(all, own)
	maps.Copy(all, config.ConnConfig.RuntimeParams)
	config.ConnConfig.RuntimeParams = all
	config.MaxConns = int32(min(size, 10_000)) //nolint:gosec // bounded
	config.AfterConnect = prepare
	if s.options.TestClock {
		config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
			if err := lookAtTestClock(ctx, connection); err != nil {
				return err
			}
			return prepare(ctx, connection)
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	return pool, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// check refuses a database that cannot keep what the store promises, or that is not ours.
func (s *Store) check(ctx context.Context, readOnly bool) error {
	var encoding string
	var tables bool
	err := s.reads.QueryRow(ctx, "SELECT current_setting('server_encoding'), to_regclass('stream') IS NOT NULL").Scan(&encoding, &tables)
	switch {
	case err != nil:
		return fmt.Errorf("check the database: %w", err)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s: create it with ENCODING 'UTF8'", encoding)
	case !tables:
		return errors.New("the database holds no oms tables: start `oms serve` on it first")
	case readOnly || s.options.AllowLosingCommits:
		return nil
	default:
		return durable(ctx, s.reads)
	}
}
