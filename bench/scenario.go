package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

const (
	reserved  = omsv1.OrderStatus_ORDER_STATUS_RESERVED
	confirmed = omsv1.OrderStatus_ORDER_STATUS_CONFIRMED
)

// scenario is one unit of work, done over and over by each client.
type scenario struct {
	roles   string // of the server
	follows bool   // the client follows the feed
	writes  bool   // the invariants are worth checking afterwards
	// until is what every created order must come to before the clock stops.
	until omsv1.OrderStatus
	seed  int // orders created beforehand, to read
	seats int // players in sessions with money, made beforehand; these scenarios have no orders
	crowd int // calls at once in an open loop, where they are more than the clients
	do    func(ctx context.Context, m *measurement, c *client, worker int) error
}

// scenarioTable is issue and docs/performance.md in code.
var scenarioTable = map[string]scenario{
	"accept": {roles: "api", do: create},
	"create": {roles: "all", follows: true, writes: true, until: reserved, do: create},
	"order":  {roles: "all", follows: true, writes: true, do: order},
	"hot":    {roles: "all", follows: true, writes: true, do: order},
	"read":   {roles: "all", seed: 2000, do: readOne},
	"list":   {roles: "all", seed: 2000, do: list},
	"mixed":  {roles: "all", follows: true, writes: true, seed: 2000, do: mixed},

	"authorize": {roles: "all", writes: true, seats: spread, do: authorize},
	"bet":       {roles: "all", writes: true, seats: spread, do: bet},
	"hotplayer": {roles: "all", writes: true, seats: 1, do: bet},
	"hothouse":  {roles: "all", writes: true, seats: spread, do: bet},
	"storm":     {roles: "all", writes: true, seats: spread, crowd: stormCalls, do: authorize},
}

// measurement is one scenario on one store under way.
type measurement struct {
	*bench
	name    string
	until   omsv1.OrderStatus
	clients []*client
	unit    *load.Latency // of one unit of work
	creates *load.Latency // of CreateOrder within it
	failed  atomic.Int64
	done    atomic.Int64
	ids     []string              // orders to read
	seats   []seat                // players who bet
	told    map[string]codes.Code // of a storm: what each bet was answered

	mu      sync.Mutex
	created []string // orders that must come to the scenario's end
	failure error
}

func create(ctx context.Context, m *measurement, c *client, worker int) error {
	request := draft(m.skus, m.name == "hot")
	if m.dialect == "rest" {
		return c.post(ctx, jsonOf(request))
	}
	answer, err := c.orders[worker%len(c.orders)].CreateOrder(keyed(ctx), request)
	if err != nil {
		return err //nolint:wrapcheck // the status says it
	}
	if m.until != 0 {
		m.mu.Lock()
		m.created = append(m.created, answer.Order.Id)
		m.mu.Unlock()
	}
	return nil
}

func order(ctx context.Context, m *measurement, c *client, worker int) error {
	orders := c.orders[worker%len(c.orders)]
	begun := time.Now()
	answer, err := orders.CreateOrder(keyed(ctx), draft(m.skus, m.name == "hot"))
	if err != nil {
		return err //nolint:wrapcheck // the status says it
	}
	m.creates.Since(begun)
	if _, err := orders.PayOrder(keyed(ctx), &omsv1.PayOrderRequest{OrderId: answer.Order.Id, PaymentToken: "sim:ok"}); err != nil {
		return err //nolint:wrapcheck // the status says it
	}
	return c.wait(ctx, answer.Order.Id, confirmed)
}

func readOne(ctx context.Context, m *measurement, c *client, worker int) error {
	orderID := m.ids[mathrand.IntN(len(m.ids))] //nolint:gosec // load, not secrets
	_, err := c.orders[worker%len(c.orders)].GetOrder(ctx, &omsv1.GetOrderRequest{OrderId: orderID})
	return err //nolint:wrapcheck // the status says it
}

func list(ctx context.Context, _ *measurement, c *client, worker int) error {
	_, err := c.orders[worker%len(c.orders)].ListOrders(ctx, &omsv1.ListOrdersRequest{PageSize: 20})
	return err //nolint:wrapcheck // the status says it
}

// mixed is three reads and a list to each order.
func mixed(ctx context.Context, m *measurement, c *client, worker int) error {
	for range 3 {
		if err := readOne(ctx, m, c, worker); err != nil {
			return err
		}
	}
	return errors.Join(list(ctx, m, c, worker), order(ctx, m, c, worker))
}

