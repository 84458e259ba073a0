// Command protoc-gen-oms is the contract compiler: a plugin of buf and protoc that makes, from proto/, everything of the edge
// that follows from the contract alone. Beside each .pb.go it writes the JSON codec of the messages, the REST routes and the
// rules of the methods; for the contract as a whole it writes the OpenAPI document. scripts/generate runs it.
package main

import (
	"flag"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/gocode"
	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/model"
	"github.com/seed-255eabaa/oms/cmd/protoc-gen-oms/internal/openapi"
)

func main() {
	var flags flag.FlagSet
	document := flags.Bool("openapi", true, "write openapi/openapi.yaml")
	protogen.Options{ParamFunc: flags.Set}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		contract, err := model.Read(plugin)
		if err != nil {
			return err
		}
		if err := gocode.Write(plugin, contract); err != nil {
			return err
		}
		if !*document {
			return nil
		}
		return openapi.Write(plugin, contract)
	})
}
