package contract

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Input is what a REST request carries for its message. Generated code reads it; every violation is kept, so that the client
// learns of all at once.
type Input struct {
	// Params are the decoded path parameters.
	Params []string
	// RawQuery is the query as it was sent.
	RawQuery string
	// Body is the whole body.
	Body []byte
	// LastEventID is the header with which an event stream goes on.
	LastEventID string

	name, value string // the present query parameter
	violations  []fault.Violation
}

// Reasons of violations by path and query; those of the body are in package codec.
const (
	PathMismatch     = "PATH_MISMATCH"
	UnknownParameter = "UNKNOWN_PARAMETER"
)

// LastEventID is the header with which an event stream goes on, as violations name it.
const LastEventID = "Last-Event-ID"

// Violations are everything that was found wrong.
func (in *Input) Violations() []fault.Violation { return in.violations }

func (in *Input) violate(field, reason, description string) {
	in.violations = append(in.violations, fault.Violation{Field: field, Reason: reason, Description: description})
}

// ReadBody fills a message from the body; an empty body is an empty message. Field names the message in its request, empty when
// it is the request itself.
func (in *Input) ReadBody(field string, m codec.Message) {
	if len(in.Body) == 0 {
		return
	}
	for _, v := range codec.Unmarshal(in.Body, m) {
		if field != "" {
			v.Field = strings.TrimSuffix(field+"."+v.Field, ".")
		}
		in.violations = append(in.violations, v)
	}
}

// BodyText is the body as it stands, which is a field of the request.
func (in *Input) BodyText(field string) string {
	text := string(in.Body)
	in.checkText(field, text)
	return text
}

// PathText fills a field from the i-th path parameter. The body may hold the field too, with the same value.
func (in *Input) PathText(i int, field, kind string, place *string) {
	value := in.Params[i]
	if kind != "" {
		if canonical, ok := CanonicalID(kind, value); ok {
			value = canonical
		}
		if canonical, ok := CanonicalID(kind, *place); ok {
			*place = canonical
		}
	}
	if *place != "" && *place != value {
		in.violate(field, PathMismatch, "differs from the path")
	}
	*place = value
	in.checkText(field, value)
}

// Seen marks the query parameters that have been met.
type Seen = codec.Seen

// NextQuery goes to the next query parameter; Name tells which it is.
func (in *Input) NextQuery() bool {
	for in.RawQuery != "" && len(in.violations) < codec.ViolationLimit {
		var pair string
		pair, in.RawQuery, _ = strings.Cut(in.RawQuery, "&")
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(rawName)
		value, valueErr := url.QueryUnescape(rawValue)
		if nameErr != nil || valueErr != nil {
			in.violate(codec.Excerpt(rawName), codec.InvalidText, "is not percent-encoded as a query parameter must be")
			continue
		}
		in.name, in.value = name, value
		return true
	}
	return false
}

// Name is the name of the present query parameter.
func (in *Input) Name() string { return in.name }

// Once tells whether the present query parameter, the bit-th of its message, is met for the first time, and refuses it otherwise.
func (in *Input) Once(seen *Seen, bit uint) bool {
	if *seen&(1<<bit) != 0 {
		in.violate(in.name, codec.DuplicateField, codec.GivenTwice)
		return false
	}
	*seen |= 1 << bit
	return true
}

// UnknownQuery refuses the present query parameter by its name.
func (in *Input) UnknownQuery() {
	in.violate(codec.Excerpt(in.name), UnknownParameter,
		"is not a query parameter of this path; leave it out, or see "+codec.Document+" for the right name")
}

// Resume makes the Last-Event-ID header the present parameter; false without one. A stream that goes on by itself sends the
// header beside the query it began with, so the header wins.
func (in *Input) Resume() bool {
	in.name, in.value = LastEventID, in.LastEventID
	return in.LastEventID != ""
}

// Text reads the present parameter as a string.
func (in *Input) Text() string {
	in.checkText(in.name, in.value)
	return in.value
}

func (in *Input) checkText(field, value string) {
	switch {
	case strings.IndexByte(value, 0) >= 0:
		in.violate(field, codec.InvalidText, "must not contain the character U+0000")
	case !utf8.ValidString(value):
		in.violate(field, codec.InvalidText, "must be valid UTF-8")
	}
}

// Bool reads the present parameter as true or false.
func (in *Input) Bool() bool {
	if in.value != "true" && in.value != "false" {
		in.violate(in.name, codec.WrongType, "must be true or false")
	}
	return in.value == "true"
}

// Int32 reads the present parameter as an integer of 32 bits.
func (in *Input) Int32() int32 {
	return int32(in.signed(math.MinInt32, math.MaxInt32)) //nolint:gosec // within the limits given
}

// Int64 reads the present parameter as an integer of 64 bits.
func (in *Input) Int64() int64 { return in.signed(math.MinInt64, math.MaxInt64) }

func (in *Input) signed(least, most int64) int64 {
	v, err := strconv.ParseInt(in.value, 10, 64)
	switch {
	case !codec.IsInteger(in.value):
		in.violate(in.name, codec.NotAnInteger, "must be an integer")
	case err != nil || v < least || v > most:
		in.violate(in.name, codec.OutOfRange,
			"must be between "+strconv.FormatInt(least, 10)+" and "+strconv.FormatInt(most, 10))
	default:
		return v
	}
	return 0
}

// Timestamp reads the present parameter as a time of RFC 3339.
func (in *Input) Timestamp() *timestamppb.Timestamp {
	t, ok := codec.ParseTimestamp([]byte(in.value))
	if !ok {
		in.violate(in.name, codec.InvalidTime, codec.NotATimestamp)
	}
	return t
}

// QueryEnum reads the present parameter as the name of a value.
func QueryEnum[T ~int32](in *Input, of *codec.Enum) T {
	number, known := of.Number(in.value)
	if !known {
		in.violate(in.name, codec.UnknownValue, strconv.Quote(codec.Excerpt(in.value))+" is unknown; must be one of "+of.Allowed())
	}
	return T(number)
}
