// Package postgres keeps the system in PostgreSQL. Any number of processes may share one database: rows are locked, not owned.
//
// # How a batch goes
//
//	Begin   BEGIN; lock rows, kind by kind, ids in order; read them; look keys up; read the clock     one round trip, or none
//	Commit  insert the batch; answers, rows, events, timers, transfers by unnest; COMMIT              one round trip
//
// Locking and reading are separate statements. A statement's snapshot is from before it waits for a lock, and one that locks and
// reads at once was seen to return a new parent with its old children; under READ COMMITTED the reading statement that follows
// has a snapshot from after the wait.
//
// A batch that reads nothing (most: new orders under new keys) opens no transaction before its commit. Its clock is reckoned from
// the last reading of the database's, and everything goes out at once, ended by one Sync, which makes it one transaction.
//
// What is sent and read on this path is encoded here, in PostgreSQL's binary form, straight from and into rows: a batch of 256
// orders is some 15,000 values, and going through a general encoder one value at a time costs more than the database's insert.
//
// # What orders what
//
// Rows are locked in the order of state.Ref, and rows and keys are inserted in order, after all locks are held; so batches never
// wait for each other in a circle, and where they do (a rollback that was missed) PostgreSQL's deadlock detection makes it
// ErrConflict. A batch draws its number (batches.seq) after its locks. See Number for why that makes the log right.
package postgres
