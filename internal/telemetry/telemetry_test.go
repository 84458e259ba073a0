package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/trace"
)

const (
	someID   = "0af7651916cd43dd8448eb211c80319c"
	someSpan = "b7ad6b7169203331"
)

func logged(t *testing.T, write func(*slog.Logger)) map[string]any {
	t.Helper()
	var buffer bytes.Buffer
	log, err := NewLogger(&buffer, "info", "json")
	if err != nil {
		t.Fatal(err)
	}
	write(log)
	line := map[string]any{}
	if err := json.Unmarshal(buffer.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", buffer.String(), err)
	}
	return line
}

func TestLogCarriesTheTrace(t *testing.T) {
	t.Parallel()
	ctx := trace.With(context.Background(), trace.T{ID: someID, TraceText: "theirs", CorrelationText: "c"})
	line := logged(t, func(log *slog.Logger) { log.With("a", 1).InfoContext(ctx, "hello") })
	if line["trace_id"] != someID || line["partner_trace_id"] != "theirs" || line["correlation_id"] != "c" || line["msg"] != "hello" {
		t.Errorf("%v", line)
	}
	line = logged(t, func(log *slog.Logger) { log.InfoContext(context.Background(), "hello") })
	if _, found := line["trace_id"]; found {
		t.Errorf("a trace from nowhere: %v", line)
	}
}

func TestLogMasksSecrets(t *testing.T) {
	t.Parallel()
	for _, attr := range []slog.Attr{
		slog.String("password", "geheim"), slog.String("Authorization", "Bearer geheim"), slog.String("payment_token", "geheim"),
		slog.String("Set-Cookie", "geheim"), slog.Int("cvv", 123456), slog.Group("card", "x", "geheim"),
		slog.Group("request", slog.String("card_number", "geheim")),
		slog.String("store", "postgres://u:geheim@h/d"), slog.Any("error", errors.New("dial nats://geheim@h: refused")),
		slog.Any("error", fmt.Errorf("connect: %w", errors.New("postgres://u:geheim@h/d"))),
	} {
		line := logged(t, func(log *slog.Logger) { log.Info("x", attr) })
		delete(line, "time") // its digits may be anybody's
		text, _ := json.Marshal(line)
		if strings.Contains(string(text), "geheim") || strings.Contains(string(text), "123456") {
			t.Errorf("told: %s", text)
		}
	}
	line := logged(t, func(log *slog.Logger) { log.Info("x", "url", "http://h/a@b", "error", errors.New("plain")) })
	if line["url"] != "http://h/a@b" || line["error"] != "plain" {
		t.Errorf("masked too much: %v", line)
	}
}

func TestLogWritesDurationsAsText(t *testing.T) {
	t.Parallel()
	line := logged(t, func(log *slog.Logger) {
		log.Info("x", "took", 32_132_815*time.Nanosecond, "password", "", slog.Group("config", "notify-per", time.Hour, "zero", time.Duration(0)))
	})
	group, _ := line["config"].(map[string]any)
	if line["took"] != "32.132815ms" || group["notify-per"] != "1h0m0s" || group["zero"] != "0s" {
		t.Errorf("%v", line)
	}
	if line["password"] != "" {
		t.Errorf("a secret that is not set: %v", line)
	}
}

