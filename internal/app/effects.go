package app

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// effectFlow connects the workers that call to the flow that knows what follows.
func effectFlow(n flow.Notices) effect.Flow {
	subject := func(e *state.Effect, names []string) flow.Subject {
		return flow.Subject{Tenant: e.Tenant, OrderID: e.OrderID, Names: names}
	}
	return effect.Flow{
		Claim: n.Claim,
		Retry: flow.Retry,
		Note:  flow.Note,
		Doubt: func(e *state.Effect, after time.Duration, did state.EffectAttempt) []command.Step {
			return flow.Doubt(subject(e, nil), e, after, did)
		},
		GiveUp:     flow.GiveUp,
		NeedsNames: func(e *state.Effect, outcome effect.Outcome) bool { return flow.NeedsNames(e, flow.Outcome(outcome)) },
		Settle: func(e *state.Effect, names []string, outcome effect.Outcome) []command.Step {
			return flow.Settle(subject(e, names), e, flow.Outcome(outcome))
		},
		Dispute: func(d gateway.Dispute, names []string) []command.Step {
			return flow.Disputed(flow.Subject{Tenant: d.Tenant, OrderID: d.OrderID, Names: names}, flow.Dispute{
				Provider: d.Provider, ExternalID: d.ID, Hold: d.ExternalID, State: d.State, Currency: d.Currency, AmountMinor: d.AmountMinor,
				FeeMinor: d.FeeMinor, FeeTold: d.FeeTold, Reason: d.Reason, DueBy: d.DueBy, AsOf: d.AsOf,
			})
		},
	}
}
