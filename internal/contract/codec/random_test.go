package codec_test

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	optionsv1 "github.com/seed-255eabaa/oms/gen/oms/options/v1"
	"github.com/seed-255eabaa/oms/internal/money"
)

// random fills any message from a rapid generator, so that a test of a property needs no list of fields and goes on covering
// what is added to proto/.
func random(t *rapid.T, m proto.Message) { fill(t, m.ProtoReflect(), 0) }

// deepest bounds the nesting of messages that hold themselves.
const deepest = 4

func fill(t *rapid.T, m protoreflect.Message, depth int) {
	if stamp, ok := m.Interface().(*timestamppb.Timestamp); ok {
		first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		stamp.Seconds = rapid.Int64Range(first, last).Draw(t, "seconds")
		stamp.Nanos = rapid.OneOf(rapid.Just(int32(0)), rapid.Int32Range(0, 999_999_999)).Draw(t, "nanos")
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if name := optionsOf(field).GetDecimalOf(); name != "" { // an amount is read in its currency
			m.Set(fields.ByName(protoreflect.Name(name)), protoreflect.ValueOfString(rapid.SampledFrom([]string{"EUR", "JPY", "BHD", "CLF"}).Draw(t, "currency")))
		}
		if rapid.IntRange(0, 3).Draw(t, "absent") == 0 || depth == deepest || m.Has(field) {
			continue
		}
		switch {
		case field.IsMap():
			for range rapid.IntRange(0, 3).Draw(t, "entries") {
				key := protoreflect.ValueOfString(text(t)).MapKey()
				entries := m.Mutable(field).Map()
				entries.Set(key, value(t, field.MapValue(), entries.NewValue, depth))
			}
		case field.IsList():
			for range rapid.IntRange(0, 3).Draw(t, "elements") {
				list := m.Mutable(field).List()
				list.Append(value(t, field, list.NewElement, depth))
			}
		default:
			m.Set(field, value(t, field, func() protoreflect.Value { return m.NewField(field) }, depth))
		}
	}
}

func text(t *rapid.T) string {
	return rapid.OneOf(
		rapid.StringMatching(`[ -~]{0,20}`),
		rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 })),
	).Draw(t, "text")
}

func value(t *rapid.T, field protoreflect.FieldDescriptor, empty func() protoreflect.Value, depth int) protoreflect.Value {
	switch options := optionsOf(field); {
	case options.GetDecimalOf() != "":
		return protoreflect.ValueOfInt64(rapid.Int64Range(-money.Limit, money.Limit).Draw(t, "minor"))
	case options.GetDecimal():
		return protoreflect.ValueOfString(rapid.StringMatching(`(0|[1-9][0-9]{0,9})([.][0-9]{1,4})?`).Draw(t, "decimal"))
	}
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text(t))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(0, values.Len()-1).Draw(t, "enum")).Number())
	case protoreflect.MessageKind:
		v := empty()
		fill(t, v.Message(), depth+1)
		return v
	default:
		t.Fatalf("a field of kind %v has no place in the contract", field.Kind())
		return protoreflect.Value{}
	}
}

func optionsOf(field protoreflect.FieldDescriptor) *optionsv1.FieldOptions {
	options, _ := proto.GetExtension(field.Options(), optionsv1.E_Field).(*optionsv1.FieldOptions)
	return options
}

// beyondProtojson tells whether a message, or one inside it, is written in a way that protojson does not know.
func beyondProtojson(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[m.FullName()] {
		return false
	}
	if seen == nil {
		seen = map[protoreflect.FullName]bool{}
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		if field.Enum() != nil {
			options, _ := proto.GetExtension(field.Enum().Options(), optionsv1.E_Enum).(*optionsv1.EnumOptions)
			if options.GetShortNames() {
				return true
			}
		}
		if options := optionsOf(field); options.GetDecimal() || options.GetDecimalOf() != "" ||
			field.Message() != nil && beyondProtojson(field.Message(), seen) {
			return true
		}
	}
	return false
}
