// Package model reads the contract out of descriptors and checks that it is one which the compiler can carry out: every
// method has its rules, every REST binding names fields that exist, and nothing is used that the generated code would get
// wrong. What passes here needs no further checks when code and documents are written.
package model

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "github.com/seed-255eabaa/oms/gen/oms/options/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
)

// optionsPackage holds the options themselves; no code but protoc-gen-go's is made for it.
const optionsPackage = "oms.options.v1"

// Contract is everything that is generated from.
type Contract struct {
	Files    []*protogen.File
	Services []*Service
}

// Service is one service.
type Service struct {
	*protogen.Service
	File    *protogen.File
	Methods []*Method
	Headers []*contract.Header // required of every call
}

// Method is one method with its rules.
type Method struct {
	*protogen.Method
	Options  *optionsv1.MethodOptions
	Headers  []*contract.Header // those of its service
	Kinds    []Kind
	Bindings []*Binding
}

// Kind says that a field of the request holds an id of a kind.
type Kind struct {
	Field *protogen.Field
	Name  string
}

// Binding is one REST path of a method.
type Binding struct {
	Verb, Template string
	// Path are the fields that the path fills, in its order; Query those that the query fills.
	Path, Query []*protogen.Field
	// WholeBody tells that the body is the request message; BodyField that it is one of its fields.
	WholeBody bool
	BodyField *protogen.Field
	// TextField is the field that the body is as it stands, in MediaType; nil where the body is JSON.
	TextField *protogen.Field
	MediaType string
	// Answer is the field of the response that is answered; nil for all of it.
	Answer *protogen.Field
	// EventID and Resume are the fields of the event stream.
	EventID []*protogen.Field
	Resume  *protogen.Field
}

// Read reads the files to generate.
func Read(plugin *protogen.Plugin) (*Contract, error) {
	c := &Contract{}
	for _, file := range plugin.Files {
		if !file.Generate || file.Desc.Package() == optionsPackage {
			continue
		}
		c.Files = append(c.Files, file)
		for _, service := range file.Services {
			s, err := readService(file, service)
			if err != nil {
				return nil, err
			}
			c.Services = append(c.Services, s)
		}
	}
	if err := c.checkRoutes(); err != nil {
		return nil, err
	}
	return c, nil
}

func readService(file *protogen.File, service *protogen.Service) (*Service, error) {
	s := &Service{Service: service, File: file}
	options, _ := proto.GetExtension(service.Desc.Options(), optionsv1.E_Service).(*optionsv1.ServiceOptions)
	for _, name := range options.GetRequiredHeaders() {
		header := contract.FindHeader(name)
		if header == nil {
			return nil, fmt.Errorf("%s: required header %q is not one of internal/contract/header.go", service.Desc.FullName(), name)
		}
		s.Headers = append(s.Headers, header)
	}
	for _, method := range service.Methods {
		m, err := readMethod(method)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method.Desc.FullName(), err)
		}
		m.Headers = s.Headers
		s.Methods = append(s.Methods, m)
	}
	return s, nil
}

// checkRoutes refuses two bindings of one path: all packages are served on one listener.
func (c *Contract) checkRoutes() error {
	var routes []*contract.Route
	for _, service := range c.Services {
		for _, method := range service.Methods {
			for _, binding := range method.Bindings {
				routes = append(routes, &contract.Route{
					Method: &contract.Method{FullName: string(method.Desc.FullName())}, Verb: binding.Verb, Template: binding.Template,
				})
			}
		}
	}
	_, err := contract.NewRouter(routes)
	return err //nolint:wrapcheck // names both methods
}

var reasonForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$`)

func readMethod(method *protogen.Method) (*Method, error) {
	options := method.Desc.Options()
	if !proto.HasExtension(options, optionsv1.E_Method) {
		return nil, fmt.Errorf("has no option (%s): a method without rules could be called by anyone", optionsv1.E_Method.TypeDescriptor().FullName())
	}
	rules, _ := proto.GetExtension(options, optionsv1.E_Method).(*optionsv1.MethodOptions)
	m := &Method{Method: method, Options: rules}
	if method.Desc.IsStreamingClient() {
		return nil, fmt.Errorf("streams from the client, which REST cannot carry")
	}
	if status := rules.GetSuccessStatus(); status != 0 && (status < 200 || status > 299) {
		return nil, fmt.Errorf("success_status %d is no success", status)
	}
	for _, reason := range rules.GetReasons() {
		if !reasonForm.MatchString(reason) {
			return nil, fmt.Errorf("reason %q is not of the form %s", reason, reasonForm)
		}
	}
	if err := m.readKinds(); err != nil {
		return nil, err
	}
	rule, _ := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !proto.HasExtension(options, annotations.E_Http) {
		return m, nil
	}
	for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		b, err := m.readBinding(binding)
		if err != nil {
			return nil, err
		}
		m.Bindings = append(m.Bindings, b)
	}
	return m, nil
}

func (m *Method) readKinds() error {
	for _, text := range m.Options.GetPathKinds() {
		name, kind, found := strings.Cut(text, "=")
		field := Field(m.Input, name)
		if !found || kind == "" || field == nil || !isText(field) {
			return fmt.Errorf("path_kinds %q is not field=kind of a string field", text)
		}
		m.Kinds = append(m.Kinds, Kind{Field: field, Name: kind})
	}
	return nil
}

func (m *Method) readBinding(rule *annotations.HttpRule) (*Binding, error) {
	b := &Binding{}
	if b.Verb, b.Template = verbOf(rule); b.Verb == "" {
		return nil, fmt.Errorf("an http binding has no known HTTP method")
	}
	if m.Options.GetMutation() == (b.Verb == "GET") {
		return nil, fmt.Errorf("%s %s: GET is for reading and everything else for mutations", b.Verb, b.Template)
	}
	template, err := contract.ParseTemplate(b.Template)
	if err != nil {
		return nil, err
	}
	for _, name := range template.Params() {
		field := Field(m.Input, name)
		if field == nil || !isText(field) {
			return nil, fmt.Errorf("%s: parameter %q is not a string field of the request", b.Template, name)
		}
		b.Path = append(b.Path, field)
	}
	if err := b.readBody(m, rule); err != nil {
		return nil, err
	}
	if m.Desc.IsStreamingServer() {
		if err := b.readEvents(m); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Binding) readBody(m *Method, rule *annotations.HttpRule) error {
	if name := rule.GetResponseBody(); name != "" {
		b.Answer = Field(m.Output, name)
		if b.Answer == nil || b.Answer.Message == nil || b.Answer.Desc.Cardinality() == protoreflect.Repeated {
			return fmt.Errorf("response_body %q is not a message field of the response", name)
		}
	}
	switch name := rule.GetBody(); name {
	case "*":
		b.WholeBody = true
		return nil
	case "":
	default:
		field := Field(m.Input, name)
		if b.MediaType = mediaType(field); b.MediaType != "" {
			b.TextField = field
			break
		}
		b.BodyField = field
		if b.BodyField == nil || b.BodyField.Message == nil || b.BodyField.Desc.Cardinality() == protoreflect.Repeated {
			return fmt.Errorf("body %q is not a message field of the request", name)
		}
	}
	for _, field := range m.Input.Fields {
		if field == b.BodyField || field == b.TextField || contains(b.Path, field) {
			continue
		}
		if !isQuery(field) {
			return fmt.Errorf("%s %s: field %q cannot be a query parameter", b.Verb, b.Template, field.Desc.Name())
		}
		b.Query = append(b.Query, field)
	}
	return nil
}

// mediaType is that of a text which is a body of its own; empty for any other field.
func mediaType(field *protogen.Field) string {
	if field == nil || field.Desc.Kind() != protoreflect.StringKind || field.Desc.IsList() {
		return ""
	}
	options, _ := proto.GetExtension(field.Desc.Options(), optionsv1.E_Field).(*optionsv1.FieldOptions)
	return options.GetMediaType()
}

// TakesBody tells whether requests have a body.
func (b *Binding) TakesBody() bool { return b.WholeBody || b.BodyField != nil || b.TextField != nil }

func (b *Binding) readEvents(m *Method) error {
	events := m.Options.GetEvents()
	if events.GetEvent() == "" {
		return fmt.Errorf("streams and has an http binding, so it needs the option events")
	}
	message := m.Output
	for name := range strings.SplitSeq(events.GetIdField(), ".") {
		if message == nil {
			return fmt.Errorf("id_field %q goes through a field that is no message", events.GetIdField())
		}
		field := Field(message, name)
		if field == nil || field.Desc.Cardinality() == protoreflect.Repeated {
			return fmt.Errorf("id_field %q: %s has no singular field %q", events.GetIdField(), message.Desc.Name(), name)
		}
		b.EventID = append(b.EventID, field)
		message = field.Message
	}
	if last := b.EventID[len(b.EventID)-1]; !isText(last) && last.Desc.Kind() != protoreflect.Int64Kind {
		return fmt.Errorf("id_field %q is neither a string nor an int64", events.GetIdField())
	}
	b.Resume = Field(m.Input, events.GetResumeField())
	if b.Resume == nil || !isText(b.Resume) && b.Resume.Desc.Kind() != protoreflect.Int64Kind {
		return fmt.Errorf("resume_field %q is neither a string nor an int64 of the request", events.GetResumeField())
	}
	return nil
}

func verbOf(rule *annotations.HttpRule) (verb, template string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET", p.Get
	case *annotations.HttpRule_Put:
		return "PUT", p.Put
	case *annotations.HttpRule_Post:
		return "POST", p.Post
	case *annotations.HttpRule_Delete:
		return "DELETE", p.Delete
	case *annotations.HttpRule_Patch:
		return "PATCH", p.Patch
	default:
		return "", ""
	}
}

// Field finds a field by its name in proto/; nil when there is none.
func Field(message *protogen.Message, name string) *protogen.Field {
	for _, field := range message.Fields {
		if string(field.Desc.Name()) == name {
			return field
		}
	}
	return nil
}

// KindOf answers the kind of ids that a field of the request holds; empty without a rule.
func (m *Method) KindOf(field *protogen.Field) string {
	for _, kind := range m.Kinds {
		if kind.Field == field {
			return kind.Name
		}
	}
	return ""
}

func optionsOf(field *protogen.Field) *optionsv1.FieldOptions {
	options, _ := proto.GetExtension(field.Desc.Options(), optionsv1.E_Field).(*optionsv1.FieldOptions)
	return options
}

// JSONRequired tells whether JSON must hold a field even where it is 0.
func JSONRequired(field *protogen.Field) bool { return optionsOf(field).GetJsonRequired() }

// JSONName is the name of a field in JSON.
func JSONName(field *protogen.Field) string {
	if name := optionsOf(field).GetJsonName(); name != "" {
		return name
	}
	return string(field.Desc.Name())
}

// DecimalOf names the field with the currency of an amount that JSON writes in decimals; empty for every other field.
func DecimalOf(field *protogen.Field) string { return optionsOf(field).GetDecimalOf() }

// IsDecimal tells whether a field is a text that JSON writes as a number with decimals.
func IsDecimal(field *protogen.Field) bool { return optionsOf(field).GetDecimal() }

// CheckDecimal verifies the options of a field about decimals.
func CheckDecimal(field *protogen.Field) error {
	single := field.Desc.Cardinality() != protoreflect.Repeated && (field.Oneof == nil || field.Oneof.Desc.IsSynthetic())
	if optionsOf(field).GetJsonName() != "" && DecimalOf(field) == "" {
		return fmt.Errorf("json_name is for amounts in decimals, beside decimal_of")
	}
	if name := DecimalOf(field); name != "" {
		currency := Field(field.Parent, name)
		if !single || field.Desc.HasPresence() || field.Desc.Kind() != protoreflect.Int64Kind || currency == nil || !isText(currency) {
			return fmt.Errorf("decimal_of is for a single int64 without presence beside a string field %q", name)
		}
	}
	if IsDecimal(field) && (!single || !field.Desc.HasPresence() || field.Desc.Kind() != protoreflect.StringKind) {
		return fmt.Errorf("decimal is for optional strings")
	}
	return nil
}

// ShortNames answers the prefix that JSON leaves out of an enum's names; false where it writes them in full.
func ShortNames(enum *protogen.Enum) (prefix string, short bool) {
	options, _ := proto.GetExtension(enum.Desc.Options(), optionsv1.E_Enum).(*optionsv1.EnumOptions)
	return strings.TrimSuffix(string(enum.Desc.Values().Get(0).Name()), "UNSPECIFIED"), options.GetShortNames()
}

// IsTimestamp tells whether a field is a google.protobuf.Timestamp.
func IsTimestamp(field *protogen.Field) bool {
	return field.Message != nil && field.Message.Desc.FullName() == "google.protobuf.Timestamp"
}

func isText(field *protogen.Field) bool {
	return field.Desc.Kind() == protoreflect.StringKind && field.Desc.Cardinality() != protoreflect.Repeated &&
		!field.Desc.HasPresence()
}

// isQuery tells whether a field can be written as a query parameter.
func isQuery(field *protogen.Field) bool {
	if field.Desc.IsMap() || field.Oneof != nil {
		return false
	}
	switch field.Desc.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Int64Kind:
		return true
	case protoreflect.MessageKind:
		return IsTimestamp(field)
	default:
		return false
	}
}

func contains(fields []*protogen.Field, field *protogen.Field) bool {
	for _, f := range fields {
		if f == field {
			return true
		}
	}
	return false
}
