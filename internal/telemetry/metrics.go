package telemetry

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Metrics are the numbers of one process (requirement P-13). Its methods have the shapes of the hooks that they are put into, and
// may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	// Edge.
	requests             *prometheus.CounterVec
	seconds              *prometheus.HistogramVec
	followers            prometheus.Gauge
	replayed, mismatched prometheus.Counter
	purged               prometheus.Counter

	// Pipeline.
	batchCommands, batchRows      prometheus.Histogram
	waitSeconds, commitSeconds    prometheus.Histogram
	retried, conflicted, bisected prometheus.Counter
	panicked, queueFull, expired  prometheus.Counter
	purgedBatches                 prometheus.Counter
	purgedSandboxes               prometheus.Counter

	// Relay and reactor.
	frames, published, republished prometheus.Counter
	publishSeconds                 prometheus.Histogram
	busFailures, epochs            prometheus.Counter
	reacted, followed, fromLog     prometheus.Counter
	reactorAge, reactorSeconds     prometheus.Histogram
	reactorRetried, parked         *prometheus.CounterVec
	position, lag                  *prometheus.GaugeVec
	public, publicFailures         prometheus.Counter
	publicSeconds, publicAge       prometheus.Histogram

	// Flow.
	steps       *prometheus.CounterVec
	timers      *prometheus.CounterVec
	calls       *prometheus.HistogramVec
	effects     *prometheus.CounterVec
	effectQueue *prometheus.GaugeVec
	effectsOpen *prometheus.GaugeVec
	effectsAge  *prometheus.GaugeVec
	confirmed   prometheus.Histogram
	deadLetters prometheus.Gauge
	disputed    prometheus.Gauge
}

// Buckets, in seconds: commits and requests begin at a quarter of a millisecond, whole orders end with their timer.
var (
	fast  = []float64{.00025, .0005, .001, .0015, .0025, .005, .01, .015, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	slow  = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900}
	sizes = []float64{1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 512, 1024, 2048, 4096, 8192}
)

// NewMetrics makes the numbers of a process that runs a version of the program.
func NewMetrics(version, commit string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.gaugeVec("build_info", "The program that runs.", "version", "commit").WithLabelValues(version, commit).Set(1)
	m.addEdge()
	m.addPipeline()
	m.addEvents()
	m.addFlow()
	return m
}

func (m *Metrics) addEdge() {
	m.requests = m.counterVec("requests_total", "Requests answered.", "method", "dialect", "code")
	m.seconds = m.histogramVec("request_seconds", "Time from a request to its answer; of streams until they end.", fast, "method", "dialect")
	m.followers = m.gauge("feed_followers", "Feeds of orders that are open.")
	idempotency := m.counterVec("idempotency_total", "Keys seen again: replayed, or refused for another command.", "result")
	m.replayed, m.mismatched = idempotency.WithLabelValues("replayed"), idempotency.WithLabelValues("mismatch")
	m.purged = m.counter("idempotency_keys_purged_total", "Answers that were older than they are kept.")
}

func (m *Metrics) addPipeline() {
	m.batchCommands = m.histogram("batch_commands", "Commands in a transaction.", sizes)
	m.batchRows = m.histogram("batch_rows", "Rows that a transaction counts for.", sizes)
	m.waitSeconds = m.histogram("batch_wait_seconds", "Time that the oldest command of a transaction had waited for it.", fast)
	m.commitSeconds = m.histogram("commit_seconds", "Time to write and commit a transaction.", fast)
	retries := m.counterVec("batch_retries_total", "Transactions tried again, by what happened to them.", "reason")
	m.retried = retries.WithLabelValues("retry")
	m.conflicted = retries.WithLabelValues("conflict")
	m.bisected = retries.WithLabelValues("bisect")
	m.panicked = m.counter("decision_panics_total", "Decisions that panicked or broke a rule; each is a bug.")
	m.queueFull = m.counter("queue_full_total", "Commands refused because too many waited.")
	m.purgedBatches = m.counter("batches_purged_total", "Ids of transactions that were older than they are kept.")
	m.purgedSandboxes = m.counter("sandbox_rows_purged_total", "Rows of sandboxes that were reset.")
	m.expired = m.counter("commands_expired_total", "Commands whose time was over before their transaction began.")
}

func (m *Metrics) addEvents() {
	m.frames = m.counter("outbox_frames_published_total", "Messages that the relay has published.")
	m.published = m.counter("outbox_events_published_total", "Events that the relay has published.")
	m.republished = m.counter("outbox_events_republished_total", "Events that the stream had lost or never got.")
	m.publishSeconds = m.histogram("outbox_publish_seconds", "Time to publish a message durably.", fast)
	m.busFailures = m.counter("outbox_bus_failures_total", "Times that the bus failed or did not end as expected.")
	m.epochs = m.counter("outbox_epochs_started_total", "Times that the database had another history than the stream: an alert.")
	m.reacted = m.counter("reactor_events_total", "Events taken in.")
	m.followed = m.counter("reactor_commands_total", "Commands that followed from events.")
	m.fromLog = m.counter("reactor_events_from_log_total", "Events read from the log because the bus had them no more.")
	m.reactorAge = m.histogram("reactor_age_seconds", "Age of events when they are taken in, of the oldest of each message.", slow)
	m.reactorSeconds = m.histogram("reactor_seconds", "Time from taking an event in to its effect.", fast)
	m.reactorRetried = m.counterVec("reactor_retries_total", "Events whose command failed and is tried again.", "event")
	m.parked = m.counterVec("reactor_parked_total", "Events that became dead letters.", "event")
	m.position = m.gaugeVec("reactor_position", "Position up to which events have taken effect.", "reactor")
	m.lag = m.gaugeVec("reactor_lag_events", "Events numbered that have not taken effect.", "reactor")
	m.public = m.counter("public_events_published_total", "Events published for outside consumers.")
	m.publicFailures = m.counter("public_failures_total", "Times that publishing for outside consumers stopped, to go on after a while.")
	m.publicSeconds = m.histogram("public_publish_seconds", "Time to publish what came at once for outside consumers.", fast)
	m.publicAge = m.histogram("public_age_seconds", "Age of events when outside consumers can read them, of the oldest that came at once.", slow)
}

