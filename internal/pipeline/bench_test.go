package pipeline_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/state"
)

// nullStore has no rows and forgets what it is given.
type nullStore struct{}

func (nullStore) Begin(context.Context, state.Need) (pipeline.Transaction, error) {
	return nullTransaction{}, nil
}
func (nullStore) Outcome(context.Context, id.UUID) (bool, error) { return true, nil }

type nullTransaction struct{}

func (nullTransaction) Loaded() state.Loaded                         { return state.Loaded{Now: time.Now()} }
func (nullTransaction) Commit(context.Context, *state.Changes) error { return nil }
func (nullTransaction) Rollback()                                    {}

// slowStore is a nullStore whose commits take a millisecond.
type slowStore struct{ nullStore }

func (slowStore) Begin(context.Context, state.Need) (pipeline.Transaction, error) {
	return slowTransaction{}, nil
}

type slowTransaction struct{ nullTransaction }

func (slowTransaction) Commit(context.Context, *state.Changes) error {
	time.Sleep(time.Millisecond)
	return nil
}

// create makes a row and answers it. It is its own step, so that the benchmark measures the pipeline.
type create struct {
	row  state.Item
	refs [1]state.Ref
}

func (c *create) Refs() []state.Ref { return c.refs[:] }

func (c *create) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	if states.Get(c.refs[0]) != nil {
		return domain.Decision{}, fault.New(fault.AlreadyExists, "EXISTS", "exists")
	}
	return domain.Decision{
		Changes: []domain.Change{{After: &c.row, Event: "item.created"}},
		Answer:  c.refs[0],
	}, nil
}

func benchmarkCommands(n int) []command.Command {
	commands := make([]command.Command, n)
	for i := range commands {
		c := &create{row: state.Item{Tenant: "shop", SKU: fmt.Sprintf("sku-%09d", i), Version: 1, Seq: 1}}
		c.refs[0] = c.row.Ref()
		commands[i] = command.Command{
			Tenant: "shop", Principal: "client", Key: fmt.Sprintf("key-%09d", i), Method: "/oms.v1.Test/Create",
			TraceID: "0123456789abcdef0123456789abcdef", Steps: []command.Step{command.Do(c)},
		}
	}
	return commands
}

func benchmarkPipeline(lanes int, store pipeline.Store) *pipeline.Pipeline {
	payload := make([]byte, 120)
	return pipeline.New(pipeline.Options{Lanes: lanes, Environment: pipeline.Environment{
		Store:        store,
		EncodeAnswer: func(state.Row) []byte { return payload },
		EncodeEvent:  func(domain.Change, time.Time) ([]byte, string) { return payload, "1.0.0" },
	}})
}

// BenchmarkAsync is the pipeline's own cost of a command with a key, one new row, one event and one answer: submitted by one
// goroutine, carried out by the lanes, on as many cores as -cpu says.
func BenchmarkAsync(b *testing.B) {
	for _, lanes := range []int{1, 2} {
		b.Run(fmt.Sprintf("lanes=%d", lanes), func(b *testing.B) {
			p := benchmarkPipeline(lanes, nullStore{})
			go p.Run(context.Background()) // ends with Drain
			commands := benchmarkCommands(8192)
			window := make(chan struct{}, 4096)
			var left sync.WaitGroup
			left.Add(b.N)
			done := func(command.Result) { <-window; left.Done() }
			b.ReportAllocs()
			b.ResetTimer()
			before := processorTime()
			for i := range b.N {
				window <- struct{}{}
				p.SubmitAsync(commands[i%len(commands)], done)
			}
			left.Wait()
			b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
			_ = p.Drain(context.Background())
		})
	}
}

// BenchmarkSubmit is the same with 256 clients that wait for their answers, and a store that takes a millisecond to commit. It
// tells the processor time of a command, goroutine switches included.
func BenchmarkSubmit(b *testing.B) {
	p := benchmarkPipeline(1, slowStore{})
	go p.Run(context.Background()) // ends with Drain
	commands := benchmarkCommands(8192)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var clients sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	for client := range 256 {
		clients.Go(func() {
			for i := client; i < b.N; i += 256 {
				p.Submit(ctx, commands[i%len(commands)])
			}
		})
	}
	clients.Wait()
	b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
	_ = p.Drain(context.Background())
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
