package codec

import (
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-faster/jx"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Limits of one document. A request that passes them is bounded by its length alone, which the edge limits.
const (
	// DepthLimit is the deepest nesting of objects that is read.
	DepthLimit = 32
	// ViolationLimit is the number of violations after which reading ends.
	ViolationLimit = 100
)

// Reasons of violations.
const (
	MalformedJSON  = "MALFORMED_JSON"
	WrongType      = "WRONG_TYPE"
	UnknownField   = "UNKNOWN_FIELD"
	DuplicateField = "DUPLICATE_FIELD"
	NotAnInteger   = "NOT_AN_INTEGER"
	OutOfRange     = "OUT_OF_RANGE"
	UnknownValue   = "UNKNOWN_VALUE"
	InvalidText    = "INVALID_TEXT"
	TooDeep        = "NESTED_TOO_DEEPLY"
	InvalidTime    = "INVALID_TIMESTAMP"
	InvalidBase64  = "INVALID_BASE64"
	Required       = "REQUIRED"
	InvalidAmount  = "AMOUNT_INVALID"
)

// Document is where most messages and paths are looked up; the edge names the document of those that stand in another.
const Document = "/openapi.yaml"

// GivenTwice tells of a name that stands more than once where it may stand once.
const GivenTwice = "is given more than once; name it once"

// RequiredEvenZero tells of an absent field that is not taken for 0.
const RequiredEvenZero = "is required: name it, also when it is 0"

// Message is what the contract compiler adds to a message.
type Message interface {
	// AppendJSON appends the message as a JSON object.
	AppendJSON(b []byte) []byte
	// DecodeJSON fills the message from the JSON object that the reader stands at.
	DecodeJSON(r *Reader)
}

// Reader walks one JSON document. Generated code drives it; it never panics, and it always comes to an end: every call either
// consumes input or fails the document.
type Reader struct {
	d          jx.Decoder
	data       []byte
	key        []byte
	path       []step
	depth      int
	failed     bool
	surrogates verdict
	violations []fault.Violation
}

// Seen marks the fields of one object that have been met, by their position in the message.
type Seen uint64

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Unmarshal fills a fresh message from a whole document and answers everything that is wrong with it. A message that was
// answered with violations is not to be used.
func Unmarshal(data []byte, m Message) []fault.Violation {
	r, _ := readers.Get().(*Reader)
	r.reset(data)
	m.DecodeJSON(r)
	r.end()
	violations := r.violations
	r.reset(nil)
	r.violations = nil
	readers.Put(r)
	return violations
}

func (r *Reader) reset(data []byte) {
	r.d.ResetBytes(data)
	r.data, r.key = data, nil
	r.path, r.depth = r.path[:0], 0
	r.failed, r.surrogates = false, undecided
}

// end refuses anything but white space after the document.
func (r *Reader) end() {
	if r.failed {
		return
	}
	r.path = r.path[:0]
	// Next answers Invalid at the end and for a byte that begins no value; Skip tells these two apart.
	if r.d.Next() != jx.Invalid || !errors.Is(r.d.Skip(), io.EOF) {
		r.fail("has more text after the end of the JSON value; send one JSON object")
	}
}

// violate records what is wrong with the value at the present path.
func (r *Reader) violate(reason, description string) {
	if r.failed {
		return
	}
	r.violations = append(r.violations, fault.Violation{Field: render(r.path), Reason: reason, Description: description})
	if len(r.violations) >= ViolationLimit {
		r.failed = true
	}
}

// fail ends the document with a syntax error; what was found before stays.
func (r *Reader) fail(description string) {
	if r.failed {
		return
	}
	r.failed = true
	r.violations = append(r.violations, fault.Violation{Field: render(r.path), Reason: MalformedJSON, Description: description})
}

// Limits of a cause of malformed JSON that is told: levels, and bytes.
const (
	causeLevels = 16
	causeLimit  = 200
)

// Cause says why text is not JSON. The error of a reader names every level on the way; of many only the innermost is told.
func Cause(err error) string {
	levels, innermost := 0, err
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		levels, innermost = levels+1, inner
	}
	if levels > causeLevels {
		err = innermost
	}
	text := strings.TrimPrefix(err.Error(), "skip: ")
	return strings.ToValidUTF8(text[:min(len(text), causeLimit)], "\uFFFD")
}

func (r *Reader) check(err error) bool {
	if err != nil {
		r.fail("is not valid JSON: " + Cause(err) + "; send one JSON object")
		return false
	}
	return true
}

// skip passes over a value whose violation has been recorded.
func (r *Reader) skip() { r.check(r.d.Skip()) }

// refuse records a violation for the value that comes next and passes over it. Where that shows it to be no JSON either, it is one violation
// that tells both.
func (r *Reader) refuse(reason, description string) {
	known := len(r.violations)
	if r.d.Next() != jx.Invalid { // else skip tells better what is wrong
		r.violate(reason, description)
	}
	r.skip()
	if len(r.violations) == known+2 {
		broken := r.violations[known+1]
		broken.Description = description + ", and " + broken.Description
		r.violations = append(r.violations[:known], broken)
	}
}

func (r *Reader) push(s step) { r.path = append(r.path, s) }

func (r *Reader) pop() { r.path = r.path[:len(r.path)-1] }
