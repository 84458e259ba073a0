package main

import (
	"bytes"
	"context"
	"flag"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/gocode"
	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/openapi"
)

var update = flag.Bool("update", false, "write the golden files")

// plugin compiles one file in memory, beside the real proto/ and third_party/, and hands it over as buf does.
func plugin(t *testing.T, name, text string) *protogen.Plugin {
	t.Helper()
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
			&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{name: text})},
			&protocompile.SourceResolver{ImportPaths: []string{"../../proto", "../../third_party"}},
		}),
	}
	files, err := compiler.Compile(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{name}, Parameter: proto.String("paths=source_relative")}
	add(request, map[string]bool{}, files[0])
	// Options are read anew, so that they are of the types that the plugin links.
	wire, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	request = &pluginpb.CodeGeneratorRequest{}
	if err := proto.Unmarshal(wire, request); err != nil {
		t.Fatal(err)
	}
	p, err := protogen.Options{}.New(request)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// add appends a file after its imports.
func add(request *pluginpb.CodeGeneratorRequest, seen map[string]bool, file protoreflect.FileDescriptor) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	for i := range file.Imports().Len() {
		add(request, seen, file.Imports().Get(i).FileDescriptor)
	}
	// What was compiled from source holds its comments, which protodesc leaves out.
	if compiled, ok := file.(interface {
		FileDescriptorProto() *descriptorpb.FileDescriptorProto
	}); ok {
		request.ProtoFile = append(request.ProtoFile, compiled.FileDescriptorProto())
		return
	}
	request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(file))
}

// generate runs the compiler, and protoc-gen-go beside it.
func generate(t *testing.T, p *protogen.Plugin) (map[string][]byte, error) {
	t.Helper()
	for _, file := range p.Files {
		if file.Generate {
			internal_gengo.GenerateFile(p, file)
		}
	}
	c, err := model.Read(p)
	if err != nil {
		return nil, err
	}
	if err := gocode.Write(p, c); err != nil {
		return nil, err
	}
	if err := openapi.Write(p, c); err != nil {
		return nil, err
	}
	written := map[string][]byte{}
	for _, file := range p.Response().GetFile() {
		content := []byte(file.GetContent())
		if strings.HasSuffix(file.GetName(), ".go") {
			if content, err = format.Source(content); err != nil {
				t.Fatalf("%s: %v", file.GetName(), err)
			}
		}
		written[file.GetName()] = content
	}
	return written, nil
}

