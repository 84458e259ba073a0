package state

import "time"

// rowID names a row of a provider's by the provider's own name for it. Neither part can hold the slash.
func rowID(kind Kind, provider, name string) string {
	return kind.Prefix() + ":" + provider + "/" + name
}

// ownName answers the provider's own name for a row.
func ownName(kind Kind, provider, id string) string { return id[len(kind.Prefix())+1+len(provider)+1:] }

// SessionStatus has the numbers of provider.v1.SessionStatus.
type SessionStatus int16

// The statuses of a session. One whose time is over is ACTIVE until somebody closes it: whoever reads the status looks at the time too.
const (
	SessionActive SessionStatus = 1 + iota
	SessionClosed
	SessionExpired
)

// String writes the status as clients see it.
func (s SessionStatus) String() string { return [...]string{"", "active", "closed", "expired"}[s] }

// Session is the channel between a provider's game and the platform in which a player plays. All but Status, Version, EndedAt and
// UpdatedAt never changes.
type Session struct {
	Tenant, ID              string // "session:<provider>/<session_id>"
	Brand, Region, Provider string
	PlayerID, GameID        string
	Currency                string
	Locale                  string
	MaxBetMinor             int64         // NoLimit for none
	Told                    Flags         // what the provider has been told of the player
	TTL                     time.Duration // asked for; limits of the player may have made it less
	Status                  SessionStatus
	Version                 int64
	CreatedAt               time.Time
	ExpiresAt               time.Time
	EndedAt                 time.Time // zero while ACTIVE
	UpdatedAt               time.Time
}

// SessionRef names the row of a provider's session.
func SessionRef(by Origin, sessionID string) Ref {
	return Ref{KindSession, by.Tenant, rowID(KindSession, by.Provider, sessionID)}
}

// SessionID is the session's name in the tenant and provider.
func (s *Session) SessionID() string { return ownName(KindSession, s.Provider, s.ID) }

// Ref implements Row.
func (s *Session) Ref() Ref { return Ref{KindSession, s.Tenant, s.ID} }

// EventSeq implements Row; every change of a session is an event.
func (s *Session) EventSeq() int64 { return s.Version }

// Seen tells whether a call of an origin may know of the session.
func (s *Session) Seen(by Origin) bool { return by == Origin{s.Tenant, s.Brand, s.Region, s.Provider} }

// At answers the session as it is at a time: one whose time is over has expired.
func (s *Session) At(now time.Time) *Session {
	if s.Status != SessionActive || now.Before(s.ExpiresAt) {
		return s
	}
	expired := *s
	expired.Status, expired.EndedAt = SessionExpired, s.ExpiresAt
	return &expired
}

// RoundStatus has the numbers of provider.v1.RoundStatus.
type RoundStatus int16

// The statuses of a round.
const (
	RoundOpen RoundStatus = 1 + iota
	RoundClosed
)

// String writes the status as clients see it.
func (s RoundStatus) String() string { return [...]string{"", "open", "closed"}[s] }

// Round is one round of a game, made by its first bet. Many players' bets read it and only its closing changes it, so it is of a shared
// kind and counts nothing.
type Round struct {
	Tenant, ID       string // "round:<provider>/<round_id>"
	Provider, GameID string
	Status           RoundStatus
	Version          int64
	CreatedAt        time.Time
	ClosedAt         time.Time // zero while it is open
}

// RoundRef names the row of a provider's round.
func RoundRef(by Origin, roundID string) Ref {
	return Ref{KindRound, by.Tenant, rowID(KindRound, by.Provider, roundID)}
}

// RoundID is the provider's name for the round.
func (r *Round) RoundID() string { return ownName(KindRound, r.Provider, r.ID) }

// Ref implements Row.
func (r *Round) Ref() Ref { return Ref{KindRound, r.Tenant, r.ID} }

// EventSeq implements Row; that a round came to be is told by its first bet.
func (r *Round) EventSeq() int64 { return r.Version - 1 }

// BetStatus has the numbers of provider.v1.BetStatus.
type BetStatus int16

