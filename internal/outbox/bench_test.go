package outbox_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/feed"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
)

// From the commit to the acknowledged publish, batches of 256 events.
func BenchmarkRelay(b *testing.B) {
	s, bus := newStore(), embedded(b)
	r := newRelay(s, bus, "a")
	spawn(b, r.Run)
	eventually(b, "leading", func() bool { return r.Stats().Leader && r.Stats().Epoch != "" })
	aggregates := make([]string, 256)
	for i := range aggregates {
		aggregates[i] = order(i)
	}
	b.ResetTimer()
	total := int64(0)
	for b.Loop() {
		for total-r.Stats().Published > 20_000 {
			time.Sleep(100 * time.Microsecond)
		}
		batch, events := s.commit(aggregates...)
		r.Committed(batch, events)
		total += int64(len(aggregates))
	}
	eventually(b, "published", func() bool { return r.Stats().Published == total })
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
}

// From the commit of one event to its reaction's command, through the relay, JetStream and the reactor.
func BenchmarkOneEventToItsCommand(b *testing.B) {
	s, bus := newStore(), embedded(b)
	r := newRelay(s, bus, "a")
	spawn(b, r.Run)
	arrived := make(chan struct{}, 1)
	d := newDeeds()
	spawn(b, d.reactor(s, bus, "a", func(o *reactor.Options) {
		o.Submit = func(context.Context, command.Command) command.Result {
			arrived <- struct{}{}
			return command.Result{}
		}
	}).Run)
	s.commit(order(1))
	<-arrived
	time.Sleep(500 * time.Millisecond)
	for b.Loop() {
		batch, events := s.commit(order(1))
		r.Committed(batch, events)
		<-arrived
	}
}

// What the reactor itself costs: a log to work off, and commands that take no time.
func BenchmarkReactor(b *testing.B) {
	for _, reacting := range []int{1, 8} {
		b.Run("one in "+strconv.Itoa(reacting), func(b *testing.B) {
			s, bus := newStore(), embedded(b)
			aggregates := make([]string, 256)
			for i := range aggregates {
				aggregates[i] = order(i)
			}
			const batches = 400
			for range batches {
				s.commit(aggregates...)
			}
			s.numberAll()
			b.ReportAllocs()
			for b.Loop() {
				s.mu.Lock()
				clear(s.cursors)
				s.mu.Unlock()
				var group sync.WaitGroup
				group.Add(batches * 256 / reacting)
				stop := spawn(b, newDeeds().reactor(s, bus, "a", func(o *reactor.Options) {
					o.Submit = func(context.Context, command.Command) command.Result { group.Done(); return command.Result{} }
					o.React = func(e state.Event) ([]command.Command, error) {
						if e.Position%int64(reacting) != 0 {
							return nil, nil
						}
						return []command.Command{{Tenant: e.Tenant}}, nil
					}
				}).Run)
				group.Wait()
				stop()
			}
			b.ReportMetric(float64(b.N*batches*256)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// A frame of 512 events delivered to followers of single orders.
func BenchmarkFeed(b *testing.B) {
	for _, followers := range []int{1, 10_000} {
		b.Run(strconv.Itoa(followers)+" followers", func(b *testing.B) {
			s, r, f := startFeed(b)
			for i := range followers {
				sub, err := f.Subscribe(context.Background(), feed.Request{Tenant: "acme", Aggregates: []string{order(i)}, Buffer: 1})
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					for range sub.C {
					}
				}()
			}
			aggregates := make([]string, 512)
			for i := range aggregates {
				aggregates[i] = order(i)
			}
			at := int64(0)
			for b.Loop() {
				batch, events := s.commit(aggregates...)
				r.Committed(batch, events)
				at += 512
				for f.Now().Position < at {
					time.Sleep(50 * time.Microsecond)
				}
			}
			b.ReportMetric(float64(at)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
