package codec

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AppendString writes a JSON string. Most texts need no escape, and are copied as they are.
func AppendString(b []byte, v string) []byte {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == '"' || c == '\\' {
			return appendEscaped(b, v)
		}
	}
	b = append(b, '"')
	b = append(b, v...)
	return append(b, '"')
}

func appendEscaped(b []byte, v string) []byte {
	w := jx.Writer{Buf: b}
	w.Str(v)
	return w.Buf
}

// AppendInt writes an integer of any signed type.
func AppendInt[T ~int32 | ~int64](b []byte, v T) []byte { return strconv.AppendInt(b, int64(v), 10) }

// AppendUint writes an integer of any unsigned type.
func AppendUint[T ~uint32 | ~uint64](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}

// AppendBool writes true or false.
func AppendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// AppendBytes writes base64 of the standard alphabet, padded.
func AppendBytes(b, v []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, '"')
}

// AppendEnum writes the full name of a value; the number where this program does not know it (requirement V-3).
func AppendEnum[T ~int32](b []byte, v T, of *Enum) []byte {
	name, known := of.Name(int32(v))
	if !known {
		return strconv.AppendInt(b, int64(v), 10)
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"')
}

// AppendTimestamp writes RFC 3339 in UTC with as many digits of the second as are needed.
func AppendTimestamp(b []byte, v *timestamppb.Timestamp) []byte {
	b = append(b, '"')
	b = time.Unix(v.GetSeconds(), int64(v.GetNanos())).UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// AppendKey writes the key of a map entry and its colon, after a comma unless it is the first.
func AppendKey(b []byte, first bool, key string) []byte {
	if !first {
		b = append(b, ',')
	}
	return append(AppendString(b, key), ':')
}

// SortedKeys answers the keys of a map in the order in which they are written.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// AppendComma writes the comma between two fields, and nothing at the start of an object.
func AppendComma(b []byte) []byte {
	if b[len(b)-1] == '{' {
		return b
	}
	return append(b, ',')
}
