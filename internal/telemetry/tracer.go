package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otrace "go.opentelemetry.io/otel/trace"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/trace"
)

// TracerOptions say where spans go.
type TracerOptions struct {
	Endpoint string  // URL of a collector that speaks OTLP over gRPC; empty for none
	Share    float64 // of the traces begun here that are sent; a caller's own decision goes before it
	Version  string  // of the program
	Instance string  // names the process among its like
}

// Tracer makes spans. A nil Tracer makes none, at no cost.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   otrace.Tracer
	share    sdk.Sampler // by the trace's id
}

// NewTracer connects to a collector, in the background; nil without an endpoint. What cannot be sent is logged and dropped.
func NewTracer(ctx context.Context, options TracerOptions, log *slog.Logger) (*Tracer, error) {
	if options.Endpoint == "" {
		return nil, nil //nolint:nilnil // nil is a tracer that makes nothing
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(options.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces were not sent", "error", err) }))
	return newTracer(sdk.NewBatchSpanProcessor(exporter), options), nil
}

func newTracer(processor sdk.SpanProcessor, options TracerOptions) *Tracer {
	// By the trace's id, so that spans which know only the id of their trace, such as a saga's steps, are chosen alike.
	share := sdk.TraceIDRatioBased(options.Share)
	provider := sdk.NewTracerProvider(
		sdk.WithSpanProcessor(processor),
		sdk.WithIDGenerator(ids{}),
		sdk.WithSampler(sdk.ParentBased(rootSampler{share})),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "oms"),
			attribute.String("service.version", options.Version),
			attribute.String("service.instance.id", options.Instance),
		)),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("oms"), share: share}
}

// Close sends what is left.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Request begins the span of a request at the edge. Method is its full name.
func (t *Tracer) Request(ctx context.Context, method string) (context.Context, Span) {
	return t.start(ctx, method, otrace.SpanKindServer)
}

// Command begins the span of a command, from its submission to its answer: below the context's span, or else at the top of its
// trace.
func (t *Tracer) Command(ctx context.Context, method, traceID string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if _, found := trace.From(ctx); !found && traceID != "" {
		ctx = trace.With(ctx, trace.T{ID: traceID})
	}
	return t.start(ctx, "command "+method, otrace.SpanKindInternal)
}

// Step begins the span of a saga's step, below the event that it follows from.
func (t *Tracer) Step(ctx context.Context, step, traceID string, event id.UUID) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	return t.start(t.below(ctx, traceID, eventSpan(event)), step, otrace.SpanKindConsumer)
}

// Call begins the span of a call to the world outside, below the effect that asks for it.
func (t *Tracer) Call(ctx context.Context, kind string, effect *state.Effect) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	return t.start(t.below(ctx, effect.TraceID, effectSpan(effect)), kind, otrace.SpanKindClient)
}

// Callback begins the span of an outcome that the world outside brings, below the effect that asked for it.
func (t *Tracer) Callback(ctx context.Context, effect *state.Effect) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	return t.start(t.below(ctx, effect.TraceID, effectSpan(effect)), "callback "+effect.Kind, otrace.SpanKindServer)
}

// start begins a span below the context's span, or else below the caller's, or else at the top of the context's trace.
func (t *Tracer) start(ctx context.Context, name string, kind otrace.SpanKind) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if !otrace.SpanContextFromContext(ctx).IsValid() {
		if remote := remoteParent(ctx); remote.IsValid() {
			ctx = otrace.ContextWithRemoteSpanContext(ctx, remote)
		}
	}
	ctx, span := t.tracer.Start(ctx, name, otrace.WithSpanKind(kind))
	return ctx, Span{span}
}

func remoteParent(ctx context.Context) otrace.SpanContext {
	named, found := trace.From(ctx)
	if !found || named.Parent == "" {
		return otrace.SpanContext{}
	}
	traceID, traceErr := otrace.TraceIDFromHex(named.ID)
	spanID, spanErr := otrace.SpanIDFromHex(named.Parent)
	if traceErr != nil || spanErr != nil {
		return otrace.SpanContext{}
	}
	var flags otrace.TraceFlags
	return otrace.NewSpanContext(otrace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: flags.WithSampled(named.Sampled), Remote: true,
	})
}

// Span is a piece of work under way. The zero Span is recorded nowhere.
type Span struct{ span otrace.Span }

// ID is the span's id in hexadecimal, for the traceparent that goes on; empty when no span was made.
func (s Span) ID() string {
	if s.span == nil {
		return ""
	}
	return s.span.SpanContext().SpanID().String()
}

// Sampled tells whether the span is sent. Whoever needs work to make attributes asks first.
func (s Span) Sampled() bool { return s.span != nil && s.span.SpanContext().IsSampled() }

// Set adds an attribute.
func (s Span) Set(name, value string) {
	if s.Sampled() {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// End ends the span. A refusal is named by its reason; only what is the server's doing marks the span as failed.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil && s.Sampled() {
		s.fail(err)
	}
	s.span.End()
}

// EndFault ends the span as End does; nil after a success.
func (s Span) EndFault(f *fault.Fault) {
	if f == nil {
		s.End(nil) // a nil *Fault in an error would not be nil
		return
	}
	s.End(f)
}

func (s Span) fail(err error) {
	var f *fault.Fault
	if !errors.As(err, &f) {
		s.span.SetStatus(codes.Error, maskURLs(err.Error()))
		return
	}
	s.span.SetAttributes(attribute.String("oms.reason", f.Reason))
	switch f.Code { //nolint:exhaustive // the rest is the client's doing
	case fault.Internal, fault.Unknown, fault.Unavailable, fault.DeadlineExceeded, fault.DataLoss:
		s.span.SetStatus(codes.Error, f.Reason)
	}
}

// ids lets a span at the top of a trace take the context's trace id, and a span of what is stored its own.
type ids struct{}

// NewIDs implements sdk.IDGenerator.
func (g ids) NewIDs(ctx context.Context) (otrace.TraceID, otrace.SpanID) {
	named, found := trace.From(ctx)
	traceID, err := otrace.TraceIDFromHex(named.ID)
	if !found || err != nil {
		traceID, _ = otrace.TraceIDFromHex(trace.New().ID)
	}
	return traceID, g.NewSpanID(ctx, traceID)
}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(ctx context.Context, _ otrace.TraceID) otrace.SpanID {
	if own, found := ctx.Value(ownSpan{}).(otrace.SpanID); found {
		return own
	}
	spanID, _ := otrace.SpanIDFromHex(trace.NewSpan())
	return spanID
}
