package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
)

// What waits in the database is counted now and then rather than at each scrape: scrapers must not set the pace of queries, and
// a database that does not answer must not hold up all the other numbers.
const (
	levelsEvery = 5 * time.Second
	levelsLimit = 2 * time.Second
)

// levels keeps the numbers of what waits in the database up to date.
type levels struct {
	*App
	read atomic.Int64 // when they were read last, in Unix nanoseconds
}

// run reads the levels until ctx ends. What cannot be read is read again: the age of the numbers tells.
func (l *levels) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := l.sample(ctx); err != nil && ctx.Err() == nil {
			l.logger.Debug("what waits in the database cannot be counted", "cause", err)
		}
		lease.Pause(ctx, levelsEvery)
	}
	return nil
}

// effectKinds are told also when no call of the kind is open: a number that goes away would keep its last value.
var effectKinds = []string{
	gateway.KindHold, gateway.KindCapture, gateway.KindVoid, gateway.KindRefund, gateway.KindPayout, gateway.KindEmail, gateway.KindSMS,
}

func (l *levels) sample(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, levelsLimit)
	defer cancel()
	found, err := l.store.Levels(ctx)
	if err != nil {
		return err //nolint:wrapcheck // the store says what it was asked
	}
	cursor, err := l.store.Cursor(ctx, reactor.LeaseName(reactorName))
	if err != nil {
		return err //nolint:wrapcheck // the same
	}
	last, err := l.store.LastPosition(ctx)
	if err != nil {
		return err //nolint:wrapcheck // the same
	}
	l.metrics.DeadLetters(found.DeadLetters)
	l.metrics.Disputed(found.Disputed)
	l.metrics.Reactor(reactorName, cursor.Position, last-cursor.Position)
	open := map[string]state.OpenEffects{}
	for _, effects := range found.Effects {
		open[effects.Kind] = effects
	}
	for _, kind := range effectKinds {
		l.metrics.EffectsOpen(kind, open[kind].Count, open[kind].Oldest)
	}
	l.read.Store(time.Now().UnixNano())
	return nil
}

// age is how old the numbers are, in seconds; -1 before there are any.
func (l *levels) age() float64 {
	read := l.read.Load()
	if read == 0 {
		return -1
	}
	return time.Since(time.Unix(0, read)).Seconds()
}
