package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// PutDeliveryDetails implements the contract (requirement C-3).
func (s *Orders) PutDeliveryDetails(ctx context.Context, request *omsv1.PutDeliveryDetailsRequest) (*omsv1.PutDeliveryDetailsResponse, error) {
	if refusal := checkDelivery(request.DeliveryDetails); refusal != nil {
		return nil, refusal
	}
	answer, err := s.edit(ctx, order.Edit{
		Name: name(ctx, request.OrderId), ExpectedVersion: request.ExpectedVersion, Parts: []order.Part{{
			Path: deliveryDetails, Target: order.TargetDelivery, Whole: wire.Fields(request.DeliveryDetails),
		}},
	})
	return &omsv1.PutDeliveryDetailsResponse{Order: answer.GetOrder()}, err
}

// PutClientDetails implements the contract (requirement C-3).
func (s *Orders) PutClientDetails(ctx context.Context, request *omsv1.PutClientDetailsRequest) (*omsv1.PutClientDetailsResponse, error) {
	if refusal := checkClient(request.ClientDetails); refusal != nil {
		return nil, refusal
	}
	answer, err := s.edit(ctx, order.Edit{
		Name: name(ctx, request.OrderId), ExpectedVersion: request.ExpectedVersion, Parts: []order.Part{{
			Path: clientDetails, Target: order.TargetClient, Whole: wire.Fields(request.ClientDetails),
		}},
	})
	return &omsv1.PutClientDetailsResponse{Order: answer.GetOrder()}, err
}

// ForgetOrderDetails implements the contract (requirement P-12).
func (s *Orders) ForgetOrderDetails(ctx context.Context, request *omsv1.ForgetOrderDetailsRequest) (*omsv1.ForgetOrderDetailsResponse, error) {
	answer, err := s.edit(ctx, order.Edit{Name: name(ctx, request.OrderId), Forget: true, Parts: []order.Part{
		{Path: deliveryDetails, Unset: true, Target: order.TargetDelivery}, {Path: clientDetails, Unset: true, Target: order.TargetClient},
	}})
	return &omsv1.ForgetOrderDetailsResponse{Order: answer.GetOrder()}, err
}

// ChangeOrder implements the contract (requirement C-4).
func (s *Orders) ChangeOrder(ctx context.Context, request *omsv1.ChangeOrderRequest) (*omsv1.ChangeOrderResponse, error) {
	if refusal := checkIDs(request.Changes); refusal != nil {
		return nil, refusal
	}
	edit := order.Edit{
		Name: name(ctx, request.OrderId), Token: request.ChangeToken, Listed: true, Parts: make([]order.Part, len(request.Changes)),
	}
	for i, change := range request.Changes {
		part := &edit.Parts[i]
		*part = order.Part{ChangeID: change.ChangeId, Path: change.Path, Unset: change.Unset}
		part.Refused = readPart(ctx, part, change)
	}
	return s.edit(ctx, edit)
}

// checkIDs refuses a change_id that stands there twice.
func checkIDs(changes []*omsv1.FieldChange) *fault.Fault {
	var violations []fault.Violation
	first := map[string]int{}
	for i, change := range changes {
		if before, found := first[change.ChangeId]; found && change.ChangeId != "" {
			violations = append(violations, fault.Violation{
				Field: fmt.Sprintf("changes[%d].change_id", i), Reason: duplicateChange,
				Description: fmt.Sprintf("must be unique in the request, is that of changes[%d]", before),
			})
		}
		first[change.ChangeId] = i
	}
	if len(violations) == 0 {
		return nil
	}
	return contract.Invalid(violations)
}

func name(ctx context.Context, orderID string) order.Name {
	return order.Name{Tenant: edge.ScopeOf(ctx).Caller.Tenant, OrderID: orderID}
}

// edit carries an edit out.
func (s *Orders) edit(ctx context.Context, edit order.Edit) (*omsv1.ChangeOrderResponse, error) {
	c := prepare(ctx)
	c.Every = true
	result, err := s.submitAnew(ctx, c, func() ([]command.Step, error) {
		about := flow.Subject{Tenant: edit.Tenant, OrderID: edit.OrderID}
		if edit.OfLines() {
			found, err := s.View.Order(ctx, edit.Tenant, edit.OrderID)
			if err != nil && !isNotFound(err) {
				return nil, unavailable(err)
			}
			if found != nil {
				about.Names = flow.SKUs(found.Lines)
			}
		}
		return flow.Edit(about, edit, s.Catalogues.has(edit.Tenant)), nil
	})
	if err != nil {
		return nil, err
	}
	if result.Fault != nil && result.Fault.Reason == catalogue.Opened {
		s.Catalogues.tenants.Store(edit.Tenant, true)
		return s.edit(ctx, edit)
	}
	answer, err := answered(ctx, result, &omsv1.ChangeOrderResponse{})
	if err != nil {
		return nil, err
	}
	wire.WithToken(answer.Order)
	return answer, nil
}

// ListOrderChanges implements the contract. The history is kept by request, so a page begins and may end within one.
func (s *Orders) ListOrderChanges(ctx context.Context, request *omsv1.ListOrderChangesRequest) (*omsv1.ListOrderChangesResponse, error) {
	caller, limit, from, skip := edge.ScopeOf(ctx).Caller, int(request.PageSize), "", 0
	if limit == 0 {
		limit = defaultPage
	}
	binding := []string{"changes", caller.Tenant, caller.Principal, request.OrderId}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		from, skip = openChange(position)
	}
	if _, err := s.View.Order(ctx, caller.Tenant, request.OrderId); err != nil {
		return nil, read(err, "order", request.OrderId)
	}
	response := &omsv1.ListOrderChangesResponse{}
	for {
		batches, err := s.View.ChangeBatches(ctx, caller.Tenant, request.OrderId, from, historyRead)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, batch := range batches {
			records, told := wire.Changes(batch), 0
			if batch.ID == from {
				told = skip
			}
			for i := len(records) - 1 - told; i >= 0; i-- {
				if len(response.Changes) == limit {
					response.NextPageToken = s.Sealer.Seal(fmt.Sprintf("%s %d", batch.ID, len(records)-1-i), binding...)
					return response, nil
				}
				response.Changes = append(response.Changes, records[i])
			}
		}
		if len(batches) < historyRead {
			return response, nil
		}
		last := batches[len(batches)-1] // it is read again, and all of it was told
		from, skip = last.ID, len(last.Changes)
	}
}

// historyRead is how many requests' changes are read at once: a request has up to 100.
const historyRead = 16

// openChange reads the place in a history where a page begins: a batch, and how many of its changes were told.
func openChange(position string) (batchID string, told int) {
	batchID, number, _ := strings.Cut(position, " ")
	told, _ = strconv.Atoi(number) // the sealer vouches for it
	return batchID, told
}

// broken answers what a message breaks of the contract's rules, as the refusal of one change.
func broken(ctx context.Context, path string, message proto.Message) *fault.Fault {
	violations, err := edge.ScopeOf(ctx).Broken(message)
	if err != nil {
		return fault.From(err)
	}
	if len(violations) == 0 {
		return nil
	}
	return fault.Invalid(path, "CHANGE_VALUE_INVALID", "%s", violations[0].Description)
}
