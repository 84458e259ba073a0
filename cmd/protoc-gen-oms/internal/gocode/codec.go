package gocode

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
)

// fieldLimit is the number of fields that codec.Seen can mark.
const fieldLimit = 64

// message writes the codec of a message and of those inside it.
func (w *writer) message(message *protogen.Message) error {
	if message.Desc.IsMapEntry() {
		return nil
	}
	if len(message.Fields) > fieldLimit {
		return fmt.Errorf("has more than %d fields", fieldLimit)
	}
	for _, field := range message.Fields {
		if err := w.supports(field); err != nil {
			return fmt.Errorf("field %s: %w", field.Desc.Name(), err)
		}
	}
	w.encoder(message)
	w.decoder(message)
	for _, enum := range message.Enums {
		w.enum(enum)
	}
	for _, inner := range message.Messages {
		if err := w.message(inner); err != nil {
			return err
		}
	}
	return nil
}

// supports refuses what the codec has no rule for.
func (w *writer) supports(field *protogen.Field) error {
	if model.JSONRequired(field) && (field.Desc.HasPresence() || field.Desc.IsList() || field.Desc.IsMap()) {
		return fmt.Errorf("json_required is for single fields without presence; declare others required")
	}
	if err := model.CheckDecimal(field); err != nil {
		return err //nolint:wrapcheck // of this program
	}
	if field.Desc.IsMap() {
		if key := field.Message.Fields[0]; key.Desc.Kind() != protoreflect.StringKind {
			return fmt.Errorf("a map has strings for keys, as JSON has")
		}
		return w.supports(field.Message.Fields[1])
	}
	switch field.Desc.Kind() {
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return fmt.Errorf("floating point has no place in the contract; write an integer of a smaller unit")
	case protoreflect.GroupKind:
		return fmt.Errorf("groups are not supported")
	case protoreflect.MessageKind:
		if !model.IsTimestamp(field) && field.Message.GoIdent.GoImportPath != w.file.GoImportPath {
			return fmt.Errorf("%s has no JSON codec here", field.Message.Desc.FullName())
		}
	case protoreflect.EnumKind:
		if field.Enum.GoIdent.GoImportPath != w.file.GoImportPath {
			return fmt.Errorf("%s has no JSON codec here", field.Enum.Desc.FullName())
		}
	default:
	}
	return nil
}

// enum writes the table of an enum's names.
func (w *writer) enum(enum *protogen.Enum) {
	name := enum.GoIdent.GoName
	if prefix, short := model.ShortNames(enum); short {
		w.P("var ", enumTable(enum), " = ", codecIdent("NewShortEnum"), `("`, prefix, `", `, name, "_name, ", name, "_value)")
	} else {
		w.P("var ", enumTable(enum), " = ", codecIdent("NewEnum"), "(", name, "_name, ", name, "_value)")
	}
	w.P()
}

func enumTable(enum *protogen.Enum) string { return "names" + enum.GoIdent.GoName }

// before tells what stands before a field in its object.
type before uint8

const (
	nothing   before = iota // no field can have been written
	perhaps                 // a field that may be absent
	something               // a field that is always written
)

func (w *writer) encoder(message *protogen.Message) {
	w.P("// AppendJSON appends the message as a JSON object.")
	w.P("func (x *", message.GoIdent, ") AppendJSON(b []byte) []byte {")
	w.P("if x == nil {")
	w.P(`return append(b, "{}"...)`)
	w.P("}")
	w.P("b = append(b, '{')")
	state := nothing
	for _, field := range message.Fields {
		state = w.encodeField(field, state)
	}
	w.P("return append(b, '}')")
	w.P("}")
	w.P()
}

// name writes the name of a field and its colon, after the comma that is due.
func (w *writer) name(field *protogen.Field, state before) {
	comma := ""
	switch state {
	case perhaps:
		w.P("b = ", codecIdent("AppendComma"), "(b)")
	case something:
		comma = ","
	case nothing:
	}
	w.P("b = append(b, `", comma, `"`, model.JSONName(field), `":`, "`...)")
}

