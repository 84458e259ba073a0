package restapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Media types.
const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	eventType   = "text/event-stream"
)

// Header values that every answer shares; net/http only reads them.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// Reasons of what HTTP itself refuses, with or without a method that was meant.
const (
	routeNotFound    = "ROUTE_NOT_FOUND"
	methodNotAllowed = "METHOD_NOT_ALLOWED"
	bodyTimeout      = "BODY_TIMEOUT"
	bodyTooLarge     = "BODY_TOO_LARGE"
	unsupportedType  = "UNSUPPORTED_MEDIA_TYPE"
)

// statusOf is the status of a fault: the one that HTTP has a word of its own for (RFC 9110), else that of its code (requirement V-4).
func statusOf(f *fault.Fault) int {
	if entry := fault.Find(f.Reason); entry != nil && entry.Status != 0 {
		return entry.Status
	}
	return contract.HTTPStatus(f.Code)
}

func itoa(n int) string { return strconv.Itoa(n) }

// limitWrite bounds the time for a client to take an answer; net/http lifts the deadline after the request.
func (h *Handler) limitWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.options.WriteTimeout)) // not every test's writer can
}

// respond writes a whole answer within the time that a client has to take it. Answers tell of one caller's business at one
// moment, so nothing may keep them.
func (h *Handler) respond(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h.limitWrite(w)
	header := w.Header()
	header["Content-Type"] = []string{mediaType}
	header["Content-Length"] = []string{itoa(len(body))}
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // it is JSON by its type; a client that has gone away needs no answer
}

// fail answers with a fault: the body of ruling R-5 or, where the client asks for it, the problem of RFC 9457.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.From(err)
	status := statusOf(f)
	if wait := edge.RetryDelay(f); wait > 0 {
		w.Header().Set("Retry-After", itoa(int((wait+time.Second-1)/time.Second)))
	}
	if status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if wantsProblem(r) {
		h.respond(w, status, problemType, appendProblem(nil, status, f))
		return
	}
	h.respond(w, status, jsonType, appendFault(nil, f))
}

func wantsProblem(r *http.Request) bool {
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, problemType) {
			return true
		}
	}
	return false
}

// appendFault writes {"code","message","retryable","trace_id","details"}.
func appendFault(b []byte, f *fault.Fault) []byte {
	b = append(b, `{"code":`...)
	b = codec.AppendString(b, f.Reason)
	b = append(b, `,"message":`...)
	b = codec.AppendString(b, f.Message)
	b = appendRest(b, f)
	return append(b, '}')
}

// appendProblem writes a problem of RFC 9457 with the members of ruling R-5 as extensions.
func appendProblem(b []byte, status int, f *fault.Fault) []byte {
	b = append(b, `{"type":`...)
	b = codec.AppendString(b, "urn:oms:error:"+f.Reason)
	b = append(b, `,"title":`...)
	b = codec.AppendString(b, strings.ReplaceAll(strings.ToLower(f.Reason), "_", " "))
	b = append(b, `,"status":`...)
	b = codec.AppendInt(b, int64(status))
	b = append(b, `,"detail":`...)
	b = codec.AppendString(b, f.Message)
	b = append(b, `,"code":`...)
	b = codec.AppendString(b, f.Reason)
	b = appendRest(b, f)
	return append(b, '}')
}

func appendRest(b []byte, f *fault.Fault) []byte {
	b = append(b, `,"retryable":`...)
	b = codec.AppendBool(b, f.Retryable())
	b = append(b, `,"trace_id":`...)
	b = codec.AppendString(b, f.TraceID)
	b = append(b, `,"details":[`...)
	for i, detail := range edge.Details(f) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDetail(b, detail)
	}
	return append(b, ']')
}

// appendDetail writes one detail as an object that names its type.
func appendDetail(b []byte, detail proto.Message) []byte {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		b = append(b, `{"type":"error_info","reason":`...)
		b = codec.AppendString(b, d.GetReason())
		b = append(b, `,"domain":`...)
		b = codec.AppendString(b, d.GetDomain())
		b = append(b, `,"metadata":{`...)
		for i, key := range codec.SortedKeys(d.GetMetadata()) {
			b = codec.AppendKey(b, i == 0, key)
			b = codec.AppendString(b, d.GetMetadata()[key])
		}
		return append(b, "}}"...)
	case *errdetails.BadRequest:
		b = append(b, `{"type":"bad_request","field_violations":[`...)
		for i, v := range d.GetFieldViolations() {
			b = appendObject(b, i, pair{"field", v.GetField()}, pair{"description", v.GetDescription()}, pair{"reason", v.GetReason()})
		}
	case *errdetails.PreconditionFailure:
		b = append(b, `{"type":"precondition_failure","violations":[`...)
		for i, v := range d.GetViolations() {
			b = appendObject(b, i, pair{"type", v.GetType()}, pair{"subject", v.GetSubject()}, pair{"description", v.GetDescription()})
		}
	case *errdetails.QuotaFailure:
		b = append(b, `{"type":"quota_failure","violations":[`...)
		for i, v := range d.GetViolations() {
			b = appendObject(b, i, pair{"subject", v.GetSubject()}, pair{"description", v.GetDescription()})
		}
	case *errdetails.RetryInfo:
		b = append(b, `{"type":"retry_info","retry_delay":`...)
		b = codec.AppendString(b, strconv.FormatFloat(d.GetRetryDelay().AsDuration().Seconds(), 'f', -1, 64)+"s")
		return append(b, '}')
	default:
		panic("restapi: the edge tells a detail that this dialect has no form for: " + string(detail.ProtoReflect().Descriptor().Name()))
	}
	return append(b, "]}"...)
}

// pair is a member of an object.
type pair struct{ name, value string }

// appendObject writes the i-th object of a list.
func appendObject(b []byte, i int, members ...pair) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(b, '{')
	for j, member := range members {
		b = codec.AppendString(codec.AppendKey(b, j == 0, member.name), member.value)
	}
	return append(b, '}')
}
