// Package wager decides about sessions, and the bets and rounds that are played in them (requirements P-1, P-4). What becomes of every
// pair of steps stands in docs/provider-api.md.
package wager

import (
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The types of events.
const (
	EventSessionCreated = "session.created"
	EventSessionClosed  = "session.closed"
	EventAuthorized     = "bet.authorized"
	EventSettled        = "bet.settled"
	EventRolledBack     = "bet.rolled_back"
	EventRoundClosed    = "round.closed"
)

// Wallet names whose money a command is about, and the game. Those of a session or bet never change, so they are looked up before; all is
// empty when there was no such session or bet. Bonus is the row of the bonus that a bet counts for, which never changes either, or that is active for
// a bet to come, which is a guess: where it was wrong the command is made again.
type Wallet struct{ PlayerID, Currency, GameID, Bonus string }

// account is the id of the account that bets are paid from.
func (w Wallet) account() string { return ledger.ID(w.PlayerID, ledger.PlayerCash, w.Currency) }

// refs names the rows of a wallet and of a bet's hold.
func (w Wallet) refs(by state.Origin, bet state.Ref) []state.Ref {
	if w.PlayerID == "" {
		return nil
	}
	hold := state.HoldRef(by.Tenant, holdOf(bet))
	refs := append(domain.AccountRefs(by.Tenant, w.account()), hold, state.PlayerRef(by.Tenant, w.PlayerID))
	return append(refs, w.bonusRefs(by, bet)...)
}

// holdOf names the hold of a bet.
func holdOf(bet state.Ref) string { return (&state.Bet{ID: bet.ID, AmountMinor: 1}).HoldID() }

// is refuses with STALE_PLAYER when the wallet is not that of a player and currency.
func (w Wallet) is(playerID, currency string) *fault.Fault {
	if w.PlayerID != playerID || w.Currency != currency {
		return domain.StalePlayer()
	}
	return nil
}

// of refuses with STALE_PLAYER when the wallet is not that of a bet, with its bonus and the game whose jackpots it feeds.
func (w Wallet) of(bet *state.Bet) *fault.Fault {
	if w.GameID != bet.GameID || bet.Bonus != nil && bet.Bonus.ID != w.Bonus {
		return domain.StalePlayer()
	}
	return w.is(bet.PlayerID, bet.Currency)
}
