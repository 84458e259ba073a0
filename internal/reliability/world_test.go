package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// Stores and deployments that tests run on.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
	onTwo      = "postgres, two processes"
)

// patience is how long a test waits for what must come. It is no measure of anything: the machine may be busy.
const patience = 90 * time.Second

// everywhere runs a test on each deployment.
func everywhere(t *testing.T, test func(t *testing.T, w *world), flags ...string) {
	t.Helper()
	for _, kind := range []string{onSQLite, onPostgres, onTwo} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, flags...)
			w.startAll()
			test(t, w)
		})
	}
}

// world is a database, a bus and the servers on them. Everything of it is on disk and outlives the servers.
type world struct {
	t        testing.TB
	kind     string
	folder   string
	database string // name in PostgreSQL
	url      string // of the store
	bus      string
	journal  string // of the gateway
	flags    []string
	program  string   // the binary of the servers
	settings []string // of their environment, beside the test's
	servers  []*server
}

var worlds atomic.Int64

// newWorld makes an empty one whose servers have not started.
func newWorld(t testing.TB, kind string, flags ...string) *world {
	t.Helper()
	return newWorldOn(t, postgrestest.Shared, kind, flags...)
}

// newWorldOn makes one on a cluster of PostgreSQL.
func newWorldOn(t testing.TB, cluster func(testing.TB) *postgrestest.Cluster, kind string, flags ...string) *world {
	t.Helper()
	w := &world{t: t, kind: kind, folder: t.TempDir(), url: "sqlite", bus: "embedded", flags: flags, program: binary}
	w.journal = filepath.Join(w.folder, "gateway.journal")
	count := 1
	if kind != onSQLite {
		w.database = fmt.Sprintf("world_%d", worlds.Add(1))
		var err error
		if w.url, err = cluster(t).Create(t.Context(), w.database); err != nil {
			t.Fatal(err)
		}
	}
	if kind == onTwo {
		count, w.bus = 2, startNATS(t)
	}
	for i := range count {
		w.addServer(i)
	}
	t.Cleanup(func() {
		for _, s := range w.servers {
			s.kill()
		}
		if t.Failed() {
			w.tellLogs()
		}
	})
	return w
}

// addServer makes a place for a process; its addresses stay, whoever serves on them.
func (w *world) addServer(number int) *server {
	s := &server{
		world: w, folder: filepath.Join(w.folder, fmt.Sprintf("data-%d", number)), log: &journal{},
		api: freeAddress(), grpc: freeAddress(), inner: freeAddress(), ops: freeAddress(),
	}
	s.public, s.internal = dial(w.t, s.grpc), dial(w.t, s.inner)
	s.client = load.New(s.public, s.internal)
	s.client.Policy = load.Policy{Attempt: 20 * time.Second, Patience: patience, First: 5 * time.Millisecond, Longest: 200 * time.Millisecond}
	s.admin = omsv1.NewAdminServiceClient(s.internal)
	w.servers = append(w.servers, s)
	return s
}

func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	again := backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 200 * time.Millisecond}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: again, MinConnectTimeout: 5 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// startNATS starts an external bus in this process.
func startNATS(t testing.TB) string { return serveNATS(t, t.TempDir()) }

// serveNATS serves what is in a folder.
func serveNATS(t testing.TB, folder string) string {
	t.Helper()
	running, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	running.Start()
	t.Cleanup(func() {
		running.Shutdown()
		running.WaitForShutdown()
	})
	if !running.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return running.ClientURL()
}

// server is a place for a process.
type server struct {
	world                 *world
	folder                string
	api, grpc, inner, ops string
	public, internal      *grpc.ClientConn
	client                *load.Client
	admin                 omsv1.AdminServiceClient
	log                   *journal

	mutex   sync.Mutex
	command *exec.Cmd
	exited  chan error
}

// journal collects what processes print.
type journal struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.text.String()
}

// arguments are the flags of a server.
func (s *server) arguments(more ...string) []string {
	all := []string{
		"serve", "--store", s.world.url, "--bus", s.world.bus, "--data-dir", s.folder, "--gateway=sim", "--gateway-journal", s.world.journal,
		"--page-token-key", strings.Repeat("k", 32), "--api-addr", s.api, "--grpc-addr", s.grpc, "--internal-addr", s.inner,
		"--ops-addr", s.ops, "--log-level", "warn",
	}
	if !slices.Contains(s.world.flags, "--credentials-file") {
		all = append(all, "--auth=none")
	}
	return append(append(all, s.world.flags...), more...)
}

