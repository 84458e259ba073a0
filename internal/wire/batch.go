package wire

import (
	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Answers encodes the answered rows of a batch as they are stored under its key: the orders, in their places. What else the answer
// says of each follows from the request, which is the same when it is repeated.
func Answers(rows []state.Row) []byte {
	response := &omsv1.BatchCreateOrdersResponse{}
	for _, row := range rows {
		order, _ := row.(*state.Order)
		response.Results = append(response.Results, &omsv1.ChangeResult{Order: Order(order)})
	}
	return marshal(response)
}

// ChangeError writes the refusal of one of several changes.
func ChangeError(f *fault.Fault) *omsv1.ChangeError {
	told := &omsv1.ChangeError{Code: f.Reason, Message: f.Message, Retryable: f.Retryable(), Metadata: f.Metadata}
	for _, violation := range f.Violations {
		told.FieldViolations = append(told.FieldViolations, &omsv1.ChangeViolation{
			Field: violation.Field, Description: violation.Description, Reason: violation.Reason,
		})
	}
	return told
}
