package flow

import (
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/state"
)

// PayFromWallet is Pay with the customer's own money here. Its customer and currency are the order's, which never change, so whoever
// submits it has read them: rows are named before anything is read. Whether the player is verified is asked after what no check of a player
// cures, and before what passes (requirement C-5).
func PayFromWallet(s Subject, pay order.Pay, payer payment.Payer) []command.Step {
	known := payer
	known.Checked = false
	return []command.Step{
		command.Do(known),
		s.step(func(v view) domain.Command {
			if pay.Illegal(v.order) != nil {
				return nil // the next step refuses
			}
			return payer
		}, payer.Refs()),
		command.Do(pay), s.startPayment(payment.Wallet),
	}
}

// FromWallet follows every event of a payment from a wallet that waits for a step (payment.Waiting): the money is moved here, so what a
// call to a gateway and its outcome would be is one group. It ends as theirs do. Account is what pays; the subject names the SKUs.
func FromWallet(s Subject, account string) []command.Step {
	return []command.Step{
		command.Do(payment.FromWallet{Name: s.payment(), Account: account, Checked: s.Checked}),
		s.step(func(v view) domain.Command {
			if !captured(v) || v.order.CancelRequested || v.payment.Provider != payment.Wallet {
				return nil
			}
			return inventory.Sell{Order: s.stock()}
		}, s.payment().Refs(), s.stock().Refs()),
		s.step(func(v view) domain.Command {
			if v.payment == nil || v.payment.Provider != payment.Wallet {
				return nil
			}
			return s.afterWallet(v)
		}, s.payment().Refs()),
		s.release(state.OrderCanceled),
		s.release(state.OrderRefunded),
		s.refundOwed(),
	}
}

// afterWallet is what follows for the order from where its payment stands; nothing when it knows.
func (s Subject) afterWallet(v view) domain.Command {
	switch p := v.payment; {
	case p.Status == state.PaymentAuthorized && !p.CancelRequested:
		return order.MarkPaid{Name: s.order()}
	case p.Status == state.PaymentDeclined && v.order.PaymentStatus == state.PaymentProcessing && !v.order.Status.Terminal():
		return order.PaymentDeclined{Name: s.order(), Reason: p.DeclineReason}
	case (p.Status == state.PaymentDeclined || p.Status == state.PaymentVoided) && v.order.Status.Terminal():
		return order.NotePayment{Name: s.order(), Status: p.Status, Reason: "PAYMENT_" + p.Status.String()}
	case captured(v) && v.order.CancelRequested:
		return order.Compensate{Name: s.order(), CapturedMinor: p.CapturedMinor}
	case captured(v):
		return order.Confirm{Name: s.order(), CapturedMinor: p.CapturedMinor}
	case p.RefundedMinor > v.order.RefundedMinor:
		return order.RefundSettled{Name: s.order(), AmountMinor: p.RefundedMinor - v.order.RefundedMinor, Succeeded: true}
	default:
		return nil
	}
}
