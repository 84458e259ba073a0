package edge

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "github.com/seed-255eabaa/oms/gen/oms/options/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// tellContract has a refusal by the reader say what the contract does, which the reader does not know: of numbers that no field can hold
// what is allowed, and of names that the contract does not have the document to look them up in.
func tellContract(method *contract.Method, f *fault.Fault) {
	for i := range f.Violations {
		violation := &f.Violations[i]
		words := ""
		switch violation.Reason {
		case codec.OutOfRange:
			words = rangeOf(fieldAt(method, violation.Field))
		case codec.UnknownField, contract.UnknownParameter:
			words = strings.Replace(violation.Description, " "+codec.Document, " "+method.Document(), 1)
		}
		if words != "" {
			f.Message = strings.Replace(f.Message, violation.Description, words, 1)
			violation.Description = words
		}
	}
}

// fieldAt finds a field of a method's request by its path, nil when there is none.
func fieldAt(method *contract.Method, path string) protoreflect.FieldDescriptor {
	message := method.NewRequest().ProtoReflect().Descriptor()
	var field protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		name, _, _ = strings.Cut(name, "[")
		if message == nil {
			return nil
		}
		if field = message.Fields().ByName(protoreflect.Name(name)); field == nil {
			return nil
		}
		message = field.Message()
	}
	return field
}

// membersOf names the fields of which a request has one.
func membersOf(method *contract.Method, path string) string {
	message, name := method.NewRequest().ProtoReflect().Descriptor(), path
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		name = path[at+1:]
		if field := fieldAt(method, path[:at]); field != nil {
			message = field.Message()
		}
	}
	var names []string
	if group := message.Oneofs().ByName(protoreflect.Name(name)); group != nil {
		for i := range group.Fields().Len() {
			names = append(names, string(group.Fields().Get(i).Name()))
		}
	}
	return strings.Join(names, ", ")
}

// rangeOf answers the limits that the rules of a field give; empty without both.
func rangeOf(field protoreflect.FieldDescriptor) string {
	if field == nil {
		return ""
	}
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	switch {
	case rules.GetInt64().HasGte() && rules.GetInt64().HasLte():
		return fmt.Sprintf("must be between %d and %d", rules.GetInt64().GetGte(), rules.GetInt64().GetLte())
	case rules.GetInt32().HasGte() && rules.GetInt32().HasLte():
		return fmt.Sprintf("must be between %d and %d", rules.GetInt32().GetGte(), rules.GetInt32().GetLte())
	default:
		return ""
	}
}

// isDecimal tells whether JSON writes a field as a number with the decimals of its currency, so that its rules, which are of minor units, say
// nothing to the caller. Such a number is refused by its rules for its sign only: what is too large cannot be read.
func isDecimal(field protoreflect.FieldDescriptor) bool {
	if field == nil {
		return false
	}
	options, _ := proto.GetExtension(field.Options(), optionsv1.E_Field).(*optionsv1.FieldOptions)
	return options.GetDecimalOf() != ""
}

// atLeast says what an amount must be that is below zero: some may not be zero either, by a rule of the field that holds the money.
func atLeast(method *contract.Method, path string) string {
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		if holder := fieldAt(method, path[:at]); holder != nil {
			rules, _ := proto.GetExtension(holder.Options(), validate.E_Field).(*validate.FieldRules)
			for _, rule := range rules.GetCel() {
				if strings.HasSuffix(rule.GetId(), ".positive") {
					return rule.GetMessage()
				}
			}
		}
	}
	return "must not be below 0"
}
