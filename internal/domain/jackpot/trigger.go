package jackpot

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Trigger sets aside for a winner what is in the pool.
type Trigger struct {
	By                   state.Origin
	JackpotID, TriggerID string
	PlayerID             string
	BetID, RoundID       string // of the two one at least
	Seen                 Seen
}

// Refs implements domain.Command.
func (c Trigger) Refs() []state.Ref {
	trigger := state.JackpotTriggerRef(c.By, c.JackpotID, c.TriggerID)
	refs := append(c.Seen.refs(c.By, c.JackpotID), trigger, state.HoldRef(c.By.Tenant, state.TriggerHold(trigger)),
		state.PlayerRef(c.By.Tenant, c.PlayerID))
	if c.BetID != "" {
		refs = append(refs, state.BetRef(c.By, c.BetID))
	}
	if c.RoundID != "" {
		refs = append(refs, state.RoundRef(c.By, c.RoundID))
	}
	return refs
}

// Decide implements domain.Command. A trigger that is there with the same winner, bet and round is the answer; with others it refuses with
// DUPLICATE. It refuses with NOT_FOUND, CURRENCY_MISMATCH, and with INVALID_STATE when the jackpot is closed, nothing is in the pool but what is
// owed, or the bet is another player's or was rolled back. Whether the player may play is not asked. It is two versions: the second is the reset.
func (c Trigger) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	jackpot, refusal := jackpotOf(states, c.By, c.JackpotID, c.Seen)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	ref := state.JackpotTriggerRef(c.By, c.JackpotID, c.TriggerID)
	if found := domain.Find[state.JackpotTrigger](states, ref); found != nil {
		if found.PlayerID != c.PlayerID || found.BetID != c.BetID || found.RoundID != c.RoundID {
			return domain.Decision{}, domain.Duplicate("a trigger", c.TriggerID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	if refusal := c.allowed(states, jackpot); refusal != nil {
		return domain.Decision{}, refusal
	}
	won := begin(states, jackpot, now)
	if refusal := won.collect(c.Seen.FedMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	if refusal := won.settle(); refusal != nil {
		return domain.Decision{}, refusal
	}
	trigger := &state.JackpotTrigger{
		Tenant: ref.Tenant, ID: ref.ID, Brand: jackpot.Brand, Region: jackpot.Region, Provider: jackpot.Provider, JackpotID: c.JackpotID,
		TriggerID: c.TriggerID, PlayerID: c.PlayerID, BetID: c.BetID, RoundID: c.RoundID, Currency: jackpot.Currency,
		AmountMinor: won.after.FreeMinor(), ReseedMinor: jackpot.SeedMinor, Status: state.TriggerOpen, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if trigger.AmountMinor == 0 {
		return domain.Decision{}, domain.InvalidState("empty", "nothing is in the pool of the jackpot %q", c.JackpotID)
	}
	hold := ledger.Hold{ID: trigger.HoldID(), Account: jackpot.Pool(), AmountMinor: trigger.AmountMinor}
	if _, refusal := won.books.Place(hold); refusal != nil {
		return domain.Decision{}, refusal
	}
	won.after.HeldMinor += trigger.AmountMinor
	won.tell(EventTriggered, "", trigger)
	won.next()
	if refusal := won.seed(jackpot.SeedMinor); refusal != nil {
		return domain.Decision{}, refusal
	}
	won.tell(EventReset, "", nil)
	won.decision.Changes = append(won.decision.Changes, domain.Change{After: trigger})
	return won.end(ref), nil
}

// allowed refuses a trigger that the jackpot, its winner or the cause does not allow.
func (c Trigger) allowed(states domain.States, jackpot *state.Jackpot) *fault.Fault {
	player, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return refusal
	}
	if c.RoundID != "" && domain.Find[state.Round](states, state.RoundRef(c.By, c.RoundID)) == nil {
		return fault.NotFoundf("round", c.RoundID)
	}
	var bet *state.Bet
	if c.BetID != "" {
		if bet = domain.Find[state.Bet](states, state.BetRef(c.By, c.BetID)); bet == nil || !bet.Seen(c.By) {
			return fault.NotFoundf("bet", c.BetID)
		}
	}
	switch {
	case player.Currency != jackpot.Currency:
		return fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the player's currency is %s, the jackpot's %s", player.Currency,
			jackpot.Currency)
	case jackpot.Status == state.JackpotClosed:
		return domain.InvalidState(jackpot.Status.String(), "the jackpot %q is closed", c.JackpotID)
	case bet == nil:
		return nil
	case bet.Status == state.BetRolledBack:
		return domain.InvalidState(bet.Status.String(), "the bet %q was rolled back", c.BetID)
	case bet.PlayerID != c.PlayerID:
		return domain.InvalidState(bet.Status.String(), "the bet %q is another player's", c.BetID)
	case c.RoundID != "" && bet.RoundID != c.RoundID:
		return domain.InvalidState(bet.Status.String(), "the bet %q was made in another round", c.BetID)
	}
	return nil
}

// Claim names a trigger, for what becomes of it.
type Claim struct {
	By                   state.Origin
	JackpotID, TriggerID string
	PlayerID             string // who has won, which never changes; empty when there was no such trigger
	Seen                 Seen
}

// Refs implements domain.Command.
func (c Claim) Refs() []state.Ref {
	ref := state.JackpotTriggerRef(c.By, c.JackpotID, c.TriggerID)
	refs := append(c.Seen.refs(c.By, c.JackpotID), ref, state.HoldRef(c.By.Tenant, state.TriggerHold(ref)))
	if c.PlayerID == "" {
		return refs
	}
	return append(append(refs, domain.AccountRefs(c.By.Tenant, c.winner())...), state.PlayerRef(c.By.Tenant, c.PlayerID))
}

// winner is the account that is credited.
func (c Claim) winner() string { return ledger.ID(c.PlayerID, ledger.PlayerCash, c.Seen.Currency) }

// find answers the jackpot and the trigger, or NOT_FOUND.
func (c Claim) find(states domain.States) (*state.Jackpot, *state.JackpotTrigger, *fault.Fault) {
	jackpot, refusal := jackpotOf(states, c.By, c.JackpotID, c.Seen)
	if refusal != nil {
		return nil, nil, refusal
	}
	trigger := domain.Find[state.JackpotTrigger](states, state.JackpotTriggerRef(c.By, c.JackpotID, c.TriggerID))
	switch {
	case trigger == nil:
		return nil, nil, fault.NotFoundf("trigger", c.TriggerID)
	case trigger.PlayerID != c.PlayerID:
		return nil, nil, domain.StalePlayer()
	}
	return jackpot, trigger, nil
}

// finish ends the version under way, and the trigger with it.
func (c *change) finish(trigger *state.JackpotTrigger, status state.JackpotTriggerStatus, words, event string) domain.Decision {
	after := *trigger
	after.Status, after.Words, after.UpdatedAt = status, words, c.now
	after.Version++
	c.tell(event, words, &after)
	c.decision.Changes = append(c.decision.Changes, domain.Change{Before: trigger, After: &after})
	return c.end(after.Ref())
}

// Pay credits the winner with what was set aside.
type Pay struct{ Claim }

// Decide implements domain.Command. A trigger that is paid is the answer. It refuses with NOT_FOUND, and with INVALID_STATE when the trigger
// was given up. Neither a closed jackpot nor what protects the player keeps it from being paid: it was won before.
func (c Pay) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	jackpot, trigger, refusal := c.find(states)
	switch {
	case refusal != nil:
		return domain.Decision{}, refusal
	case trigger.Status == state.TriggerPaid:
		return domain.Decision{Answer: trigger.Ref()}, nil
	case trigger.Status != state.TriggerOpen:
		return domain.Decision{}, domain.InvalidState(trigger.Status.String(), "the trigger %q is %s", c.TriggerID, trigger.Status)
	}
	paid := begin(states, jackpot, now)
	capture := ledger.Capture{
		Transfer: ledger.Transfer{ID: id.Derive("transfer", trigger.ID) + "/payout", Kind: TransferPayout}, HoldID: trigger.HoldID(),
		To: c.winner(),
	}
	if _, refusal := paid.books.Capture(capture); refusal != nil {
		return domain.Decision{}, refusal
	}
	paid.after.HeldMinor -= trigger.AmountMinor
	paid.after.PaidMinor += trigger.AmountMinor
	if player := domain.Find[state.Player](states, state.PlayerRef(c.By.Tenant, c.PlayerID)); player != nil {
		playing := domain.Play(player, now)
		playing.Count(now, func(done *state.Played) { done.WonMinor += trigger.AmountMinor })
		playing.Into(&paid.decision)
	}
	return paid.finish(trigger, state.TriggerPaid, "", EventPaid), nil
}

// Void gives a trigger up.
type Void struct {
	Claim
	Words string // the caller's, for the record
}

// Decide implements domain.Command. A trigger that was given up is the answer. It refuses with NOT_FOUND, and with INVALID_STATE when the
// trigger is paid. The pool is then as if it had not been triggered, whatever was voided or paid before: what was set aside is back, and the seed
// that took its place goes back to the house. Where a later trigger has set that seed aside it is owed, and what comes in next goes to the
// house. That of a closed jackpot goes to the house as a whole.
func (c Void) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	jackpot, trigger, refusal := c.find(states)
	switch {
	case refusal != nil:
		return domain.Decision{}, refusal
	case trigger.Status == state.TriggerVoided:
		return domain.Decision{Answer: trigger.Ref()}, nil
	case trigger.Status != state.TriggerOpen:
		return domain.Decision{}, domain.InvalidState(trigger.Status.String(), "the trigger %q is %s", c.TriggerID, trigger.Status)
	}
	voided := begin(states, jackpot, now)
	if _, refusal := voided.books.Void(trigger.HoldID()); refusal != nil {
		return domain.Decision{}, refusal
	}
	voided.after.HeldMinor -= trigger.AmountMinor
	voided.after.OwedMinor += trigger.ReseedMinor
	returns := voided.settle
	if jackpot.Status == state.JackpotClosed {
		returns = voided.giveAllBack
	}
	if refusal := returns(); refusal != nil {
		return domain.Decision{}, refusal
	}
	return voided.finish(trigger, state.TriggerVoided, c.Words, EventVoided), nil
}
