package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// bench holds what all measurements share.
type bench struct {
	settings
	folder  string
	binary  string
	cluster *postgrestest.Cluster
	nats    *natsserver.Server
	count   int
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	folder, err := os.MkdirTemp("", "oms-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	b := &bench{settings: s, folder: folder, binary: filepath.Join(folder, "oms")}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/oms") //nolint:gosec // our own command
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the server (run the bench from the root of the repository): %w", err)
	}
	if b.cluster, err = postgrestest.Start("", postgrestest.Options{Settings: s.postgresSettings()}); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if s.pgbench > 0 {
		if err := b.pgbenchInit(ctx); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	return b, nil
}

// postgresSettings are the server's defaults; statistics of statements cost a little and are there when they are asked for.
func (s settings) postgresSettings() map[string]string {
	if !s.statements {
		return nil
	}
	return map[string]string{"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
}

// execute runs one statement.
func (b *bench) execute(ctx context.Context, url, sql string) error {
	output, err := exec.CommandContext(ctx, b.cluster.Binary("psql"), "-X", "-c", sql, url).CombinedOutput() //nolint:gosec // ours
	if err != nil {
		return fmt.Errorf("%s: %w: %s", sql, err, output)
	}
	return nil
}

// showStatements prints the statements of a database that took the most time.
func (b *bench) showStatements(ctx context.Context, url string) error {
	psql := func(sql string) ([]byte, error) {
		return exec.CommandContext(ctx, b.cluster.Binary("psql"), "-X", "-c", sql, url).CombinedOutput() //nolint:gosec // ours
	}
	output, err := psql(`SELECT calls, round(total_exec_time) AS ms, round((mean_exec_time * 1000)::numeric) AS us, rows,
		left(regexp_replace(query, '\s+', ' ', 'g'), 150) AS statement
		FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		ORDER BY total_exec_time DESC LIMIT 25`)
	if err != nil {
		return fmt.Errorf("statistics of statements: %w: %s", err, output)
	}
	tables, err := psql(`SELECT relname AS table, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_hot_upd AS in_place,
		n_tup_del AS deleted, seq_scan AS scans, seq_tup_read AS scanned, idx_scan AS lookups, n_dead_tup AS dead
		FROM pg_stat_user_tables ORDER BY n_tup_ins + n_tup_upd DESC`)
	if err != nil {
		return fmt.Errorf("statistics of tables: %w: %s", err, tables)
	}
	_, err = os.Stderr.Write(append(output, tables...))
	return err //nolint:wrapcheck // standard error
}

func (b *bench) close() error {
	if b.nats != nil {
		b.nats.Shutdown()
	}
	b.cluster.Stop()
	return os.RemoveAll(b.folder) //nolint:wrapcheck,gosec // names the folder, which was made here
}

func (b *bench) pgbenchCommand(ctx context.Context, arguments ...string) *exec.Cmd {
	return exec.CommandContext(ctx, b.cluster.Binary("pgbench"), append(arguments, b.cluster.URL("pgbench"))...) //nolint:gosec // ours
}

func (b *bench) pgbenchInit(ctx context.Context) error {
	if _, err := b.cluster.Create(ctx, "pgbench"); err != nil {
		return fmt.Errorf("make the database of pgbench: %w", err)
	}
	if output, err := b.pgbenchCommand(ctx, "-i", "-q", "-s", "10").CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench -i: %w: %s", err, output)
	}
	return nil
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// limit runs pgbench -N -c32 -j2, the usual limit of this PostgreSQL.
func (b *bench) limit(ctx context.Context) (float64, error) {
	if b.pgbench == 0 {
		return 0, nil
	}
	output, err := b.pgbenchCommand(ctx, "-N", "-c32", "-j2", "-T", strconv.Itoa(int(b.pgbench.Seconds()))).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, output)
	}
	match := tps.FindSubmatch(output)
	if match == nil {
		return 0, fmt.Errorf("pgbench printed no tps: %s", output)
	}
	return strconv.ParseFloat(string(match[1]), 64) //nolint:wrapcheck // pgbench's own figure
}

// server is one process that is measured.
type server struct {
	command *exec.Cmd
	api     string
	grpc    string
	inner   string
	ops     string
	ready   time.Duration
	log     *bytes.Buffer
	exited  chan error
}

// database makes an empty database and answers the store's flags.
func (b *bench) database(ctx context.Context, store string) (string, string, error) {
	b.count++
	name := fmt.Sprintf("bench_%d", b.count)
	folder := filepath.Join(b.folder, name)
	if store == "sqlite" {
		return "sqlite", folder, nil
	}
	url, err := b.cluster.Create(ctx, name)
	return url, folder, err //nolint:wrapcheck // names the database
}

// start starts a server on a database and waits until it is ready.
func (b *bench) start(ctx context.Context, store, folder, roles string, number int) (*server, error) {
	at, err := free(4)
	if err != nil {
		return nil, err
	}
	s := &server{api: at[0], grpc: at[1], inner: at[2], ops: at[3], log: &bytes.Buffer{}, exited: make(chan error, 1)}
	bus := "embedded"
	if b.processes > 1 {
		if bus, err = b.natsURL(); err != nil {
			return nil, err
		}
	}
	s.command = exec.Command(b.binary, "serve", "--auth=none", "--gateway=sim", "--store", store, "--bus", bus, //nolint:gosec,noctx // ours
		"--data-dir", fmt.Sprintf("%s-%d", folder, number), "--roles", roles, "--page-token-key", strings.Repeat("k", 32),
		"--api-addr", s.api, "--grpc-addr", s.grpc, "--internal-addr", s.inner,
		"--ops-addr", s.ops, "--log-level", "warn")
	if b.processes > 1 {
		s.command.Args = append(s.command.Args, "--gateway-journal", folder+".journal") // one gateway for all
	}
	s.command.Stdout, s.command.Stderr = s.log, s.log
	begun := time.Now()
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() { s.exited <- s.command.Wait() }()
	for {
		if answered(ctx, "http://"+s.ops+"/readyz") {
			s.ready = time.Since(begun)
			return s, nil
		}
		select {
		case err := <-s.exited:
			return nil, fmt.Errorf("the server ended: %w: %s", err, s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Since(begun) > 30*time.Second {
			return nil, fmt.Errorf("the server is not ready: %s", s.log)
		}
	}
}

func (s *server) stop() error {
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("the server ended badly: %w: %s", err, s.log)
		}
		return nil
	case <-time.After(40 * time.Second):
		_ = s.command.Process.Kill()
		return errors.New("the server did not stop when it was asked to")
	}
}

func answered(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close() //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusOK
}

// free answers addresses that nobody listens on at the moment. All are held until the last is chosen, so no two are the same.
func free(count int) ([]string, error) {
	addresses, held := make([]string, count), []net.Listener(nil)
	defer func() {
		for _, listener := range held {
			_ = listener.Close() // nothing was accepted
		}
	}()
	for i := range addresses {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		held, addresses[i] = append(held, listener), listener.Addr().String()
	}
	return addresses, nil
}

// natsURL starts an external bus once.
func (b *bench) natsURL() (string, error) {
	if b.nats == nil {
		running, err := natsserver.NewServer(&natsserver.Options{
			Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: filepath.Join(b.folder, "nats"), NoLog: true, NoSigs: true,
		})
		if err != nil {
			return "", fmt.Errorf("make a NATS server: %w", err)
		}
		running.Start()
		if !running.ReadyForConnections(10 * time.Second) {
			return "", errors.New("the NATS server does not start")
		}
		b.nats = running
	}
	return b.nats.ClientURL(), nil
}
