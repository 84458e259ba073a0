package restapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/gen/openapi"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// routes are all routes of the contract.
func routes() []*contract.Route {
	return slices.Concat(
		omsv1.OrderServiceRoutes(omsv1.UnimplementedOrderServiceServer{}),
		omsv1.InventoryServiceRoutes(omsv1.UnimplementedInventoryServiceServer{}),
		omsv1.CatalogueServiceRoutes(omsv1.UnimplementedCatalogueServiceServer{}),
		omsv1.NotificationServiceRoutes(omsv1.UnimplementedNotificationServiceServer{}), omsv1.LedgerServiceRoutes(omsv1.UnimplementedLedgerServiceServer{}),
	)
}

// providers are all routes of the dialect of providers.
func providers() []*contract.Route {
	return slices.Concat(
		providerv1.PlayerServiceRoutes(providerv1.UnimplementedPlayerServiceServer{}),
		providerv1.SessionServiceRoutes(providerv1.UnimplementedSessionServiceServer{}),
		providerv1.BetServiceRoutes(providerv1.UnimplementedBetServiceServer{}),
		providerv1.RoundServiceRoutes(providerv1.UnimplementedRoundServiceServer{}),
		providerv1.PaymentServiceRoutes(providerv1.UnimplementedPaymentServiceServer{}),
		providerv1.SandboxServiceRoutes(providerv1.UnimplementedSandboxServiceServer{}),
		providerv1.JackpotServiceRoutes(providerv1.UnimplementedJackpotServiceServer{}),
		providerv1.BonusServiceRoutes(providerv1.UnimplementedBonusServiceServer{}),
	)
}

// documents are those that are published, with the routes that each is about.
func documents() map[string]paper {
	return map[string]paper{
		"openapi": {openapi.YAML, routes()}, "provider": {openapi.Provider, providers()},
		"dev": {openapi.Dev, omsv1.DevServiceRoutes(omsv1.UnimplementedDevServiceServer{})},
	}
}

type paper struct {
	text   []byte
	routes []*contract.Route
}

// published is the document, as a client reads it.
type published struct {
	Paths      map[string]map[string]operation `yaml:"paths"`
	Components struct {
		Responses map[string]response `yaml:"responses"`
	} `yaml:"components"`
}

type operation struct {
	OperationID string `yaml:"operationId"`
	Parameters  []struct {
		Name string `yaml:"name"`
		In   string `yaml:"in"`
		Ref  string `yaml:"$ref"`
	} `yaml:"parameters"`
	RequestBody struct {
		Content map[string]media `yaml:"content"`
	} `yaml:"requestBody"`
	Responses map[string]response `yaml:"responses"`
}

type response struct {
	Ref     string           `yaml:"$ref"`
	Content map[string]media `yaml:"content"`
}

type media struct {
	Schema struct {
		Ref string `yaml:"$ref"`
	} `yaml:"schema"`
	Example any `yaml:"example"`
}

