package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/batch"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/state"
)

// scenario is one drawn test of the model.
type scenario struct {
	seed                                    uint64
	lanes, processes, clients, steps, names int
	// Chances of a fault at each of the store's points, in percent.
	conflict, lost, late, down, panics int
	remembers                          bool // the store assumes rows
}

func drawScenario(t *rapid.T) scenario {
	percent := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	return scenario{
		seed:  rapid.Uint64().Draw(t, "seed"),
		lanes: rapid.IntRange(1, 4).Draw(t, "lanes"), processes: rapid.IntRange(1, 2).Draw(t, "processes"),
		clients: rapid.IntRange(1, 8).Draw(t, "clients"), steps: rapid.IntRange(1, 15).Draw(t, "steps"),
		names:    rapid.IntRange(1, 5).Draw(t, "names"),
		conflict: percent("conflict", 30), lost: percent("lost", 20), late: percent("late", 20),
		down: percent("down", 10), panics: percent("panics", 3), remembers: rapid.Bool().Draw(t, "remembers"),
	}
}

// faults answers the store's faults: random, but none any more after calm was called.
func (s scenario) faults() (before func(string) error, calm func()) {
	var mutex sync.Mutex
	random, calmed := rand.New(rand.NewPCG(s.seed, 1)), false
	before = func(point string) error {
		mutex.Lock()
		defer mutex.Unlock()
		if calmed {
			return nil
		}
		roll := func(percent int) bool { return random.IntN(100) < percent }
		if roll(20) && point != "committed" {
			mutex.Unlock()
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
			mutex.Lock()
		}
		switch {
		case roll(s.panics):
			panic("the store has a defect")
		case point == "begin" && roll(s.conflict), point == "commit" && roll(s.conflict):
			return state.ErrConflict
		case point == "commit" && roll(s.late):
			return errLateCommit
		case point == "commit" && roll(s.lost), point == "committed" && roll(s.lost):
			return state.ErrOutcomeUnknown
		case point != "committed" && roll(s.down):
			return errors.New("the store is down")
		}
		return nil
	}
	return before, func() {
		mutex.Lock()
		defer mutex.Unlock()
		calmed = true
	}
}

// operation is a command that a client sends, and repeats until it has a final answer.
type operation struct {
	label    string // unique; in the event of each change
	changes  int    // that a success makes
	command  command.Command
	possible bool // may end well at all
	answer   string
	open     bool // has no key and no final answer, so it may have taken effect
}

// draw makes an operation of a random kind on the counters.
func draw(random *rand.Rand, label string, names int) *operation {
	name := func() string { return fmt.Sprint("c", random.IntN(names)) }
	key := "key-" + label
	if random.IntN(5) == 0 {
		key = ""
	}
	o := &operation{label: label, possible: true}
	switch kind := random.IntN(20); {
	case kind < 10:
		o.changes, o.command = 1, do(key, label, adding(name(), 1, label))
	case kind < 14:
		o.changes, o.command = 2, do(key, label, adding(name(), 1, label), adding(name(), 2, label))
	case kind < 16:
		o.command = do(key, label, adding(name(), 1, label), refusing(fault.FailedPrecondition, name()))
	case kind < 17:
		o.command = do(key, label, adding(name(), 1, label), refusing(fault.Aborted, name()))
	case kind < 18:
		o.changes, o.command = 1, do(key, label, adding("new-"+label, 1, label))
	case kind < 19:
		o.possible = false
		o.command = do(key, label, adding(name(), 1, label), badly(name(), func(*state.Item) { panic("a defect") }))
	default:
		o.possible = false
		o.command = do(key, label, adding(name(), 1, label), badly(name(), func(i *state.Item) { i.Sold = -1 }))
	}
	if random.IntN(6) == 0 {
		o.changes, o.command.DryRun = 0, true
	}
	return o
}

