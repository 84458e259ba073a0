// Package drill is `oms drill`: the correctness tests of an order system, run against a real server from the outside (requirement
// It sells the last pieces to too many buyers, doubles requests and payments, pays and cancels at once, has the gateway
// fail in every way it knows, kills the server in the middle, and then reads what became of it through the API.
//
// A case has stock, customers and references of its own, named by a number drawn for the run, so that it may run beside others
// and beside real traffic. What a case cannot see from outside, what the gateway did and what the tables hold, it asks of
// functions that whoever starts the drill may give it.
package drill

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Taken is what the gateway did for one order, in minor units.
type Taken struct {
	Captures                                int // that succeeded
	CapturedMinor, RefundedMinor, LeftMinor int64
}

// Options say what to drill. Servers and Start exclude each other.
type Options struct {
	// Servers are running servers that share a database; they are not killed.
	Servers []load.Target
	// Start starts the servers of the drill; Run stops them.
	Start func(ctx context.Context) ([]*Server, error)
	// Verify checks the tables themselves; nil when they cannot be reached.
	Verify func(ctx context.Context) ([]state.Finding, error)
	// Gateway answers what the gateway did, by order id; nil when it cannot be asked.
	Gateway func() (map[string]Taken, error)

	Only     []string      // the cases to run; all when empty
	Quick    bool          // fewer rounds, and no token whose answer takes long
	Patience time.Duration // how long to wait for what must come; a minute when 0
	JSON     bool
	Out      io.Writer
	Progress io.Writer // nil for none
}

// ErrViolated says that a case failed; the report has told which.
var ErrViolated = errors.New("drill: a rule is violated")

// world is the servers under test and what is known of the run.
type world struct {
	Options
	run     string // names the run
	servers []*Server
	clients []*load.Client
	feed    *witness
}

// Run runs all cases and prints the report. Its error is ErrViolated, or why it could not be run.
func Run(ctx context.Context, options Options) error {
	if options.Patience == 0 {
		options.Patience = time.Minute
	}
	for _, name := range options.Only {
		if !slices.Contains(Cases(), name) {
			return fmt.Errorf("drill: no case is named %q; there are %s", name, strings.Join(Cases(), ", "))
		}
	}
	w := &world{Options: options, run: "drill-" + strings.ToLower(rand.Text()[:8])}
	if err := w.open(ctx); err != nil {
		return err
	}
	defer w.close()
	started := time.Now()
	verdicts := w.all(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("drill: %w", context.Cause(ctx))
	}
	report := newReport(w, verdicts, time.Since(started))
	if err := report.write(options.Out, options.JSON); err != nil {
		return fmt.Errorf("drill: write the report: %w", err)
	}
	if report.Failed > 0 {
		return ErrViolated
	}
	return nil
}

// open starts the servers, when it is to, and connects to each.
func (w *world) open(ctx context.Context) error {
	targets := w.Servers
	if w.Start != nil {
		var err error
		w.servers, err = w.Start(ctx)
		if err != nil {
			w.close()
			return fmt.Errorf("drill: %w", err)
		}
		for _, s := range w.servers {
			targets = append(targets, s.Target)
		}
	}
	for _, target := range targets {
		client, err := load.Dial(ctx, target)
		if err != nil {
			w.close()
			return err //nolint:wrapcheck // names the address
		}
		client.Policy = load.Policy{Attempt: 15 * time.Second, Patience: w.Patience, First: 5 * time.Millisecond, Longest: 300 * time.Millisecond}
		w.clients = append(w.clients, client)
	}
	return nil
}

func (w *world) close() {
	for _, client := range w.clients {
		_ = client.Close() // every answer is there
	}
	for _, s := range w.servers {
		s.Kill()
	}
}

// any answers the clients in turn, so that every case spreads its calls over all processes.
func (w *world) any(i int) *load.Client { return w.clients[i%len(w.clients)] }

// trial is one case.
type trial struct {
	name string
	did  string // in a sentence
	skip string // why it is not run; empty when it is
	run  func(ctx context.Context, s *stage)
}

// all runs those cases side by side that bear it, under the eyes of a follower, and then those that end a server.
func (w *world) all(ctx context.Context) []Verdict {
	w.feed = watch(ctx, w.clients[0])
	together := w.wanted(w.together())
	judged := make([]Verdict, len(together))
	var running sync.WaitGroup
	for i, one := range together {
		running.Go(func() { judged[i] = w.try(ctx, one) })
	}
	running.Wait()
	var verdicts []Verdict
	for _, one := range w.wanted([]trial{w.followed()}) {
		verdicts = append(verdicts, w.try(ctx, one))
	}
	w.feed.stop()
	for _, one := range w.wanted(w.after()) {
		verdicts = append(verdicts, w.try(ctx, one))
	}
	return slices.Concat(judged, verdicts)
}

// wanted leaves out what is not asked for.
func (w *world) wanted(trials []trial) []trial {
	return slices.DeleteFunc(trials, func(one trial) bool { return len(w.Only) > 0 && !slices.Contains(w.Only, one.name) })
}

// Cases names all cases.
func Cases() (names []string) {
	w := &world{}
	for _, one := range slices.Concat(w.together(), []trial{w.followed()}, w.after()) {
		names = append(names, one.name)
	}
	return names
}

// try runs a case to its verdict.
func (w *world) try(ctx context.Context, one trial) Verdict {
	verdict := Verdict{Name: one.name, Did: one.did, Result: Pass}
	if one.skip != "" || ctx.Err() != nil {
		verdict.Result, verdict.Numbers = Skipped, one.skip
		return verdict
	}
	started := time.Now()
	s := &stage{world: w, name: w.run + "-" + one.name}
	one.run(ctx, s)
	verdict.Numbers, verdict.Seconds = s.numbers, time.Since(started).Seconds()
	verdict.Reasons, verdict.Orders = s.reasons, s.orders
	if s.failures > 0 {
		verdict.Result = Fail
	}
	w.tell("%-8s %s: %s\n", verdict.Result, verdict.Name, verdict.Numbers)
	return verdict
}

func (w *world) tell(format string, arguments ...any) {
	if w.Progress != nil {
		_, _ = fmt.Fprintf(w.Progress, format, arguments...) // the terminal may be gone
	}
}
