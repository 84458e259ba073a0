// Package reactor turns committed events into the commands that follow from them.
//
//	bus or log → React (pure) → a queue for each root → Submit → done; the cursor follows the finished prefix
//
// What it promises:
//
//   - At least once. The cursor in the database is only moved over events that have taken effect, so it may lag and never leads.
//     After a crash or a change of process some events are reacted to again; commands are idempotent by state.
//   - In order for each root. The order "order:<uuid>", its payment and its reservation share the uuid and so the queue; a
//     queue's events are handled one after the other, different queues at the same time, so that the commands of a frame meet
//     in the pipeline's batches.
//   - One process at a time, by a lease; what a deposed one still submits is harmless for the same reason as redelivery.
//   - The bus is a shortcut. A term starts by reading the log up to its end, and goes there again whenever the bus has nothing
//     to offer; the first frame after that is checked against the log, because the stream of a database that was restored tells
//     of events that never were.
//   - An event that keeps failing parks its root: it and the later ones of the root become dead letters, the others go on.
package reactor

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Metrics are called as things happen; nil functions are left out.
type Metrics struct {
	Reacted func(events, commands int, oldest time.Time) // events taken in, commands that follow, time of the first event
	Done    func(took time.Duration)                     // one event with commands has taken effect
	Retried func(event state.Event, err error)           // a command failed and will be tried again
	Parked  func(event state.Event, err error)           // an event became a dead letter
	FromLog func(events int)                             // events read from the log instead of the bus
}

// Options configure a reactor. The first seven fields are needed; the rest has defaults.
type Options struct {
	Name       string // of its cursor and its lease
	Holder     string // names this process
	Store      Store
	Subscriber bus.Subscriber
	// React answers the commands that follow from an event, none for most. It is pure and is called once an event arrives,
	// before earlier events of the same root have taken effect. What a command must read is its Look's. An error parks the event.
	React func(state.Event) ([]command.Command, error)
	// Submit hands a command to the pipeline and answers after its commit.
	Submit func(context.Context, command.Command) command.Result
	// Park keeps an event as a dead letter, by a command of its own; it is called until it succeeds. Attempts is 0 for events
	// that only wait behind a parked one.
	Park func(ctx context.Context, event state.Event, err error, attempts int) error

	Logger    *slog.Logger
	Metrics   Metrics
	Partition func(aggregateID string) string // the root of an aggregate; Root by default

	Workers   int           // commands submitted at the same time; 1,024
	InFlight  int           // events with commands taken in and not finished; 8,192
	Window    int64         // positions between the cursor and the newest event; 262,144, room for events that wait to be retried
	Attempts  int           // before an event is parked; 8
	RetryFrom time.Duration // first pause before a retry, doubling; 50 milliseconds
	RetryTo   time.Duration // longest pause; 5 seconds

	LeaseTTL   time.Duration // 5 seconds
	SaveEvery  time.Duration // 250 milliseconds
	WatchEvery time.Duration // 2 seconds: how often the epoch and the dead letters are looked at
	Drain      time.Duration // 5 seconds: how long a shutdown waits for what is in flight
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("component", "reactor", "reactor", o.Name)
	if o.Partition == nil {
		o.Partition = Root
	}
	o.Workers = cmp.Or(o.Workers, 1024)
	o.InFlight = cmp.Or(o.InFlight, 8192)
	o.Window = cmp.Or(o.Window, 1<<18)
	o.Attempts = cmp.Or(o.Attempts, 8)
	o.RetryFrom = cmp.Or(o.RetryFrom, 50*time.Millisecond)
	o.RetryTo = cmp.Or(o.RetryTo, 5*time.Second)
	o.LeaseTTL = cmp.Or(o.LeaseTTL, lease.TTL)
	o.SaveEvery = cmp.Or(o.SaveEvery, 250*time.Millisecond)
	o.WatchEvery = cmp.Or(o.WatchEvery, 2*time.Second)
	o.Drain = cmp.Or(o.Drain, 5*time.Second)
	return o
}

// Root is the part of an identifier behind its kind, which an order shares with all that derives from it: "order:<uuid>" and
// "payment:<uuid>". An effect's "effect:<uuid>/hold/1" has the same root.
func Root(aggregateID string) string {
	root := aggregateID[strings.IndexByte(aggregateID, ':')+1:]
	if end := strings.IndexByte(root, '/'); end >= 0 && len(root) != len(aggregateID) {
		return root[:end]
	}
	return root
}

// Reactor is one reader of the log that acts on it. Make it with New.
type Reactor struct {
	Options
}

// New makes a reactor; Run starts it.
func New(o Options) *Reactor { return &Reactor{Options: o.withDefaults()} }

// LeaseName is the lease that a reactor of the name holds.
func LeaseName(name string) string { return "reactor/" + name }

// Run reacts whenever this process has the lease, until the context ends.
func (r *Reactor) Run(ctx context.Context) error {
	keeper := lease.Keeper{
		Store: r.Store, Name: LeaseName(r.Name), Holder: r.Holder, TTL: r.LeaseTTL, Logger: r.Logger,
	}
	return keeper.Run(ctx, r.term)
}
