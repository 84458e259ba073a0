package postgres

import (
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// recent remembers rows as this process has last seen them: it saves reading and locking what the process itself wrote a moment ago,
// which is most of what an order's next step needs. It is a guess about the database, and no more: other processes write too.
// So is a row that was read and not locked.
//
// What makes guesses safe is that a batch which rests on them proves them in the transaction that stores its changes, before the
// commit. A row's proof is its xmin, the number of the transaction that wrote this version of it, which PostgreSQL keeps with
// every row, so that a change by anybody is seen. For each row that a batch has assumed rather than locked,
//
//	written by the batch    the update takes only the version that was assumed, and all rows of an update must have been taken
//	only looked at          it is locked, and must be the version that was assumed
//	assumed to be absent    the insert finds it, or it is looked for once the rows above are locked
//
// Nothing is locked before, so proofs and locks of all batches come in one order: by kind, tenant and id.
//
// A proof that fails ends the transaction as a conflict. Everything that the batch named is forgotten then. Where processes take
// turns at the same rows, guesses are wrong all the time, and each costs a batch. So a failure turns the memory off for a number
// of batches, the next attempt among them, which doubles as long as failures follow each other: those lock first and then read.
// Shared rows are assumed all the same: they change rarely, and every new order rests on some.
//
// The numbers of transactions say which version a row is in one history of the database only. A standby that has taken over without the
// last transactions gives their numbers to others, and a database that was restored does so too. Either is another run of a server, so a
// connection to another run makes a new memory: nothing that was seen before it is proved after it.
type recent struct {
	mutex sync.Mutex
	young map[state.Ref]version // rows move here when they are used; when it is full, old goes and it becomes old
	old   map[state.Ref]version
	limit int // of young, in weights
	load  int // sum of the weights in young

	server time.Time // when the server that was connected to last was started
	memory int       // counts the memories begun

	off     int // batches for which nothing is remembered
	penalty int // of the next failure
}

// version is a row as it was seen; a nil row was absent.
type version struct {
	row  state.Row
	xmin uint32
}

// After a failed proof the memory is off for leastPenalty batches, up to mostPenalty.
const (
	leastPenalty = 64
	mostPenalty  = 16384
)

func newRecent(limit int) *recent {
	return &recent{limit: limit, young: map[state.Ref]version{}, penalty: leastPenalty}
}

// weight bounds the memory by what rows hold of varying length: it counts one, and one for each KiB of that.
func (v version) weight() int {
	bytes := 0
	switch row := v.row.(type) {
	case *state.Order:
		bytes = 64*(len(row.Lines)+len(row.Adjustments)) + textOf(row.Metadata)
	case *state.Reservation:
		bytes = 64 * len(row.Items)
	case *state.Payment:
		bytes = 128 * len(row.Refunds)
	case *state.Effect:
		bytes = 256 * len(row.History)
	case *state.Notification:
		bytes = textOf(row.Parameters)
	case *state.Bonus:
		bytes = 160 * len(row.Weights)
	case *state.Jackpot:
		bytes = 160 * len(row.Games)
	}
	return 1 + bytes>>10
}

func textOf(pairs map[string]string) (bytes int) {
	for name, text := range pairs {
		bytes += len(name) + len(text)
	}
	return bytes
}

// connected makes a new memory unless the server is the one that was connected to before.
func (r *recent) connected(server time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if server.Equal(r.server) {
		return
	}
	r.server = server
	r.memory++
	r.young, r.old, r.load = map[state.Ref]version{}, nil, 0
}

// current answers the number of the memory.
func (r *recent) current() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.memory
}

// on tells whether the next batch may assume. Where it may not, the batch counts towards the time that the memory is off.
func (r *recent) on() bool {
	if r.limit <= 0 {
		return false
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.off > 0 {
		r.off--
		return false
	}
	return true
}

// recall writes what is remembered of refs into seen, of shared rows only or of all, and answers the rest, in order. The slice of refs
// is not changed.
func (r *recent) recall(refs []state.Ref, sharedOnly bool, seen map[state.Ref]version) (rest []state.Ref) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, ref := range refs {
		found, known := r.young[ref]
		if sharedOnly && !ref.Kind.Shared() {
			known = false
		} else if !known {
			if found, known = r.old[ref]; known {
				r.put(ref, found)
			}
		}
		if known {
			seen[ref] = found
		} else {
			rest = append(rest, ref)
		}
	}
	return rest
}

func (r *recent) put(ref state.Ref, v version) {
	if r.load >= r.limit {
		r.old, r.young, r.load = r.young, make(map[state.Ref]version, len(r.young)), 0
	}
	if before, known := r.young[ref]; known {
		r.load -= before.weight()
	}
	r.young[ref] = v
	r.load += v.weight()
}

// keep remembers what a committed batch has seen and what it has left, unless there is a newer memory than the batch's.
func (r *recent) keep(t *transaction, written []state.Written, xmin uint32) {
	if r.limit <= 0 {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if t.memory != r.memory {
		return
	}
	for _, seen := range []map[state.Ref]version{t.assumed, t.locked} {
		for ref, v := range seen {
			if remembered(ref.Kind) {
				r.put(ref, v)
			}
		}
	}
	for i := range written {
		if ref := written[i].Row.Ref(); remembered(ref.Kind) {
			r.put(ref, version{row: written[i].Row, xmin: xmin})
		}
	}
}

// remembered tells whether rows of a kind are worth their place. Dead letters are rare and may be large, details are personal, and who asks
// for a batch of changes again does so once.
func remembered(kind state.Kind) bool {
	return kind != state.KindDeadLetter && kind != state.KindOrderDetails && kind != state.KindChangeBatch
}

// forget drops what a batch named that did not commit, or may not have.
func (r *recent) forget(t *transaction, changes *state.Changes) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	drop := func(ref state.Ref) {
		if v, known := r.young[ref]; known {
			r.load -= v.weight()
			delete(r.young, ref)
		}
		delete(r.old, ref)
	}
	for ref := range t.assumed {
		drop(ref)
	}
	for ref := range t.locked {
		drop(ref)
	}
	for i := range changes.Rows {
		drop(changes.Rows[i].Row.Ref())
	}
}

// proved takes note that an assumption held or did not.
func (r *recent) proved(held bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if held {
		r.penalty = max(r.penalty/2, leastPenalty)
		return
	}
	r.off, r.penalty = r.penalty, min(2*r.penalty, mostPenalty)
}
