package wager_test

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/state"
)

// rows are the states of a decision.
type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row { return r[ref] }

// What names nobody's money, because the session or bet came to be meanwhile, is refused so that the command is made again.
func TestStalePlayers(t *testing.T) {
	by := state.Origin{Tenant: "t", Brand: "b", Region: "EU", Provider: "p"}
	session := &state.Session{
		Tenant: "t", ID: state.SessionRef(by, "s").ID, Brand: "b", Region: "EU", Provider: "p", PlayerID: "ann", Currency: "EUR",
		Status: state.SessionActive, ExpiresAt: time.Unix(2000, 0),
	}
	bet := &state.Bet{
		Tenant: "t", ID: state.BetRef(by, "b").ID, Brand: "b", Region: "EU", Provider: "p", RoundID: "r", PlayerID: "ann", Currency: "EUR",
		AmountMinor: 1, Status: state.BetAuthorized,
	}
	there := rows{session.Ref(): session, bet.Ref(): bet}
	for name, command := range map[string]domain.Command{
		"authorize": wager.Authorize{By: by, SessionID: "s", BetID: "new", RoundID: "r", AmountMinor: 1, Currency: "EUR"},
		"settle":    wager.Settle{By: by, BetID: "b", RoundID: "r", Currency: "EUR"},
		"rollback":  wager.Rollback{By: by, BetID: "b", RoundID: "r"},
		"close":     wager.CloseSession{By: by, SessionID: "s"},
	} {
		if _, refusal := command.Decide(there, time.Unix(1000, 0)); refusal == nil || refusal.Reason != "STALE_PLAYER" {
			t.Errorf("%s: %v", name, refusal)
		}
	}
}
