package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.yaml.in/yaml/v3"

	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/edge/restapi"
)

// shopDocument is the document of /api and /webhooks, as a client reads it.
type shopDocument struct {
	compiler *jsonschema.Compiler
	whole    map[string]any
}

func readShopDocument(t *testing.T) *shopDocument {
	t.Helper()
	d := &shopDocument{compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal(restapi.Shop, &d.whole); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d.whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.compiler.AddResource("shop.json", instance(t, text)); err != nil {
		t.Fatal(err)
	}
	return d
}

func instance(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// at follows the names of members, and references.
func (d *shopDocument) at(names ...string) (any, string) {
	var value any = d.whole
	pointer := ""
	for _, name := range names {
		members, _ := value.(map[string]any)
		value = members[name]
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if members, isObject := value.(map[string]any); isObject && members["$ref"] != nil {
			pointer = strings.TrimPrefix(fmt.Sprint(members["$ref"]), "#")
			value, _ = d.at(strings.Split(strings.TrimPrefix(pointer, "/"), "/")...)
		}
	}
	return value, pointer
}

func (d *shopDocument) schema(t *testing.T, names ...string) *jsonschema.Schema {
	t.Helper()
	value, pointer := d.at(append(names, "content", "application/json", "schema")...)
	if value == nil {
		t.Fatalf("the document has no %s", pointer)
	}
	schema, err := d.compiler.Compile("shop.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// hold holds a request and its answer to the document.
func (d *shopDocument) hold(t *testing.T, path, request string, code int, answer []byte) {
	t.Helper()
	if served, _ := d.at("paths", path, "post"); served == nil {
		if code != http.StatusNotFound {
			t.Errorf("%s is served and not documented", path)
		}
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(request))
	if code < http.StatusBadRequest && err == nil {
		err = d.schema(t, "paths", path, "post", "requestBody").Validate(value)
	}
	if code < http.StatusBadRequest && err != nil {
		t.Errorf("%s takes what the document refuses: %v\n%s", path, err, request)
	}
	status := strconv.Itoa(code)
	if documented, _ := d.at("paths", path, "post", "responses", status); documented == nil {
		status = "default"
	}
	if err := d.schema(t, "paths", path, "post", "responses", status).Validate(instance(t, answer)); err != nil {
		t.Errorf("%s answers %d as the document does not say: %v\n%s", path, code, err, answer)
	}
}

// Whatever the document of /api refuses, the server refuses, its examples are good, and it has no path that is not served.
func TestShopDocument(t *testing.T) {
	server := start(t)
	for path, want := range map[string]string{"/api/openapi.yaml": "title: Shop", "/api/docs": `spec-url="/api/openapi.yaml"`} {
		if code, text := server.http(t, http.MethodGet, path, ""); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %.200s", path, code, text)
		}
	}
	d := readShopDocument(t)
	const item = `{"productId":"P001","quantity":1}`
	card := `{"cardNumber":"4111111111111111","expiryDate":"12/29","cvv":"123"}`
	order := "order:0198c0de-0000-7000-8000-000000000000"
	for _, wrong := range []struct{ path, body string }{
		{createPath, `{}`}, {createPath, `{"userId":"u","orderAmount":1,"items":[]}`},
		{createPath, `{"userId":"","orderAmount":1,"items":[` + item + `]}`},
		{createPath, `{"userId":"u","orderAmount":"1","items":[` + item + `]}`},
		{createPath, `{"userId":"u","orderAmount":-1,"items":[` + item + `]}`},
		{createPath, `{"userId":"u","orderAmount":1,"items":[` + item + `],"colour":"red"}`},
		{createPath, `{"userId":"u","orderAmount":1,"items":[{"productId":" P","quantity":1}]}`},
		{createPath, `{"userId":"u","orderAmount":1,"items":[{"productId":"P","quantity":0}]}`},
		{createPath, `{"userId":"u","orderAmount":1,"items":[{"productId":"P","quantity":1.5}]}`},
		{createPath, `{"userId":"u","orderAmount":1,"items":[{"productId":"P","quantity":1,"price":1}]}`},
		{lockPath, `{"orderId":"ORD123456","items":[` + item + `]}`},
		{payPath, `{"orderId":"` + order + `","userId":"u","paymentAmount":1,"paymentMethod":"paypal","paymentDetails":` + card + `}`},
		{payPath, `{"orderId":"` + order + `","userId":"u","paymentAmount":1,"paymentMethod":"credit_card"}`},
		{notifyPath, `{"userId":"u","notificationType":"pigeon","message":"m"}`},
		{notifyPath, `{"userId":"u","notificationType":"sms","message":"` + strings.Repeat("m", 501) + `"}`},
	} {
		if d.schema(t, "paths", wrong.path, "post", "requestBody").Validate(instance(t, []byte(wrong.body))) == nil {
			t.Errorf("the document takes %s", wrong.body)
		}
		if got := server.post(t, wrong.path, wrong.body); !strings.HasPrefix(got, `{"code":400,`) {
			t.Errorf("%s: the server answers %s", wrong.body, got)
		}
	}
	paths, _ := d.at("paths")
	for path := range paths.(map[string]any) { //nolint:forcetypeassert // a document has paths
		if strings.HasPrefix(path, "/api/") {
			if got := server.post(t, path, "{}"); strings.Contains(got, "ROUTE_NOT_FOUND") {
				t.Errorf("%s is documented and not served: %s", path, got)
			}
			d.checkExample(t, "paths", path, "post", "requestBody")
		}
		responses, _ := d.at("paths", path, "post", "responses")
		for status := range responses.(map[string]any) { //nolint:forcetypeassert // an operation has responses
			if status != "204" {
				d.checkExample(t, "paths", path, "post", "responses", status)
			}
		}
	}
}

func (d *shopDocument) checkExample(t *testing.T, names ...string) {
	t.Helper()
	example, pointer := d.at(append(names, "content", "application/json", "example")...)
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.schema(t, names...).Validate(instance(t, text)); err != nil {
		t.Errorf("the example %s: %v", pointer, err)
	}
}

// Callbacks of a gateway over HTTP, the document's examples first: what is taken satisfies the document, and so does every refusal.
func TestWebhookDocument(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	server := start(t, func(c *config.Config) {
		c.GatewaysFile = filepath.Join(t.TempDir(), "gateways.yaml")
		text := fmt.Sprintf("- {name: remote, kind: remote, url: 'http://127.0.0.1:9', secret: %s}\n", secret)
		if err := os.WriteFile(c.GatewaysFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	d := readShopDocument(t)
	const path = "/webhooks/{gateway}"
	var taken []string
	examples, _ := d.at("paths", path, "post", "requestBody", "content", "application/json", "examples")
	for _, example := range examples.(map[string]any) { //nolint:forcetypeassert // it has examples
		text, err := json.Marshal(example.(map[string]any)["value"])
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, string(text))
	}
	taken = append(taken, `{"type":"payment_intent.created"}`)
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	send := func(name, body string, at time.Time, spoil func(header string) string) (int, string) {
		signature, err := signer.Sign("msg_1", at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return server.http(t, http.MethodPost, "/webhooks/"+name, body, "Content-Type: application/json", "webhook-id: msg_1",
			fmt.Sprintf("webhook-timestamp: %d", at.Unix()), "webhook-signature: "+spoil(signature))
	}
	good := func(signature string) string { return signature }
	for _, body := range taken {
		if err := d.schema(t, "paths", path, "post", "requestBody").Validate(instance(t, []byte(body))); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if code, text := send("remote", body, time.Now(), good); code != http.StatusNoContent {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	for _, refused := range []struct {
		what, name, body string
		at               time.Time
		spoil            func(string) string
		code             int
	}{
		{"another's signature", "remote", taken[0], time.Now(), func(string) string { return "v1,AAAA" }, 401},
		{"no signature", "remote", taken[0], time.Now(), func(string) string { return "" }, 401},
		{"a signature of another scheme", "remote", taken[0], time.Now(), func(s string) string { return "v2" + s[2:] }, 401},
		{"an old signature", "remote", taken[0], time.Now().Add(-time.Hour), good, 401},
		{"a signature of tomorrow", "remote", taken[0], time.Now().Add(24 * time.Hour), good, 401},
		{"no JSON", "remote", "no", time.Now(), good, 400},
		{"no outcome", "remote", `{"type":"call.settled","data":{"tenant":"t","key":"k","status":"pending"}}`, time.Now(), good, 400},
		{"a dispute over nothing", "remote", `{"type":"payment.dispute","data":{}}`, time.Now(), good, 400},
		{"nobody's", "acme", taken[0], time.Now(), good, 404},
		{"too long", "remote", strings.Repeat(" ", 64<<10) + "{}", time.Now(), good, 413},
	} {
		code, text := send(refused.name, refused.body, refused.at, refused.spoil)
		if code != refused.code {
			t.Errorf("%s: %d %s, want %d", refused.what, code, text, refused.code)
		}
		if err := d.schema(t, "paths", path, "post", "responses", strconv.Itoa(code)).Validate(instance(t, []byte(text))); err != nil {
			t.Errorf("%s: %v\n%s", refused.what, err, text)
		}
	}
}
