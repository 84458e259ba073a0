package service

import (
	"context"
	"errors"
	"sort"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

const (
	defaultPage = 20
	// scanLimit bounds the rows that one page of a filtered list looks at.
	scanLimit = 10_000
)

// Orders implements oms.v1.OrderService.
type Orders struct {
	omsv1.UnimplementedOrderServiceServer
	*Environment
}

func isNotFound(err error) bool { return errors.Is(err, state.ErrNotFound) }

// subject names an order of the caller's.
func subject(ctx context.Context, orderID string) flow.Subject {
	return flow.Subject{Tenant: edge.ScopeOf(ctx).Caller.Tenant, OrderID: orderID}
}

// stocked names an order of the caller's with its SKUs, for commands that may release its stock.
func (s *Orders) stocked(ctx context.Context, orderID string) (flow.Subject, error) {
	subject := subject(ctx, orderID)
	skus, err := s.SKUs(ctx, subject.Tenant, orderID)
	if err != nil {
		return subject, unavailable(err)
	}
	subject.Names = skus
	return subject, nil
}

// CreateOrder implements the contract.
func (s *Orders) CreateOrder(ctx context.Context, request *omsv1.CreateOrderRequest) (*omsv1.CreateOrderResponse, error) {
	create, refusal := s.draft(ctx, request)
	if refusal != nil {
		return nil, refusal
	}
	answer, err := s.create(ctx, create)
	return &omsv1.CreateOrderResponse{Order: answer}, err
}

// draft reads the request of an order.
func (s *Orders) draft(ctx context.Context, request *omsv1.CreateOrderRequest) (order.Create, *fault.Fault) {
	draft := draftOf(request)
	draft.Tenant = edge.ScopeOf(ctx).Caller.Tenant
	return order.NewCreate(draft, s.UnpaidFor, s.Random())
}

// Violations answers what is wrong with single fields of a request and the rules of the contract cannot say.
func Violations(request proto.Message) []fault.Violation {
	create, is := request.(*omsv1.CreateOrderRequest)
	if !is {
		return nil
	}
	draft := draftOf(create)
	return order.Violations(&draft)
}

func draftOf(request *omsv1.CreateOrderRequest) order.Draft {
	draft := order.Draft{
		CustomerID: request.CustomerId, Currency: request.Currency, ClientReference: request.ClientReference, Metadata: request.Metadata,
		SKUs: make([]string, len(request.Items)), Quantities: make([]int32, len(request.Items)),
		Prices: make([]order.Priced, len(request.Items)),
	}
	for i, item := range request.Items {
		draft.SKUs[i], draft.Quantities[i], draft.Prices[i] = item.Sku, item.Qty, priced(item.Price)
	}
	for _, adjustment := range request.Adjustments {
		draft.AdjustmentNames = append(draft.AdjustmentNames, adjustment.Name)
		draft.AdjustmentAmounts = append(draft.AdjustmentAmounts, priced(adjustment.Amount))
	}
	return draft
}

// size is the rows that a new order comes to.
func size(create *order.Create) int { return 4 + len(create.Lines) }

func priced(money *omsv1.Money) order.Priced {
	return order.Priced{Currency: money.GetCurrency(), AmountMinor: money.GetAmountMinor()}
}

// GetOrder implements the contract.
func (s *Orders) GetOrder(ctx context.Context, request *omsv1.GetOrderRequest) (*omsv1.GetOrderResponse, error) {
	found, err := s.View.Order(ctx, edge.ScopeOf(ctx).Caller.Tenant, request.OrderId)
	if err != nil {
		return nil, read(err, "order", request.OrderId)
	}
	answer := wire.WithToken(wire.Order(found))
	details, err := s.View.OrderDetails(ctx, found.Tenant, found.ID)
	if err != nil && !isNotFound(err) {
		return nil, unavailable(err)
	}
	wire.AddDetails(answer, details)
	return &omsv1.GetOrderResponse{Order: answer}, nil
}

// ListOrders implements the contract.
func (s *Orders) ListOrders(ctx context.Context, request *omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error) {
	caller := edge.ScopeOf(ctx).Caller
	if request.CreatedFrom != nil && request.CreatedTo != nil && moment(request.CreatedFrom).After(moment(request.CreatedTo)) {
		return nil, fault.Invalid("created_from", "OUT_OF_RANGE", "must not be after created_to")
	}
	query := state.OrderQuery{
		Tenant: caller.Tenant, CustomerID: request.CustomerId, Limit: int(request.PageSize), ScanLimit: scanLimit,
		CreatedFrom: moment(request.CreatedFrom), CreatedTo: moment(request.CreatedTo),
	}
	if query.Limit == 0 {
		query.Limit = defaultPage
	}
	statuses := append([]omsv1.OrderStatus(nil), request.FilterStatuses...)
	sort.Slice(statuses, func(i, j int) bool { return statuses[i] < statuses[j] })
	var filter strings.Builder
	for _, status := range statuses {
		query.Statuses = append(query.Statuses, state.OrderStatus(status)) //nolint:gosec // an enum of seven
		filter.WriteString(strconv.Itoa(int(status)) + ",")
	}
	binding := []string{
		"orders", caller.Tenant, caller.Principal, request.CustomerId, filter.String(), bound(query.CreatedFrom), bound(query.CreatedTo),
	}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		query.BeforeID = position
	}
	page, err := s.View.Orders(ctx, query)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListOrdersResponse{Orders: make([]*omsv1.Order, len(page.Orders))}
	for i, found := range page.Orders {
		response.Orders[i] = wire.WithToken(wire.Order(found))
	}
	if page.Next != "" {
		response.NextPageToken = s.Sealer.Seal(page.Next, binding...)
	}
	return response, nil
}

