package state

import "time"

// Origin is on whose behalf a provider calls (requirement P-7), and the tenant that its credential is of. What was made for another
// brand or region is not there for the call, and neither is what belongs to another provider (requirement R-9).
type Origin struct {
	Tenant, Brand, Region, Provider string
}

// Player is somebody who plays; who that is, the platform knows. Events carry neither locale nor country nor what protects the player
// (requirement P-12). Brand, Region, Currency, Locale, Country and CreatedAt never change.
type Player struct {
	Tenant, ID    string // "player:<player_id>"
	Brand, Region string
	Currency      string
	Locale        string // BCP 47
	Country       string // ISO 3166; empty when it is not known
	Flags         Flags
	KYC           KYCStatus
	KYCReason     string   // a machine's word
	Limits        []Limit  // by kind and period
	Played        []Played // by period, for those in which anything was
	Bonus         string   // the row of the active bonus; empty for none
	Version       int64    // counts changes by clients, of which each is an event
	CreatedAt     time.Time
	UpdatedAt     time.Time // of the latest change by a client
}

// KYCStatus has the numbers of provider.v1.KycStatus.
type KYCStatus int16

// What the check of a player has come to.
const (
	KYCUnknown KYCStatus = iota // nobody has told
	KYCPending
	KYCVerified
	KYCRejected
)

// String writes the status as the dialect of providers does.
func (s KYCStatus) String() string {
	return [...]string{"unknown", "pending", "verified", "rejected"}[s]
}

const playerPrefix = "player:"

// PlayerRef names the row of a player.
func PlayerRef(tenant, playerID string) Ref { return Ref{KindPlayer, tenant, playerPrefix + playerID} }

// PlayerID is what the platform calls the player.
func (p *Player) PlayerID() string { return p.ID[len(playerPrefix):] }

// Ref implements Row.
func (p *Player) Ref() Ref { return Ref{KindPlayer, p.Tenant, p.ID} }

// EventSeq implements Row; what was played has no event here, the bets tell.
func (p *Player) EventSeq() int64 { return p.Version }

// Seen tells whether a call of an origin may know of the player.
func (p *Player) Seen(by Origin) bool {
	return p.Tenant == by.Tenant && p.Brand == by.Brand && p.Region == by.Region
}

// Flags tell why a player may not bet.
type Flags struct {
	Excluded      bool
	ExcludedUntil time.Time // zero with Excluded for an exclusion without an end
	CoolOffUntil  time.Time // zero for none
}

// Block tells whether the flags keep somebody from betting at a time.
func (f Flags) Block(now time.Time) bool {
	return f.Excluded && (f.ExcludedUntil.IsZero() || now.Before(f.ExcludedUntil)) || now.Before(f.CoolOffUntil)
}

// LimitKind has the numbers of provider.v1.LimitKind.
type LimitKind int16

// What limits bound.
const (
	LimitDeposit LimitKind = 1 + iota // what is paid in
	LimitLoss                         // bets less wins
	LimitWager                        // what is bet
	LimitSession                      // how long sessions last
)

// String names the kind as clients see it.
func (k LimitKind) String() string { return [...]string{"", "deposit", "loss", "wager", "session"}[k] }

// Period has the numbers of provider.v1.LimitPeriod.
type Period int16

// The periods that limits count over. They follow each other without gaps since 1970, in UTC.
const (
	Day   Period = 1 + iota
	Week         // seven days, from Monday
	Month        // thirty days
)

// Periods are all of them.
func Periods() []Period { return []Period{Day, Week, Month} }

// String names the period as clients see it.
func (p Period) String() string { return [...]string{"", "day", "week", "month"}[p] }

// Begin answers when the period began that a time is in.
func (p Period) Begin(at time.Time) time.Time {
	const day = 24 * 60 * 60
	length := [...]int64{1, day, 7 * day, 30 * day}[p]
	offset := [...]int64{0, 0, 3 * day, 0}[p] // 1970 began on a Thursday
	seconds := at.Unix() + offset
	return time.Unix(seconds-seconds%length-offset, 0).UTC()
}

// NoLimit is a maximum that nothing reaches.
const NoLimit = -1

// Limit bounds what a player may do in a period.
type Limit struct {
	Kind        LimitKind `json:"kind"`
	Period      Period    `json:"period"`
	Max         int64     `json:"max"`               // minor units, or minutes for sessions; NoLimit for none
	Pending     int64     `json:"pending,omitempty"` // comes into force at PendingFrom
	PendingFrom time.Time `json:"pending_from,omitzero"`
}

// At answers the limit as it is at a time.
func (l Limit) At(now time.Time) Limit {
	if l.PendingFrom.IsZero() || now.Before(l.PendingFrom) {
		return l
	}
	return Limit{Kind: l.Kind, Period: l.Period, Max: l.Pending}
}

// Played is what a player has done in a period.
type Played struct {
	Period         Period
	From           time.Time // when the period began; what is told of an earlier one is over
	WageredMinor   int64
	WonMinor       int64
	DepositedMinor int64
	SessionSeconds int64 // granted to sessions that began in it, and not given back
}

// Place is where a row stands in a list: by the time at which it came to be, then by id.
type Place struct {
	At time.Time
	ID string
}

// PlayQuery selects a page of players, sessions, rounds, bets, settlements, payments, bonuses, jackpots or triggers. Filters that are empty,
// or that the rows have no column for, do not count.
type PlayQuery struct {
	Origin
	PlayerID, SessionID, RoundID, GameID string
	JackpotID                            string // of triggers
	Statuses                             []int16
	Now                                  time.Time // for sessions that have expired
	From                                 time.Time // inclusive; zero for open
	Before                               time.Time // exclusive; zero for open
	After                                Place     // only rows behind it; zero for the first page
	Newest                               bool      // newest first
	Limit                                int       // rows to answer at most
	ScanLimit                            int       // rows to look at, at most; when it ends the page early, Page.Next is set all the same
}

// PlayPage is a page of rows. Next is the place to go on behind, the zero Place on the last page.
type PlayPage struct {
	Rows []Row
	Next Place
}

// PlaceOf answers where a row of a list stands in it; without a time for rows that are not listed.
func PlaceOf(row Row) Place {
	place := Place{ID: row.Ref().ID}
	switch row := row.(type) {
	case *Player:
		place.At = row.CreatedAt
	case *Session:
		place.At = row.CreatedAt
	case *Round:
		place.At = row.CreatedAt
	case *Bet:
		place.At = row.CreatedAt
	case *Settlement:
		place.At = row.CreatedAt
	case *PlayerPayment:
		place.At = row.CreatedAt
	case *Jackpot:
		place.At = row.CreatedAt
	case *JackpotTrigger:
		place.At = row.CreatedAt
	case *Bonus:
		place.At = row.CreatedAt
	}
	return place
}
