package edge

import (
	"regexp"
	"strconv"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// inOrder matches the field of an order in a batch: its place, and the field in the order, empty for the order itself.
var inOrder = regexp.MustCompile(`^items\[(\d+)\]\.order(?:\.(.+))?$`)

// refuseParts takes violations for refusals of the orders that they stand in, where the batch accepts each order by itself (requirement
// C-4); Scope.Refused has them then. It is false when anything else is wrong: then they refuse the batch, and tell of everything at once.
func (s *Scope) refuseParts(unread *fault.Fault, violations []fault.Violation) bool {
	batch, is := s.Call.Request.(*omsv1.BatchCreateOrdersRequest)
	if !is || batch.Atomic || unreadEnd(unread) {
		return false
	}
	parts := map[int][]fault.Violation{}
	for _, violation := range violations {
		found := inOrder.FindStringSubmatch(violation.Field)
		if len(found) == 0 || found[2] == "dry_run" { // who asks an order for a dry run means the batch
			return false
		}
		if violation.Field = found[2]; violation.Field == "" {
			violation.Field = "order"
		}
		place, _ := strconv.Atoi(found[1])
		parts[place] = append(parts[place], violation)
	}
	s.Refused = make(map[int]*fault.Fault, len(parts))
	for place, wrong := range parts {
		s.Refused[place] = contract.Invalid(wrong)
	}
	return true
}

// unreadEnd tells whether a request may hold more than was read: the reader met what is no JSON, or more mistakes than are told.
func unreadEnd(unread *fault.Fault) bool {
	return unread != nil && (unread.Reason != contract.ValidationFailed || unread.Metadata["violations"] != "")
}
