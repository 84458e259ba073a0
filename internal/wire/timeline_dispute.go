package wire

import (
	"strings"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// disputeName writes a dispute's state without the name of its enumeration.
func disputeName(s omsv1.DisputeState) string {
	return strings.TrimPrefix(s.String(), "DISPUTE_STATE_")
}

// disputeWords tells what came of a dispute.
func disputeWords(reason string, d *omsv1.PaymentDispute) string {
	sum := amount(d.GetAmount().GetAmountMinor(), d.GetAmount().GetCurrency())
	due := ""
	if d.GetDueBy() != nil {
		due = " Evidence is due by " + d.DueBy.AsTime().Format(time.RFC3339) + "."
	}
	switch reason {
	case "DISPUTE_INQUIRY":
		return "The payer's bank inquires about " + sum + "; no money moves." + due
	case "DISPUTE_INQUIRY_CLOSED":
		return "The bank's inquiry is closed; no money has moved."
	case reasonDisputeOpened:
		return "The payer disputes " + sum + ", which the gateway has withdrawn." + due
	case reasonDisputeWon:
		return "The dispute is won: " + sum + " are with the shop again."
	case reasonDisputeLost:
		return "The dispute is lost: " + sum + " stay with the payer."
	default:
		return "The gateway told more of the dispute over " + sum + "." + due
	}
}
