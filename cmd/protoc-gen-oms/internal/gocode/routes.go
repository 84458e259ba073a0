package gocode

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
)

// service writes the rules of a service's methods and its routes.
func (w *writer) service(service *model.Service) {
	if len(service.Headers) > 0 {
		w.P("// headers", service.GoName, " are required of every call of ", service.GoName, ".")
		w.P("var headers", service.GoName, " = []*", contractIdent("Header"), "{")
		for _, header := range service.Headers {
			w.P(contractIdent("FindHeader"), "(", strconv.Quote(header.Name), "),")
		}
		w.P("}")
		w.P()
	}
	for _, method := range service.Methods {
		w.rules(service, method)
	}
	w.P("// ", service.GoName, "Methods are the rules of the methods of ", service.GoName, ".")
	w.P("var ", service.GoName, "Methods = []*", contractIdent("Method"), "{")
	for _, method := range service.Methods {
		w.P(methodName(service, method), ",")
	}
	w.P("}")
	w.P()
	w.P("// ", service.GoName, "Routes are the REST routes of ", service.GoName, ", bound to an implementation in this process.")
	w.P("func ", service.GoName, "Routes(service ", service.GoName, "Server) []*", contractIdent("Route"), " {")
	w.P("return []*", contractIdent("Route"), "{")
	for _, method := range service.Methods {
		for i, binding := range method.Bindings {
			w.route(service, method, binding, i)
		}
	}
	w.P("}")
	w.P("}")
	w.P()
	for _, method := range service.Methods {
		for i, binding := range method.Bindings {
			w.input(service, method, binding, i)
		}
	}
}

func methodName(service *model.Service, method *model.Method) string {
	return "Method" + service.GoName + method.GoName
}

func inputName(service *model.Service, method *model.Method, binding int) string {
	return fmt.Sprintf("read%s%s%d", service.GoName, method.GoName, binding)
}

// rules writes the contract.Method of a method.
func (w *writer) rules(service *model.Service, method *model.Method) {
	options := method.Options
	status := options.GetSuccessStatus()
	if status == 0 {
		status = 200
	}
	message := protoPackage.Ident("Message")
	w.P("// ", methodName(service, method), " are the rules of ", service.GoName, ".", method.GoName, ".")
	w.P("var ", methodName(service, method), " = &", contractIdent("Method"), "{")
	w.P("FullName: ", strconv.Quote(fmt.Sprintf("/%s/%s", service.Desc.FullName(), method.Desc.Name())), ",")
	w.P("Service: ", strconv.Quote(string(service.Desc.FullName())), ",")
	w.P("Name: ", strconv.Quote(string(method.Desc.Name())), ",")
	w.P("Mutation: ", options.GetMutation(), ",")
	w.P("Streaming: ", method.Desc.IsStreamingServer(), ",")
	w.P("SuccessStatus: ", status, ",")
	w.P("Scopes: ", stringsLiteral(options.GetScopes()), ",")
	w.P("Reasons: ", stringsLiteral(options.GetReasons()), ",")
	if len(method.Headers) > 0 {
		w.P("Headers: headers", service.GoName, ",")
	}
	if len(method.Kinds) > 0 {
		w.P("IDs: []", contractIdent("ID"), "{")
		for _, kind := range method.Kinds {
			w.P("{")
			w.P("Field: ", strconv.Quote(string(kind.Field.Desc.Name())), ", Kind: ", strconv.Quote(kind.Name), ",")
			w.P("In: func(m ", message, ") *string { return &m.(*", method.Input.GoIdent, ").", kind.Field.GoName, " },")
			w.P("},")
		}
		w.P("},")
	}
	w.P("NewRequest: func() ", message, " { return new(", method.Input.GoIdent, ") },")
	w.P("NewResponse: func() ", message, " { return new(", method.Output.GoIdent, ") },")
	w.P("}")
	w.P()
}

func stringsLiteral(list []string) string {
	if len(list) == 0 {
		return "nil"
	}
	return fmt.Sprintf("%#v", list)
}

// route writes the contract.Route of a binding.
func (w *writer) route(service *model.Service, method *model.Method, binding *model.Binding, index int) {
	message := w.QualifiedGoIdent(protoPackage.Ident("Message"))
	response := "response.(*" + w.QualifiedGoIdent(method.Output.GoIdent) + ")"
	w.P("{")
	w.P("Method: ", methodName(service, method), ",")
	w.P("Verb: ", strconv.Quote(binding.Verb), ", Template: ", strconv.Quote(binding.Template), ",")
	w.P("Body: ", binding.TakesBody(), ",")
	if binding.TextField != nil {
		w.P("BodyType: ", strconv.Quote(binding.MediaType), ",")
	}
	w.P("Decode: ", inputName(service, method, index), ",")
	answer := response
	if binding.Answer != nil {
		answer += ".Get" + binding.Answer.GoName + "()"
	}
	w.P("Encode: func(b []byte, response ", message, ") []byte { return ", answer, ".AppendJSON(b) },")
	if method.Desc.IsStreamingServer() {
		w.stream(method, binding, message, response)
	} else {
		w.P("Call: func(ctx ", contextPackage.Ident("Context"), ", request ", message, ") (", message, ", error) {")
		w.P("response, err := service.", method.GoName, "(ctx, request.(*", method.Input.GoIdent, "))")
		w.P("if err != nil {")
		w.P("return nil, err")
		w.P("}")
		w.P("return response, nil")
		w.P("},")
	}
	w.P("},")
}

