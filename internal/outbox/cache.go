package outbox

import (
	"sync"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// cache keeps the events of batches that this process has just committed, so that the relay need not read them back. It is
// only that: which batches exist and in what order is the database's answer, and a batch that is not here is read from there.
// So anything may be dropped at any time, and when room is short the oldest are.
type cache struct {
	mu      sync.Mutex
	limit   int
	bytes   int
	stamp   uint64
	batches map[id.UUID]cached
	order   []id.UUID // oldest first; may name batches that are gone
}

type cached struct {
	events []state.Event
	bytes  int
	stamp  uint64
}

func newCache(limit int) *cache { return &cache{limit: limit, batches: map[id.UUID]cached{}} }

// put keeps a batch.
func (c *cache) put(batch id.UUID, events []state.Event) {
	size := 0
	for i := range events {
		size += bus.Size(&events[i])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.batches[batch]; twice || size > c.limit {
		return
	}
	c.stamp++
	c.bytes += size
	c.batches[batch] = cached{events, size, c.stamp}
	c.order = append(c.order, batch)
	for c.bytes > c.limit {
		c.drop(c.order[0])
		c.order = c.order[1:]
	}
	c.trim()
}

// take answers a batch and forgets it; nil when it is not here.
func (c *cache) take(batch id.UUID) []state.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.batches[batch].events
	c.drop(batch)
	c.trim()
	return events
}

// mark names the present, for forget.
func (c *cache) mark() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stamp
}

// forget drops what was put before the mark. Some batches are numbered and published before their process comes to put them
// here; nobody would ever take them.
func (c *cache) forget(mark uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.order) > 0 {
		entry, here := c.batches[c.order[0]]
		if here && entry.stamp > mark {
			return
		}
		c.drop(c.order[0])
		c.order = c.order[1:]
	}
}

// clear drops everything.
func (c *cache) clear() { c.forget(c.mark()) }

func (c *cache) size() (batches, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.batches), c.bytes
}

func (c *cache) drop(batch id.UUID) {
	c.bytes -= c.batches[batch].bytes
	delete(c.batches, batch)
}

// trim keeps the order from naming much more than there is.
func (c *cache) trim() {
	for len(c.order) > 0 {
		if _, here := c.batches[c.order[0]]; here {
			break
		}
		c.order = c.order[1:]
	}
	if len(c.order) <= 2*len(c.batches)+1024 {
		return
	}
	kept := make([]id.UUID, 0, len(c.batches))
	for _, batch := range c.order {
		if _, here := c.batches[batch]; here {
			kept = append(kept, batch)
		}
	}
	c.order = kept
}
