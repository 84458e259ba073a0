// Package command is the one way in: everything that changes anything, whoever sent it, is a Command.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Command is one or more steps that are decided in order in one transaction, all or nothing.
type Command struct {
	Tenant    string
	Principal string   // who asks: a credential's name, or the flow, timer or gateway that does
	Key       string   // idempotency key; empty for internal commands, which are idempotent by state
	Hash      [32]byte // of method, canonical command and hash version; compared when the key is seen again
	Method    string   // full gRPC method name, or the flow step's name
	TraceID   string   // 32 hex digits
	Cause     id.UUID  // of the event that it follows from; zero for none
	Deadline  time.Time
	Patience  time.Duration // how long it may wait in a queue that is backed up before it is refused; 0 is until its deadline
	Steps     []Step
	// Look makes the steps of a command that must read first what they name, and their size; nil for most. Whoever submits such a command
	// has it Ready before, anew at each try. It refuses with UNAVAILABLE.
	Look func(context.Context) (steps []Step, size int, refused *fault.Fault)
	// Answer names the row whose final state is the answer; the zero value stands for the first that a step answers with.
	Answer state.Ref
	Size   int // rows that the command may write, for the batch's limit; 0 counts as one a reference
	// Every has all steps that answer do so, each with its row in the order of the steps, instead of the first only. Answer is not
	// looked at then.
	Every bool
	// DryRun has the command decided on the rows as they are and answered as it would be, and then taken back: nothing is stored or
	// told, and its key is neither looked up nor used (requirement X-6).
	DryRun bool
	Bytes  int // of the request as protobuf, for the batch's limit; 0, of internal commands, counts by rows
}

// Ready answers the command with the steps that it has to look for.
func (c Command) Ready(ctx context.Context) (Command, *fault.Fault) {
	if c.Look == nil {
		return c, nil
	}
	var refused *fault.Fault
	c.Steps, c.Size, refused = c.Look(ctx)
	c.Look = nil
	return c, refused
}

// Step is one decision of a command.
type Step struct {
	// Refs names every row that the step may read or change. They are known before anything is loaded.
	Refs []state.Ref
	// Next makes the step's command from the rows as the steps before have left them; nil skips the step.
	Next func(states domain.States) domain.Command
}

// Do is the step of a command that is known beforehand.
func Do(c domain.Command) Step {
	return Step{Refs: c.Refs(), Next: func(domain.States) domain.Command { return c }}
}

// Result is the answer to a command, given after its commit and never before.
type Result struct {
	Fault    *fault.Fault // the refusal; nil after a success
	Row      state.Row    // the answered row, when it was decided here; nil when replayed
	Rows     []state.Row  // the answered rows of a command that asked for every, when they were decided here
	Body     []byte       // the answered resource as it is stored under the key
	At       time.Time    // when it was decided; of a repeat, when the first was
	Replayed bool         // an earlier command with the same key was answered this
}

// Repeat answers a command whose key has an answer: with that answer, or, when it is another command than the one that was answered, with
// a refusal that is not kept, because the key belongs to the first. An error says that the stored refusal cannot be read.
func Repeat(c *Command, answer *state.Answer) (Result, error) {
	if answer.Hash != c.Hash {
		method := strings.TrimPrefix(answer.Method, "/") // as GetOperation tells it
		return Result{Fault: fault.New(fault.AlreadyExists, "IDEMPOTENCY_MISMATCH",
			"the idempotency key %q was used for another request (%s); use a new key", c.Key, method).
			With("idempotency_key", c.Key).With("method", method)}, nil
	}
	result := Result{Body: answer.Body, Replayed: true, At: answer.At}
	if answer.Code != fault.OK {
		result.Fault = new(fault.Fault)
		if err := json.Unmarshal(answer.Body, result.Fault); err != nil {
			return Result{}, fmt.Errorf("read the stored fault of key %q: %w", c.Key, err)
		}
	}
	return result, nil
}
