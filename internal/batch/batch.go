// Package batch is the queue in front of the pipeline: commands wait in it, and lanes take them out as batches.
//
// There is no artificial delay. A batch is whatever has come in while the lane was busy with the batch before, up to a limit in
// commands, in rows and in bytes, since a thousand-line order is not a one-line order. The backlog has a limit too: a full queue
// refuses at once rather than answering late. And when more than a batch waits, entries that have waited too long are dropped: what comes
// faster than it can be done would else wait in a queue that never gets shorter, so that all of it is late and nobody waits for it any more
// (B. Maurer, Fail at Scale, ACM Queue 13(8), 2015, which applies CoDel, RFC 8289, to servers). A lone entry behind a slow commit is not dropped.
//
// Lanes are batches in flight side by side. Three invariants hold for every row reference and every idempotency key, both
// called claims here:
//
//  1. A claim is in flight in one lane at most, so that no batch waits for the row lock of another batch of this process.
//  2. Entries that share a claim leave in the order in which they came. An entry that has to wait for a claim therefore blocks
//     all its claims, also the free ones, for the entries behind it in the same scan.
//  3. Nothing starves: entries are scanned from the oldest, and by 2 nothing overtakes an entry on one of its claims.
//
// A further lane starts only when enough entries wait that could go (Limits.FurtherLaneAt). Two half-empty batches cost the
// store more than one that is full.
package batch

import (
	"errors"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Errors of Put.
var (
	// ErrFull says that as many entries wait as may.
	ErrFull = errors.New("batch: the queue is full")
	// ErrClosed says that no more entries are taken.
	ErrClosed = errors.New("batch: the queue is closed")
)

// Waiting is an entry of a queue.
type Waiting interface {
	// Command answers the entry's command; its claims are its key and the references of its steps.
	Command() *command.Command
	// Stale tells that the entry need not be done any more. Once true it stays true.
	Stale(now time.Time) bool
	// Overdue tells that the entry has waited as long as it should. It is done all the same unless the queue is backed up.
	Overdue(now time.Time) bool
}

// Limits bound a queue. All are above zero.
type Limits struct {
	Lanes         int // batches in flight at most
	Commands      int // entries in a batch
	Rows          int // rows in a batch; an entry with more forms a batch of its own
	Bytes         int // bytes of requests in a batch; an entry with more forms a batch of its own
	Waiting       int // entries that wait
	FurtherLaneAt int // entries that must be able to go before another lane starts beside a busy one
}

// Batch is what a lane has in flight. A lane uses one value again and again, so that its slices are allocated once.
type Batch[T Waiting] struct {
	Members []T // in order of arrival
	Stale   []T // dropped on the way; nothing is claimed for them
	Rows    int // sum over the members
	Bytes   int // the same
	Left    int // entries that went on waiting when the batch was formed
}

// Queue holds the entries that wait. Its methods may be called from any goroutine.
type Queue[T Waiting] struct {
	limits Limits
	window int // entries that one scan looks at, at most

	mutex   sync.Mutex
	wake    sync.Cond
	waiting []T // from head on, in order of arrival
	head    int
	closed  bool
	idle    int // lanes that sleep
	busy    int // lanes with a batch in flight
	// lookAt is how many must wait before a further lane scans the queue. A scan in vain raises it, so that a long queue
	// behind one hot row is not scanned again for every arrival.
	lookAt int

	refs        map[state.Ref]struct{} // in flight
	keys        map[state.Key]struct{}
	blockedRefs map[state.Ref]struct{} // of entries passed over in the scan under way
	blockedKeys map[state.Key]struct{}
	passed      []T // the entries themselves
}

// New makes an empty queue.
func New[T Waiting](limits Limits) *Queue[T] {
	q := &Queue[T]{
		limits: limits, window: 4 * limits.Commands, lookAt: limits.FurtherLaneAt,
		refs: map[state.Ref]struct{}{}, keys: map[state.Key]struct{}{},
		blockedRefs: map[state.Ref]struct{}{}, blockedKeys: map[state.Key]struct{}{},
	}
	q.wake.L = &q.mutex
	return q
}

// Put adds an entry at the end.
func (q *Queue[T]) Put(entry T) error {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.length() >= q.limits.Waiting {
		return ErrFull
	}
	q.push(entry)
	if q.idle > 0 && q.due() {
		q.wake.Signal()
	}
	return nil
}

// Next gives back the claims of the batch that a lane has done and fills it with the lane's next one. It waits until there is
// one, and answers false when the queue is closed and empty.
func (q *Queue[T]) Next(batch *Batch[T]) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.release(batch)
	for {
		if q.due() && q.form(batch) {
			if q.idle > 0 && (q.closed || q.due()) {
				q.wake.Broadcast()
			}
			return true
		}
		if q.closed && q.length() == 0 {
			return false
		}
		q.idle++
		q.wake.Wait()
		q.idle--
	}
}

// Close refuses new entries; those that wait are still handed out.
func (q *Queue[T]) Close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.wake.Broadcast()
}

// Closed tells whether Close was called.
func (q *Queue[T]) Closed() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.closed
}

// Len is the number of entries that wait.
func (q *Queue[T]) Len() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.length()
}

// Key answers the scoped idempotency key of a command that has one.
func Key(c *command.Command) state.Key {
	return state.Key{Tenant: c.Tenant, Principal: c.Principal, Key: c.Key}
}

// Rows is what a command counts for in a batch's limit of rows.
func Rows(c *command.Command) int {
	rows := c.Size
	if rows == 0 {
		for i := range c.Steps {
			rows += len(c.Steps[i].Refs)
		}
	}
	return max(rows, 1)
}

