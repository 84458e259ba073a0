package service

import (
	"context"
	"sync"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Catalogues remembers which tenants have a catalogue, so that their orders name its prices and those of others name one row only.
// It is a hint: an order rests on what is read or proved in its transaction, and one that finds a catalogue which nobody told of
// is decided again with the prices named. A catalogue never goes away, so the hint is never wrong the other way.
type Catalogues struct {
	tenants sync.Map // of those that have one
}

// has tells whether it is known that a tenant has a catalogue.
func (c *Catalogues) has(tenant string) bool {
	_, found := c.tenants.Load(tenant)
	return found
}

// create carries a new order out.
func (s *Orders) create(ctx context.Context, create order.Create) (*omsv1.Order, error) {
	c := prepare(ctx)
	c.Steps, c.Size = flow.Create(create), size(&create)
	named := s.Catalogues.has(create.Tenant)
	if named {
		c.Steps = flow.CreateAtPrices(create)
	}
	answer, err := submit(ctx, s.Environment, c, &omsv1.Order{})
	if refused := fault.From(err); named || refused == nil || refused.Reason != catalogue.Opened {
		return answer, err
	}
	s.Catalogues.tenants.Store(create.Tenant, true)
	c.Steps = flow.CreateAtPrices(create)
	return submit(ctx, s.Environment, c, &omsv1.Order{})
}

// submitPriced submits a command that makes orders; steps answers its steps, with the prices named or not.
func (s *Orders) submitPriced(ctx context.Context, c command.Command, steps func(named bool) []command.Step) command.Result {
	named := s.Catalogues.has(c.Tenant)
	c.Steps = steps(named)
	result := s.Submit(ctx, c)
	if named || result.Fault == nil || result.Fault.Reason != catalogue.Opened {
		return result
	}
	s.Catalogues.tenants.Store(c.Tenant, true)
	c.Steps = steps(true)
	return s.Submit(ctx, c)
}

// Catalogue implements oms.v1.CatalogueService.
type Catalogue struct {
	omsv1.UnimplementedCatalogueServiceServer
	*Environment
}

// PutPrice implements the contract.
func (s *Catalogue) PutPrice(ctx context.Context, request *omsv1.PutPriceRequest) (*omsv1.PutPriceResponse, error) {
	answer, err := do[*omsv1.CatalogueItem](ctx, s.Environment, catalogue.Put{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant,
		Entry: catalogue.Entry{
			SKU: request.Sku, Currency: request.Price.GetCurrency(), AmountMinor: request.Price.GetAmountMinor(),
		},
		ExpectedVersion: request.ExpectedVersion,
	})
	return &omsv1.PutPriceResponse{Item: answer}, err
}

// GetPrice implements the contract.
func (s *Catalogue) GetPrice(ctx context.Context, request *omsv1.GetPriceRequest) (*omsv1.GetPriceResponse, error) {
	found, err := s.View.PricesOf(ctx, edge.ScopeOf(ctx).Caller.Tenant, []string{request.Sku})
	switch {
	case err != nil:
		return nil, unavailable(err)
	case len(found) == 0:
		return nil, fault.NotFoundf("price of sku", request.Sku)
	}
	return &omsv1.GetPriceResponse{Item: wire.Price(found[0])}, nil
}

// ListPrices implements the contract.
func (s *Catalogue) ListPrices(ctx context.Context, request *omsv1.ListPricesRequest) (*omsv1.ListPricesResponse, error) {
	caller, limit, after := edge.ScopeOf(ctx).Caller, int(request.PageSize), ""
	if limit == 0 {
		limit = defaultPage
	}
	binding := []string{"prices", caller.Tenant, caller.Principal}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		after = position
	}
	prices, err := s.View.Prices(ctx, caller.Tenant, after, limit+1)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListPricesResponse{}
	if len(prices) > limit {
		prices = prices[:limit]
		response.NextPageToken = s.Sealer.Seal(prices[limit-1].SKU, binding...)
	}
	for _, price := range prices {
		response.Items = append(response.Items, wire.Price(price))
	}
	return response, nil
}

// DeletePrice implements the contract.
func (s *Catalogue) DeletePrice(ctx context.Context, request *omsv1.DeletePriceRequest) (*omsv1.DeletePriceResponse, error) {
	answer, err := do[*omsv1.CatalogueItem](ctx, s.Environment, catalogue.Withdraw{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant, SKU: request.Sku, ExpectedVersion: request.ExpectedVersion,
	})
	return &omsv1.DeletePriceResponse{Item: answer}, err
}

// ImportPrices implements the contract.
func (s *Catalogue) ImportPrices(ctx context.Context, request *omsv1.ImportPricesRequest) (*omsv1.ImportPricesResponse, error) {
	entries, refused := catalogue.ReadCSV(request.Csv)
	if refused != nil {
		return nil, refused
	}
	c := prepare(ctx)
	c.Steps = []command.Step{command.Do(catalogue.Import{Tenant: c.Tenant, Entries: entries})}
	answer, err := submit(ctx, s.Environment, c, &omsv1.ImportPricesResponse{})
	if err != nil {
		return nil, err
	}
	answer.Prices = int32(len(entries)) //nolint:gosec // at most catalogue.ImportLimit
	return answer, nil
}
