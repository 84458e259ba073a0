package payment

import (
	"strconv"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Wallet is the payment token of a customer who pays with the money that a player has here (requirement P-3, docs/decisions/0021), and
// stands in the place of a gateway's name in such a payment. Its ExternalID is the account that pays.
const Wallet = "wallet"

// Reasons of declines of a wallet.
const (
	reasonInsufficient = "insufficient_funds" // as gateways say it
	reasonOrderEnded   = "order_ended"        // before anything was set aside
	reasonUnverified   = "kyc_required"       // the player is not verified, or not any more
)

// walletOf is the account that a customer pays from.
func walletOf(customerID, currency string) string {
	return ledger.ID(customerID, ledger.PlayerCash, currency)
}

// Payer refuses an order's payment from a wallet when the order's customer has none of its currency: PLAYER_UNKNOWN, CURRENCY_MISMATCH.
// Neither customer nor currency of an order ever changes, nor the currency of a player, so what is asked about stays so. Brand and region
// of a player are not looked at, since an order has none; and being excluded from playing keeps nobody from buying.
type Payer struct {
	Tenant, CustomerID, Currency string
	Checked                      bool // the player must be verified, else KYC_REQUIRED; FromWallet looks again
}

// Refs implements domain.Command.
func (c Payer) Refs() []state.Ref { return []state.Ref{state.PlayerRef(c.Tenant, c.CustomerID)} }

// Decide implements domain.Command.
func (c Payer) Decide(states domain.States, _ time.Time) (domain.Decision, *fault.Fault) {
	switch player := domain.Find[state.Player](states, c.Refs()[0]); {
	case player == nil:
		return domain.Decision{}, fault.Invalid("payment_token", "PLAYER_UNKNOWN",
			"is %q, and there is no player with the id of the order's customer_id, %q", Wallet, c.CustomerID).With("customer_id", c.CustomerID)
	case player.Currency != c.Currency:
		return domain.Decision{}, fault.Invalid("payment_token", "CURRENCY_MISMATCH",
			"is %q, and the player's currency is %s, the order's %s", Wallet, player.Currency, c.Currency).With("currency", player.Currency)
	default:
		return domain.Decision{}, domain.Verified(player, c.Checked)
	}
}

// FromWallet carries a payment from a wallet on by the one step that it waits for, where a gateway would be called: it sets the money
// aside or declines, takes it, gives it free, or gives the oldest refund that is asked for back. The step and its booking are one
// decision, so it is done once or not at all. Of a payment that waits for nothing, or is made at a gateway, it changes nothing.
type FromWallet struct {
	Name
	Account string // that pays, as the payment's events tell it
	Checked bool   // money is set aside only of a player who is verified
}

// holdRef is what is set aside.
func (c FromWallet) holdRef() state.Ref { return state.HoldRef(c.Tenant, id.Derive("hold", c.OrderID)) }

// playerRef is whose the account is.
func (c FromWallet) playerRef() state.Ref {
	account, _ := ledger.Parse(c.Account)
	return state.PlayerRef(c.Tenant, account.Owner)
}

// Refs implements domain.Command. The player is named only where it is looked at.
func (c FromWallet) Refs() []state.Ref {
	refs := append(c.Name.Refs(), append(domain.AccountRefs(c.Tenant, c.Account), c.holdRef())...)
	if c.Checked {
		refs = append(refs, c.playerRef())
	}
	return refs
}

// unverified tells whether the player must be verified and is not.
func (c FromWallet) unverified(states domain.States) bool {
	if !c.Checked {
		return false
	}
	player := domain.Find[state.Player](states, c.playerRef())
	return player == nil || domain.Verified(player, true) != nil
}

// Decide implements domain.Command. It refuses with AMOUNT_OVERFLOW when the player's balance has no room for a refund.
func (c FromWallet) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	p := domain.Find[state.Payment](states, c.Ref())
	if p == nil || p.Provider != Wallet || p.ExternalID != c.Account {
		return domain.Decision{}, nil
	}
	books := domain.OpenBooks(states, c.Tenant, now)
	decision, refusal := c.step(states, p, books, now)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	books.Into(&decision)
	return decision, nil
}

// step changes the payment and what the books have of it.
func (c FromWallet) step(states domain.States, p *state.Payment, books domain.Books, now time.Time) (domain.Decision, *fault.Fault) {
	transfer := ledger.Transfer{OrderID: p.OrderID, Currency: p.Currency}
	revenue := ledger.ID("", ledger.OrderRevenue, p.Currency)
	switch wait := Waiting(p); wait.Kind {
	case KindHold:
		return c.hold(states, p, books, now)
	case KindCapture:
		transfer.ID, transfer.Kind = id.Derive("transfer", p.ID)+"/capture", transferCapture
		_, refusal := books.Capture(ledger.Capture{Transfer: transfer, HoldID: c.holdRef().ID, To: revenue})
		return became(p, taken(p, now, wait.AmountMinor), ""), refusal
	case KindVoid:
		if _, refusal := books.Void(c.holdRef().ID); refusal != nil {
			return domain.Decision{}, refusal
		}
		return Voided{c.Name}.Decide(states, now)
	case KindRefund:
		transfer.ID, transfer.Kind = id.Derive("transfer", p.ID)+"/"+wait.Step, transferRefund
		number, _ := strconv.Atoi(strings.TrimPrefix(wait.Step, "refund/")) // as Waiting wrote it
		return became(p, givenBack(p, now, number), ""), books.Move(transfer, revenue, c.Account, wait.AmountMinor)
	default:
		return domain.Decision{}, nil
	}
}

// hold sets the amount aside, unless the order has ended meanwhile, the player is not verified (any more), or there is less.
func (c FromWallet) hold(states domain.States, p *state.Payment, books domain.Books, now time.Time) (domain.Decision, *fault.Fault) {
	declined := Declined{Name: c.Name, Attempt: p.Attempt, Reason: reasonOrderEnded}
	if p.CancelRequested {
		return declined.Decide(states, now)
	}
	if c.unverified(states) {
		declined.Reason = reasonUnverified
		return declined.Decide(states, now)
	}
	_, refusal := books.Place(ledger.Hold{ID: c.holdRef().ID, Account: c.Account, AmountMinor: p.AmountMinor})
	switch {
	case refusal == nil:
		return Held{Name: c.Name, Attempt: p.Attempt, ExternalID: c.Account}.Decide(states, now)
	case refusal.Reason == "INSUFFICIENT_FUNDS":
		declined.Reason = reasonInsufficient
		return declined.Decide(states, now)
	default:
		return domain.Decision{}, refusal
	}
}
