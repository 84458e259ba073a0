// Package trace names what belongs together: a request, the events and calls that follow from it, and every line that is logged
// on the way (requirement R-8). A trace has the 128-bit id of W3C Trace Context; a caller may name it by traceparent, by
// X-Trace-Id or by X-Correlation-Id, and gets all three back. What a partner calls its trace, when that is no W3C id, is kept
// beside the id, echoed and logged, and never interpreted.
//
// It is a leaf: the rooms that record spans or write logs read the trace from the context, and nobody needs their libraries to
// carry one. One request costs one small allocation or two.
package trace

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// Names of the headers that name a trace, in the canonical form of HTTP.
const (
	HeaderParent      = "Traceparent"
	HeaderTrace       = "X-Trace-Id"
	HeaderCorrelation = "X-Correlation-Id"
)

// Lengths of ids in hexadecimal digits, and of a partner's own text.
const (
	idSize    = 32
	spanSize  = 16
	textLimit = 128
)

// T is one trace as one request sees it.
type T struct {
	// ID is the id of W3C Trace Context: 32 lower-case hexadecimal digits, not all zero.
	ID string
	// Parent is the caller's span, 16 digits; empty when the trace began here or the caller named none.
	Parent string
	// Sampled tells that the caller records the trace; without a Parent it says nothing.
	Sampled bool
	// TraceText is what the caller sent as X-Trace-Id when that is not the ID.
	TraceText string
	// CorrelationText is what the caller sent as X-Correlation-Id when that is not the ID.
	CorrelationText string
}

// New begins a trace.
func New() T { return T{ID: random(idSize)} }

// NewSpan makes the id of a span.
func NewSpan() string { return random(spanSize) }

// FromHeaders finds the trace that a request names. A valid traceparent decides; without one an X-Trace-Id or X-Correlation-Id
// that has the form of an id (with or without the hyphens of a UUID, in either case) does; else the trace begins here. Texts
// that no header can carry back are dropped. Several traceparents name no trace.
func FromHeaders(get func(name string) []string) T {
	var t T
	known := false
	if parents := get(HeaderParent); len(parents) == 1 {
		t, known = Parse(parents[0])
	}
	traceText, correlationText := text(get(HeaderTrace)), text(get(HeaderCorrelation))
	for _, candidate := range [...]string{traceText, correlationText} {
		if known {
			break
		}
		t.ID, known = asID(candidate)
	}
	if !known {
		t = New()
	}
	if traceText != t.ID {
		t.TraceText = traceText
	}
	if correlationText != t.ID {
		t.CorrelationText = correlationText
	}
	return t
}

// Echo writes the headers of the answer. Span is the span that handled the request; empty for none that is recorded.
func (t T) Echo(span string, set func(name, value string)) {
	set(HeaderParent, t.Traceparent(span))
	set(HeaderTrace, first(t.TraceText, t.ID))
	set(HeaderCorrelation, first(t.CorrelationText, t.ID))
}

// Parse reads a traceparent of W3C Trace Context, level 1 and any later version that begins like it. False for anything else:
// an invalid one restarts the trace.
func Parse(traceparent string) (T, bool) {
	const size = 55 // 00-<32>-<16>-<2>
	s := traceparent
	if len(s) < size || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return T{}, false
	}
	version, traceID, parent, flags := s[0:2], s[3:35], s[36:52], s[53:55]
	if !isHex(version) || version == "ff" || !isHex(traceID) || !isHex(parent) || !isHex(flags) {
		return T{}, false
	}
	if len(s) > size && (version == "00" || s[size] != '-') {
		return T{}, false
	}
	if isZero(traceID) || isZero(parent) {
		return T{}, false
	}
	return T{ID: traceID, Parent: parent, Sampled: digit(flags[1])&1 == 1}, true
}

// Traceparent writes the trace for the next one on the way; an empty span is replaced by one that nobody records.
func (t T) Traceparent(span string) string {
	if span == "" {
		span = NewSpan()
	}
	flags := "-00"
	if t.Sampled {
		flags = "-01"
	}
	return "00-" + t.ID + "-" + span + flags
}

// Valid tells whether an id has the form of W3C Trace Context.
func Valid(traceID string) bool {
	return len(traceID) == idSize && isHex(traceID) && !isZero(traceID)
}

type contextKey struct{}

// With carries a trace in a context.
func With(ctx context.Context, t T) context.Context {
	return context.WithValue(ctx, contextKey{}, &t)
}

// From answers the trace that a context carries; false, and the zero value, when it carries none.
func From(ctx context.Context) (T, bool) {
	t, found := ctx.Value(contextKey{}).(*T)
	if !found {
		return T{}, false
	}
	return *t, true
}

// random draws hexadecimal digits, not all zero. The generator of math/rand/v2 is ChaCha8, seeded by the operating system and
// kept per thread: as good as crypto/rand for ids that must not be guessed, without its lock.
func random(size int) string {
	var raw [idSize / 2]byte
	var digits [idSize]byte
	for i := 0; i < size/2; i += 8 {
		put(raw[i:], rand.Uint64()|1) //nolint:gosec // ChaCha8, see above; the bit keeps it from being zero
	}
	hex.Encode(digits[:], raw[:size/2])
	return string(digits[:size])
}

func put(to []byte, value uint64) {
	for i := range 8 {
		to[i] = byte(value >> (56 - 8*i)) //nolint:gosec // the lowest byte is meant
	}
}

// text answers the first value when a header can carry it back: 1 to 128 printable ASCII characters, no space at an end.
func text(values []string) string {
	if len(values) == 0 {
		return ""
	}
	value := values[0]
	if value == "" || len(value) > textLimit || value[0] == ' ' || value[len(value)-1] == ' ' {
		return ""
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return ""
		}
	}
	return value
}

// asID reads an id from what a partner sent: 32 hexadecimal digits, also as a UUID is written.
func asID(value string) (string, bool) {
	if len(value) == 36 && value[8] == '-' && value[13] == '-' && value[18] == '-' && value[23] == '-' {
		value = value[0:8] + value[9:13] + value[14:18] + value[19:23] + value[24:36]
	}
	if len(value) != idSize {
		return "", false
	}
	value = strings.ToLower(value)
	return value, Valid(value)
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isZero(s string) bool { return strings.Trim(s, "0") == "" }

// digit is the value of a lower-case hexadecimal digit.
func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
