package state

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/ledger"
)

// JackpotStatus has the numbers of provider.v1.JackpotStatus.
type JackpotStatus int16

// The statuses of a jackpot.
const (
	JackpotOpen JackpotStatus = 1 + iota
	JackpotClosed
)

// String writes the status as clients see it.
func (s JackpotStatus) String() string { return [...]string{"", "open", "closed"}[s] }

// Terms are what a jackpot was asked for with; they may be replaced while it is open.
type Terms struct {
	Name      string
	SeedMinor int64    // what the house puts into the pool at first and after each trigger
	RatePPM   int64    // millionths of a bet's amount that go into the pool
	MaxMinor  int64    // the most that one bet gives; NoLimit for none
	Games     []string // whose bets feed it, in byte order
}

// Jackpot is a pool that bets of some games feed. What a bet gives is booked on a summed account, which no row says the balance of, and is
// collected into the pool when somebody triggers or closes the jackpot (docs/decisions/0020). The row says what has been done with the
// pool: its account holds SeededMinor + CollectedMinor - PaidMinor - ReturnedMinor. Currency and CreatedAt and whose it is never change.
type Jackpot struct {
	Tenant, ID              string // "jackpot:<provider>/<jackpot_id>"
	Brand, Region, Provider string
	Currency                string
	Terms
	Status JackpotStatus

	SeededMinor    int64 // put into the pool by the house
	CollectedMinor int64 // put into it by bets
	PaidMinor      int64 // to winners
	ReturnedMinor  int64 // to the house
	HeldMinor      int64 // of the pool, what open triggers have set aside
	// OwedMinor is what is to go to the house, of seeds in the place of triggers that were given up. Such a pool has nothing free, and what comes
	// in next goes there first.
	OwedMinor int64

	Version   int64
	CreatedAt time.Time
	TermsAt   time.Time // when the terms or the status were changed last
	UpdatedAt time.Time
}

// JackpotRef names the row of a provider's jackpot.
func JackpotRef(by Origin, jackpotID string) Ref {
	return Ref{KindJackpot, by.Tenant, rowID(KindJackpot, by.Provider, jackpotID)}
}

// JackpotID is the provider's name for the jackpot.
func (j *Jackpot) JackpotID() string { return ownName(KindJackpot, j.Provider, j.ID) }

// Ref implements Row.
func (j *Jackpot) Ref() Ref { return Ref{KindJackpot, j.Tenant, j.ID} }

// EventSeq implements Row; every change of a jackpot is an event.
func (j *Jackpot) EventSeq() int64 { return j.Version }

// Seen tells whether a call of an origin may know of the jackpot.
func (j *Jackpot) Seen(by Origin) bool { return by == Origin{j.Tenant, j.Brand, j.Region, j.Provider} }

// Pool is the id of the account that winners are paid from.
func (j *Jackpot) Pool() string { return jackpotAccount(ledger.JackpotPool, j.ID, j.Currency) }

// Fed is the id of the account that bets are booked on until they are collected.
func (j *Jackpot) Fed() string { return jackpotAccount(ledger.JackpotContributions, j.ID, j.Currency) }

// FreeMinor is what is in the pool and not set aside, without what has not been collected yet.
func (j *Jackpot) FreeMinor() int64 {
	return j.SeededMinor + j.CollectedMinor - j.PaidMinor - j.ReturnedMinor - j.HeldMinor
}

// jackpotAccount names an account of a jackpot by the id of its row; its owner is "<provider>/<jackpot_id>".
func jackpotAccount(kind ledger.Kind, id, currency string) string {
	return ledger.ID(id[len(KindJackpot.Prefix())+1:], kind, currency)
}

// JackpotFeed says which jackpots the bets of a game feed. It is made with the first of them and never deleted. Every settlement reads it,
// and only changes of terms change it, so it is of a shared kind.
type JackpotFeed struct {
	Tenant, ID string // "jackpot_feed:<provider>/<brand>/<region>/<game_id>"
	Feeds      []Feed // by jackpot; empty when the game feeds none any more
	Version    int64
	UpdatedAt  time.Time
}

