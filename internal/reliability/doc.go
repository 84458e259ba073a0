// Package reliability holds the tests that treat the program as a whole: real processes of the real binary, on SQLite and on a
// real PostgreSQL, with an embedded or an external bus, which are loaded, killed, restored from old copies and robbed of what was
// not synced. It knows the contract, the flags and the tables, and no part of the program from the inside.
//
// What is asserted is never a time. Waits have generous limits, and when one ends the log of every process is printed.
// `go test -short` runs the same code in a smaller size.
package reliability
