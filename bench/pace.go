package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed-255eabaa/oms/internal/load"
)

// phase is a time of one rate.
type phase struct {
	name   string
	rate   float64 // intended starts a second; 0 is a closed loop
	length time.Duration

	unit    *load.Latency // of one unit of work; from its intended start in an open loop
	refused atomic.Int64  // with RESOURCE_EXHAUSTED, in a storm
}

func newPhase(name string, rate float64, length time.Duration) *phase {
	return &phase{name: name, rate: rate, length: length, unit: load.NewLatency()}
}

// figures are the phase's part of a result.
func (p *phase) figures() phaseResult {
	return phaseResult{
		Name: p.name, Rate: p.rate, PerSecond: float64(p.unit.Count()) / p.length.Seconds(), Refused: p.refused.Load(),
		P50: millis(p.unit.At(50)), P95: millis(p.unit.At(95)), P99: millis(p.unit.At(99)), Max: millis(p.unit.Max()),
	}
}

// due is a unit of work and when it is to begin.
type due struct {
	at    time.Time
	phase *phase
}

// work lets the clients do units of work: one after the other in one phase without a rate, else as the rates say.
func (m *measurement) work(ctx context.Context, s scenario, clients int, phases ...*phase) {
	ends := time.Now()
	for _, p := range phases {
		ends = ends.Add(p.length)
	}
	late, cancel := context.WithDeadline(ctx, ends.Add(30*time.Second))
	defer cancel()
	intended, workers := make(chan due, 1<<20), max(clients, s.crowd)
	next := func() (due, bool) {
		at, open := <-intended
		return at, open
	}
	if phases[0].rate == 0 {
		workers = clients
		next = func() (due, bool) {
			now := time.Now()
			return due{now, phases[0]}, now.Before(ends)
		}
	} else {
		go offer(intended, phases)
	}
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			c := m.clients[worker%len(m.clients)]
			for at, more := next(); more; at, more = next() {
				m.count(s.do(late, m, c, worker), at)
			}
		})
	}
	group.Wait()
}

// offer hands out the intended starts of an open loop, evenly spaced.
func offer(intended chan<- due, phases []*phase) {
	begun := time.Now()
	for _, p := range phases {
		for number := range int(p.rate * p.length.Seconds()) {
			at := begun.Add(time.Duration(float64(number) / p.rate * float64(time.Second)))
			time.Sleep(time.Until(at))
			intended <- due{at, p}
		}
		begun = begun.Add(p.length)
	}
	close(intended)
}

func (m *measurement) count(err error, unit due) {
	switch {
	case err == nil:
		m.unit.Since(unit.at)
		unit.phase.unit.Since(unit.at)
		m.done.Add(1)
	case m.told != nil && status.Code(err) == codes.ResourceExhausted: // what a storm is for
		unit.phase.refused.Add(1)
	default:
		m.fail(err)
	}
}

func (m *measurement) fail(err error) {
	m.failed.Add(1)
	m.mu.Lock()
	m.failure = err
	m.mu.Unlock()
}
