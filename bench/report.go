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

	CreateP99 float64 `json:"create_p99_ms,omitempty"` // of CreateOrder or AuthorizeBet alone, in scenarios that do more
	OfBet     float64 `json:"of_bet,omitempty"`        // of hotplayer and hothouse: against bet in the same run

	ClientCPU   float64 `json:"client_cpu_us"` // a unit of work
	ServerCPU   float64 `json:"server_cpu_us"`
	PostgresCPU float64 `json:"postgres_cpu_us"`
	Memory      int64   `json:"server_rss_mib"`
	ReadyMillis int64   `json:"ready_ms"`
	IdleMemory  int64   `json:"idle_rss_mib"`
	Stored      int     `json:"orders_stored_before,omitempty"`
	Verified    string  `json:"verified"`

	Phases   []phaseResult `json:"phases,omitempty"`
	Answered int           `json:"answered,omitempty"` // of a storm: bets that were answered, with success or a refusal
	Lost     int           `json:"lost,omitempty"`     // of these, acknowledged and not there, or refused and there
}

// phaseResult is a time of one rate.
type phaseResult struct {
	Name      string  `json:"name"`
	Rate      float64 `json:"offered_per_second"`
	PerSecond float64 `json:"done_per_second"` // of those that began in it
	Refused   int64   `json:"refused"`
	P50       float64 `json:"p50_ms"` // from the intended start
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
}

// compare sets the ratio to bets that are spread over players and rounds, where these were measured before.
func (r *result) compare(before []result) {
	if r.Scenario != "hotplayer" && r.Scenario != "hothouse" {
		return
	}
	for _, b := range before {
		if b.Scenario == "bet" && b.Store == r.Store && b.Clients == r.Clients {
			r.OfBet = r.PerSecond / b.PerSecond
			if b.Ratio > 0 { // the machine may have had more or less to give
				r.OfBet = r.Ratio / b.Ratio
			}
		}
	}
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
		fmt.Fprintf(&line, " first call p99 %.2f", r.CreateP99)
	}
	if r.OfBet > 0 {
		fmt.Fprintf(&line, " %.2f of bet", r.OfBet)
	}
	if r.Failed > 0 {
		fmt.Fprintf(&line, " FAILED %d", r.Failed)
	}
	line.WriteByte('\n')
	for _, p := range r.Phases {
		fmt.Fprintf(&line, "  %-8s %6.0f/s offered, %6.0f/s done, p50 %.2f, p95 %.2f, p99 %.2f, max %.1f ms, %d refused\n",
			p.Name, p.Rate, p.PerSecond, p.P50, p.P95, p.P99, p.Max, p.Refused)
	}
	if r.Answered > 0 {
		fmt.Fprintf(&line, "  %d bets answered, %d lost\n", r.Answered, r.Lost)
	}
	_, _ = io.WriteString(w, line.String()) // a table that nobody reads
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
