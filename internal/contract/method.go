package contract

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
)

// Method is what the contract says about one RPC beyond its messages. It is made by generated code and never changed.
type Method struct {
	// FullName is the name that gRPC sends: "/oms.v1.OrderService/CreateOrder".
	FullName string
	// Service is "oms.v1.OrderService", Name is "CreateOrder".
	Service, Name string
	// Mutation tells that an idempotency key is required (requirement O-3).
	Mutation bool
	// Streaming tells that the server answers a stream.
	Streaming bool
	// SuccessStatus is the HTTP status of a success.
	SuccessStatus int
	// Scopes must all be carried by the caller's credential.
	Scopes []string
	// Reasons are the machine reasons it can refuse with, beyond those that every method shares.
	Reasons []string
	// Headers are required of every call (requirement P-7).
	Headers []*Header
	// IDs are the fields that must hold an id of a kind (requirement R-3).
	IDs []ID
	// NewRequest and NewResponse make empty messages.
	NewRequest, NewResponse func() proto.Message
}

// SandboxService is the service that there is in the sandbox only.
const SandboxService = "provider.v1.SandboxService"

// Sandboxed tells whether the sandbox has the method: the dialect of providers, but for its streams.
func (m *Method) Sandboxed() bool { return strings.HasPrefix(m.Service, "provider.") && !m.Streaming }

// Document is the path of the OpenAPI document that has the method.
func (m *Method) Document() string {
	switch {
	case strings.HasPrefix(m.Service, "provider."):
		return "/provider" + codec.Document
	case m.Service == "oms.v1.DevService":
		return "/dev" + codec.Document
	default:
		return codec.Document
	}
}

// ID is a field of a request that must read "kind:<uuid>".
type ID struct {
	Field, Kind string
	// In answers the place of the field in a request of the method.
	In func(request proto.Message) *string
}

// WrongKind is the reason of a violation by an id that is not of its field's kind.
const WrongKind = "WRONG_KIND"

// CheckIDs verifies the ids of a request and writes them in their canonical form, in lower case. Both dialects call it before
// anything else looks at the request.
func (m *Method) CheckIDs(request proto.Message) []fault.Violation {
	var violations []fault.Violation
	for i := range m.IDs {
		rule := &m.IDs[i]
		place := rule.In(request)
		canonical, ok := CanonicalID(rule.Kind, *place)
		if !ok {
			violations = append(violations, fault.Violation{
				Field: rule.Field, Reason: WrongKind, Description: `must read "` + rule.Kind + `:<uuid>"`,
			})
			continue
		}
		*place = canonical
	}
	return violations
}

// CanonicalID answers text as an id of a kind; the hexadecimal digits may be of either case.
func CanonicalID(kind, text string) (string, bool) {
	if len(text) <= len(kind) || text[:len(kind)] != kind || text[len(kind)] != ':' {
		return "", false
	}
	uuid := text[len(kind)+1:]
	if _, ok := id.ParseUUID(uuid); ok {
		return text, true
	}
	lower := strings.ToLower(uuid)
	_, ok := id.ParseUUID(lower)
	return kind + ":" + lower, ok
}

// Table finds the methods by their full names.
type Table map[string]*Method

// NewTable makes a table of the lists that generated code holds.
func NewTable(lists ...[]*Method) Table {
	table := Table{}
	for _, list := range lists {
		for _, m := range list {
			table[m.FullName] = m
		}
	}
	return table
}

// Reasons of the faults that are made here.
const (
	ValidationFailed = "VALIDATION_FAILED"
	malformedJSON    = "MALFORMED_JSON"
	keyMissing       = "IDEMPOTENCY_KEY_MISSING"
)

// Invalid is the fault of a request with violations. Its reason is that of the violations where they tell of one kind of
// mistake that concerns the request as a whole, else VALIDATION_FAILED.
func Invalid(violations []fault.Violation) *fault.Fault {
	reason := ValidationFailed
	if allOf(violations, WrongKind) {
		reason = WrongKind
	}
	if allOf(violations, keyMissing) {
		reason = keyMissing
	}
	told, all := violations[0], len(violations) // by the message; it is of what gave the reason
	if last := violations[all-1]; last.Reason == malformedJSON {
		told, reason = last, malformedJSON
	}
	f := fault.New(fault.InvalidArgument, reason, "%s", describe(told))
	if all > 1 {
		f = fault.New(fault.InvalidArgument, reason, "%s (and %d more)", describe(told), all-1)
	}
	f.Violations = violations
	return f.Bounded(violationLimit)
}

// violationLimit is how many violations a refusal tells.
const violationLimit = 50

func allOf(violations []fault.Violation, reason string) bool {
	for i := range violations {
		if violations[i].Reason != reason {
			return false
		}
	}
	return true
}

// Fields of violations of the query, or of the request, as a whole.
const (
	Query   = "query"
	Request = "request"
)

// describe writes a violation as a sentence; a violation of the body as a whole has no field.
func describe(v fault.Violation) string {
	switch v.Field {
	case "":
		return "the body " + v.Description
	case Query, Request:
		return "the " + v.Field + ": " + v.Description
	}
	return v.Field + ": " + v.Description
}
