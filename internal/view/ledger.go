package view

import (
	"context"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Ledger is what reads of accounts need of a database. Absent rows are state.ErrNotFound.
type Ledger interface {
	// Account answers an account as it stands: its row, or the sums of its entries. A summed account is absent without entries.
	Account(ctx context.Context, tenant, id string) (*state.Account, error)
	// Accounts answers a page of an owner's accounts, of both classes.
	Accounts(ctx context.Context, query state.AccountQuery) ([]*state.Account, error)
	// Hold answers a hold.
	Hold(ctx context.Context, tenant, id string) (*state.Hold, error)
	// Balance answers what an account had before a time, or has at present for the zero time; 0 for one that is absent.
	Balance(ctx context.Context, tenant, account string, before time.Time) (int64, error)
	// Statement answers a page of an account's entries and the balances around them, under one snapshot.
	Statement(ctx context.Context, query state.StatementQuery) (state.Statement, error)
}