func badToken(field, reason, source string) *fault.Fault {
	return fault.Invalid(field, reason, "is broken or was made for another caller or other filters; use %s, or leave it out", source)
}

func moment(at *timestamppb.Timestamp) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.AsTime()
}

func bound(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339Nano)
}

// PayOrder implements the contract.
func (s *Orders) PayOrder(ctx context.Context, request *omsv1.PayOrderRequest) (*omsv1.PayOrderResponse, error) {
	c := prepare(ctx)
	if found, err := s.repeated(ctx, &c, request); found != nil || err != nil {
		if err != nil {
			return nil, err
		}
		answer, err := answered(ctx, *found, &omsv1.Order{})
		return &omsv1.PayOrderResponse{Order: answer}, err
	}
	token, kept, err := s.means(ctx, request)
	if err != nil {
		return nil, err
	}
	subject := subject(ctx, request.OrderId)
	c.Steps, err = s.pay(ctx, subject, order.Pay{
		Name:  order.Name{Tenant: subject.Tenant, OrderID: subject.OrderID},
		Token: token, Card: kept, KeepOnDecline: request.KeepOnDecline, ExpectedVersion: request.ExpectedVersion,
	})
	if err != nil {
		return nil, err
	}
	answer, err := submit(ctx, s.Environment, c, &omsv1.Order{})
	return &omsv1.PayOrderResponse{Order: answer}, err
}

// CancelOrder implements the contract.
func (s *Orders) CancelOrder(ctx context.Context, request *omsv1.CancelOrderRequest) (*omsv1.CancelOrderResponse, error) {
	result, err := s.submitAnew(ctx, prepare(ctx), func() ([]command.Step, error) {
		subject, err := s.stocked(ctx, request.OrderId)
		return flow.Cancel(subject, order.Cancel{
			Name:  order.Name{Tenant: subject.Tenant, OrderID: subject.OrderID},
			Words: request.Reason, ExpectedVersion: request.ExpectedVersion,
		}), err
	})
	if err != nil {
		return nil, err
	}
	answer, err := answered(ctx, result, &omsv1.Order{})
	return &omsv1.CancelOrderResponse{Order: answer}, err
}

// RefundOrder implements the contract.
func (s *Orders) RefundOrder(ctx context.Context, request *omsv1.RefundOrderRequest) (*omsv1.RefundOrderResponse, error) {
	subject := subject(ctx, request.OrderId)
	refund, refusal := refundOf(subject, request.Amount, request.ExpectedVersion)
	if refusal != nil {
		return nil, refusal
	}
	c := prepare(ctx)
	c.Steps = flow.Refund(subject, refund, request.Reason)
	answer, err := submit(ctx, s.Environment, c, &omsv1.Order{})
	return &omsv1.RefundOrderResponse{Order: answer}, err
}

// refundOf reads the request of a refund; an absent amount is the rest.
func refundOf(subject flow.Subject, amount *omsv1.Money, version int64) (order.Refund, *fault.Fault) {
	refund := order.Refund{Name: order.Name{Tenant: subject.Tenant, OrderID: subject.OrderID}, ExpectedVersion: version}
	if amount == nil {
		return refund, nil
	}
	wanted := priced(amount)
	if wanted.AmountMinor <= 0 {
		return refund, fault.Invalid("amount.amount_minor", "NOT_POSITIVE",
			"must be above 0, is %d; leave amount out to refund the rest", wanted.AmountMinor)
	}
	refund.Amount = &wanted
	return refund, nil
}

// GetOperation implements the contract (requirement X-1).
func (s *Orders) GetOperation(ctx context.Context, request *omsv1.GetOperationRequest) (*omsv1.GetOperationResponse, error) {
	caller := edge.ScopeOf(ctx).Caller
	answer, err := s.View.Answer(ctx, state.Key{Tenant: caller.Tenant, Principal: caller.Principal, Key: request.IdempotencyKey})
	if err != nil {
		return nil, read(err, "operation", request.IdempotencyKey)
	}
	response := &omsv1.GetOperationResponse{Method: answer.Method[1:], CommittedAt: timestamppb.New(answer.At), HttpStatus: 200}
	if answer.Code != fault.OK {
		refusal := storedFault(answer.Body)
		response.HttpStatus = int32(contract.HTTPStatus(refusal.Code)) //nolint:gosec // three digits
		response.Reason, response.Message = refusal.Reason, refusal.Message
		return response, nil
	}
	if method := s.Methods[answer.Method]; method != nil {
		response.HttpStatus = int32(method.SuccessStatus) //nolint:gosec // three digits
		if method.Service == omsv1.OrderService_ServiceDesc.ServiceName {
			if response.Order, err = answeredOrder(answer); err != nil {
				return nil, fault.From(err)
			}
		}
	}
	return response, nil
}

// answeredOrder reads the order in the stored answer of an order method; nil when it has several.
func answeredOrder(answer *state.Answer) (*omsv1.Order, error) {
	switch answer.Method {
	case omsv1.OrderService_BatchCreateOrders_FullMethodName:
		return nil, nil
	case omsv1.OrderService_ChangeOrder_FullMethodName, omsv1.OrderService_PutDeliveryDetails_FullMethodName,
		omsv1.OrderService_PutClientDetails_FullMethodName, omsv1.OrderService_ForgetOrderDetails_FullMethodName:
		var changed omsv1.ChangeOrderResponse
		err := proto.Unmarshal(answer.Body, &changed)
		return wire.WithToken(changed.Order), err
	default:
		var found omsv1.Order
		err := proto.Unmarshal(answer.Body, &found)
		return wire.WithToken(&found), err
	}
}
