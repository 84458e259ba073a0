// Package public publishes every committed event for outside consumers, one message an event, behind the internal stream.
//
//	bus or log → Encode → Outlet.Send, behind the stream's last message → …
//
// What it promises:
//
//   - At least once, in the log's order, and so in order for each aggregate; none is skipped but those that are not for outside.
//     Where to go on is told by the stream itself: each message is appended behind the one before it, so that everything before
//     the last one is or was there, as long as the log has that event at that position.
//   - A stream that was wiped is filled again with what is younger than its age limit, and what was never published.
//   - A stream that tells another history than the log, because the database was restored, is left as it is, and the log's
//     history follows behind it from the cursor on, which lies in both.
//   - One process at a time, by a lease; what a deposed one still sends is refused, because it expects another end.
//   - It may be switched off, or its bus be gone, for as long as anybody likes: it reads on where it was.
package public

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

// LeaseName is the lease and the cursor of the publisher.
const LeaseName = "public"

// Store is what the publisher needs of a database.
type Store interface {
	lease.Store
	// Cursor answers how far the holder of the lease of that name has come; the zero value when there was none.
	Cursor(ctx context.Context, name string) (state.Cursor, error)
	// SaveCursor stores how far it has come, under the name of the lease. ErrFenced when the lease was lost.
	SaveCursor(ctx context.Context, lease state.Lease, cursor state.Cursor) error
	// Epoch names the current history of the database's stream.
	Epoch(ctx context.Context) (string, error)
	// LastPosition is the greatest position given so far; 0 for none.
	LastPosition(ctx context.Context) (int64, error)
	// Events answers the numbered events from a position on, in order, at most limit of them.
	Events(ctx context.Context, from int64, limit int) ([]state.Event, error)
}

// Metrics are called as things happen; nil functions are left out.
type Metrics struct {
	Published func(events int, took time.Duration, oldest time.Time) // with the time of the first of them
	Failed    func(err error)                                        // it stopped, and will go on after a while
}

// Options configure a publisher. All but Skip and the last four are needed.
type Options struct {
	Holder     string // names this process
	Store      Store
	Subscriber bus.Subscriber
	Outlet     bus.Outlet
	// Encode writes an event's envelope as JSON. An error stops the publisher, as nothing is skipped: a newer process, which
	// knows the event, may take over.
	Encode func(*state.Event) ([]byte, error)
	// Skip leaves events out that are not for outside; optional.
	Skip   func(*state.Event) bool
	MaxAge time.Duration // of the stream's messages: older events are not published again when the stream was wiped

	Logger    *slog.Logger
	Metrics   Metrics
	LeaseTTL  time.Duration // 5 seconds
	SaveEvery time.Duration // 1 second: how often the cursor is saved, and the epoch and the stream's end are looked at
}

// Publisher is one reader of the log that publishes it. Make it with New.
type Publisher struct{ Options }

// New makes a publisher; Run starts it.
func New(o Options) *Publisher {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("component", "public")
	if o.LeaseTTL <= 0 {
		o.LeaseTTL = lease.TTL
	}
	if o.SaveEvery <= 0 {
		o.SaveEvery = time.Second
	}
	return &Publisher{o}
}

// Run publishes whenever this process has the lease, until the context ends.
func (p *Publisher) Run(ctx context.Context) error {
	keeper := lease.Keeper{Store: p.Store, Name: LeaseName, Holder: p.Holder, TTL: p.LeaseTTL, Logger: p.Logger}
	return keeper.Run(ctx, p.term)
}
