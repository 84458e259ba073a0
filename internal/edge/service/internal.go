package service

import (
	"context"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// do submits one domain command and answers its row.
func do[M interface {
	*T
	protoMessage
}, T any](ctx context.Context, e *Environment, d domain.Command) (M, error) {
	c := prepare(ctx)
	c.Steps = []command.Step{command.Do(d)}
	return submit(ctx, e, c, M(new(T)))
}

// Inventory implements oms.v1.InventoryService.
type Inventory struct {
	omsv1.UnimplementedInventoryServiceServer
	*Environment
}

// Reserve implements the contract: what the order's event leads to, asked for by hand. A shortage ends the order, and the
// answered reservation says REJECTED.
func (s *Inventory) Reserve(ctx context.Context, request *omsv1.ReserveRequest) (*omsv1.ReserveResponse, error) {
	demands := make([]state.Demand, len(request.Items))
	for i, item := range request.Items {
		demands[i] = state.Demand{SKU: item.Sku, Quantity: item.Qty}
	}
	demands = inventory.SumDemands(demands)
	subject := subject(ctx, request.OrderId)
	for _, demand := range demands {
		subject.Names = append(subject.Names, demand.SKU)
	}
	c := prepare(ctx)
	c.Steps = flow.ReserveByHand(subject, demands, s.Provider)
	c.Answer = inventory.ReservationRef(subject.Tenant, subject.OrderID)
	answer, err := submit(ctx, s.Environment, c, &omsv1.Reservation{})
	return &omsv1.ReserveResponse{Reservation: answer}, err
}

// Release implements the contract. The row is read for the SKUs alone; whether it can be released is the step's to say.
func (s *Inventory) Release(ctx context.Context, request *omsv1.ReleaseRequest) (*omsv1.ReleaseResponse, error) {
	subject := subject(ctx, request.OrderId)
	reservation, err := s.View.Reservation(ctx, subject.Tenant, id.Derive("reservation", request.OrderId))
	if err != nil && !isNotFound(err) {
		return nil, unavailable(err)
	}
	if reservation != nil {
		for _, demand := range reservation.Items {
			subject.Names = append(subject.Names, demand.SKU)
		}
	}
	c := prepare(ctx)
	c.Steps = flow.ReleaseByHand(subject)
	answer, err := submit(ctx, s.Environment, c, &omsv1.Reservation{})
	return &omsv1.ReleaseResponse{Reservation: answer}, err
}

// SetStock implements the contract.
func (s *Inventory) SetStock(ctx context.Context, request *omsv1.SetStockRequest) (*omsv1.SetStockResponse, error) {
	answer, err := do[*omsv1.StockItem](ctx, s.Environment, inventory.SetStock{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant, SKU: request.Sku, OnHand: request.GetOnHand(), ExpectedVersion: request.ExpectedVersion,
	})
	return &omsv1.SetStockResponse{Item: answer}, err
}

// AdjustStock implements the contract.
func (s *Inventory) AdjustStock(ctx context.Context, request *omsv1.AdjustStockRequest) (*omsv1.AdjustStockResponse, error) {
	answer, err := do[*omsv1.StockItem](ctx, s.Environment, inventory.SetStock{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant, SKU: request.Sku, Difference: request.Difference,
		ExpectedVersion: request.ExpectedVersion,
	})
	return &omsv1.AdjustStockResponse{Item: answer}, err
}

// GetStock implements the contract.
func (s *Inventory) GetStock(ctx context.Context, request *omsv1.GetStockRequest) (*omsv1.GetStockResponse, error) {
	item, err := s.View.Item(ctx, edge.ScopeOf(ctx).Caller.Tenant, request.Sku)
	if err != nil {
		return nil, read(err, "stock of sku", request.Sku)
	}
	return &omsv1.GetStockResponse{Item: wire.Item(item)}, nil
}

// ListStock implements the contract.
func (s *Inventory) ListStock(ctx context.Context, request *omsv1.ListStockRequest) (*omsv1.ListStockResponse, error) {
	caller, limit, after := edge.ScopeOf(ctx).Caller, int(request.PageSize), ""
	if limit == 0 {
		limit = defaultPage
	}
	binding := []string{"stock", caller.Tenant, caller.Principal}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		after = position
	}
	items, err := s.View.Items(ctx, caller.Tenant, after, limit+1)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListStockResponse{}
	if len(items) > limit {
		items = items[:limit]
		response.NextPageToken = s.Sealer.Seal(items[limit-1].SKU, binding...)
	}
	for _, item := range items {
		response.Items = append(response.Items, wire.Item(item))
	}
	return response, nil
}

