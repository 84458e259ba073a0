package stripe

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Gateway finds payments by their PaymentIntents.
var _ gateway.Locator = (*Gateway)(nil)

// Locate implements gateway.Locator: a dispute names its PaymentIntent, and that has our names in its metadata.
func (g *Gateway) Locate(ctx context.Context, externalID string) (tenant, orderID string, err error) {
	if externalID == "" { // a charge without a PaymentIntent is none of ours
		return "", "", nil
	}
	intent, err := g.client.V1PaymentIntents.Retrieve(ctx, externalID, &sdk.PaymentIntentRetrieveParams{})
	if err != nil {
		_, err = asked(err)
		return "", "", err
	}
	return intent.Metadata[metaTenant], intent.Metadata[metaOrder], nil
}

// disputeOutcome reads a dispute. Each of its events holds all of it, as it was when the event was made.
func disputeOutcome(event sdk.Event) (gateway.Outcome, bool, error) {
	dispute := &sdk.Dispute{}
	if err := json.Unmarshal(event.Data.Raw, dispute); err != nil || dispute.ID == "" || event.Created == 0 {
		return gateway.Outcome{}, false, unreadable(event)
	}
	told := gateway.Dispute{
		ID: dispute.ID, State: disputeState(dispute.Status), Reason: string(dispute.Reason), AsOf: time.Unix(event.Created, 0).UTC(),
	}
	if told.State == state.DisputeNone {
		return gateway.Outcome{}, false, unreadable(event)
	}
	told.Currency, told.AmountMinor = fromStripe(string(dispute.Currency), dispute.Amount)
	if dispute.PaymentIntent != nil {
		told.ExternalID = dispute.PaymentIntent.ID
	}
	if due := dispute.EvidenceDetails; due != nil && due.DueBy > 0 {
		told.DueBy = time.Unix(due.DueBy, 0).UTC()
	}
	moved(&told, dispute)
	return gateway.Outcome{Dispute: &told}, true, nil
}

// moved takes over what Stripe says that it has moved, where it moved it in the currency of the dispute: of a payment that was refunded in
// part it gives a part back before the dispute is decided. What it withdrew in another currency is not known to the books.
func moved(told *gateway.Dispute, dispute *sdk.Dispute) {
	withdrawn, fees := int64(0), int64(0)
	for _, move := range dispute.BalanceTransactions {
		if !strings.EqualFold(string(move.Currency), string(dispute.Currency)) {
			return
		}
		withdrawn -= move.Amount
		fees += move.Fee
	}
	if len(dispute.BalanceTransactions) == 0 {
		return
	}
	_, told.FeeMinor = fromStripe(string(dispute.Currency), fees)
	told.FeeTold = true
	if _, minor := fromStripe(string(dispute.Currency), withdrawn); minor > 0 && told.State.Withdrawn() {
		told.AmountMinor = minor
	}
}

// disputeState reads a status. One that was prevented never became a dispute.
func disputeState(status sdk.DisputeStatus) state.DisputeState {
	switch status {
	case sdk.DisputeStatusWarningNeedsResponse, sdk.DisputeStatusWarningUnderReview:
		return state.DisputeInquiry
	case sdk.DisputeStatusWarningClosed, sdk.DisputeStatusPrevented:
		return state.DisputeInquiryClosed
	case sdk.DisputeStatusNeedsResponse, sdk.DisputeStatusUnderReview:
		return state.DisputeOpen
	case sdk.DisputeStatusWon:
		return state.DisputeWon
	case sdk.DisputeStatusLost:
		return state.DisputeLost
	default:
		return state.DisputeNone
	}
}
