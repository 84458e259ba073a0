package service

import (
	"context"
	"slices"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
)

// scopeWallet is what a credential needs beside the method's scopes to have a player's wallet pay: a gateway's token shows that the payer
// has agreed, and this one shows nothing.
const scopeWallet = "wallet:pay"

// Scopes answers all scopes that a credential can be asked for, in order.
func Scopes(methods contract.Table) []string {
	scopes := []string{scopeWallet}
	for _, method := range methods {
		scopes = append(scopes, method.Scopes...)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// tokenTaken refuses payment tokens that neither the gateway knows nor the caller may use.
func (e *Environment) tokenTaken(ctx context.Context, token string) *fault.Fault {
	switch {
	case token != payment.Wallet:
		return e.CheckToken(token)
	case !edge.ScopeOf(ctx).Caller.May(scopeWallet):
		return fault.New(fault.PermissionDenied, "SCOPE_MISSING", "the credential lacks the scope %q, to pay from a wallet", scopeWallet).
			With("scope", scopeWallet)
	default:
		return nil
	}
}

// pay answers the steps of a payment of an order. Whose wallet pays is read of the order, as rows are named first.
func (e *Environment) pay(ctx context.Context, subject flow.Subject, pay order.Pay) ([]command.Step, error) {
	if pay.Token != payment.Wallet {
		return flow.Pay(subject, pay, e.Provider), nil
	}
	found, err := e.View.Order(ctx, subject.Tenant, subject.OrderID)
	switch {
	case err == nil:
		return flow.PayFromWallet(subject, pay, payment.Payer{
			Tenant: subject.Tenant, CustomerID: found.CustomerID, Currency: found.Currency, Checked: e.RequireKYC,
		}), nil
	case isNotFound(err):
		return flow.Pay(subject, pay, e.Provider), nil // its first step refuses, which is kept under the key
	default:
		return nil, unavailable(err)
	}
}
