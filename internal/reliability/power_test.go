package reliability

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// The power fails: what was written and not synced may be lost, wholly or in part, in any combination. A real server is traced
// under load. strace writes the calls down in the order in which they took effect: a call is written down before its thread
// goes on, so whatever a thread, or one that it told, did because a sync had returned stands after that sync. So the files can
// be made as they would be after a power cut at any point of the trace, and an order is acknowledged by then when its id was
// written to a client's socket.
func TestPowerLoss(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed; with it this test traces a server and drops what was not synced")
	}
	t.Parallel()
	w := newWorld(t, onSQLite, "--unpaid-for", "24h")
	w.startAll()
	w.stock("mug", 1_000_000)
	w.reserve(draft("c", 1, "mug"))
	w.rest()
	w.stopAll()
	base := filepath.Join(w.folder, "base")
	copyFiles(t, filepath.Join(w.servers[0].folder, "oms.db*"), base)
	calls := w.traced(t)
	acknowledged, syncs := 0, 0
	for _, c := range calls {
		acknowledged += len(c.acks)
		if c.name == "fsync" || c.name == "fdatasync" {
			syncs++
		}
	}
	t.Logf("%d calls, %d syncs, %d orders in answers", len(calls), syncs, acknowledged)
	if acknowledged < 50 {
		t.Fatal("the trace tells too little")
	}
	cuts := 60
	if testing.Short() {
		cuts = 12
	}
	lost := 0
	for i := range cuts {
		at := len(calls) * (i + 1) / cuts
		if i+1 < cuts {
			at -= rand.N(len(calls) / cuts)
		}
		lost += w.cutAt(t, i, base, calls[:at])
	}
	if lost == 0 {
		t.Error("no cut dropped anything: the test shows nothing")
	}
}