func (w *writer) encodeField(field *protogen.Field, state before) before {
	access := "x." + field.GoName
	switch {
	case field.Desc.IsMap():
		w.name(field, state)
		w.P("b = append(b, '{')")
		w.P("for i, key := range ", codecIdent("SortedKeys"), "(", access, ") {")
		w.P("b = ", codecIdent("AppendKey"), "(b, i == 0, key)")
		w.value(field.Message.Fields[1], access+"[key]")
		w.P("}")
		w.P("b = append(b, '}')")
		return something
	case field.Desc.IsList():
		w.name(field, state)
		w.P("b = append(b, '[')")
		w.P("for i, element := range ", access, " {")
		w.P("if i > 0 {")
		w.P("b = append(b, ',')")
		w.P("}")
		w.value(field, "element")
		w.P("}")
		w.P("b = append(b, ']')")
		return something
	case field.Oneof != nil && !field.Oneof.Desc.IsSynthetic():
		w.P("if choice, ok := x.", field.Oneof.GoName, ".(*", field.GoIdent, "); ok {")
		w.name(field, state)
		w.value(field, "choice."+field.GoName)
		w.P("}")
	case field.Desc.HasPresence():
		w.P("if ", access, " != nil {")
		w.name(field, state)
		if field.Message == nil && field.Desc.Kind() != protoreflect.BytesKind {
			access = "*" + access
		}
		w.value(field, access)
		w.P("}")
	case model.DecimalOf(field) != "":
		w.name(field, state)
		w.P("b = ", codecIdent("AppendMinor"), "(b, ", access, ", x.", model.Field(field.Parent, model.DecimalOf(field)).GoName, ")")
		return something
	default:
		w.name(field, state)
		w.value(field, access)
		return something
	}
	if state == something {
		return something
	}
	return perhaps
}

// value writes the appending of one value.
func (w *writer) value(field *protogen.Field, access string) {
	switch kind := field.Desc.Kind(); kind {
	case protoreflect.StringKind:
		appends := kinds[kind].append
		if model.IsDecimal(field) {
			appends = "AppendDecimal"
		}
		w.P("b = ", codecIdent(appends), "(b, ", access, ")")
	case protoreflect.MessageKind:
		if model.IsTimestamp(field) {
			w.P("b = ", codecIdent("AppendTimestamp"), "(b, ", access, ")")
			return
		}
		w.P("b = ", access, ".AppendJSON(b)")
	case protoreflect.EnumKind:
		w.P("b = ", codecIdent("AppendEnum"), "(b, ", access, ", ", enumTable(field.Enum), ")")
	default:
		w.P("b = ", codecIdent(kinds[kind].append), "(b, ", access, ")")
	}
}

// kinds names the functions of package codec for the scalar kinds.
var kinds = map[protoreflect.Kind]struct{ append, read string }{
	protoreflect.StringKind:   {"AppendString", "Text"},
	protoreflect.BytesKind:    {"AppendBytes", "Bytes"},
	protoreflect.BoolKind:     {"AppendBool", "Bool"},
	protoreflect.Int32Kind:    {"AppendInt", "Int32"},
	protoreflect.Sint32Kind:   {"AppendInt", "Int32"},
	protoreflect.Sfixed32Kind: {"AppendInt", "Int32"},
	protoreflect.Int64Kind:    {"AppendInt", "Int64"},
	protoreflect.Sint64Kind:   {"AppendInt", "Int64"},
	protoreflect.Sfixed64Kind: {"AppendInt", "Int64"},
	protoreflect.Uint32Kind:   {"AppendUint", "Uint32"},
	protoreflect.Fixed32Kind:  {"AppendUint", "Uint32"},
	protoreflect.Uint64Kind:   {"AppendUint", "Uint64"},
	protoreflect.Fixed64Kind:  {"AppendUint", "Uint64"},
}

