package app

import (
	"context"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/state"
)

// expireHold answers the command of a hold's timer.
func (t *table) expireHold(ctx context.Context, timer state.Timer) (command.Command, error) {
	hold, err := t.store.Hold(ctx, timer.Tenant, timer.AggregateID)
	if err != nil {
		return command.Command{}, fmt.Errorf("read the hold %s: %w", timer.AggregateID, err)
	}
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/" + timer.Kind,
		Steps: []command.Step{command.Do(wallet.Expire{
			Held: wallet.Held{Tenant: timer.Tenant, HoldID: hold.ID, Account: hold.Account},
		})},
	}, nil
}
