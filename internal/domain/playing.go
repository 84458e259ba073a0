package domain

import (
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// PlayerOf answers the player of a command, or NOT_FOUND when there is none that the caller may know of (requirement R-9).
func PlayerOf(states States, by state.Origin, playerID string) (*state.Player, *fault.Fault) {
	player := Find[state.Player](states, state.PlayerRef(by.Tenant, playerID))
	if player == nil || !player.Seen(by) {
		return nil, fault.NotFoundf("player", playerID)
	}
	return player, nil
}

// Verified refuses with KYC_REQUIRED when a player must have been checked and was not (requirement P-1).
func Verified(player *state.Player, required bool) *fault.Fault {
	if !required || player.KYC == state.KYCVerified {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "KYC_REQUIRED", "the player must be verified, and the status is %s", player.KYC).
		With("kyc_status", player.KYC.String()).Needing("KYC_STATUS", player.ID, "current status "+player.KYC.String())
}

// Playing is what a player has done and may still do at a time. Make it with Play.
type Playing struct {
	player *state.Player
	after  *state.Player // nil while nothing has changed
	now    time.Time
}

// Play looks at a player at a time.
func Play(player *state.Player, now time.Time) Playing { return Playing{player: player, now: now} }

// Into adds to a decision what has changed.
func (p *Playing) Into(decision *Decision) {
	if p.after != nil {
		decision.Changes = append(decision.Changes, Change{Before: p.player, After: p.after})
	}
}

// Blocked refuses with RG_BLOCK when the player may not play.
func (p *Playing) Blocked() *fault.Fault {
	if p.player.Flags.Block(p.now) {
		return fault.New(fault.FailedPrecondition, "RG_BLOCK", "the player is excluded or pauses").With("player_id", p.player.PlayerID())
	}
	return nil
}

// Within refuses with LIMIT_EXCEEDED when amount more, in minor units or minutes, passes a limit of a kind; the period that leaves least
// is told, and what is left of it.
func (p *Playing) Within(kind state.LimitKind, amount int64) *fault.Fault {
	limit, left, found := p.Left(kind)
	if !found || amount <= left {
		return nil
	}
	left = max(left, 0)
	words := money.Format(left, p.player.Currency)
	if kind == state.LimitSession {
		words = strconv.FormatInt(left, 10)
	}
	return LimitExceeded(kind.String(), words).With("period", limit.Period.String())
}

// LimitExceeded refuses what passes a limit, of which so much is left.
func LimitExceeded(limit, left string) *fault.Fault {
	return fault.New(fault.FailedPrecondition, "LIMIT_EXCEEDED", "the limit %q leaves %s", limit, left).With("limit", limit).With("left", left)
}

// Left answers how much a player may still do of what a kind of limits bounds, by the limit that leaves least; false when there is none.
// It is below zero when a limit was made lower than what was done.
func (p *Playing) Left(kind state.LimitKind) (least state.Limit, left int64, found bool) {
	for _, limit := range p.player.Limits {
		limit = limit.At(p.now)
		if limit.Kind != kind || limit.Max == state.NoLimit {
			continue
		}
		rest := limit.Max - used(kind, p.Done(limit.Period))
		if !found || rest < left {
			least, left, found = limit, rest, true
		}
	}
	return least, left, found
}

// used is what counts against a limit.
func used(kind state.LimitKind, done state.Played) int64 {
	switch kind {
	case state.LimitDeposit:
		return done.DepositedMinor
	case state.LimitLoss:
		return done.WageredMinor - done.WonMinor
	case state.LimitWager:
		return done.WageredMinor
	default:
		return (done.SessionSeconds + 59) / 60
	}
}

// Done answers what the player has done in the period that the time is in.
func (p *Playing) Done(period state.Period) state.Played {
	player, from := p.player, period.Begin(p.now)
	if p.after != nil {
		player = p.after
	}
	for _, done := range player.Played {
		if done.Period == period && done.From.Equal(from) {
			return done
		}
	}
	return state.Played{Period: period, From: from}
}

// Count adds what was done at a time to the periods that are not over since. Amounts below zero take back.
func (p *Playing) Count(at time.Time, add func(done *state.Played)) {
	var all []state.Played
	for _, period := range state.Periods() {
		done := p.Done(period)
		if !at.Before(done.From) {
			add(&done)
		}
		if done != (state.Played{Period: period, From: done.From}) {
			all = append(all, done)
		}
	}
	if slices.Equal(all, p.player.Played) && p.after == nil {
		return
	}
	p.next().Played = all
}

// Activate has the player's active bonus be the one of a row; empty for none.
func (p *Playing) Activate(bonus string) {
	if p.player.Bonus != bonus {
		p.next().Bonus = bonus
	}
}

// next answers a copy of the player for a change.
func (p *Playing) next() *state.Player {
	if p.after == nil {
		after := *p.player
		p.after = &after
	}
	return p.after
}
