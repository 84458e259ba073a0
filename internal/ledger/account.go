package ledger

import (
	"slices"
	"strings"
	"time"
)

// Kind says what an account is for. The kinds are a closed set; each declares whether a balance may go below zero.
type Kind string

// The kinds. The constants have no type, so that Move takes those of the tenant's own accounts by name.
const (
	// PlayerCash is what a player may bet and withdraw.
	PlayerCash = "player_cash"
	// PlayerBonus is what a player may bet only.
	PlayerBonus = "player_bonus"
	// JackpotPool is what jackpots are paid from.
	JackpotPool = "jackpot_pool"
	// JackpotContributions is what bets have given to a jackpot and is not collected into its pool yet.
	JackpotContributions = "jackpot_contributions"
	// House is what the house has won of its players, and lost to them.
	House = "house"
	// GatewayClearing is what the gateway owes the tenant: captured, not yet paid out. It is debited by captures.
	GatewayClearing = "gateway_clearing"
	// OrderRevenue is what orders have brought in. It is credited by captures and debited by refunds.
	OrderRevenue = "order_revenue"
	// Disputes is money that the gateway has withdrawn for as long as a dispute is open. It is debited when one opens.
	Disputes = "disputes"
	// Chargebacks is what lost disputes have cost. It is debited when one is lost.
	Chargebacks = "order_chargebacks"
	// GatewayFees is what the gateway charges for disputes.
	GatewayFees = "gateway_fees"
)

// guarded and summed are the two classes, in byte order.
var (
	guarded = []Kind{JackpotPool, PlayerBonus, PlayerCash}
	summed  = []Kind{Disputes, GatewayClearing, GatewayFees, House, JackpotContributions, Chargebacks, OrderRevenue}
)

// Guarded tells whether accounts of the kind must not go below zero: they have a row, which is locked.
func (k Kind) Guarded() bool { return slices.Contains(guarded, k) }

// Known tells whether there is such a kind.
func (k Kind) Known() bool { return k.Guarded() || slices.Contains(summed, k) }

// Name is what an account's id derives from, and can be read from it again.
type Name struct {
	Owner    string // a player, a provider; empty for the tenant's own
	Kind     Kind
	Currency string // ISO 4217
}

const prefix = "account:"

// ID answers the account's id: "account:player_cash:EUR:player-1", "account:order_revenue:EUR". The owner stands last, as it may
// hold colons.
func (n Name) ID() string {
	id := prefix + string(n.Kind) + ":" + n.Currency
	if n.Owner != "" {
		id += ":" + n.Owner
	}
	return id
}

// ID answers the id of an owner's account of a kind and currency. Balances are credits minus debits.
func ID(owner string, kind Kind, currency string) string { return Name{owner, kind, currency}.ID() }

// Parse reads an id; false when it is none.
func Parse(id string) (Name, bool) {
	rest, is := strings.CutPrefix(id, prefix)
	kind, rest, more := strings.Cut(rest, ":")
	currency, owner, owned := strings.Cut(rest, ":")
	name := Name{Owner: owner, Kind: Kind(kind), Currency: currency}
	return name, is && more && len(currency) == 3 && owned == (owner != "") && name.Kind.Known()
}

// named answers the id of an account that Move was told the id or the kind of.
func named(account, currency string) string {
	if strings.HasPrefix(account, prefix) {
		return account
	}
	return ID("", Kind(account), currency)
}

// SummedPrefixes are what the ids of summed accounts start with, in byte order.
func SummedPrefixes() []string { return prefixes(summed) }

// GuardedPrefixes are what those of guarded accounts start with.
func GuardedPrefixes() []string { return prefixes(guarded) }

func prefixes(kinds []Kind) []string {
	all := make([]string, len(kinds))
	for i, kind := range kinds {
		all[i] = prefix + string(kind) + ":"
	}
	return all
}

// Account is how an account stands. Tenant, ID and CreatedAt never change; owner, kind and currency stand in the id.
type Account struct {
	Tenant, ID   string
	BalanceMinor int64
	HeldMinor    int64 // of the balance, what open holds have set aside; 0 for summed accounts
	Entries      int64 // how many there are: the number of the latest
	Version      int64 // grows with every change; 0 for summed accounts
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Name reads the account's id.
func (a *Account) Name() Name {
	name, _ := Parse(a.ID)
	return name
}

// AvailableMinor is what can be debited or held.
func (a *Account) AvailableMinor() int64 { return a.BalanceMinor - a.HeldMinor }

// HoldStatus says where a hold stands.
type HoldStatus int16

// The statuses of a hold. All but the first are final.
const (
	HoldOpen     HoldStatus = 1 + iota
	HoldCaptured            // taken, in whole or in part; the rest is free again
	HoldVoided              // given up; what was captured before stays captured
	HoldExpired             // the same, by its timer
)

// String writes the status.
func (s HoldStatus) String() string {
	return [...]string{"NONE", "OPEN", "CAPTURED", "VOIDED", "EXPIRED"}[s]
}

// Hold is money set aside on a guarded account: the first phase of a transfer. What it was asked for, that is all up to ExpiresAt,
// never changes.
type Hold struct {
	Tenant, ID  string
	Account     string
	AmountMinor int64
	Several     bool      // may be captured in several parts
	ExpiresAt   time.Time // zero for never
	CreatedAt   time.Time

	CapturedMinor int64
	Status        HoldStatus
	Captures      []Captured
	Version       int64
	UpdatedAt     time.Time
}

// Captured is one capture of a hold.
type Captured struct {
	TransferID  string `json:"transfer_id"`
	AmountMinor int64  `json:"amount_minor"`
}

// HeldMinor is what the hold still sets aside.
func (h *Hold) HeldMinor() int64 {
	if h.Status != HoldOpen {
		return 0
	}
	return h.AmountMinor - h.CapturedMinor
}

// same tells whether two holds were asked for with the same terms.
func (h *Hold) same(other *Hold) bool {
	return h.Account == other.Account && h.AmountMinor == other.AmountMinor && h.Several == other.Several &&
		h.ExpiresAt.Equal(other.ExpiresAt)
}