// badly changes a counter in a way that goes wrong.
func badly(name string, alter func(*state.Item)) wish {
	return wish{[]state.Ref{counter(name)}, func(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
		change := add(states, name, 1, "bad")
		alter(change.After.(*state.Item))
		return domain.Decision{Changes: []domain.Change{change}}, nil
	}}
}

// carryOut sends an operation until it has a final answer, as a client does. Only a key makes repeating safe.
func (o *operation) carryOut(p *pipeline.Pipeline) error {
	for range 1000 {
		result := p.Submit(context.Background(), o.command)
		o.answer = text(result)
		f := result.Fault
		switch {
		case f == nil || f.Stored():
			o.answer = strings.TrimPrefix(o.answer, "again ")
			return nil
		case f.Code == fault.Internal && !o.possible, f.Code == fault.Aborted:
			return nil
		case f.Code != fault.Unavailable:
			return fmt.Errorf("%s: unexpected answer %q", o.label, o.answer)
		case o.command.Key == "":
			o.open = f.Reason == "OUTCOME_UNKNOWN"
			return nil
		}
	}
	return fmt.Errorf("%s: no final answer: %q", o.label, o.answer)
}

// runClient sends operations one after the other, now and then an old one again.
func runClient(s scenario, client int, processes []*pipeline.Pipeline, report func(error)) []*operation {
	random := rand.New(rand.NewPCG(s.seed, uint64(client)+2))
	var done []*operation
	for step := range s.steps {
		p := processes[random.IntN(len(processes))]
		o := draw(random, fmt.Sprintf("%d.%d", client, step), s.names)
		twin, twins := *o, sync.WaitGroup{}
		doubled := o.command.Key != "" && !o.command.DryRun && random.IntN(3) == 0
		if doubled { // an impatient client
			twins.Go(func() {
				if err := twin.carryOut(p); err != nil {
					report(err)
				}
			})
		}
		if err := o.carryOut(p); err != nil {
			report(err)
		}
		twins.Wait()
		if doubled && twin.answer != o.answer {
			report(fmt.Errorf("%s was answered %q and %q", o.label, o.answer, twin.answer))
		}
		done = append(done, o)
		old := done[random.IntN(len(done))]
		if old.command.DryRun || old.command.Key == "" || old.answer == "" || old.answer[:2] == "10" || !old.possible {
			continue
		}
		again := &operation{label: old.label, command: old.command, possible: true}
		again.command.TraceID = "another"
		want := old.answer
		if random.IntN(4) == 0 {
			again.command.Hash[0]++
			want = "6:IDEMPOTENCY_MISMATCH"
		}
		if err := again.carryOut(p); err != nil {
			report(err)
		} else if again.answer != want {
			report(fmt.Errorf("repeat of %s: %q, want %q", old.label, again.answer, want))
		}
	}
	return done
}

// TestModel has clients send random operations through pipelines to a store that fails in every way, and then compares what the
// clients were told with what the store holds.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScenario(rt)
		w := newWorld(t)
		w.options.Lanes, w.options.SecondLaneAt, w.options.RetryLimit = s.lanes, 2, 5
		w.options.MaxCommands = 8
		w.options.Deadline = 20 * time.Second
		before, calm := s.faults()
		w.store.before, w.store.remembers = before, s.remembers
		processes := make([]*pipeline.Pipeline, s.processes)
		for i := range processes {
			processes[i] = w.running()
		}
		var group sync.WaitGroup
		var mutex sync.Mutex
		var operations []*operation
		var problems []error
		report := func(err error) {
			mutex.Lock()
			defer mutex.Unlock()
			problems = append(problems, err)
		}
		watchdog := time.AfterFunc(5*time.Second, calm)
		for client := range s.clients {
			group.Go(func() {
				done := runClient(s, client, processes, report)
				mutex.Lock()
				defer mutex.Unlock()
				operations = append(operations, done...)
			})
		}
		group.Wait()
		watchdog.Stop()
		calm()
		for _, p := range processes {
			if err := p.Drain(context.Background()); err != nil {
				rt.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond) // late commits
		for _, problem := range append(problems, w.compare(operations)...) {
			rt.Error(problem)
		}
	})
}