// stream writes the parts of the route of a streaming method.
func (w *writer) stream(method *model.Method, binding *model.Binding, message, response string) {
	output := w.QualifiedGoIdent(method.Output.GoIdent)
	w.P("Stream: func(ctx ", contextPackage.Ident("Context"), ", request ", message, ", send func(response ", message, ") error) error {")
	w.P("return service.", method.GoName, "(request.(*", method.Input.GoIdent, "), ", contractIdent("NewServerStream"),
		"(ctx, func(response *", output, ") error { return send(response) }))")
	w.P("},")
	w.P("Event: ", strconv.Quote(method.Options.GetEvents().GetEvent()), ",")
	if binding.Resume != nil {
		w.P("Resume: ", strconv.Quote(string(binding.Resume.Desc.Name())), ",")
	}
	value := response
	for _, field := range binding.EventID {
		value = fmt.Sprintf("%s.Get%s()", value, field.GoName)
	}
	appended := "append(b, " + value + "...)"
	if last := binding.EventID[len(binding.EventID)-1]; last.Desc.Kind() == protoreflect.Int64Kind {
		appended = w.QualifiedGoIdent(codecIdent("AppendInt")) + "(b, " + value + ")"
	}
	w.P("EventID: func(b []byte, response ", message, ") []byte { return ", appended, " },")
}

// input writes the function that makes a request of path, query and body.
func (w *writer) input(service *model.Service, method *model.Method, binding *model.Binding, index int) {
	w.P("// ", inputName(service, method, index), " makes the request of ", binding.Verb, " ", binding.Template, ".")
	w.P("func ", inputName(service, method, index), "(in *", contractIdent("Input"), ") ", protoPackage.Ident("Message"), " {")
	w.P("m := new(", method.Input.GoIdent, ")")
	if binding.WholeBody {
		w.P(`in.ReadBody("", m)`)
	}
	if binding.BodyField != nil {
		w.P("m.", binding.BodyField.GoName, " = new(", binding.BodyField.Message.GoIdent, ")")
		w.P(`in.ReadBody("`, binding.BodyField.Desc.Name(), `", m.`, binding.BodyField.GoName, ")")
	}
	if binding.TextField != nil {
		w.P("m.", binding.TextField.GoName, ` = in.BodyText("`, binding.TextField.Desc.Name(), `")`)
	}
	for i, field := range binding.Path {
		w.P("in.PathText(", i, `, "`, field.Desc.Name(), `", "`, method.KindOf(field), `", &m.`, field.GoName, ")")
	}
	w.query(binding)
	if binding.Resume != nil {
		read := "Text"
		if binding.Resume.Desc.Kind() == protoreflect.Int64Kind {
			read = "Int64"
		}
		w.P("if in.Resume() {")
		w.P("m.", binding.Resume.GoName, " = in.", read, "()")
		w.P("}")
	}
	w.P("return m")
	w.P("}")
	w.P()
}

// query writes the loop over the query parameters; where the contract has none, every one is refused.
func (w *writer) query(binding *model.Binding) {
	if len(binding.Query) == 0 {
		w.P("for in.NextQuery() {")
		w.P("in.UnknownQuery()")
		w.P("}")
		return
	}
	w.P("var seen ", contractIdent("Seen"))
	w.P("for in.NextQuery() {")
	w.P("switch in.Name() {")
	repeated := true
	for bit, field := range binding.Query {
		w.P(`case "`, field.Desc.Name(), `":`)
		access := "m." + field.GoName
		if field.Desc.IsList() {
			w.P(access, " = append(", access, ", ", w.queryValue(field), ")")
			continue
		}
		repeated = false
		w.P("if in.Once(&seen, ", bit, ") {")
		w.P(access, " = ", w.queryValue(field))
		w.P("}")
	}
	w.P("default:")
	w.P("in.UnknownQuery()")
	w.P("}")
	w.P("}")
	if repeated {
		w.P("_ = seen")
	}
}

func (w *writer) queryValue(field *protogen.Field) string {
	switch field.Desc.Kind() {
	case protoreflect.EnumKind:
		return w.QualifiedGoIdent(contractIdent("QueryEnum")) + "[" + w.QualifiedGoIdent(field.Enum.GoIdent) + "](in, " +
			enumTable(field.Enum) + ")"
	case protoreflect.MessageKind:
		return "in.Timestamp()"
	default:
		return "in." + kinds[field.Desc.Kind()].read + "()"
	}
}
