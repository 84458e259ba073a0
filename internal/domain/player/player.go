// Package player decides about players: who plays, and what protects them from playing too much (requirements P-1, P-5).
package player

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The types of a player's events.
const (
	EventCreated   = "player.created"
	EventLimitsSet = "player.limits_set"
	EventFlagsSet  = "player.flags_set"
	EventKYC       = "player.kyc_changed"
)

// Create makes a player.
type Create struct {
	By                                  state.Origin
	PlayerID, Currency, Locale, Country string
}

// Refs implements domain.Command.
func (c Create) Refs() []state.Ref { return []state.Ref{state.PlayerRef(c.By.Tenant, c.PlayerID)} }

// Decide implements domain.Command. A player who is there with the same words is the answer, as they are now; with other words, or under
// another brand or region, the id is taken: DUPLICATE.
func (c Create) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := c.Refs()[0]
	if found := domain.Find[state.Player](states, ref); found != nil {
		if !found.Seen(c.By) || found.Currency != c.Currency || found.Locale != c.Locale || found.Country != c.Country {
			return domain.Decision{}, fault.New(fault.AlreadyExists, "DUPLICATE", "there is a player of this id already, who is another").
				With("player_id", c.PlayerID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	after := &state.Player{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Currency: c.Currency, Locale: c.Locale, Country: c.Country,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	return domain.Decision{Changes: []domain.Change{{After: after, Event: EventCreated}}, Answer: ref}, nil
}

// changed makes the decision that changes a player.
func changed(before *state.Player, after state.Player, now time.Time, event string) domain.Decision {
	after.Version++
	after.UpdatedAt = now
	return domain.Decision{Changes: []domain.Change{{Before: before, After: &after, Event: event}}, Answer: before.Ref()}
}

// Bound is a limit that is asked for.
type Bound struct {
	Kind     state.LimitKind
	Period   state.Period
	Currency string // of an amount; empty for a session limit, and for none
	Max      int64  // minor units or minutes; state.NoLimit for none
}

// SetLimits sets limits of a player; those that it does not name stay.
type SetLimits struct {
	By       state.Origin
	PlayerID string
	Bounds   []Bound       // one of each kind and period
	Delay    time.Duration // until less protection comes into force
}

// Refs implements domain.Command.
func (c SetLimits) Refs() []state.Ref { return []state.Ref{state.PlayerRef(c.By.Tenant, c.PlayerID)} }

// Decide implements domain.Command. It refuses with NOT_FOUND and CURRENCY_MISMATCH. Asking again for what is so, or is coming, changes
// nothing: what is coming does not come later for it.
func (c SetLimits) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	limits := InForce(before.Limits, now)
	for _, bound := range c.Bounds {
		if bound.Currency != "" && bound.Currency != before.Currency {
			return domain.Decision{}, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the player's currency is %s", before.Currency)
		}
		limits = set(limits, bound, now.Add(c.Delay))
	}
	if slices.Equal(limits, before.Limits) {
		return domain.Decision{Answer: before.Ref()}, nil
	}
	after := *before
	after.Limits = limits
	return changed(before, after, now, EventLimitsSet), nil
}

// InForce answers limits as they are at a time, without those that are none and stay so.
func InForce(limits []state.Limit, now time.Time) []state.Limit {
	var all []state.Limit
	for _, limit := range limits {
		if limit = limit.At(now); limit.Max != state.NoLimit || !limit.PendingFrom.IsZero() {
			all = append(all, limit)
		}
	}
	return all
}

// set answers limits with one more asked for, which comes into force at once when it protects more, and at a time when less.
func set(limits []state.Limit, bound Bound, from time.Time) []state.Limit {
	limit := state.Limit{Kind: bound.Kind, Period: bound.Period, Max: state.NoLimit}
	at, found := slices.BinarySearchFunc(limits, limit, func(a, b state.Limit) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Period, b.Period))
	})
	if found {
		limit = limits[at]
	}
	switch {
	case bound.Max != state.NoLimit && (limit.Max == state.NoLimit || bound.Max <= limit.Max):
		limit = state.Limit{Kind: bound.Kind, Period: bound.Period, Max: bound.Max}
	case limit.Max == state.NoLimit, !limit.PendingFrom.IsZero() && limit.Pending == bound.Max: // none, and so it stays; or it is coming already
	default:
		limit.Pending, limit.PendingFrom = bound.Max, from
	}
	switch {
	case found:
		limits[at] = limit
	case limit.Max != state.NoLimit:
		limits = slices.Insert(limits, at, limit)
	}
	return limits
}

