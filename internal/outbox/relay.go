// Package outbox brings committed events to the bus, each at least once, in one order, none left out.
//
// The events of a batch are committed with the batch (that is the outbox). One process at a time, the holder of the lease
// "relay", gives them positions and publishes them:
//
//	collect: Number ──→ events from memory or the log ──→ frames ─┐     at most two frames wait: while one is being
//	publish: ┌──────────────────────────────────────────────────←─┘     published, the next batches are numbered
//	         └→ Publish(frame, after the last sequence) → …
//
// What it rests on:
//
//   - The order is the database's. Numbering is a fenced transaction over what is visible, so a position is given once, without
//     gaps, and what is published is already numbered. Sequences, transaction ids and clocks are not used.
//   - The stream is compared, never trusted. At the start, after every error and from time to time when idle, its end is held
//     against the log: the same event at the same position, or else. A stream that is behind, empty or wiped gets what is
//     missing from the log; a stream that knows more or other than the log, because the database was restored from an older
//     copy, is left behind for a new epoch, with an alert.
//   - Two relays cannot mix their frames: each publish names the sequence it expects. The loser looks at the end again.
//   - The bus's absence stops nothing: batches are committed and numbered all the same, so that readers may go on from the
//     database, and the backlog is published when the bus is back.
package outbox

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

// LeaseName is the lease that the relay holds.
const LeaseName = "relay"

// Metrics are called as things happen; nil functions are left out. What is a level rather than an event is in Stats.
type Metrics struct {
	Published    func(events int, took time.Duration) // one frame
	Republished  func(events int)                     // of a frame that the stream had lost or never got
	Failed       func(err error)                      // the bus failed or the stream's end was not as expected
	EpochStarted func(former, epoch string)           // an alert: the database has another history than the stream
}

// Options configure a relay. Store, Publisher and Holder are needed; the rest has defaults.
type Options struct {
	Store     Store
	Publisher bus.Publisher
	Holder    string // names this process, for the lease
	Logger    *slog.Logger
	Metrics   Metrics
	// LowWater answers the position up to which no reader needs the stream any more; a stream that was lost wholly is
	// republished from there. nil stands for 0.
	LowWater func(ctx context.Context) (int64, error)

	LeaseTTL       time.Duration // 5 seconds
	FrameEvents    int           // events in a frame at most; 1,024
	FrameBytes     int           // bytes in a frame at most, unless one event has more; 512 KiB
	CacheBytes     int           // of committed events kept in memory; 16 MiB
	NumberLimit    int           // batches taken at once; 64
	RepublishLimit int64         // events republished at most into an empty stream: readers farther behind use the log; 262,144
	PollLeast      time.Duration // 50 milliseconds, after activity
	PollMost       time.Duration // 1 second, when idle
	VerifyLeast    time.Duration // 1 second: how long idle before the stream's end is compared
	VerifyMost     time.Duration // 5 seconds, when idle for long
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("component", "relay")
	if o.LowWater == nil {
		o.LowWater = func(context.Context) (int64, error) { return 0, nil }
	}
	o.LeaseTTL = cmp.Or(o.LeaseTTL, lease.TTL)
	o.FrameEvents = cmp.Or(o.FrameEvents, 1024)
	o.FrameBytes = cmp.Or(o.FrameBytes, 512<<10)
	o.CacheBytes = cmp.Or(o.CacheBytes, 16<<20)
	o.NumberLimit = cmp.Or(o.NumberLimit, 64)
	o.RepublishLimit = cmp.Or(o.RepublishLimit, 1<<18)
	o.PollLeast = cmp.Or(o.PollLeast, 50*time.Millisecond)
	o.PollMost = cmp.Or(o.PollMost, time.Second)
	o.VerifyLeast = cmp.Or(o.VerifyLeast, time.Second)
	o.VerifyMost = cmp.Or(o.VerifyMost, 5*time.Second)
	return o
}

// Stats are the relay's levels.
type Stats struct {
	Leader    bool // this process relays
	Epoch     string
	Numbered  int64 // greatest position known to be given
	Published int64 // greatest position published; the difference is the backlog in events
	// Oldest is when the oldest unpublished event took place; zero without a backlog.
	Oldest        time.Time
	CachedBatches int // committed here and not yet published
	CachedBytes   int
}

// Relay is the outbox's active part. Make it with New.
type Relay struct {
	Options
	cache   *cache
	wake    chan struct{}
	leading atomic.Bool
	blocked atomic.Bool  // nobody is collecting: the bus does not take what there is
	sure    atomic.Int64 // where the log ended when it last agreed with the stream, or when the term began

	numbering sync.Mutex // one Number at a time

	mu    sync.Mutex
	stats Stats
}

// New makes a relay; Run starts it.
func New(o Options) *Relay {
	o = o.withDefaults()
	return &Relay{Options: o, cache: newCache(o.CacheBytes), wake: make(chan struct{}, 1)}
}

// Committed tells of a batch that has been committed, with its events in order. It never waits. Calling it is not needed for
// correctness: without it the events are found by polling and read from the log. The events must not change afterwards.
func (r *Relay) Committed(batch id.UUID, events []state.Event) {
	if len(events) == 0 {
		return
	}
	if !r.leading.Load() {
		r.Publisher.Wake()
		return
	}
	r.cache.put(batch, events)
	r.signal()
}

func (r *Relay) signal() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Stats answers the present levels.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.stats
	stats.Leader = r.leading.Load()
	stats.CachedBatches, stats.CachedBytes = r.cache.size()
	if stats.Published >= stats.Numbered {
		stats.Oldest = time.Time{}
	}
	return stats
}

func (r *Relay) note(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// Run relays whenever this process has the lease, until the context ends.
func (r *Relay) Run(ctx context.Context) error {
	keeper := lease.Keeper{Store: r.Store, Name: LeaseName, Holder: r.Holder, TTL: r.LeaseTTL, Logger: r.Logger}
	return keeper.Run(ctx, r.lead)
}
