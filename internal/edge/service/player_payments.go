package service

import (
	"context"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain/cashier"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// PlayerPayments implements provider.v1.PaymentService.
type PlayerPayments struct {
	providerv1.UnimplementedPaymentServiceServer
	*Environment
}

// CreatePayment implements the contract.
func (s *PlayerPayments) CreatePayment(ctx context.Context, r *providerv1.CreatePaymentRequest) (*providerv1.CreatePaymentResponse, error) {
	gateway, check := s.Provider, s.CheckToken
	if state.InSandbox(origin(ctx).Tenant) {
		gateway, check = s.PlayGateway, s.CheckPlayToken
	}
	if refusal := check(r.PaymentToken); refusal != nil {
		return nil, refusal
	}
	c := prepare(ctx)
	c.Steps = flow.PlayerPayment(cashier.Request{
		By: origin(ctx), PlayerID: r.PlayerId, Type: state.PlayerPaymentType(r.Type), //nolint:gosec // an enum
		Currency: r.Amount.Currency, AmountMinor: r.Amount.AmountMinor, Provider: gateway, Token: r.PaymentToken,
		Random: s.Random(), Checked: s.RequireKYC,
	})
	c.Size = paymentRows
	answer, err := submit(ctx, s.Environment, c, &providerv1.Payment{})
	return &providerv1.CreatePaymentResponse{Payment: answer}, err
}

// paymentRows are those that a payment comes to at most: itself, its call, the account and what is set aside on it, the player's counts.
const paymentRows = 6

// GetPayment implements the contract.
func (s *PlayerPayments) GetPayment(ctx context.Context, r *providerv1.GetPaymentRequest) (*providerv1.GetPaymentResponse, error) {
	found, err := seen[*state.PlayerPayment](ctx, s.Environment, state.PlayerPaymentRef(origin(ctx).Tenant, r.PaymentId), r.PaymentId)
	if err != nil {
		return nil, err
	}
	return &providerv1.GetPaymentResponse{Payment: wire.PlayerPayment(found)}, nil
}

// ListPayments implements the contract.
func (s *PlayerPayments) ListPayments(ctx context.Context, r *providerv1.ListPaymentsRequest) (*providerv1.ListPaymentsResponse, error) {
	page, err := list[*state.PlayerPayment](ctx, s.Environment, r, state.PlayQuery{PlayerID: r.PlayerId, Statuses: numbers(r.Status)})
	if err != nil {
		return nil, err
	}
	response := &providerv1.ListPaymentsResponse{NextCursor: page.next, HasMore: page.next != ""}
	for _, p := range page.rows {
		response.Payments = append(response.Payments, wire.PlayerPayment(p))
	}
	return response, nil
}
