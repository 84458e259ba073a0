package wager

import (
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The kinds of transfers.
const (
	TransferBet = "bet.capture"
	TransferWin = "bet.win"
)

// ResultsLimit is the greatest number of results of one bet.
const ResultsLimit = 100

// Settle tells a result of a bet. The last one takes the amount and closes the bet; each credits what it won.
type Settle struct {
	By             state.Origin
	BetID, RoundID string
	ResultID       string // empty for the only one
	WinMinor       int64
	Currency       string
	Partial        bool // more results follow
	Bonus          *state.BonusState
	Wallet         Wallet // of the bet
	Random         id.Random
}

// Refs implements domain.Command.
func (c Settle) Refs() []state.Ref {
	bet := state.BetRef(c.By, c.BetID)
	refs := append(c.Wallet.refs(c.By, bet), bet, state.SettlementRef(c.By, c.BetID, c.ResultID))
	if c.Wallet.GameID != "" && !c.Partial {
		refs = append(refs, state.JackpotFeedRef(c.By, c.Wallet.GameID))
	}
	return refs
}

// Decide implements domain.Command. A result that is there with the same win is the answer; with another one it refuses with DUPLICATE. It
// refuses with INVALID_STATE when the bet has not come yet, was rolled back, was made in another round, or has ended; with NOT_FOUND and
// CURRENCY_MISMATCH. Neither the session nor the player nor the round is asked: what was bet has an outcome.
func (c Settle) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	bet, refusal := c.bet(states)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	ref := state.SettlementRef(c.By, c.BetID, c.ResultID)
	if found := domain.Find[state.Settlement](states, ref); found != nil {
		if found.WinMinor != c.WinMinor || found.Partial != c.Partial {
			return domain.Decision{}, domain.Duplicate("a result of the bet", c.BetID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	if bet.Status != state.BetAuthorized {
		return domain.Decision{}, domain.InvalidState(bet.Status.String(), "the bet %q is %s", c.BetID, bet.Status)
	}
	if bet.Results >= ResultsLimit {
		return domain.Decision{}, domain.InvalidState(bet.Status.String(), "the bet %q has %d results, the most that there can be", c.BetID,
			ResultsLimit)
	}
	if refusal := c.Wallet.of(bet); refusal != nil {
		return domain.Decision{}, refusal
	}
	result := &state.Settlement{
		Tenant: c.By.Tenant, ID: ref.ID, SettlementID: id.New("settlement", now, c.Random), Brand: bet.Brand, Region: bet.Region,
		Provider: bet.Provider, BetID: c.BetID, RoundID: bet.RoundID, PlayerID: bet.PlayerID, GameID: bet.GameID, ResultID: c.ResultID,
		Currency: bet.Currency, WinMinor: c.WinMinor, Partial: c.Partial, Bonus: c.Bonus, CreatedAt: now,
	}
	return c.book(states, bet, result, now)
}

// bet answers the bet of a result.
func (c Settle) bet(states domain.States) (*state.Bet, *fault.Fault) {
	bet := domain.Find[state.Bet](states, state.BetRef(c.By, c.BetID))
	switch {
	case bet == nil:
		return nil, domain.InvalidState("unknown", "the bet %q is not authorized", c.BetID)
	case !bet.Seen(c.By):
		return nil, fault.NotFoundf("bet", c.BetID)
	case bet.Status == state.BetRolledBack:
		return nil, domain.InvalidState(bet.Status.String(), "the bet %q was rolled back", c.BetID)
	case bet.RoundID != c.RoundID:
		return nil, domain.InvalidState(bet.Status.String(), "the bet %q was made in another round", c.BetID)
	case bet.Currency != c.Currency:
		return nil, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the bet's currency is %s", bet.Currency)
	}
	return bet, nil
}

// book moves the money of a result.
func (c Settle) book(states domain.States, bet *state.Bet, result *state.Settlement, now time.Time) (domain.Decision, *fault.Fault) {
	after := *bet
	after.Results++
	after.WonMinor += c.WinMinor
	after.Version++
	after.UpdatedAt = now
	books, house := domain.OpenBooks(states, c.By.Tenant, now), ledger.ID("", ledger.House, bet.Currency)
	if !c.Partial {
		after.Status = state.BetForfeited
		if after.WonMinor > 0 {
			after.Status = state.BetCredited
		}
		if refusal := capture(books, bet, house); refusal != nil {
			return domain.Decision{}, refusal
		}
		var refusal *fault.Fault
		if after.Contributions, refusal = books.Feed(&after); refusal != nil {
			return domain.Decision{}, refusal
		}
	}
	if c.WinMinor > 0 {
		transfer := ledger.Transfer{ID: id.Derive("transfer", result.SettlementID) + "/win", Kind: TransferWin, Currency: bet.Currency}
		if refusal := c.Wallet.credit(books, bet, transfer, house, c.WinMinor); refusal != nil {
			return domain.Decision{}, refusal
		}
	}
	decision := domain.Decision{Answer: result.Ref(), Changes: []domain.Change{
		{Before: bet, After: &after, Event: EventSettled, Beside: result}, {After: result},
	}}
	if c.WinMinor == 0 && bet.Bonus == nil { // the player is neither changed nor asked, and so need not be proved either
		books.Into(&decision)
		return decision, nil
	}
	if player := domain.Find[state.Player](states, state.PlayerRef(c.By.Tenant, bet.PlayerID)); player != nil {
		playing := domain.Play(player, now)
		playing.Count(now, func(done *state.Played) { done.WonMinor += c.WinMinor })
		if bonus, counts := bonusOf(states, books, bet, now); counts {
			if refusal := wagered(&bonus, bet, result, &playing, now); refusal != nil {
				return domain.Decision{}, refusal
			}
			bonus.Into(&decision)
		}
		playing.Into(&decision)
	}
	books.Into(&decision)
	return decision, nil
}

// Rollback gives back what a bet holds. A bet that has not come yet is refused from then on.
type Rollback struct {
	By             state.Origin
	BetID, RoundID string
	Words          string // the caller's, for the record
	Wallet         Wallet // of the bet
}

// Refs implements domain.Command.
func (c Rollback) Refs() []state.Ref {
	bet := state.BetRef(c.By, c.BetID)
	return append(c.Wallet.refs(c.By, bet), bet)
}

// Decide implements domain.Command. A bet that was rolled back is the answer. It refuses with INVALID_STATE when the bet has a result or was
// made in another round, and with NOT_FOUND.
func (c Rollback) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.BetRef(c.By, c.BetID)
	bet := domain.Find[state.Bet](states, ref)
	if bet == nil {
		return c.refuseLater(ref, now), nil
	}
	switch {
	case !bet.Seen(c.By):
		return domain.Decision{}, fault.NotFoundf("bet", c.BetID)
	case bet.RoundID != c.RoundID:
		return domain.Decision{}, domain.InvalidState(bet.Status.String(), "the bet %q was made in another round", c.BetID)
	case bet.Status == state.BetRolledBack:
		return domain.Decision{Answer: ref}, nil
	case bet.Results > 0:
		return domain.Decision{}, domain.InvalidState(bet.Status.String(), "the bet %q has %s", c.BetID, results(bet.Results))
	}
	if refusal := c.Wallet.of(bet); refusal != nil {
		return domain.Decision{}, refusal
	}
	books := domain.OpenBooks(states, c.By.Tenant, now)
	if refusal := void(books, bet); refusal != nil {
		return domain.Decision{}, refusal
	}
	after := *bet
	after.Status = state.BetRolledBack
	after.Version++
	after.UpdatedAt = now
	decision := domain.Decision{Answer: ref, Changes: []domain.Change{{Before: bet, After: &after, Event: EventRolledBack, Reason: c.Words}}}
	if player := domain.Find[state.Player](states, state.PlayerRef(c.By.Tenant, bet.PlayerID)); player != nil {
		playing := domain.Play(player, now)
		playing.Count(bet.CreatedAt, func(done *state.Played) { done.WageredMinor -= bet.AmountMinor })
		playing.Into(&decision)
	}
	if bonus, counts := bonusOf(states, books, bet, now); counts && bonus.Bonus().Ended() {
		if refusal := bonus.Leave(bet.BonusMinor(), id.Derive("transfer", bet.ID)+"/bonus"); refusal != nil {
			return domain.Decision{}, refusal
		}
		bonus.Into(&decision)
	}
	books.Into(&decision)
	return decision, nil
}

func results(count int32) string {
	if count == 1 {
		return "a result"
	}
	return strconv.Itoa(int(count)) + " results"
}

// refuseLater leaves a tombstone for a bet that may come later.
func (c Rollback) refuseLater(ref state.Ref, now time.Time) domain.Decision {
	return domain.Decision{Answer: ref, Changes: []domain.Change{{Event: EventRolledBack, Reason: c.Words, After: &state.Bet{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Provider: c.By.Provider, RoundID: c.RoundID,
		Status: state.BetRolledBack, Version: 1, CreatedAt: now, UpdatedAt: now,
	}}}}
}

// CloseRound ends a round.
type CloseRound struct {
	By      state.Origin
	RoundID string
}

// Refs implements domain.Command.
func (c CloseRound) Refs() []state.Ref { return []state.Ref{state.RoundRef(c.By, c.RoundID)} }

// Decide implements domain.Command. It refuses with NOT_FOUND. Open bets stay open, and have their outcome still.
func (c CloseRound) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before := domain.Find[state.Round](states, c.Refs()[0])
	switch {
	case before == nil:
		return domain.Decision{}, fault.NotFoundf("round", c.RoundID)
	case before.Status == state.RoundClosed:
		return domain.Decision{Answer: before.Ref()}, nil
	}
	after := *before
	after.Status, after.ClosedAt = state.RoundClosed, now
	after.Version++
	return domain.Decision{
		Changes: []domain.Change{{Before: before, After: &after, Event: EventRoundClosed}}, Answer: before.Ref(),
	}, nil
}
