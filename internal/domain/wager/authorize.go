package wager

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Authorize holds the amount of a bet.
type Authorize struct {
	By                        state.Origin
	SessionID, BetID, RoundID string
	AmountMinor               int64 // above zero
	Currency                  string
	Wallet                    Wallet // of the session
}

// Refs implements domain.Command.
func (c Authorize) Refs() []state.Ref {
	bet := state.BetRef(c.By, c.BetID)
	return append(c.Wallet.refs(c.By, bet), state.SessionRef(c.By, c.SessionID), state.RoundRef(c.By, c.RoundID), bet)
}

// Decide implements domain.Command. A bet that is there with the same session, round and amount is the answer, whatever became of it but
// for one that was rolled back; with others the id is taken: DUPLICATE. Else it refuses with NOT_FOUND, CURRENCY_MISMATCH, INVALID_STATE,
// RG_BLOCK, LIMIT_EXCEEDED and INSUFFICIENT_FUNDS, in this order, and with LIMIT_EXCEEDED again for what a bonus allows at once.
func (c Authorize) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.BetRef(c.By, c.BetID)
	if found := domain.Find[state.Bet](states, ref); found != nil {
		return c.again(found)
	}
	session, refusal := sessionOf(states, c.By, c.SessionID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	if refusal := c.Wallet.is(session.PlayerID, session.Currency); refusal != nil {
		return domain.Decision{}, refusal
	}
	player, refusal := domain.PlayerOf(states, c.By, session.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	round := domain.Find[state.Round](states, state.RoundRef(c.By, c.RoundID))
	playing := domain.Play(player, now)
	if refusal := c.allowed(session.At(now), round, &playing, now); refusal != nil {
		return domain.Decision{}, refusal
	}
	bonus, refusal := c.Wallet.active(states, player, now)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	books := domain.OpenBooks(states, c.By.Tenant, now)
	with, refusal := c.hold(books, bonus, session.GameID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	playing.Count(now, func(done *state.Played) { done.WageredMinor += c.AmountMinor })
	after := &state.Bet{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Provider: c.By.Provider, RoundID: c.RoundID,
		SessionID: c.SessionID, PlayerID: session.PlayerID, GameID: session.GameID, Currency: c.Currency, AmountMinor: c.AmountMinor,
		Bonus: with, Status: state.BetAuthorized, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	decision := domain.Decision{Changes: []domain.Change{{After: after, Event: EventAuthorized}}, Answer: ref}
	if round == nil {
		decision.Changes = append(decision.Changes, domain.Change{After: &state.Round{
			Tenant: c.By.Tenant, ID: state.RoundRef(c.By, c.RoundID).ID, Provider: c.By.Provider, GameID: session.GameID,
			Status: state.RoundOpen, Version: 1, CreatedAt: now,
		}})
	}
	playing.Into(&decision)
	books.Into(&decision)
	return decision, nil
}

// insufficient refuses a bet of more than is available, in amounts as the dialect of providers writes them.
func (c Authorize) insufficient(available int64) *fault.Fault {
	left := money.Format(available, c.Currency)
	return fault.New(fault.FailedPrecondition, "INSUFFICIENT_FUNDS", "%s %s are asked for, %s are available",
		money.Format(c.AmountMinor, c.Currency), c.Currency, left).With("available", left).With("currency", c.Currency)
}

// again answers a bet that is there already.
func (c Authorize) again(found *state.Bet) (domain.Decision, *fault.Fault) {
	switch {
	case !found.Seen(c.By):
		return domain.Decision{}, domain.Duplicate("a bet", c.BetID)
	case found.Status == state.BetRolledBack:
		return domain.Decision{}, domain.InvalidState(found.Status.String(), "the bet %q was rolled back", c.BetID)
	case found.SessionID != c.SessionID || found.RoundID != c.RoundID || found.AmountMinor != c.AmountMinor || found.Currency != c.Currency:
		return domain.Decision{}, domain.Duplicate("a bet", c.BetID)
	}
	return domain.Decision{Answer: found.Ref()}, nil
}

// allowed refuses a bet that its session, its round or what protects the player does not allow.
func (c Authorize) allowed(session *state.Session, round *state.Round, playing *domain.Playing, now time.Time) *fault.Fault {
	switch {
	case c.Currency != session.Currency:
		return fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the session's currency is %s", session.Currency)
	case session.Status != state.SessionActive:
		return domain.InvalidState(session.Status.String(), "the session %q is %s", c.SessionID, session.Status)
	case round != nil && round.GameID != session.GameID:
		return domain.Duplicate("a round", c.RoundID)
	case round != nil && round.Status != state.RoundOpen:
		return domain.InvalidState("closed", "the round %q is closed", c.RoundID)
	}
	if refusal := playing.Blocked(); refusal != nil {
		return refusal
	}
	if session.MaxBetMinor != state.NoLimit && c.AmountMinor > session.MaxBetMinor {
		return domain.LimitExceeded("max_bet", money.Format(session.MaxBetMinor, c.Currency))
	}
	for _, kind := range []state.LimitKind{state.LimitWager, state.LimitLoss} {
		if refusal := playing.Within(kind, c.AmountMinor); refusal != nil {
			return refusal
		}
	}
	// What is left of the session was counted when it was opened. A limit that was lowered since may be used up before it ends.
	unplayed := int64((session.ExpiresAt.Sub(now) + time.Minute - 1) / time.Minute)
	return playing.Within(state.LimitSession, 1-unplayed)
}
