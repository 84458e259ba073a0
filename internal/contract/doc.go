// Package contract is what the contract compiler (cmd/protoc-gen-oms) and the edge agree on: the rules of every method as plain
// data (Method), the REST routes as data and a few functions (Route), the router that finds a route, and the reading of path
// and query (Input). Generated code fills these; the edges read them. It does no I/O and knows no HTTP library: a rule that
// stands in proto/ is read here by both dialects, and stands nowhere else.
package contract
