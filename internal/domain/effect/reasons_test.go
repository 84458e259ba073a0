package effect

import (
	"testing"
	"time"
)

func TestWhatIsNotDueIsNotClaimed(t *testing.T) {
	e := open()
	e.NextAt = now.Add(time.Second)
	if _, refusal := (Claim{Name: name, Owner: "me", Lease: time.Minute}).Decide(rows{e.Ref(): e}, now); refusal == nil || refusal.Reason != "NOT_CLAIMED" {
		t.Errorf("claimed early: %v", refusal)
	}
}
