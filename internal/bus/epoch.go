package bus

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
)

// NewEpoch names an epoch that goes on after base: histories may differ behind base, and agree up to it.
func NewEpoch(base int64, random [8]byte) string {
	return "at" + strconv.FormatInt(base, 10) + "-" + hex.EncodeToString(random[:])
}

// EpochBase answers the base of an epoch; 0 for a name that NewEpoch did not make, as a database's first epoch has.
func EpochBase(epoch string) int64 {
	rest, named := strings.CutPrefix(epoch, "at")
	number, _, cut := strings.Cut(rest, "-")
	base, err := strconv.ParseInt(number, 10, 64)
	if !named || !cut || err != nil || base < 0 {
		return 0
	}
	return base
}

// Clamp answers the position at which a cursor of one epoch goes on in another: what lies behind the base may be another
// history, so a cursor must never lead it.
func Clamp(position int64, from, to string) int64 {
	if from == to {
		return position
	}
	return min(position, EpochBase(to))
}

// Agrees tells whether a frame tells the log's history, given what the log answers from the frame's last position on. Everything
// published was numbered before, so the log must have it. A reader that has read the log to its end checks one frame after
// that: in an epoch whose stream tells lies, because the database was restored, the relay gives no positions, so that the log
// ends where the lies begin and the first frame after it is one.
func Agrees(log []state.Event, f Frame) bool {
	return len(log) > 0 && log[0].Position == f.Last() && log[0].ID == f.Events[len(f.Events)-1].ID
}
