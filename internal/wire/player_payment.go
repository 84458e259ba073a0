package wire

import (
	"time"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/state"
)

// PlayerPayment writes a player's payment. The player's token is not part of it.
func PlayerPayment(p *state.PlayerPayment) *providerv1.Payment {
	return &providerv1.Payment{
		PaymentId: p.ID, PlayerId: p.PlayerID, Type: providerv1.PaymentType(p.Type),
		Amount: &providerv1.Money{AmountMinor: p.AmountMinor, Currency: p.Currency},
		Status: providerv1.PaymentStatus(p.Status), Reason: p.Reason, Gateway: p.Provider, ExternalId: p.ExternalID,
		BrandId: p.Brand, Region: p.Region, ProviderId: p.CalledBy, Version: p.Version, CreatedAt: stamp(p.CreatedAt),
		UpdatedAt: stamp(p.UpdatedAt),
	}
}

func playerPaymentEvent(change domain.Change, after *state.PlayerPayment, at time.Time) []byte {
	message := &providerv1.PlayerPaymentStatusChanged{
		PaymentId: after.ID, PlayerId: after.PlayerID, NewStatus: providerv1.PaymentStatus(after.Status), Reason: change.Reason,
		Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion, Payment: PlayerPayment(after),
	}
	if before, found := change.Before.(*state.PlayerPayment); found && before != nil {
		message.PrevStatus = providerv1.PaymentStatus(before.Status)
	}
	return marshal(message)
}
