package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

var errDown = errors.New("the database is away")

// store is a database in memory, as relay, reactor and feed see it.
type store struct {
	mu      sync.Mutex
	down    bool
	epoch   string
	waiting []batch // committed, not numbered
	batches []state.NumberedBatch
	log     []state.Event
	leases  map[string]held
	cursors map[string]state.Cursor
	parked  []state.Ref
	reads   int // calls of Events
	made    uint32
}

type batch struct {
	id     id.UUID
	events []state.Event
}

type held struct {
	state.Lease
	until time.Time
}

func newStore() *store {
	return &store{epoch: "first", leases: map[string]held{}, cursors: map[string]state.Cursor{}}
}

// commit stores a batch of events, one for each aggregate named.
func (s *store) commit(aggregates ...string) (id.UUID, []state.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	var b batch
	b.id = id.V7(time.Now(), id.Random{byte(s.made >> 24), byte(s.made >> 16), byte(s.made >> 8), byte(s.made)})
	b.id[14], b.id[15] = 0, 0
	for i, aggregate := range aggregates {
		b.events = append(b.events, state.Event{
			ID: b.id.Member(i), Tenant: "acme", AggregateKind: state.KindOrder, AggregateID: aggregate,
			Type: "order.created", At: time.Now().UTC(), TraceID: "0123456789abcdef0123456789abcdef", SchemaVersion: "1",
			Payload: make([]byte, 300),
		})
	}
	s.waiting = append(s.waiting, b)
	return b.id, b.events
}

// truncate restores the database to a former state.
func (s *store) truncate(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = slices.Clone(s.log[:position])
	s.waiting = nil
	s.batches = slices.DeleteFunc(slices.Clone(s.batches), func(b state.NumberedBatch) bool { return b.First+int64(b.Count)-1 > position })
	for name, cursor := range s.cursors {
		s.cursors[name] = state.Cursor{Epoch: cursor.Epoch, Position: min(cursor.Position, position)}
	}
}

func (s *store) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *store) setParked(refs ...state.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = refs
}

func (s *store) events() []state.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// settled tells whether everything committed has a position.
func (s *store) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting) == 0 && len(s.log) > 0
}

func (s *store) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

func (s *store) enter(ctx context.Context) (func(), error) {
	s.mu.Lock()
	if s.down {
		s.mu.Unlock()
		return func() {}, errDown
	}
	if ctx.Err() != nil {
		s.mu.Unlock()
		return func() {}, ctx.Err()
	}
	return s.mu.Unlock, nil
}

func (s *store) AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (state.Lease, bool, error) {
	leave, err := s.enter(ctx)
	defer leave()
	if err != nil {
		return state.Lease{}, false, err
	}
	has := s.leases[name]
	if has.Holder != holder && time.Now().Before(has.until) {
		return has.Lease, false, nil
	}
	if has.Holder != holder || time.Now().After(has.until) {
		has.Lease = state.Lease{Name: name, Holder: holder, Fence: has.Fence + 1}
	}
	has.until = time.Now().Add(ttl)
	s.leases[name] = has
	return has.Lease, true, nil
}

func (s *store) ReleaseLease(ctx context.Context, lease state.Lease) error {
	leave, err := s.enter(ctx)
	defer leave()
	if err != nil {
		return err
	}
	if has := s.leases[lease.Name]; has.Lease == lease {
		has.until = time.Time{}
		s.leases[lease.Name] = has
	}
	return nil
}

// steal gives a lease to somebody else.
func (s *store) steal(name, holder string, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	has := s.leases[name]
	s.leases[name] = held{state.Lease{Name: name, Holder: holder, Fence: has.Fence + 1}, time.Now().Add(ttl)}
}

func (s *store) fenced(lease state.Lease) error {
	if s.leases[lease.Name].Lease != lease {
		return fmt.Errorf("%w: %s", state.ErrFenced, lease.Name)
	}
	return nil
}

func (s *store) Number(ctx context.Context, lease state.Lease, after int64, limit int) ([]state.NumberedBatch, error) {
	leave, err := s.enter(ctx)
	defer leave()
	if err != nil {
		return nil, err
	}
	if err := s.fenced(lease); err != nil {
		return nil, err
	}
	s.number()
	at, _ := slices.BinarySearchFunc(s.batches, after+1, func(b state.NumberedBatch, p int64) int { return int(b.First - p) })
	return slices.Clone(s.batches[at:min(at+limit, len(s.batches))]), nil
}

// numberAll gives positions without a lease.
func (s *store) numberAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number()
}

func (s *store) number() {
	for _, b := range s.waiting {
		s.batches = append(s.batches, state.NumberedBatch{Batch: b.id, First: int64(len(s.log)) + 1, Count: len(b.events)})
		for _, e := range b.events {
			e.Position = int64(len(s.log)) + 1
			s.log = append(s.log, e)
		}
	}
	s.waiting = nil
}

func (s *store) Events(ctx context.Context, from int64, limit int) ([]state.Event, error) {
	leave, err := s.enter(ctx)
	defer leave()
	if err != nil {
		return nil, err
	}
	s.reads++
	if from > int64(len(s.log)) {
		return nil, nil
	}
	from = max(from, 1)
	return slices.Clone(s.log[from-1 : min(int(from)-1+limit, len(s.log))]), nil
}

func (s *store) LastPosition(ctx context.Context) (int64, error) {
	leave, err := s.enter(ctx)
	defer leave()
	return int64(len(s.log)), err
}

func (s *store) Epoch(ctx context.Context) (string, error) {
	leave, err := s.enter(ctx)
	defer leave()
	return s.epoch, err
}

func (s *store) StartEpoch(ctx context.Context, lease state.Lease, epoch string) error {
	leave, err := s.enter(ctx)
	defer leave()
	if err != nil {
		return err
	}
	if err := s.fenced(lease); err != nil {
		return err
	}
	s.epoch = epoch
	return nil
}

func (s *store) Cursor(ctx context.Context, name string) (state.Cursor, error) {
	leave, err := s.enter(ctx)
	defer leave()
	return s.cursors[name], err
}

func (s *store) SaveCursor(ctx context.Context, lease state.Lease, cursor state.Cursor) error {
	leave, err := s.enter(ctx)
	defer leave()
	if err != nil {
		return err
	}
	if err := s.fenced(lease); err != nil {
		return err
	}
	s.cursors[lease.Name] = cursor
	return nil
}

func (s *store) Parked(ctx context.Context) ([]state.Ref, error) {
	leave, err := s.enter(ctx)
	defer leave()
	return slices.Clone(s.parked), err
}

func (s *store) lowWater(ctx context.Context) (int64, error) {
	leave, err := s.enter(ctx)
	defer leave()
	low := int64(len(s.log))
	for _, cursor := range s.cursors {
		low = min(low, cursor.Position)
	}
	return low, err
}
