package domain

import "github.com/seed-255eabaa/oms/internal/fault"

// Stale is the reason of StalePlayer.
const Stale = "STALE_PLAYER"

// StalePlayer refuses what names another player, bonus or content of a jackpot than it is about: that came to be, or was changed, after it
// was looked up. The command is to be made again.
func StalePlayer() *fault.Fault {
	return fault.New(fault.Aborted, Stale, "what the command is about came to be, or was changed, meanwhile")
}

// InvalidState refuses what a state does not allow.
func InvalidState(status, format string, arguments ...any) *fault.Fault {
	return fault.New(fault.FailedPrecondition, "INVALID_STATE", format, arguments...).With("status", status)
}

// Duplicate refuses an id that was used for something else; kind has its article.
func Duplicate(kind, name string) *fault.Fault {
	return fault.New(fault.AlreadyExists, "DUPLICATE", "there is %s %q already, with another content", kind, name).With("id", name)
}