// compare answers every difference between what clients were told and what is stored.
func (w *world) compare(operations []*operation) (problems []error) {
	w.store.mutex.Lock()
	defer w.store.mutex.Unlock()
	problem := func(format string, arguments ...any) { problems = append(problems, fmt.Errorf(format, arguments...)) }
	for _, violation := range w.store.violations {
		problem("violation: %s", violation)
	}
	w.store.violations = nil
	changes := map[string]int{}
	seqs, totals := map[string]int64{}, map[string]int64{}
	for _, event := range w.store.events {
		label, amount, _ := strings.Cut(string(event.Payload), ":")
		changes[label]++
		seqs[event.AggregateID]++
		if event.Seq != seqs[event.AggregateID] {
			problem("%s: event %d in place %d", event.AggregateID, event.Seq, seqs[event.AggregateID])
		}
		n := int64(0)
		_, _ = fmt.Sscan(amount, &n)
		totals[event.AggregateID] += n
	}
	for ref, row := range w.store.rows {
		if item := row.(*state.Item); item.OnHand != totals[ref.ID] || item.Seq != seqs[ref.ID] || item.Version != seqs[ref.ID] {
			problem("%s is %+v, its events come to %d in %d", ref.ID, item, totals[ref.ID], seqs[ref.ID])
		}
	}
	for _, o := range operations {
		if o.command.DryRun && w.store.answers[batch.Key(&o.command)] != nil {
			problem("%s was tried only, and its key has an answer", o.label)
		}
		succeeded := strings.Contains(o.answer, "=") || o.command.Key == "" && o.answer == ""
		switch got := changes[o.label]; {
		case succeeded && got != o.changes:
			problem("%s was answered %q and has %d changes, want %d", o.label, o.answer, got, o.changes)
		case !succeeded && got != 0 && (!o.open || got != o.changes):
			problem("%s was refused %q and has %d changes", o.label, o.answer, got)
		}
	}
	return problems
}

// TestOrderPerRow submits numbered changes and shows that each row has them in the order of submission, in the log, in
// Committed and in the answers, whatever the lanes and the store's faults.
func TestOrderPerRow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScenario(rt)
		s.down, s.panics, s.lost, s.late = 0, 0, 0, 0
		w := newWorld(t)
		w.options.Lanes, w.options.SecondLaneAt, w.options.MaxCommands, w.options.RetryLimit = s.lanes, 2, 8, 1000
		w.store.before, _ = s.faults()
		random := rand.New(rand.NewPCG(s.seed, 3))
		p := w.running()
		var mutex sync.Mutex
		answered := map[string]int{}
		for i := range 80 {
			name := fmt.Sprint("c", random.IntN(s.names))
			second := fmt.Sprint("c", random.IntN(s.names))
			rows := []string{name, second}
			c := do("", fmt.Sprint(i), adding(name, 1, fmt.Sprint(i)), adding(second, 1, fmt.Sprint(i)))
			if i%10 == 9 {
				rows, c = rows[:1], do("", "bad", badly(name, func(i *state.Item) { i.Sold = -1 }))
			}
			p.SubmitAsync(c, func(command.Result) {
				mutex.Lock()
				defer mutex.Unlock()
				for _, row := range rows {
					if answered[row] > i {
						rt.Errorf("%s: command %d was answered after %d", row, i, answered[row])
					}
					answered[row] = i
				}
			})
			if random.IntN(20) == 0 {
				time.Sleep(50 * time.Microsecond)
			}
		}
		_ = p.Drain(context.Background())
		last := map[string]int{}
		for _, event := range w.store.events {
			n := 0
			_, _ = fmt.Sscan(string(event.Payload), &n)
			if n < last[event.AggregateID] {
				rt.Errorf("%s: %d after %d", event.AggregateID, n, last[event.AggregateID])
			}
			last[event.AggregateID] = n
		}
		for _, problem := range w.compare(nil) {
			rt.Error(problem)
		}
	})
}
