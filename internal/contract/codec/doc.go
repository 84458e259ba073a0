// Package codec is the runtime of the JSON codec that cmd/protoc-gen-oms generates for every message of the contract. The
// generated code holds the field names; everything that can go wrong with a value is decided here, once.
//
// Writing. AppendJSON of a message writes one line without spaces, always the same for the same message: a replayed answer is
// the first one byte for byte (requirement R-6). Scalars, lists and maps are always written, so that a client knows the whole
// state (requirement C-1); messages and `optional` fields are left out when absent.
//
// Reading. A Reader walks the text once, fills the message and gathers every violation it meets; only a syntax error ends it.
// Nothing is guessed: unknown and repeated fields, wrong types, fractions, numbers out of range, NUL and broken UTF-8 are
// refused with the full path of the field. null stands for "absent", except inside a list or a map.
//
// Numbers reach the value functions as the text that the client wrote (Reader.number), never through a float. A field that is an
// amount in decimals (requirement R-4) is read as its text and turned into minor units when its object has ended, because its
// currency may come after it (decimal.go).
package codec
