package app

import (
	"os"
	"runtime/debug"
)

const (
	// collectAt lets the heap grow to three times what lives before it is collected: a batch's garbage is short-lived, and
	// collecting at the default doubled the collector's share of the CPU.
	collectAt = 200
	// memoryGoal is the total memory above which the collector works harder again.
	memoryGoal = 256 << 20
)

// tuneMemory sets the collector, unless the operator has set it by the environment.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