// The statuses of a bet. All but the first are final.
const (
	BetAuthorized BetStatus = 1 + iota // its amount is held
	BetCredited                        // its amount is taken, and something was won
	BetForfeited                       // its amount is taken, and nothing was won
	BetRolledBack                      // its amount was given back; of a tombstone it was never held
)

// String writes the status as clients see it.
func (s BetStatus) String() string {
	return [...]string{"", "authorized", "credited", "forfeited", "rolled_back"}[s]
}

// Bet is one bet of a player. One that was rolled back before it came is a tombstone: it has no session, player, game, amount or hold,
// and is never anything else. All up to Bonus and CreatedAt never changes.
type Bet struct {
	Tenant, ID              string // "bet:<provider>/<bet_id>"
	Brand, Region, Provider string
	RoundID, SessionID      string
	PlayerID, GameID        string
	Currency                string
	AmountMinor             int64          // 0 of a tombstone
	Bonus                   *BetBonus      // nil when the player had no active bonus
	WonMinor                int64          // by its results so far
	Results                 int32          // how many there are
	Contributions           []Contribution // to the jackpots of its game, with the last result
	Status                  BetStatus
	Version                 int64
	CreatedAt               time.Time
	UpdatedAt               time.Time
}

// BetRef names the row of a provider's bet.
func BetRef(by Origin, betID string) Ref {
	return Ref{KindBet, by.Tenant, rowID(KindBet, by.Provider, betID)}
}

// BetID is the provider's name for the bet.
func (b *Bet) BetID() string { return ownName(KindBet, b.Provider, b.ID) }

// HoldID names the hold of the bet's amount, or of the player's own part of it where there is one; empty for a tombstone.
func (b *Bet) HoldID() string {
	switch {
	case b.Tombstone():
		return ""
	case b.CashMinor() == 0:
		return b.BonusHoldID()
	}
	return KindHold.Prefix() + b.ID[len(KindBet.Prefix()):]
}

// Tombstone tells whether the bet was rolled back before it came.
func (b *Bet) Tombstone() bool { return b.AmountMinor == 0 }

// Ref implements Row.
func (b *Bet) Ref() Ref { return Ref{KindBet, b.Tenant, b.ID} }

// EventSeq implements Row; every change of a bet is an event.
func (b *Bet) EventSeq() int64 { return b.Version }

// Seen tells whether a call of an origin may know of the bet.
func (b *Bet) Seen(by Origin) bool { return by == Origin{b.Tenant, b.Brand, b.Region, b.Provider} }

// Settlement is one result of a bet. It is named by bet and result, so that a repeat finds it, and has a name of its own for clients.
// It never changes.
type Settlement struct {
	Tenant, ID              string // "settlement:<provider>/<bet_id>/<result_id>"
	SettlementID            string // "settlement:<uuid v7>"
	Brand, Region, Provider string
	BetID, RoundID          string
	PlayerID, GameID        string
	ResultID                string // empty when the provider has no name for it
	Currency                string
	WinMinor                int64
	Partial                 bool        // more results follow
	Bonus                   *BonusState // nil when it was not told
	CreatedAt               time.Time
}

// BonusState is where a bonus game of a player stands.
type BonusState struct {
	InBonus       bool  `json:"in_bonus"`
	FreespinsLeft int32 `json:"freespins_left"`
}

// SettlementRef names the row of a result.
func SettlementRef(by Origin, betID, resultID string) Ref {
	return Ref{KindSettlement, by.Tenant, rowID(KindSettlement, by.Provider, betID+"/"+resultID)}
}

// Ref implements Row.
func (s *Settlement) Ref() Ref { return Ref{KindSettlement, s.Tenant, s.ID} }

// EventSeq implements Row; the bet's events tell of its results.
func (s *Settlement) EventSeq() int64 { return 0 }

// Seen tells whether a call of an origin may know of the settlement.
func (s *Settlement) Seen(by Origin) bool {
	return by == Origin{s.Tenant, s.Brand, s.Region, s.Provider}
}

// BetCount is how many bets were made in a round.
type BetCount struct {
	Bets, Open int64 // Open of them are neither settled nor rolled back
}
