package pipeline

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// Store is what the pipeline needs of a database. Any number of batches may be under way; a store that has one writer makes
// them wait in Begin.
type Store interface {
	// Begin opens a batch: it answers the rows of need, and the answers of the keys when need asks for them. It locks the rows in order
	// and then reads them under a newer snapshot, or what it answers is a guess that the commit proves (Loaded.Assumed). A store may
	// put the opening off when there is nothing to read. The slices of need are
	// the pipeline's again when the transaction has ended.
	Begin(ctx context.Context, need state.Need) (Transaction, error)
	// Outcome tells whether a batch whose commit ended in ErrOutcomeUnknown took place. It first makes sure that the batch
	// cannot take place any more if it has not.
	Outcome(ctx context.Context, batch id.UUID) (committed bool, err error)
}

// Transaction is one batch under way; the stores know it by its place among the rows.
type Transaction = store.Transaction
