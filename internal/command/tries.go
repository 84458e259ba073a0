package command

import "github.com/seed-255eabaa/oms/internal/fault"

// defects is how many INTERNAL refusals of one command are taken for bad luck.
const defects = 3

// Tries are those of one command that nobody waits for: a timer's, or that of a call's outcome.
type Tries struct {
	internal int
}

// Final takes the refusal of a try and tells whether it is for good: no later try can succeed. INTERNAL is after some tries: what a
// defect, or a row that is not as it must be, stands in the way of does not cure itself. A process that ends says nothing about the
// command.
func (t *Tries) Final(refused *fault.Fault) bool {
	if refused.Code == fault.Internal {
		t.internal++
	}
	return !refused.Retryable() && refused.Code != fault.Canceled || t.internal >= defects
}
