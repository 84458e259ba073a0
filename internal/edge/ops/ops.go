// Package ops answers those who run the program: numbers (/metrics), life (/healthz), readiness (/readyz) and profiles
// (/debug/pprof). It asks nobody for credentials, so it listens apart from everything else, on loopback unless --expose-ops is
// written out; profiles, which show what is in memory, are answered on loopback even then. What a check says goes to the log,
// never into an answer (requirement V-5).
package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"
)

// checkTime is how long a check may take; one that takes longer has failed.
const checkTime = 2 * time.Second

// Check is one condition of readiness.
type Check struct {
	// Name says what must work, in snake_case: "store", "accepting".
	Name string
	// Run answers why it does not work; nil when it does. It gives up when the context ends.
	Run func(context.Context) error
}

// Options say what to answer.
type Options struct {
	// Metrics answers /metrics.
	Metrics http.Handler
	// Checks must all pass for /readyz to answer 200; they run at the same time.
	Checks []Check
	// Log is told when readiness changes, and why.
	Log *slog.Logger
}

// New makes the handler.
func New(options Options) http.Handler {
	r := &readiness{checks: options.Checks, log: options.Log}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", options.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, report{Status: "ok"})
	})
	mux.HandleFunc("GET /readyz", r.serve)
	mux.Handle("GET /debug/pprof/", loopbackOnly(pprof.Index))
	mux.Handle("GET /debug/pprof/profile", loopbackOnly(pprof.Profile))
	mux.Handle("GET /debug/pprof/symbol", loopbackOnly(pprof.Symbol))
	mux.Handle("GET /debug/pprof/trace", loopbackOnly(pprof.Trace))
	// Not /debug/pprof/cmdline: the command line may hold a password.
	return mux
}

// report is the body of /healthz and /readyz.
type report struct {
	Status string   `json:"status"`           // "ok", "ready" or "unavailable"
	Failed []string `json:"failed,omitempty"` // names of checks
}

func answer(w http.ResponseWriter, status int, body report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck,errchkjson // the client may have gone
}

// readiness runs the checks and remembers the last result, to log changes only.
type readiness struct {
	checks []Check
	log    *slog.Logger

	mutex sync.Mutex
	last  string // names of the checks that failed
	asked bool
}

func (r *readiness) serve(w http.ResponseWriter, request *http.Request) {
	failed, causes := r.run(request.Context())
	if request.Context().Err() == nil { // else a check may have failed for that alone
		r.note(request.Context(), failed, causes)
	}
	if len(failed) > 0 {
		answer(w, http.StatusServiceUnavailable, report{Status: "unavailable", Failed: failed})
		return
	}
	answer(w, http.StatusOK, report{Status: "ready"})
}

// run answers the names of the checks that fail, in the order of the options, and why.
func (r *readiness) run(ctx context.Context) (failed []string, causes []any) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	results := make([]chan error, len(r.checks))
	for i, check := range r.checks {
		results[i] = make(chan error, 1)
		go func() { results[i] <- guarded(ctx, check) }()
	}
	for i, check := range r.checks {
		if err := resultOf(ctx, results[i]); err != nil {
			failed = append(failed, check.Name)
			causes = append(causes, slog.Any(check.Name, err))
		}
	}
	return failed, causes
}

// resultOf waits for a check's result until the context ends. One that is there counts even then.
func resultOf(ctx context.Context, result chan error) error {
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-result:
		return err
	default:
		return ctx.Err()
	}
}

func guarded(ctx context.Context, check Check) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return check.Run(ctx)
}

func (r *readiness) note(ctx context.Context, failed []string, causes []any) {
	now := fmt.Sprint(failed)
	r.mutex.Lock()
	changed := !r.asked || now != r.last
	r.last, r.asked = now, true
	r.mutex.Unlock()
	switch {
	case !changed:
	case len(failed) > 0:
		r.log.WarnContext(ctx, "/readyz answers that the server is not ready", causes...)
	default:
		r.log.InfoContext(ctx, "/readyz answers that the server is ready", "checks", r.names())
	}
}

// names are those of the checks.
func (r *readiness) names() []string {
	var names []string
	for _, check := range r.checks {
		names = append(names, check.Name)
	}
	return names
}

// loopbackOnly refuses requests from other machines.
func loopbackOnly(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		host, _, err := net.SplitHostPort(request.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "profiles are answered on loopback only", http.StatusForbidden)
			return
		}
		handle(w, request)
	})
}
