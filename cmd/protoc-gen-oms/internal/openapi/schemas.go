package openapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
)

// direction tells where a message is used; a message may be used in both.
type direction uint8

const (
	request direction = 1 << iota
	response
)

// schemas collects the messages and enums that operations refer to.
type schemas struct {
	validator protovalidate.Validator
	messages  []*messageUse
	enums     []*protogen.Enum
}

type messageUse struct {
	*protogen.Message

	used direction
	omit []*protogen.Field // filled by the path wherever the message is a body
}

func newSchemas() (*schemas, error) {
	validator, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("make a validator: %w", err)
	}
	return &schemas{validator: validator}, nil
}

func reference(name string) *object { return newObject().set("$ref", "#/components/schemas/"+name) }

// refer answers a reference to a message's schema and sees to it that the schema is written.
func (s *schemas) refer(message *protogen.Message, used direction, omit []*protogen.Field) *object {
	s.use(message, used, omit)
	return reference(message.GoIdent.GoName)
}

func (s *schemas) use(message *protogen.Message, used direction, omit []*protogen.Field) {
	at := slices.IndexFunc(s.messages, func(u *messageUse) bool { return u.Message == message })
	if at < 0 {
		s.messages = append(s.messages, &messageUse{Message: message})
		at = len(s.messages) - 1
	}
	u := s.messages[at]
	if u.used|used == u.used {
		return
	}
	u.used |= used
	u.omit = omit
	for _, field := range message.Fields {
		s.useField(field, used)
	}
}

func (s *schemas) useField(field *protogen.Field, used direction) {
	switch {
	case field.Desc.IsMap():
		s.useField(field.Message.Fields[1], used)
	case field.Message != nil && !model.IsTimestamp(field):
		s.use(field.Message, used, nil)
	case field.Enum != nil && !narrows(field) && !slices.Contains(s.enums, field.Enum):
		s.enums = append(s.enums, field.Enum)
	}
}

// components writes all schemas, in alphabetical order.
func (s *schemas) components() *object {
	byName := map[string]*object{}
	var names []string
	for _, u := range s.messages {
		byName[u.GoIdent.GoName] = s.message(u)
		names = append(names, u.GoIdent.GoName)
	}
	for _, enum := range s.enums {
		byName[enum.GoIdent.GoName] = enumSchema(enum)
		names = append(names, enum.GoIdent.GoName)
	}
	slices.Sort(names)
	all := newObject()
	errorSchemas(all)
	for _, name := range names {
		all.set(name, byName[name])
	}
	return all
}

func (s *schemas) message(u *messageUse) *object {
	properties := newObject()
	var required []string
	needed := s.needed(u.Message)
	for _, field := range u.Fields {
		if slices.Contains(u.omit, field) {
			continue
		}
		name := model.JSONName(field)
		schema, err := s.field(field)
		if err != nil {
			panic(err) // model.Read and the Go code refuse such fields before
		}
		if !schema.has("description") {
			schema.describe(prose(field.Comments.Leading))
		}
		properties.set(name, schema)
		// A request needs what an empty message is refused for; an answer always has every field without presence.
		named := model.JSONRequired(field) || model.DecimalOf(field) != ""
		if named || slices.Contains(needed, string(field.Desc.Name())) || u.used == response && !field.Desc.HasPresence() {
			required = append(required, name)
		}
	}
	o := newObject().set("type", "object").describe(prose(u.Comments.Leading))
	if len(required) > 0 {
		o.set("required", required)
	}
	if !properties.empty() {
		o.set("properties", properties)
	}
	if u.used == request {
		o.set("additionalProperties", false)
	}
	return o
}

// needed answers the fields that an empty message is refused for, by asking the validator.
func (s *schemas) needed(message *protogen.Message) []string {
	var invalid *protovalidate.ValidationError
	if !errors.As(s.validator.Validate(dynamicpb.NewMessage(message.Desc)), &invalid) {
		return nil
	}
	var names []string
	for _, v := range invalid.Violations {
		if elements := v.Proto.GetField().GetElements(); len(elements) == 1 {
			names = append(names, elements[0].GetFieldName())
		}
	}
	return names
}

