package wire

import (
	"time"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Bonus writes a bonus as its row says. Whoever shows one shows it as it is at a time (state.Bonus.At).
func Bonus(b *state.Bonus) *providerv1.Bonus {
	message := &providerv1.Bonus{
		BonusId: b.BonusID(), PlayerId: b.PlayerID, Amount: sum(b.Currency, b.AmountMinor), WageringRequired: sum(b.Currency, b.RequiredMinor),
		Wagered: sum(b.Currency, b.WageredMinor()), DefaultWeightPercent: b.DefaultWeight, Policy: providerv1.BonusPolicy(b.Policy),
		Status: providerv1.BonusStatus(b.Status), Reason: b.Reason, Converted: sum(b.Currency, b.ConvertedMinor), ExpiresAt: stamp(b.ExpiresAt),
		ActivatedAt: stamp(b.ActivatedAt), EndedAt: stamp(b.EndedAt), BrandId: b.Brand, Region: b.Region, ProviderId: b.Provider,
		Version: b.Version, CreatedAt: stamp(b.CreatedAt), UpdatedAt: stamp(b.UpdatedAt),
	}
	for _, weight := range b.Weights {
		message.GameWeights = append(message.GameWeights, &providerv1.GameWeight{GameId: weight.GameID, WeightPercent: weight.Percent})
	}
	if b.MaxBetMinor != state.NoLimit {
		message.MaxBet = sum(b.Currency, b.MaxBetMinor)
	}
	if b.MaxConversionMinor != state.NoLimit {
		message.MaxConversion = sum(b.Currency, b.MaxConversionMinor)
	}
	return message
}

func bonusEvent(change domain.Change, after *state.Bonus, at time.Time) []byte {
	return marshal(&providerv1.BonusChanged{
		BonusId: after.BonusID(), PlayerId: after.PlayerID, Bonus: Bonus(after), Reason: change.Reason, Seq: after.Version,
		OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
	})
}