// Payments implements oms.v1.PaymentService.
type Payments struct {
	omsv1.UnimplementedPaymentServiceServer
	*Environment
}

func (s *Payments) name(ctx context.Context, orderID string) payment.Name {
	return payment.Name{Tenant: edge.ScopeOf(ctx).Caller.Tenant, OrderID: orderID}
}

// find reads the payment of an order.
func (s *Payments) find(ctx context.Context, orderID string) (*state.Payment, error) {
	name := s.name(ctx, orderID)
	found, err := s.View.Payment(ctx, name.Tenant, name.Ref().ID)
	return found, read(err, "payment of order", orderID)
}

// Hold implements the contract: the order takes the payment as by PayOrder, and the answer is the payment.
func (s *Payments) Hold(ctx context.Context, request *omsv1.HoldRequest) (*omsv1.HoldResponse, error) {
	if refusal := s.tokenTaken(ctx, request.PaymentToken); refusal != nil {
		return nil, refusal
	}
	subject := subject(ctx, request.OrderId)
	steps, err := s.pay(ctx, subject, order.Pay{
		Name: order.Name{Tenant: subject.Tenant, OrderID: subject.OrderID}, Token: request.PaymentToken, Reserved: true,
	})
	if err != nil {
		return nil, err
	}
	c := prepare(ctx)
	c.Steps, c.Answer = steps, s.name(ctx, request.OrderId).Ref()
	answer, err := submit(ctx, s.Environment, c, &omsv1.Payment{})
	return &omsv1.HoldResponse{Payment: answer}, err
}

// Capture implements the contract.
func (s *Payments) Capture(ctx context.Context, request *omsv1.CaptureRequest) (*omsv1.CaptureResponse, error) {
	capture := payment.Capture{Name: s.name(ctx, request.OrderId)}
	found, err := s.View.Payment(ctx, capture.Tenant, capture.Ref().ID)
	if err != nil && !isNotFound(err) {
		return nil, unavailable(err)
	}
	if found != nil { // without one the step refuses, and the refusal is kept under the key
		capture.Attempt = found.Attempt
	}
	answer, err := do[*omsv1.Payment](ctx, s.Environment, capture)
	return &omsv1.CaptureResponse{Payment: answer}, err
}

// Refund implements the contract: the order takes the refund as by RefundOrder, and the answer is the payment.
func (s *Payments) Refund(ctx context.Context, request *omsv1.RefundRequest) (*omsv1.RefundResponse, error) {
	refund, refusal := refundOf(subject(ctx, request.OrderId), request.Amount, 0)
	if refusal != nil {
		return nil, refusal
	}
	c := prepare(ctx)
	c.Steps = flow.Refund(subject(ctx, request.OrderId), refund, request.Reason)
	c.Answer = s.name(ctx, request.OrderId).Ref()
	answer, err := submit(ctx, s.Environment, c, &omsv1.Payment{})
	return &omsv1.RefundResponse{Payment: answer}, err
}

// Void implements the contract. It is for holds whose order has ended without them; of any other order CancelOrder gives the
// hold up, so that order and payment stay in step.
func (s *Payments) Void(ctx context.Context, request *omsv1.VoidRequest) (*omsv1.VoidResponse, error) {
	c := prepare(ctx)
	c.Steps = flow.Void(subject(ctx, request.OrderId))
	c.Answer = s.name(ctx, request.OrderId).Ref()
	answer, err := submit(ctx, s.Environment, c, &omsv1.Payment{})
	return &omsv1.VoidResponse{Payment: answer}, err
}

// GetPayment implements the contract.
func (s *Payments) GetPayment(ctx context.Context, request *omsv1.GetPaymentRequest) (*omsv1.GetPaymentResponse, error) {
	found, err := s.find(ctx, request.OrderId)
	if err != nil {
		return nil, err
	}
	return &omsv1.GetPaymentResponse{Payment: wire.Payment(found)}, nil
}
