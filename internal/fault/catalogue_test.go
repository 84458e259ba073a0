package fault_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-255eabaa/oms/internal/fault"
)

func TestCatalogue(t *testing.T) {
	form, seen := regexp.MustCompile(`^[A-Z][A-Z0-9_]+[A-Z0-9]$`), map[string]bool{}
	for _, entry := range fault.Catalogue() {
		if seen[entry.Reason] {
			t.Errorf("%s stands there twice", entry.Reason)
		}
		seen[entry.Reason] = true
		if !form.MatchString(entry.Reason) || !strings.HasSuffix(entry.Cause, ".") || !strings.HasSuffix(entry.Cure, ".") {
			t.Errorf("%s: wants a reason in capitals, and cause and cure as sentences", entry.Reason)
		}
		if strings.Contains(entry.Cause+entry.Cure, "|") {
			t.Errorf("%s: a bar ends a cell of the page", entry.Reason)
		}
		passes := entry.Retryable() || entry.Code == fault.Canceled
		if entry.Status == 0 && passes != (entry.Stage == fault.AnyMoment) && !entry.Internal {
			t.Errorf("%s: what passes by itself, and only that, belongs to no stage", entry.Reason)
		}
		if entry.Final && len(entry.Raises) > 0 {
			t.Errorf("%s: is final and has a cure", entry.Reason)
		}
		for _, raised := range entry.Raises {
			if next := fault.Find(raised); next == nil || next.Stage != entry.Stage || next.Internal {
				t.Errorf("%s: its cure leads to %s, which is no reason of its stage", entry.Reason, raised)
			}
		}
	}
	if fault.Find("NO_SUCH_REASON") != nil {
		t.Error("finds what is not there")
	}
}

// Curing one refusal can lead to another, and never back to one that was cured (requirement C-5).
func TestCuresHaveNoCycle(t *testing.T) {
	done := map[string]bool{}
	var walk func(reason string, way []string)
	walk = func(reason string, way []string) {
		if slices.Contains(way, reason) {
			t.Fatalf("a cycle: %s", strings.Join(append(way, reason), " → "))
		}
		if done[reason] {
			return
		}
		for _, next := range fault.Find(reason).Cures() {
			walk(next, append(slices.Clone(way), reason))
		}
		done[reason] = true
	}
	for _, entry := range fault.Catalogue() {
		walk(entry.Reason, nil)
	}
}

// In the order of a method stages follow each other, and within one nothing comes after what its cure can lead to.
func TestOrdersFollowTheCures(t *testing.T) {
	for _, order := range fault.Orders() {
		for i, reason := range order.Reasons {
			entry := fault.Find(reason)
			if entry == nil {
				t.Fatalf("%s: %s is not in the catalogue", order.Method, reason)
			}
			for _, name := range order.Reasons[i+1:] {
				later := fault.Find(name)
				if later == nil || later.StageIn(order.Method) < entry.StageIn(order.Method) ||
					!entry.Final && slices.Contains(later.Raises, reason) {
					t.Errorf("%s: %s comes after %s, which its cure leads back to", order.Method, name, reason)
				} else if later.Final && !entry.Final && later.StageIn(order.Method) == entry.StageIn(order.Method) {
					t.Errorf("%s: %s can be cured and comes before %s, which cannot", order.Method, reason, name)
				}
			}
		}
	}
}