func (w *writer) decoder(message *protogen.Message) {
	w.P("// DecodeJSON fills the message from the JSON object that r stands at.")
	w.P("func (x *", message.GoIdent, ") DecodeJSON(r *", codecIdent("Reader"), ") {")
	w.P("var seen ", codecIdent("Seen"))
	needed := slices.ContainsFunc(message.Fields, model.JSONRequired)
	scaled := slices.ContainsFunc(message.Fields, func(f *protogen.Field) bool { return model.DecimalOf(f) != "" })
	for _, field := range message.Fields {
		if model.DecimalOf(field) != "" {
			w.P("var decimal", field.GoName, " ", codecIdent("Decimal"))
		}
	}
	if needed {
		w.P("var found ", codecIdent("Seen"))
	}
	if needed || scaled {
		w.P("o := r.Object()")
		w.P("for r.Next(&o) {")
	} else {
		w.P("for o := r.Object(); r.Next(&o); {")
	}
	w.P("switch string(r.Key()) {")
	for bit, field := range message.Fields {
		w.P(`case "`, model.JSONName(field), `":`)
		w.P(`if r.Enter("`, model.JSONName(field), `", &seen, `, bit, ") {")
		if model.JSONRequired(field) {
			w.P("found |= 1 << ", bit)
		}
		w.decodeField(field)
		w.P("}")
	}
	w.P("default:")
	w.P("r.Unknown()")
	w.P("}")
	w.P("}")
	for bit, field := range message.Fields {
		if model.JSONRequired(field) {
			w.P(`r.Need(&o, "`, field.Desc.Name(), `", found&(1<<`, bit, ") != 0)")
		}
		if currency := model.DecimalOf(field); currency != "" {
			w.P("x.", field.GoName, ` = r.Minor(&o, "`, model.JSONName(field), `", decimal`, field.GoName, ", x.",
				model.Field(message, currency).GoName, ")")
		}
	}
	if len(message.Fields) == 0 {
		w.P("_ = seen")
	}
	w.P("}")
	w.P()
}

func (w *writer) decodeField(field *protogen.Field) {
	access := "x." + field.GoName
	switch {
	case field.Desc.IsMap():
		w.P("for m := r.Object(); ; {")
		w.P("key, ok := r.NextEntry(&m, func(key string) bool { _, has := ", access, "[key]; return has })")
		w.P("if !ok {")
		w.P("break")
		w.P("}")
		w.read(field.Message.Fields[1], "value", ":=")
		w.P("if ", access, " == nil {")
		w.P(access, " = make(map[string]", w.goType(field.Message.Fields[1]), ")")
		w.P("}")
		w.P(access, "[key] = value")
		w.P("}")
	case field.Desc.IsList():
		w.P("for l := r.List(); r.NextElement(&l); {")
		w.read(field, "value", ":=")
		w.P(access, " = append(", access, ", value)")
		w.P("}")
	case field.Oneof != nil && !field.Oneof.Desc.IsSynthetic():
		w.P("if r.Choose(x.", field.Oneof.GoName, " == nil) {")
		w.read(field, "value", ":=")
		w.P("x.", field.Oneof.GoName, " = &", field.GoIdent, "{", field.GoName, ": value}")
		w.P("}")
	case model.DecimalOf(field) != "":
		w.P("decimal", field.GoName, " = r.Decimal()")
	case field.Desc.HasPresence() && field.Message == nil && field.Desc.Kind() != protoreflect.BytesKind:
		w.read(field, "value", ":=")
		w.P(access, " = &value")
	default:
		w.read(field, access, "=")
	}
}

// read writes the reading of one value into a variable.
func (w *writer) read(field *protogen.Field, into, assign string) {
	switch kind := field.Desc.Kind(); kind {
	case protoreflect.MessageKind:
		if model.IsTimestamp(field) {
			w.P(into, " ", assign, " r.Timestamp()")
			return
		}
		w.P(into, " ", assign, " new(", field.Message.GoIdent, ")")
		w.P(into, ".DecodeJSON(r)")
	case protoreflect.EnumKind:
		w.P(into, " ", assign, " ", codecIdent("ReadEnum"), "[", field.Enum.GoIdent, "](r, ", enumTable(field.Enum), ")")
	case protoreflect.StringKind:
		read := kinds[kind].read
		if model.IsDecimal(field) {
			read = "DecimalText"
		}
		w.P(into, " ", assign, " r.", read, "()")
	default:
		w.P(into, " ", assign, " r.", kinds[kind].read, "()")
	}
}

// goType is the Go type of one value of a field.
func (w *writer) goType(field *protogen.Field) string {
	switch kind := field.Desc.Kind(); kind {
	case protoreflect.MessageKind:
		return "*" + w.QualifiedGoIdent(field.Message.GoIdent)
	case protoreflect.EnumKind:
		return w.QualifiedGoIdent(field.Enum.GoIdent)
	case protoreflect.BytesKind:
		return "[]byte"
	case protoreflect.StringKind, protoreflect.BoolKind:
		return kind.String()
	default:
		read := kinds[kind].read // Int32 … Uint64
		return string(read[0]+'a'-'A') + read[1:]
	}
}
