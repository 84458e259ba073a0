package wager

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// EventBonusConverted is the type of the event of a bonus whose last bet was decided here.
const EventBonusConverted = "bonus.converted"

// TransferBetBonus is the kind of the transfer that takes a bonus's part of a bet.
const TransferBetBonus = "bet.capture_bonus"

// bonusAccount is the id of the account of bonus money.
func (w Wallet) bonusAccount() string { return ledger.ID(w.PlayerID, ledger.PlayerBonus, w.Currency) }

// bonusRefs names the rows that a bet with a bonus needs beside the others; none without one.
func (w Wallet) bonusRefs(by state.Origin, bet state.Ref) []state.Ref {
	if w.Bonus == "" {
		return nil
	}
	return append(domain.AccountRefs(by.Tenant, w.bonusAccount()), state.HoldRef(by.Tenant, state.BonusHold(bet.ID)),
		state.Ref{Kind: state.KindBonus, Tenant: by.Tenant, ID: w.Bonus})
}

// active answers the bonus of a player that can be played at a time; nil for none. It refuses with STALE_PLAYER when the wallet names
// another one. Money of a bonus whose time is over is not played any more; its timer takes it.
func (w Wallet) active(states domain.States, player *state.Player, now time.Time) (*state.Bonus, *fault.Fault) {
	if player.Bonus == "" {
		return nil, nil
	}
	if player.Bonus != w.Bonus {
		return nil, domain.StalePlayer()
	}
	bonus := domain.Find[state.Bonus](states, state.Ref{Kind: state.KindBonus, Tenant: player.Tenant, ID: player.Bonus})
	if bonus == nil || bonus.At(now).Status != state.BonusActive {
		return nil, nil
	}
	return bonus, nil
}

// hold sets the amount of a bet aside: of the player's own money, and of that of the active bonus as its policy says. It refuses with
// INSUFFICIENT_FUNDS, and with LIMIT_EXCEEDED when money of the bonus would be used for more than it allows at once.
func (c Authorize) hold(books domain.Books, bonus *state.Bonus, gameID string) (*state.BetBonus, *fault.Fault) {
	own, given, bet := books.Account(c.Wallet.account()), int64(0), state.BetRef(c.By, c.BetID)
	if bonus != nil {
		account := books.Account(c.Wallet.bonusAccount())
		given = account.AvailableMinor()
	}
	if own.AvailableMinor()+given < c.AmountMinor {
		return nil, c.insufficient(own.AvailableMinor() + given)
	}
	part := max(c.AmountMinor-own.AvailableMinor(), 0)
	if bonus != nil && bonus.Policy == state.BonusFirst {
		part = min(given, c.AmountMinor)
	}
	if part > 0 && bonus.MaxBetMinor != state.NoLimit && c.AmountMinor > bonus.MaxBetMinor {
		return nil, domain.LimitExceeded("bonus_max_bet", money.Format(bonus.MaxBetMinor, c.Currency))
	}
	for _, hold := range []ledger.Hold{
		{ID: holdOf(bet), Account: c.Wallet.account(), AmountMinor: c.AmountMinor - part},
		{ID: state.BonusHold(bet.ID), Account: c.Wallet.bonusAccount(), AmountMinor: part},
	} {
		if hold.AmountMinor == 0 {
			continue
		}
		if _, refusal := books.Place(hold); refusal != nil {
			return nil, refusal
		}
	}
	if bonus == nil {
		return nil, nil
	}
	return &state.BetBonus{ID: bonus.ID, Minor: part, Percent: bonus.Weight(gameID)}, nil
}

// capture takes what a bet holds.
func capture(books domain.Books, bet *state.Bet, house string) *fault.Fault {
	transfer := id.Derive("transfer", bet.ID)
	if bet.CashMinor() > 0 {
		_, refusal := books.Capture(ledger.Capture{
			Transfer: ledger.Transfer{ID: transfer + "/capture", Kind: TransferBet}, HoldID: bet.HoldID(), To: house,
		})
		if refusal != nil {
			return refusal
		}
	}
	if bet.BonusMinor() == 0 {
		return nil
	}
	_, refusal := books.Capture(ledger.Capture{
		Transfer: ledger.Transfer{ID: transfer + "/bonus", Kind: TransferBetBonus}, HoldID: bet.BonusHoldID(), To: house,
	})
	return refusal
}

// credit books a win, above zero, to the moneys that the bet was paid from.
func (w Wallet) credit(books domain.Books, bet *state.Bet, transfer ledger.Transfer, house string, win int64) *fault.Fault {
	legs, part := []ledger.Leg{{Account: house, AmountMinor: -win}}, bet.BonusWin(win)
	if win > part {
		legs = append(legs, ledger.Leg{Account: w.account(), AmountMinor: win - part})
	}
	if part > 0 {
		legs = append(legs, ledger.Leg{Account: w.bonusAccount(), AmountMinor: part})
	}
	return books.Post(transfer, legs...)
}

// void gives up what a bet holds.
func void(books domain.Books, bet *state.Bet) *fault.Fault {
	if bet.CashMinor() > 0 {
		if _, refusal := books.Void(bet.HoldID()); refusal != nil {
			return refusal
		}
	}
	if bet.BonusMinor() == 0 {
		return nil
	}
	_, refusal := books.Void(bet.BonusHoldID())
	return refusal
}

// bonusOf opens the bonus that a bet counts for; false when there is none.
func bonusOf(states domain.States, books domain.Books, bet *state.Bet, now time.Time) (domain.BonusMoney, bool) {
	if bet.Bonus == nil {
		return domain.BonusMoney{}, false
	}
	bonus := domain.Find[state.Bonus](states, state.Ref{Kind: state.KindBonus, Tenant: bet.Tenant, ID: bet.Bonus.ID})
	return domain.OpenBonus(books, bonus, now), bonus != nil
}

// wagered is what a result does to the bonus that the bet counts for. Of one that has ended, what the win has brought goes where the
// bonus's money went. Else the last result counts the bet; when that completes the bonus, what is left of it becomes the player's own.
func wagered(bonus *domain.BonusMoney, bet *state.Bet, result *state.Settlement, playing *domain.Playing, now time.Time) *fault.Fault {
	stands := bonus.Bonus()
	switch {
	case stands.Ended():
		return bonus.Leave(bet.BonusWin(result.WinMinor), id.Derive("transfer", result.SettlementID)+"/win")
	case result.Partial, stands.At(now).Status != state.BonusActive: // it counts later, or too late
	case bonus.Count(bet.AmountMinor * int64(bet.Bonus.Percent)):
		playing.Activate("")
		return bonus.End(state.BonusConverted, EventBonusConverted, "")
	}
	return nil
}
