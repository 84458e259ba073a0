package jackpot

import (
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// feedRefs names the rows of games.
func feedRefs(by state.Origin, games []string) []state.Ref {
	refs := make([]state.Ref, len(games))
	for i, game := range games {
		refs[i] = state.JackpotFeedRef(by, game)
	}
	return refs
}

// same tells whether two jackpots have the same terms.
func same(a, b state.Terms) bool {
	return a.Name == b.Name && a.SeedMinor == b.SeedMinor && a.RatePPM == b.RatePPM && a.MaxMinor == b.MaxMinor && slices.Equal(a.Games, b.Games)
}

// Create makes a jackpot.
type Create struct {
	By                  state.Origin
	JackpotID, Currency string
	Terms               state.Terms
}

// Refs implements domain.Command.
func (c Create) Refs() []state.Ref {
	return append(Seen{Currency: c.Currency}.refs(c.By, c.JackpotID), feedRefs(c.By, c.Terms.Games)...)
}

// Decide implements domain.Command. A jackpot that is there with the same terms is the answer, whatever became of it; with others, or under
// another brand or region, the id is taken: DUPLICATE. It refuses with TOO_MANY_JACKPOTS.
func (c Create) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.JackpotRef(c.By, c.JackpotID)
	if found := domain.Find[state.Jackpot](states, ref); found != nil {
		if !found.Seen(c.By) || found.Currency != c.Currency || !same(found.Terms, c.Terms) {
			return domain.Decision{}, domain.Duplicate("a jackpot", c.JackpotID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	created := begin(states, &state.Jackpot{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Provider: c.By.Provider, Currency: c.Currency, Terms: c.Terms,
		Status: state.JackpotOpen, CreatedAt: now, TermsAt: now,
	}, now)
	created.before = nil
	if refusal := created.feed(states, c.By, c.Terms.Games, false); refusal != nil {
		return domain.Decision{}, refusal
	}
	if refusal := created.seed(c.Terms.SeedMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	created.tell(EventCreated, "", nil)
	return created.end(ref), nil
}

// Update replaces the terms of a jackpot.
type Update struct {
	By                  state.Origin
	JackpotID, Currency string
	ExpectedVersion     int64
	Terms               state.Terms
	Seen                Seen
}

// games are those of which the rows are named.
func (c Update) games() []string {
	games := slices.Concat(c.Terms.Games, c.Seen.Games)
	slices.Sort(games)
	return slices.Compact(games)
}

// Refs implements domain.Command.
func (c Update) Refs() []state.Ref {
	return append(c.Seen.refs(c.By, c.JackpotID), feedRefs(c.By, c.games())...)
}

// Decide implements domain.Command. It refuses with NOT_FOUND, INVALID_STATE when the jackpot is closed, CURRENCY_MISMATCH,
// TOO_MANY_JACKPOTS and VERSION_CONFLICT. The terms that the jackpot has change nothing.
func (c Update) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	found, refusal := jackpotOf(states, c.By, c.JackpotID, c.Seen)
	switch {
	case refusal != nil:
		return domain.Decision{}, refusal
	case !slices.Equal(found.Games, c.Seen.Games):
		return domain.Decision{}, domain.StalePlayer()
	case found.Status == state.JackpotClosed:
		return domain.Decision{}, domain.InvalidState(found.Status.String(), "the jackpot %q is closed", c.JackpotID)
	case found.Currency != c.Currency:
		return domain.Decision{}, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the jackpot's currency is %s", found.Currency)
	}
	updated := begin(states, found, now)
	updated.after.Terms, updated.after.TermsAt = c.Terms, now
	if refusal := updated.feed(states, c.By, c.games(), false); refusal != nil {
		return domain.Decision{}, refusal
	}
	if found.Version != c.ExpectedVersion {
		return domain.Decision{}, fault.New(fault.Aborted, "VERSION_CONFLICT",
			"the jackpot has version %d, not %d; read it again and decide anew", found.Version, c.ExpectedVersion).
			With("version", strconv.FormatInt(found.Version, 10))
	}
	if same(found.Terms, c.Terms) {
		return domain.Decision{Answer: found.Ref()}, nil
	}
	updated.tell(EventUpdated, "", nil)
	return updated.end(found.Ref()), nil
}

// TimerCollect is the kind of the timer that collects what bets gave to a jackpot while it was being closed.
const TimerCollect = "jackpot.collect"

// closing is how long bets may be under way that have seen a jackpot open: a command may take a minute, and its commit some seconds more.
const closing = 2 * time.Minute

// Close ends a jackpot.
type Close struct {
	By        state.Origin
	JackpotID string
	Seen      Seen
}

// Refs implements domain.Command.
func (c Close) Refs() []state.Ref {
	return append(c.Seen.refs(c.By, c.JackpotID), feedRefs(c.By, c.Seen.Games)...)
}

// Decide implements domain.Command. It refuses with NOT_FOUND. What is in the pool and not set aside goes back to the house; what bets that are
// under way give to it does so later.
func (c Close) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	found, refusal := jackpotOf(states, c.By, c.JackpotID, c.Seen)
	switch {
	case refusal != nil:
		return domain.Decision{}, refusal
	case found.Status == state.JackpotClosed:
		return domain.Decision{Answer: found.Ref()}, nil
	case !slices.Equal(found.Games, c.Seen.Games):
		return domain.Decision{}, domain.StalePlayer()
	}
	closed := begin(states, found, now)
	closed.after.Status, closed.after.TermsAt = state.JackpotClosed, now
	if refusal := closed.feed(states, c.By, found.Games, true); refusal != nil {
		return domain.Decision{}, refusal
	}
	if refusal := closed.empty(c.Seen.FedMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	closed.tell(EventClosed, "", nil)
	closed.decision.Timers = append(closed.decision.Timers, domain.TimerChange{Timer: state.Timer{
		TimerKey: state.TimerKey{Tenant: found.Tenant, Kind: TimerCollect, AggregateID: found.ID}, DueAt: now.Add(closing),
	}})
	return closed.end(found.Ref()), nil
}

// empty gives back to the house what bets gave and what is not set aside.
func (c *change) empty(fed int64) *fault.Fault {
	if refusal := c.collect(fed); refusal != nil {
		return refusal
	}
	return c.giveAllBack()
}

// giveAllBack gives to the house all that is not set aside; of a jackpot that has ended nothing else is owed.
func (c *change) giveAllBack() *fault.Fault {
	c.after.OwedMinor = 0
	return c.giveBack(c.after.FreeMinor())
}

// Collect gives back to the house what bets gave to a jackpot while it was being closed.
type Collect struct {
	By        state.Origin
	JackpotID string
	Seen      Seen
}

// Refs implements domain.Command.
func (c Collect) Refs() []state.Ref { return c.Seen.refs(c.By, c.JackpotID) }

// Decide implements domain.Command. It refuses nothing: where there is nothing to collect, it takes the timer away.
func (c Collect) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.JackpotRef(c.By, c.JackpotID)
	timers := []domain.TimerChange{{Timer: state.Timer{
		TimerKey: state.TimerKey{Tenant: ref.Tenant, Kind: TimerCollect, AggregateID: ref.ID},
	}}}
	found := domain.Find[state.Jackpot](states, ref)
	if found == nil || found.Status != state.JackpotClosed || c.Seen.FedMinor <= found.CollectedMinor {
		return domain.Decision{Timers: timers}, nil
	}
	collected := begin(states, found, now)
	if refusal := collected.empty(c.Seen.FedMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	collected.tell(EventCollected, "", nil)
	collected.decision.Timers = timers
	return collected.end(ref), nil
}