// start starts a process and waits until it accepts commands.
func (s *server) start(more ...string) {
	s.world.t.Helper()
	if err := s.launch(exec.Command(s.world.program, s.arguments(more...)...)); err != nil {
		s.world.t.Fatal(err)
	}
}

// launch starts a command that leads to a server, and waits until that accepts commands.
func (s *server) launch(command *exec.Cmd) error {
	command.Env = append(command.Environ(), s.world.settings...)
	command.Stdout, command.Stderr, command.SysProcAttr = s.log, s.log, attributes()
	if err := command.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	s.mutex.Lock()
	s.command, s.exited = command, exited
	s.mutex.Unlock()
	for limit := time.Now().Add(patience); ; time.Sleep(3 * time.Millisecond) {
		if answered("http://" + s.ops + "/readyz") {
			return nil
		}
		select {
		case err := <-exited:
			exited <- err
			return fmt.Errorf("the server ended: %w: %s", errors.Join(err, errEnded), s.log)
		default:
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the server is not ready: %s", s.log)
		}
	}
}

var errEnded = errors.New("it accepts no commands")

func answered(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusOK
}

// kill ends the process as kill -9 does.
func (s *server) kill() { _ = s.end(syscall.SIGKILL) }

// stop ends the process in order.
func (s *server) stop() {
	s.world.t.Helper()
	if err := s.end(syscall.SIGTERM); err != nil {
		s.world.t.Errorf("the server ended badly: %v", err)
	}
}

func (s *server) end(signal syscall.Signal) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.command == nil {
		return nil
	}
	_ = s.command.Process.Signal(signal) // it may be gone
	var err error
	select {
	case err = <-s.exited:
	case <-time.After(patience):
		err = errors.New("it does not end when asked to")
		_ = s.command.Process.Kill()
		<-s.exited
	}
	s.command = nil
	return err
}

func (w *world) startAll() {
	w.t.Helper()
	for _, s := range w.servers {
		s.start()
	}
}

func (w *world) stopAll() {
	w.t.Helper()
	for _, s := range w.servers {
		s.stop()
	}
}

// any answers the servers in turn.
func (w *world) any(i int) *server { return w.servers[i%len(w.servers)] }

// client answers the client of the first server.
func (w *world) client() *load.Client { return w.servers[0].client }

// logged tells whether a process printed a text.
func (w *world) logged(text string) bool {
	return slices.ContainsFunc(w.servers, func(s *server) bool { return strings.Contains(s.log.String(), text) })
}

func (w *world) tellLogs() {
	const most = 6_000
	for i, s := range w.servers {
		text := s.log.String()
		w.t.Logf("process %d printed:\n%s", i, text[max(0, len(text)-most):])
	}
}

// count asks the database for one number.
func (w *world) count(query string) int64 {
	w.t.Helper()
	n, err := strconv.ParseInt(w.text("SELECT CAST(("+query+") AS text)"), 10, 64)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// text asks the database for one text.
func (w *world) text(query string) string {
	w.t.Helper()
	ask := func() (string, error) { return askPostgres(w.url, query) }
	if w.kind == onSQLite {
		ask = func() (string, error) { return askSQLite(filepath.Join(w.servers[0].folder, "oms.db"), query) }
	}
	text, err := ask()
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return text
}

func askSQLite(path, query string) (string, error) {
	connection, err := sqlite.OpenConn(path, sqlite.OpenReadOnly|sqlite.OpenWAL)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	connection.SetBlockOnBusy()
	return sqlitex.ResultText(connection.Prep(query))
}

func askPostgres(url, query string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer connection.Close(ctx)
	var text string
	err = connection.QueryRow(ctx, query).Scan(&text)
	return text, err
}

// oms runs another command of the program.
func (w *world) oms(arguments ...string) (string, error) {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), binary, arguments...)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("oms %s: %w\n%s%s", strings.Join(arguments, " "), err, out.String(), errOut.String())
	}
	return out.String(), nil
}

// verify runs `oms verify`, which must find something to check and nothing violated.
func (w *world) verify() {
	w.t.Helper()
	text, err := w.oms("verify", "--json", "--store", w.url, "--data-dir", w.servers[0].folder)
	if err != nil {
		w.t.Error(err)
		return
	}
	var findings []struct {
		Invariant, Violation string
		Checked              int64
		OK                   bool
	}
	if err := json.Unmarshal([]byte(text), &findings); err != nil || len(findings) == 0 {
		w.t.Errorf("oms verify answers %q: %v", text, err)
	}
	for _, finding := range findings {
		if !finding.OK {
			w.t.Errorf("%s: %s", finding.Invariant, finding.Violation)
		}
	}
}

// eventually waits for a condition.
func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func remove(t testing.TB, folder string) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
}
