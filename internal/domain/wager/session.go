package wager

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Reasons of the events of sessions that have ended.
const (
	ReasonClosed  = "CLOSED"
	ReasonExpired = "EXPIRED"
)

// CreateSession opens a session.
type CreateSession struct {
	By                         state.Origin
	SessionID                  string // the provider's; empty to have one made
	PlayerID, GameID, Currency string
	Locale                     string
	MaxBetMinor                int64 // state.NoLimit for none
	Told                       state.Flags
	TTL                        time.Duration
	Random                     id.Random
}

// Refs implements domain.Command.
func (c CreateSession) Refs() []state.Ref {
	refs := []state.Ref{state.PlayerRef(c.By.Tenant, c.PlayerID)}
	if c.SessionID != "" {
		refs = append(refs, state.SessionRef(c.By, c.SessionID))
	}
	return refs
}

// Decide implements domain.Command. A session that is there with the same words is the answer, as it is now; with others it refuses with
// DUPLICATE. It refuses with NOT_FOUND, CURRENCY_MISMATCH, RG_BLOCK, and LIMIT_EXCEEDED when nothing is left of a session limit.
func (c CreateSession) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.SessionRef(c.By, c.SessionID)
	if c.SessionID == "" {
		ref = state.SessionRef(c.By, id.New("session", now, c.Random))
	} else if found := domain.Find[state.Session](states, ref); found != nil {
		if !c.asks(found) {
			return domain.Decision{}, domain.Duplicate("a session", c.SessionID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	player, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	playing := domain.Play(player, now)
	ttl, refusal := c.allowed(player, &playing, now)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	playing.Count(now, func(done *state.Played) { done.SessionSeconds += int64(ttl / time.Second) })
	after := &state.Session{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Provider: c.By.Provider, PlayerID: c.PlayerID, GameID: c.GameID,
		Currency: c.Currency, Locale: c.Locale, MaxBetMinor: c.MaxBetMinor, Told: c.Told, TTL: c.TTL, Status: state.SessionActive, Version: 1,
		CreatedAt: now, ExpiresAt: now.Add(ttl), UpdatedAt: now,
	}
	decision := domain.Decision{Changes: []domain.Change{{After: after, Event: EventSessionCreated}}, Answer: ref}
	playing.Into(&decision)
	return decision, nil
}

// allowed answers how long a session may last.
func (c CreateSession) allowed(player *state.Player, playing *domain.Playing, now time.Time) (time.Duration, *fault.Fault) {
	if c.Currency != player.Currency {
		return 0, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the player's currency is %s", player.Currency)
	}
	if refusal := playing.Blocked(); refusal != nil {
		return 0, refusal
	}
	if c.Told.Block(now) {
		return 0, fault.New(fault.FailedPrecondition, "RG_BLOCK", "constraints.rg_flags say that the player may not play").
			With("player_id", c.PlayerID)
	}
	if refusal := playing.Within(state.LimitSession, 1); refusal != nil {
		return 0, refusal
	}
	if _, left, found := playing.Left(state.LimitSession); found {
		return min(c.TTL, time.Duration(left)*time.Minute), nil
	}
	return c.TTL, nil
}

// asks tells whether a session is the one that is asked for.
func (c CreateSession) asks(s *state.Session) bool {
	return s.Seen(c.By) && s.PlayerID == c.PlayerID && s.GameID == c.GameID && s.Currency == c.Currency && s.Locale == c.Locale &&
		s.MaxBetMinor == c.MaxBetMinor && s.Told == c.Told && s.TTL == c.TTL
}

// CloseSession ends a session.
type CloseSession struct {
	By        state.Origin
	SessionID string
	Wallet    Wallet // of the session
}

// Refs implements domain.Command.
func (c CloseSession) Refs() []state.Ref {
	refs := []state.Ref{state.SessionRef(c.By, c.SessionID)}
	if c.Wallet.PlayerID != "" {
		refs = append(refs, state.PlayerRef(c.By.Tenant, c.Wallet.PlayerID))
	}
	return refs
}

// Decide implements domain.Command. It refuses with NOT_FOUND. A session whose time was over is marked as expired. What is left of its time
// is given back to the player's session limits.
func (c CloseSession) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before, refusal := sessionOf(states, c.By, c.SessionID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	decision := domain.Decision{Answer: before.Ref()}
	if before.Status != state.SessionActive {
		return decision, nil
	}
	if refusal := c.Wallet.is(before.PlayerID, before.Currency); refusal != nil {
		return domain.Decision{}, refusal
	}
	after, reason := *before.At(now), ReasonExpired
	if after.Status == state.SessionActive {
		after.Status, after.EndedAt, reason = state.SessionClosed, now, ReasonClosed
	}
	after.Version++
	after.UpdatedAt = now
	decision.Changes = append(decision.Changes, domain.Change{Before: before, After: &after, Event: EventSessionClosed, Reason: reason})
	player, refusal := domain.PlayerOf(states, c.By, before.PlayerID)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	playing := domain.Play(player, now)
	left := int64(after.ExpiresAt.Sub(after.EndedAt) / time.Second)
	playing.Count(before.CreatedAt, func(done *state.Played) { done.SessionSeconds -= left })
	playing.Into(&decision)
	return decision, nil
}

// sessionOf answers a session that the caller may know of, or NOT_FOUND.
func sessionOf(states domain.States, by state.Origin, sessionID string) (*state.Session, *fault.Fault) {
	found := domain.Find[state.Session](states, state.SessionRef(by, sessionID))
	if found == nil || !found.Seen(by) {
		return nil, fault.NotFoundf("session", sessionID)
	}
	return found, nil
}
