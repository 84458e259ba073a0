package domain

import (
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// TransferContribution is the kind of the transfers of what bets give to jackpots.
const TransferContribution = "jackpot.contribution"

// million is what rates of contributions count in.
const million = 1_000_000

// Contribution answers what a bet gives to a jackpot, rounded down: all that is less than a minor unit stays with the house. Amounts are in
// minor units; no amount and rate overflow.
func Contribution(feed state.Feed, amount int64) int64 {
	given := amount/million*feed.RatePPM + amount%million*feed.RatePPM/million
	if feed.MaxMinor != state.NoLimit {
		given = min(given, feed.MaxMinor)
	}
	return given
}

// Feed books what a bet that is taken gives to the jackpots of its game, from the house, and answers it. Jackpots of other currencies get
// nothing. The accounts are summed, so bets of one jackpot do not wait for each other. The row of the game must be named.
func (b Books) Feed(bet *state.Bet) ([]state.Contribution, *fault.Fault) {
	by := state.Origin{Tenant: bet.Tenant, Brand: bet.Brand, Region: bet.Region, Provider: bet.Provider}
	game := Find[state.JackpotFeed](b.states, state.JackpotFeedRef(by, bet.GameID))
	if game == nil {
		return nil, nil
	}
	var all []state.Contribution
	legs := make([]ledger.Leg, 1, 1+len(game.Feeds))
	legs[0].Account = ledger.ID("", ledger.House, bet.Currency)
	for _, feed := range game.Feeds {
		given := Contribution(feed, bet.AmountMinor)
		if feed.Currency != bet.Currency || given == 0 {
			continue
		}
		jackpot := state.Jackpot{ID: feed.Jackpot, Provider: bet.Provider}
		all = append(all, state.Contribution{JackpotID: jackpot.JackpotID(), AmountMinor: given})
		legs = append(legs, ledger.Leg{Account: feed.Account(), AmountMinor: given})
		legs[0].AmountMinor -= given
	}
	if len(all) == 0 {
		return nil, nil
	}
	transfer := ledger.Transfer{ID: id.Derive("transfer", bet.ID) + "/jackpots", Kind: TransferContribution, Currency: bet.Currency}
	return all, b.Post(transfer, legs...)
}
