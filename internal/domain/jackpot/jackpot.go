// Package jackpot decides about jackpots: pools that bets feed, and that somebody wins now and then (requirements P-1, P-3). What bets give
// is booked when they are settled (domain.Books.Feed), on a summed account. It comes into the pool, which is guarded, when a command here
// collects it (docs/decisions/0020).
package jackpot

import (
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The types of a jackpot's events.
const (
	EventCreated   = "jackpot.created"
	EventUpdated   = "jackpot.updated"
	EventTriggered = "jackpot.triggered"
	EventReset     = "jackpot.reset"
	EventPaid      = "jackpot.paid"
	EventVoided    = "jackpot.voided"
	EventClosed    = "jackpot.closed"
	EventCollected = "jackpot.collected"
)

// The kinds of transfers. Seeds go from the house to the pool, returns back, collections from what bets gave to the pool, payouts from the
// pool to the winner.
const (
	TransferSeed    = "jackpot.seed"
	TransferReturn  = "jackpot.return"
	TransferCollect = "jackpot.collect"
	TransferPayout  = "jackpot.payout"
)

// GameLimit is how many jackpots a game may feed.
const GameLimit = 4

// Seen is what was known of a jackpot when a command about it was made, so that the command names the rows that it needs.
type Seen struct {
	Currency string // empty when there was no such jackpot
	Version  int64
	Games    []string
	// FedMinor is how much bets have given to it in all, as far as it was committed then. They never take it back, so it is no less when
	// the command is decided.
	FedMinor int64
}

// refs names the rows of a jackpot: itself and its pool.
func (s Seen) refs(by state.Origin, jackpotID string) []state.Ref {
	refs := []state.Ref{state.JackpotRef(by, jackpotID)}
	if s.Currency == "" {
		return refs
	}
	pool := (&state.Jackpot{ID: refs[0].ID, Currency: s.Currency}).Pool()
	return append(refs, domain.AccountRefs(by.Tenant, pool)...)
}

// jackpotOf answers a jackpot that the caller may know of, or NOT_FOUND.
func jackpotOf(states domain.States, by state.Origin, jackpotID string, seen Seen) (*state.Jackpot, *fault.Fault) {
	found := domain.Find[state.Jackpot](states, state.JackpotRef(by, jackpotID))
	switch {
	case found == nil || !found.Seen(by):
		return nil, fault.NotFoundf("jackpot", jackpotID)
	case found.Currency != seen.Currency:
		return nil, domain.StalePlayer()
	}
	return found, nil
}

// change is a jackpot as a decision changes it, with the money that it moves. Each event is a version.
type change struct {
	books    domain.Books
	before   state.Row
	after    *state.Jackpot
	now      time.Time
	decision domain.Decision
}

// begin starts a change of a jackpot, or of a new one.
func begin(states domain.States, before *state.Jackpot, now time.Time) *change {
	c := &change{books: domain.OpenBooks(states, before.Tenant, now), before: before, now: now}
	c.next()
	return c
}

// next makes the version that the change goes on with.
func (c *change) next() {
	after := *c.before.(*state.Jackpot) //nolint:errcheck,forcetypeassert // nothing else is put there
	after.Version++
	after.UpdatedAt = c.now
	c.after = &after
}

// tell ends the version under way with its event; beside is the trigger that it is about, or nil.
func (c *change) tell(event, reason string, beside *state.JackpotTrigger) {
	told := domain.Change{Before: c.before, After: c.after, Event: event, Reason: reason}
	if beside != nil {
		told.Beside = beside
	}
	c.decision.Changes = append(c.decision.Changes, told)
	c.before = c.after
}

// end answers the decision with all that has changed.
func (c *change) end(answer state.Ref) domain.Decision {
	c.decision.Answer = answer
	c.books.Into(&c.decision)
	return c.decision
}

// move books an amount of the version under way; 0 books nothing.
func (c *change) move(kind, step, from, to string, amount int64) *fault.Fault {
	if amount == 0 {
		return nil
	}
	name := id.Derive("transfer", c.after.ID) + "/" + strconv.FormatInt(c.after.Version, 10) + "/" + step
	return c.books.Move(ledger.Transfer{ID: name, Kind: kind, Currency: c.after.Currency}, from, to, amount)
}

func (c *change) house() string { return ledger.ID("", ledger.House, c.after.Currency) }

// seed has the house put an amount into the pool.
func (c *change) seed(amount int64) *fault.Fault {
	c.after.SeededMinor += amount
	return c.move(TransferSeed, "seed", c.house(), c.after.Pool(), amount)
}

// giveBack takes an amount out of the pool for the house.
func (c *change) giveBack(amount int64) *fault.Fault {
	c.after.ReturnedMinor += amount
	return c.move(TransferReturn, "return", c.after.Pool(), c.house(), amount)
}

// settle gives back what the house is owed, as far as it is there.
func (c *change) settle() *fault.Fault {
	amount := min(c.after.OwedMinor, c.after.FreeMinor())
	c.after.OwedMinor -= amount
	return c.giveBack(amount)
}

// collect takes into the pool what bets have given up to a moment: fed is how much that was in all, of which some was collected before.
func (c *change) collect(fed int64) *fault.Fault {
	amount := max(fed-c.after.CollectedMinor, 0)
	c.after.CollectedMinor += amount
	return c.move(TransferCollect, "collect", c.after.Fed(), c.after.Pool(), amount)
}

// feed changes what the bets of some games give: to the jackpot by its new terms, or, when it has left or ended, nothing.
func (c *change) feed(states domain.States, by state.Origin, games []string, ended bool) *fault.Fault {
	jackpot := c.after
	for _, game := range games {
		ref := state.JackpotFeedRef(by, game)
		before := domain.Find[state.JackpotFeed](states, ref)
		after := &state.JackpotFeed{Tenant: ref.Tenant, ID: ref.ID}
		if before != nil {
			*after = *before
		}
		after.Version++
		after.UpdatedAt = c.now
		after.Feeds = slices.DeleteFunc(slices.Clone(after.Feeds), func(f state.Feed) bool { return f.Jackpot == jackpot.ID })
		if !ended && slices.Contains(jackpot.Games, game) {
			if len(after.Feeds) >= GameLimit {
				return fault.New(fault.FailedPrecondition, "TOO_MANY_JACKPOTS", "the game %q feeds %d jackpots already, the most that it can",
					game, GameLimit).With("game_id", game)
			}
			after.Feeds = append(after.Feeds, state.Feed{
				Jackpot: jackpot.ID, Currency: jackpot.Currency, RatePPM: jackpot.RatePPM, MaxMinor: jackpot.MaxMinor,
			})
		}
		told := domain.Change{After: after}
		if before != nil {
			told.Before = before
		}
		c.decision.Changes = append(c.decision.Changes, told)
	}
	return nil
}
