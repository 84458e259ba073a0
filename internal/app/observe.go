package app

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/ops"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/telemetry"
	"github.com/seed-255eabaa/oms/internal/timer"
)

// observeCalls counts calls at the edge, opens their spans and logs a sample of them.
func (a *App) observeCalls(options *edge.Options) {
	names := make([]string, 0, len(omsv1.Methods)+len(providerv1.Methods))
	for _, method := range slices.Concat(omsv1.Methods, providerv1.Methods) {
		names = append(names, method.FullName)
	}
	requests := a.metrics.Requests(names, edge.GRPC, edge.REST)
	var succeeded atomic.Int64
	options.Observe = func(ctx context.Context, call *edge.Call, code fault.Code, took time.Duration) {
		requests.Answered(edge.MethodName(call), call.Dialect, code, took)
		if code == fault.OK && (a.config.LogSamples == 0 || succeeded.Add(1)%int64(a.config.LogSamples) != 0) {
			return
		}
		a.logger.InfoContext(ctx, "call", "method", edge.MethodName(call), "dialect", call.Dialect, "code", code.String(),
			"took", took, "from", call.RemoteAddr)
	}
	if a.tracer == nil {
		return
	}
	options.Begin = func(ctx context.Context, call *edge.Call) (context.Context, func(*fault.Fault)) {
		ctx, span := a.tracer.Request(ctx, edge.MethodName(call))
		return ctx, func(f *fault.Fault) {
			span.EndFault(f)
		}
	}
}

// batchSpans traces transactions; nil without a collector, so that the pipeline gathers nothing.
func (a *App) batchSpans() func([]context.Context) func(int, *state.Changes, error) {
	if a.tracer == nil {
		return nil
	}
	return func(causes []context.Context) func(int, *state.Changes, error) {
		if batch := a.tracer.Batch(causes); batch != nil {
			return batch.End
		}
		return nil
	}
}

// effectSpans traces calls to gateways and their callbacks; nil without a collector.
func (a *App) effectSpans() func(context.Context, *state.Effect, string) (context.Context, func(string, error)) {
	if a.tracer == nil {
		return nil
	}
	return func(ctx context.Context, e *state.Effect, kind string) (context.Context, func(string, error)) {
		var span telemetry.Span
		switch kind {
		case "callback":
			ctx, span = a.tracer.Callback(ctx, e)
		case "ask":
			ctx, span = a.tracer.Call(ctx, "ask "+e.Kind, e)
		default:
			ctx, span = a.tracer.Call(ctx, kind, e)
		}
		span.Set("oms.provider", e.Provider)
		return ctx, func(outcome string, err error) {
			span.Set("oms.outcome", outcome)
			span.End(err)
		}
	}
}

// pipelineMetrics counts what happens in the pipeline.
func (a *App) pipelineMetrics() pipeline.Observe {
	m := a.metrics
	return pipeline.Observe{
		Batch: m.Batch, Waited: m.Waited, Commit: m.Committed, Retry: m.Retried, Conflict: m.Conflicted, Bisect: m.Bisected,
		Replay: m.Replayed, Mismatch: m.Mismatched, Panic: m.Panicked, Full: m.QueueFull, Expired: m.Expired,
	}
}

// relayMetrics counts what the relay publishes; what it has before it is read when somebody asks.
func (a *App) relayMetrics() outbox.Metrics {
	m := a.metrics
	return outbox.Metrics{Published: m.Published, Republished: m.Republished, Failed: m.BusFailed, EpochStarted: m.EpochStarted}
}

// reactorMetrics counts the steps of the flow.
func (a *App) reactorMetrics() reactor.Metrics {
	m := a.metrics
	return reactor.Metrics{
		Reacted: m.Reacted, Done: m.Effective, Retried: m.ReactionRetried, Parked: m.Parked, FromLog: m.FromLog,
	}
}

// effectMetrics counts the calls to gateways.
func (a *App) effectMetrics() effect.Observe {
	m := a.metrics
	return effect.Observe{
		Call: m.EffectCalled, Settled: m.EffectSettled, Retried: m.EffectRetried, GivenUp: m.EffectGivenUp,
		Dropped: m.EffectDropped, Waiting: m.EffectsWaiting,
	}
}

// timerMetrics counts timers and what is purged.
func (a *App) timerMetrics() timer.Observe {
	return timer.Observe{
		Fired: a.metrics.TimerFired, Purged: a.metrics.KeysPurged, PurgedBatches: a.metrics.BatchesPurged, PurgedSandboxes: a.metrics.SandboxesPurged,
	}
}

// observeRows measures whole orders: from their creation to CONFIRMED.
func (a *App) observeRows(rows []state.Written) {
	for i := range rows {
		o, found := rows[i].Row.(*state.Order)
		if found && o.Status == state.OrderConfirmed && o.RefundPendingMinor == 0 && o.RefundedMinor == 0 {
			a.metrics.Confirmed(o.UpdatedAt.Sub(o.CreatedAt))
		}
	}
}

var errNotAccepting = errors.New("commands are not accepted")

// watch adds what is read when somebody asks for the metrics.
func (a *App) watch() {
	a.metrics.WatchQueue(a.pipeline.Waiting, a.config.MaxQueue)
	a.metrics.WatchRelay(func() (leader bool, events int64, oldest time.Time) {
		stats := a.relay.Stats()
		return stats.Leader, stats.Numbered - stats.Published, stats.Oldest
	})
	a.metrics.Watch("levels_age_seconds", "Age of the numbers that are read from the database: effects_open, dead_letters_open, payments_disputed, "+
		"reactor_lag_events; -1 before there are any.", a.levels.age)
}

// opsOptions are what the operators' listener tells.
func (a *App) opsOptions() ops.Options {
	return ops.Options{
		Metrics: a.metrics.Handler(), Log: a.logger,
		Checks: []ops.Check{{Name: "commands", Run: func(context.Context) error {
			if !a.Ready() {
				return errNotAccepting
			}
			return nil
		}}, {Name: "store", Run: a.checkStore}},
	}
}

// storeTime is how long a read may take of a store that is there.
const storeTime = time.Second

// checkStore reads a row that there is not.
func (a *App) checkStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if _, err := a.store.Order(ctx, "", "ready"); err != nil && !errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("read the store: %w", err)
	}
	return nil
}

// httpLog takes the words of net/http's servers, which are about clients' connections.
func httpLog(logger *slog.Logger) *log.Logger {
	return slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
}