// Feed is what a bet gives to one jackpot.
type Feed struct {
	Jackpot  string `json:"jackpot"` // the id of its row
	Currency string `json:"currency"`
	RatePPM  int64  `json:"rate_ppm"`
	MaxMinor int64  `json:"max_minor"` // NoLimit for none
}

// Account is the id of the account that the bets are booked on.
func (f Feed) Account() string {
	return jackpotAccount(ledger.JackpotContributions, f.Jackpot, f.Currency)
}

// JackpotFeedRef names the row of a game, for the bets of an origin.
func JackpotFeedRef(by Origin, gameID string) Ref {
	return Ref{KindJackpotFeed, by.Tenant, rowID(KindJackpotFeed, by.Provider, by.Brand+"/"+by.Region+"/"+gameID)}
}

// Ref implements Row.
func (f *JackpotFeed) Ref() Ref { return Ref{KindJackpotFeed, f.Tenant, f.ID} }

// EventSeq implements Row; the jackpots' events tell.
func (f *JackpotFeed) EventSeq() int64 { return 0 }

// JackpotTriggerStatus has the numbers of provider.v1.JackpotTriggerStatus.
type JackpotTriggerStatus int16

// The statuses of a trigger. All but the first are final.
const (
	TriggerOpen   JackpotTriggerStatus = 1 + iota // its amount is set aside
	TriggerPaid                                   // its amount was credited to the winner
	TriggerVoided                                 // it was given up
)

// String writes the status as clients see it.
func (s JackpotTriggerStatus) String() string {
	return [...]string{"", "triggered", "paid", "voided"}[s]
}

// JackpotTrigger is one winning of a jackpot. All up to ReseedMinor and CreatedAt never changes.
type JackpotTrigger struct {
	Tenant, ID              string // "jackpot_trigger:<provider>/<jackpot_id>/<trigger_id>"
	Brand, Region, Provider string
	JackpotID, TriggerID    string
	PlayerID                string
	BetID                   string // empty of one that rests on the round as a whole
	RoundID                 string
	Currency                string
	AmountMinor             int64
	ReseedMinor             int64 // what the house has put into the pool in its place
	Status                  JackpotTriggerStatus
	Words                   string // the caller's, of one that was given up
	Version                 int64
	CreatedAt               time.Time
	UpdatedAt               time.Time
}

// JackpotTriggerRef names the row of a trigger.
func JackpotTriggerRef(by Origin, jackpotID, triggerID string) Ref {
	return Ref{KindJackpotTrigger, by.Tenant, rowID(KindJackpotTrigger, by.Provider, jackpotID+"/"+triggerID)}
}

// HoldID names the hold of the trigger's amount.
func (t *JackpotTrigger) HoldID() string { return TriggerHold(t.Ref()) }

// TriggerHold names the hold of a trigger by the trigger's row: "hold:<provider>/<jackpot_id>/<trigger_id>/jackpot". No hold of a bet has so
// many parts.
func TriggerHold(trigger Ref) string {
	return KindHold.Prefix() + trigger.ID[len(KindJackpotTrigger.Prefix()):] + "/jackpot"
}

// Ref implements Row.
func (t *JackpotTrigger) Ref() Ref { return Ref{KindJackpotTrigger, t.Tenant, t.ID} }

// EventSeq implements Row; the jackpot's events tell of its triggers.
func (t *JackpotTrigger) EventSeq() int64 { return 0 }

// Seen tells whether a call of an origin may know of the trigger.
func (t *JackpotTrigger) Seen(by Origin) bool {
	return by == Origin{t.Tenant, t.Brand, t.Region, t.Provider}
}

// Contribution is what a bet has given to a jackpot of its provider.
type Contribution struct {
	JackpotID   string `json:"jackpot_id"`
	AmountMinor int64  `json:"amount_minor"`
}