func TestLogLevelsAndFormats(t *testing.T) {
	t.Parallel()
	var buffer bytes.Buffer
	log, err := NewLogger(&buffer, "warn", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("no")
	log.Warn("yes")
	if text := buffer.String(); strings.Contains(text, "no") || !strings.Contains(text, "level=WARN msg=yes") {
		t.Errorf("%q", text)
	}
	if _, err := NewLogger(&buffer, "loud", "text"); err == nil {
		t.Error("an unknown level is taken")
	}
	if _, err := NewLogger(&buffer, "info", "xml"); err == nil {
		t.Error("an unknown format is taken")
	}
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if recorder.Code != 200 {
		t.Fatalf("%d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1", "abc")
	requests := m.Requests([]string{"/oms.v1.OrderService/CreateOrder"}, "grpc", "rest")
	for _, code := range []fault.Code{fault.OK, fault.OK, fault.InvalidArgument, 200} {
		requests.Answered("/oms.v1.OrderService/CreateOrder", "grpc", code, 3*time.Millisecond)
	}
	requests.Answered("", "rest", fault.NotFound, time.Millisecond)
	requests.Answered("/someone/Made/This/Up", "grpc", fault.Unimplemented, time.Millisecond)
	m.Batch(64, 300)
	m.Waited(time.Millisecond)
	m.Committed(2 * time.Millisecond)
	m.Conflicted()
	m.Bisected()
	m.Panicked()
	m.QueueFull()
	m.Expired()
	m.WatchQueue(func() int { return 7 }, 9)
	m.WatchRelay(func() (bool, int64, time.Time) { return true, 12, time.Now().Add(-time.Hour) })
	m.Replayed()
	m.Mismatched()
	m.KeysPurged(3)
	m.Published(5, time.Millisecond)
	m.Published(6, time.Millisecond)
	m.Republished(2)
	m.BusFailed(errors.New("x"))
	m.EpochStarted("a", "b")
	m.Reacted(8, 3, time.Now().Add(-2*time.Second))
	m.Effective(time.Second)
	m.ReactionRetried(state.Event{Type: "order.status_changed"}, nil)
	m.Parked(state.Event{Type: "order.status_changed"}, nil)
	m.FromLog(4)
	m.PublicPublished(5, time.Second, time.Now().Add(-2*time.Second))
	m.PublicFailed(errors.New("x"))
	m.Step("reserve", fault.OK)
	m.EffectCalled("sim", "hold", "accepted", time.Second)
	m.EffectSettled("sim", "hold", true)
	m.EffectSettled("sim", "hold", false)
	m.EffectRetried("sim", "hold")
	m.EffectGivenUp("sim", "hold")
	m.EffectDropped("sim")
	m.EffectsWaiting("sim", 6)
	m.EffectsOpen("hold", 2, 3*time.Second)
	m.Reactor("saga", 100, 4)
	m.TimerFired("order.expire", fault.Aborted)
	m.Confirmed(40 * time.Millisecond)
	m.DeadLetters(1)
	m.Disputed(2)
	m.BatchesPurged(5)
	m.SandboxesPurged(6)
	m.Followers(1)
	m.Followers(1)
	m.Followers(-1)
	got := scrape(t, m)
	for _, want := range []string{
		`oms_build_info{commit="abc",version="v1"} 1`,
		`oms_requests_total{code="OK",dialect="grpc",method="/oms.v1.OrderService/CreateOrder"} 2`,
		`oms_requests_total{code="INVALID_ARGUMENT",dialect="grpc",method="/oms.v1.OrderService/CreateOrder"} 1`,
		`oms_requests_total{code="UNKNOWN",dialect="grpc",method="/oms.v1.OrderService/CreateOrder"} 1`,
		`oms_request_seconds_count{dialect="grpc",method="/oms.v1.OrderService/CreateOrder"} 4`,
		`oms_request_seconds_bucket{dialect="grpc",method="/oms.v1.OrderService/CreateOrder",le="0.0025"} 0`,
		`oms_request_seconds_bucket{dialect="grpc",method="/oms.v1.OrderService/CreateOrder",le="0.005"} 4`,
		`oms_requests_total{code="NOT_FOUND",dialect="rest",method="other"} 1`, `oms_requests_total{code="UNIMPLEMENTED",dialect="grpc",method="other"} 1`,
		`oms_batch_commands_sum 64`, `oms_batch_rows_sum 300`, `oms_batch_wait_seconds_sum 0.001`, `oms_commit_seconds_sum 0.002`,
		`oms_batch_retries_total{reason="conflict"} 1`, `oms_batch_retries_total{reason="bisect"} 1`, `oms_batch_retries_total{reason="retry"} 0`,
		`oms_decision_panics_total 1`, `oms_queue_full_total 1`, `oms_commands_expired_total 1`, `oms_queue_commands 7`, `oms_queue_limit_commands 9`,
		`oms_idempotency_total{result="replayed"} 1`, `oms_idempotency_total{result="mismatch"} 1`, `oms_idempotency_keys_purged_total 3`,
		`oms_outbox_frames_published_total 2`, `oms_outbox_events_published_total 11`, `oms_outbox_events_republished_total 2`,
		`oms_outbox_publish_seconds_count 2`, `oms_outbox_bus_failures_total 1`, `oms_outbox_epochs_started_total 1`,
		`oms_outbox_leader 1`, `oms_outbox_backlog_events 12`, `oms_outbox_oldest_seconds 3600`,
		`oms_reactor_events_total 8`, `oms_reactor_commands_total 3`, `oms_reactor_age_seconds_bucket{le="5"} 1`, `oms_reactor_seconds_sum 1`,
		`oms_reactor_retries_total{event="order.status_changed"} 1`, `oms_reactor_parked_total{event="order.status_changed"} 1`,
		`oms_reactor_events_from_log_total 4`, `oms_reactor_position{reactor="saga"} 100`, `oms_reactor_lag_events{reactor="saga"} 4`,
		`oms_public_events_published_total 5`, `oms_public_failures_total 1`, `oms_public_publish_seconds_sum 1`,
		`oms_public_age_seconds_bucket{le="5"} 1`, `oms_public_age_seconds_bucket{le="1"} 0`,
		`oms_saga_steps_total{code="OK",step="reserve"} 1`, `oms_effect_call_seconds_count{answer="accepted",kind="hold",provider="sim"} 1`,
		`oms_effects_total{kind="hold",outcome="succeeded",provider="sim"} 1`, `oms_effects_total{kind="hold",outcome="refused",provider="sim"} 1`,
		`oms_effects_total{kind="hold",outcome="retried",provider="sim"} 1`, `oms_effects_total{kind="hold",outcome="given_up",provider="sim"} 1`,
		`oms_effects_total{kind="",outcome="dropped",provider="sim"} 1`, `oms_effects_waiting{provider="sim"} 6`, `oms_effects_open{kind="hold"} 2`,
		`oms_effects_open_oldest_seconds{kind="hold"} 3`,
		`oms_timers_fired_total{code="ABORTED",kind="order.expire"} 1`, `oms_order_confirmed_seconds_bucket{le="0.05"} 1`,
		`oms_dead_letters_open 1`, `oms_payments_disputed 2`, `oms_batches_purged_total 5`, `oms_sandbox_rows_purged_total 6`, `oms_feed_followers 1`,
		`go_goroutines`, `process_cpu_seconds_total`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, `code="DATA_LOSS"`) || strings.Contains(got, "someone") {
		t.Error("a code that was never answered or a text of a request has a series")
	}
}

func TestRequestsDoNotAllocate(t *testing.T) {
	requests := NewMetrics("", "").Requests([]string{"m"}, "grpc")
	if n := testing.AllocsPerRun(100, func() { requests.Answered("m", "grpc", fault.OK, time.Millisecond) }); n > 0 {
		t.Errorf("a request allocates %v times", n)
	}
}

func recording(share float64) (*Tracer, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return newTracer(recorder, TracerOptions{Share: share}), recorder
}

func TestSpansFollowTheTrace(t *testing.T) {
	t.Parallel()
	tracer, recorder := recording(1)
	// A caller's trace: its span is the parent.
	ctx := trace.With(context.Background(), trace.T{ID: someID, Parent: someSpan, Sampled: true})
	ctx, request := tracer.Request(ctx, "/oms.v1.OrderService/PayOrder")
	_, call := tracer.Call(ctx, "gateway.hold", &state.Effect{TraceID: someID})
	call.End(errors.New("dial nats://geheim@h"))
	request.Set("oms.tenant", "t")
	request.EndFault(fault.New(fault.NotFound, "NOT_FOUND", "no order"))
	// Our own trace: the id is known, a parent is not.
	_, step := tracer.Step(context.Background(), "reserve", someID, id.UUID{})
	step.End(fault.New(fault.Unavailable, "UNAVAILABLE", "try again"))
	tracer.Batch([]context.Context{context.Background(), ctx}).End(2, nil, nil)

	spans := map[string]sdk.ReadOnlySpan{}
	for _, span := range recorder.Ended() {
		spans[span.Name()] = span
	}
	if len(spans) != 4 {
		t.Fatalf("%d spans", len(spans))
	}
	top, below, saga := spans["/oms.v1.OrderService/PayOrder"], spans["gateway.hold"], spans["reserve"]
	for _, span := range []sdk.ReadOnlySpan{top, below, saga} {
		if span.SpanContext().TraceID().String() != someID {
			t.Errorf("%s is in trace %s", span.Name(), span.SpanContext().TraceID())
		}
	}
	if spans["batch"].SpanContext().TraceID().String() == someID || !trace.Valid(spans["batch"].SpanContext().TraceID().String()) {
		t.Error("a batch belongs to one request")
	}
	if top.Parent().SpanID().String() != someSpan || below.Parent().SpanID() != top.SpanContext().SpanID() || saga.Parent().IsValid() {
		t.Errorf("parents: %v, %v, %v", top.Parent(), below.Parent(), saga.Parent())
	}
	if request.ID() != top.SpanContext().SpanID().String() || !request.Sampled() {
		t.Errorf("span %q", request.ID())
	}
	if links := spans["batch"].Links(); len(links) != 1 || links[0].SpanContext.SpanID() != top.SpanContext().SpanID() {
		t.Errorf("the batch is linked to %v", links)
	}
	if spans["batch"].Status().Code.String() != "Unset" {
		t.Errorf("a success is %v", spans["batch"].Status())
	}
	if top.Status().Code.String() != "Unset" || saga.Status().Description != "UNAVAILABLE" || below.Status().Code.String() != "Error" {
		t.Errorf("status: %v, %v, %v", top.Status(), saga.Status(), below.Status())
	}
	if strings.Contains(below.Status().Description, "geheim") {
		t.Errorf("told: %s", below.Status().Description)
	}
}

func TestTheCallerDecidesWhatIsSampled(t *testing.T) {
	t.Parallel()
	for _, sampled := range []bool{true, false} {
		share := 0.0
		if !sampled {
			share = 1
		}
		tracer, recorder := recording(share)
		ctx := trace.With(context.Background(), trace.T{ID: someID, Parent: someSpan, Sampled: sampled})
		_, span := tracer.Request(ctx, "x")
		span.End(nil)
		if span.Sampled() != sampled || (len(recorder.Ended()) == 1) != sampled {
			t.Errorf("sampled %v, want %v", span.Sampled(), sampled)
		}
	}
}

func TestNoTracerCostsNothing(t *testing.T) {
	tracer, err := NewTracer(context.Background(), TracerOptions{}, slog.Default())
	if tracer != nil || err != nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	ctx := context.Background()
	failure := errors.New("x")
	effect, causes := &state.Effect{TraceID: someID}, []context.Context{ctx}
	if n := testing.AllocsPerRun(100, func() {
		ctx, span := tracer.Request(ctx, "x")
		_, step := tracer.Step(ctx, "x", someID, id.UUID{1})
		_, command := tracer.Command(ctx, "x", someID)
		_, call := tracer.Call(ctx, "x", effect)
		_, back := tracer.Callback(ctx, effect)
		tracer.Batch(causes).End(1, nil, nil)
		command.End(nil)
		call.End(nil)
		back.End(nil)
		span.Set("a", "b")
		step.End(nil)
		span.End(failure)
	}); n > 0 {
		t.Errorf("a tracer that is off allocates %v times", n)
	}
	if (Span{}).ID() != "" || (Span{}).Sampled() || tracer.Close(ctx) != nil {
		t.Error("a span from nowhere")
	}
}

func TestTracerWithACollectorThatIsNotThere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tracer, err := NewTracer(ctx, TracerOptions{Endpoint: "http://127.0.0.1:1", Share: 1}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracer.Request(ctx, "x")
	span.End(nil)
	short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if err := tracer.Close(short); err == nil {
		t.Error("a span was sent nowhere without an error")
	}
	if ctx.Err() != nil {
		t.Error("closing waits for a collector that is not there")
	}
}

func BenchmarkRequest(b *testing.B) {
	requests := NewMetrics("", "").Requests([]string{"m"}, "grpc")
	b.ReportAllocs()
	for b.Loop() {
		requests.Answered("m", "grpc", fault.OK, time.Millisecond)
	}
}
