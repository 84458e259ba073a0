package restapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Media types.
const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	eventType   = "text/event-stream"
)

// domain is the domain of every error_info (ruling R-5).
const domain = "oms"

// Header values that every answer shares; net/http only reads them.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

func itoa(n int) string { return strconv.Itoa(n) }

// respond writes a whole answer. Answers tell of one caller's business at one moment, so nothing may keep them.
func respond(w http.ResponseWriter, status int, mediaType string, body []byte) {
	header := w.Header()
	header["Content-Type"] = []string{mediaType}
	header["Content-Length"] = []string{itoa(len(body))}
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // it is JSON by its type; a client that has gone away needs no answer
}

// writeFault answers with a fault: the body of ruling R-5 or, where the client asks for it, the problem of RFC 9457.
func writeFault(w http.ResponseWriter, r *http.Request, status int, f *fault.Fault) {
	if wait := retryDelay(f); wait > 0 {
		w.Header().Set("Retry-After", itoa(int((wait+time.Second-1)/time.Second)))
	}
	if status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if wantsProblem(r) {
		respond(w, status, problemType, appendProblem(nil, status, f))
		return
	}
	respond(w, status, jsonType, appendFault(nil, f))
}

func wantsProblem(r *http.Request) bool {
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, problemType) {
			return true
		}
	}
	return false
}

// shortestRetry is told where a fault that passes by itself says nothing of its own.
const shortestRetry = time.Second

func retryDelay(f *fault.Fault) time.Duration {
	if f.RetryAfter == 0 && (f.Code == fault.Unavailable || f.Code == fault.ResourceExhausted) {
		return shortestRetry
	}
	return f.RetryAfter
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
	b = appendErrorInfo(b, f)
	b = appendViolations(b, f)
	b = appendPreconditions(b, f)
	if wait := retryDelay(f); wait > 0 {
		b = append(b, `,{"type":"retry_info","retry_delay":`...)
		b = codec.AppendString(b, strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)+"s")
		b = append(b, '}')
	}
	if f.Code == fault.ResourceExhausted {
		b = append(b, `,{"type":"quota_failure","violations":[{"subject":`...)
		b = codec.AppendString(b, f.Reason)
		b = append(b, `,"description":`...)
		b = codec.AppendString(b, f.Message)
		b = append(b, "}]}"...)
	}
	return append(b, ']')
}

func appendErrorInfo(b []byte, f *fault.Fault) []byte {
	b = append(b, `{"type":"error_info","reason":`...)
	b = codec.AppendString(b, f.Reason)
	b = append(b, `,"domain":"`+domain+`","metadata":{`...)
	for i, key := range codec.SortedKeys(f.Metadata) {
		b = codec.AppendKey(b, i == 0, key)
		b = codec.AppendString(b, f.Metadata[key])
	}
	return append(b, "}}"...)
}

func appendViolations(b []byte, f *fault.Fault) []byte {
	if len(f.Violations) == 0 {
		return b
	}
	b = append(b, `,{"type":"bad_request","field_violations":[`...)
	for i, v := range f.Violations {
		b = appendTriple(b, i, [3]string{"field", "description", "reason"}, [3]string{v.Field, v.Description, v.Reason})
	}
	return append(b, "]}"...)
}

func appendPreconditions(b []byte, f *fault.Fault) []byte {
	if len(f.Preconditions) == 0 {
		return b
	}
	b = append(b, `,{"type":"precondition_failure","violations":[`...)
	for i, v := range f.Preconditions {
		b = appendTriple(b, i, [3]string{"type", "subject", "description"}, [3]string{v.Type, v.Subject, v.Description})
	}
	return append(b, "]}"...)
}

// appendTriple writes the i-th object of a list, of three strings.
func appendTriple(b []byte, i int, names, values [3]string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(b, '{')
	for j, name := range names {
		b = codec.AppendString(codec.AppendKey(b, j == 0, name), values[j])
	}
	return append(b, '}')
}
