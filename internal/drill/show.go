package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Results of a case.
const (
	Pass    = "PASS"
	Fail    = "FAIL"
	Skipped = "SKIPPED"
)

// Verdict is what became of a case.
type Verdict struct {
	Name    string   `json:"name"`
	Did     string   `json:"did"`
	Numbers string   `json:"numbers"` // what was counted, or why the case was skipped
	Result  string   `json:"result"`
	Seconds float64  `json:"seconds"`
	Reasons []string `json:"reasons,omitempty"` // the first violations
	Orders  []string `json:"orders,omitempty"`  // those to look at, the first of them
}

// Report is what a drill tells.
type Report struct {
	Run       string    `json:"run"` // names the customers and SKUs of this drill
	Processes int       `json:"processes"`
	Seconds   float64   `json:"seconds"`
	Passed    int       `json:"passed"`
	Failed    int       `json:"failed"`
	Skipped   int       `json:"skipped"`
	Verdicts  []Verdict `json:"verdicts"`
}

func newReport(w *world, verdicts []Verdict, took time.Duration) *Report {
	r := &Report{Run: w.run, Processes: len(w.clients), Seconds: took.Seconds(), Verdicts: verdicts}
	for i := range verdicts {
		switch verdicts[i].Result {
		case Pass:
			r.Passed++
		case Fail:
			r.Failed++
		default:
			r.Skipped++
		}
	}
	return r
}

// write writes the report for a person, or as JSON.
func (r *Report) write(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r) //nolint:wrapcheck // the caller says what it wrote
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%-8s  %-16s  %7s  %s\n", "RESULT", "CASE", "SECONDS", "WHAT WAS DONE, AND THE NUMBERS")
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		fmt.Fprintf(&text, "%-8s  %-16s  %7.1f  %s\n", v.Result, v.Name, v.Seconds, v.Did)
		if v.Numbers != "" {
			fmt.Fprintf(&text, "%37s%s\n", "", v.Numbers)
		}
		for _, reason := range v.Reasons {
			fmt.Fprintf(&text, "%37s! %s\n", "", reason)
		}
		if len(v.Orders) > 0 {
			fmt.Fprintf(&text, "%37slook at %s\n", "", strings.Join(v.Orders, "\n"+strings.Repeat(" ", 45)))
		}
	}
	fmt.Fprintf(&text, "\n%d passed, %d failed, %d skipped; %s against %d process(es), %.0f s.\n",
		r.Passed, r.Failed, r.Skipped, r.Run, r.Processes, r.Seconds)
	_, err := io.WriteString(out, text.String())
	return err //nolint:wrapcheck // as above
}
