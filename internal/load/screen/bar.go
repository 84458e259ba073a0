package screen

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// Bar shows how far something is: a bar that moves on a terminal, a line every few seconds elsewhere.
type Bar struct {
	out      io.Writer
	name     string
	total    int64
	done     atomic.Int64
	start    time.Time
	lastLine atomic.Int64 // milliseconds after start
	moving   progress.Writer
	tracker  *progress.Tracker
}

const (
	barLength  = 32
	redraw     = 100 * time.Millisecond
	plainEvery = 5 * time.Second
)

// NewBar begins a bar; nothing is shown when out is nil.
func NewBar(out io.Writer, name string, total int64) *Bar {
	b := &Bar{out: out, name: name, total: total, start: time.Now()}
	if out == nil || !isTerminal(out) || total < 1 {
		return b
	}
	b.moving = progress.NewWriter()
	b.moving.SetOutputWriter(out)
	b.moving.SetAutoStop(false)
	b.moving.SetTrackerLength(barLength)
	b.moving.SetTrackerPosition(progress.PositionRight)
	b.moving.SetUpdateFrequency(redraw)
	style := progress.StyleBlocks
	style.Options.Separator = "  "
	style.Options.TimeInProgressPrecision, style.Options.TimeDonePrecision = time.Second, redraw
	style.Visibility.ETA, style.Visibility.Speed, style.Visibility.TrackerOverall = true, true, false
	b.moving.SetStyle(style)
	b.tracker = &progress.Tracker{Message: name, Total: total, Units: progress.Units{Formatter: Count}}
	b.moving.AppendTracker(b.tracker)
	go b.moving.Render()
	return b
}

// Add moves the bar.
func (b *Bar) Add(n int64) {
	done := b.done.Add(n)
	if b.tracker != nil {
		b.tracker.Increment(n)
		return
	}
	now, last := time.Since(b.start).Milliseconds(), b.lastLine.Load()
	if b.out != nil && now-last >= plainEvery.Milliseconds() && b.lastLine.CompareAndSwap(last, now) {
		_, _ = fmt.Fprintf(b.out, "%s: %s of %s\n", b.name, Count(done), Count(b.total))
	}
}

// End takes the bar down.
func (b *Bar) End() {
	if b.tracker != nil {
		if b.done.Load() >= b.total {
			b.tracker.MarkAsDone()
		} else {
			b.tracker.MarkAsErrored()
		}
		time.Sleep(2 * redraw) // lets it draw the end
		b.moving.Stop()
		for b.moving.IsRenderInProgress() {
			time.Sleep(redraw / 10)
		}
	}
}
