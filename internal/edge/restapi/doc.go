// Package restapi is the REST dialect of the contract: JSON over HTTP/1.1 and HTTP/2, server-sent events for streams, and the
// documentation. It knows no method by name. The contract compiler generates the routes (contract.Route), each with functions
// that make its request and write its answer; this package finds the route, reads the body, sends the call through the chain
// that gRPC uses too (edge.Chain), and writes what comes back.
//
// The route of a request: match → admit (edge.Chain) → read body → decode → chain → handler → encode → write. Nothing is written
// before the handler has answered, so an error always has its own status, except inside an event stream that has begun.
package restapi
