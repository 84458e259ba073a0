package gateway

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/clock"
)

// post delivers callbacks when they are due: one goroutine waits for the earliest of all, a few carry them. A timer a callback
// would cost more than the callback.
type post struct {
	now  clock.Clock
	stop func()

	mu      sync.Mutex
	letters letters
	earlier chan struct{} // the first letter has changed
	due     chan func(ctx context.Context)
}

type letter struct {
	at      time.Time
	deliver func(ctx context.Context)
}

func startPost(now clock.Clock, carriers int) *post {
	p := &post{now: now, earlier: make(chan struct{}, 1), due: make(chan func(context.Context), 1024)}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { p.sort(ctx) })
	for range carriers {
		group.Go(func() { p.carry(ctx) })
	}
	p.stop = func() {
		cancel()
		group.Wait()
	}
	return p
}

// schedule implements SimulatorOptions.Schedule.
func (p *post) schedule(wait time.Duration, deliver func(ctx context.Context)) {
	l := letter{at: p.now().Add(wait), deliver: deliver}
	p.mu.Lock()
	first := len(p.letters) == 0 || l.at.Before(p.letters[0].at)
	heap.Push(&p.letters, l)
	p.mu.Unlock()
	if !first {
		return
	}
	select {
	case p.earlier <- struct{}{}:
	default: // told already
	}
}

// sort hands letters to the carriers when they are due.
func (p *post) sort(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.earlier:
		}
		for {
			deliver, wait := p.next()
			if deliver == nil {
				timer.Reset(wait)
				break
			}
			select {
			case <-ctx.Done():
				return
			case p.due <- deliver:
			}
		}
	}
}

// idle is how long the sorter sleeps when there is nothing to deliver; a new letter wakes it.
const idle = time.Hour

// next takes the first letter when it is due, and else tells how long to wait for it.
func (p *post) next() (deliver func(ctx context.Context), wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.letters) == 0 {
		return nil, idle
	}
	if wait := p.letters[0].at.Sub(p.now()); wait > 0 {
		return nil, wait
	}
	first, _ := heap.Pop(&p.letters).(letter)
	return first.deliver, 0
}

func (p *post) carry(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case deliver := <-p.due:
			deliver(ctx)
		}
	}
}

// letters is a heap by time.
type letters []letter

func (l letters) Len() int           { return len(l) }
func (l letters) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l letters) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

// Push implements heap.Interface.
func (l *letters) Push(x any) {
	if next, ok := x.(letter); ok {
		*l = append(*l, next)
	}
}

// Pop implements heap.Interface.
func (l *letters) Pop() any {
	last := len(*l) - 1
	popped := (*l)[last]
	(*l)[last] = letter{}
	*l = (*l)[:last]
	return popped
}
