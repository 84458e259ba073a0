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
