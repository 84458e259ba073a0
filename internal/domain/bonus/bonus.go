// Package bonus decides about bonuses: money that a player may bet, and has as their own when they have wagered enough (requirement P-1,
// docs/decisions/0019). A bonus is granted, activated, and ends: converted, forfeited or expired. What bets do with it, the wager decides.
package bonus

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The types of a bonus's events; that it was converted is decided, and told, by the bet that completes it.
const (
	EventGranted   = "bonus.granted"
	EventActivated = "bonus.activated"
	EventForfeited = "bonus.forfeited"
	EventExpired   = "bonus.expired"
)

// Longest is the longest time that a bonus may be there.
const Longest = 366 * 24 * time.Hour

// Grant promises a player a bonus.
type Grant struct {
	By      state.Origin
	BonusID string           // empty to have one made
	Terms   state.BonusTerms // ExpiresAt or TTL; weights by game
	Random  id.Random
}

// Refs implements domain.Command.
func (c Grant) Refs() []state.Ref {
	refs := []state.Ref{state.PlayerRef(c.By.Tenant, c.Terms.PlayerID)}
	if c.BonusID != "" {
		refs = append(refs, state.BonusRef(c.By.Tenant, c.BonusID))
	}
	return refs
}

// Decide implements domain.Command. A bonus that is there with the same terms is the answer, as it is now; with others, or under another
// brand or region, the id is taken: DUPLICATE. It refuses with NOT_FOUND, CURRENCY_MISMATCH, RG_BLOCK and EXPIRY_INVALID.
func (c Grant) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.BonusRef(c.By.Tenant, c.BonusID)
	if c.BonusID == "" {
		ref = state.BonusRef(c.By.Tenant, id.New("bonus", now, c.Random))
	} else if found := domain.Find[state.Bonus](states, ref); found != nil {
		if !found.Seen(c.By) || !found.Asks(&c.Terms) {
			return domain.Decision{}, domain.Duplicate("a bonus", c.BonusID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	player, refusal := domain.PlayerOf(states, c.By, c.Terms.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if player.Currency != c.Terms.Currency {
		return domain.Decision{}, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the player's currency is %s", player.Currency)
	}
	playing := domain.Play(player, now)
	if refusal := playing.Blocked(); refusal != nil {
		return domain.Decision{}, refusal
	}
	after := &state.Bonus{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Provider: c.By.Provider, BonusTerms: c.Terms,
		Status: state.BonusGranted, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if after.TTL != 0 {
		after.ExpiresAt = now.Add(after.TTL)
	}
	if !now.Before(after.ExpiresAt) || after.ExpiresAt.After(now.Add(Longest)) {
		return domain.Decision{}, fault.Invalid("expires_at", "EXPIRY_INVALID", "must be to come, within %d days", int(Longest/(24*time.Hour)))
	}
	return domain.Decision{
		Changes: []domain.Change{{After: after, Event: EventGranted}},
		Timers:  []domain.TimerChange{{Timer: state.Timer{TimerKey: domain.BonusTimer(after), DueAt: after.ExpiresAt}}},
		Answer:  ref,
	}, nil
}

// Name says which bonus a command is about, and whose it is. Rows are named before they are read, so whoever submits it has read the bonus;
// what is named here of it never changes. PlayerID and Currency are empty when there was no such bonus.
type Name struct {
	Tenant, BonusID, PlayerID, Currency string
}

// Ref is the bonus's row.
func (n Name) Ref() state.Ref { return state.BonusRef(n.Tenant, n.BonusID) }

// Refs implements domain.Command.
func (n Name) Refs() []state.Ref {
	refs := []state.Ref{n.Ref()}
	if n.PlayerID == "" {
		return refs
	}
	account := ledger.ID(n.PlayerID, ledger.PlayerBonus, n.Currency)
	return append(append(refs, domain.AccountRefs(n.Tenant, account)...), state.PlayerRef(n.Tenant, n.PlayerID))
}

// find answers the bonus, or NOT_FOUND, or STALE_PLAYER when the command names another player.
func (n Name) find(states domain.States) (*state.Bonus, *fault.Fault) {
	found := domain.Find[state.Bonus](states, n.Ref())
	switch {
	case found == nil:
		return nil, fault.NotFoundf("bonus", n.BonusID)
	case found.PlayerID != n.PlayerID || found.Currency != n.Currency:
		return nil, domain.StalePlayer()
	}
	return found, nil
}

// change makes the decision that changes a bonus and the player's row, where active is the bonus that the player has then.
func change(states domain.States, bonus *state.Bonus, active string, now time.Time,
	act func(money *domain.BonusMoney) *fault.Fault) (domain.Decision, *fault.Fault) {
	books := domain.OpenBooks(states, bonus.Tenant, now)
	money := domain.OpenBonus(books, bonus, now)
	if refusal := act(&money); refusal != nil {
		return domain.Decision{}, refusal
	}
	decision := domain.Decision{Answer: bonus.Ref()}
	money.Into(&decision)
	if player := domain.Find[state.Player](states, state.PlayerRef(bonus.Tenant, bonus.PlayerID)); player != nil {
		playing := domain.Play(player, now)
		playing.Activate(active)
		playing.Into(&decision)
	}
	books.Into(&decision)
	return decision, nil
}

// Activate puts the amount of a bonus into the player's wallet.
type Activate struct {
	Name
	By state.Origin
}

// Decide implements domain.Command. An active bonus is the answer. It refuses with NOT_FOUND; with INVALID_STATE when the bonus has ended or
// the player has another active one; and with RG_BLOCK.
func (c Activate) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	bonus, refusal := c.find(states)
	if refusal == nil && !bonus.Seen(c.By) {
		refusal = fault.NotFoundf("bonus", c.BonusID)
	}
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	switch status := bonus.At(now).Status; status {
	case state.BonusGranted:
	case state.BonusActive:
		return domain.Decision{Answer: bonus.Ref()}, nil
	default:
		return domain.Decision{}, domain.InvalidState(status.String(), "the bonus is %s", status)
	}
	player, refusal := domain.PlayerOf(states, c.By, bonus.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if player.Bonus != "" {
		return domain.Decision{}, domain.InvalidState(state.BonusActive.String(), "another bonus of the player is active")
	}
	playing := domain.Play(player, now)
	if refusal := playing.Blocked(); refusal != nil {
		return domain.Decision{}, refusal
	}
	return change(states, bonus, bonus.ID, now, func(money *domain.BonusMoney) *fault.Fault { return money.Activate(EventActivated) })
}

// Forfeit takes a bonus back.
type Forfeit struct {
	Name
	By    state.Origin
	Words string // the caller's, for the record
}

// Decide implements domain.Command. A bonus that was forfeited is the answer, whatever the words. It refuses with NOT_FOUND, and with
// INVALID_STATE when the bonus has ended otherwise.
func (c Forfeit) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	bonus, refusal := c.find(states)
	if refusal == nil && !bonus.Seen(c.By) {
		refusal = fault.NotFoundf("bonus", c.BonusID)
	}
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	switch stands := bonus.At(now); {
	case stands.Status == state.BonusForfeited:
		return domain.Decision{Answer: bonus.Ref()}, nil
	case stands.Ended():
		return domain.Decision{}, domain.InvalidState(stands.Status.String(), "the bonus is %s", stands.Status)
	}
	return end(states, bonus, now, state.BonusForfeited, EventForfeited, c.Words)
}

// end ends a bonus.
func end(states domain.States, bonus *state.Bonus, now time.Time, status state.BonusStatus, event, words string) (domain.Decision, *fault.Fault) {
	active := ""
	if player := domain.Find[state.Player](states, state.PlayerRef(bonus.Tenant, bonus.PlayerID)); player != nil && player.Bonus != bonus.ID {
		active = player.Bonus // one that waits ends beside the active one
	}
	return change(states, bonus, active, now, func(money *domain.BonusMoney) *fault.Fault { return money.End(status, event, words) })
}

// Expire is the timer of a bonus: it ends one whose time is over, and takes its money.
type Expire struct{ Name }

// Decide implements domain.Command. It does nothing for a bonus that has ended. It refuses with NOT_FOUND, and with TOO_EARLY.
func (c Expire) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	bonus, refusal := c.find(states)
	switch {
	case refusal != nil:
		return domain.Decision{}, refusal
	case bonus.Ended():
		return domain.Decision{Timers: []domain.TimerChange{{Timer: state.Timer{TimerKey: domain.BonusTimer(bonus)}}}}, nil
	case now.Before(bonus.ExpiresAt):
		return domain.Decision{}, fault.New(fault.Aborted, "TOO_EARLY", "the bonus expires at %s", bonus.ExpiresAt.Format(time.RFC3339Nano))
	}
	return end(states, bonus, now, state.BonusExpired, EventExpired, "")
}
