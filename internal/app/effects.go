package app

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	domaineffect "github.com/seed-255eabaa/oms/internal/domain/effect"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
)

// effectFlow connects the workers that call to the flow that knows what follows.
func effectFlow() effect.Flow {
	name := func(e *state.Effect) domaineffect.Name { return domaineffect.Name{Tenant: e.Tenant, ID: e.ID} }
	subject := func(e *state.Effect, skus []string) flow.Subject {
		return flow.Subject{Tenant: e.Tenant, OrderID: e.OrderID, SKUs: skus}
	}
	return effect.Flow{
		Claim: func(e *state.Effect, owner string, lease time.Duration) []command.Step {
			return []command.Step{command.Do(domaineffect.Claim{Name: name(e), Owner: owner, Lease: lease})}
		},
		Retry: func(e *state.Effect, after time.Duration, cause string, called bool) []command.Step {
			return []command.Step{command.Do(domaineffect.Retry{Name: name(e), After: after, Error: cause, Called: called})}
		},
		Doubt: func(e *state.Effect, after time.Duration, cause string) []command.Step {
			return flow.Doubt(subject(e, nil), e, after, cause)
		},
		GiveUp:     flow.GiveUp,
		NeedsStock: func(e *state.Effect, outcome effect.Outcome) bool { return flow.NeedsStock(e, flow.Outcome(outcome)) },
		Settle: func(e *state.Effect, skus []string, outcome effect.Outcome) []command.Step {
			return flow.Settle(subject(e, skus), e, flow.Outcome(outcome))
		},
	}
}
