package edge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/trace"
)

// hashVersion is part of every hash of a command, so that another way to hash is never mistaken for another command.
const hashVersion = 1

// keyLimit is the greatest length of an idempotency key in characters (ruling R-6).
const keyLimit = 255

// Options configures a chain.
type Options struct {
	Authenticate    func(call *Call) (Caller, *fault.Fault)
	Logger          *slog.Logger
	DefaultDeadline time.Duration // for calls that bring none
	MaxDeadline     time.Duration
	MaxInFlight     int64 // unary calls at once; more are RESOURCE_EXHAUSTED
	// Canonical answers what of a request is hashed with its key: without what must not be stored, not even as a hash. The request
	// itself stays as it is; optional.
	Canonical func(request proto.Message) proto.Message
	// Beyond answers what is wrong with single fields of a request and the rules of the contract cannot say. It is told beside what they say,
	// so that all of it is cured at once; where they say nothing, the method itself refuses. Optional.
	Beyond func(request proto.Message) []fault.Violation
	// Sandbox carries out a call that came to the sandbox, which belongs to the tenant of the sandboxes still. It is needed where callers
	// may have access.
	Sandbox func(ctx context.Context, handle func(context.Context) (proto.Message, error)) (proto.Message, error)
	// Observe is told of every call that ended; optional.
	Observe func(ctx context.Context, call *Call, code fault.Code, took time.Duration)
	// Begin opens a span around a call; optional.
	Begin func(ctx context.Context, call *Call) (context.Context, func(f *fault.Fault))
}

// chain implements Chain.
type chain struct {
	Options
	validator protovalidate.Validator
	inFlight  atomic.Int64
}

// NewChain makes the chain that all dialects share.
func NewChain(options Options) (Chain, error) {
	validator, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("validator: %w", err)
	}
	return &chain{Options: options, validator: validator}, nil
}

