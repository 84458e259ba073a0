package domain

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// TimerBonusExpire is the kind of the timer that ends a bonus.
const TimerBonusExpire = "bonus.expire"

// The kinds of the transfers of bonuses.
const (
	TransferBonusActivated = "bonus.activated" // the house to a player's bonus money
	TransferBonusConverted = "bonus.converted" // bonus money to the player's own
	TransferBonusTaken     = "bonus.taken"     // bonus money to the house
)

// BonusMoney is a bonus and the books that its money stands in, as one decision changes them.
type BonusMoney struct {
	books  Books
	before *state.Bonus
	after  *state.Bonus // nil while nothing has changed
	event  string       // of the change; empty while the status has not changed
	reason string
	now    time.Time
}

// OpenBonus opens a bonus for a decision that has opened the books.
func OpenBonus(books Books, bonus *state.Bonus, now time.Time) BonusMoney {
	return BonusMoney{books: books, before: bonus, now: now}
}

// Bonus is the bonus as it stands.
func (m *BonusMoney) Bonus() *state.Bonus {
	if m.after != nil {
		return m.after
	}
	return m.before
}

// next answers a copy of the bonus for a change.
func (m *BonusMoney) next() *state.Bonus {
	if m.after == nil {
		after := *m.before
		m.after = &after
	}
	m.after.UpdatedAt = m.now
	return m.after
}

// account is the id of the account of bonus money.
func (m *BonusMoney) account() string {
	return ledger.ID(m.before.PlayerID, ledger.PlayerBonus, m.before.Currency)
}

// Activate puts the amount into the player's wallet.
func (m *BonusMoney) Activate(event string) *fault.Fault {
	house := ledger.ID("", ledger.House, m.before.Currency)
	transfer := ledger.Transfer{ID: m.transfer("/activated"), Kind: TransferBonusActivated, Currency: m.before.Currency}
	if refusal := m.books.Move(transfer, house, m.account(), m.before.AmountMinor); refusal != nil {
		return refusal
	}
	after := m.next()
	after.Status, after.ActivatedAt, m.event = state.BonusActive, m.now, event
	after.Version++
	return nil
}

// transfer names a transfer of the bonus: "transfer:<bonus_id>/<step>".
func (m *BonusMoney) transfer(step string) string {
	return "transfer" + m.before.ID[len("bonus"):] + step
}

// Count adds to what was wagered, in hundredths of minor units, and tells whether it is enough.
func (m *BonusMoney) Count(hundredths int64) (complete bool) {
	after := m.next()
	after.Progress = min(after.Progress+hundredths, after.Required())
	return after.Progress == after.Required()
}

// End ends the bonus in a status, with an event and words. Of an active one, what is available of bonus money goes to whom the status gives
// it; what open bets hold of it follows when they end (Leave).
func (m *BonusMoney) End(status state.BonusStatus, event, words string) *fault.Fault {
	active := m.Bonus().Status == state.BonusActive
	after := m.next()
	after.Status, after.Reason, after.EndedAt, m.event, m.reason = status, words, m.now, event, words
	after.Version++
	if !active {
		return nil
	}
	account := m.books.Account(m.account())
	return m.Leave(account.AvailableMinor(), m.transfer(""))
}

// Leave gives an amount that an ended bonus has on the account of bonus money to whom it belongs: to the player, as far as the bonus
// converts, and to the house. Name begins the names of the transfers.
func (m *BonusMoney) Leave(amount int64, name string) *fault.Fault {
	bonus, own := m.Bonus(), int64(0)
	if bonus.Status == state.BonusConverted {
		own = amount
		if bonus.MaxConversionMinor != state.NoLimit {
			own = min(own, bonus.MaxConversionMinor-bonus.ConvertedMinor)
		}
	}
	for _, part := range []struct {
		kind, step, to string
		amount         int64
	}{
		{TransferBonusConverted, "/converted", ledger.ID(bonus.PlayerID, ledger.PlayerCash, bonus.Currency), own},
		{TransferBonusTaken, "/taken", ledger.ID("", ledger.House, bonus.Currency), amount - own},
	} {
		if part.amount == 0 {
			continue
		}
		transfer := ledger.Transfer{ID: name + part.step, Kind: part.kind, Currency: bonus.Currency}
		if refusal := m.books.Move(transfer, m.account(), part.to, part.amount); refusal != nil {
			return refusal
		}
	}
	if own > 0 {
		m.next().ConvertedMinor += own
	}
	return nil
}

// Into adds to a decision what has become of the bonus, and of its timer. The books are added by whoever has opened them.
func (m *BonusMoney) Into(decision *Decision) {
	if m.after == nil {
		return
	}
	decision.Changes = append(decision.Changes, Change{Before: m.before, After: m.after, Event: m.event, Reason: m.reason})
	if m.after.Ended() && !m.before.Ended() {
		decision.Timers = append(decision.Timers, TimerChange{state.Timer{TimerKey: BonusTimer(m.after)}})
	}
}

// BonusTimer names the timer of a bonus.
func BonusTimer(bonus *state.Bonus) state.TimerKey {
	return state.TimerKey{Tenant: bonus.Tenant, Kind: TimerBonusExpire, AggregateID: bonus.ID}
}
