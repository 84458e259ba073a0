package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/telemetry"
)

// verify is `oms verify`.
type verify struct {
	config.Verification
	FailOnStuck bool `env:"-" help:"Exit with 4 when all invariants hold and orders or payments of players are stuck."`
	JSON        bool `name:"json" env:"-" help:"Write the findings as JSON."`
}

// stuckNamed is how many stuck orders are named.
const stuckNamed = 20

// stuckSentence stands beside the invariants. That an order waits is a warning: its gateway may be down, and nothing is wrong.
const stuckSentence = "no order or payment of a player waits in a step for longer than its limit, or has an open dead letter"

// Run checks the invariants; an exit code of 1 says that one is violated, 3 that they could not be checked, 4 that orders are stuck and
// that this was to fail.
func (v *verify) Run(c *console, ctx *contextOf) error {
	findings, err := app.Verify(ctx, v.Storage)
	if err != nil {
		return failure{exitNotChecked, fmt.Errorf("verify: %w", err)}
	}
	if len(findings) == 0 {
		return failure{exitNotChecked, fmt.Errorf("verify: the store checked nothing")}
	}
	stuck, payments, err := app.Stuck(ctx, v.Storage, v.StuckLimits, stuckNamed)
	if err != nil {
		return failure{exitNotChecked, fmt.Errorf("verify: %w", err)}
	}
	var violated int
	if v.JSON {
		violated, err = writeFindings(c.out, findings, stuck, payments)
	} else {
		violated = printFindings(c.out, findings)
		printStuck(c.out, stuck)
		printStuckOfPlayers(c.out, payments)
	}
	switch {
	case err != nil:
		return failure{exitNotChecked, err}
	case violated > 0:
		return failure{exitFailed, nil}
	case v.FailOnStuck && stuck.Count+payments.Count > 0:
		return failure{exitStuck, nil}
	}
	return nil
}

// printStuck warns of orders that wait for too long.
func printStuck(w io.Writer, stuck state.StuckOrders) {
	if stuck.Count == 0 {
		say(w, "None of the %s orders under way is stuck.\n", thousands(stuck.UnderWay))
		return
	}
	say(w, "\nWARNING: of %s orders under way, these are stuck: %s. oms orders stuck tells what to do.\n\n", thousands(stuck.UnderWay),
		thousands(stuck.Count))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say(table, "ORDER\tTENANT\tWAITS FOR\tSINCE\tLAST ERROR\n")
	for _, o := range stuck.Orders {
		say(table, "%s\n", strings.Join([]string{o.OrderID, o.Tenant, o.Step, o.Since.Format(time.RFC3339), shorten(o.Error)}, "\t"))
	}
	_ = table.Flush() // the terminal may be gone
	if more := stuck.Count - int64(len(stuck.Orders)); more > 0 {
		say(w, "… and %s more, which wait for less long.\n", thousands(more))
	}
}

// printStuckOfPlayers warns of payments of players that wait for too long.
func printStuckOfPlayers(w io.Writer, stuck state.StuckPayments) {
	if stuck.Count == 0 {
		return
	}
	say(w, "\nWARNING: these payments of players are stuck: %s. oms orders stuck tells what to do.\n\n", thousands(stuck.Count))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say(table, "PAYMENT\tTENANT\tTYPE\tWAITS FOR\tSINCE\tLAST ERROR\n")
	for _, p := range stuck.Payments {
		say(table, "%s\n", strings.Join([]string{
			p.PaymentID, p.Tenant, p.Type.String(), p.Step, p.Since.Format(time.RFC3339), shorten(p.Error),
		}, "\t"))
	}
	_ = table.Flush() // the terminal may be gone
	if more := stuck.Count - int64(len(stuck.Payments)); more > 0 {
		say(w, "… and %s more, which wait for less long.\n", thousands(more))
	}
}

