package pipeline_test

import (
	"bytes"
	"testing"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// A command that has every step answer is one like another: all or nothing, and repeated as it was answered first.
func TestEveryStepAnswers(t *testing.T) {
	w := newWorld(t)
	w.options.Environment.EncodeAnswers = func(rows []state.Row) []byte {
		var all [][]byte
		for _, row := range rows {
			all = append(all, encodeAnswer(row))
		}
		return bytes.Join(all, []byte(" "))
	}
	every := do("1", "x", adding("a", 1, "x"), adding("b", 2, "x"), adding("a", 3, "x"))
	every.Every = true
	w.expect(w.batch(every, every), "a=4@2 b=2@1 a=4@2", "again a=4@2 b=2@1 a=4@2")
	half := do("2", "y", adding("a", 1, "y"), refusing(fault.FailedPrecondition, "b"))
	half.Every = true
	w.expect(w.batch(half, dry(every), count("3", "a", "z")), "9:REFUSED", "a=8@4 b=4@2 a=8@4", "a=5@3")
	if len(w.store.events) != 4 || len(w.store.answers) != 3 {
		t.Errorf("%d events, %d answers; want 4, 3", len(w.store.events), len(w.store.answers))
	}
}