func document(t *testing.T, text []byte) published {
	t.Helper()
	var d published
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDocumentHasEveryRoute compares the routes that are served with the document, both ways.
func TestDocumentHasEveryRoute(t *testing.T) {
	for name, paper := range documents() {
		t.Run(name, func(t *testing.T) { hasEveryRoute(t, paper) })
	}
}

func hasEveryRoute(t *testing.T, paper paper) {
	t.Helper()
	d := document(t, paper.text)
	documented := map[string]bool{}
	for path, item := range d.Paths {
		for verb := range item {
			documented[strings.ToUpper(verb)+" "+path] = true
		}
	}
	ids := map[string]string{}
	for _, route := range paper.routes {
		name := route.Verb + " " + route.Template
		if !documented[name] {
			t.Errorf("%s is served and not documented", name)
			continue
		}
		delete(documented, name)
		o := d.Paths[route.Template][strings.ToLower(route.Verb)]
		if other := ids[o.OperationID]; other != "" || o.OperationID == "" {
			t.Errorf("%s has the operationId %q of %s", name, o.OperationID, other)
		}
		ids[o.OperationID] = name
		checkOperation(t, name, route, o)
	}
	for name := range documented {
		t.Errorf("%s is documented and not served", name)
	}
}

func checkOperation(t *testing.T, name string, route *contract.Route, o operation) {
	t.Helper()
	if _, found := o.Responses[fmt.Sprint(route.Method.SuccessStatus)]; !found {
		t.Errorf("%s answers %d, documented are %v", name, route.Method.SuccessStatus, slices.Sorted(maps.Keys(o.Responses)))
	}
	if route.Body != (len(o.RequestBody.Content) > 0) {
		t.Errorf("%s: has it a body?", name)
	}
	template, err := contract.ParseTemplate(route.Template)
	if err != nil {
		t.Fatal(err)
	}
	var params []string
	key, required := false, 0
	for _, p := range o.Parameters {
		if p.Ref != "" {
			required++
		}
		key = key || strings.HasSuffix(p.Ref, "/IdempotencyKey")
		switch p.In {
		case "path":
			params = append(params, p.Name)
		case "query": // the route must know it: any other error than "unknown" will do
			in := contract.Input{Params: make([]string, contract.ParamLimit), RawQuery: p.Name + "=x"}
			route.Decode(&in)
			for _, v := range in.Violations() {
				if v.Reason == contract.UnknownParameter {
					t.Errorf("%s does not take its query parameter %s", name, p.Name)
				}
			}
		}
	}
	if !slices.Equal(params, template.Params()) {
		t.Errorf("%s documents the path parameters %v", name, params)
	}
	if key != route.Method.Mutation {
		t.Errorf("%s: does it need an idempotency key?", name)
	} else if key {
		required--
	}
	if required != len(route.Method.Headers) {
		t.Errorf("%s: %d required headers are documented, not %d", name, required, len(route.Method.Headers))
	}
}

// schemaOf compiles the schema that a reference names.
func schemaOf(t *testing.T, text []byte, ref string) *jsonschema.Schema {
	t.Helper()
	var whole any
	if err := yaml.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", plain(t, whole)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("openapi.json" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// plain turns YAML's values into JSON's.
func plain(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestExamples holds every example to the schema beside it and to the code: requests are decoded and validated, answers are
// decoded and written again.
func TestExamples(t *testing.T) {
	for name, paper := range documents() {
		t.Run(name, func(t *testing.T) { hasGoodExamples(t, paper) })
	}
}

func hasGoodExamples(t *testing.T, paper paper) {
	t.Helper()
	d := document(t, paper.text)
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range paper.routes {
		o := d.Paths[route.Template][strings.ToLower(route.Verb)]
		t.Run(o.OperationID, func(t *testing.T) {
			if route.Body {
				m := o.RequestBody.Content["application/json"]
				var body []byte
				if route.BodyType == "" {
					checkSchema(t, paper.text, m.Schema.Ref, m.Example)
					body = text(t, m.Example)
				} else {
					body = fmt.Append(nil, o.RequestBody.Content[route.BodyType].Example)
				}
				in := contract.Input{Params: []string{"order:" + uuid}, Body: body} // any id will do where there is no kind
				request := route.Decode(&in)
				if wrong := in.Violations(); len(wrong) > 0 {
					t.Errorf("the example of the request is refused: %+v", wrong)
				}
				if err := validator.Validate(request); err != nil {
					t.Errorf("the example of the request is refused: %v", err)
				}
			}
			answer := o.Responses[fmt.Sprint(route.Method.SuccessStatus)]
			if route.Stream != nil {
				if answer.Content["text/event-stream"].Example == nil {
					t.Error("has no example")
				}
				return
			}
			m := answer.Content["application/json"]
			checkSchema(t, paper.text, m.Schema.Ref, m.Example)
			checkAnswer(t, paper.text, route, m)
		})
	}
	for name, r := range d.Components.Responses {
		for mediaType, m := range r.Content {
			t.Run(name+" "+mediaType, func(t *testing.T) { checkSchema(t, paper.text, m.Schema.Ref, m.Example) })
		}
	}
}

func checkSchema(t *testing.T, document []byte, ref string, example any) {
	t.Helper()
	if example == nil {
		t.Error("has no example")
		return
	}
	if err := schemaOf(t, document, ref).Validate(plain(t, example)); err != nil {
		t.Errorf("the example does not satisfy %s: %v", ref, err)
	}
}

// checkAnswer reads the example into the response message, and holds what the code writes of it to the schema.
func checkAnswer(t *testing.T, document []byte, route *contract.Route, m media) {
	t.Helper()
	message := route.Method.NewResponse()
	inner := message.ProtoReflect()
	// The schema's name tells whether the answer is the response or its only field.
	if name := m.Schema.Ref[strings.LastIndexByte(m.Schema.Ref, '/')+1:]; name != string(inner.Descriptor().Name()) {
		inner = inner.Mutable(inner.Descriptor().Fields().Get(0)).Message()
	}
	target, ok := inner.Interface().(codec.Message)
	if !ok {
		t.Fatalf("%T has no codec", inner.Interface())
	}
	if wrong := codec.Unmarshal(text(t, m.Example), target); wrong != nil {
		t.Fatalf("the example of the answer is not of its message: %+v", wrong)
	}
	written := route.Encode(nil, message)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(written))
	if err != nil {
		t.Fatal(err)
	}
	if err := schemaOf(t, document, m.Schema.Ref).Validate(v); err != nil {
		t.Errorf("what is answered does not satisfy the document: %v\n%s", err, written)
	}
}

func text(t *testing.T, example any) []byte {
	t.Helper()
	b, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAnswersSatisfyTheDocument holds what the handler writes to the schemas: the emptiest order, and errors of both forms.
func TestAnswersSatisfyTheDocument(t *testing.T) {
	s := serve(t)
	check := func(schema string, body []byte) {
		t.Helper()
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err, string(body))
		}
		if err := schemaOf(t, openapi.YAML, "#/components/schemas/"+schema).Validate(v); err != nil {
			t.Errorf("%v\n%s", err, body)
		}
	}
	check("Order", s.do("GET", "/v1/orders/"+orderID, "").Body.Bytes())
	check("Error", s.do("GET", "/v1/orders/1", "").Body.Bytes())
	check("Problem", s.do("GET", "/v1/orders/1", "", "Accept: application/problem+json").Body.Bytes())
	s.chain.fault = fault.New(fault.ResourceExhausted, "RATE_LIMITED", "x").Needing("a", "b", "c").Violating("a", "b", "c").With("k", "v")
	check("Error", s.do("GET", "/v1/orders/"+orderID, "").Body.Bytes())
	check("Problem", s.do("GET", "/v1/orders/"+orderID, "", "Accept: application/problem+json").Body.Bytes())
}

// TestSchemasRefuseWhatTheCodeRefuses tries a few wrong requests on both.
func TestSchemasRefuseWhatTheCodeRefuses(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	schema := schemaOf(t, openapi.YAML, "#/components/schemas/CreateOrderRequest")
	const line = `{"sku":"a","qty":1,"price":{"currency":"EUR","amount_minor":1}}`
	for body, valid := range map[string]bool{
		`{"customer_id":"c","currency":"EUR","items":[` + line + `]}`:                                                                                  true,
		`{"customer_id":"c","currency":"EUR","items":[]}`:                                                                                              false,
		`{"customer_id":"c","currency":"EUR"}`:                                                                                                         false,
		`{"currency":"EUR","items":[` + line + `]}`:                                                                                                    false,
		`{"customer_id":" c","currency":"EUR","items":[` + line + `]}`:                                                                                 false,
		`{"customer_id":"...","currency":"EUR","items":[` + line + `]}`:                                                                                false,
		`{"customer_id":"c","currency":"eur","items":[` + line + `]}`:                                                                                  false,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"colour":1}`:                                                                       false,
		`{"customer_id":"c","currency":"EUR","items":[` + strings.Replace(line, `"qty":1`, `"qty":0`, 1) + `]}`:                                        false,
		`{"customer_id":"c","currency":"EUR","items":[` + strings.Replace(line, `"qty":1`, `"qty":1.5`, 1) + `]}`:                                      false,
		`{"customer_id":"c","currency":"EUR","items":[{"sku":"a","qty":1}]}`:                                                                           false,
		`{"customer_id":"c","currency":"EUR","items":[` + strings.Replace(line, `:1}`, `:9007199254740992}`, 1) + `]}`:                                 false,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"metadata":{"":"x"}}`:                                                              false,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"client_reference":"` + strings.Repeat("é", 128) + `"}`:                            true,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"client_reference":"` + strings.Repeat("é", 129) + `"}`:                            false,
		`{"customer_id":"c","currency":"EUR","items":[` + strings.Repeat(line+",", 1000) + line + `]}`:                                                 false,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"adjustments":[{"name":"","amount":{"currency":"EUR"}}]}`:                          false,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"adjustments":[{"name":"shipping","amount":{"currency":"EUR","amount_minor":0}}]}`: true,
		`{"customer_id":"c","currency":"EUR","items":[` + line + `],"adjustments":[{"name":"shipping","amount":{"currency":"EUR"}}]}`:                  false,
	} {
		request := new(omsv1.CreateOrderRequest)
		code := codec.Unmarshal([]byte(body), request) == nil && validator.Validate(proto.Message(request)) == nil
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if document := schema.Validate(v) == nil; code != valid || document != valid {
			t.Errorf("%.160s: the code takes it: %v, the document: %v, want %v", body, code, document, valid)
		}
	}
}