// measure runs one scenario: a fresh database, servers, stock, a warm-up, the measurement, pgbench before and after.
func (b *bench) measure(ctx context.Context, store, name string, clients int) (result, error) {
	s := scenarioTable[name]
	r := result{Store: store, Scenario: name, Dialect: b.dialect, Clients: clients, Processes: b.processes, Rate: b.rate, Stored: b.preload}
	before, err := b.limit(ctx)
	if err != nil {
		return r, err
	}
	m := &measurement{bench: b, name: name, until: s.until, unit: load.NewLatency(), creates: load.NewLatency()}
	if s.crowd > 0 {
		m.told = map[string]codes.Code{}
	}
	servers, place, err := m.open(ctx, store, s, clients)
	defer func() {
		for _, c := range m.clients {
			c.close()
		}
	}()
	if err != nil {
		return r, errors.Join(err, stopAll(servers))
	}
	r.ReadyMillis, r.IdleMemory = servers[0].ready.Milliseconds(), memory(servers[0])
	if err := m.prepare(ctx, s); err != nil {
		return r, errors.Join(err, stopAll(servers))
	}
	if err := m.run(ctx, s, clients, servers, &r); err != nil {
		return r, errors.Join(err, stopAll(servers))
	}
	if m.statements && store != "sqlite" {
		if err := b.showStatements(ctx, place[0]); err != nil {
			return r, err
		}
	}
	if err := stopAll(servers); err != nil {
		return r, err
	}
	r.Verified = b.verified(ctx, s, place)
	after, err := b.limit(ctx)
	if err != nil {
		return r, err
	}
	r.Pgbench = (before + after) / 2
	if r.Pgbench > 0 {
		r.Ratio = r.PerSecond / r.Pgbench
	}
	return r, nil
}

// open starts the servers and connects to them.
func (m *measurement) open(ctx context.Context, store string, s scenario, clients int) ([]*server, [2]string, error) {
	url, folder, err := m.database(ctx, store)
	place := [2]string{url, folder + "-0"}
	if err == nil && m.statements && store != "sqlite" {
		err = m.execute(ctx, url, "CREATE EXTENSION pg_stat_statements")
	}
	if err != nil {
		return nil, place, err
	}
	var servers []*server
	for number := range m.processes {
		started, err := m.start(ctx, url, folder, s.roles, number)
		if err != nil {
			return servers, place, err
		}
		servers = append(servers, started)
		c, err := dial(started, 1+(max(clients, s.crowd/callsPerConnection*clientsPerConnection)-1)/m.processes)
		if err != nil {
			return servers, place, err
		}
		m.clients = append(m.clients, c)
	}
	return servers, place, nil
}

// prepare fills shelves and, where the scenario reads, makes orders; it follows the feed from here on.
func (m *measurement) prepare(ctx context.Context, s scenario) error {
	if s.seats > 0 {
		return m.seat(ctx, s.seats)
	}
	if s.roles == "all" {
		if err := m.clients[0].stock(ctx, m.skus); err != nil {
			return err
		}
	}
	return m.seed(ctx, max(s.seed, m.preload))
}

// seed creates orders and remembers some of them.
func (m *measurement) seed(ctx context.Context, count int) error {
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(count))
	for worker := range 256 {
		group.Go(func() {
			c := m.clients[worker%len(m.clients)]
			for left.Add(-1) >= 0 {
				answer, err := c.orders[worker%len(c.orders)].CreateOrder(keyed(ctx), draft(m.skus, false))
				m.mu.Lock()
				if err != nil {
					m.failure = err
					left.Store(0)
				} else if len(m.ids) < 10_000 {
					m.ids = append(m.ids, answer.Order.Id)
				}
				m.mu.Unlock()
			}
		})
	}
	group.Wait()
	return m.failure
}