// Unary implements Chain.
func (c *chain) Unary(ctx context.Context, call *Call, handle func(context.Context) (proto.Message, error)) (proto.Message, error) {
	var answer proto.Message
	err := c.run(ctx, call, func(ctx context.Context, scope *Scope) error {
		if refusal := c.enter(); refusal != nil {
			return refusal
		}
		defer c.inFlight.Add(-1)
		if refusal := c.examine(call, scope); refusal != nil {
			return refusal
		}
		if refusal := c.key(call, scope); refusal != nil {
			return refusal
		}
		ctx, cancel := c.limitTime(ctx)
		defer cancel()
		var err error
		if state.InSandbox(scope.Caller.Tenant) {
			answer, err = c.Sandbox(ctx, handle)
			return err
		}
		answer, err = handle(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Stream implements Chain. The request of a gRPC stream is read by its handler, which has it checked.
func (c *chain) Stream(ctx context.Context, call *Call, handle func(context.Context) error) error {
	return c.run(ctx, call, func(ctx context.Context, scope *Scope) error {
		if refusal := c.examine(call, scope); refusal != nil {
			return refusal
		}
		return handle(ctx)
	})
}

// admitted carries the caller of an admitted call.
type admitted struct{}

// Admit implements Chain.
func (c *chain) Admit(ctx context.Context, call *Call) (context.Context, error) {
	var caller Caller
	refusal := c.guard(ctx, func() error {
		found, refusal := c.admit(call)
		if refusal != nil {
			return refusal
		}
		caller = found
		if !call.Method.Streaming && c.inFlight.Load() >= c.MaxInFlight { // Unary would refuse it too, with the message read
			return c.tooMany()
		}
		return nil
	})
	if refusal != nil {
		return ctx, c.turnAway(ctx, call, refusal)
	}
	return context.WithValue(ctx, admitted{}, caller), nil
}

// AdmittedCaller answers who the context's call was admitted for, for a dialect that has to know before the call is carried out.
func AdmittedCaller(ctx context.Context) (Caller, bool) {
	caller, found := ctx.Value(admitted{}).(Caller)
	return caller, found
}

// Refuse implements Chain.
func (c *chain) Refuse(ctx context.Context, call *Call, err error) error {
	return c.turnAway(ctx, call, c.guard(ctx, func() error {
		if _, unknown := c.Authenticate(call); unknown != nil {
			return unknown
		}
		return err
	}))
}

// turnAway answers a call that run never sees, with its trace and on the record.
func (c *chain) turnAway(ctx context.Context, call *Call, refusal *fault.Fault) *fault.Fault {
	traced := trace.FromHeaders(call.Header)
	traced.Echo("", call.SetHeader)
	call.tellSandbox()
	ctx = trace.With(ctx, traced)
	if c.Observe != nil {
		c.Observe(ctx, call, refusal.Code, 0)
	}
	return c.sign(ctx, refusal, &Scope{Call: call, TraceID: traced.ID})
}

// run is what unary and streaming calls share: trace, recover, authenticate, authorize, observe.
func (c *chain) run(ctx context.Context, call *Call, inner func(context.Context, *Scope) error) error {
	start := time.Now()
	traced := trace.FromHeaders(call.Header)
	traced.Echo("", call.SetHeader)
	scope := &Scope{Call: call, TraceID: traced.ID, validate: c.check, rules: c.rules}
	ctx = WithScope(trace.With(ctx, traced), scope)
	end := func(*fault.Fault) {}
	if c.Begin != nil {
		ctx, end = c.Begin(ctx, call)
	}
	refusal := c.guard(ctx, func() error {
		caller, found := ctx.Value(admitted{}).(Caller)
		if !found {
			var refusal *fault.Fault
			if caller, refusal = c.admit(call); refusal != nil {
				return refusal
			}
		}
		scope.Caller, call.Sandbox = caller, state.InSandbox(caller.Tenant)
		return inner(ctx, scope)
	})
	call.tellSandbox()
	end(refusal)
	code := fault.OK
	if refusal != nil {
		code = refusal.Code
	}
	if c.Observe != nil {
		c.Observe(ctx, call, code, time.Since(start))
	}
	if refusal == nil {
		return nil
	}
	return c.sign(ctx, refusal, scope)
}

// guard turns a panic into INTERNAL: it never reaches a client.
func (c *chain) guard(ctx context.Context, inner func() error) (refusal *fault.Fault) {
	defer func() {
		if cause := recover(); cause != nil {
			c.Logger.ErrorContext(ctx, "a call panicked", "cause", cause, "stack", string(debug.Stack()))
			refusal = fault.From(fmt.Errorf("panic: %v", cause)) //nolint:err113 // for the log only
		}
	}()
	err := inner()
	var told *fault.Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told): // whatever its cause was
		return told
	case status.Code(err) == codes.Unimplemented: // what generated code answers for a method that nobody wrote
		return fault.New(fault.Unimplemented, "NOT_IMPLEMENTED", "this method is not built yet; the request was checked and nothing was done")
	case errors.Is(err, context.Canceled):
		return fault.New(fault.Canceled, "CANCELED", "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.DeadlineExceeded, "DEADLINE_EXCEEDED", "the call's time is over; what became of it tells GetOperation")
	default:
		return fault.From(err)
	}
}

// sign puts the trace id into a refusal that has none (a replayed one keeps its first) and logs what the client is not told.
func (c *chain) sign(ctx context.Context, refusal *fault.Fault, scope *Scope) *fault.Fault {
	if cause := refusal.Unwrap(); cause != nil {
		c.Logger.WarnContext(ctx, "a call failed", "method", MethodName(scope.Call), "reason", refusal.Reason, "cause", cause)
	}
	if refusal.TraceID != "" {
		return refusal
	}
	signed := *refusal
	signed.TraceID = scope.TraceID
	return &signed
}

// MethodName is the method of a call, if it came to one.
func MethodName(call *Call) string {
	if call.Method == nil {
		return ""
	}
	return call.Method.FullName
}

// admit authenticates the caller and checks that it may call the method.
func (c *chain) admit(call *Call) (Caller, *fault.Fault) {
	caller, refusal := c.Authenticate(call)
	if refusal == nil {
		caller, refusal = caller.toSandbox(call)
	}
	if refusal != nil {
		return Caller{}, refusal
	}
	for _, needed := range call.Method.Scopes {
		if !caller.May(needed) {
			return Caller{}, fault.New(fault.PermissionDenied, "SCOPE_MISSING", "the credential lacks the scope %q", needed).With("scope", needed)
		}
	}
	return caller, caller.speaksFor(call)
}

// speaksFor refuses a provider's call for another provider, brand or region than the credential names (requirement P-6). What the headers
// lack is told later, with everything else that is wrong.
func (c Caller) speaksFor(call *Call) *fault.Fault {
	if len(call.Method.Headers) == 0 {
		return nil
	}
	for _, of := range []struct {
		header string
		may    map[string]bool
	}{
		{contract.HeaderProvider, c.Providers}, {contract.HeaderBrand, c.Brands}, {contract.HeaderRegion, c.Regions},
	} {
		for _, value := range call.Header(of.header) {
			if of.may != nil && !of.may[value] {
				return fault.New(fault.PermissionDenied, "ORIGIN_FORBIDDEN", "the credential may not call with this %s", of.header).
					With("header", of.header)
			}
		}
	}
	return nil
}

// enter counts a call in, or refuses it when too many are under way.
func (c *chain) enter() *fault.Fault {
	if c.inFlight.Add(1) > c.MaxInFlight {
		c.inFlight.Add(-1)
		return c.tooMany()
	}
	return nil
}

func (c *chain) tooMany() *fault.Fault {
	return fault.New(fault.ResourceExhausted, "TOO_MANY_REQUESTS", "%d calls are under way; try again", c.MaxInFlight).After(time.Second)
}

// limitTime bounds a call's time.
func (c *chain) limitTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, found := ctx.Deadline()
	switch {
	case !found:
		return context.WithTimeout(ctx, c.DefaultDeadline)
	case time.Until(deadline) > c.MaxDeadline:
		return context.WithTimeout(ctx, c.MaxDeadline)
	default:
		return ctx, func() {}
	}
}

// key reads the idempotency key of a mutation and hashes the command (ruling R-6).
func (c *chain) key(call *Call, scope *Scope) *fault.Fault {
	if !call.Method.Mutation {
		return nil
	}
	key, refusal := readKey(call)
	if refusal != nil {
		return refusal
	}
	request := call.Request
	if c.Canonical != nil {
		request = c.Canonical(request)
	}
	before := append(append(make([]byte, 0, 512), call.Method.FullName...), 0, hashVersion)
	if origin := scope.Origin; origin != (Origin{}) { // the same words of another provider are another command
		before = fmt.Appendf(before, "%q %q %q", origin.Brand, origin.Region, origin.Provider)
	}
	if call.Unreadable != nil { // what of a refused part could not be read is not in the request that was
		for _, violation := range call.Unreadable.Violations {
			before = fmt.Appendf(before, "%q %q ", violation.Field, violation.Reason)
		}
	}
	canonical, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(before, request)
	if err != nil {
		return fault.Invalid("", "INVALID_UTF8", "the request holds text that is not UTF-8")
	}
	scope.Key, scope.Hash, scope.Bytes = key, sha256.Sum256(canonical), len(canonical)
	return nil
}

// readKey answers the one idempotency key of a call. Both headers may stand there if they agree.
func readKey(call *Call) (string, *fault.Fault) {
	field := "Idempotency-Key"
	if len(call.Method.Headers) > 0 {
		field = "X-Idempotency-Key" // as the dialect of providers calls it
	}
	key, found := "", false
	for _, header := range []string{"idempotency-key", "x-idempotency-key"} {
		for _, value := range call.Header(header) {
			value = unquote(value)
			if found && value != key {
				return "", fault.Invalid(field, "IDEMPOTENCY_KEY_AMBIGUOUS", "two keys that differ were sent; send one")
			}
			key, found = value, true
		}
	}
	switch {
	case !found || key == "":
		return "", fault.Invalid(field, "IDEMPOTENCY_KEY_MISSING",
			"every mutation needs a key of 1 to %d printable characters that is the same when the request is repeated", keyLimit)
	case len(key) > keyLimit:
		return "", fault.Invalid(field, "IDEMPOTENCY_KEY_INVALID", "has %d characters, may have %d at most", len(key), keyLimit)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return "", fault.Invalid(field, "IDEMPOTENCY_KEY_INVALID", "may hold printable ASCII characters only; character %d is not one", i+1)
		}
	}
	return key, nil
}

// unquote reads a key as a structured string (draft-ietf-httpapi-idempotency-key): "a" equals a.
func unquote(value string) string {
	value = strings.TrimSpace(value)
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(value[1 : len(value)-1])
}