// SetFlags sets what keeps a player from betting; what is not named stays.
type SetFlags struct {
	By       state.Origin
	PlayerID string
	Exclude  *bool     // nil to leave it, but where there is an end to come: that is an exclusion
	Until    time.Time // of the exclusion; zero with Exclude for one without an end, and else to leave it
	CoolOff  time.Time // zero to leave it
	Delay    time.Duration
}

// Refs implements domain.Command.
func (c SetFlags) Refs() []state.Ref { return []state.Ref{state.PlayerRef(c.By.Tenant, c.PlayerID)} }

// Decide implements domain.Command. It refuses with NOT_FOUND, and with OUT_OF_RANGE an end that says nothing, so that nobody takes for an
// exclusion what is none. An exclusion or a pause that is asked to end earlier ends after the delay at the earliest.
func (c SetFlags) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	after, flags, earliest := *before, before.Flags, now.Add(c.Delay)
	flags.CoolOffUntil = cut(flags.CoolOffUntil, c.CoolOff, earliest, now)
	excluded := flags.Excluded && (flags.ExcludedUntil.IsZero() || now.Before(flags.ExcludedUntil))
	if refusal := c.endsSayNothing(before.Flags, excluded, now); refusal != nil {
		return domain.Decision{}, refusal
	}
	switch {
	case c.Exclude == nil && c.Until.IsZero(), c.Exclude != nil && !*c.Exclude && !excluded:
	case c.Exclude != nil && *c.Exclude && c.Until.IsZero():
		flags.Excluded, flags.ExcludedUntil = true, time.Time{}
	case excluded && flags.ExcludedUntil.IsZero():
		flags.ExcludedUntil = later(c.Until, earliest)
	case excluded:
		until := c.Until
		if until.IsZero() { // the exclusion is taken back
			until = now
		}
		flags.ExcludedUntil = cut(flags.ExcludedUntil, until, earliest, now)
	default:
		flags.Excluded, flags.ExcludedUntil = true, c.Until
	}
	if flags == before.Flags {
		return domain.Decision{Answer: before.Ref()}, nil
	}
	after.Flags = flags
	return changed(before, after, now, EventFlagsSet), nil
}

// endsSayNothing refuses an end beside what it cannot be the end of, and one that is over and ends nothing.
func (c SetFlags) endsSayNothing(flags state.Flags, excluded bool, now time.Time) *fault.Fault {
	refuse := func(field, words string) *fault.Fault {
		return fault.Invalid("rg_flags."+field, "OUT_OF_RANGE", "%s", words)
	}
	switch {
	case c.Exclude != nil && !*c.Exclude && !c.Until.IsZero():
		return refuse("self_exclusion_until", "is the end of an exclusion, and self_exclusion is false: send one of them")
	case !c.Until.IsZero() && !now.Before(c.Until) && (c.Exclude != nil || !excluded):
		return refuse("self_exclusion_until", "must be in the future")
	case !c.CoolOff.IsZero() && !now.Before(c.CoolOff) && !now.Before(flags.CoolOffUntil):
		return refuse("cool_off_until", "must be in the future")
	}
	return nil
}

// SetKYC tells what the check of a player has come to.
type SetKYC struct {
	By       state.Origin
	PlayerID string
	Status   state.KYCStatus
	Reason   string // a machine's word
}

// Refs implements domain.Command.
func (c SetKYC) Refs() []state.Ref { return []state.Ref{state.PlayerRef(c.By.Tenant, c.PlayerID)} }

// Decide implements domain.Command. It refuses with NOT_FOUND. What is so already changes nothing.
func (c SetKYC) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if before.KYC == c.Status && before.KYCReason == c.Reason {
		return domain.Decision{Answer: before.Ref()}, nil
	}
	after := *before
	after.KYC, after.KYCReason = c.Status, c.Reason
	decision := changed(before, after, now, EventKYC)
	decision.Changes[0].Reason = c.Status.String()
	return decision, nil
}

// cut answers the end of what was to end at one time and is asked to end at another: not before the earliest, if it was to last longer.
func cut(end, asked, earliest, now time.Time) time.Time {
	switch {
	case asked.IsZero():
		return end
	case end.Before(now) || asked.After(end):
		return asked
	case earliest.After(end):
		return end
	}
	return later(asked, earliest)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
