// Package books sums up the accounts that have no row, now and then, so that reading their balance stays cheap (requirement P-3,
// docs/decisions/0014). A sum is stored for a time up to which the books are closed: whatever would still be booked there is refused by
// the store and decided again, at a later time. Nobody who books anything waits for the sums.
package books

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-255eabaa/oms/internal/lease"
	"github.com/seed-255eabaa/oms/internal/state"
)

// LeaseName is the lease of whoever sums up. It only saves work: two who do it at once store the same.
const LeaseName = "books"

// Store is what summing up needs of a database.
type Store interface {
	lease.Store
	// CloseBooks closes the books up to lag ago and stores the sums of accounts without a row that have at least so many entries which are
	// in no sum yet, at most limit accounts, and answers how many they were. With nothing to sum up it changes nothing.
	CloseBooks(ctx context.Context, lag time.Duration, least, limit int) (int, error)
}

// Options configure a service. Zero values stand for the defaults.
type Options struct {
	Store  Store
	Holder string // names this process

	Lag   time.Duration // how long commands have to commit what they have decided on; 5 s
	Every time.Duration // between looks at the accounts; 5 s
	Least int           // entries a sum is worth; 1,000
	Limit int           // accounts a look; 100

	Logger *slog.Logger // optional
}

func (o *Options) setDefaults() {
	if o.Lag <= 0 {
		o.Lag = 5 * time.Second
	}
	if o.Every <= 0 {
		o.Every = 5 * time.Second
	}
	if o.Least <= 0 {
		o.Least = 1000
	}
	if o.Limit <= 0 {
		o.Limit = 100
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Service sums up. Any number of processes may run one each on a database.
type Service struct{ o Options }

// New makes a service; it works from Run on.
func New(options Options) *Service {
	options.setDefaults()
	return &Service{options}
}

// Run sums up whenever this process has the lease, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	keeper := lease.Keeper{Store: s.o.Store, Name: LeaseName, Holder: s.o.Holder, TTL: 3 * lease.TTL, Logger: s.o.Logger}
	return keeper.Run(ctx, s.term)
}

// term sums up again and again, at once while there is more than one look takes.
func (s *Service) term(ctx context.Context, _ state.Lease) error {
	for ctx.Err() == nil {
		closed, err := s.o.Store.CloseBooks(ctx, s.o.Lag, s.o.Least, s.o.Limit)
		switch {
		case err != nil:
			return err //nolint:wrapcheck // the keeper names the work
		case closed > 0:
			s.o.Logger.Debug("accounts were summed up", "accounts", closed)
		}
		if closed < s.o.Limit {
			lease.Pause(ctx, s.o.Every)
		}
	}
	return ctx.Err() //nolint:wrapcheck // as above
}
