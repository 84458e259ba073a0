// Package lint is the shape of the tree as a test: which room may import which, how long a file and a function may be, that
// every package says what it is for, and that decisions stay functions of values. The rooms stand in one table (rooms.go); a
// room without a row fails, so that the table is the map of the whole program.
//
// Every check is a function from a parsed tree to findings. The same functions run on small made-up trees, where each must
// fail, and on this repository, where none may. Tests and generated code are not looked at.
package lint
