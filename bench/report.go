package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// result is one line of the table.
type result struct {
	Store     string  `json:"store"`
	Scenario  string  `json:"scenario"`
	Dialect   string  `json:"dialect"`
	Clients   int     `json:"clients"`
	Processes int     `json:"processes"`
	Rate      float64 `json:"offered_per_second,omitempty"`

	PerSecond float64 `json:"per_second"`
	Pgbench   float64 `json:"pgbench_tps"`
	Ratio     float64 `json:"ratio"`
	Failed    int64   `json:"failed"`

	P50 float64 `json:"p50_ms"` // of one request; for whole orders, create to CONFIRMED seen
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`

	CreateP99 float64 `json:"create_p99_ms,omitempty"` // of CreateOrder alone, in scenarios that do more

	ClientCPU   float64 `json:"client_cpu_us"` // a unit of work
	ServerCPU   float64 `json:"server_cpu_us"`
	PostgresCPU float64 `json:"postgres_cpu_us"`
	Memory      int64   `json:"server_rss_mib"`
	ReadyMillis int64   `json:"ready_ms"`
	IdleMemory  int64   `json:"idle_rss_mib"`
	Stored      int     `json:"orders_stored_before,omitempty"`
	Verified    string  `json:"verified"`
}

// show prints a line of the table, and before the first one what the columns are.
func show(w io.Writer, r result, header bool) {
	var line strings.Builder
	if header {
		fmt.Fprintf(&line, "%-9s %-7s %-4s %7s %9s %8s %6s %8s %8s %8s %8s %7s %7s %7s %6s %s\n", "store", "what", "via", "clients",
			"per s", "pgbench", "ratio", "p50 ms", "p95 ms", "p99 ms", "max ms", "client", "server", "pg µs", "MiB", "verify")
	}
	fmt.Fprintf(&line, "%-9s %-7s %-4s %7d %9.0f %8.0f %6.2f %8.2f %8.2f %8.2f %8.1f %7.0f %7.0f %7.0f %6d %s",
		r.Store, r.Scenario, r.Dialect, r.Clients, r.PerSecond, r.Pgbench, r.Ratio, r.P50, r.P95, r.P99, r.Max,
		r.ClientCPU, r.ServerCPU, r.PostgresCPU, r.Memory, r.Verified)
	if r.CreateP99 > 0 {
		fmt.Fprintf(&line, " create p99 %.2f", r.CreateP99)
	}
	if r.Failed > 0 {
		fmt.Fprintf(&line, " FAILED %d", r.Failed)
	}
	line.WriteByte('\n')
	_, _ = io.WriteString(w, line.String()) // a table that nobody reads
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
