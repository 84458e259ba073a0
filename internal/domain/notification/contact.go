package notification

import (
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// PutContact says how a user is reached, as a whole: what is not named is gone.
type PutContact struct {
	Tenant, UserID       string
	Email, Phone, Locale string
	OptedOut             []string
	ExpectedVersion      int64
}

// Refs implements domain.Command.
func (c PutContact) Refs() []state.Ref { return []state.Ref{ContactRef(c.Tenant, c.UserID)} }

// Decide implements domain.Command. The pace goes on: another address is no new allowance.
func (c PutContact) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before := domain.Find[state.Contact](states, c.Refs()[0])
	after := &state.Contact{Tenant: c.Tenant, UserID: c.UserID, CreatedAt: now}
	if before != nil {
		kept := *before
		after = &kept
	}
	if c.ExpectedVersion != 0 && c.ExpectedVersion != after.Version {
		return domain.Decision{}, fault.New(fault.Aborted, "VERSION_CONFLICT", "the contact has version %d, not %d; read it again and decide anew",
			after.Version, c.ExpectedVersion).With("version", strconv.FormatInt(after.Version, 10))
	}
	after.Email, after.Phone, after.Locale, after.Forgotten = c.Email, c.Phone, c.Locale, false
	after.OptedOut = slices.Compact(slices.Sorted(slices.Values(c.OptedOut)))
	after.Version++
	after.UpdatedAt = now
	return domain.Decision{Changes: []domain.Change{{Before: before, After: after}}, Answer: after.Ref()}, nil
}

// Forget leaves of a contact nothing but that there was one (requirement P-12). What is scheduled for the user is suppressed when it
// falls due.
type Forget struct{ Tenant, UserID string }

// Refs implements domain.Command.
func (c Forget) Refs() []state.Ref { return []state.Ref{ContactRef(c.Tenant, c.UserID)} }

// Decide implements domain.Command.
func (c Forget) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before := domain.Find[state.Contact](states, c.Refs()[0])
	if before == nil {
		return domain.Decision{}, fault.NotFoundf("contact of user", c.UserID)
	}
	if before.Forgotten {
		return domain.Decision{Answer: before.Ref()}, nil
	}
	after := &state.Contact{
		Tenant: c.Tenant, UserID: c.UserID, Forgotten: true, PacedUntil: before.PacedUntil, Waiting: before.Waiting,
		Version: before.Version + 1, CreatedAt: before.CreatedAt, UpdatedAt: now,
	}
	return domain.Decision{Changes: []domain.Change{{Before: before, After: after}}, Answer: after.Ref()}, nil
}