// traced runs a server under strace and loads it; its end, with a checkpoint, is in the trace too.
func (w *world) traced(t *testing.T) []call {
	s, file := w.servers[0], filepath.Join(w.folder, "trace")
	arguments := []string{
		"-f", "-y", "-xx", "-s", "2000000", "-o", file, "-e", "signal=none",
		"-e", "trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fsync,fdatasync,sync_file_range,ftruncate,unlink,unlinkat,rename,renameat,renameat2",
		binary,
	}
	if err := s.launch(exec.Command("strace", append(arguments, s.arguments()...)...)); err != nil {
		t.Skipf("strace does not work here: %v", err)
	}
	var buyers sync.WaitGroup
	for i := range 24 {
		buyers.Go(func() {
			for range 8 {
				created, err := load.Send(within(t), s.client, load.Key(), s.client.Orders.CreateOrder, draft("c", 1, "mug"))
				if err != nil {
					t.Error(err)
					return
				}
				if i%2 == 0 {
					_, err = load.Send(within(t), s.client, load.Key(), s.client.Orders.PayOrder,
						&omsv1.PayOrderRequest{OrderId: created.Order.Id, PaymentToken: "sim:ok"})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	buyers.Wait()
	s.stopTraced(t)
	calls, err := readTrace(file)
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// stopTraced asks the server to stop, and not its tracer.
func (s *server) stopTraced(t *testing.T) {
	t.Helper()
	tracer := s.command.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", tracer, tracer))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-s.exited; err != nil {
		t.Errorf("the traced server ended badly: %v", err)
	}
	s.command = nil
}

// call is a traced call that took effect.
type call struct {
	name   string
	path   string
	data   []byte
	offset int64
	acks   []string // ids of orders, written to a socket
	begun  int      // how many calls had taken effect when it began
}

var (
	traceLine = regexp.MustCompile(`^(\d+)\s+(?:<\.{3} (\w+) resumed>|(\w+)\()(.*)$`)
	onFile    = regexp.MustCompile(`^\d+<([^>]*)>(?:, (.*))?$`)
	hexText   = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"(\.{3})?`)
	anOrder   = regexp.MustCompile(`order:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// readTrace answers the calls in the order in which they returned; writes to sockets in which they began.
func readTrace(path string) ([]call, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var (
		calls   []call
		pending = map[string]call{}
		reader  = bufio.NewReaderSize(file, 1<<20)
	)
	for {
		line, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return calls, nil
		}
		if err != nil {
			return nil, err
		}
		match := traceLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if match == nil {
			continue
		}
		thread, resumed, name, rest := match[1], match[2], match[3], match[4]
		if resumed != "" {
			if c, found := pending[thread]; found && !failed(rest) {
				calls = append(calls, c)
			}
			delete(pending, thread)
			continue
		}
		c, err := parseCall(name, rest)
		if err != nil {
			return nil, fmt.Errorf("%w: %.300s", err, line)
		}
		c.begun = len(calls)
		switch {
		case c.acks != nil:
			calls = append(calls, c)
		case c.path == "":
		case strings.HasSuffix(rest, "<unfinished ...>"):
			pending[thread] = c
		case !failed(rest):
			calls = append(calls, c)
		}
	}
}

func failed(rest string) bool {
	return strings.Contains(rest, ") = -1 ") || strings.Contains(rest, ") = ?")
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	if err != nil {
		return []byte(text)
	}
	return b
}

// parseCall reads a call's arguments. Of files only those of the database are told, of sockets the orders that are answered.
func parseCall(name, rest string) (call, error) {
	c := call{name: name}
	if strings.HasPrefix(name, "unlink") || strings.HasPrefix(name, "rename") {
		if text := hexText.FindStringSubmatch(rest); len(text) > 1 && ofDatabase(string(unhex(text[1]))) {
			c.path = string(unhex(text[1]))
			if name[0] == 'r' {
				return c, errors.New("a database's file was renamed, which this test cannot follow")
			}
		}
		return c, nil
	}
	match := onFile.FindStringSubmatch(rest)
	if match == nil { // a sync without further arguments: "5</path>) = 0"
		if match = regexp.MustCompile(`^\d+<([^>]*)>(.*)$`).FindStringSubmatch(rest); match == nil {
			return c, nil
		}
	}
	target := string(unhex(match[1]))
	socket := strings.HasPrefix(target, "socket:") || strings.HasPrefix(target, "TCP")
	if !socket && !ofDatabase(target) {
		return c, nil
	}
	for _, text := range hexText.FindAllStringSubmatch(match[2], -1) {
		if text[2] != "" {
			return c, errors.New("strace left something out")
		}
		c.data = append(c.data, unhex(text[1])...)
	}
	if socket {
		for _, id := range anOrder.FindAll(c.data, -1) {
			c.acks = append(c.acks, string(id))
		}
		c.data = nil
		return c, nil
	}
	c.path = target
	arguments := strings.Split(match[2][strings.LastIndexByte(match[2], '"')+1:], ", ")
	last := strings.TrimSpace(strings.SplitN(arguments[len(arguments)-1], ")", 2)[0])
	last = strings.TrimSuffix(last, " <unfinished ...>")
	switch name {
	case "pwrite64", "ftruncate":
		var err error
		if c.offset, err = strconv.ParseInt(last, 10, 64); err != nil {
			return c, fmt.Errorf("no offset: %w", err)
		}
	case "fsync", "fdatasync":
	default:
		return c, fmt.Errorf("a database's file was written by %s, which this test cannot follow", name)
	}
	return c, nil
}

// ofDatabase tells the database, its log, and the folder that they are in; the index of the log does not outlive the process.
func ofDatabase(path string) bool {
	base := filepath.Base(path)
	return base == "oms.db" || base == "oms.db-wal" || base == "data-0"
}

// disk is what survives of a file.
type disk struct {
	content  []byte
	unsynced []call
	entry    bool // its name is in the folder for good
	gone     bool // its name was taken away, and that may not be for good
}

func (d *disk) apply(c call) {
	if c.name == "ftruncate" {
		d.resize(c.offset)
		return
	}
	if end := c.offset + int64(len(c.data)); end > int64(len(d.content)) {
		d.resize(end)
	}
	copy(d.content[c.offset:], c.data)
}

func (d *disk) resize(size int64) {
	if size <= int64(len(d.content)) {
		d.content = d.content[:size:size]
		return
	}
	d.content = append(d.content, make([]byte, size-int64(len(d.content)))...)
}

// sync makes durable what had been written when the sync began, at the index begun of all calls.
func (d *disk) sync(begun int) {
	var later []call
	for _, c := range d.unsynced {
		if c.begun < begun { // it took effect before the sync began: begun is its own index here
			d.apply(c)
		} else {
			later = append(later, c)
		}
	}
	d.unsynced = later
}

// disks replays calls.
func disks(base string, calls []call) (map[string]*disk, error) {
	files := map[string]*disk{}
	names, err := filepath.Glob(filepath.Join(base, "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[filepath.Base(name)] = &disk{content: content, entry: true}
	}
	for i, c := range calls {
		if c.acks != nil {
			continue
		}
		name := filepath.Base(c.path)
		if name == "data-0" {
			for _, d := range files {
				d.entry = true
			}
			continue
		}
		d := files[name]
		if d == nil || d.gone && strings.HasPrefix(c.name, "pwrite") {
			d = &disk{}
			files[name] = d
		}
		switch c.name {
		case "fsync", "fdatasync":
			d.sync(c.begun)
		case "unlink", "unlinkat":
			d.gone = true
		default:
			c.begun = i
			d.unsynced = append(d.unsynced, c)
		}
	}
	return files, nil
}

// cutAt makes the files as they may be after a power cut and looks whether every acknowledged order is there; it answers how many
// writes were dropped.
func (w *world) cutAt(t *testing.T, number int, base string, calls []call) (dropped int) {
	files, err := disks(base, calls)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(w.folder, fmt.Sprintf("cut-%d", number))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, d := range files {
		dropped += d.lose(number)
		if (!d.entry || d.gone) && rand.N(2) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), d.content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := storedOrders(filepath.Join(folder, "oms.db"))
	if err != nil {
		t.Errorf("cut after %d calls: %v", len(calls), err)
		return dropped
	}
	acknowledged := map[string]bool{}
	for _, c := range calls {
		for _, id := range c.acks {
			acknowledged[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(acknowledged)) {
		if !stored[id] {
			t.Errorf("cut after %d calls: %s was acknowledged and is lost", len(calls), id)
		}
	}
	if _, err := w.oms("verify", "--data-dir", folder); err != nil {
		t.Errorf("cut after %d calls: %v", len(calls), err)
	}
	remove(t, folder)
	return dropped
}

// lose drops what was not synced: all of it, or some writes, or the rest of a write that was being made.
func (d *disk) lose(number int) (dropped int) {
	const sector = 512
	for _, c := range d.unsynced {
		switch {
		case number%3 == 0 || rand.N(2) == 0:
			dropped++
			continue
		case number%3 == 2 && c.name == "pwrite64" && len(c.data) > sector && rand.N(4) == 0:
			c.data = bytes.Clone(c.data[:rand.N(len(c.data)/sector)*sector])
			dropped++
		}
		d.apply(c)
	}
	return dropped
}

// storedOrders opens the database as a server that starts again does, checks its pages and lists the orders.
func storedOrders(path string) (map[string]bool, error) {
	connection, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenWAL)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	if whole, err := sqlitex.ResultText(connection.Prep("PRAGMA integrity_check")); err != nil || whole != "ok" {
		return nil, fmt.Errorf("the database is damaged: %s %w", whole, err)
	}
	ids := map[string]bool{}
	err = sqlitex.ExecuteTransient(connection, "SELECT order_id FROM orders", &sqlitex.ExecOptions{ResultFunc: func(row *sqlite.Stmt) error {
		ids[row.ColumnText(0)] = true
		return nil
	}})
	return ids, err
}
