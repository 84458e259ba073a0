package service

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// duplicateChange is the reason of a change_id that stands in a batch twice.
const duplicateChange = "DUPLICATE_CHANGE_ID"

// BatchCreateOrders implements the contract (requirement C-4).
func (s *Orders) BatchCreateOrders(ctx context.Context, request *omsv1.BatchCreateOrdersRequest) (*omsv1.BatchCreateOrdersResponse, error) {
	if refusal := checkBatch(request); refusal != nil {
		return nil, refusal
	}
	creates := make([]order.Create, len(request.Items))
	refusals := make([]*fault.Fault, len(request.Items))
	for i, item := range request.Items {
		if refusals[i] = edge.ScopeOf(ctx).Refused[i]; refusals[i] == nil {
			creates[i], refusals[i] = s.draft(ctx, item.Order)
		}
	}
	response := &omsv1.BatchCreateOrdersResponse{Results: make([]*omsv1.ChangeResult, len(request.Items))}
	var err error
	if request.Atomic {
		err = s.createAll(ctx, creates, refusals, response)
	} else {
		err = s.createEach(ctx, creates, refusals, response)
	}
	if err != nil {
		return nil, err
	}
	for i, result := range response.Results {
		result.ChangeId, result.SequenceId = request.Items[i].ChangeId, int32(i+1)
		if wire.WithToken(result.Order) != nil {
			result.Status, result.OccurredAt = omsv1.ChangeStatus_CHANGE_STATUS_APPLIED, result.Order.CreatedAt
		}
	}
	return response, nil
}

// checkBatch tells everything that is wrong with a batch as such.
func checkBatch(request *omsv1.BatchCreateOrdersRequest) *fault.Fault {
	var violations []fault.Violation
	first := map[string]int{}
	for i, item := range request.Items {
		if item.Order.GetDryRun() {
			violations = append(violations, fault.Violation{
				Field: fmt.Sprintf("items[%d].order.dry_run", i), Reason: codec.UnknownField, Description: "stands at the batch, for all its orders",
			})
		}
		if before, found := first[item.ChangeId]; found && item.ChangeId != "" {
			violations = append(violations, fault.Violation{
				Field: fmt.Sprintf("items[%d].change_id", i), Reason: duplicateChange,
				Description: fmt.Sprintf("must be unique in the batch, is that of items[%d]", before),
			})
		}
		first[item.ChangeId] = i
	}
	if len(violations) == 0 {
		return nil
	}
	return contract.Invalid(violations)
}

// createAll accepts all orders in one command, or none. What is wrong with any is told of all at once.
func (s *Orders) createAll(ctx context.Context, creates []order.Create, refusals []*fault.Fault, into *omsv1.BatchCreateOrdersResponse) error {
	var whole *fault.Fault
	for i, refusal := range refusals {
		if refusal == nil {
			continue
		}
		if whole == nil {
			first := *refusal
			whole, first.Violations = &first, nil
		}
		for _, violation := range refusal.Violations {
			violation.Field = fmt.Sprintf("items[%d].order.%s", i, violation.Field)
			whole.Violations = append(whole.Violations, violation)
		}
	}
	if whole != nil {
		return whole
	}
	c := prepare(ctx)
	c.Every = true
	for i := range creates {
		c.Size += size(&creates[i])
	}
	result := s.submitPriced(ctx, c, func(named bool) []command.Step { return flow.CreateAll(creates, named) })
	if result.Fault != nil {
		return result.Fault
	}
	if result.Replayed {
		edge.ScopeOf(ctx).Call.SetHeader("Idempotent-Replayed", "true")
	}
	body := result.Body
	if body == nil {
		body = wire.Answers(result.Rows)
	}
	if err := proto.Unmarshal(body, into); err != nil {
		return fault.From(err)
	}
	if len(into.Results) != len(creates) {
		return fault.From(fmt.Errorf("the stored answer has %d orders, the batch %d", len(into.Results), len(creates))) //nolint:err113 // for the log
	}
	return nil
}

// createEach accepts each order by itself. A command of no steps stores the batch's key first, so that another batch with the same
// key is refused as a whole; each order has a key that follows from the batch's and its place. So a repeat finds what was done, and
// does what was not.
func (s *Orders) createEach(ctx context.Context, creates []order.Create, refusals []*fault.Fault, into *omsv1.BatchCreateOrdersResponse) error {
	whole := prepare(ctx)
	opened := s.Submit(ctx, whole)
	if opened.Fault != nil {
		return opened.Fault
	}
	if opened.Replayed {
		edge.ScopeOf(ctx).Call.SetHeader("Idempotent-Replayed", "true")
	}
	var group sync.WaitGroup // they meet in the pipeline's batches, so they are submitted side by side
	for i := range creates {
		if refusals[i] != nil { // by the request alone: it was decided with the batch
			into.Results[i] = refused(command.Result{Fault: refusals[i], At: opened.At})
			continue
		}
		group.Go(func() { into.Results[i] = s.createOne(ctx, part(whole, i, len(creates)), &creates[i]) })
	}
	group.Wait()
	return nil
}

// part is the command of one order of a batch.
func part(whole command.Command, i, of int) command.Command {
	place := binary.BigEndian.AppendUint32(nil, uint32(i)) //nolint:gosec // 100 at most
	key := sha256.Sum256(append([]byte(whole.Key+"\x00"), place...))
	whole.Key = "batch:" + hex.EncodeToString(key[:])
	whole.Hash = sha256.Sum256(append(whole.Hash[:], place...))
	whole.Method, whole.Bytes = omsv1.OrderService_CreateOrder_FullMethodName, whole.Bytes/of
	return whole
}

// createOne accepts one order of a batch.
func (s *Orders) createOne(ctx context.Context, c command.Command, create *order.Create) *omsv1.ChangeResult {
	c.Size = size(create)
	result := s.submitPriced(ctx, c, func(named bool) []command.Step { return flow.CreateAll([]order.Create{*create}, named) })
	if result.Fault != nil {
		return refused(result)
	}
	accepted, err := answerOf(result, &omsv1.Order{})
	if err != nil {
		return refused(command.Result{Fault: fault.From(err)})
	}
	return &omsv1.ChangeResult{Order: accepted}
}

// refused tells of an order of a batch that was not accepted.
func refused(result command.Result) *omsv1.ChangeResult {
	told := &omsv1.ChangeResult{Status: omsv1.ChangeStatus_CHANGE_STATUS_REFUSED, Error: wire.ChangeError(result.Fault)}
	if result.Fault.Stored() && !result.At.IsZero() {
		told.OccurredAt = timestamppb.New(result.At)
	}
	return told
}
