package wire

import (
	"time"

	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Jackpot writes a jackpot; uncollected is what bets have given to it that is not in its pool yet, in minor units.
func Jackpot(j *state.Jackpot, uncollected int64) *providerv1.Jackpot {
	net := j.FreeMinor() + uncollected - j.OwedMinor
	message := &providerv1.Jackpot{
		JackpotId: j.JackpotID(), Name: j.Name, Currency: j.Currency, Seed: sum(j.Currency, j.SeedMinor),
		ContributionPpm: int32(j.RatePPM), //nolint:gosec // a million at most
		GameIds:         j.Games, Status: providerv1.JackpotStatus(j.Status), Amount: sum(j.Currency, max(net, 0)),
		Held: sum(j.Currency, j.HeldMinor), Paid: sum(j.Currency, j.PaidMinor), BrandId: j.Brand, Region: j.Region, ProviderId: j.Provider,
		Version: j.Version, CreatedAt: stamp(j.CreatedAt), UpdatedAt: stamp(j.UpdatedAt),
	}
	if j.MaxMinor != state.NoLimit {
		message.MaxContribution = sum(j.Currency, j.MaxMinor)
	}
	if net < 0 {
		message.Owed = sum(j.Currency, -net)
	}
	return message
}

// JackpotTrigger writes a trigger.
func JackpotTrigger(t *state.JackpotTrigger) *providerv1.JackpotTrigger {
	return &providerv1.JackpotTrigger{
		JackpotId: t.JackpotID, TriggerId: t.TriggerID, PlayerId: t.PlayerID, BetId: t.BetID, RoundId: t.RoundID,
		Amount: sum(t.Currency, t.AmountMinor), Status: providerv1.JackpotTriggerStatus(t.Status), HoldId: t.HoldID(), Reason: t.Words,
		BrandId: t.Brand, Region: t.Region, ProviderId: t.Provider, Version: t.Version, CreatedAt: stamp(t.CreatedAt),
		UpdatedAt: stamp(t.UpdatedAt),
	}
}

func jackpotEvent(change domain.Change, after *state.Jackpot, at time.Time) proto.Message {
	message := &providerv1.JackpotChanged{
		JackpotId: after.JackpotID(), Reason: change.Reason, Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
		Jackpot: Jackpot(after, 0),
	}
	if trigger, found := change.Beside.(*state.JackpotTrigger); found {
		message.Trigger, message.PlayerId = JackpotTrigger(trigger), trigger.PlayerID
	}
	return message
}
