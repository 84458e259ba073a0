// Package postgrestest starts real PostgreSQL clusters of its own for tests and benchmarks: nothing is shared with a server
// that may run on the machine, and nothing is left behind, however the process ends. Durability is PostgreSQL's default, as a
// test of a store that must not lose anything proves little on a server that may.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options of a cluster.
type Options struct {
	// Settings are passed to the server, such as "max_connections": "300".
	Settings map[string]string
	// TCP makes the server listen on a free port of the loopback address too; URL then names that. Without it there is only a
	// socket in the cluster's folder.
	TCP bool
}

// Cluster is a private PostgreSQL server.
type Cluster struct {
	folder   string // holds "data", the socket and the log
	binaries string
	options  Options
	port     int
	owned    bool // whether the folder was made here

	mutex    sync.Mutex
	server   *exec.Cmd
	exited   chan struct{}
	guardian io.Closer // closing it, or dying, ends the server
}

// startTimeout bounds initdb and the server's start; recovery after a kill is part of it.
const startTimeout = 60 * time.Second

// Start makes a cluster in a folder, which it creates, and starts its server. The folder must be reachable for the user that the
// server runs as (PostgreSQL refuses to run as root), and short, as a socket's path has at most 107 bytes; an empty name stands
// for a new folder among the temporary ones, which Stop removes.
func Start(folder string, options Options) (*Cluster, error) {
	binaries, err := findBinaries()
	if err != nil {
		return nil, err
	}
	c := &Cluster{folder: folder, binaries: binaries, options: options, port: 5432}
	if folder == "" {
		c.owned = true
		if c.folder, err = os.MkdirTemp("", "oms-postgres-"); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
	}
	if err := c.initialize(); err != nil {
		c.remove()
		return nil, err
	}
	if options.TCP {
		if c.port, err = freePort(); err != nil {
			c.remove()
			return nil, err
		}
	}
	if err := c.Resume(); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// Binary is the path of one of PostgreSQL's programs, such as "pgbench", of the server's version.
func (c *Cluster) Binary(name string) string { return filepath.Join(c.binaries, name) }

// initialize runs initdb, unless the folder holds a cluster already.
func (c *Cluster) initialize() error {
	if _, err := os.Stat(filepath.Join(c.data(), "PG_VERSION")); err == nil {
		return nil
	}
	if err := os.MkdirAll(c.folder, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := giveAway(c.folder); err != nil {
		return fmt.Errorf("give the folder to the server's user: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// The folder is new: there is nothing yet that initdb would have to sync.
	command := exec.CommandContext(ctx, c.Binary("initdb"), //nolint:gosec // found by findBinaries
		"--pgdata", c.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	command.Dir = c.folder
	command.SysProcAttr = asServer()
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, output)
	}
	return nil
}

// Resume starts the server on the cluster's data, after Kill or Halt.
func (c *Cluster) Resume() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.server != nil {
		return errors.New("the server is running")
	}
	log, err := os.OpenFile(filepath.Join(c.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own
	// The server lives longer than any context that could be given here.
	c.server = exec.Command(c.Binary("postgres"), c.arguments()...) //nolint:gosec,noctx // found by findBinaries; see above
	c.server.Dir = c.folder
	c.server.Stdout, c.server.Stderr = log, log
	c.server.SysProcAttr = asServer()
	if err := c.server.Start(); err != nil {
		c.server = nil
		return fmt.Errorf("start postgres: %w", err)
	}
	server, exited := c.server, make(chan struct{})
	c.exited = exited
	go func() {
		_ = server.Wait() // how it ended stands in the log
		close(exited)
	}()
	if c.guardian, err = c.guard(); err == nil {
		err = c.ready()
	}
	if err != nil {
		c.end(os.Kill)
		text, _ := os.ReadFile(filepath.Join(c.folder, "log")) // the error says enough without it
		return fmt.Errorf("%w; the server's log:\n%s", err, text)
	}
	return nil
}

func (c *Cluster) arguments() []string {
	arguments := []string{"-D", c.data(), "-k", c.folder, "-p", strconv.Itoa(c.port), "-c", "max_connections=200"}
	listen := ""
	if c.options.TCP {
		listen = "127.0.0.1"
	}
	arguments = append(arguments, "-c", "listen_addresses="+listen)
	for name, value := range c.options.Settings {
		arguments = append(arguments, "-c", name+"="+value)
	}
	return arguments
}

// guard starts a shell that waits for the end of its input and then ends the server and, where it is ours, removes the folder.
// The other end of the input is this process's: the system closes it even when the process is killed.
func (c *Cluster) guard() (io.Closer, error) {
	script := `cat >/dev/null; kill -QUIT "$1" 2>/dev/null && while kill -0 "$1" 2>/dev/null; do sleep 0.1; done
		case "$2" in ?*) rm -rf "$2";; esac`
	folder := ""
	if c.owned {
		folder = c.folder
	}
	shell := exec.Command("sh", "-c", script, "sh", strconv.Itoa(c.server.Process.Pid), folder) //nolint:gosec,noctx // lives on by design
	detach(shell)
	input, err := shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard the server: %w", err)
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("guard the server: %w", err)
	}
	go func() { _ = shell.Wait() }() // reaps it
	return guardian{shell, input}, nil
}

// guardian is the shell that waits for this process's end.
type guardian struct {
	shell *exec.Cmd
	input io.Closer
}

// Close dismisses the guardian: whoever closes it ends the server itself.
func (g guardian) Close() error {
	err := g.shell.Process.Kill()
	return errors.Join(err, g.input.Close())
}

// ready waits until the server answers.
func (c *Cluster) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		connection, err := pgx.Connect(ctx, c.URL("postgres"))
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer: %w", err)
		case <-c.exited:
			return fmt.Errorf("the server ended: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is the address of a database of the cluster, for its superuser.
func (c *Cluster) URL(database string) string {
	if c.options.TCP {
		return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, url.PathEscape(database))
	}
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&port=%d", url.PathEscape(database), url.QueryEscape(c.folder), c.port)
}

// Folder holds everything of the cluster: "data", "log" and the socket.
func (c *Cluster) Folder() string { return c.folder }

// Kill ends the server as a crash would. Resume recovers.
func (c *Cluster) Kill() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	// The postmaster's children notice its death, and a new postmaster refuses to start beside them: QUIT makes it kill them
	// first, without a checkpoint, which is what a crash leaves.
	c.end(quit)
}

// Halt ends the server in order, with a checkpoint.
func (c *Cluster) Halt() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.end(os.Interrupt)
}

// end sends a signal, waits for the server's end and dismisses the guardian.
func (c *Cluster) end(signal os.Signal) {
	if c.server == nil {
		return
	}
	_ = c.server.Process.Signal(signal) // it may have ended by itself
	select {
	case <-c.exited:
	case <-time.After(startTimeout):
		_ = c.server.Process.Kill() // as above
		<-c.exited
	}
	if c.guardian != nil {
		_ = c.guardian.Close() // it may have been killed with us
	}
	c.server, c.guardian = nil, nil
}

// Stop ends the server and removes the folder, where Start made it.
func (c *Cluster) Stop() {
	c.Kill()
	c.remove()
}

func (c *Cluster) remove() {
	if c.owned {
		_ = os.RemoveAll(c.folder) // among the temporary files, which the system sweeps
	}
}

// Create makes an empty database and answers its address. Its order of text is a language's, as in most installations, where
// the server can do that: what wants the order of bytes must say so.
func (c *Cluster) Create(ctx context.Context, name string) (string, error) {
	quoted := pgx.Identifier{name}.Sanitize()
	err := c.administrate(ctx, "CREATE DATABASE "+quoted+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	if err != nil { // older than 15, or built without ICU
		err = c.administrate(ctx, "CREATE DATABASE "+quoted)
	}
	if err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return c.URL(name), nil
}

// Drop removes a database, whoever is connected to it.
func (c *Cluster) Drop(ctx context.Context, name string) error {
	return c.administrate(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
}

func (c *Cluster) administrate(ctx context.Context, statement string) error {
	connection, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = connection.Exec(ctx, statement)
	return errors.Join(err, connection.Close(ctx))
}

// findBinaries answers the folder that holds initdb and postgres: of PATH, else the newest of the usual places.
func findBinaries() (string, error) {
	candidates := []string{}
	if found, err := exec.LookPath("initdb"); err == nil {
		if own, err := filepath.EvalSymlinks(found); err == nil {
			candidates = append(candidates, filepath.Dir(own)) // the server's own folder, whatever points to it
		}
	}
	usual := []string{}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		usual = append(usual, found...)
	}
	slices.SortStableFunc(usual, func(a, b string) int { return versionIn(b) - versionIn(a) })
	for _, folder := range append(candidates, usual...) {
		_, initdb := os.Stat(filepath.Join(folder, "initdb"))
		_, server := os.Stat(filepath.Join(folder, "postgres"))
		if initdb == nil && server == nil {
			return folder, nil
		}
	}
	return "", errors.New("PostgreSQL is not installed: install its server (Debian and Ubuntu: apt-get install postgresql; " +
		"macOS: brew install postgresql@17) or put the folder of initdb and postgres on the PATH")
}

// versionIn is the first number in a path; 0 for none.
func versionIn(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	version, _ := strconv.Atoi(digits[0]) // digits only
	return version
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to wait for
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }() // it has told its port
	address, isTCP := listener.Addr().(*net.TCPAddr)
	if !isTCP {
		return 0, fmt.Errorf("find a free port: %v", listener.Addr())
	}
	return address.Port, nil
}
