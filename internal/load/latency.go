package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency collects durations of one kind, from a microsecond to an hour, to three digits.
type Latency struct {
	mutex     sync.Mutex
	histogram *hdrhistogram.Histogram
}

// NewLatency makes an empty one.
func NewLatency() *Latency {
	return &Latency{histogram: hdrhistogram.New(1, time.Hour.Microseconds(), 3)}
}

// Record adds a duration.
func (l *Latency) Record(d time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_ = l.histogram.RecordValue(min(max(d.Microseconds(), 1), time.Hour.Microseconds())) // within its limits
}

// Since adds the time that has passed since a moment.
func (l *Latency) Since(start time.Time) { l.Record(time.Since(start)) }

// Count is the number of durations.
func (l *Latency) Count() int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.histogram.TotalCount()
}

// At answers the duration that percent of all do not exceed.
func (l *Latency) At(percent float64) time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return time.Duration(l.histogram.ValueAtPercentile(percent)) * time.Microsecond
}

// Max is the longest.
func (l *Latency) Max() time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return time.Duration(l.histogram.Max()) * time.Microsecond
}
