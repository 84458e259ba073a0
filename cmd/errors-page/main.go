// Command errors-page writes docs/errors.md from the catalogue of reasons (internal/fault) to its output. scripts/generate runs it.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	write(out)
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "errors-page:", err)
		os.Exit(1)
	}
}

const introduction = `<!-- Generated from internal/fault/reasons.go by scripts/generate; do not edit. -->

# Errors

Every refusal names its reason: ` + "`code`" + ` of a REST answer, ` + "`reason`" + ` of the ` + "`ErrorInfo`" + ` of a gRPC status. A reason
keeps its meaning for ever; new ones may join, so a client treats one that it does not know by its gRPC code or HTTP status.

## Which of several

A request is looked at in stages, and is refused at the first that it does not pass. So what no change of the request can cure comes
before what one can, and the version comes last: a newer version is worth reading only for a request that would be carried out.
RefundOrder must read the order for CURRENCY_MISMATCH, and finds it among the conditions.

`

const cures = `
A cure leads on to later stages, or to the reasons that stand in its last column, and never back: the graph of them has no cycle, which
internal/fault's tests check. "Final" has no cure while things stand as they do. "Retry" is the answer's ` + "`retryable`" + `: the same
request with the same idempotency key can succeed later.

## Reasons

`

// write writes the page.
func write(w io.Writer) {
	say(w, "%s", introduction)
	say(w, "| stage | reasons |\n|---|---|\n")
	for stage := fault.Connection; stage <= fault.Version; stage++ {
		say(w, "| %s | %s |\n", stage, codes(of(stage)))
	}
	say(w, "\nWhere a request of these methods is wrong in several ways at once, it is told in this order:\n\n| method | order |\n|---|---|\n")
	for _, order := range fault.Orders() {
		say(w, "| `%s` | %s |\n", order.Method, strings.Join(order.Reasons, ", "))
	}
	say(w, "%s", cures)
	say(w, "| reason | gRPC | HTTP | retry | cause | cure | may lead to |\n|---|---|---|---|---|---|---|\n")
	for _, entry := range fault.Catalogue() {
		if !entry.Internal {
			row(w, &entry)
		}
	}
	say(w, "\n## Reasons of fields\n\nA violation in `field_violations` has one of the reasons above, the name of a rule of the contract in\n"+
		"capitals (`STRING_MIN_LEN`, `REPEATED_MAX_ITEMS`, `INT32_GTE`, `REQUIRED` …), or one of these:\n\n| reason | cause |\n|---|---|\n")
	for _, field := range fault.FieldReasons() {
		say(w, "| `%s` | %s |\n", field.Reason, field.Cause)
	}
	say(w, "\n## Inside\n\nThe system's own commands are refused with these too; they are tried again or become dead letters, and no caller is told "+
		"them.\n\n| reason | gRPC | cause | then |\n|---|---|---|---|\n")
	for _, entry := range fault.Catalogue() {
		if entry.Internal {
			say(w, "| `%s` | %s | %s | %s |\n", entry.Reason, entry.Code, entry.Cause, entry.Cure)
		}
	}
}

func row(w io.Writer, entry *fault.Entry) {
	status := entry.Status
	if status == 0 {
		status = contract.HTTPStatus(entry.Code)
	}
	retry, cure := "", entry.Cure
	if entry.Retryable() {
		retry = "yes"
	}
	if entry.Final {
		cure = "Final. " + cure
	}
	cause := entry.Cause
	if entry.Announced {
		cause += " Announced; nothing is refused so yet."
	}
	say(w, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
		entry.Reason, entry.Code, strconv.Itoa(status), retry, cause, cure, strings.Join(entry.Raises, ", "))
}

// of lists the reasons of a stage that callers are told.
func of(stage fault.Stage) []string {
	var reasons []string
	for _, entry := range fault.Catalogue() {
		if entry.Stage == stage && !entry.Internal {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}

func codes(reasons []string) string { return "`" + strings.Join(reasons, "`, `") + "`" }

func say(w io.Writer, format string, arguments ...any) {
	_, _ = fmt.Fprintf(w, format, arguments...) // main learns of it by Flush
}
