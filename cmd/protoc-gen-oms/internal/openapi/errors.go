package openapi

import (
	"slices"
	"strings"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
	"github.com/seed-255eabaa/oms/internal/contract"
)

// errorResponse is a response that operations share.
type errorResponse struct {
	status            int
	name, description string
	code, message     string // of the example
	retryable         bool
	retryAfter        bool
	violations        []*object
	applies           func(*model.Method, *model.Binding) bool
}

func takesBody(_ *model.Method, b *model.Binding) bool { return b.TakesBody() }

func always(*model.Method, *model.Binding) bool { return true }

var errorResponses = []errorResponse{
	{
		status: 400, name: "BadRequest", code: "VALIDATION_FAILED", message: "items[0].qty: must be an integer (and 1 more)",
		description: "The request cannot be carried out as it is. All violations are told at once.",
		violations: []*object{
			violation("items[0].qty", "must be an integer", "WRONG_TYPE"),
			violation("currency", "is not a field of this object", "UNKNOWN_FIELD"),
		},
		applies: always,
	},
	{
		status: 401, name: "Unauthenticated", code: "UNAUTHENTICATED", message: "the access token has expired",
		description: "There is no valid access token.", applies: always,
	},
	{
		status: 403, name: "PermissionDenied", code: "PERMISSION_DENIED", message: "the access token lacks the scope orders:write",
		description: "The access token lacks a scope.",
		applies:     func(m *model.Method, _ *model.Binding) bool { return len(m.Options.GetScopes()) > 0 },
	},
	{
		status: 404, name: "NotFound", code: "NOT_FOUND", message: `no order "order:0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f"`,
		description: "There is no such resource, or it belongs to another owner.",
		applies:     func(_ *model.Method, b *model.Binding) bool { return len(b.Path) > 0 },
	},
	{
		status: 408, name: "RequestTimeout", code: "BODY_TIMEOUT", message: "the body did not arrive within 20s", retryable: true,
		description: "The body came too slowly.", applies: takesBody,
	},
	{
		status: 409, name: "Conflict", code: "IDEMPOTENCY_MISMATCH", message: "this idempotency key was used for another command",
		description: "The idempotency key was used for another command (`IDEMPOTENCY_MISMATCH`), or the resource has changed " +
			"meanwhile (`VERSION_CONFLICT`).",
		applies: func(m *model.Method, _ *model.Binding) bool { return m.Options.GetMutation() },
	},
	{
		status: 413, name: "ContentTooLarge", code: "BODY_TOO_LARGE", message: "the body is longer than 1048576 bytes; send less at once",
		description: "The body is longer than the server takes; `metadata.limit_bytes` of the `error_info` names the limit.",
		applies:     takesBody,
	},
	{
		status: 415, name: "UnsupportedMediaType", code: "UNSUPPORTED_MEDIA_TYPE",
		message:     `Content-Type: must be application/json in UTF-8, is "text/plain"`,
		description: "The body is of another type by its `Content-Type`.",
		violations:  []*object{violation("Content-Type", `must be application/json in UTF-8, is "text/plain"`, "UNSUPPORTED_MEDIA_TYPE")},
		applies:     takesBody,
	},
	{
		status: 429, name: "TooManyRequests", code: "RATE_LIMITED", message: "more than 100 requests in a second", retryable: true,
		retryAfter: true, description: "A limit was reached. `Retry-After` says when it makes sense to try again.", applies: always,
	},
	{
		status: 500, name: "Internal", code: "INTERNAL", message: "an internal error occurred; the trace id finds it in the log",
		retryable: true, description: "A fault of the server.", applies: always,
	},
	{
		status: 503, name: "Unavailable", code: "UNAVAILABLE", message: "the store is being opened; try again", retryable: true,
		retryAfter:  true,
		description: "The server cannot answer now. Repeat the request with the same idempotency key.", applies: always,
	},
	{
		status: 504, name: "DeadlineExceeded", code: "DEADLINE_EXCEEDED", message: "the deadline passed", retryable: true,
		description: "It took too long; whether it was carried out is told by repeating the request with the same idempotency key.",
		applies:     always,
	},
}

func violation(field, description, reason string) *object {
	return newObject().set("field", field).set("description", description).set("reason", reason)
}

// sharedResponses are those that an operation of the document has.
func (d *document) sharedResponses() *object {
	responses := newObject()
	for _, e := range errorResponses {
		if !d.answers(e) {
			continue
		}
		info := newObject().
			set("type", "error_info").set("reason", e.code).set("domain", "oms").set("metadata", newObject())
		details := []*object{info}
		if len(e.violations) > 0 {
			details = append(details, newObject().set("type", "bad_request").set("field_violations", e.violations))
		}
		r := newObject().set("description", e.description)
		if e.retryAfter {
			details = append(details, newObject().set("type", "retry_info").set("retry_delay", "1s"))
			r.set("headers", newObject().set("Retry-After", newObject().set("$ref", "#/components/headers/RetryAfter")))
		}
		members := func(o *object) *object {
			return o.set("retryable", e.retryable).set("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736").set("details", details)
		}
		body := members(newObject().set("code", e.code).set("message", e.message))
		problem := members(newObject().
			set("type", "urn:oms:error:"+e.code).set("title", "see code").set("status", e.status).
			set("detail", e.message).set("code", e.code))
		r.set("content", newObject().
			set("application/json", newObject().
				set("schema", newObject().set("$ref", "#/components/schemas/Error")).set("example", body)).
			set("application/problem+json", newObject().
				set("schema", newObject().set("$ref", "#/components/schemas/Problem")).set("example", problem)))
		responses.set(e.name, r)
	}
	return responses
}

