package openapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/compiler/protogen"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
)

// operation writes one binding of a method.
func (d *document) operation(service *model.Service, method *model.Method, binding *model.Binding, index int) (*object, error) {
	description := sentence(strings.TrimPrefix(prose(method.Comments.Leading), method.GoName+" "))
	o := newObject().
		set("operationId", operationID(method, binding, index)).
		set("tags", []string{service.GoName}).
		set("summary", summary(description)).
		set("description", describe(description, method))
	if scopes := method.Options.GetScopes(); len(scopes) > 0 {
		o.set("security", []*object{newObject().set("bearer", scopes)})
	}
	parameters, err := d.parameters(method, binding)
	if err != nil {
		return nil, err
	}
	if len(parameters) > 0 {
		o.set("parameters", parameters)
	}
	switch {
	case binding.TextField != nil:
		body, err := d.textBody(method, binding)
		if err != nil {
			return nil, err
		}
		o.set("requestBody", body)
	case binding.TakesBody():
		o.set("requestBody", d.requestBody(method, binding))
	}
	return o.set("responses", d.responses(method, binding)), nil
}

// textBody is a body that is one text of the request, as it stands. Its example is that of the request.
func (d *document) textBody(method *model.Method, binding *model.Binding) (*object, error) {
	schema, err := d.schemas.field(binding.TextField)
	if err != nil {
		return nil, err
	}
	media := newObject().set("schema", schema)
	if request := d.examples[method.GoName].Request; request.Kind == yaml.MappingNode {
		for i := 0; i < len(request.Content); i += 2 {
			if request.Content[i].Value == string(binding.TextField.Desc.Name()) {
				media.set("example", request.Content[i+1])
			}
		}
	}
	return newObject().
		set("description", prose(binding.TextField.Comments.Leading)).set("required", true).
		set("content", newObject().set(binding.MediaType, media)), nil
}

// operationID is the method's name; further bindings add what their paths or bodies name.
func operationID(method *model.Method, binding *model.Binding, index int) string {
	if index == 0 {
		return method.GoName
	}
	if binding.TextField != nil {
		return method.GoName + "As" + binding.TextField.GoName
	}
	var fields []string
	for _, field := range binding.Path {
		fields = append(fields, field.GoName)
	}
	return method.GoName + "By" + strings.Join(fields, "And")
}

func describe(description string, method *model.Method) string {
	if scopes := method.Options.GetScopes(); len(scopes) > 0 {
		description += "\n\nScopes: " + code(scopes) + "."
	}
	if reasons := method.Options.GetReasons(); len(reasons) > 0 {
		description += "\n\nRefused with, beyond what every operation shares: " + code(reasons) + "."
	}
	return description
}

func code(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

func (d *document) parameters(method *model.Method, binding *model.Binding) ([]*object, error) {
	var parameters []*object
	for _, field := range binding.Path {
		schema, err := d.schemas.field(field)
		if err != nil {
			return nil, err
		}
		if kind := method.KindOf(field); kind != "" {
			schema = newObject().set("type", "string").set("pattern", "^"+kind+":"+uuidPattern+"$")
		}
		parameters = append(parameters, parameter("path", field, schema).set("required", true))
	}
	for _, field := range binding.Query {
		schema, err := d.schemas.field(field)
		if err != nil {
			return nil, err
		}
		p := parameter("query", field, schema)
		if field.Desc.IsList() {
			p.set("style", "form").set("explode", true)
		}
		parameters = append(parameters, p)
	}
	for _, header := range method.Headers {
		parameters = append(parameters, newObject().set("$ref", "#/components/parameters/"+component(header)))
	}
	if method.Options.GetMutation() {
		parameters = append(parameters, newObject().set("$ref", "#/components/parameters/IdempotencyKey"))
	}
	if binding.Resume != nil {
		parameters = append(parameters, newObject().
			set("name", "Last-Event-ID").set("in", "header").
			set("description", fmt.Sprintf("The last id that was seen; it wins over %#q. An EventSource sends it by itself when it reconnects.",
				binding.Resume.Desc.Name())).
			set("schema", newObject().set("type", "string")))
	}
	return parameters, nil
}

const uuidPattern = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

func parameter(in string, field *protogen.Field, schema *object) *object {
	return newObject().
		set("name", string(field.Desc.Name())).set("in", in).
		describe(prose(field.Comments.Leading)).
		set("schema", schema)
}

func (d *document) requestBody(method *model.Method, binding *model.Binding) *object {
	var message *protogen.Message
	var omit []*protogen.Field
	if binding.WholeBody {
		message, omit = method.Input, binding.Path
	} else {
		message = binding.BodyField.Message
	}
	ref := d.schemas.refer(message, request, omit)
	media := newObject().set("schema", ref)
	if node := d.examples[method.GoName].Request; node.Kind != 0 {
		media.set("example", &node)
	}
	return newObject().
		set("required", d.schemas.needsBody(message)).
		set("content", newObject().set("application/json", media))
}

func (d *document) responses(method *model.Method, binding *model.Binding) *object {
	status := int(method.Options.GetSuccessStatus())
	if status == 0 {
		status = http.StatusOK
	}
	message, description := method.Output, prose(method.Output.Comments.Leading)
	if binding.Answer != nil {
		message, description = binding.Answer.Message, prose(binding.Answer.Comments.Leading)
	}
	media := newObject().set("schema", d.schemas.refer(message, response, nil))
	node := d.examples[method.GoName].Response
	if node.Kind != 0 {
		media.set("example", &node)
	}
	success := newObject().set("description", description)
	mediaType := "application/json"
	if method.Desc.IsStreamingServer() {
		mediaType, media = "text/event-stream", d.events(method, message)
	} else if method.Options.GetMutation() {
		headers := newObject().set("Idempotent-Replayed", newObject().set("$ref", "#/components/headers/IdempotentReplayed"))
		if canDryRun(method) {
			headers.set("Oms-Dry-Run", newObject().set("$ref", "#/components/headers/DryRun"))
		}
		success.set("headers", headers)
	}
	success.set("content", newObject().set(mediaType, media))
	responses := newObject().set(strconv.Itoa(status), success)
	if method.Desc.IsStreamingServer() {
		responses.set("204", newObject().set("description", "There is nothing more to come; an EventSource does not reconnect."))
	}
	for _, e := range errorResponses {
		if e.applies(method, binding) {
			responses.set(strconv.Itoa(e.status), newObject().set("$ref", "#/components/responses/"+e.name))
		}
	}
	return responses
}

// events describes the body of an event stream, which no schema can.
func (d *document) events(method *model.Method, message *protogen.Message) *object {
	events := method.Options.GetEvents()
	schema := newObject().set("type", "string").set("description", fmt.Sprintf(
		"Server-sent events named `%s`: `id` is `%s`, `data` is one line of JSON of the schema `%s`. A comment line `: heartbeat` "+
			"comes every 15 seconds. An event named `error` carries an `Error` and is the last.",
		events.GetEvent(), events.GetIdField(), message.GoIdent.GoName)).
		set("contentMediaType", "text/event-stream").
		set("contentSchema", d.schemas.refer(message, response, nil))
	media := newObject().set("schema", schema)
	if node := d.examples[method.GoName].Response; node.Kind != 0 {
		media.set("example", &node)
	}
	return media
}
