package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/id"
)

func refuse(code codes.Code, reason, message string, violations ...*errdetails.BadRequest_FieldViolation) error {
	s := status.New(code, message)
	with, err := s.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "oms"})
	if len(violations) > 0 {
		with, err = s.WithDetails(
			&errdetails.ErrorInfo{Reason: reason, Domain: "oms"}, &errdetails.BadRequest{FieldViolations: violations})
	}
	return errors.Join(err, with.Err())
}

func violate(field, reason, description string) *errdetails.BadRequest_FieldViolation {
	return &errdetails.BadRequest_FieldViolation{Field: field, Reason: reason, Description: description}
}

func check(request *omsv1.CreateOrderRequest) error {
	var found []*errdetails.BadRequest_FieldViolation
	if !id.Partner(request.CustomerId) {
		found = append(found, violate("customer_id", "PARTNER_ID", "must be an identifier"))
	}
	if len(request.Items) == 0 || len(request.Items) > 1000 {
		found = append(found, violate("items", "ITEMS", "must be 1 to 1,000"))
	}
	for i, item := range request.Items {
		at := fmt.Sprintf("items[%d].", i)
		if !id.Partner(item.Sku) {
			found = append(found, violate(at+"sku", "PARTNER_ID", "must be an identifier"))
		}
		if item.Qty < 1 {
			found = append(found, violate(at+"qty", "INT32_GTE", "must be 1 or more"))
		}
		if item.Price.GetAmountMinor() < 0 {
			found = append(found, violate(at+"price.amount_minor", "NEGATIVE_AMOUNT", "must be 0 or more"))
		}
	}
	if len(found) > 0 {
		return refuse(codes.InvalidArgument, "VALIDATION_FAILED", "the request is not valid", found...)
	}
	return nil
}

// CreateOrder implements the contract.
func (s *Server) CreateOrder(ctx context.Context, request *omsv1.CreateOrderRequest) (*omsv1.CreateOrderResponse, error) {
	if err := check(request); err != nil {
		return nil, err
	}
	return once(ctx, s, "CreateOrder", request, func() (*omsv1.CreateOrderResponse, error) {
		s.commands["CreateOrder"]++
		n := len(s.orders) + 1
		order := &omsv1.Order{
			Id:         fmt.Sprintf("order:00000000-0000-7000-8000-%012d", n),
			CustomerId: request.CustomerId, Status: omsv1.OrderStatus_ORDER_STATUS_PENDING, Items: request.Items,
			Amount: &omsv1.Money{Currency: request.Currency}, CreatedAt: timestamppb.Now(),
			ClientReference: request.ClientReference, Metadata: request.Metadata,
		}
		for _, item := range request.Items {
			order.Amount.AmountMinor += int64(item.Qty) * item.Price.AmountMinor
		}
		s.orders, s.byID[order.Id] = append(s.orders, order), order
		s.changed(order)
		answer := &omsv1.CreateOrderResponse{Order: proto.CloneOf(order)}
		s.later(func() { s.reserve(order) })
		return answer, nil
	})
}

// later carries a step out after the answer.
func (s *Server) later(step func()) {
	go func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		step()
	}()
}

func (s *Server) find(orderID string) (*omsv1.Order, error) {
	if order, found := s.byID[orderID]; found {
		return order, nil
	}
	return nil, refuse(codes.NotFound, "NOT_FOUND", "no order "+orderID)
}

// GetOrder implements the contract.
func (s *Server) GetOrder(_ context.Context, request *omsv1.GetOrderRequest) (*omsv1.GetOrderResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	order, err := s.find(request.OrderId)
	return &omsv1.GetOrderResponse{Order: proto.CloneOf(order)}, err
}

// ListOrders implements the contract, with an empty page among the full ones.
func (s *Server) ListOrders(_ context.Context, request *omsv1.ListOrdersRequest) (*omsv1.ListOrdersResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	next := len(s.orders)
	gap := request.PageToken == ""
	if !gap {
		number, _, _ := strings.Cut(request.PageToken, "/")
		next, _ = strconv.Atoi(number)
	}
	answer := &omsv1.ListOrdersResponse{}
	if gap {
		answer.NextPageToken = strconv.Itoa(next) + "/"
		return answer, nil
	}
	for next > 0 && len(answer.Orders) < int(request.PageSize) {
		next--
		order := s.orders[next]
		if request.CustomerId == "" || request.CustomerId == order.CustomerId {
			answer.Orders = append(answer.Orders, proto.CloneOf(order))
		}
	}
	if next > 0 {
		answer.NextPageToken = strconv.Itoa(next) + "/"
	}
	return answer, nil
}

