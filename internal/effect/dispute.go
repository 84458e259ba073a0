package effect

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Dispute takes what a gateway says of a dispute. It is not about an effect, so there is nobody who would ask should this process die:
// nil says that it is stored, or that coming again would not help; the log tells of the latter.
func (w *Workers) Dispute(ctx context.Context, d gateway.Dispute) error {
	if err := w.settling.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("effect: dispute: %w", err)
	}
	defer w.settling.Release(1)
	if err := w.hard.Err(); err != nil {
		return fmt.Errorf("effect: the workers have stopped: %w", err)
	}
	d.ID, d.Reason, d.ExternalID = clean(d.ID), clean(d.Reason), clean(d.ExternalID)
	log := w.o.Logger.With("provider", d.Provider, "dispute", d.ID, "external_id", d.ExternalID)
	if err := w.locate(ctx, &d); err != nil {
		return err
	}
	if d.OrderID == "" || d.Tenant == "" {
		log.Warn("a gateway tells of a dispute of a payment that is none of ours")
		return nil
	}
	names, err := w.o.Names(ctx, d.Tenant, d.OrderID)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("effect: dispute: %w", err)
	}
	refused := w.o.Submit(ctx, command.Command{
		Tenant: d.Tenant, Principal: "gateway:" + d.Provider, Method: "flow/dispute", Steps: w.o.Flow.Dispute(d, names),
	}).Fault
	switch {
	case refused == nil:
		return nil
	case refused.Code == fault.NotFound, refused.Code == fault.FailedPrecondition, refused.Code == fault.InvalidArgument:
		log.Error("a gateway tells of a dispute that cannot be stored", "tenant", d.Tenant, "order", d.OrderID, "cause", refused)
		return nil
	default:
		return refused
	}
}

// locate asks the gateway whose payment a dispute is about, where it did not say so.
func (w *Workers) locate(ctx context.Context, d *gateway.Dispute) (err error) {
	locator, can := w.desk(d.Provider).gateway.(gateway.Locator)
	if d.OrderID != "" || !can {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	if d.Tenant, d.OrderID, err = locator.Locate(ctx, d.ExternalID); err != nil {
		return fmt.Errorf("effect: whose payment is disputed: %w", err)
	}
	return nil
}
