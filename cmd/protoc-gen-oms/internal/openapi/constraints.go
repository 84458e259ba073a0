package openapi

import (
	"slices"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "github.com/seed-255eabaa/oms/gen/oms/options/v1"
)

func rulesOf(field protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

// constrain adds what the rules say to a schema.
func constrain(o *object, rules *validate.FieldRules) {
	for _, rule := range rules.GetCel() {
		o.set("$comment", rule.GetMessage()) // JSON Schema cannot express CEL
	}
	switch {
	case rules.GetString() != nil:
		constrainString(o, rules.GetString())
	case rules.GetInt32() != nil:
		constrainInt(o, rules.GetInt32().ProtoReflect())
	case rules.GetInt64() != nil:
		constrainInt(o, rules.GetInt64().ProtoReflect())
	case rules.GetRepeated() != nil:
		r := rules.GetRepeated()
		setCount(o, "minItems", r.MinItems)
		setCount(o, "maxItems", r.MaxItems)
		if r.GetUnique() {
			o.set("uniqueItems", true)
		}
	case rules.GetMap() != nil:
		setCount(o, "minProperties", rules.GetMap().MinPairs)
		setCount(o, "maxProperties", rules.GetMap().MaxPairs)
	}
}

func constrainString(o *object, r *validate.StringRules) {
	setCount(o, "minLength", r.MinLen)
	setCount(o, "maxLength", r.MaxLen)
	if r.Len != nil {
		o.set("minLength", r.GetLen()).set("maxLength", r.GetLen())
	}
	if r.Pattern != nil {
		o.set("pattern", r.GetPattern())
	}
	if is, _ := proto.GetExtension(r, optionsv1.E_Currency).(bool); is {
		o.set("format", "iso-4217").set("pattern", "^[A-Z]{3}$") // the list is that of ISO 4217
	}
	if len(r.GetIn()) > 0 {
		o.set("enum", r.GetIn())
	}
}

// constrainInt reads the rules of any signed integer type: they have the same field names.
func constrainInt(o *object, r protoreflect.Message) {
	fields := r.Descriptor().Fields()
	for _, pair := range [][2]protoreflect.Name{
		{"gte", "minimum"}, {"gt", "exclusiveMinimum"}, {"lte", "maximum"}, {"lt", "exclusiveMaximum"},
	} {
		if field := fields.ByName(pair[0]); r.Has(field) {
			o.set(string(pair[1]), r.Get(field).Int())
		}
	}
	if not := r.Get(fields.ByName("not_in")).List(); not.Len() > 0 {
		var values []int64
		for i := range not.Len() {
			values = append(values, not.Get(i).Int())
		}
		o.set("not", newObject().set("enum", list(values, func(v int64) *yaml.Node { return toNode(v) })))
	}
}

func setCount(o *object, key string, value *uint64) {
	if value != nil {
		o.set(key, *value)
	}
}

// narrows tells whether the rules of an enum's field leave out some values, so that its schema stands there and is not shared.
func narrows(field *protogen.Field) bool {
	rules := rulesOf(field.Desc)
	return len(rules.GetEnum().GetNotIn())+len(rules.GetRepeated().GetItems().GetEnum().GetNotIn()) > 0
}

// narrowed answers the schema of an enum whose rules leave out some values.
func narrowed(enum *protogen.Enum, whole *object, rules *validate.FieldRules) *object {
	not := rules.GetEnum().GetNotIn()
	if len(not) == 0 {
		return whole
	}
	var values []string
	for _, value := range enum.Values {
		if !slices.Contains(not, int32(value.Desc.Number())) {
			values = append(values, enumName(enum, value))
		}
	}
	return newObject().set("type", "string").set("enum", values)
}
