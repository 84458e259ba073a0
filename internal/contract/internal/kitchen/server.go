// Package kitchen is a contract for tests: it uses what the contract compiler supports and the contract of today does not. Its
// other files are generated from cmd/protoc-gen-oms/testdata/kitchen.proto by "go test ./cmd/protoc-gen-oms -update".
package kitchen

import "context"

// KitchenServer is what protoc-gen-go-grpc would write.
type KitchenServer interface {
	Put(ctx context.Context, request *PutRequest) (*Sink, error)
	Price(ctx context.Context, request *Priced) (*Priced, error)
}
