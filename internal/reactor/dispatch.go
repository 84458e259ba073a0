package reactor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/state"
)

// root names a queue.
type root struct{ tenant, id string }

// item is an event with something to do.
type item struct {
	event    state.Event
	commands []command.Command
	err      error // React's
	run      *run
}

// run is a stretch of positions that was taken in at once, with the number of its items that are not finished.
type run struct {
	last int64
	open int
}

// queue holds the waiting items of a root. It exists while a worker is at it.
type queue struct {
	root  root
	items []item
}

// dispatcher spreads items over workers. Everything below mu is small work on maps; workers and the reader meet there once an
// item.
type dispatcher struct {
	*Reactor
	ctx   context.Context // of the workers
	saved int64           // the cursor as it is stored; only save and the end of the term touch it

	ready   chan *queue
	workers sync.WaitGroup

	mu      sync.Mutex
	room    sync.Cond // signaled when something has finished
	stopped bool      // the reader's context has ended
	count   int       // workers
	idle    int       // workers that wait
	queues  map[root]*queue
	flight  int    // items not finished
	runs    []*run // in order of positions; the first is not finished
	done    int64  // everything up to here is finished
	newest  int64  // taken in

	parked    map[root]bool
	parkedAt  time.Time // when the set was read
	parkedGen int       // grows when this process begins and ends to park something
	parking   int       // dead letters being written: the database does not know them yet
}

func newDispatcher(ctx context.Context, r *Reactor, position int64) *dispatcher {
	d := &dispatcher{
		Reactor: r, ctx: ctx, saved: position, done: position, newest: position,
		ready: make(chan *queue), queues: map[root]*queue{}, parked: map[root]bool{},
	}
	d.room.L = &d.mu
	return d
}

// take takes in events with consecutive positions. It waits while too much is in flight.
func (d *dispatcher) take(ctx context.Context, events []state.Event) error {
	stretch := &run{last: events[len(events)-1].Position}
	var items []item
	commands := 0
	for i := range events {
		if events[i].Position <= d.newest {
			continue // only this method moves newest, and it is not called twice at a time
		}
		it := item{event: events[i], run: stretch}
		it.commands, it.err = d.react(events[i])
		if it.err == nil && len(it.commands) == 0 {
			continue
		}
		commands += len(it.commands)
		items = append(items, it)
	}
	if d.Metrics.Reacted != nil {
		d.Metrics.Reacted(len(events), commands, events[0].At)
	}
	defer context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stopped = true
		d.room.Broadcast()
	})()
	d.mu.Lock()
	stretch.open = len(items)
	d.runs = append(d.runs, stretch)
	d.newest = stretch.last
	d.advance()
	d.mu.Unlock()
	for i := range items {
		if err := d.enqueue(ctx, items[i]); err != nil {
			return err
		}
	}
	return nil
}

// react calls React; a panic of it concerns the one event.
func (d *dispatcher) react(event state.Event) (commands []command.Command, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("reacting to %s panicked: %v", event.Type, recovered)
		}
	}()
	return d.React(event)
}

// enqueue puts an item behind the others of its root, and sees to it that a worker is there.
func (d *dispatcher) enqueue(ctx context.Context, it item) error {
	key := root{it.event.Tenant, d.Partition(it.event.AggregateID)}
	d.mu.Lock()
	for !d.stopped && (d.flight >= d.InFlight || it.event.Position-d.done > d.Window) {
		d.room.Wait()
	}
	if d.stopped {
		d.mu.Unlock()
		return context.Cause(ctx)
	}
	d.flight++
	if q := d.queues[key]; q != nil {
		q.items = append(q.items, it)
		d.mu.Unlock()
		return nil
	}
	q := &queue{root: key, items: []item{it}}
	d.queues[key] = q
	grow := d.idle == 0 && d.count < d.Workers
	if grow {
		d.count++
	} else {
		d.idle--
	}
	d.mu.Unlock()
	if grow {
		d.workers.Add(1)
		go d.work(q)
		return nil
	}
	d.ready <- q // below zero idle ones: all are busy, and the reader waits with them
	return nil
}

// work is a worker: it empties one queue after the other. Workers stay, and so do their grown stacks.
func (d *dispatcher) work(q *queue) {
	defer d.workers.Done()
	for {
		for it, more := d.next(q); more; it, more = d.next(q) {
			if !d.handle(q.root, it) {
				d.abandon(q)
				break
			}
			d.finish(it)
		}
		d.mu.Lock()
		d.idle++
		d.mu.Unlock()
		var open bool
		if q, open = <-d.ready; !open {
			return
		}
	}
}

func (d *dispatcher) next(q *queue) (item, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(q.items) == 0 {
		delete(d.queues, q.root)
		return item{}, false
	}
	it := q.items[0]
	q.items[0] = item{}
	q.items = q.items[1:]
	return it, true
}

// abandon drops a queue at the end of the term: the cursor stays before its items.
func (d *dispatcher) abandon(q *queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q.items = nil
	delete(d.queues, q.root)
}

func (d *dispatcher) finish(it item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flight--
	it.run.open--
	d.advance()
	d.room.Signal()
}

// advance moves done over the finished runs at the start.
func (d *dispatcher) advance() {
	n := 0
	for n < len(d.runs) && d.runs[n].open == 0 {
		d.done = d.runs[n].last
		n++
	}
	d.runs = d.runs[n:]
}

func (d *dispatcher) finished() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// close waits for the workers. Nothing may be taken in any more.
func (d *dispatcher) close() {
	close(d.ready)
	d.workers.Wait()
}

// park sets the parked roots as the database tells them.
func (d *dispatcher) park(refs []state.Ref) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parked = make(map[root]bool, len(refs))
	for _, ref := range refs {
		d.parked[root{ref.Tenant, d.Partition(ref.ID)}] = true
	}
	d.parkedAt = time.Now()
}

// refresh reads the parked roots anew, when there are any: replayed ones are free again.
func (d *dispatcher) refresh(ctx context.Context) error {
	d.mu.Lock()
	skip, generation := len(d.parked) == 0 || d.parking > 0, d.parkedGen
	d.mu.Unlock()
	if skip {
		return nil
	}
	refs, err := d.Store.Parked(ctx)
	if err != nil {
		return fmt.Errorf("read the parked aggregates: %w", err)
	}
	d.mu.Lock()
	changed := generation != d.parkedGen
	d.mu.Unlock()
	if !changed { // else the answer may be older than what this process has parked, and would free it
		d.park(refs)
	}
	return nil
}

func (d *dispatcher) isParked(r root) (parked bool, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.parked[r], d.parkedAt
}

func (d *dispatcher) markParked(r root) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parked[root{strings.Clone(r.tenant), strings.Clone(r.id)}] = true // r's texts hold a whole frame
	d.parkedGen++
	d.parking++
}

// markWritten says that the dead letter is there for everybody to see.
func (d *dispatcher) markWritten() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parkedGen++
	d.parking--
}
