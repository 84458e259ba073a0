package codec

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Text reads a string.
func (r *Reader) Text() string {
	b, ok := r.rawText("must be a string")
	if !ok {
		return ""
	}
	return string(b)
}

// rawText reads a string and answers its bytes, which are valid until the next call.
func (r *Reader) rawText(wrong string) ([]byte, bool) {
	if r.d.Next() != jx.String {
		r.refuse(WrongType, wrong)
		return nil, false
	}
	b, err := r.d.StrBytes()
	return b, r.check(err) && r.text(b)
}

// text tells whether a string can be kept by every store and every consumer, and records why it cannot.
func (r *Reader) text(b []byte) bool {
	switch {
	case bytes.IndexByte(b, 0) >= 0:
		r.violate(InvalidText, "must not contain the character U+0000")
	case !utf8.Valid(b):
		r.violate(InvalidText, "must be valid UTF-8")
	case bytes.Contains(b, replacement) && r.hasLoneSurrogate():
		r.violate(InvalidText, "must not contain half of a surrogate pair")
	default:
		return true
	}
	return false
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	if r.d.Next() != jx.Bool {
		r.refuse(WrongType, "must be true or false")
		return false
	}
	v, err := r.d.Bool()
	r.check(err)
	return v
}

// Int32 reads an integer of 32 bits.
func (r *Reader) Int32() int32 {
	return int32(r.signed(32, math.MinInt32, math.MaxInt32)) //nolint:gosec // within the limits given
}

// Int64 reads an integer of 64 bits.
func (r *Reader) Int64() int64 { return r.signed(64, math.MinInt64, math.MaxInt64) }

// Uint32 reads an integer of 32 bits without a sign.
func (r *Reader) Uint32() uint32 {
	return uint32(r.unsigned(32, math.MaxUint32)) //nolint:gosec // within the limit given
}

// Uint64 reads an integer of 64 bits without a sign.
func (r *Reader) Uint64() uint64 { return r.unsigned(64, math.MaxUint64) }

func (r *Reader) signed(bits int, least, most int64) int64 {
	digits, ok := r.number()
	if !ok {
		return 0
	}
	v, err := strconv.ParseInt(string(digits), 10, bits)
	if err != nil {
		r.violateInteger(err, strconv.FormatInt(least, 10), strconv.FormatInt(most, 10))
		return 0
	}
	return v
}

func (r *Reader) unsigned(bits int, most uint64) uint64 {
	digits, ok := r.number()
	if !ok {
		return 0
	}
	if len(digits) > 1 && digits[0] == '-' {
		r.violate(OutOfRange, "must be between 0 and "+strconv.FormatUint(most, 10))
		return 0
	}
	v, err := strconv.ParseUint(string(digits), 10, bits)
	if err != nil {
		r.violateInteger(err, "0", strconv.FormatUint(most, 10))
		return 0
	}
	return v
}

func (r *Reader) violateInteger(err error, least, most string) {
	if errors.Is(err, strconv.ErrRange) {
		r.violate(OutOfRange, "must be between "+least+" and "+most)
		return
	}
	r.violate(NotAnInteger, notAnInteger)
}

const notAnInteger = "must be an integer, written without a fraction or an exponent"

// number reads the digits of a JSON number, or of a string that holds one, as written. What it answers may still be too
// large or not of an integer's form.
func (r *Reader) number() ([]byte, bool) {
	switch r.d.Next() {
	case jx.Number:
		raw, err := r.d.Raw()
		return raw, r.check(err)
	case jx.String:
		b, err := r.d.StrBytes()
		if !r.check(err) {
			return nil, false
		}
		if !IsInteger(b) {
			r.violate(NotAnInteger, notAnInteger)
			return nil, false
		}
		return b, true
	default:
		r.refuse(WrongType, "must be an integer")
		return nil, false
	}
}

// IsInteger tells whether text is an integer as JSON writes it: strconv is laxer ("+1", "007").
func IsInteger[T string | []byte](text T) bool {
	first := 0
	if len(text) > 0 && text[0] == '-' {
		first = 1
	}
	if len(text) == first || len(text) > first+1 && text[first] == '0' {
		return false
	}
	for i := first; i < len(text); i++ {
		if !isDigit(text[i]) {
			return false
		}
	}
	return true
}

// ReadEnum reads the full name of a value.
func ReadEnum[T ~int32](r *Reader, of *Enum) T {
	if r.d.Next() != jx.String {
		r.refuse(WrongType, "must be one of the strings "+of.Allowed())
		return 0
	}
	name, err := r.d.StrBytes()
	if !r.check(err) {
		return 0
	}
	number, known := of.byName[string(name)]
	if !known {
		r.violate(UnknownValue, strconv.Quote(Excerpt(string(name)))+" is unknown; must be one of "+of.Allowed())
	}
	return T(number)
}

// Bytes reads base64 of the standard or the URL alphabet, padded or not.
func (r *Reader) Bytes() []byte {
	b, ok := r.rawText("must be a string in base64")
	if !ok {
		return nil
	}
	v, err := decodeBase64(b)
	if err != nil {
		r.violate(InvalidBase64, "must be base64")
		return nil
	}
	return v
}

func decodeBase64(b []byte) ([]byte, error) {
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(b, "-_") {
		encoding = base64.RawURLEncoding
	}
	if len(b)%4 == 0 { // padding is at most two signs, and only where it fills the last four
		b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("=")), []byte("="))
	}
	return encoding.Strict().AppendDecode(make([]byte, 0, encoding.DecodedLen(len(b))), b)
}

// Timestamp reads RFC 3339 with any offset and at most nine digits of the second.
func (r *Reader) Timestamp() *timestamppb.Timestamp {
	b, ok := r.rawText(NotATimestamp)
	if !ok {
		return nil
	}
	t, ok := ParseTimestamp(b)
	if !ok {
		r.violate(InvalidTime, NotATimestamp)
	}
	return t
}

// NotATimestamp tells what a time looks like.
const NotATimestamp = `must be a time of RFC 3339 such as "2026-01-31T12:00:00Z", with at most 9 digits after the second`

// ParseTimestamp reads RFC 3339; false for anything else and for times outside the years 1 to 9999.
func ParseTimestamp(b []byte) (*timestamppb.Timestamp, bool) {
	var t time.Time
	if !hasTimestampForm(b) || t.UnmarshalText(b) != nil {
		return nil, false
	}
	v := timestamppb.New(t)
	valid := v.IsValid()
	return v, valid
}

// Forms of the parts of a timestamp; a zero stands for any digit.
const (
	dateAndTime = "0000-00-00T00:00:00"
	offset      = "00:00"
)

// hasTimestampForm checks the signs and the number of digits, which package time is lax about.
func hasTimestampForm(b []byte) bool {
	if len(b) <= len(dateAndTime) || !hasForm(b[:len(dateAndTime)], dateAndTime) {
		return false
	}
	b = b[len(dateAndTime):]
	if b[0] == '.' {
		digits := 0
		for b = b[1:]; len(b) > 0 && isDigit(b[0]); b = b[1:] {
			digits++
		}
		if digits == 0 || digits > 9 || len(b) == 0 {
			return false
		}
	}
	if b[0] == 'Z' {
		return len(b) == 1
	}
	return (b[0] == '+' || b[0] == '-') && hasForm(b[1:], offset) && string(b[1:3]) < "24" && string(b[4:6]) < "60"
}

func hasForm(b []byte, form string) bool {
	if len(b) != len(form) {
		return false
	}
	for i, c := range b {
		if form[i] == '0' && !isDigit(c) || form[i] != '0' && c != form[i] {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
