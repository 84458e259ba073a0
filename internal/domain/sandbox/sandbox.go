// Package sandbox decides on sandboxes and on the test players in them (requirement P-14). What else is done in a sandbox is decided by
// the very rules of real money; it only belongs to another tenant.
package sandbox

import (
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// EventPlayer is the type of the event of a test player who came to be.
const EventPlayer = "player.created"

// TransferPlayMoney is the kind of the transfer that test players have their money by.
const TransferPlayMoney = "sandbox.play_money"

// Behaviour is what a test player is for.
type Behaviour string

// The test players. What the last three do to calls is the edge's; their rows are as that of the first.
const (
	Rich     Behaviour = "test_rich"
	Poor     Behaviour = "test_poor"
	Excluded Behaviour = "test_excluded"
	Limited  Behaviour = "test_limit"
	Slow     Behaviour = "test_slow"
	Flaky    Behaviour = "test_flaky"
	Lost     Behaviour = "test_lost"
)

// BehaviourOf answers what a player of an id is for: the name of a test player, alone or with more words behind an underscore. False for
// everybody else.
func BehaviourOf(playerID string) (Behaviour, bool) {
	for _, b := range []Behaviour{Rich, Poor, Excluded, Limited, Slow, Flaky, Lost} {
		if rest, found := strings.CutPrefix(playerID, string(b)); found && (rest == "" || rest[0] == '_') {
			return b, true
		}
	}
	return "", false
}

// Reset begins the next generation of a provider's sandbox.
type Reset struct {
	Tenant   string // that of the sandboxes
	Provider string
}

// Refs implements domain.Command.
func (c Reset) Refs() []state.Ref { return []state.Ref{state.SandboxRef(c.Tenant, c.Provider)} }

// Decide implements domain.Command.
func (c Reset) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := c.Refs()[0]
	after, change := state.NewSandbox(c.Tenant, c.Provider), domain.Change{}
	if found := domain.Find[state.Sandbox](states, ref); found != nil {
		*after, change.Before = *found, found
	}
	after.Generation++
	after.ResetAt = now
	change.After = after
	return domain.Decision{Changes: []domain.Change{change}, Answer: ref}, nil
}

// Welcome makes a test player, with what they have from the start.
type Welcome struct {
	By                                  state.Origin // within the sandbox
	PlayerID, Currency, Locale, Country string
	Behaviour                           Behaviour
}

func (c Welcome) account() string { return ledger.ID(c.PlayerID, ledger.PlayerCash, c.Currency) }

// Refs implements domain.Command.
func (c Welcome) Refs() []state.Ref {
	return append(domain.AccountRefs(c.By.Tenant, c.account()), state.PlayerRef(c.By.Tenant, c.PlayerID))
}

// Decide implements domain.Command. A player who is there stays as they are.
func (c Welcome) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	ref := state.PlayerRef(c.By.Tenant, c.PlayerID)
	if states.Get(ref) != nil {
		return domain.Decision{Answer: ref}, nil
	}
	after := &state.Player{
		Tenant: c.By.Tenant, ID: ref.ID, Brand: c.By.Brand, Region: c.By.Region, Currency: c.Currency, Locale: c.Locale, Country: c.Country,
		Flags: state.Flags{Excluded: c.Behaviour == Excluded}, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if c.Behaviour == Limited {
		after.Limits = []state.Limit{{Kind: state.LimitDeposit, Period: state.Day}, {Kind: state.LimitWager, Period: state.Day}}
	}
	decision := domain.Decision{Changes: []domain.Change{{After: after, Event: EventPlayer}}, Answer: ref}
	if c.Behaviour == Poor {
		return decision, nil
	}
	amount, err := money.Parse(playMoney, c.Currency)
	if err != nil {
		return domain.Decision{}, fault.Invalid("currency", "CURRENCY_UNKNOWN", "%s", err.Error())
	}
	books := domain.OpenBooks(states, c.By.Tenant, now)
	transfer := ledger.Transfer{ID: "transfer:sandbox/" + c.PlayerID, Kind: TransferPlayMoney, Currency: c.Currency}
	if refusal := books.Move(transfer, ledger.ID("", ledger.House, c.Currency), c.account(), amount); refusal != nil {
		return domain.Decision{}, refusal
	}
	books.Into(&decision)
	return decision, nil
}

// playMoney is what test players have.
const playMoney = "1000000"

// See looks at a player and changes nothing: a command under a key that tells, by its answer being a repeat, that the key was seen before.
type See struct{ Tenant, PlayerID string }

// Refs implements domain.Command.
func (c See) Refs() []state.Ref { return []state.Ref{state.PlayerRef(c.Tenant, c.PlayerID)} }

// Decide implements domain.Command.
func (c See) Decide(domain.States, time.Time) (domain.Decision, *fault.Fault) {
	return domain.Decision{Answer: c.Refs()[0]}, nil
}
