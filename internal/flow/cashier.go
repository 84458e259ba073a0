package flow

import (
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/effect"
	"github.com/seed-255eabaa/oms/internal/state"
)

// A deposit asks for a hold, its success for the capture, and that books it. A withdrawal asks for a payout, and that books it.

// PlayerPayment is the group of a new payment of a player.
func PlayerPayment(request cashier.Request) []command.Step {
	return []command.Step{command.Do(request)}
}

// played names the player's payment that an effect is about, and the player whose account its outcome moves money on, as
// the subject names it.
func (s Subject) played(e *state.Effect) cashier.Moved {
	moved := cashier.Moved{Name: cashier.Name{Tenant: e.Tenant, ID: e.AggregateID}, Currency: e.Currency}
	if len(s.Names) > 0 {
		moved.PlayerID = s.Names[0]
	}
	return moved
}

// needsPlayer tells whether the outcome of a call of a player's payment touches the player's account.
func needsPlayer(e *state.Effect, outcome Outcome) bool {
	return e.Kind != cashier.KindVoid && (e.Kind != cashier.KindHold || !outcome.Succeeded)
}

// playerSettled is what follows from the outcome of a call of a player's payment. A refused void leaves money held that nobody will take: a
// dead letter tells, and Replay asks for it anew.
func (s Subject) playerSettled(e *state.Effect, outcome Outcome) []command.Step {
	moved := s.played(e)
	switch {
	case e.Kind == cashier.KindVoid && outcome.Succeeded:
		return nil
	case e.Kind == cashier.KindVoid:
		return []command.Step{command.Do(deadletter.Write{Letter: letter(e, "the gateway refused to void the hold: "+outcome.Reason)})}
	case !outcome.Succeeded:
		return []command.Step{command.Do(cashier.Declined{Moved: moved, Kind: e.Kind, Reason: outcome.Reason})}
	case e.Kind == cashier.KindHold:
		return []command.Step{command.Do(cashier.Held{Name: moved.Name, ExternalID: outcome.ExternalID})}
	case e.Kind == cashier.KindCapture:
		return []command.Step{command.Do(cashier.Captured{Moved: moved})}
	default:
		return []command.Step{command.Do(cashier.PaidOut{Moved: moved, ExternalID: outcome.ExternalID})}
	}
}

// playerReplay is Replay of a letter about a player's payment.
func playerReplay(l *state.DeadLetter) []command.Step {
	return []command.Step{
		command.Do(deadletter.Close{Tenant: l.Tenant, ID: l.ID}),
		command.Do(effect.Reopen{Name: effect.Name{Tenant: l.Tenant, ID: string(l.Payload)}}),
		command.Do(cashier.VoidAgain{Name: cashier.Name{Tenant: l.Tenant, ID: l.AggregateID}, Refused: string(l.Payload)}),
	}
}
