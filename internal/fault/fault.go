// Package fault is the one coded error of the system. Domains, pipeline and edges refuse with it; only the edges translate it,
// once, to a gRPC status or an HTTP body (requirements R-5, V-4). It knows no transport beyond the code numbers, which are
// those of google.rpc.Code.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"
)

// Code classes a fault; the numbers are those of google.rpc.Code.
type Code uint8

// The codes of google.rpc.Code.
const (
	OK                 Code = 0
	Canceled           Code = 1
	Unknown            Code = 2
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

// Violation names one bad field, what is wrong with its value and what would be right.
type Violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Reason      string `json:"reason,omitempty"`
}

// Precondition names a state that the request needed and did not find.
type Precondition struct {
	Type        string `json:"type"`
	Subject     string `json:"subject"`
	Description string `json:"description"`
}

// Fault is a refusal with everything that a client needs to act on it. The JSON form is how a refusal is stored under its
// idempotency key; the cause is for logs only and never leaves the process (requirement V-5).
type Fault struct {
	Code          Code              `json:"code"`
	Reason        string            `json:"reason"`
	Message       string            `json:"message"`
	Violations    []Violation       `json:"violations,omitempty"`
	Preconditions []Precondition    `json:"preconditions,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	RetryAfter    time.Duration     `json:"retry_after,omitempty"`
	TraceID       string            `json:"trace_id,omitempty"`

	cause error
}

// New makes a fault. Reason is the machine code, of the form [A-Z][A-Z0-9_]+[A-Z0-9].
func New(code Code, reason, format string, arguments ...any) *Fault {
	message := format
	if len(arguments) > 0 {
		message = fmt.Sprintf(format, arguments...)
	}
	return &Fault{Code: code, Reason: reason, Message: message}
}

// Error implements error.
func (f *Fault) Error() string {
	if f.cause != nil {
		return f.Reason + ": " + f.Message + ": " + f.cause.Error()
	}
	return f.Reason + ": " + f.Message
}

// Unwrap answers the cause.
func (f *Fault) Unwrap() error { return f.cause }

// With adds a variable of the message to the metadata (AIP-193) and answers the same fault.
func (f *Fault) With(name, value string) *Fault {
	if f.Metadata == nil {
		f.Metadata = map[string]string{}
	}
	f.Metadata[name] = value
	return f
}

// Because records the cause for the log and answers the same fault.
func (f *Fault) Because(cause error) *Fault {
	f.cause = cause
	return f
}

// Violating adds a field violation and answers the same fault.
func (f *Fault) Violating(field, reason, format string, arguments ...any) *Fault {
	description := format
	if len(arguments) > 0 {
		description = fmt.Sprintf(format, arguments...)
	}
	f.Violations = append(f.Violations, Violation{Field: field, Description: description, Reason: reason})
	return f
}

// Citing adds what stands against a part of the request, whose refusal by itself would be cause, and answers the same fault.
func (f *Fault) Citing(field, part string, cause *Fault) *Fault {
	words := cause.Message
	if len(cause.Violations) > 0 {
		words = cause.Violations[0].Description
	}
	f.Violations = append(f.Violations, Violation{Field: field, Description: part + ": " + words, Reason: cause.Reason})
	return f
}

// Needing adds an unmet precondition and answers the same fault.
func (f *Fault) Needing(kind, subject, description string) *Fault {
	f.Preconditions = append(f.Preconditions, Precondition{Type: kind, Subject: subject, Description: description})
	return f
}

// After says when a retry makes sense and answers the same fault.
func (f *Fault) After(wait time.Duration) *Fault {
	f.RetryAfter = wait
	return f
}

// Retryable tells whether the same request can succeed later without a change.
func (f *Fault) Retryable() bool {
	switch f.Code {
	case Unavailable, DeadlineExceeded, ResourceExhausted, Internal:
		return true
	case Aborted: // what a newer version stands in the way of must be decided anew
		return f.Reason != "VERSION_CONFLICT"
	default:
		return false
	}
}

// Stored tells whether the refusal is final and is kept under its idempotency key (requirement R-7).
func (f *Fault) Stored() bool {
	switch f.Code {
	case Unavailable, DeadlineExceeded, Aborted, ResourceExhausted, Internal, Canceled, Unauthenticated, Unknown:
		return false
	default:
		return true
	}
}

// From answers err as a fault: itself when it is one, else INTERNAL with the cause hidden from the client.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return New(Internal, "INTERNAL", "an internal error occurred; the trace id finds it in the log").Because(err)
}

// NotFoundf is NOT_FOUND for a resource that is absent or belongs to another owner (requirement R-9).
func NotFoundf(kind, name string) *Fault {
	return New(NotFound, "NOT_FOUND", "no %s %q", kind, name).With("resource_type", kind).With("resource_name", name)
}

// Invalid is INVALID_ARGUMENT for one field; an empty one is the request as a whole.
func Invalid(field, reason, format string, arguments ...any) *Fault {
	f := New(InvalidArgument, reason, format, arguments...)
	if field != "" {
		f.Message = field + ": " + f.Message
	}
	return f.Violating(field, reason, format, arguments...)
}

// Bounded answers the fault with so many of its violations at most; where it leaves some out, its metadata counts them all.
func (f *Fault) Bounded(most int) *Fault {
	all := len(f.Violations)
	if all <= most {
		return f
	}
	bounded := *f
	bounded.Violations, bounded.Metadata = f.Violations[:most:most], maps.Clone(f.Metadata)
	if bounded.Metadata["violations"] == "" {
		bounded.With("violations", strconv.Itoa(all))
	}
	return &bounded
}

// codeNames are the names of google.rpc.Code.
var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED",
}

// String names the code as google.rpc.Code does.
func (c Code) String() string {
	if int(c) >= len(codeNames) {
		return "UNKNOWN"
	}
	return codeNames[c]
}
