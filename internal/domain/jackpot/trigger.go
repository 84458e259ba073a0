package jackpot

import (
	"slices"
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
	Cause                Cause
}

// Cause is what was known, after the jackpot was seen, of what a trigger rests on.
type Cause struct {
	BetID    string // the bet that was named, or one of the player in the round that was; empty when there was none
	RoundID  string // the bet's
	Standing string // a trigger of the jackpot that rests on the same and was not given up; empty when there was none
}

// Refs implements domain.Command.
func (c Trigger) Refs() []state.Ref {
	trigger := state.JackpotTriggerRef(c.By, c.JackpotID, c.TriggerID)
	refs := append(c.Seen.refs(c.By, c.JackpotID), trigger, state.HoldRef(c.By.Tenant, state.TriggerHold(trigger)),
		state.PlayerRef(c.By.Tenant, c.PlayerID))
	if betID := c.betID(); betID != "" {
		refs = append(refs, state.BetRef(c.By, betID))
	}
	if c.RoundID != "" {
		refs = append(refs, state.RoundRef(c.By, c.RoundID))
	}
	return refs
}

// betID names the bet that the trigger rests on; empty when there is none.
func (c Trigger) betID() string {
	if c.BetID != "" {
		return c.BetID
	}
	return c.Cause.BetID
}

// Decide implements domain.Command. A trigger that is there with the same winner, bet and round is the answer; with others it refuses with
// DUPLICATE, and so it does when another trigger rests on the same. It refuses with NOT_FOUND, CURRENCY_MISMATCH, and with INVALID_STATE when
// the jackpot is closed, nothing is in the pool but what is owed, the bet is another player's, of another game or round or was rolled back, or
// the player has none in the round. Whether the player may play is not asked. It is two versions: the second is the reset.
func (c Trigger) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	jackpot, refusal := jackpotOf(states, c.By, c.JackpotID, c.Seen)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	ref := state.JackpotTriggerRef(c.By, c.JackpotID, c.TriggerID)
	if found := domain.Find[state.JackpotTrigger](states, ref); found != nil {
		if found.PlayerID != c.PlayerID || found.BetID != c.BetID || c.RoundID != "" && found.RoundID != c.RoundID {
			return domain.Decision{}, domain.Duplicate("a trigger", c.TriggerID)
		}
		return domain.Decision{Answer: ref}, nil
	}
	bet, refusal := c.allowed(states, jackpot)
	if refusal != nil {
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
		TriggerID: c.TriggerID, PlayerID: c.PlayerID, BetID: c.BetID, RoundID: bet.RoundID, Currency: jackpot.Currency,
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

// allowed answers the bet that the trigger rests on, or refuses one that the jackpot, its winner or the cause does not allow. As long as the
// jackpot has the version that was seen, it has no other triggers than were looked through for one that rests on the same.
func (c Trigger) allowed(states domain.States, jackpot *state.Jackpot) (*state.Bet, *fault.Fault) {
	player, refusal := domain.PlayerOf(states, c.By, c.PlayerID)
	if refusal != nil {
		return nil, refusal
	}
	switch {
	case c.RoundID != "" && domain.Find[state.Round](states, state.RoundRef(c.By, c.RoundID)) == nil:
		return nil, fault.NotFoundf("round", c.RoundID)
	case player.Currency != jackpot.Currency:
		return nil, fault.New(fault.InvalidArgument, "CURRENCY_MISMATCH", "the player's currency is %s, the jackpot's %s", player.Currency,
			jackpot.Currency)
	case jackpot.Status == state.JackpotClosed:
		return nil, domain.InvalidState(jackpot.Status.String(), "the jackpot %q is closed", c.JackpotID)
	case jackpot.Version != c.Seen.Version:
		return nil, domain.StalePlayer()
	}
	bet, refusal := c.restsOn(states, jackpot)
	switch {
	case refusal != nil:
		return nil, refusal
	case bet.RoundID != c.Cause.RoundID: // the bet came after it was looked for
		return nil, domain.StalePlayer()
	case c.Cause.Standing != "":
		return nil, fault.New(fault.AlreadyExists, "DUPLICATE", "the trigger %q of the jackpot %q rests on the same", c.Cause.Standing,
			c.JackpotID).With("id", c.Cause.Standing)
	}
	return bet, nil
}

// restsOn answers a bet of the winner that counts for the jackpot and is the one that was named, or in the round that was.
func (c Trigger) restsOn(states domain.States, jackpot *state.Jackpot) (*state.Bet, *fault.Fault) {
	betID := c.betID()
	if betID == "" {
		return nil, domain.InvalidState("no_bet", "the player %q has no bet in the round %q that counts", c.PlayerID, c.RoundID)
	}
	bet := domain.Find[state.Bet](states, state.BetRef(c.By, betID))
	if bet == nil || !bet.Seen(c.By) {
		return nil, fault.NotFoundf("bet", betID)
	}
	status := bet.Status.String()
	switch {
	case bet.Status == state.BetRolledBack && c.BetID == "": // since it was looked for; there may be another one
		return nil, domain.StalePlayer()
	case bet.Status == state.BetRolledBack:
		return nil, domain.InvalidState(status, "the bet %q was rolled back", betID)
	case bet.PlayerID != c.PlayerID:
		return nil, domain.InvalidState(status, "the bet %q is another player's", betID)
	case c.RoundID != "" && bet.RoundID != c.RoundID:
		return nil, domain.InvalidState(status, "the bet %q was made in another round", betID)
	case !slices.Contains(jackpot.Games, bet.GameID):
		return nil, domain.InvalidState(status, "the bet %q is on the game %q, which the jackpot %q does not have", betID, bet.GameID, c.JackpotID)
	}
	return bet, nil
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