// TestKitchen compares what is generated today with the package that the tests of the codec run on.
func TestKitchen(t *testing.T) {
	source, err := os.ReadFile("testdata/kitchen.proto")
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(t, plugin(t, "kitchen.proto", string(source)))
	if err != nil {
		t.Fatal(err)
	}
	folder := "../../internal/contract/internal/kitchen"
	golden := map[string]string{
		"kitchen.pb.go": folder, "kitchen_oms.pb.go": folder, "methods_oms.pb.go": folder, "openapi/openapi.yaml": "testdata",
	}
	for name, folder := range golden {
		path := filepath.Join(folder, filepath.Base(name))
		if *update {
			if err := os.WriteFile(path, files[name], 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name != "kitchen.pb.go" && !bytes.Equal(files[name], want) {
			t.Errorf("%s is not what the compiler writes; run go test ./cmd/protoc-gen-oms -update and look at the difference", path)
		}
	}
}

// TestRefusals checks that a contract which cannot be carried out is refused with a sentence, and not compiled into something
// else.
func TestRefusals(t *testing.T) {
	const header = `syntax = "proto3"; package p.v1; option go_package = "example.org/p;p";
import "google/api/annotations.proto"; import "oms/options/v1/options.proto"; import "google/protobuf/struct.proto";
message Q { string id = 1; repeated string tags = 2; int64 n = 3; M inner = 4; map<string,string> map = 5; } message M { string id = 1; }
message A { M m = 1; string s = 2; repeated M list = 3; int64 n = 4; }
`
	method := func(kind, http, options string) string {
		return header + `service S { rpc Do(` + kind + `) returns (` + http + options + `} }`
	}
	const rules = `option (oms.options.v1.method) = {scopes: "a:b"`
	unary := func(http, extra string) string {
		if http != "" {
			http = `option (google.api.http) = {` + http + `};`
		}
		return method("Q", `A) {`+http, rules+extra+`};`)
	}
	for want, text := range map[string]string{
		"has no option (oms.options.v1.method)":             method("Q", "A) {", ""),
		"streams from the client":                           method("stream Q", "A) {", rules+`};`),
		"is no success":                                     unary("", ` success_status: 404`),
		"is not of the form":                                unary("", ` reasons: "lower"`),
		"is not field=kind":                                 unary("", ` path_kinds: "id"`),
		"is not field=kind of a string field":               unary("", ` path_kinds: "n=order"`),
		"has no known HTTP method":                          unary(`custom: {kind: "LINK" path: "/x"}`, ``),
		"GET is for reading":                                unary(`get: "/x"`, ` mutation: true`),
		"everything else for mutations":                     unary(`post: "/x" body: "*"`, ``),
		`parameter "nothing" is not a string field`:         unary(`get: "/x/{nothing}"`, ``),
		`parameter "n" is not a string field`:               unary(`get: "/x/{n}"`, ``),
		`parameter "inner.id" is not a string field`:        unary(`get: "/x/{inner.id}"`, ``),
		`is neither a literal nor {field}`:                  unary(`get: "/x/{id=a/*}"`, ``),
		`field "inner" cannot be a query parameter`:         unary(`get: "/x/{id}"`, ``),
		`response_body "s" is not a message field`:          unary(`post: "/x" body: "*" response_body: "s"`, ` mutation: true`),
		`response_body "list" is not a message field`:       unary(`post: "/x" body: "*" response_body: "list"`, ` mutation: true`),
		`body "id" is not a message field`:                  unary(`post: "/x" body: "id"`, ` mutation: true`),
		"needs the option events":                           method("M", `stream A) { option (google.api.http) = {get: "/x"};`, rules+`};`),
		`id_field "m.x": M has no singular field "x"`:       method("M", `stream A) { option (google.api.http) = {get: "/x"};`, rules+` events: {event: "e" id_field: "m.x" resume_field: "id"}};`),
		`id_field "s.x" goes through a field`:               method("M", `stream A) { option (google.api.http) = {get: "/x"};`, rules+` events: {event: "e" id_field: "s.x" resume_field: "id"}};`),
		`id_field "m" is neither a string nor an int64`:     method("M", `stream A) { option (google.api.http) = {get: "/x"};`, rules+` events: {event: "e" id_field: "m" resume_field: "id"}};`),
		`resume_field "x" is neither a string nor an int64`: method("M", `stream A) { option (google.api.http) = {get: "/x"};`, rules+` events: {event: "e" id_field: "s" resume_field: "x"}};`),
		`required header "X-Colour" is not one of`: strings.Replace(unary(``, ``), "service S {",
			`service S { option (oms.options.v1.service).required_headers = "X-Colour";`, 1),
		"GET /x/{id} belongs to p.v1.S.Do and to p.v1.T.Do": method("M", `A) { option (google.api.http) = {get: "/x/{id}"};`, rules+`};`) +
			`service T { rpc Do(M) returns (A) { option (google.api.http) = {get: "/x/{id}"};` + rules + `}; } }`,
		`decimal_of is for a single int64 without presence beside a string field "currency"`: header + `message F { int64 n = 1 [` +
			`(oms.options.v1.field).decimal_of = "currency"]; }`,
		`beside a string field "s"`:                     header + `message F { int32 n = 1 [(oms.options.v1.field).decimal_of = "s"]; string s = 2; }`,
		"decimal is for optional strings":               header + `message F { string n = 1 [(oms.options.v1.field).decimal = true]; }`,
		"json_name is for amounts":                      header + `message F { string n = 1 [(oms.options.v1.field).json_name = "x"]; }`,
		"floating point has no place":                   header + `message F { double price = 1; }`,
		"a map has strings for keys":                    header + `message F { map<int32, string> m = 1; }`,
		"google.protobuf.Struct has no JSON codec here": header + `message F { google.protobuf.Struct s = 1; }`,
	} {
		_, err := generate(t, plugin(t, "p.proto", text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q of\n%s", err, want, strings.TrimPrefix(text, header))
		}
	}
}