// PayOrder implements the contract.
func (s *Server) PayOrder(ctx context.Context, request *omsv1.PayOrderRequest) (*omsv1.PayOrderResponse, error) {
	return once(ctx, s, "PayOrder", request, func() (*omsv1.PayOrderResponse, error) {
		order, err := s.find(request.OrderId)
		if err != nil {
			return nil, err
		}
		if order.Status > omsv1.OrderStatus_ORDER_STATUS_RESERVED {
			return nil, refuse(codes.FailedPrecondition, "ILLEGAL_TRANSITION", "the order is "+order.Status.String())
		}
		if p := order.Payment; p != nil && p.Status != omsv1.PaymentStatus_PAYMENT_STATUS_DECLINED {
			return nil, refuse(codes.FailedPrecondition, "PAYMENT_IN_PROGRESS", "a payment is under way")
		}
		s.commands["PayOrder"]++
		order.Payment = &omsv1.OrderPayment{PaymentId: "payment:" + order.Id[6:], Status: omsv1.PaymentStatus_PAYMENT_STATUS_PROCESSING}
		s.tokens[order.Id] = intent{request.PaymentToken, request.KeepOnDecline}
		s.changed(order)
		answer := &omsv1.PayOrderResponse{Order: proto.CloneOf(order)}
		if order.Status == omsv1.OrderStatus_ORDER_STATUS_RESERVED {
			s.later(func() { s.settle(order) })
		}
		return answer, nil
	})
}

// CancelOrder implements the contract.
func (s *Server) CancelOrder(ctx context.Context, request *omsv1.CancelOrderRequest) (*omsv1.CancelOrderResponse, error) {
	return once(ctx, s, "CancelOrder", request, func() (*omsv1.CancelOrderResponse, error) {
		order, err := s.find(request.OrderId)
		if err != nil {
			return nil, err
		}
		if order.Status > omsv1.OrderStatus_ORDER_STATUS_RESERVED {
			return nil, refuse(codes.FailedPrecondition, "ILLEGAL_TRANSITION", "the order is "+order.Status.String())
		}
		s.commands["CancelOrder"]++
		s.cancel(order, "CANCELED_BY_CLIENT")
		return &omsv1.CancelOrderResponse{Order: proto.CloneOf(order)}, nil
	})
}

// RefundOrder implements the contract.
func (s *Server) RefundOrder(ctx context.Context, request *omsv1.RefundOrderRequest) (*omsv1.RefundOrderResponse, error) {
	return once(ctx, s, "RefundOrder", request, func() (*omsv1.RefundOrderResponse, error) {
		order, err := s.find(request.OrderId)
		if err != nil {
			return nil, err
		}
		if order.Status != omsv1.OrderStatus_ORDER_STATUS_CONFIRMED {
			return nil, refuse(codes.FailedPrecondition, "ILLEGAL_TRANSITION", "the order is "+order.Status.String())
		}
		payment := order.Payment
		rest := payment.CapturedMinor - payment.RefundedMinor - payment.RefundPendingMinor
		amount := rest
		if request.Amount != nil {
			amount = request.Amount.AmountMinor
		}
		if amount < 1 || amount > rest {
			return nil, refuse(codes.FailedPrecondition, "REFUND_EXCEEDS_CAPTURED", "too much")
		}
		s.commands["RefundOrder"]++
		refund := &omsv1.PaymentRefund{
			Id: fmt.Sprintf("refund:%d", len(s.log)), AmountMinor: amount, State: omsv1.RefundState_REFUND_STATE_PENDING,
			Reason: request.Reason,
		}
		s.refunds[order.Id] = append(s.refunds[order.Id], refund)
		payment.RefundPendingMinor += amount
		s.changed(order)
		answer := &omsv1.RefundOrderResponse{Order: proto.CloneOf(order)}
		s.later(func() { s.giveBack(order, refund) })
		return answer, nil
	})
}

// GetPayment implements the contract.
func (s *Server) GetPayment(_ context.Context, request *omsv1.GetPaymentRequest) (*omsv1.GetPaymentResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	order, err := s.find(request.OrderId)
	if err != nil {
		return nil, err
	}
	if order.Payment == nil {
		return nil, refuse(codes.NotFound, "NOT_FOUND", "no payment")
	}
	payment := &omsv1.Payment{OrderId: order.Id, CapturedMinor: order.Payment.CapturedMinor}
	for _, refund := range s.refunds[order.Id] {
		payment.Refunds = append(payment.Refunds, proto.CloneOf(refund))
	}
	return &omsv1.GetPaymentResponse{Payment: payment}, nil
}

// demand sums an order's pieces by SKU.
func demand(order *omsv1.Order) map[string]int64 {
	sum := map[string]int64{}
	for _, item := range order.Items {
		sum[item.Sku] += int64(item.Qty)
	}
	return sum
}

func skus(demand map[string]int64) []string {
	names := make([]string, 0, len(demand))
	for sku := range demand {
		names = append(names, sku)
	}
	slices.Sort(names)
	return names
}
