package telemetry

import (
	"context"
	"crypto/sha256"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otrace "go.opentelemetry.io/otel/trace"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/trace"
)

// An order's trace goes on where nobody has a context: an event is read by another process, a gateway calls back hours later. What
// is stored carries the id of its trace and no span, so the span of an event or an effect takes its id from the name of that.
// Whoever finds it again knows the span to be below.

// eventSpan is the id of an event's span.
func eventSpan(event id.UUID) otrace.SpanID {
	if event == (id.UUID{}) {
		return otrace.SpanID{}
	}
	return spanID("event:" + string(event[:]))
}

// effectSpan is the id of an effect's span.
func effectSpan(e *state.Effect) otrace.SpanID { return spanID("effect:" + e.Tenant + "\x00" + e.ID) }

func spanID(name string) (span otrace.SpanID) {
	sum := sha256.Sum256([]byte(name))
	copy(span[:], sum[:])
	return span
}

// ownSpan is the key of a context whose next span has an id of its own.
type ownSpan struct{}

// below makes the span of something stored the parent of what begins in the context, unless that has a span already. Whether the
// stored span is recorded is not stored: the share of the trace's id says it again.
func (t *Tracer) below(ctx context.Context, traceID string, span otrace.SpanID) context.Context {
	named, err := otrace.TraceIDFromHex(traceID)
	if err != nil || otrace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	if !span.IsValid() { // nothing stored: at the top of the trace
		return trace.With(ctx, trace.T{ID: traceID})
	}
	sampled := t.share.ShouldSample(sdk.SamplingParameters{TraceID: named}).Decision == sdk.RecordAndSample
	var flags otrace.TraceFlags
	return otrace.ContextWithRemoteSpanContext(ctx, otrace.NewSpanContext(otrace.SpanContextConfig{
		TraceID: named, SpanID: span, TraceFlags: flags.WithSampled(sampled), Remote: true,
	}))
}

// rootSampler samples the spans at the top of their traces: by share, and batches always, since there are none but for commands
// that are sampled.
type rootSampler struct{ sdk.Sampler }

// ShouldSample implements sdk.Sampler.
func (s rootSampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if p.Name == batchName {
		return sdk.AlwaysSample().ShouldSample(p)
	}
	return s.Sampler.ShouldSample(p)
}

const batchName = "batch"

// Batch is the span of a transaction under way, which belongs to the traces of all its commands and so to none: it is linked to
// them. The trace of each command has a span "commit" that is linked back, and below it the events and effects that it brought.
type Batch struct {
	tracer  *Tracer
	span    otrace.Span
	started time.Time
	causes  []context.Context // those whose spans are sampled; nil for the others
}

// Batch begins the span of a transaction of commands that were submitted in the contexts; nil when none of them is sampled.
func (t *Tracer) Batch(causes []context.Context) *Batch {
	if t == nil {
		return nil
	}
	var b *Batch
	var links []otrace.Link
	for i, cause := range causes {
		command := otrace.SpanContextFromContext(cause)
		if !command.IsSampled() {
			continue
		}
		if b == nil {
			b = &Batch{tracer: t, started: time.Now(), causes: make([]context.Context, len(causes))}
		}
		b.causes[i] = cause //nolint:fatcontext // kept, not nested
		links = append(links, otrace.Link{SpanContext: command})
	}
	if b == nil {
		return nil
	}
	_, b.span = t.tracer.Start(context.Background(), batchName, otrace.WithNewRoot(), otrace.WithLinks(links...),
		otrace.WithTimestamp(b.started), otrace.WithAttributes(attribute.Int("oms.commands", len(causes))))
	return b
}

// End ends the span of a transaction in which the first commands were decided and which stored the changes; nil when it stored none.
func (b *Batch) End(decided int, stored *state.Changes, err error) {
	if b == nil {
		return
	}
	defer b.span.End()
	if err != nil {
		b.span.SetStatus(codes.Error, maskURLs(err.Error())) // it may be tried again, as another batch
		return
	}
	b.span.SetAttributes(attribute.Int("oms.decided", decided))
	if stored == nil {
		return
	}
	b.span.SetAttributes(attribute.String("oms.batch", stored.Batch.String()), attribute.Int("oms.events", len(stored.Events)))
	commits := map[string]context.Context{} // by trace
	for _, cause := range b.causes[:decided] {
		if cause != nil {
			b.commit(cause, commits)
		}
	}
	b.tell(commits, stored)
}

// commit makes the span of the commit below that of a command.
func (b *Batch) commit(cause context.Context, commits map[string]context.Context) {
	ctx, span := b.tracer.tracer.Start(cause, "commit", otrace.WithTimestamp(b.started),
		otrace.WithLinks(otrace.Link{SpanContext: b.span.SpanContext()}))
	span.End()
	commits[span.SpanContext().TraceID().String()] = ctx
}

// tell makes the spans of the events and effects of the traces.
func (b *Batch) tell(commits map[string]context.Context, stored *state.Changes) {
	for i := range stored.Events {
		e := &stored.Events[i]
		if ctx, found := commits[e.TraceID]; found {
			b.stored(ctx, "event "+e.Type, eventSpan(e.ID), attribute.String("oms.aggregate", e.AggregateID), attribute.Int64("oms.seq", e.Seq))
		}
	}
	for i := range stored.Rows {
		e, effect := stored.Rows[i].Row.(*state.Effect)
		if !effect || !stored.Rows[i].New {
			continue
		}
		if ctx, found := commits[e.TraceID]; found {
			b.stored(ctx, "effect "+e.Kind, effectSpan(e), attribute.String("oms.effect", e.ID))
		}
	}
}

// stored makes the span of something that is stored.
func (b *Batch) stored(ctx context.Context, name string, own otrace.SpanID, attributes ...attribute.KeyValue) {
	_, span := b.tracer.tracer.Start(context.WithValue(ctx, ownSpan{}, own), name, otrace.WithSpanKind(otrace.SpanKindProducer),
		otrace.WithAttributes(attributes...))
	span.End()
}
