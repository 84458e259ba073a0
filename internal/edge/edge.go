// Package edge is the way in: it turns a request of any dialect into a command or a read, and a fault into that dialect's
// error. gRPC (grpcapi) and REST (restapi) share one Chain of wrappers and one implementation of the services (service), so a
// rule exists once.
package edge

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Dialects of a Call.
const (
	GRPC = "grpc"
	REST = "rest"
)

// Call is one request on its way in, whatever dialect it came by.
type Call struct {
	Method     *contract.Method
	Header     func(name string) []string // by name, whatever its case
	SetHeader  func(name, value string)
	RemoteAddr string
	Dialect    string
	Internal   bool          // came in by the internal listener
	Sandbox    bool          // came to the sandbox, by its path or as the chain found
	Request    proto.Message // nil for the request of a stream that is not read yet
	Unreadable *fault.Fault  // why the request could not be read, if it could not
}

// Chain runs a call through its wrappers: recover, trace, authenticate, authorize, limit, validate, idempotency key. Errors
// are always faults.
type Chain interface {
	// Admit authenticates and authorizes a call before anything of its request is read: a stranger must not make the process
	// read. The context it answers admits the call to Unary or Stream, which would else ask again.
	Admit(ctx context.Context, call *Call) (context.Context, error)
	// Unary runs a call with one answer. Call.Unreadable refuses it as a rule does that its request breaks.
	Unary(ctx context.Context, call *Call, handle func(ctx context.Context) (proto.Message, error)) (proto.Message, error)
	// Stream runs a call that is answered by a stream.
	Stream(ctx context.Context, call *Call, handle func(ctx context.Context) error) error
	// Refuse gives a request that meant no method, such as one of an unknown path, what every other refusal has: a trace, and
	// authentication, so that a stranger learns nothing of the contract by asking around. Call.Method is nil.
	Refuse(ctx context.Context, call *Call, err error) error
}

// Caller is who asks, as authentication found.
type Caller struct {
	Tenant    string
	Principal string
	Scopes    map[string]bool // nil for all
	Sandbox   SandboxAccess

	// For whom the caller may call as a provider (requirement P-6); nil for all.
	Providers, Brands, Regions map[string]bool
}

// May tells whether the caller carries a scope.
func (c Caller) May(scope string) bool { return c.Scopes == nil || c.Scopes[scope] }

// Scope is what the chain has found out about a call, for the service that carries it out.
type Scope struct {
	Call    *Call
	Caller  Caller
	Key     string   // idempotency key, for mutations
	Hash    [32]byte // of method, canonical command and hash version (ruling R-6)
	Bytes   int      // of the canonical command, for mutations
	TraceID string   // 32 hex digits
	DryRun  bool     // decide only (requirement X-6)

	// Refused are the parts of a request that are refused by themselves, by their places, while the others are carried out.
	Refused map[int]*fault.Fault

	// Origin is what the headers of a provider's call say (requirement P-7); empty where the contract asks for none.
	Origin Origin

	validate func(call *Call, request proto.Message) error
	rules    func(call *Call, message proto.Message) ([]fault.Violation, error)
}

// Origin is on whose behalf a provider calls.
type Origin struct {
	Brand, Region, Provider string
}

type scopeKey struct{}

// WithScope carries a scope in a context.
func WithScope(ctx context.Context, scope *Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope)
}

// ScopeOf answers the scope of a call; every context that the chain hands on has one.
func ScopeOf(ctx context.Context) *Scope {
	scope, found := ctx.Value(scopeKey{}).(*Scope)
	if !found {
		panic("edge: the context did not come through the chain")
	}
	return scope
}
