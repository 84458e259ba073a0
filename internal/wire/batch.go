package wire

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Answers encodes the answered rows of a batch as they are stored under its key: the orders, in their places. What else the answer
// says of each follows from the request, which is the same when it is repeated.
func Answers(rows []state.Row) []byte {
	if slices.ContainsFunc(rows, func(row state.Row) bool { _, isDetails := row.(*state.OrderDetails); return isDetails }) {
		return marshal(ChangeOrder(rows))
	}
	response := &omsv1.BatchCreateOrdersResponse{}
	for _, row := range rows {
		accepted, _ := row.(*state.Order)
		response.Results = append(response.Results, &omsv1.ChangeResult{Order: Order(accepted)})
	}
	return marshal(response)
}

// ChangeOrder writes the answered rows of a change of an order: the order, its details, and the note in the history, where there are such.
func ChangeOrder(rows []state.Row) *omsv1.ChangeOrderResponse {
	response, details := &omsv1.ChangeOrderResponse{}, (*state.OrderDetails)(nil)
	for _, row := range rows {
		switch row := row.(type) {
		case *state.Order:
			response.Order = Order(row)
		case *state.OrderDetails:
			details = row
		case *state.ChangeBatch:
			response.Changes = Changes(row)
		}
	}
	AddDetails(response.Order, details)
	return response
}

// AddDetails adds to an order what is known of its persons; nil for nothing.
func AddDetails(o *omsv1.Order, details *state.OrderDetails) {
	if details == nil || o == nil {
		return
	}
	if len(details.Delivery) > 0 {
		o.DeliveryDetails = &omsv1.DeliveryDetails{}
		setFields(o.DeliveryDetails, details.Delivery)
	}
	if len(details.Client) > 0 {
		o.ClientDetails = &omsv1.ClientDetails{}
		setFields(o.ClientDetails, details.Client)
	}
}

// setFields sets text fields of a message by their names. A name that the message does not have was written by a newer version.
func setFields(message proto.Message, values map[string]string) {
	reflected := message.ProtoReflect()
	fields := reflected.Descriptor().Fields()
	for name, value := range values {
		if field := fields.ByName(protoreflect.Name(name)); field != nil {
			reflected.Set(field, protoreflect.ValueOfString(value))
		}
	}
}

// Fields reads the text fields of a message that are not empty, by their names.
func Fields(message proto.Message) map[string]string {
	values := map[string]string{}
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		values[string(field.Name())] = value.String()
		return true
	})
	return values
}

// Changes writes what one request changed of an order, in the order of the request.
func Changes(batch *state.ChangeBatch) []*omsv1.ChangeRecord {
	records := make([]*omsv1.ChangeRecord, len(batch.Changes))
	for i, change := range batch.Changes {
		records[i] = &omsv1.ChangeRecord{
			ChangeId: change.ChangeID, SequenceId: int32(i + 1), OccurredAt: stamp(batch.At),
			Path: change.Path, Unset: change.Unset, Status: omsv1.ChangeStatus(change.Status),
			OrderVersion: batch.OrderVersion, Batch: state.ChangeBatchNumber(batch.ID),
		}
		if change.Reason != "" {
			records[i].Error = &omsv1.ChangeError{Code: change.Reason, Message: change.Message}
		}
	}
	return records
}

// WithToken adds the token that stands for the order at its version.
func WithToken(o *omsv1.Order) *omsv1.Order {
	if o != nil {
		o.ChangeToken = order.ChangeToken(o.Id, o.Version)
	}
	return o
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
