// Package sqlite keeps the state of the system in one SQLite file: the embedded default, without a server to run.
//
// It implements the stores of pipeline, view, outbox, reactor, timer, effect and verify. It holds no rules: rows come in and go
// out as they are, and what the tables refuse (a unique row, a check) is answered as one of the errors of package state.
//
// Its shape follows from SQLite having one writer:
//
//   - One connection writes, and whoever wants it waits for its turn (turn.go). A batch is one BEGIN IMMEDIATE … COMMIT with
//     synchronous=FULL, so what was acknowledged survives a power loss. Because nobody writes beside it, events are numbered
//     where they are stored, without gaps, and a row read in a batch cannot change under it.
//   - Rows go in many to a statement (bulk.go): a statement costs more to start than a row costs to insert.
//   - Reads run on a small pool of read-only connections and see the last commit (pool.go). They are kept short: a reader that
//     holds its snapshot keeps the write-ahead log from being reused.
//   - The write-ahead log is copied back by a connection of its own beside the writer, which only has to pause for the last few
//     pages (checkpoint.go).
//
// One process at a time may open a file for writing (lock_unix.go). Any number may open it for reading.
package sqlite