// printFindings writes a table and answers how many invariants are violated.
func printFindings(w io.Writer, findings []state.Finding) (violated int) {
	width := len("ROWS")
	for _, f := range findings {
		width = max(width, len(thousands(f.Checked)))
	}
	say(w, "%-9s  %*s  %s\n", "RESULT", width, "ROWS", "INVARIANT")
	for _, f := range findings {
		result := "ok"
		if f.Violation != "" {
			result = "VIOLATED"
			violated++
		}
		say(w, "%-9s  %*s  %s\n", result, width, thousands(f.Checked), f.Invariant)
		for line := range strings.Lines(f.Violation) {
			say(w, "%-9s  %*s    ! %s\n", "", width, "", strings.TrimRight(line, "\n"))
		}
	}
	if violated > 0 {
		say(w, "\n%d of %d invariants are violated.\n", violated, len(findings))
	} else {
		say(w, "\nAll %d invariants hold.\n", len(findings))
	}
	return violated
}

// finding is a finding as scripts read it.
type finding struct {
	Invariant string `json:"invariant"`
	Checked   int64  `json:"checked"`
	OK        bool   `json:"ok"`
	Violation string `json:"violation,omitempty"`
	// Warning and the stuck ones are those of the last entry, which is no invariant: it is always ok.
	Warning       string         `json:"warning,omitempty"`
	Stuck         []stuckOrder   `json:"stuck,omitempty"`
	StuckPayments []stuckPayment `json:"stuck_payments,omitempty"`
}

// stuckOrder is a stuck order as scripts read it.
type stuckOrder struct {
	OrderID  string    `json:"order_id"`
	TenantID string    `json:"tenant_id"`
	Step     string    `json:"step"`
	Since    time.Time `json:"since"`
	Error    string    `json:"last_error,omitempty"`
}

// stuckPayment is a stuck payment of a player as scripts read it.
type stuckPayment struct {
	PaymentID string    `json:"payment_id"`
	TenantID  string    `json:"tenant_id"`
	PlayerID  string    `json:"player_id"`
	Type      string    `json:"type"`
	Step      string    `json:"step"`
	Since     time.Time `json:"since"`
	Error     string    `json:"last_error,omitempty"`
}

func writeFindings(w io.Writer, findings []state.Finding, stuck state.StuckOrders, payments state.StuckPayments) (violated int, err error) {
	list := make([]finding, len(findings), len(findings)+1)
	for i, f := range findings {
		list[i] = finding{Invariant: f.Invariant, Checked: f.Checked, OK: f.Violation == "", Violation: f.Violation}
		if f.Violation != "" {
			violated++
		}
	}
	last := finding{Invariant: stuckSentence, Checked: stuck.UnderWay, OK: true}
	if stuck.Count > 0 {
		last.Warning = fmt.Sprintf("%d orders are stuck", stuck.Count)
	}
	if payments.Count > 0 {
		last.Warning = strings.TrimPrefix(fmt.Sprintf("%s; %d payments of players are stuck", last.Warning, payments.Count), "; ")
	}
	for _, p := range payments.Payments {
		last.StuckPayments = append(last.StuckPayments, stuckPayment{
			PaymentID: p.PaymentID, TenantID: p.Tenant, PlayerID: p.PlayerID, Type: p.Type.String(), Step: p.Step, Since: p.Since, Error: p.Error,
		})
	}
	for _, o := range stuck.Orders {
		last.Stuck = append(last.Stuck, stuckOrder{OrderID: o.OrderID, TenantID: o.Tenant, Step: o.Step, Since: o.Since, Error: o.Error})
	}
	return violated, writeJSON(w, append(list, last))
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// thousands writes a count with commas.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// migrate is `oms migrate`.
type migrate struct {
	config.Storage
}

// Run brings the tables up to date.
func (m *migrate) Run(c *console, ctx *contextOf) error {
	if err := app.Migrate(ctx, m.Storage); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	say(c.out, "The tables of %s are up to date.\n", m.Store)
	return nil
}

// ver is `oms version`.
type ver struct {
	JSON bool `name:"json" env:"-" help:"Write it as JSON."`
}

// Run tells the version.
func (v *ver) Run(c *console) error {
	version, commit := telemetry.Build()
	if v.JSON {
		return writeJSON(c.out, map[string]string{"version": version, "commit": commit})
	}
	say(c.out, "oms %s, commit %s\n", version, commit)
	return nil
}