// answers tells whether any operation of the document can be refused so.
func (d *document) answers(e errorResponse) bool {
	for _, service := range d.services {
		for _, method := range service.Methods {
			if slices.ContainsFunc(method.Bindings, func(b *model.Binding) bool { return e.applies(method, b) }) {
				return true
			}
		}
	}
	return false
}

// component names a header among the shared parameters.
func component(h *contract.Header) string {
	return strings.ReplaceAll(strings.TrimPrefix(h.Name, "X-"), "-", "")
}

// sharedParameters are the key and the headers that the document's services require.
func (d *document) sharedParameters() *object {
	parameters := newObject()
	for _, service := range d.services {
		for _, h := range service.Headers {
			if !parameters.has(component(h)) {
				parameters.set(component(h), newObject().
					set("name", h.Name).set("in", "header").set("required", true).set("description", h.Description).
					set("schema", newObject().set("type", "string").set("pattern", h.Pattern)).set("example", h.Example))
			}
		}
	}
	other := "Idempotency-Key"
	if d.kind.key == other {
		other = "X-Idempotency-Key"
	}
	return parameters.set("IdempotencyKey", newObject().
		set("name", d.kind.key).set("in", "header").set("required", true).
		set("description", "Names this command: repeating it with the same key answers the first answer and changes nothing again. "+
			"1 to 255 printable characters, kept for at least 24 hours. `\"a\"` in quotes equals `a`. `"+other+"` is "+
			"accepted in its place; two that differ are refused.").
		set("schema", newObject().set("type", "string").set("minLength", 1).set("maxLength", 257)).
		set("example", "6d1f7a0c-2f0e-4a6b-9f52-0c1d2e3f4a5b"))
}

func (d *document) sharedHeaders() *object {
	headers := newObject().
		set("IdempotentReplayed", newObject().
			set("description", "`true` when this is the answer to an earlier request with the same idempotency key.").
			set("schema", newObject().set("type", "string").set("enum", []string{"true"})))
	if d.hasDryRun() {
		headers.set("DryRun", newObject().
			set("description", "`true` when the request was decided only and nothing was stored, because of `dry_run`.").
			set("schema", newObject().set("type", "string").set("enum", []string{"true"})))
	}
	return headers.set("RetryAfter", newObject().
		set("description", "Seconds after which it makes sense to try again.").
		set("schema", newObject().set("type", "integer").set("minimum", 1)))
}

// hasDryRun tells whether anything of the document can be decided only.
func (d *document) hasDryRun() bool {
	for _, service := range d.services {
		if slices.ContainsFunc(service.Methods, canDryRun) {
			return true
		}
	}
	return false
}

func canDryRun(method *model.Method) bool { return model.Field(method.Input, "dry_run") != nil }

// errorSchemas are the two forms of an error (application/json and application/problem+json).
func errorSchemas(into *object) {
	str := func(description string) *object {
		return newObject().set("type", "string").set("description", description)
	}
	rest := func(o *object) *object {
		return o.
			set("retryable", newObject().set("type", "boolean").set("description", "The same request can succeed later, unchanged.")).
			set("trace_id", str("Finds the request in the server's log.")).
			set("details", newObject().set("type", "array").set("items", newObject().set("$ref", "#/components/schemas/ErrorDetail")))
	}
	into.set("Error", newObject().
		set("type", "object").set("description", "Why a request was refused.").
		set("required", []string{"code", "message", "retryable", "trace_id", "details"}).
		set("properties", rest(newObject().
			set("code", str("Machine reason; it does not change.").set("pattern", "^[A-Z][A-Z0-9_]*[A-Z0-9]$")).
			set("message", str("Reason in words, for a developer.")))))
	into.set("Problem", newObject().
		set("type", "object").set("description", "Why a request was refused, as a problem of RFC 9457.").
		set("required", []string{"type", "title", "status", "detail", "code", "retryable", "trace_id", "details"}).
		set("properties", rest(newObject().
			set("type", str("`urn:oms:error:` and the code.")).
			set("title", str("The code in words.")).
			set("status", newObject().set("type", "integer").set("description", "The HTTP status.")).
			set("detail", str("Reason in words, for a developer.")).
			set("code", str("Machine reason; it does not change.")))))
	into.set("ErrorDetail", errorDetail(str))
}

func errorDetail(str func(string) *object) *object {
	strict := func(names ...string) *object {
		properties := newObject()
		for _, name := range names {
			properties.set(name, newObject().set("type", "string"))
		}
		return newObject().set("type", "array").
			set("items", newObject().set("type", "object").set("required", names).set("properties", properties))
	}
	variant := func(kind string, required string, members func(*object) *object) *object {
		return newObject().set("type", "object").set("title", kind).
			set("required", []string{"type", required}).
			set("properties", members(newObject().set("type", newObject().set("const", kind))))
	}
	return newObject().
		set("description", "One detail; its members depend on its type. Types that a client does not know are to be ignored.").
		set("oneOf", []*object{
			variant("error_info", "reason", func(o *object) *object {
				return o.set("reason", str("The code.")).set("domain", str("Always `oms`.")).
					set("metadata", newObject().set("type", "object").set("description", "The variables of the message.").
						set("additionalProperties", newObject().set("type", "string")))
			}),
			variant("bad_request", "field_violations", func(o *object) *object {
				return o.set("field_violations", strict("field", "description", "reason"))
			}),
			variant("precondition_failure", "violations", func(o *object) *object {
				return o.set("violations", strict("type", "subject", "description"))
			}),
			variant("quota_failure", "violations", func(o *object) *object {
				return o.set("violations", strict("subject", "description"))
			}),
			variant("retry_info", "retry_delay", func(o *object) *object {
				return o.set("retry_delay", str("Seconds, such as `1.5s`."))
			}),
		})
}
