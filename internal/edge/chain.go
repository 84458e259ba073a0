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
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
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
		if call.Unreadable != nil {
			tellRanges(call.Method, call.Unreadable)
			return call.Unreadable
		}
		scope.tellDryRun()
		if err := scope.Check(call.Request); err != nil {
			return err
		}
		if refusal := c.key(call, scope); refusal != nil {
			return refusal
		}
		ctx, cancel := c.limitTime(ctx)
		defer cancel()
		var err error
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
		if call.Unreadable != nil {
			return call.Unreadable
		}
		if call.Request != nil {
			if err := scope.Check(call.Request); err != nil {
				return err
			}
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
	scope := &Scope{Call: call, TraceID: traced.ID, validate: c.check}
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
		scope.Caller = caller
		return inner(ctx, scope)
	})
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
	if refusal != nil {
		return Caller{}, refusal
	}
	for _, needed := range call.Method.Scopes {
		if !caller.May(needed) {
			return Caller{}, fault.New(fault.PermissionDenied, "SCOPE_MISSING", "the credential lacks the scope %q", needed).With("scope", needed)
		}
	}
	return caller, nil
}

// enter counts a call in, or refuses it when too many are under way.
func (c *chain) enter() *fault.Fault {
	if c.inFlight.Add(1) > c.MaxInFlight {
		c.inFlight.Add(-1)
		return fault.New(fault.ResourceExhausted, "TOO_MANY_REQUESTS", "%d calls are under way; try again", c.MaxInFlight).After(time.Second)
	}
	return nil
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

// check validates a request by the rules in the contract; all violations are answered at once, of each field the first.
func (c *chain) check(call *Call, request proto.Message) error {
	violations := call.Method.CheckIDs(request)
	err := c.validator.Validate(request)
	var invalid *protovalidate.ValidationError
	switch {
	case errors.As(err, &invalid):
		for _, violation := range invalid.Violations {
			violations = addOnce(violations, translate(call, violation))
		}
	case err != nil:
		return fault.From(err)
	}
	if len(violations) == 0 {
		return nil
	}
	return contract.Invalid(violations)
}

// addOnce adds what is wrong with a field unless something is told of it already: one cure is enough. What follows each other is about
// the same field, but for ids, which come first.
func addOnce(violations []fault.Violation, next fault.Violation) []fault.Violation {
	for i := len(violations) - 1; i >= 0 && i >= len(violations)-onceWithin; i-- {
		if violations[i].Field == next.Field {
			return violations
		}
	}
	return append(violations, next)
}

// onceWithin bounds the search of addOnce, which must not take its square of a long list.
const onceWithin = 8

// patterns says in words what the patterns of the contract ask for.
var patterns = map[string]string{
	"^[A-Z]{3}$": "must be an ISO 4217 code of three capital letters",
	`^[^\x00]*$`: "must not hold the character NUL",
	"^(?:[.]*[A-Za-z0-9_:~-](?:[A-Za-z0-9._:~ -]*[A-Za-z0-9._:~-])?|[.]+ [A-Za-z0-9._:~ -]*[A-Za-z0-9._:~-])$": "must be 1 to 128 characters " +
		"of A-Z a-z 0-9 . _ : ~ - and space, without a space at either end, and not only dots",
}

// translate writes a violation of a rule as the field, what is wrong and what would be right.
func translate(call *Call, violation *protovalidate.Violation) fault.Violation {
	description, field := violation.Proto.GetMessage(), protovalidate.FieldPathString(violation.Proto.GetField())
	at := fieldAt(call.Method, field)
	switch {
	case field == "" && call.Dialect == REST && !call.Method.Mutation:
		field = contract.Query
	case field == "":
		field = contract.Request
	case at != nil && at.Enum() != nil && strings.HasPrefix(violation.Proto.GetRuleId(), "enum."):
		description = "name one of " + choices(at.Enum())
	case strings.HasSuffix(violation.Proto.GetRuleId(), ".not_in"):
		description = "must not be " + violation.FieldValue.String()
	case violation.Proto.GetRuleId() == "required":
		description = "is required"
		if kind := violation.FieldDescriptor.Kind(); kind == protoreflect.Int64Kind || kind == protoreflect.Int32Kind {
			description = codec.RequiredEvenZero
		}
	case violation.RuleValue.IsValid() && violation.Proto.GetRuleId() == "string.pattern":
		if words, found := patterns[violation.RuleValue.String()]; found {
			description = words
		}
	}
	return fault.Violation{
		Field:       field,
		Description: description,
		Reason:      strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(violation.Proto.GetRuleId())),
	}
}

// choices lists the values of an enum but the first, which stands for none.
func choices(enum protoreflect.EnumDescriptor) string {
	var names []string
	for i := 1; i < enum.Values().Len(); i++ {
		names = append(names, string(enum.Values().Get(i).Name()))
	}
	return strings.Join(names, ", ")
}

// Check validates a request whose reading the chain did not see.
func (s *Scope) Check(request proto.Message) error { return s.validate(s.Call, request) }

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
	canonical, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(
		append(append(make([]byte, 0, 512), call.Method.FullName...), 0, hashVersion), request)
	if err != nil {
		return fault.Invalid("", "INVALID_UTF8", "the request holds text that is not UTF-8")
	}
	scope.Key, scope.Hash, scope.Bytes = key, sha256.Sum256(canonical), len(canonical)
	return nil
}

// readKey answers the one idempotency key of a call. Both headers may stand there if they agree.
func readKey(call *Call) (string, *fault.Fault) {
	const field = "Idempotency-Key"
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
