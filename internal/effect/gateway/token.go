package gateway

import (
	"slices"
	"strings"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Tokens of the simulator. Each is a payer's means that behaves in its own way; the behaviour is that of the hold, and of the
// payment's later calls where that is said.
const (
	TokenOK        = "sim:ok"        // held
	TokenDeclined  = "sim:declined"  // declined, insufficient_funds
	TokenTimeout   = "sim:timeout"   // done, but the answer is lost and no callback comes; later calls too
	TokenUnknown   = "sim:unknown"   // the answer is lost, nothing was done; the next call succeeds
	TokenLate      = "sim:late"      // held, but the callback takes long
	TokenDuplicate = "sim:duplicate" // held, and every callback comes twice; later calls too

	TokenRefused       = "sim:refused"        // declined, do_not_honor
	TokenBusy          = "sim:busy"           // turned away before anything is done (HTTP 429); the next call succeeds; later calls too
	TokenBroken        = "sim:broken"         // fails before anything is done (HTTP 500); the next call succeeds; later calls too
	TokenStall         = "sim:stall"          // never answers, nothing was done; the next call succeeds; later calls too
	TokenEarly         = "sim:early"          // the callback overtakes the answer, and comes again behind later ones; later calls too
	TokenWrongAmount   = "sim:wrong_amount"   // held, but told as another amount
	TokenWrongCurrency = "sim:wrong_currency" // held, but told as another currency
	TokenShortHold     = "sim:short_hold"     // held, and gone by itself as soon as it is told, or after ShortHold

	TokenDispute        = "sim:dispute"           // captured, then disputed, and the dispute is lost
	TokenDisputeWon     = "sim:dispute_won"       //nolint:gosec // as above: captured, then disputed, and the dispute is won
	TokenRefundReturned = "sim:refund_fails_late" // the first refund succeeds and comes back later
)

// tokens lists them; a token's place is its code in the book, and the empty token is TokenOK.
var tokens = []string{TokenOK, TokenDeclined, TokenTimeout, TokenUnknown, TokenLate, TokenDuplicate, TokenRefused,
	TokenBusy, TokenBroken, TokenStall, TokenEarly, TokenWrongAmount, TokenWrongCurrency, TokenShortHold,
	TokenDispute, TokenDisputeWon, TokenRefundReturned}

// Tokens lists the tokens that the simulator knows.
func Tokens() []string { return slices.Clone(tokens) }

// ValidToken refuses what the simulator would not know. Dev takes an empty token as TokenOK. The refusal never repeats the
// token: by mistake it may be a card number (requirement S-5).
func ValidToken(token string, dev bool) *fault.Fault {
	const field, reason = "payment_token", "PAYMENT_TOKEN_INVALID"
	valid := strings.Join(tokens, ", ")
	switch {
	case slices.Contains(tokens, token) || token == "" && dev:
		return nil
	case token == "":
		return fault.Invalid(field, reason, "is required; the gateway simulator takes one of %s", valid).With("valid", valid)
	default:
		return fault.Invalid(field, reason, "is not known; the gateway simulator takes one of %s", valid).With("valid", valid)
	}
}
