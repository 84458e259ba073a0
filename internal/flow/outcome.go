package flow

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/effect"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Outcome is what a gateway has said of a call.
type Outcome struct {
	Succeeded  bool
	Reason     string // of a refusal, such as "insufficient_funds"
	ExternalID string
}

// Settle is the group of a gateway's answer to a call, however it came: by callback, by the call itself, or by asking. Only
// groups that release or sell need the subject's SKUs.
func Settle(s Subject, e *state.Effect, outcome Outcome) []command.Step {
	steps := []command.Step{finish(e, outcome.ExternalID, outcome.Reason)}
	switch e.Kind {
	case payment.KindHold:
		return append(steps, s.holdSettled(e, outcome)...)
	case payment.KindCapture:
		return append(steps, s.captureSettled(e, outcome)...)
	case payment.KindVoid:
		return append(steps, s.voidSettled(outcome)...)
	case payment.KindRefund:
		return append(steps, s.refundSettled(e, outcome)...)
	default:
		return steps
	}
}

// NeedsStock tells whether the group of an outcome touches stock.
func NeedsStock(e *state.Effect, outcome Outcome) bool {
	return e.Kind == payment.KindCapture || e.Kind == payment.KindRefund || (e.Kind == payment.KindHold && !outcome.Succeeded)
}

func (s Subject) holdSettled(e *state.Effect, outcome Outcome) []command.Step {
	attempt := int32(Number(e.ID)) //nolint:gosec // attempts are few
	if !outcome.Succeeded {
		return []command.Step{
			command.Do(payment.Declined{Name: s.payment(), Attempt: attempt, Reason: outcome.Reason}),
			s.step(func(v view) domain.Command {
				if v.payment == nil || v.payment.Attempt != attempt || v.payment.Status != state.PaymentDeclined {
					return nil
				}
				if v.order.Status.Terminal() {
					return order.NotePayment{Name: s.order(), Status: state.PaymentDeclined, Reason: "PAYMENT_DECLINED"}
				}
				return order.PaymentDeclined{Name: s.order(), Reason: outcome.Reason}
			}, s.payment().Refs()),
			s.release(state.OrderCanceled),
		}
	}
	capture := payment.Capture{Name: s.payment(), Attempt: attempt}
	return []command.Step{
		command.Do(payment.Held{Name: s.payment(), Attempt: attempt, ExternalID: outcome.ExternalID}),
		s.step(func(v view) domain.Command {
			if v.payment == nil || v.payment.Attempt != attempt || v.payment.Status != state.PaymentAuthorized || v.payment.CancelRequested {
				return nil
			}
			return order.MarkPaid{Name: s.order()}
		}, s.payment().Refs()),
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderPaid) || v.payment == nil || v.payment.Attempt != attempt ||
				v.payment.Status != state.PaymentAuthorized || v.payment.CancelRequested {
				return nil
			}
			return capture
		}, capture.Refs()),
	}
}

func (s Subject) captureSettled(_ *state.Effect, outcome Outcome) []command.Step {
	if !outcome.Succeeded {
		return []command.Step{
			command.Do(payment.CaptureFailed{Name: s.payment(), Reason: outcome.Reason}),
			s.step(func(v view) domain.Command {
				if v.payment == nil || v.payment.Status != state.PaymentDeclined {
					return nil
				}
				return order.CaptureFailed{Name: s.order(), Reason: outcome.Reason}
			}, s.payment().Refs()),
			s.release(state.OrderCanceled),
		}
	}
	return []command.Step{
		s.step(func(v view) domain.Command {
			if v.payment == nil {
				return nil
			}
			return payment.Captured{Name: s.payment(), AmountMinor: v.payment.AmountMinor}
		}, s.payment().Refs()),
		s.step(func(v view) domain.Command {
			if !captured(v) || v.order.CancelRequested {
				return nil
			}
			return inventory.Sell{Order: s.stock()}
		}, s.stock().Refs()),
		s.step(func(v view) domain.Command {
			switch {
			case !captured(v):
				return nil
			case v.order.CancelRequested:
				return order.Compensate{Name: s.order(), CapturedMinor: v.payment.CapturedMinor}
			default:
				return order.Confirm{Name: s.order(), CapturedMinor: v.payment.CapturedMinor}
			}
		}),
		s.step(func(v view) domain.Command {
			if !captured(v) || v.order.RefundPendingMinor <= v.payment.RefundPendingMinor {
				return nil
			}
			return payment.Refund{Name: s.payment(), Reason: "order canceled"}
		}, s.payment().Refs()),
	}
}

// captured tells whether the order waits for nothing but the consequences of its capture.
func captured(v view) bool {
	return v.is(state.OrderPaid) && v.payment != nil && v.payment.Status == state.PaymentCaptured
}

func (s Subject) voidSettled(outcome Outcome) []command.Step {
	if !outcome.Succeeded {
		return nil
	}
	return []command.Step{
		command.Do(payment.Voided{Name: s.payment()}),
		s.step(func(v view) domain.Command {
			if !v.order.Status.Terminal() {
				return nil
			}
			return order.NotePayment{Name: s.order(), Status: state.PaymentVoided, Reason: "PAYMENT_VOIDED"}
		}),
	}
}

func (s Subject) refundSettled(e *state.Effect, outcome Outcome) []command.Step {
	number := Number(e.ID)
	return []command.Step{
		s.step(func(v view) domain.Command {
			refund, pending := payment.Pending(v.payment, number)
			if !pending {
				return nil
			}
			return order.RefundSettled{
				Name: s.order(), AmountMinor: refund.AmountMinor, Succeeded: outcome.Succeeded, Reason: outcome.Reason,
			}
		}, s.payment().Refs()),
		command.Do(payment.RefundSettled{Name: s.payment(), Number: number, Succeeded: outcome.Succeeded, Reason: outcome.Reason}),
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderRefunded) || !v.order.CancelRequested {
				return nil
			}
			return inventory.Release{Order: s.stock()}
		}, s.stock().Refs()),
	}
}

// Doubt is the group of a call whose answer was lost: it is asked about before anything else happens.
func Doubt(s Subject, e *state.Effect, after time.Duration, cause string) []command.Step {
	steps := []command.Step{command.Do(effect.Retry{Name: effect.Name{Tenant: e.Tenant, ID: e.ID}, After: after, Error: cause, Called: true})}
	if e.Kind != payment.KindHold {
		return steps
	}
	return append(steps,
		command.Do(payment.Doubt{Name: s.payment(), Reason: "OUTCOME_UNKNOWN"}),
		s.step(func(v view) domain.Command {
			if !v.is(state.OrderReserved) || v.payment == nil || v.payment.Status != state.PaymentUnknown {
				return nil
			}
			return order.NotePayment{Name: s.order(), Status: state.PaymentUnknown, Reason: "PAYMENT_UNKNOWN"}
		}, s.payment().Refs()))
}

// GiveUp is the group of a call that could not be carried out: a dead letter tells, and the order is parked.
func GiveUp(e *state.Effect, cause string) []command.Step {
	return []command.Step{
		command.Do(effect.GiveUp{Name: effect.Name{Tenant: e.Tenant, ID: e.ID}, Error: cause}),
		command.Do(deadletter.Write{Letter: state.DeadLetter{
			Tenant: e.Tenant, ID: id.DeriveStep("deadletter", e.AggregateID, e.ID), AggregateID: e.AggregateID, Kind: deadletter.KindEffect,
			Payload: []byte(e.ID), Error: cause, Attempts: e.Attempts,
		}}),
	}
}
