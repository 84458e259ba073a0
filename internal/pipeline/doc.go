// Package pipeline turns commands into committed facts. It is the only way by which anything in the system changes.
//
//	Submit → queue → lane: load → decide → commit → Committed → answers → the lane's next batch
//	         (batch)        one transaction a batch  (relay)
//
// Commands that wait form a batch, and a batch is one transaction of the Store: one read of everything its commands named, pure
// decisions in order of arrival, one write, one commit. A hot row costs no more than a cold one, because its commands meet in
// one batch.
//
// # What always holds
//
//  1. An answer is given after the commit of what it tells, and never before. A command that was answered a success took effect
//     exactly once; one that was refused took no effect. UNAVAILABLE, DEADLINE_EXCEEDED and CANCELED of a command that had
//     started are the exception: its outcome is open, and repeating it with its key finds it out.
//  2. A command is all or nothing. A refusal, a panic or a broken rule in any of its steps takes back what the steps before did.
//  3. A decision sees the rows it named as the commands before it in the batch have left them. They are locked, or the commit proves
//     that they are as they were seen. It cannot see or change others. It may make rows that it names itself, such as effects;
//     that they are new is for the commit to find out.
//  4. A key is answered once (requirements ). What was stored is what later commands with the key are answered, byte
//     for byte. Transient refusals are not stored.
//  5. Per row and per key, commands are decided in the order of submission, through all lanes, and Committed and the answers
//     follow in that order too. Only a batch with an open outcome or a poisoned member can be overtaken by
//     retries, which are new submissions. Shared rows (state.Kind.Shared) are the exception: two changes of one that wait for
//     their answers at the same time may be stored in either order.
//  6. A row's events are numbered 1, 2, 3 … without gaps; a transfer sums to zero. A decision that breaks this is a defect
//     and is refused INTERNAL.
//  7. Everything has a limit: commands, rows and bytes in a batch, events in a batch, the backlog, time in the queue, retries.
//
// # Who guards what
//
// Rows are guarded by the store, by row locks or by a proof at the commit; any other process may touch them. The queue keeps two lanes
// of this process from waiting for each other's locks (package batch), which is a matter of speed. Keys are guarded by their unique index. A batch
// takes its keys to be new and has Commit find out that one was not, since most are new and a lookup costs a round trip. Then
// it runs again with a lookup, and so do the next batches for a while, because replays come in bursts.
//
// # Files
//
// pipeline.go has the outside: options, Submit, Run, Drain. lane.go runs batches and handles every way in which a store can
// fail; read its comment first. overlay.go holds the rows of a batch and what decisions do to them, decide.go runs the
// decisions of one command, changes.go gathers what is stored, answer.go is about keys and refusals.
package pipeline
