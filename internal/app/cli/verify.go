package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/app"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/telemetry"
)

// verify is `oms verify`.
type verify struct {
	config.Storage
	JSON bool `name:"json" env:"-" help:"Write the findings as JSON."`
}

// Run checks the invariants; an exit code of 1 says that one is violated, 3 that they could not be checked.
func (v *verify) Run(c *console, ctx *contextOf) error {
	findings, err := app.Verify(ctx, v.Storage)
	if err != nil {
		return failure{exitNotChecked, fmt.Errorf("verify: %w", err)}
	}
	if len(findings) == 0 {
		return failure{exitNotChecked, fmt.Errorf("verify: the store checked nothing")}
	}
	var violated int
	if v.JSON {
		violated, err = writeFindings(c.out, findings)
	} else {
		violated = printFindings(c.out, findings)
	}
	if err != nil {
		return failure{exitNotChecked, err}
	}
	if violated > 0 {
		return failure{exitFailed, nil}
	}
	return nil
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
}

func writeFindings(w io.Writer, findings []state.Finding) (violated int, err error) {
	list := make([]finding, len(findings))
	for i, f := range findings {
		list[i] = finding{Invariant: f.Invariant, Checked: f.Checked, OK: f.Violation == "", Violation: f.Violation}
		if f.Violation != "" {
			violated++
		}
	}
	return violated, writeJSON(w, list)
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
