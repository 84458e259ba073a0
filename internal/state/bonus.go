package state

import (
	"math/bits"
	"slices"
	"strings"
	"time"
)

// BonusStatus has the numbers of provider.v1.BonusStatus.
type BonusStatus int16

// The statuses of a bonus. All but the first two are final.
const (
	BonusGranted   BonusStatus = 1 + iota // it waits, and no money of it is anywhere
	BonusActive                           // its money is on the player's account of bonus money
	BonusConverted                        // enough was wagered: what was left is the player's own
	BonusForfeited                        // taken back
	BonusExpired                          // its time was over
)

// String writes the status as clients see it.
func (s BonusStatus) String() string {
	return [...]string{"", "granted", "active", "converted", "forfeited", "expired"}[s]
}

// BonusPolicy has the numbers of provider.v1.BonusPolicy.
type BonusPolicy int16

// Which money is played first.
const (
	BonusCashFirst BonusPolicy = 1 + iota
	BonusFirst
)

// GameWeight is how much of what is bet on a game counts as wagered.
type GameWeight struct {
	GameID  string `json:"game_id"`
	Percent int32  `json:"percent"`
}

// BonusTerms are what a bonus was granted with. They never change.
type BonusTerms struct {
	PlayerID           string
	Currency           string
	AmountMinor        int64
	RequiredMinor      int64        // to be wagered
	Weights            []GameWeight // by game
	DefaultWeight      int32        // percent of bets on other games
	Policy             BonusPolicy
	MaxBetMinor        int64         // that uses money of it; NoLimit for none
	MaxConversionMinor int64         // NoLimit for none
	TTL                time.Duration // zero when ExpiresAt was asked for
	ExpiresAt          time.Time
}

// Asks tells whether two bonuses were asked for with the same terms. Times that follow from a TTL are not compared.
func (t *BonusTerms) Asks(other *BonusTerms) bool {
	return t.PlayerID == other.PlayerID && t.Currency == other.Currency && t.AmountMinor == other.AmountMinor &&
		t.RequiredMinor == other.RequiredMinor && slices.Equal(t.Weights, other.Weights) && t.DefaultWeight == other.DefaultWeight &&
		t.Policy == other.Policy && t.MaxBetMinor == other.MaxBetMinor && t.MaxConversionMinor == other.MaxConversionMinor &&
		t.TTL == other.TTL && (t.TTL != 0 || t.ExpiresAt.Equal(other.ExpiresAt))
}

// Weight answers how many percent of a bet on a game count as wagered.
func (t *BonusTerms) Weight(gameID string) int32 {
	at, found := slices.BinarySearchFunc(t.Weights, gameID, func(w GameWeight, id string) int { return strings.Compare(w.GameID, id) })
	if found {
		return t.Weights[at].Percent
	}
	return t.DefaultWeight
}

// Bonus is money that a player may bet on conditions (requirement P-1, docs/decisions/0019). What it is worth at the moment is what is
// available on the player's account of bonus money while it is active: a player has one active bonus at most.
type Bonus struct {
	Tenant, ID              string // "bonus:<bonus_id>"
	Brand, Region, Provider string // of the player, and who has granted it
	BonusTerms
	Status         BonusStatus
	Reason         string // of a forfeit, the caller's words
	Progress       int64  // hundredths of minor units that count as wagered, never more than are required
	ConvertedMinor int64  // what has become the player's own
	Version        int64  // counts changes of the status, of which each is an event
	CreatedAt      time.Time
	ActivatedAt    time.Time // zero before
	EndedAt        time.Time // zero before
	UpdatedAt      time.Time
}

const bonusPrefix = "bonus:"

// BonusRef names the row of a bonus.
func BonusRef(tenant, bonusID string) Ref { return Ref{KindBonus, tenant, bonusPrefix + bonusID} }

// BonusID is the name of the bonus in the tenant.
func (b *Bonus) BonusID() string { return b.ID[len(bonusPrefix):] }

// Ref implements Row.
func (b *Bonus) Ref() Ref { return Ref{KindBonus, b.Tenant, b.ID} }

// EventSeq implements Row; what was wagered has no event here, the bets tell.
func (b *Bonus) EventSeq() int64 { return b.Version }

// Seen tells whether a call of an origin may know of the bonus.
func (b *Bonus) Seen(by Origin) bool {
	return b.Tenant == by.Tenant && b.Brand == by.Brand && b.Region == by.Region
}

// Ended tells whether the status never changes again.
func (b *Bonus) Ended() bool { return b.Status > BonusActive }

// At answers the bonus as it is at a time: one whose time is over has expired, also before its timer has taken its money.
func (b *Bonus) At(now time.Time) *Bonus {
	if b.Ended() || now.Before(b.ExpiresAt) {
		return b
	}
	expired := *b
	expired.Status, expired.EndedAt = BonusExpired, b.ExpiresAt
	return &expired
}

// percent is how many hundredths a minor unit has.
const percent = 100

// Required is what is to be wagered, in hundredths of minor units as Progress is.
func (b *Bonus) Required() int64 { return b.RequiredMinor * percent }

// WageredMinor is what was wagered so far, in whole minor units.
func (b *Bonus) WageredMinor() int64 { return b.Progress / percent }

// BetBonus is what a bet has to do with the bonus that was active when it came. It never changes.
type BetBonus struct {
	ID      string `json:"id"`             // of the bonus's row
	Minor   int64  `json:"minor"`          // of the amount, what is the bonus's money; the rest is the player's own
	Percent int32  `json:"weight_percent"` // of the amount, what counts as wagered
}

// BonusID is the name of the bonus in the tenant.
func (b *BetBonus) BonusID() string { return b.ID[len(bonusPrefix):] }

// CashMinor is what of a bet's amount is the player's own money.
func (b *Bet) CashMinor() int64 { return b.AmountMinor - b.BonusMinor() }

// BonusMinor is what of a bet's amount is a bonus's money.
func (b *Bet) BonusMinor() int64 {
	if b.Bonus == nil {
		return 0
	}
	return b.Bonus.Minor
}

// BonusWin answers what of a win is the bonus's, as it had its part of the bet. The other part, with what cannot be split, is the player's.
func (b *Bet) BonusWin(winMinor int64) int64 {
	if b.BonusMinor() == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(winMinor), uint64(b.BonusMinor())) //nolint:gosec // neither is below zero
	part, _ := bits.Div64(high, low, uint64(b.AmountMinor))           //nolint:gosec // the quotient is no more than the win
	return int64(part)                                                //nolint:gosec // as above
}

// BonusHoldID names the hold of the bonus's part of the bet.
func (b *Bet) BonusHoldID() string { return BonusHold(b.ID) }

// BonusHold names the hold of the bonus's part of the bet with an id: "hold:<provider>/<bet_id>/bonus".
func BonusHold(betID string) string {
	return KindHold.Prefix() + betID[len(KindBet.Prefix()):] + "/bonus"
}