// rowBytes is what a row of a command counts for that did not come as a request: an event of an order of two lines has 150 to 400.
const rowBytes = 256

// Bytes is what a command counts for in a batch's limit of bytes.
func Bytes(c *command.Command) int {
	if c.Bytes > 0 {
		return c.Bytes
	}
	return rowBytes * Rows(c)
}

// due tells whether a scan is worth its time.
func (q *Queue[T]) due() bool {
	if q.busy == 0 {
		return q.length() > 0
	}
	return q.length() >= q.lookAt
}

// form scans from the oldest entry and moves what can go into batch. It answers false, with nothing changed, when another
// lane is busy and too few can go.
func (q *Queue[T]) form(batch *Batch[T]) bool {
	now := time.Now()
	q.passed = q.passed[:0]
	clear(q.blockedRefs)
	clear(q.blockedKeys)
	at, end := q.head, min(len(q.waiting), q.head+q.window)
	full, backedUp := false, q.length() > q.limits.Commands
	for ; at < end && !full; at++ {
		entry := q.waiting[at]
		if entry.Stale(now) || backedUp && entry.Overdue(now) {
			batch.Stale = append(batch.Stale, entry)
			continue
		}
		c := entry.Command()
		if !q.free(c) {
			q.block(c)
			q.passed = append(q.passed, entry)
			continue
		}
		rows, bytes := Rows(c), Bytes(c)
		if len(batch.Members) > 0 && (batch.Rows+rows > q.limits.Rows || batch.Bytes+bytes > q.limits.Bytes) {
			full = true
			break
		}
		batch.Members = append(batch.Members, entry)
		batch.Rows += rows
		batch.Bytes += bytes
		full = len(batch.Members) >= q.limits.Commands
	}
	if q.busy > 0 && !full && len(batch.Members) < q.limits.FurtherLaneAt {
		batch.reset()
		q.lookAt = q.length() + q.limits.FurtherLaneAt
		return false
	}
	q.remove(at)
	q.claim(batch)
	batch.Left = q.length()
	return true
}

// remove drops the entries before at from the queue, but for those that were passed over: they come first now.
func (q *Queue[T]) remove(at int) {
	first := at - len(q.passed)
	copy(q.waiting[first:at], q.passed)
	clear(q.waiting[q.head:first])
	clear(q.passed)
	if q.head = first; q.length() == 0 {
		q.waiting, q.head = q.waiting[:0], 0
	}
	q.lookAt = q.limits.FurtherLaneAt
}

// free tells whether an entry can go: none of its claims is in flight in another lane or wanted by an entry before it. The
// claims of the batch being formed are not registered yet, so members of one batch share claims freely.
func (q *Queue[T]) free(c *command.Command) bool {
	if q.busy == 0 {
		return true
	}
	if c.Key != "" {
		if key := Key(c); held(q.keys, key) || held(q.blockedKeys, key) {
			return false
		}
	}
	for i := range c.Steps {
		for _, ref := range c.Steps[i].Refs {
			if held(q.refs, ref) || held(q.blockedRefs, ref) { // shared ones never are
				return false
			}
		}
	}
	return true
}

func held[K comparable](set map[K]struct{}, key K) bool {
	_, found := set[key]
	return found
}

func (q *Queue[T]) block(c *command.Command) {
	if c.Key != "" {
		q.blockedKeys[Key(c)] = struct{}{}
	}
	for i := range c.Steps {
		for _, ref := range c.Steps[i].Refs {
			if !ref.Kind.Shared() {
				q.blockedRefs[ref] = struct{}{}
			}
		}
	}
}

// claim registers what a batch has in flight. With one lane nobody would ask.
func (q *Queue[T]) claim(batch *Batch[T]) {
	if len(batch.Members) == 0 {
		return
	}
	q.busy++
	if q.limits.Lanes == 1 {
		return
	}
	for _, member := range batch.Members {
		c := member.Command()
		if c.Key != "" {
			q.keys[Key(c)] = struct{}{}
		}
		for i := range c.Steps {
			for _, ref := range c.Steps[i].Refs {
				if !ref.Kind.Shared() { // lanes may look at one at once; the store proves it
					q.refs[ref] = struct{}{}
				}
			}
		}
	}
}

// release gives a batch's claims back and empties it.
func (q *Queue[T]) release(batch *Batch[T]) {
	if len(batch.Members) > 0 {
		q.busy--
		q.lookAt = q.limits.FurtherLaneAt
	}
	if q.limits.Lanes > 1 {
		for _, member := range batch.Members {
			c := member.Command()
			if c.Key != "" {
				delete(q.keys, Key(c))
			}
			for i := range c.Steps {
				for _, ref := range c.Steps[i].Refs {
					delete(q.refs, ref)
				}
			}
		}
	}
	batch.reset()
}

// reset empties a batch and lets go of its entries.
func (b *Batch[T]) reset() {
	clear(b.Members)
	clear(b.Stale)
	*b = Batch[T]{Members: b.Members[:0], Stale: b.Stale[:0]}
}

func (q *Queue[T]) length() int { return len(q.waiting) - q.head }

// push appends, and moves the entries to the front first when at least half of a full slice is spent.
func (q *Queue[T]) push(entry T) {
	if len(q.waiting) == cap(q.waiting) && q.head > len(q.waiting)/2 {
		n := copy(q.waiting, q.waiting[q.head:])
		clear(q.waiting[n:])
		q.waiting, q.head = q.waiting[:n], 0
	}
	q.waiting = append(q.waiting, entry)
}