// needsBody tells whether an empty body is refused.
func (s *schemas) needsBody(message *protogen.Message) bool { return len(s.needed(message)) > 0 }

// field writes the schema of a field's value with its constraints.
func (s *schemas) field(field *protogen.Field) (*object, error) {
	rules := rulesOf(field.Desc)
	switch {
	case model.DecimalOf(field) != "" || model.IsDecimal(field):
		// The rules are about minor units or text; and no count of decimals is right for every currency.
		return newObject().set("type", "number").set("format", "decimal").set("minimum", 0), nil
	case field.Desc.IsMap():
		value, err := s.value(field.Message.Fields[1])
		if err != nil {
			return nil, err
		}
		constrain(value, rules.GetMap().GetValues())
		o := newObject().set("type", "object")
		if keys := newObject(); rules.GetMap().GetKeys() != nil {
			constrain(keys, rules.GetMap().GetKeys())
			o.set("propertyNames", keys)
		}
		o.set("additionalProperties", value)
		constrain(o, rules)
		return o, nil
	case field.Desc.IsList():
		element, err := s.value(field)
		if err != nil {
			return nil, err
		}
		if field.Enum != nil {
			element = narrowed(field.Enum, element, rules.GetRepeated().GetItems())
		}
		constrain(element, rules.GetRepeated().GetItems())
		o := newObject().set("type", "array").set("items", element)
		constrain(o, rules)
		return o, nil
	default:
		o, err := s.value(field)
		if err != nil {
			return nil, err
		}
		if field.Enum != nil {
			o = narrowed(field.Enum, o, rules)
		}
		constrain(o, rules)
		return o, nil
	}
}

// value writes the schema of one value of a field's type.
func (s *schemas) value(field *protogen.Field) (*object, error) {
	str, integer := newObject().set("type", "string"), newObject().set("type", "integer")
	switch field.Desc.Kind() {
	case protoreflect.StringKind:
		return str, nil
	case protoreflect.BytesKind:
		return str.set("contentEncoding", "base64"), nil
	case protoreflect.BoolKind:
		return newObject().set("type", "boolean"), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return integer.set("format", "int32"), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return integer.set("format", "int64"), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return integer.set("minimum", 0), nil
	case protoreflect.EnumKind:
		if !narrows(field) && !slices.Contains(s.enums, field.Enum) {
			s.enums = append(s.enums, field.Enum)
		}
		return reference(field.Enum.GoIdent.GoName), nil
	case protoreflect.MessageKind:
		if model.IsTimestamp(field) {
			return str.set("format", "date-time"), nil
		}
		return reference(field.Message.GoIdent.GoName), nil
	default:
		return nil, fmt.Errorf("%s: no schema for kind %v", field.Desc.FullName(), field.Desc.Kind())
	}
}

func enumSchema(enum *protogen.Enum) *object {
	var values []string
	lines := []string{prose(enum.Comments.Leading), ""}
	for _, value := range enum.Values {
		values = append(values, enumName(enum, value))
		lines = append(lines, fmt.Sprintf("- %#q: %s", enumName(enum, value), prose(value.Comments.Leading)))
	}
	return newObject().set("type", "string").set("description", strings.Join(lines, "\n")).set("enum", values)
}

// enumName is how JSON writes a value.
func enumName(enum *protogen.Enum, value *protogen.EnumValue) string {
	prefix, short := model.ShortNames(enum)
	switch {
	case !short:
		return string(value.Desc.Name())
	case value.Desc.Number() == 0:
		return "unknown"
	default:
		return strings.ToLower(strings.TrimPrefix(string(value.Desc.Name()), prefix))
	}
}
