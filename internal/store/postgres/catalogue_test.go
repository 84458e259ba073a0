package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// TestCatalogueOfAnotherProcess has a process that remembers that a tenant has no catalogue, while another makes one: the remembered
// absence is proved by the commit, with the memory of other rows on and off.
func TestCatalogueOfAnotherProcess(t *testing.T) {
	one, other := twoProcesses(t)
	ctx := context.Background()
	for round, tenant := range []string{"first", "second"} {
		if round == 1 {
			one.recent.proved(false) // the memory is off now, but for shared rows
		}
		head := state.Ref{Kind: state.KindCatalogue, Tenant: tenant, ID: state.CatalogueID}
		batch := func(s *Store, rows ...state.Written) (assumed bool, err error) {
			transaction, err := s.Begin(ctx, state.Need{Refs: []state.Ref{head}})
			if err != nil {
				t.Fatal(err)
			}
			loaded := transaction.Loaded()
			if loaded.Rows[head] != nil && len(rows) == 0 {
				t.Errorf("%s: the catalogue is there", tenant)
			}
			changes := &state.Changes{Batch: id.V7(time.Now(), id.Random{0: byte(round), 1: byte(len(rows))}), Now: loaded.Now, Rows: rows}
			changes.Batch[14], changes.Batch[15] = 0, 0
			return loaded.Assumed, transaction.Commit(ctx, changes)
		}
		if _, err := batch(one); err != nil {
			t.Fatal(err)
		}
		catalogue := &state.Catalogue{Tenant: tenant, ID: state.CatalogueID, OpenedAt: time.Now().UTC()}
		if _, err := batch(other, state.Written{Row: catalogue, New: true}); err != nil {
			t.Fatal(err)
		}
		if assumed, err := batch(one); !assumed || !errors.Is(err, state.ErrConflict) {
			t.Errorf("%s: assumed %v, error %v: an order rests on there being no catalogue", tenant, assumed, err)
		}
	}
}

// TestLockedBesideShared has a process whose memory is off but for shared rows: what it locks and only looks at is there, and need not be
// proved; and a shared row of which it was wrong says nothing of the others.
func TestLockedBesideShared(t *testing.T) {
	one, other := twoProcesses(t)
	ctx := context.Background()
	if _, err := sell(one, []string{"A"}, stock("A", 1)); err != nil {
		t.Fatal(err)
	}
	head := state.Ref{Kind: state.KindCatalogue, Tenant: "acme", ID: state.CatalogueID}
	number := byte(0)
	batch := func(s *Store, rows ...state.Written) error {
		transaction, err := s.Begin(ctx, state.Need{Refs: []state.Ref{itemRef("A"), head}})
		if err != nil {
			t.Fatal(err)
		}
		number++
		changes := &state.Changes{Batch: id.V7(time.Now(), id.Random{0: number}), Now: transaction.Loaded().Now, Rows: rows}
		changes.Batch[14], changes.Batch[15] = 0, 0
		return transaction.Commit(ctx, changes)
	}
	if err := batch(one); err != nil { // it remembers that there is no catalogue
		t.Fatal(err)
	}
	one.recent.proved(false)
	for range 3 {
		if err := batch(one); err != nil {
			t.Errorf("a locked row was asked for a proof: %v", err)
		}
	}
	off := one.recent.off
	catalogue := &state.Catalogue{Tenant: "acme", ID: state.CatalogueID, OpenedAt: time.Now().UTC()}
	if err := batch(other, state.Written{Row: catalogue, New: true}); err != nil {
		t.Fatal(err)
	}
	if err := batch(one); !errors.Is(err, state.ErrConflict) {
		t.Errorf("error %v: there is a catalogue now", err)
	}
	if one.recent.off > off {
		t.Errorf("a shared row that changed turned the memory off for %d batches", one.recent.off)
	}
}