// run lets the clients work, first to warm up and then counted, and takes the figures.
func (m *measurement) run(ctx context.Context, s scenario, clients int, servers []*server, r *result) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	if s.follows {
		for _, c := range m.clients {
			if _, err := c.follow(following); err != nil {
				return err
			}
		}
	}
	warm := newPhase("", m.rate, max(m.duration/4, time.Second))
	if s.crowd > 0 { // it measures the peak that the storm is made of
		warm = newPhase("", 0, max(m.duration/4, 3*time.Second))
	}
	m.work(ctx, s, clients, warm)
	m.settle(ctx, s)
	phases := []*phase{newPhase("", m.rate, m.duration)}
	if s.crowd > 0 {
		phases = m.burst(warm.figures().PerSecond)
	}
	m.unit, m.creates = load.NewLatency(), load.NewLatency()
	m.done.Store(0)
	m.failed.Store(0)

	own, theirs, database := self(), cpuOf(servers), tree(m.clusterPID())
	profile := m.startProfile(ctx, servers[0], phases, r)
	begun := time.Now()
	m.work(ctx, s, clients, phases...)
	m.settle(ctx, s)
	took := time.Since(begun)
	profile.Wait()
	r.Memory = memory(servers[0])
	theirs, database = cpuOf(servers)-theirs, tree(m.clusterPID())-database
	own = self() - own
	done := float64(m.done.Load())
	if done == 0 {
		return fmt.Errorf("nothing was done: %w", m.failure)
	}
	r.PerSecond, r.Failed = done/took.Seconds(), m.failed.Load()
	r.P50, r.P95, r.P99, r.Max = millis(m.unit.At(50)), millis(m.unit.At(95)), millis(m.unit.At(99)), millis(m.unit.Max())
	if m.creates.Count() > 0 {
		r.CreateP99 = millis(m.creates.At(99))
	}
	r.ClientCPU, r.ServerCPU, r.PostgresCPU = micros(own)/done, micros(theirs)/done, micros(database)/done
	if err := m.more(ctx, s, clients, phases, r); err != nil {
		return err
	}
	if m.failure != nil {
		fmt.Fprintln(os.Stderr, "bench: a request failed:", m.failure)
	}
	return nil
}

// more takes the figures of phases: half of the peak (-half), and those of a storm.
func (m *measurement) more(ctx context.Context, s scenario, clients int, phases []*phase, r *result) error {
	if m.half && m.rate == 0 && s.crowd == 0 {
		phases = []*phase{newPhase("half", r.PerSecond/2, m.duration)}
		m.work(ctx, s, clients, phases...)
		m.settle(ctx, s)
		r.Failed = m.failed.Load()
	}
	if phases[0].name == "" {
		return nil
	}
	for _, p := range phases {
		r.Phases = append(r.Phases, p.figures())
	}
	if m.told == nil {
		return nil
	}
	lost, err := m.reread(ctx)
	r.Answered, r.Lost = len(m.told), lost
	return err
}

func micros(d time.Duration) float64 { return float64(d.Microseconds()) }

// settle waits until every order that was created has come to the scenario's end, so that a starved saga shows.
func (m *measurement) settle(ctx context.Context, s scenario) {
	if s.until == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	m.mu.Lock()
	created := m.created
	m.created = nil
	m.mu.Unlock()
	for _, orderID := range created {
		if err := m.clients[0].wait(ctx, orderID, s.until); err != nil {
			m.fail(err)
			return
		}
	}
}

func cpuOf(servers []*server) time.Duration {
	sum := time.Duration(0)
	for _, s := range servers {
		sum += tree(s.command.Process.Pid)
	}
	return sum
}

// memory is the resident memory of a server in MiB.
func memory(s *server) int64 {
	p, _ := readProcess(s.command.Process.Pid)
	return p.memory >> 20
}

// clusterPID reads the process id of the PostgreSQL server.
func (b *bench) clusterPID() int {
	raw, err := os.ReadFile(filepath.Join(b.cluster.Folder(), "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	pid := 0
	_, _ = fmt.Sscan(string(raw), &pid)
	return pid
}

func stopAll(servers []*server) error {
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}

// verified runs `oms verify` on what the measurement has left.
func (b *bench) verified(ctx context.Context, s scenario, place [2]string) string {
	if !b.verify || !s.writes {
		return "-"
	}
	command := exec.CommandContext(ctx, b.binary, "verify", "--store", place[0], "--data-dir", place[1]) //nolint:gosec // ours
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if output, err := command.CombinedOutput(); err != nil {
		fmt.Fprintln(os.Stderr, string(output))
		return "VIOLATED"
	}
	return "ok"
}

// startProfile takes a CPU profile of the server while it is measured.
func (m *measurement) startProfile(ctx context.Context, s *server, phases []*phase, r *result) *sync.WaitGroup {
	var group sync.WaitGroup
	if m.profile == "" {
		return &group
	}
	var length time.Duration
	for _, p := range phases {
		length += p.length
	}
	name := strings.Join([]string{r.Store, r.Scenario, strconv.Itoa(r.Clients)}, "-") + ".pprof"
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", s.ops, max(int(length.Seconds())-1, 1))
	group.Go(func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: no profile:", err)
			return
		}
		defer response.Body.Close() //nolint:errcheck // only read
		raw, err := io.ReadAll(response.Body)
		if err == nil {
			err = os.WriteFile(filepath.Join(m.profile, name), raw, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: no profile:", err)
		}
	})
	return &group
}
