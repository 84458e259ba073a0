package reactor

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/lease"
)

// errBehindParked is why an event is parked that has not failed itself.
var errBehindParked = errors.New("an earlier event of the aggregate is parked")

// freshness is how old the set of parked roots may be when an event is to be parked because of it.
const freshness = 250 * time.Millisecond

// handle brings an event to its effect, or parks it. It answers false when the term ends before.
func (d *dispatcher) handle(r root, it item) bool {
	if d.ctx.Err() != nil {
		return false
	}
	started := time.Now()
	if parked, at := d.isParked(r); parked && time.Since(at) > freshness {
		if err := d.refresh(d.ctx); err != nil {
			d.Logger.Warn("keep the parked aggregates as they are known", "error", err)
		}
	}
	if parked, _ := d.isParked(r); parked {
		return d.putAside(r, it, errBehindParked, 0)
	}
	if it.err != nil {
		return d.putAside(r, it, it.err, 1)
	}
	for _, c := range it.commands {
		attempts, err := d.submit(it, c)
		if d.ctx.Err() != nil && err != nil {
			return false
		}
		if err != nil {
			return d.putAside(r, it, err, attempts)
		}
	}
	if d.Metrics.Done != nil {
		d.Metrics.Done(time.Since(started))
	}
	return true
}

// submit tries a command until it succeeds, is refused for good or has failed too often. Faults of the whole system, an
// overload or an outage, are no reason to park an event: they would park everything that happens meanwhile, and a person would
// have to replay it.
func (d *dispatcher) submit(it item, c command.Command) (attempts int, err error) {
	pause := d.RetryFrom
	for tries := 1; ; tries++ {
		refused := d.try(c)
		if refused == nil {
			return attempts, nil
		}
		if !everybodys(refused) {
			attempts++
		}
		final := !refused.Retryable() && refused.Code != fault.Canceled // canceled by a process that ends, not by us
		if final || attempts >= d.Attempts || d.ctx.Err() != nil {
			return attempts, refused
		}
		if d.Metrics.Retried != nil {
			d.Metrics.Retried(it.event, refused)
		}
		if tries == d.Attempts {
			d.Logger.Warn("an event waits for the system", "event", it.event.ID.String(), "aggregate", it.event.AggregateID, "error", refused)
		}
		lease.Pause(d.ctx, max(pause, min(refused.RetryAfter, d.RetryTo)))
		pause = min(2*pause, d.RetryTo)
	}
}

// everybodys tells whether a fault says nothing about the command that met it.
func everybodys(f *fault.Fault) bool {
	switch f.Code {
	case fault.Unavailable, fault.ResourceExhausted, fault.DeadlineExceeded, fault.Canceled:
		return true
	default:
		return false
	}
}

// try makes the command ready and submits it, once; a panic is the command's own failure.
func (d *dispatcher) try(c command.Command) (refused *fault.Fault) {
	defer func() {
		if recovered := recover(); recovered != nil {
			refused = fault.From(fmt.Errorf("submitting %s panicked: %v", c.Method, recovered))
		}
	}()
	if c, refused = c.Ready(d.ctx); refused != nil {
		return refused
	}
	return d.Submit(d.ctx, c).Fault
}

// putAside parks an event, for as long as it takes, and with it the root: before the dead letter is written, so that no later
// event slips through.
func (d *dispatcher) putAside(r root, it item, why error, attempts int) bool {
	d.markParked(r)
	d.Logger.Error("event parked", "event", it.event.ID.String(), "type", it.event.Type, "tenant", it.event.Tenant,
		"aggregate", it.event.AggregateID, "position", it.event.Position, "attempts", attempts, "error", why)
	for pause := d.RetryFrom; ; pause = min(2*pause, d.RetryTo) {
		err := d.Park(d.ctx, it.event, why, attempts)
		if err == nil {
			break
		}
		if d.ctx.Err() != nil {
			return false
		}
		d.Logger.Warn("write a dead letter", "event", it.event.ID.String(), "error", err)
		lease.Pause(d.ctx, pause)
	}
	d.markWritten()
	if d.Metrics.Parked != nil {
		d.Metrics.Parked(it.event, why)
	}
	return true
}