func (m *Metrics) addFlow() {
	m.steps = m.counterVec("saga_steps_total", "Steps of sagas that were carried out, by the code of their outcome.", "step", "code")
	m.timers = m.counterVec("timers_fired_total", "Timers that have fired, by the code of their outcome.", "kind", "code")
	m.calls = m.histogramVec("effect_call_seconds", "Time of calls to the world outside, by their answers.", fast, "provider", "kind", "answer")
	m.effects = m.counterVec("effects_total", "What became of calls to the world outside.", "provider", "kind", "outcome")
	m.effectQueue = m.gaugeVec("effects_waiting", "Calls that wait in this process for others to end.", "provider")
	m.effectsOpen = m.gaugeVec("effects_open", "Calls of all processes that have no known outcome.", "kind")
	m.effectsAge = m.gaugeVec("effects_open_oldest_seconds", "Age of the oldest call that has no known outcome.", "kind")
	m.confirmed = m.histogram("order_confirmed_seconds", "Time from an order's creation to CONFIRMED.", slow)
	m.disputed = m.gauge("payments_disputed", "Payments of which the gateway has withdrawn money for a dispute that is not decided.")
	m.deadLetters = m.gauge("dead_letters_open", "Dead letters that wait for an operator; each parks its aggregate.")
}

// Handler answers the numbers in Prometheus' formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Gatherer answers the numbers to a program in the same process, such as a test or the demo's report.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Watch adds a number that is read when it is asked for. Names are those of a snake_case gauge without the "oms_" in front.
func (m *Metrics) Watch(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, read))
}

// WatchQueue adds the number of commands that wait for a batch, and its limit.
func (m *Metrics) WatchQueue(length func() int, limit int) {
	m.Watch("queue_commands", "Commands that wait for a transaction.", func() float64 { return float64(length()) })
	m.Watch("queue_limit_commands", "Commands that may wait; more are refused.", func() float64 { return float64(limit) })
}

// WatchRelay adds what the relay of this process has before it: events that are not published, and when the oldest of them took
// place (zero without one). A process that does not lead the relay answers nothing of the kind: 0.
func (m *Metrics) WatchRelay(backlog func() (leader bool, events int64, oldest time.Time)) {
	m.Watch("outbox_leader", "Whether this process relays (1).", func() float64 {
		if leader, _, _ := backlog(); leader {
			return 1
		}
		return 0
	})
	m.Watch("outbox_backlog_events", "Events that are committed and not published.", func() float64 {
		_, events, _ := backlog()
		return float64(max(events, 0))
	})
	m.Watch("outbox_oldest_seconds", "Age of the oldest event that is not published.", func() float64 {
		_, _, oldest := backlog()
		if oldest.IsZero() {
			return 0
		}
		return max(time.Since(oldest).Seconds(), 0)
	})
}

// codeCount is the number of codes of google.rpc.Code.
const codeCount = int(fault.Unauthenticated) + 1

// codeNames are the names of google.rpc.Code.
var codeNames = [codeCount]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED",
}

// Requests counts the requests of all methods: rate, errors, duration. Its labels are resolved once.
type Requests map[endpoint]*answers

type endpoint struct{ method, dialect string }

// otherMethod stands for what came to no method: its name is the client's invention.
const otherMethod = "other"

// answers are the counters of one method in one dialect.
type answers struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Observer
	codes    [codeCount]atomic.Pointer[prometheus.Counter] // made when a code is first met
}

// Requests makes the counters of methods in dialects.
func (m *Metrics) Requests(methods []string, dialects ...string) Requests {
	r := Requests{}
	for _, dialect := range dialects {
		for _, method := range append(slices.Clip(methods), otherMethod) {
			r[endpoint{method, dialect}] = &answers{
				requests: m.requests.MustCurryWith(prometheus.Labels{"method": method, "dialect": dialect}),
				seconds:  m.seconds.WithLabelValues(method, dialect),
			}
		}
	}
	return r
}

// Answered counts a request that was answered.
func (r Requests) Answered(method, dialect string, code fault.Code, took time.Duration) {
	a, found := r[endpoint{method, dialect}]
	if !found {
		if a, found = r[endpoint{otherMethod, dialect}]; !found {
			return // a dialect that nobody declared
		}
	}
	a.count(code)
	a.seconds.Observe(took.Seconds())
}

func (a *answers) count(code fault.Code) {
	code = known(code)
	counter := a.codes[code].Load()
	if counter == nil {
		made := a.requests.WithLabelValues(codeNames[code])
		counter = &made
		a.codes[code].Store(counter)
	}
	(*counter).Inc()
}

// known answers a code that has a name.
func known(code fault.Code) fault.Code {
	if int(code) >= codeCount {
		return fault.Unknown
	}
	return code
}

func codeName(code fault.Code) string { return codeNames[known(code)] }
